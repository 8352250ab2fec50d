//! Overload relays of branches: inverse-time, definite-time and integral elements on current, as a load-responsive phase
//! relay sees it.
//!
//! The pick-up is never meant for normal overloads: NERC PRC-023 (criterion 1) wants a relay that does not operate at or below
//! 150 % of the highest seasonal rating at 0.85 pu voltage. Between the rating and the pick-up lines sag or are switched by
//! people; they do not trip.

use std::sync::Arc;

use powerflow::{BranchIdx, BusIdx, Network};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::gate::percent;
use crate::grid::device::{Act, Device, Operation, Seen, after, seconds_between};

/// When a relay that has picked up operates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// `time_dial (a / (M^n - 1) + b)` s, with M the current as a multiple of the pick-up. Source: IEEE Std C37.112.
    Inverse {
        /// A, s.
        a_s: f64,
        /// B, s.
        b_s: f64,
        /// Exponent n.
        exponent: f64,
        /// Time dial TD.
        time_dial: f64,
    },
    /// After a fixed time above the pick-up.
    Definite {
        /// That time, s.
        delay_s: f64,
    },
    /// When the excess over the pick-up, integrated over time, reaches `overload` times the pick-up for `seconds`; it cools
    /// down in proportion to what is unused. Source: M. Eppstein, P. Hines, IEEE Trans. Power Systems 27(3), 2012: 50 % for
    /// 15 s.
    Integral {
        /// Share of the pick-up.
        overload: f64,
        /// For so long, s.
        seconds: f64,
    },
}

impl Curve {
    /// Moderately inverse, time dial 1. IEEE Std C37.112, table 1.
    pub const MODERATELY_INVERSE: Curve =
        Curve::Inverse { a_s: 0.0515, b_s: 0.1140, exponent: 0.02, time_dial: 1.0 };
    /// Very inverse, time dial 1. IEEE Std C37.112, table 1.
    pub const VERY_INVERSE: Curve = Curve::Inverse { a_s: 19.61, b_s: 0.491, exponent: 2.0, time_dial: 1.0 };
    /// Extremely inverse, time dial 1. IEEE Std C37.112, table 1.
    pub const EXTREMELY_INVERSE: Curve =
        Curve::Inverse { a_s: 28.2, b_s: 0.1217, exponent: 2.0, time_dial: 1.0 };

    /// How fast the relay travels towards operation at this multiple of its pick-up, 1/s; negative where it goes back.
    fn speed(self, multiple: f64) -> f64 {
        match self {
            Curve::Inverse { a_s, b_s, exponent, time_dial } => {
                let power = if exponent == 2.0 { multiple * multiple } else { libm::pow(multiple, exponent) };
                1.0 / (time_dial * (a_s / (power - 1.0) + b_s))
            }
            // Infinite without delay: such a relay operates in the moment in which it picks up.
            Curve::Definite { delay_s } => 1.0 / delay_s,
            Curve::Integral { overload, seconds } => (multiple - 1.0) / (overload * seconds),
        }
    }

    /// When it operates, in words.
    pub fn in_words(self) -> String {
        match self {
            Curve::Inverse { a_s, b_s, exponent, time_dial } => {
                format!("after {time_dial} x ({a_s} / (M^{exponent} - 1) + {b_s}) s, M times the pick-up")
            }
            Curve::Definite { delay_s } => format!("after {delay_s} s"),
            Curve::Integral { overload, seconds } => {
                format!("after an excess of {} for {seconds} s, or as much in all", percent(overload))
            }
        }
    }

    /// Whether a relay below its pick-up goes back slowly rather than at once.
    fn cools(self) -> bool {
        matches!(self, Curve::Integral { .. })
    }
}

/// Settings of all overload relays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Pick-up as a multiple of the rating, on current at 1 pu voltage.
    pub pickup: f64,
    /// When it operates.
    pub curve: Curve,
}

impl Default for Settings {
    fn default() -> Self {
        // The loadability floor of PRC-023 on the long-term rating; very inverse with a time dial of one is ours.
        Settings { pickup: 1.5, curve: Curve::VERY_INVERSE }
    }
}

/// The relay of one branch.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Element {
    branch: BranchIdx,
    from: BusIdx,
    to: BusIdx,
    /// Pick-up current, pu.
    pickup_pu: f64,
}

/// The relays of a network: one for every branch with a rating.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    all: Vec<Element>,
    base_mva: f64,
    /// Relays, ascending by number, that had picked up before anything happened: they wait until they have dropped out once.
    blocked: Vec<u32>,
}

impl Elements {
    /// The relays of a network, none blocked.
    pub fn new(network: &Network, settings: Settings) -> Self {
        let branches = &network.branches;
        let element = |(branch, rating): (BranchIdx, &Option<f64>)| {
            rating.filter(|rating| *rating > 0.0).map(|rating| Element {
                branch,
                from: branches.from[branch],
                to: branches.to[branch],
                pickup_pu: settings.pickup * rating,
            })
        };
        let all = branches.rating_pu.iter().filter_map(element).collect();
        Elements { settings, all, base_mva: network.base.from_pu(1.0), blocked: Vec::new() }
    }

    /// Blocks what has picked up in a state, and names it.
    pub fn block(&mut self, seen: &Seen<'_>) -> Vec<BranchIdx> {
        let picked = |(number, element): (usize, &Element)| {
            (element.current_squared(seen) > element.pickup_pu * element.pickup_pu).then_some(number as u32)
        };
        self.blocked = self.all.iter().enumerate().filter_map(picked).collect();
        self.blocked.iter().map(|number| self.all[*number as usize].branch).collect()
    }

    /// These relays, at rest.
    pub fn relays(self: &Arc<Self>) -> Overload {
        Overload {
            blocked: self.blocked.clone(),
            elements: Arc::clone(self),
            travelling: Vec::new(),
            before: Vec::new(),
        }
    }
}

impl Element {
    /// Square of the larger current of both ends, pu; zero where it is out or dead.
    fn current_squared(&self, seen: &Seen<'_>) -> f64 {
        let flows = seen.flows;
        let end = |p: f64, q: f64, bus: BusIdx| {
            let power = p * p + q * q;
            match seen.solution.voltage(bus) {
                Some(v) if power > 0.0 => power / (v.re * v.re + v.im * v.im),
                _ => 0.0,
            }
        };
        let from = end(flows.p_from_pu[self.branch], flows.q_from_pu[self.branch], self.from);
        from.max(end(flows.p_to_pu[self.branch], flows.q_to_pu[self.branch], self.to))
    }
}

/// A relay on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Travelling {
    number: u32,
    /// How far it has come: it operates at one.
    travel: f64,
    /// When it was there.
    since: Moment,
    /// Towards operation, 1/s.
    speed: f64,
    /// When it operates at this speed.
    due: Moment,
    /// Its current, pu.
    current_pu: f64,
}

/// The overload relays of one grid.
#[derive(Clone, Debug)]
pub struct Overload {
    elements: Arc<Elements>,
    /// Ascending by number.
    travelling: Vec<Travelling>,
    before: Vec<Travelling>,
    blocked: Vec<u32>,
}

impl Device for Overload {
    fn look(&mut self, seen: &Seen<'_>) {
        std::mem::swap(&mut self.travelling, &mut self.before);
        self.travelling.clear();
        let curve = self.elements.settings.curve;
        let mut before = self.before.iter().peekable();
        for (number, element) in (0u32..).zip(&self.elements.all) {
            let known = before.next_if(|relay| relay.number == number);
            let squared = element.current_squared(seen);
            let picked = squared > element.pickup_pu * element.pickup_pu;
            if !self.blocked.is_empty()
                && let Ok(at) = self.blocked.binary_search(&number)
            {
                if picked {
                    continue;
                }
                self.blocked.remove(at);
            }
            if !picked && (known.is_none() || !curve.cools()) {
                continue;
            }
            let travel = known.map_or(0.0, |relay| {
                let passed_s = seconds_between(relay.since, seen.now);
                let further = if passed_s > 0.0 { relay.speed * passed_s } else { 0.0 };
                (relay.travel + further).clamp(0.0, 1.0)
            });
            let gone = !seen.state.branch_on[element.branch];
            if gone || (!picked && travel <= 0.0) {
                continue;
            }
            let current_pu = squared.sqrt();
            let speed = curve.speed(current_pu / element.pickup_pu);
            let due = if speed > 0.0 { after(seen.now, (1.0 - travel) / speed) } else { Moment(u64::MAX) };
            self.travelling.push(Travelling { number, travel, since: seen.now, speed, due, current_pu });
        }
    }

    fn next(&self) -> Option<Moment> {
        self.travelling.iter().map(|relay| relay.due).min()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let elements = &self.elements;
        self.travelling.retain(|relay| {
            let waits = relay.due > now;
            if !waits {
                let element = &elements.all[relay.number as usize];
                asked.push(Operation {
                    act: Act::Open(element.branch),
                    cause: Cause::Overload,
                    // Currents as MVA at 1 pu voltage, so that people can compare them with a rating.
                    value: Some(relay.current_pu * elements.base_mva),
                    limit: Some(element.pickup_pu * elements.base_mva),
                });
            }
            waits
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand from C37.112: M = 2 and 4, time dial 1.
    #[test]
    fn operating_times_are_those_of_the_standard() {
        for (curve, multiple, expected_s) in [
            (Curve::VERY_INVERSE, 2.0, 19.61 / 3.0 + 0.491),
            (Curve::VERY_INVERSE, 4.0, 19.61 / 15.0 + 0.491),
            (Curve::EXTREMELY_INVERSE, 2.0, 28.2 / 3.0 + 0.1217),
            // 2^0.02 = 1.0139594797900292
            (Curve::MODERATELY_INVERSE, 2.0, 0.0515 / 0.013_959_479_790_029_2 + 0.1140),
            (Curve::Definite { delay_s: 3.0 }, 1.01, 3.0),
            // Half a pick-up of excess: 15 s at 50 %, 5 s at 150 %.
            (Curve::Integral { overload: 0.5, seconds: 15.0 }, 1.5, 15.0),
            (Curve::Integral { overload: 0.5, seconds: 15.0 }, 2.5, 5.0),
        ] {
            let time_s = 1.0 / curve.speed(multiple);
            assert!((time_s - expected_s).abs() < 1e-9 * expected_s, "{curve:?} {multiple}: {time_s}");
        }
    }

    #[test]
    fn only_an_integral_relay_goes_back_slowly() {
        let integral = Curve::Integral { overload: 0.5, seconds: 15.0 };
        // At 40 % of its pick-up it loses 0.6 / 7.5 of its way each second.
        assert!((integral.speed(0.4) + 0.08).abs() < 1e-15);
        assert!(integral.cools() && !Curve::VERY_INVERSE.cools());
    }
}
