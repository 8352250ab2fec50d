//! Switched shunts that keep a voltage in its band by their step. A bus moves one shunt at a pass: the first in the file that
//! can go on in the right direction, by as many steps as the voltage needs, at most three: by the gain that a power flow with the
//! shunt alone one step away shows.
//!
//! Sources: PSS/E Data Formats, Switched Shunt Data, mode 1; OpenLoadFlow's incremental shunt voltage control.

use crate::control::steps::{Memory, outside};
use crate::control::{ControlConfig, Element, Left, LeftReason, Proposal};
use crate::index::Index;
use crate::network::{Network, ShuntControl};
use crate::solution::Solution;
use crate::state::State;

/// Steps that a shunt moves at most in one pass.
const STEPS_MAX: usize = 3;

/// What one pu of susceptance moves a voltage by where a probe has no solution: about the reactance that feeds its bus, pu.
const FEEDING_X_PU: f64 = 0.1;

/// The loop over shunts.
#[derive(Clone, Debug)]
pub(super) struct Shunts {
    memory: Vec<Memory>,
    reversals_max: u8,
}

impl Shunts {
    /// A loop over the first `count` controls of the network: all, or none.
    pub(super) fn new(count: usize, control: &ControlConfig) -> Self {
        Shunts { memory: vec![Memory::default(); count], reversals_max: control.reversals_max }
    }

    /// Moves of one step that show what shunts outside their bands can do; none where that is known.
    pub(super) fn probes(&self, network: &Network, state: &State, solution: &Solution) -> Vec<Proposal> {
        let controls = self.memory.iter().zip(&network.controls.shunts);
        controls
            .filter(|(memory, _)| memory.gain.is_none() && memory.blocked.is_none())
            .filter_map(|(_, control)| {
                let wanted = outside(solution.vm_pu(control.bus)?, control.band_pu)?;
                let (order, at) = ladder(network, state, control);
                let next = if wanted > 0.0 { at.checked_add(1) } else { at.checked_sub(1) };
                let to = f64::from(*order.get(next?)?);
                Some(Proposal { element: Element::Shunt(control.shunt), to })
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
        for (memory, control) in self.memory.iter_mut().zip(&network.controls.shunts) {
            if probe.element != Element::Shunt(control.shunt) {
                continue;
            }
            let Some(voltage) = before.vm_pu(control.bus) else { continue };
            let steps = &network.shunts.steps_pu[control.shunt];
            let change_pu = steps[probe.to as usize] - steps[state.shunt_step[control.shunt] as usize];
            let change = after.and_then(|after| after.vm_pu(control.bus)).map(|v| v - voltage);
            memory.learn(change_pu, change, FEEDING_X_PU);
        }
    }

    /// The moves that bring voltages towards their bands.
    pub(super) fn propose(&mut self, network: &Network, state: &State, solution: &Solution) -> Vec<Proposal> {
        let mut moves = vec![false; network.buses.id.len()];
        let mut proposals = Vec::new();
        for (memory, control) in self.memory.iter_mut().zip(&network.controls.shunts) {
            memory.stuck = None;
            let Some(voltage) = solution.vm_pu(control.bus) else { continue };
            let (order, at) = ladder(network, state, control);
            let susceptance = |at: usize| network.shunts.steps_pu[control.shunt][order[at] as usize];
            let now = susceptance(at);
            let Some(wanted) = outside(voltage, control.band_pu) else { continue };
            memory.stuck = Some(LeftReason::NoPosition);
            if memory.blocked.is_some() || moves[control.bus.row()] {
                continue;
            }
            let up = wanted > 0.0;
            let reachable = if up {
                at + 1..order.len().min(at + STEPS_MAX + 1)
            } else {
                at.saturating_sub(STEPS_MAX)..at
            };
            if reachable.is_empty() {
                memory.stuck = Some(LeftReason::EndOfRange);
                continue;
            }
            let goal = now + wanted / memory.gain.unwrap_or(FEEDING_X_PU);
            let distance = |to: usize| (susceptance(to) - goal).abs();
            let next = reachable.fold(at, |best, to| if distance(to) < distance(best) { to } else { best });
            if next == at {
                continue;
            }
            if memory.may_move(if up { 1 } else { -1 }, self.reversals_max) {
                moves[control.bus.row()] = true;
                proposals
                    .push(Proposal { element: Element::Shunt(control.shunt), to: f64::from(order[next]) });
            }
        }
        proposals
    }

    /// An element whose move had no solution moves no more.
    pub(super) fn block(&mut self, network: &Network, element: Element) {
        for (memory, control) in self.memory.iter_mut().zip(&network.controls.shunts) {
            if element == Element::Shunt(control.shunt) {
                memory.blocked = Some(LeftReason::NoSolution);
            }
        }
    }

    /// Those that are not content.
    pub(super) fn left(&self, network: &Network) -> Vec<Left> {
        let controls = self.memory.iter().zip(&network.controls.shunts);
        controls
            .filter_map(|(memory, control)| {
                Some(Left { element: Element::Shunt(control.shunt), reason: memory.left()? })
            })
            .collect()
    }
}

/// The steps of a shunt by rising susceptance, and the place of its present one among them. Of steps with one susceptance
/// (out, and in with nothing switched) the present one counts, else the first.
fn ladder(network: &Network, state: &State, control: &ShuntControl) -> (Vec<u32>, usize) {
    let steps = &network.shunts.steps_pu[control.shunt];
    let present = state.shunt_step[control.shunt];
    let susceptance = |step: u32| steps[step as usize];
    let mut order: Vec<u32> = (0..steps.len() as u32).collect();
    order.sort_by(|a, b| {
        let (first, second) = ((*a != present, *a), (*b != present, *b));
        susceptance(*a).total_cmp(&susceptance(*b)).then(first.cmp(&second))
    });
    order.dedup_by(|a, b| susceptance(*a) == susceptance(*b));
    let at = order.iter().position(|step| *step == present).unwrap_or(0);
    (order, at)
}
