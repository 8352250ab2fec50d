//! Demand that depends on the voltage at once and recovers: `P = z P0 (V/V0)^a`, `T dz/dt = (V/V0)^s - z (V/V0)^a`, the same for Q.
//!
//! `a` is the exponent at once, `s` the one in the long run, T the time constant. V0 is the voltage of the undisturbed state, so that
//! the demand of the file is what it draws there. The equation is integrated exactly between looks, with the voltage of each stretch.
//!
//! Sources: the multiplicative generic load of T. Van Cutsem, C. Vournas, Voltage Stability of Electric Power Systems, Kluwer, 1998,
//! section 4.6; D. Karlsson, D. J. Hill, IEEE Trans. Power Systems 9(1), 1994.

use std::sync::Arc;

use powerflow::{BusIdx, Column, Network};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, after, seconds_between};

/// Settings of all demand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Exponents at once of active and reactive power.
    pub at_once: [f64; 2],
    /// Exponents in the long run.
    pub in_the_end: [f64; 2],
    /// Time constant of the recovery, s.
    pub recovery_s: f64,
    /// Between two updates while it recovers, s.
    pub update_s: f64,
}

impl Default for Settings {
    /// Constant current and constant admittance at once (IEEE Task Force on Load Representation, IEEE Trans. Power Systems 8(2), 1993),
    /// constant power in the end, 60 s.
    fn default() -> Self {
        Settings { at_once: [1.0, 2.0], in_the_end: [0.0, 0.0], recovery_s: 60.0, update_s: 10.0 }
    }
}

/// Multiples of the demand nearer than this are the same.
const SAME: f64 = 1e-4;

/// Updates without time between them, until the voltage that they are made with is taken as it is.
const PASSES: u32 = 12;

/// What is wanted falls with what is drawn by at most this: beyond it a grid has no operating point.
const STEEPEST: f64 = -10.0;

/// Demand draws at least this share of itself: a voltage near zero is no operating point, and no division by zero follows.
const FACTOR_MIN: f64 = 1e-3;

/// The demand of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    /// Voltage of each bus in the undisturbed state, pu.
    reference_pu: Column<BusIdx, f64>,
    /// Buses with demand, ascending.
    buses: Vec<BusIdx>,
}

impl Elements {
    /// The demand of a network; `base` is its undisturbed state. A bus that has no voltage there takes one pu as its own.
    pub fn new(network: &Network, settings: Settings, base: Option<&Seen<'_>>) -> Self {
        let reference = |bus| base.and_then(|base| base.solution.vm_pu(bus)).unwrap_or(1.0);
        let asks =
            |bus: &BusIdx| network.buses.demand_p_pu[*bus] != 0.0 || network.buses.demand_q_pu[*bus] != 0.0;
        Elements {
            settings,
            reference_pu: network.buses.id.indices().map(reference).collect(),
            buses: network.buses.id.indices().filter(asks).collect(),
        }
    }

    /// This demand, recovered.
    pub fn demand(self: &Arc<Self>) -> Recovering {
        let rest = Load { z: [1.0; 2], factor: [1.0; 2], voltage: 1.0, last: None };
        Recovering {
            loads: vec![rest; self.buses.len()],
            elements: Arc::clone(self),
            since: Moment(0),
            passes: 0,
            due: None,
        }
    }
}

/// The demand of one bus.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Load {
    /// What has recovered.
    z: [f64; 2],
    /// What it was last told to draw.
    factor: [f64; 2],
    /// Voltage over its reference in the stretch that began at the last look; zero where it has none.
    voltage: f64,
    /// What it drew and what it wanted to draw one update before, at the same moment.
    last: Option<([f64; 2], [f64; 2])>,
}

/// The demand of one grid.
#[derive(Clone, Debug)]
pub struct Recovering {
    elements: Arc<Elements>,
    loads: Vec<Load>,
    since: Moment,
    passes: u32,
    due: Option<Moment>,
}

/// What has recovered at a voltage that stays, after a share of the time constant.
fn recovered(z: f64, voltage: f64, at_once: f64, in_the_end: f64, share: f64) -> f64 {
    let rate = libm::pow(voltage, at_once);
    let end = libm::pow(voltage, in_the_end) / rate;
    (z - end).mul_add(libm::exp(-share * rate), end)
}

impl Load {
    fn wanted(&self, settings: &Settings) -> [f64; 2] {
        [0, 1].map(|k| (self.z[k] * libm::pow(self.voltage, settings.at_once[k])).max(FACTOR_MIN))
    }

    /// What it draws next, so that it draws what it wants at the voltage that follows: the secant through the last two updates of this
    /// moment. Simply drawing what is wanted swings near the limit of a grid, where less demand means much more voltage.
    fn next(&self, wanted: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|k| {
            let slope = match self.last {
                Some((drew, wants)) if (self.factor[k] - drew[k]).abs() > SAME => {
                    ((wanted[k] - wants[k]) / (self.factor[k] - drew[k])).clamp(STEEPEST, 0.0)
                }
                _ => 0.0,
            };
            ((wanted[k] - self.factor[k]) / (1.0 - slope) + self.factor[k]).max(FACTOR_MIN)
        })
    }

    fn differs(&self, wanted: [f64; 2]) -> bool {
        (0..2).any(|k| (wanted[k] - self.factor[k]).abs() > SAME)
    }

    /// Whether time alone will change what it draws.
    fn recovers(&self, settings: &Settings) -> bool {
        (0..2).any(|k| {
            let end = libm::pow(self.voltage, settings.in_the_end[k] - settings.at_once[k]);
            (self.z[k] - end).abs() > SAME
        })
    }
}

impl Device for Recovering {
    fn look(&mut self, seen: &Seen<'_>) {
        let Elements { settings, reference_pu, buses } = self.elements.as_ref();
        let share = seconds_between(self.since, seen.now) / settings.recovery_s;
        self.passes = if share > 0.0 { 0 } else { self.passes + 1 };
        self.since = seen.now;
        let (mut differs, mut recovers) = (false, false);
        for (bus, load) in buses.iter().zip(&mut self.loads) {
            if share > 0.0 {
                load.last = None;
            }
            if share > 0.0 && load.voltage > 0.0 {
                for k in 0..2 {
                    let (once, end) = (settings.at_once[k], settings.in_the_end[k]);
                    load.z[k] = recovered(load.z[k], load.voltage, once, end, share);
                }
            }
            load.voltage = seen.solution.vm_pu(*bus).map_or(0.0, |v| v / reference_pu[*bus]);
            if load.voltage > 0.0 {
                differs |= load.differs(load.wanted(settings));
                recovers |= load.recovers(settings);
            }
        }
        self.due = if differs && self.passes < PASSES {
            Some(seen.now)
        } else if recovers {
            Some(after(seen.now, settings.update_s))
        } else {
            None
        };
    }

    fn next(&self) -> Option<Moment> {
        self.due
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let Elements { settings, buses, .. } = self.elements.as_ref();
        self.due = None;
        let share = seconds_between(self.since, now) / settings.recovery_s;
        self.since = now;
        let before = asked.len();
        for (bus, load) in buses.iter().zip(&mut self.loads).filter(|(_, load)| load.voltage > 0.0) {
            for k in 0..2 {
                let (once, end) = (settings.at_once[k], settings.in_the_end[k]);
                load.z[k] = recovered(load.z[k], load.voltage, once, end, share);
            }
            let wanted = load.wanted(settings);
            if load.differs(wanted) {
                let next = load.next(wanted);
                load.last = Some((load.factor, wanted));
                load.factor = next;
                let (act, cause) = (Act::LoadFactor(*bus, next), Cause::LoadRecovery);
                asked.push(Operation { act, cause, value: Some(load.voltage), limit: None });
            }
        }
        // Nothing changed enough to be seen, so nobody will look: it goes on from here.
        if asked.len() == before && self.loads.iter().any(|l| l.voltage > 0.0 && l.recovers(settings)) {
            self.due = Some(after(now, settings.update_s));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At a constant voltage the equation has a closed form: after one time constant over the rate, 1 - 1/e of the way is gone.
    #[test]
    fn demand_recovers_along_an_exponential() {
        let (v, a, s) = (0.9, 1.0, 0.0);
        let end = 1.0 / v;
        let after_one = recovered(1.0, v, a, s, 1.0 / v);
        assert!((after_one - (end - (end - 1.0) * (-1.0f64).exp())).abs() < 1e-12);
        // In pieces as at once.
        let mut z = 1.0;
        for _ in 0..10 {
            z = recovered(z, v, a, s, 0.1 / v);
        }
        assert!((z - after_one).abs() < 1e-12);
        // Recovered, it draws what the exponent in the long run says.
        assert!((recovered(1.0, v, a, s, 100.0) * v - 1.0).abs() < 1e-12);
    }
}
