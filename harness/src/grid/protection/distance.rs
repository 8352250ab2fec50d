//! Zone-3 distance relays of lines: they see a heavily loaded line at low voltage as a far fault. Off unless a suite asks for them.

use std::sync::Arc;

use powerflow::{BranchIdx, BusIdx, Complex, Network};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, Timers};

/// Settings of all distance relays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Reach as a multiple of the line's own impedance: 2.2 to 2.5 is typical (cascade.md 5.1, from the literature).
    pub reach: f64,
    /// Time inside the circle before it operates, s.
    pub delay_s: f64,
    /// Multiple of the rating, on current, at or below which it must not operate (NERC PRC-023, criterion 1); lines without
    /// a rating have no such floor.
    pub floor: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { reach: 2.2, delay_s: 1.0, floor: 1.5 }
    }
}

/// The relays of one line, one at each end, both looking into it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Element {
    branch: BranchIdx,
    from: BusIdx,
    to: BusIdx,
    /// Centre of the mho circle through the origin, which is also its radius: half the reach, pu.
    centre: Complex,
    /// Square of the current below which it is blocked, pu.
    floor_squared: f64,
}

/// The relays of a network: two for every line.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    all: Vec<Element>,
    /// Places of lines that were inside before anything happened.
    blocked: Vec<u32>,
}

impl Elements {
    /// The relays of a network, none blocked.
    pub fn new(network: &Network, settings: Settings) -> Self {
        let branches = &network.branches;
        let element = |branch: BranchIdx| {
            let half = 0.5 * settings.reach;
            let centre = Complex {
                re: half * branches.resistance_pu[branch],
                im: half * branches.reactance_pu[branch],
            };
            let floor = branches.rating_pu[branch].map_or(0.0, |rating| settings.floor * rating);
            let ends = (branches.from[branch], branches.to[branch]);
            Element { branch, from: ends.0, to: ends.1, centre, floor_squared: floor * floor }
        };
        let lines = branches.from.indices().filter(|branch| !branches.transformer[*branch]);
        Elements { settings, all: lines.map(element).collect(), blocked: Vec::new() }
    }

    /// Blocks what is inside in a state, and names it.
    pub fn block(&mut self, seen: &Seen<'_>) -> Vec<BranchIdx> {
        let inside = |(place, element): (usize, &Element)| element.inside(seen).map(|_| place as u32);
        self.blocked = self.all.iter().enumerate().filter_map(inside).collect();
        self.blocked.iter().map(|place| self.all[*place as usize].branch).collect()
    }

    /// These relays, at rest.
    pub fn relays(self: &Arc<Self>) -> Distance {
        Distance {
            blocked: self.blocked.clone(),
            elements: Arc::clone(self),
            timers: Timers::default(),
            inside: Vec::new(),
        }
    }
}

impl Element {
    /// The magnitude of the apparent impedance that one of the ends sees inside its circle, pu.
    fn inside(&self, seen: &Seen<'_>) -> Option<f64> {
        let flows = seen.flows;
        let end = |p: f64, q: f64, bus: BusIdx| {
            let v = seen.solution.voltage(bus)?;
            let (power, voltage) = (p * p + q * q, v.re * v.re + v.im * v.im);
            if power / voltage <= self.floor_squared || power == 0.0 {
                return None;
            }
            // Z = V^2 / conj(S) = V^2 S / |S|^2; a power of zero is an impedance without end, far outside.
            let z = Complex { re: voltage * p / power, im: voltage * q / power };
            let away = Complex { re: z.re - self.centre.re, im: z.im - self.centre.im };
            (away.abs() <= self.centre.abs()).then(|| z.abs())
        };
        end(flows.p_from_pu[self.branch], flows.q_from_pu[self.branch], self.from)
            .or_else(|| end(flows.p_to_pu[self.branch], flows.q_to_pu[self.branch], self.to))
    }
}

/// The distance relays of one grid.
#[derive(Clone, Debug)]
pub struct Distance {
    elements: Arc<Elements>,
    timers: Timers,
    inside: Vec<(u32, f64)>,
    blocked: Vec<u32>,
}

impl Device for Distance {
    fn look(&mut self, seen: &Seen<'_>) {
        let Distance { elements, timers, inside, blocked } = self;
        inside.clear();
        for (place, element) in (0u32..).zip(&elements.all) {
            let z = element.inside(seen);
            if !blocked.is_empty()
                && let Ok(at) = blocked.binary_search(&place)
            {
                if z.is_some() {
                    continue;
                }
                blocked.remove(at);
            }
            inside.extend(z.map(|z_pu| (place, z_pu)));
        }
        let delay_s = elements.settings.delay_s;
        timers.pick_up(seen.now, inside.iter().map(|(place, z_pu)| (*place, delay_s, *z_pu)));
    }

    fn next(&self) -> Option<Moment> {
        self.timers.next()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let elements = &self.elements;
        self.timers.due(now, |timer| {
            let element = &elements.all[timer.key as usize];
            asked.push(Operation {
                act: Act::Open(element.branch),
                cause: Cause::Distance,
                value: Some(timer.value),
                limit: Some(2.0 * element.centre.abs()),
            });
        });
    }
}
