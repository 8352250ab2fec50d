//! Conductors that heat up: a first-order temperature for every rated line, and a trip where it reaches a limit. Off unless a suite
//! asks for it.
//!
//! At a steady current the temperature settles at ambient plus the rise at rating times the square of the loading; after a step it
//! follows with one time constant. That is IEEE Std 738 linearised around the rating: weather and ageing are left out.

use std::sync::Arc;

use powerflow::{BranchIdx, BusIdx, Network};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, after, seconds_between};

/// Settings of all lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Temperature of the air, degrees C.
    pub ambient_c: f64,
    /// Temperature at which a conductor settles at its rating, degrees C.
    pub rated_c: f64,
    /// Temperature at which it trips, degrees C.
    pub trip_c: f64,
    /// Time constant, s.
    pub time_constant_s: f64,
}

impl Default for Settings {
    /// Summer rating of ACSR: 40 degrees of air, 75 of conductor; annealing begins near 100. Ten to fifteen minutes are the usual
    /// time constants of overhead conductors (IEEE Std 738, transient rating).
    fn default() -> Self {
        Settings { ambient_c: 40.0, rated_c: 75.0, trip_c: 100.0, time_constant_s: 600.0 }
    }
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Element {
    branch: BranchIdx,
    from: BusIdx,
    to: BusIdx,
    rating_pu: f64,
}

/// The lines of a network that have a rating.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    all: Vec<Element>,
    /// Places of lines that would not stay below the limit as they were before anything happened.
    blocked: Vec<u32>,
}

impl Elements {
    /// The lines of a network, none blocked.
    pub fn new(network: &Network, settings: Settings) -> Self {
        let branches = &network.branches;
        let lines = branches.from.indices().filter(|branch| !branches.transformer[*branch]);
        let element = |branch: BranchIdx| {
            let rating_pu = branches.rating_pu[branch].filter(|rating| *rating > 0.0)?;
            Some(Element { branch, from: branches.from[branch], to: branches.to[branch], rating_pu })
        };
        Elements { settings, all: lines.filter_map(element).collect(), blocked: Vec::new() }
    }

    /// Blocks what would trip in a state that lasts, and names it.
    pub fn block(&mut self, seen: &Seen<'_>) -> Vec<BranchIdx> {
        let hot = |(place, element): (usize, &Element)| {
            (self.settled_c(element, seen) > self.settings.trip_c).then_some(place as u32)
        };
        self.blocked = self.all.iter().enumerate().filter_map(hot).collect();
        self.blocked.iter().map(|place| self.all[*place as usize].branch).collect()
    }

    /// The temperature at which a line settles in a state, degrees C.
    fn settled_c(&self, element: &Element, seen: &Seen<'_>) -> f64 {
        let flows = seen.flows;
        let end = |p: f64, q: f64, bus: BusIdx| match seen.solution.voltage(bus) {
            Some(v) => (p * p + q * q) / (v.re * v.re + v.im * v.im),
            None => 0.0,
        };
        let branch = element.branch;
        let from = end(flows.p_from_pu[branch], flows.q_from_pu[branch], element.from);
        let squared = from.max(end(flows.p_to_pu[branch], flows.q_to_pu[branch], element.to));
        let Settings { ambient_c, rated_c, .. } = self.settings;
        (rated_c - ambient_c).mul_add(squared / (element.rating_pu * element.rating_pu), ambient_c)
    }

    /// These lines; their temperature is that of the first state seen.
    pub fn relays(self: &Arc<Self>) -> Thermal {
        Thermal { blocked: self.blocked.clone(), elements: Arc::clone(self), lines: Vec::new() }
    }
}

/// A line's temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    /// At `since`, degrees C.
    now_c: f64,
    /// Where it is going, degrees C.
    settled_c: f64,
    since: Moment,
    due: Moment,
}

/// The conductors of one grid.
#[derive(Clone, Debug)]
pub struct Thermal {
    elements: Arc<Elements>,
    /// By place; empty before the first look.
    lines: Vec<Line>,
    blocked: Vec<u32>,
}

impl Device for Thermal {
    fn look(&mut self, seen: &Seen<'_>) {
        let Thermal { elements, lines, blocked } = self;
        let Settings { trip_c, time_constant_s, .. } = elements.settings;
        let first = lines.is_empty();
        for (place, element) in elements.all.iter().enumerate() {
            let settled_c = elements.settled_c(element, seen);
            let now_c = if first {
                settled_c
            } else {
                let line = &lines[place];
                let left = libm::exp(-seconds_between(line.since, seen.now) / time_constant_s);
                (line.now_c - line.settled_c).mul_add(left, line.settled_c)
            };
            let mut due = Moment(u64::MAX);
            if settled_c > trip_c && seen.state.branch_on[element.branch] {
                let left = (settled_c - now_c) / (settled_c - trip_c);
                due = after(seen.now, (time_constant_s * libm::log(left)).max(0.0));
            }
            if !blocked.is_empty()
                && let Ok(at) = blocked.binary_search(&(place as u32))
            {
                if settled_c > trip_c {
                    due = Moment(u64::MAX);
                } else {
                    blocked.remove(at);
                }
            }
            let line = Line { now_c, settled_c, since: seen.now, due };
            if first {
                lines.push(line);
            } else {
                lines[place] = line;
            }
        }
    }

    fn next(&self) -> Option<Moment> {
        self.lines.iter().map(|line| line.due).min().filter(|due| due.0 < u64::MAX)
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let limit = self.elements.settings.trip_c;
        for (line, element) in self.lines.iter_mut().zip(&self.elements.all) {
            if line.due <= now {
                line.due = Moment(u64::MAX);
                asked.push(Operation {
                    act: Act::Open(element.branch),
                    cause: Cause::Thermal,
                    value: Some(limit.max(line.now_c)),
                    limit: Some(limit),
                });
            }
        }
    }
}
