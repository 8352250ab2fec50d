//! On-load tap changers: a voltage outside the deadband for half a minute moves the tap by one position, and while it stays outside
//! every few seconds by another one. One that comes back inside, or leaves on the other side, starts anew.
//!
//! Source: T. Van Cutsem, C. Vournas, Voltage Stability of Electric Power Systems, Kluwer, 1998, section 4.4: a constant delay of some
//! tens of seconds to the first position and of some seconds between the following ones; the band is larger than what a position does.

use std::sync::Arc;

use powerflow::network::TapControl;
use powerflow::{BusStatus, Network};
use scenarios::Moment;

use super::outside;
use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, Timers};

/// Settings of every tap changer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// To the first position, s: 30 to 60.
    pub first_s: f64,
    /// Between the following ones, s: 5 to 10.
    pub next_s: f64,
}

impl Default for Settings {
    /// The quick end of the usual ranges.
    fn default() -> Self {
        Settings { first_s: 30.0, next_s: 5.0 }
    }
}

/// A band is at least so many positions wide, or the tap would hunt between two of them.
const BAND_POSITIONS: f64 = 1.5;

/// Within this share of a position a ratio is on it: ratios in files are rounded.
const ON_POSITION: f64 = 1e-6;

/// One tap changer.
#[derive(Clone, Debug, PartialEq)]
struct Changer {
    control: TapControl,
    /// The deadband, pu.
    band_pu: (f64, f64),
}

/// The tap changers of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    changers: Vec<Changer>,
}

impl Elements {
    /// The transformers that the file controls.
    pub fn new(network: &Network, settings: Settings) -> Self {
        let changer = |control: &TapControl| {
            let (low, high) = control.band_pu;
            // A position of the ratio moves a voltage near one pu by about as much.
            let half = (0.5 * (high - low)).max(0.5 * BAND_POSITIONS * position(control));
            let middle = 0.5 * (low + high);
            Changer { control: control.clone(), band_pu: (middle - half, middle + half) }
        };
        Elements { settings, changers: network.controls.taps.iter().map(changer).collect() }
    }

    /// These tap changers, at rest.
    pub fn changers(self: &Arc<Self>) -> TapChangers {
        TapChangers {
            moving: vec![None; self.changers.len()],
            elements: Arc::clone(self),
            timers: Timers::default(),
            wanted: Vec::new(),
        }
    }
}

/// The tap changers of one grid.
#[derive(Clone, Debug)]
pub struct TapChangers {
    elements: Arc<Elements>,
    timers: Timers,
    /// Which way each has moved since its voltage left the band.
    moving: Vec<Option<bool>>,
    /// What those that have picked up would do, ascending by number.
    wanted: Vec<(u32, Operation)>,
}

/// Distance of two positions.
fn position(control: &TapControl) -> f64 {
    let (low, high, positions) = control.range;
    (high - low) / f64::from(positions.max(2) - 1)
}

/// The ratio one position higher or lower; `None` at the end of the range. A ratio between two positions moves to the next of them.
fn moved(control: &TapControl, ratio: f64, up: bool) -> Option<f64> {
    let (low, _, count) = control.range;
    let step = position(control);
    if !(step > 0.0) {
        return None;
    }
    let now = (ratio - low) / step;
    let to = if up { (now + ON_POSITION).floor() + 1.0 } else { (now - ON_POSITION).ceil() - 1.0 };
    let to = to.clamp(0.0, f64::from(count.max(2) - 1));
    let further = if up { to > now + ON_POSITION } else { to < now - ON_POSITION };
    further.then(|| step.mul_add(to, low))
}

impl Device for TapChangers {
    fn look(&mut self, seen: &Seen<'_>) {
        self.wanted.clear();
        let Elements { settings, changers } = self.elements.as_ref();
        let live = |bus| seen.solution.status[bus] == BusStatus::Live;
        let mut picked = Vec::new();
        for ((number, changer), moving) in (0u32..).zip(changers).zip(&mut self.moving) {
            let control = &changer.control;
            let ends = [seen.network.branches.from[control.branch], seen.network.branches.to[control.branch]];
            let works = seen.state.branch_on[control.branch] && ends.into_iter().all(live);
            let vm_pu = seen.solution.vm_pu(control.bus).filter(|_| works);
            let Some((vm_pu, wanted)) = vm_pu.and_then(|v| Some((v, outside(v, changer.band_pu)?))) else {
                *moving = None;
                continue;
            };
            let up = (wanted > 0.0) == control.raises;
            if *moving != Some(up) {
                *moving = None;
            }
            let Some(to) = moved(control, seen.state.tap_ratio[control.branch], up) else { continue };
            let delay_s = if moving.is_some() { settings.next_s } else { settings.first_s };
            let key = 2 * number + u32::from(up);
            let limit = if wanted > 0.0 { changer.band_pu.0 } else { changer.band_pu.1 };
            let act = Act::Tap(control.branch, to);
            picked.push((key, delay_s, vm_pu));
            self.wanted.push((
                key,
                Operation { act, cause: Cause::TapChanger, value: Some(vm_pu), limit: Some(limit) },
            ));
        }
        self.timers.pick_up(seen.now, picked.into_iter());
    }

    fn next(&self) -> Option<Moment> {
        self.timers.next()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let TapChangers { timers, wanted, moving, .. } = self;
        timers.due(now, |timer| {
            let Ok(at) = wanted.binary_search_by_key(&timer.key, |(key, _)| *key) else { return };
            moving[timer.key as usize / 2] = Some(timer.key % 2 == 1);
            asked.push(wanted[at].1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use powerflow::{BranchIdx, BusIdx, Index};

    #[test]
    fn a_tap_moves_one_position_and_stays_in_its_range() {
        let control = TapControl {
            branch: BranchIdx::from_row(0),
            bus: BusIdx::from_row(0),
            band_pu: (0.99, 1.01),
            raises: false,
            range: (0.9, 1.1, 21),
        };
        let close = |to: Option<f64>, wanted: f64| assert!((to.expect("a move") - wanted).abs() < 1e-12);
        close(moved(&control, 1.0, true), 1.01);
        close(moved(&control, 1.0, false), 0.99);
        close(moved(&control, 1.004, true), 1.01);
        close(moved(&control, 1.004, false), 1.0);
        close(moved(&control, 1.2, false), 1.1);
        assert_eq!((moved(&control, 1.1, true), moved(&control, 0.9, false)), (None, None));
        assert_eq!(moved(&TapControl { range: (1.0, 1.0, 5), ..control }, 1.0, true), None);
    }
}
