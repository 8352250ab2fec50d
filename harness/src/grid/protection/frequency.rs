//! What an imbalance does to an island's frequency, and what relays do about it: a static version, in which the frequency is where it
//! would settle if nobody acted, and stages of load shedding act in their order until it is above their threshold.
//!
//! The power flow shares an imbalance among units with headroom. What no unit could provide or take back is carried by the demand
//! itself, which falls with the frequency: `df = -f0 unmet / (D demand)`. Where primary control counts too ([`Balance::Droop`]), units
//! that moved by `dP` say how far it fell for that: `df = -f0 R dP / P_max`.

use std::sync::Arc;

use powerflow::{BusIdx, BusStatus, Index, UnitIdx};
use scenarios::Moment;

use crate::cascade::Cause;
use crate::grid::device::{Act, Device, Operation, Seen, Timers};

/// Who provides an imbalance, and what becomes of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Units in proportion to their largest power, within range and ramp of the step; secondary control has brought the
    /// frequency back, as far as they could. The rest moves the frequency.
    #[default]
    PmaxShare,
    /// The same within one minute of ramp from what they delivered; the rest is shed at once, or the smallest units trip. Source:
    /// M. Eppstein, P. Hines, IEEE Trans. Power Systems 27(3), 2012.
    RampLimited,
    /// As the first, and before secondary control: the frequency is what the droop of the units makes of it.
    Droop,
}

impl Balance {
    /// Every rule by its name in suites.
    pub const LIST: [(&str, Balance); 3] = [
        ("pmax_share", Balance::PmaxShare),
        ("ramp_limited", Balance::RampLimited),
        ("droop", Balance::Droop),
    ];

    /// Its name in suites.
    pub fn id(self) -> &'static str {
        Self::LIST.iter().find(|(_, balance)| *balance == self).map_or("", |(id, _)| id)
    }
}

/// One stage of under-frequency load shedding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// It picks up below this frequency, Hz.
    pub below_hz: f64,
    /// And operates after so long, s.
    pub delay_s: f64,
    /// Share of the demand that each bus wants.
    pub share: f64,
}

/// Settings of frequency and its relays.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Who provides an imbalance.
    pub balance: Balance,
    /// Droop R of a unit on its largest power, pu frequency for pu power.
    pub droop: f64,
    /// Fall D of demand with frequency, pu for pu: 1 to 2 (Kundur, Power System Stability and Control, 1994, chapter 11).
    pub damping: f64,
    /// Stages of load shedding in their order.
    pub stages: Vec<Stage>,
    /// At or below this frequency units trip, Hz.
    pub unit_low_hz: f64,
    /// At or above this frequency units trip, Hz.
    pub unit_high_hz: f64,
}

impl Settings {
    /// The defaults of a nominal frequency.
    ///
    /// 60 Hz: stages of the north-eastern plan (NPCC Directory 12, units of 100 MW and more), trips of NERC PRC-024-3, Eastern
    /// Interconnection. 50 Hz: six equal stages between 49.0 and 48.0 Hz (Commission Regulation (EU) 2017/2196, annex: 45 % in
    /// all, at most 10 % each), trips at the ends of the range of Regulation (EU) 2016/631, article 13. All of them as cascade.md
    /// 5.2 and dynamics.md 3 and 4 recall them.
    pub fn of(nominal_hz: f64) -> Self {
        let stage = |below_hz, delay_s, share| Stage { below_hz, delay_s, share };
        let (stages, unit_low_hz, unit_high_hz) = if nominal_hz > 55.0 {
            let main = [59.5, 59.3, 59.1, 58.9].map(|hz| stage(hz, 0.3, 0.07));
            let stages = main.into_iter().chain([stage(59.5, 10.0, 0.02)]).collect();
            (stages, 57.8, 61.8)
        } else {
            let stages = [49.0, 48.8, 48.6, 48.4, 48.2, 48.0].map(|hz| stage(hz, 0.15, 0.075)).to_vec();
            (stages, 47.5, 51.5)
        };
        Settings { balance: Balance::PmaxShare, droop: 0.05, damping: 1.0, stages, unit_low_hz, unit_high_hz }
    }
}

/// Imbalances below this are rounding, pu.
const BALANCED_PU: f64 = 1e-7;

/// What is shed at once exceeds what is missing by this share, since losses change too; units take it back.
const SHED_MARGIN: f64 = 0.05;

/// Place in a timer's number for what is no stage.
const NO_STAGE: usize = 15;
/// Stages at most.
pub const STAGES_MAX: usize = NO_STAGE;

/// What all grids share.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    settings: Settings,
    /// Whether relays would have acted before anything happened.
    blocked: bool,
}

impl Elements {
    /// The relays, not blocked.
    pub fn new(settings: Settings) -> Self {
        Elements { settings, blocked: false }
    }

    /// Blocks them where they would act in a state; the frequency then, Hz.
    pub fn block(self: &mut Arc<Self>, seen: &Seen<'_>) -> Option<f64> {
        let mut relays = self.relays();
        relays.look(seen);
        let hz = relays.plans.first()?.hz;
        Arc::make_mut(self).blocked = true;
        Some(hz)
    }

    /// These relays, at rest.
    pub fn relays(self: &Arc<Self>) -> Frequency {
        Frequency {
            blocked: self.blocked,
            elements: Arc::clone(self),
            timers: Timers::default(),
            plans: Vec::new(),
            used: Vec::new(),
        }
    }
}

/// The frequency relays of one grid.
#[derive(Clone, Debug)]
pub struct Frequency {
    elements: Arc<Elements>,
    timers: Timers,
    /// What will be done to each island in trouble, by its first bus.
    plans: Vec<Plan>,
    /// Stages that have operated at each bus; empty until one has.
    used: Vec<u8>,
    blocked: bool,
}

/// What will be done to an island.
#[derive(Clone, Debug)]
struct Plan {
    /// First bus and stage.
    key: u32,
    delay_s: f64,
    /// Where its frequency would settle.
    hz: f64,
    operations: Vec<Operation>,
}

/// An island with its imbalance.
struct Island {
    /// Its buses, ascending.
    buses: Vec<BusIdx>,
    /// Its running units, ascending.
    units: Vec<UnitIdx>,
    /// Demand that it serves, pu.
    demand_pu: f64,
    /// What no unit could provide (positive) or take back, pu.
    unmet_pu: f64,
}

impl Frequency {
    fn plan(&self, seen: &Seen<'_>, island: &Island) -> Option<Plan> {
        let settings = &self.elements.settings;
        let hz = self.settling_hz(seen, island);
        let first = island.buses.first()?.row() * (NO_STAGE + 1);
        let plan = |stage: usize, delay_s: f64, operations: Vec<Operation>| {
            (!operations.is_empty()).then(|| Plan { key: (first + stage) as u32, delay_s, hz, operations })
        };
        let operation = |act, cause, limit| Operation { act, cause, value: Some(hz), limit: Some(limit) };
        let used = |bus: BusIdx| usize::from(self.used.get(bus.row()).copied().unwrap_or(0));
        let served = island.buses.iter().copied().filter(|bus| seen.state.demand_p_pu[*bus] > 0.0);
        let shed = |act: &dyn Fn(BusIdx) -> Option<Act>, limit: f64| -> Vec<Operation> {
            served.clone().filter_map(act).map(|act| operation(act, Cause::Ufls, limit)).collect()
        };
        if settings.balance == Balance::RampLimited {
            return if island.unmet_pu > BALANCED_PU {
                let part = (island.unmet_pu * (1.0 + SHED_MARGIN) / island.demand_pu).min(1.0);
                plan(NO_STAGE, 0.0, shed(&|bus| Some(Act::Cut(bus, part)), seen.network.frequency_hz))
            } else {
                let trips = smallest_units(seen, island, -island.unmet_pu);
                let limit = seen.network.frequency_hz;
                plan(
                    NO_STAGE,
                    0.0,
                    trips.map(|unit| operation(Act::Trip(unit), Cause::Surplus, limit)).collect(),
                )
            };
        }
        if hz >= settings.unit_high_hz {
            let carried = (settings.unit_high_hz / seen.network.frequency_hz - 1.0)
                * settings.damping
                * island.demand_pu;
            let trips = smallest_units(seen, island, -island.unmet_pu - carried);
            let limit = settings.unit_high_hz;
            let trips = trips.map(|unit| operation(Act::Trip(unit), Cause::OverFrequency, limit));
            return plan(NO_STAGE, 0.0, trips.collect());
        }
        let next = served.clone().map(used).min().unwrap_or(settings.stages.len());
        match settings.stages.get(next) {
            Some(stage) if hz < stage.below_hz => {
                // Islands that came together may be at different stages: each relay does each stage once.
                let act = |bus: BusIdx| (used(bus) == next).then_some(Act::Shed(bus, stage.share));
                plan(next, stage.delay_s, shed(&act, stage.below_hz))
            }
            // Nothing is left to shed: units leave an island that they cannot hold.
            None if hz <= settings.unit_low_hz => {
                let limit = settings.unit_low_hz;
                let trips = island.units.iter();
                let trips = trips.map(|unit| operation(Act::Trip(*unit), Cause::UnderFrequency, limit));
                plan(NO_STAGE, 0.0, trips.collect())
            }
            _ => None,
        }
    }

    /// Where the frequency would settle, Hz; never below zero.
    fn settling_hz(&self, seen: &Seen<'_>, island: &Island) -> f64 {
        let settings = &self.elements.settings;
        let unmet = if island.unmet_pu.abs() > BALANCED_PU { island.unmet_pu } else { 0.0 };
        let carried = if unmet == 0.0 { 0.0 } else { unmet / (settings.damping * island.demand_pu) };
        let primary = if settings.balance == Balance::Droop {
            settings.droop * moved(seen, island, unmet)
        } else {
            0.0
        };
        // Without demand nothing carries an imbalance: the frequency runs away.
        let fall = (primary + carried).clamp(-1.0, 1.0);
        seen.network.frequency_hz * (1.0 - fall)
    }
}

/// How far the units of an island that still have room moved, as a share of their largest power; where none has room, how far the last
/// of them went.
fn moved(seen: &Seen<'_>, island: &Island, unmet_pu: f64) -> f64 {
    let state = seen.state;
    let mut extreme: f64 = 0.0;
    for unit in &island.units {
        let p_max = seen.network.units.p_max_pu[*unit];
        if !(p_max > 0.0 && p_max.is_finite()) {
            continue;
        }
        let p = seen.solution.unit_p_pu[*unit];
        let share = (p - state.unit_p_pu[*unit]) / p_max;
        let has_room =
            p < state.unit_p_high_pu[*unit] - BALANCED_PU && p > state.unit_p_low_pu[*unit] + BALANCED_PU;
        if has_room && unmet_pu == 0.0 {
            return share;
        }
        extreme = if unmet_pu >= 0.0 { extreme.max(share) } else { extreme.min(share) };
    }
    extreme
}

/// The units that deliver least, ascending by power and then by row, until so much power is off.
fn smallest_units(seen: &Seen<'_>, island: &Island, off_pu: f64) -> impl Iterator<Item = UnitIdx> + use<> {
    let delivered = |unit: &UnitIdx| seen.solution.unit_p_pu[*unit];
    let mut units: Vec<UnitIdx> = island.units.iter().copied().filter(|u| delivered(u) > 0.0).collect();
    units.sort_by(|a, b| delivered(a).total_cmp(&delivered(b)).then(a.cmp(b)));
    let mut sum = 0.0;
    let enough = units.iter().take_while(|unit| {
        let more = sum < off_pu;
        sum += delivered(unit);
        more
    });
    let count = enough.count();
    units.truncate(count);
    units.into_iter()
}

/// The islands of a solved state in which relays may have something to do.
fn islands(seen: &Seen<'_>, every: bool) -> Vec<Island> {
    let unmet = |island: &&powerflow::Island| every || island.unmet_pu.abs() > BALANCED_PU;
    if !seen.solution.islands.iter().any(|island| unmet(&island)) {
        return Vec::new();
    }
    let label = components(seen);
    let (units, state, solution) = (&seen.network.units, seen.state, seen.solution);
    solution
        .islands
        .iter()
        .filter(unmet)
        .map(|island| {
            let own = |bus: BusIdx| {
                label[bus.row()] == label[island.reference.row()] && solution.status[bus] == BusStatus::Live
            };
            let buses: Vec<BusIdx> = label_indices(&label).filter(|bus| own(*bus)).collect();
            let demand_pu = buses.iter().map(|bus| state.demand_p_pu[*bus].max(0.0)).sum();
            let runs = |unit: &UnitIdx| state.unit_on[*unit] && own(units.bus[*unit]);
            let units = units.bus.indices().filter(runs).collect();
            Island { buses, units, demand_pu, unmet_pu: island.unmet_pu }
        })
        .collect()
}

fn label_indices(label: &[u32]) -> impl Iterator<Item = BusIdx> + use<> {
    (0..label.len()).map(BusIdx::from_row)
}

/// The first bus of each bus's island, by row. Second busbars belong to the bus.
pub(crate) fn components(seen: &Seen<'_>) -> Vec<u32> {
    fn root(parent: &mut [u32], mut node: u32) -> u32 {
        while parent[node as usize] != node {
            parent[node as usize] = parent[parent[node as usize] as usize];
            node = parent[node as usize];
        }
        node
    }
    let (network, live) = (seen.network, &seen.solution.status);
    let mut parent: Vec<u32> = (0..network.buses.id.len() as u32).collect();
    for (branch, from) in network.branches.from.iter() {
        let to = network.branches.to[branch];
        if seen.state.branch_on[branch] && live[*from] == BusStatus::Live && live[to] == BusStatus::Live {
            let (a, b) = (root(&mut parent, from.row() as u32), root(&mut parent, to.row() as u32));
            parent[a.max(b) as usize] = a.min(b);
        }
    }
    (0..parent.len() as u32).map(|bus| root(&mut parent, bus)).collect()
}

impl Device for Frequency {
    fn look(&mut self, seen: &Seen<'_>) {
        let every = self.elements.settings.balance == Balance::Droop;
        let mut plans: Vec<Plan> =
            islands(seen, every).iter().filter_map(|island| self.plan(seen, island)).collect();
        plans.sort_by_key(|plan| plan.key);
        self.blocked &= !plans.is_empty();
        if self.blocked {
            plans.clear();
        }
        self.timers.pick_up(seen.now, plans.iter().map(|plan| (plan.key, plan.delay_s, plan.hz)));
        self.plans = plans;
    }

    fn next(&self) -> Option<Moment> {
        self.timers.next()
    }

    fn act(&mut self, now: Moment, asked: &mut Vec<Operation>) {
        let Frequency { timers, plans, used, .. } = self;
        timers.due(now, |timer| {
            let Ok(at) = plans.binary_search_by_key(&timer.key, |plan| plan.key) else { return };
            let stage = timer.key as usize % (NO_STAGE + 1);
            for operation in &plans[at].operations {
                if let (Act::Shed(bus, _), true) = (operation.act, stage < NO_STAGE) {
                    used.resize(used.len().max(bus.row() + 1), 0);
                    used[bus.row()] = used[bus.row()].max(stage as u8 + 1);
                }
                asked.push(*operation);
            }
        });
    }
}
