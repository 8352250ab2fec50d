//! Transformers that keep a voltage in its band by their tap: several positions a pass, towards the middle of the band, by
//! the gain that a power flow with the transformer alone one position away shows.
//!
//! Sources: PSS/E's discrete tap adjustment (a band, equal steps between two ratios); OpenLoadFlow's incremental
//! transformer voltage control (towards the target by exact sensitivities, at most three positions a pass, bounded turning back).

use crate::control::steps::{Memory, outside};
use crate::control::{ControlConfig, Element, Left, LeftReason, Proposal};
use crate::index::Index;
use crate::network::{Network, TapControl};
use crate::problem::Problem;
use crate::solution::Solution;
use crate::state::State;

/// The loop over taps.
#[derive(Clone, Debug)]
pub(super) struct Taps {
    memory: Vec<Memory>,
    reversals_max: u8,
    positions_max: u32,
}

impl Taps {
    /// A loop over the first `count` controls of the network: all, or none.
    pub(super) fn new(count: usize, control: &ControlConfig) -> Self {
        Taps {
            memory: vec![Memory::default(); count],
            reversals_max: control.reversals_max,
            positions_max: control.tap_positions_max.max(1),
        }
    }

    /// Moves of one position that show what transformers outside their bands can do; none where that is known.
    pub(super) fn probes(&self, network: &Network, state: &State, solution: &Solution) -> Vec<Proposal> {
        let controls = self.memory.iter().zip(&network.controls.taps);
        controls
            .filter(|(memory, control)| memory.gain.is_none() && acts(memory, network, state, control))
            .filter_map(|(_, control)| {
                let voltage = solution.vm_pu(control.bus)?;
                let wanted = outside(voltage, control.band_pu)?;
                let ratio = state.tap_ratio[control.branch];
                let forth = (wanted * guess(control, voltage, ratio)).signum();
                let tried = [forth, -forth].map(|positions| moved(control, ratio, positions));
                let to = tried.into_iter().find(|to| *to != ratio)?;
                Some(Proposal { element: Element::Tap(control.branch), to })
            })
            .collect()
    }

    /// Takes what a probe did: the voltage that it led to, where it had a solution.
    pub(super) fn learn(
        &mut self,
        network: &Network,
        state: &State,
        before: &Solution,
        probe: Proposal,
        after: Option<&Solution>,
    ) {
        for (memory, control) in self.memory.iter_mut().zip(&network.controls.taps) {
            if probe.element != Element::Tap(control.branch) {
                continue;
            }
            let Some(voltage) = before.vm_pu(control.bus) else { continue };
            let ratio = state.tap_ratio[control.branch];
            let change = after.and_then(|after| after.vm_pu(control.bus)).map(|v| v - voltage);
            memory.learn(probe.to - ratio, change, guess(control, voltage, ratio));
        }
    }

    /// The moves that bring voltages towards their bands.
    pub(super) fn propose(&mut self, network: &Network, state: &State, solution: &Solution) -> Vec<Proposal> {
        let controls = &network.controls.taps;
        // Several transformers that hold one voltage share what there is to do.
        let mut sharing = vec![0u32; network.buses.id.len()];
        for (memory, control) in self.memory.iter().zip(controls) {
            if acts(memory, network, state, control) {
                sharing[control.bus.row()] += 1;
            }
        }
        let mut proposals = Vec::new();
        for (memory, control) in self.memory.iter_mut().zip(controls) {
            memory.stuck = None;
            let Some(voltage) = solution.vm_pu(control.bus) else { continue };
            let ratio = state.tap_ratio[control.branch];
            let Some(wanted) = outside(voltage, control.band_pu) else { continue };
            if !Problem::branch_live(network, state, control.branch) {
                continue;
            }
            memory.stuck = Some(LeftReason::NoPosition);
            if memory.blocked.is_some() {
                continue;
            }
            let shared = wanted / f64::from(sharing[control.bus.row()].max(1));
            let step = step_of(control);
            let positions = shared / (memory.gain.unwrap_or(guess(control, voltage, ratio)) * step);
            let most = f64::from(self.positions_max);
            let positions = positions.round().clamp(-most, most);
            if positions == 0.0 {
                continue;
            }
            let to = moved(control, ratio, positions);
            if to == ratio {
                memory.stuck = Some(LeftReason::EndOfRange);
                continue;
            }
            if memory.may_move(if to > ratio { 1 } else { -1 }, self.reversals_max) {
                proposals.push(Proposal { element: Element::Tap(control.branch), to });
            }
        }
        proposals
    }

    /// An element whose move had no solution moves no more.
    pub(super) fn block(&mut self, network: &Network, element: Element) {
        for (memory, control) in self.memory.iter_mut().zip(&network.controls.taps) {
            if element == Element::Tap(control.branch) {
                memory.blocked = Some(LeftReason::NoSolution);
            }
        }
    }

    /// Those that are not content.
    pub(super) fn left(&self, network: &Network) -> Vec<Left> {
        let controls = self.memory.iter().zip(&network.controls.taps);
        controls
            .filter_map(|(memory, control)| {
                Some(Left { element: Element::Tap(control.branch), reason: memory.left()? })
            })
            .collect()
    }
}

fn acts(memory: &Memory, network: &Network, state: &State, control: &TapControl) -> bool {
    memory.blocked.is_none() && Problem::branch_live(network, state, control.branch)
}

/// Change of the voltage per change of the ratio behind a stiff grid.
fn guess(control: &TapControl, voltage: f64, ratio: f64) -> f64 {
    if control.raises { voltage / ratio } else { -voltage / ratio }
}

/// Distance of two positions.
fn step_of(control: &TapControl) -> f64 {
    let (low, high, positions) = control.range;
    (high - low) / f64::from(positions.max(2) - 1)
}

/// The ratio some positions away, within the range. A ratio between two positions moves to the nearer of them first, in
/// the direction of the move.
fn moved(control: &TapControl, ratio: f64, positions: f64) -> f64 {
    const ROUNDING: f64 = 1e-6;
    let (low, _, count) = control.range;
    let step = step_of(control);
    let now = (ratio - low) / step;
    let on = now.round();
    let start = match (now - on).abs() < ROUNDING {
        true => on,
        false if positions > 0.0 => now.floor(),
        false => now.ceil(),
    };
    let last = f64::from(count.max(2) - 1);
    let to = (start + positions).clamp(0.0, last);
    if (to - now).abs() < ROUNDING { ratio } else { step.mul_add(to, low) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{BranchIdx, BusIdx};

    fn control(range: (f64, f64, u32)) -> TapControl {
        TapControl {
            branch: BranchIdx::from_row(0),
            bus: BusIdx::from_row(0),
            band_pu: (0.99, 1.01),
            raises: false,
            range,
        }
    }

    #[test]
    fn positions_are_counted_from_the_lowest_ratio_and_end_with_the_range() {
        let control = control((0.9, 1.1, 21));
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(moved(&control, 1.0, 2.0), 1.02);
        close(moved(&control, 1.0, -3.0), 0.97);
        close(moved(&control, 1.004, 1.0), 1.01);
        close(moved(&control, 1.004, -1.0), 1.0);
        close(moved(&control, 1.09, 3.0), 1.1);
        assert_eq!(moved(&control, 1.1, 3.0), 1.1);
        assert_eq!(moved(&control, 0.9, -1.0), 0.9);
    }
}
