//! Switched shunts: a voltage outside the band for the delay switches one step, one shunt of a bus at a time. A capacitor that was
//! switched out has to discharge before it may come back.
//!
//! Sources: IEEE C37.99, mechanically switched banks: five minutes between opening and closing again; time delays of some tens of
//! seconds are practice.

use std::sync::Arc;

use powerflow::network::ShuntControl;
use powerflow::{BusStatus, Index, Network, State};
use scenarios::Moment;

use super::outside;
use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, Timers, seconds_between};

/// Settings of every switched shunt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// From leaving the band to a step, s.
    pub delay_s: f64,
    /// From a step down to the next step up, s.
    pub rest_s: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { delay_s: 45.0, rest_s: 300.0 }
    }
}

/// The switched shunts of a network: those of its controls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elements {
    /// How they are set.
    pub settings: Settings,
}

impl Elements {
    /// These shunts, at rest.
    pub fn switches(self: &Arc<Self>) -> Switches {
        Switches {
            elements: Arc::clone(self),
            timers: Timers::default(),
            lowered: Vec::new(),
            wanted: Vec::new(),
        }
    }
}

/// The switched shunts of one grid.
#[derive(Clone, Debug)]
pub struct Switches {
    elements: Arc<Elements>,
    timers: Timers,
    /// Controls that were stepped down last, ascending, and when.
    lowered: Vec<(u32, Moment)>,
    /// What those that have picked up would do, ascending by number.
    wanted: Vec<(u32, Operation)>,
}

/// The step with the next larger or smaller susceptance; `None` where there is none.
fn next_step(network: &Network, state: &State, control: &ShuntControl, up: bool) -> Option<u32> {
    let steps = &network.shunts.steps_pu[control.shunt];
    let now = *steps.get(state.shunt_step[control.shunt] as usize)?;
    let further = |b: f64| if up { b > now } else { b < now };
    let nearest = (0u32..).zip(steps).filter(|(_, b)| further(**b));
    nearest.min_by(|a, b| (a.1 - now).abs().total_cmp(&(b.1 - now).abs())).map(|(step, _)| step)
}

impl Device for Switches {
    fn look(&mut self, seen: &Seen<'_>) {
        self.wanted.clear();
        let settings = self.elements.settings;
        let mut served: Vec<usize> = Vec::new();
        let mut picked = Vec::new();
        for (number, control) in (0u32..).zip(&seen.network.controls.shunts) {
            let own = seen.network.shunts.bus[control.shunt];
            let Some(vm_pu) = seen.solution.vm_pu(control.bus) else { continue };
            let Some(wanted) = outside(vm_pu, control.band_pu) else { continue };
            if seen.solution.status[own] != BusStatus::Live || served.contains(&control.bus.row()) {
                continue;
            }
            let up = wanted > 0.0;
            let Some(to) = next_step(seen.network, seen.state, control, up) else { continue };
            served.push(control.bus.row());
            let last = self.lowered.binary_search_by_key(&number, |(number, _)| *number).ok();
            let rest_s = match last.filter(|_| up) {
                Some(at) => settings.rest_s - seconds_between(self.lowered[at].1, seen.now),
                None => 0.0,
            };
            let key = 2 * number + u32::from(up);
            let limit = if up { control.band_pu.0 } else { control.band_pu.1 };
            picked.push((key, settings.delay_s.max(rest_s), vm_pu));
            let act = Act::ShuntStep(control.shunt, to);
            let cause = Cause::ShuntSwitching;
            self.wanted.push((key, Operation { act, cause, value: Some(vm_pu), limit: Some(limit) }));
        }
        self.timers.pick_up(seen.now, picked.into_iter());
    }

    fn next(&self) -> Option<Moment> {
        self.timers.next()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let Switches { timers, wanted, lowered, .. } = self;
        timers.due(now, |timer| {
            let Ok(at) = wanted.binary_search_by_key(&timer.key, |(key, _)| *key) else { return };
            let number = timer.key / 2;
            if timer.key % 2 == 0 {
                match lowered.binary_search_by_key(&number, |(number, _)| *number) {
                    Ok(at) => lowered[at].1 = now,
                    Err(at) => lowered.insert(at, (number, now)),
                }
            }
            asked.push(wanted[at].1);
        });
    }
}
