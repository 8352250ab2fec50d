//! The DC separation simulator: linear flow, relays that integrate overloads, islands that balance themselves or lose demand.
//!
//! It exists to be compared with the published model, whose rules it follows to the letter, and because it is quick: what takes
//! the others a second takes it a millisecond. Its clock is that of the published program: the outage is at 1 s.
//!
//! Two rules are added where the published model has none. Schedules of a case file hold losses that a linear flow has not;
//! they are brought down to the demand before anything happens, see [`Separation::base_redispatch_mw`]. And an outage of units
//! or buses is balanced as a separation is.
//!
//! Source: M. J. Eppstein, P. D. H. Hines, IEEE Transactions on Power Systems 27(3), 2012; P. Rezaei, P. D. H. Hines,
//! M. J. Eppstein, "Estimating cascading failure risk with Random Chemistry", IEEE Transactions on Power Systems 30(5), 2015,
//! arXiv:1405.4213.

mod balance;
mod relays;
mod row;
mod settings;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use powerflow::case::BusKind;
use powerflow::{BranchIdx, BusIdx, Diagnostics, Index, Network, SwitchedFlow, UnitIdx};

use self::balance::{BALANCED_MW, Unit, balance, redispatch};
use self::relays::{Relays, Step};
use super::{Account, Cascade, Cause, IslandAtEnd, Outage, Shed, Told, Trip, Tripped};

pub use row::{csv_header, csv_row};
pub use settings::{LowestPower, Settings};
pub use tables::read_tables;

/// The moment of the outage on the engine's clock, s.
const OUTAGE_S: f64 = 1.0;
/// Added to the largest power that a ramp is a share of, MW, as in the published program; not to what the unit can reach.
const RAMP_EXTRA_MW: f64 = 1e-4;
/// Beyond this, MW, a unit is as good as unbounded; ramps are shares of it, and must stay numbers.
const UNBOUNDED_MW: f64 = 1e9;

/// The engine: one a thread, for any number of outages. See the module.
#[derive(Clone, Debug)]
pub struct Separation {
    network: Arc<Network>,
    settings: Settings,
    flow: SwitchedFlow,
    relays: Relays,
    base: Injections,
    islands_in_base: usize,
    balanced_in_base: bool,
    base_redispatch_mw: f64,
    /// By bus row: whether the file has it in service.
    in_service: Vec<bool>,
}

/// What flows before any outage.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseFlow {
    /// By branch row, MW, from its from to its to end; zero where it is open.
    pub flow_mw: Vec<f64>,
    /// Largest flow in shares of its emergency rating, and the branch; `None` where no branch has one.
    pub largest: Option<(f64, BranchIdx)>,
}

/// Demand by bus row, MW, and units.
#[derive(Clone, Debug)]
struct Injections {
    demand_mw: Vec<f64>,
    units: Vec<Unit>,
}

/// A cascade on its way.
struct Way {
    now: Injections,
    initial_mw: f64,
    shed: Shed,
    trips: Vec<Trip>,
    time_s: f64,
    generation: u32,
    solves: u64,
}

impl Separation {
    /// The engine for a network: ratings are RATE_B of the file, and a branch without one is never overloaded.
    ///
    /// # Errors
    /// `linear.no-reactance` for each branch in service without one.
    pub fn new(network: &Arc<Network>, settings: &Settings) -> Result<Self, Diagnostics> {
        let in_service: Vec<bool> =
            network.buses.kind.iter().map(|(_, kind)| *kind != BusKind::Isolated).collect();
        let branches = &network.branches;
        let closed: Vec<bool> = branches
            .in_service
            .iter()
            .map(|(branch, on)| {
                *on && in_service[branches.from[branch].row()] && in_service[branches.to[branch].row()]
            })
            .collect();
        let mut flow = SwitchedFlow::new(network, &closed)?;
        let ratings: Vec<Option<f64>> = network
            .case
            .branches
            .iter()
            .map(|branch| branch.rate_b_mva.filter(|rating| *rating > 0.0))
            .collect();
        let relays = Relays::new(&ratings, settings.relay_share * settings.relay_s);
        let mut base = Injections::of(network, settings, &in_service);
        let (island, islands_in_base) = flow.islands();
        let island = island.to_vec();
        let base_redispatch_mw = base.meet_demand(&island, islands_in_base);
        let balanced_in_base = base.by_island(&island, islands_in_base).iter().all(|island| {
            let generation: f64 = island.units.iter().map(|unit| base.units[*unit].p_mw).sum();
            (generation - island.demand_mw).abs() <= BALANCED_MW
        });
        Ok(Separation {
            network: Arc::clone(network),
            settings: settings.clone(),
            flow,
            relays,
            base,
            islands_in_base,
            balanced_in_base,
            base_redispatch_mw,
            in_service,
        })
    }

    /// By how much schedules were moved before anything happens, MW, so that they meet the demand: negative is less, by the
    /// losses that a linear flow has not.
    pub fn base_redispatch_mw(&self) -> f64 {
        self.base_redispatch_mw
    }

    /// Branches in service that the file gives no RATE_B: nothing overloads them.
    pub fn unlimited(&self) -> usize {
        let branches = self.network.branches.from.indices();
        branches
            .filter(|branch| self.network.branches.in_service[*branch])
            .filter(|branch| self.relays.rating_mw(branch.row()).is_none())
            .count()
    }

    /// The base before any outage; `None` where its angles are not determined.
    pub fn base_flow(&mut self) -> Option<BaseFlow> {
        self.flow.restore();
        let mut flow_mw = vec![0.0; self.network.branches.from.len()];
        self.flow.flows(&self.base.net_mw(), &mut flow_mw).ok()?;
        let largest = self.relays.largest_loading(&flow_mw);
        Some(BaseFlow { flow_mw, largest: largest.map(|(share, row)| (share, BranchIdx::from_row(row))) })
    }

    /// What an outage sets off.
    pub fn cascade(&mut self, outage: &Outage) -> Told {
        self.flow.restore();
        self.relays.reset();
        let mut way = Way {
            initial_mw: self.base.demand_mw.iter().sum(),
            now: self.base.clone(),
            shed: Shed::default(),
            trips: Vec::new(),
            time_s: OUTAGE_S,
            generation: 1,
            solves: 0,
        };
        let is_injected = self.take_out(outage, &mut way);
        let stopped = self.follow(&mut way, is_injected || !self.balanced_in_base);
        let mut served_mw: f64 = way.now.demand_mw.iter().sum();
        let islands = if stopped.is_none() { self.islands_at_end(&way) } else { Vec::new() };
        if stopped.is_some() {
            way.shed.unsolved_mw += std::mem::take(&mut served_mw);
        }
        let numerically_doubtful = matches!(stopped, Some(Stop::Undetermined(_)));
        let cascade = Cascade {
            account: Account { initial_load_mw: way.initial_mw, served_mw, shed: way.shed },
            trips: way.trips,
            solves: way.solves,
            rungs: BTreeMap::new(),
            numerically_doubtful,
            stopped: stopped.map(|stop| self.words(&stop)),
        };
        Told { why: self.why(&cascade.trips), cascade, islands }
    }

    /// Takes the outage out; whether that changed what is injected.
    fn take_out(&mut self, outage: &Outage, way: &mut Way) -> bool {
        let mut is_injected = false;
        for branch in &outage.branches {
            self.flow.open(*branch);
        }
        for bus in outage.buses.iter().filter(|bus| self.in_service[bus.row()]) {
            for branch in self.network.branches.from.indices() {
                if self.network.branches.from[branch] == *bus || self.network.branches.to[branch] == *bus {
                    self.flow.open(branch);
                }
            }
            let lost_mw = std::mem::take(&mut way.now.demand_mw[bus.row()]);
            way.shed.bus_outage_mw += lost_mw;
            is_injected |= lost_mw != 0.0;
        }
        for (row, unit) in way.now.units.iter_mut().enumerate() {
            let bus = BusIdx::from_row(unit.bus);
            let is_out = outage.units.contains(&UnitIdx::from_row(row)) || outage.buses.contains(&bus);
            if is_out && std::mem::replace(&mut unit.on, false) {
                unit.p_mw = 0.0;
                is_injected = true;
            }
        }
        is_injected
    }

    /// Follows the cascade to its end; or says why there is none.
    fn follow(&mut self, way: &mut Way, is_injected: bool) -> Option<Stop> {
        let mut islands_before = self.islands_in_base;
        let mut is_unbalanced = is_injected;
        let mut is_switched = true;
        let mut flow_mw = vec![0.0; self.network.branches.from.len()];
        loop {
            if std::mem::take(&mut is_switched) {
                let (island, islands) = self.flow.islands();
                if std::mem::take(&mut is_unbalanced) || islands > islands_before {
                    let island = island.to_vec();
                    way.balance_islands(&island, islands);
                    islands_before = islands;
                }
                let served_mw: f64 = way.now.demand_mw.iter().sum();
                if served_mw < self.settings.stop_served_share * way.initial_mw {
                    return Some(Stop::Blackout(served_mw / way.initial_mw));
                }
                way.solves += 1;
                if let Err(buses) = self.flow.flows(&way.now.net_mw(), &mut flow_mw) {
                    return Some(Stop::Undetermined(buses));
                }
            }
            let Step::Passes(step_s, trips) = self.relays.step(&flow_mw, self.settings.step_s_max) else {
                return None;
            };
            way.time_s += step_s;
            if way.time_s > self.settings.end_s {
                return None;
            }
            for row in &trips {
                let branch = BranchIdx::from_row(*row);
                self.flow.open(branch);
                way.log(Trip {
                    value: Some(flow_mw[*row].abs()),
                    limit: self.relays.rating_mw(*row),
                    ..way.event(Tripped::Branch(branch), Cause::Overload)
                });
            }
            if !trips.is_empty() {
                is_switched = true;
                way.generation += 1;
            }
        }
    }

    /// Islands that serve demand, by their first bus.
    fn islands_at_end(&mut self, way: &Way) -> Vec<IslandAtEnd> {
        let (island, islands) = self.flow.islands();
        let mut found: Vec<IslandAtEnd> = Vec::new();
        for (at, members) in way.now.by_island(island, islands).iter().enumerate() {
            let generation_mw: f64 = members.units.iter().map(|unit| way.now.units[*unit].p_mw).sum();
            if members.demand_mw != 0.0 || generation_mw != 0.0 {
                found.push(IslandAtEnd {
                    first_bus: BusIdx::from_row(members.first_bus),
                    buses: island.iter().filter(|of| **of as usize == at).count(),
                    generation_mw,
                    demand_mw: members.demand_mw,
                });
            }
        }
        found
    }

    fn words(&self, stop: &Stop) -> String {
        match stop {
            Stop::Blackout(share) => format!(
                "given up with {:.2} % of the demand served, as stop_served_share asks",
                100.0 * share
            ),
            Stop::Undetermined(buses) => {
                let named: Vec<String> =
                    buses.iter().take(5).map(|bus| self.network.buses.id[*bus].to_string()).collect();
                format!(
                    "the linear flow does not determine the angles around {} buses ({}): reactances of both signs cancel",
                    buses.len(),
                    named.join(", ")
                )
            }
        }
    }

    /// Why each of these events came, in words.
    fn why(&self, trips: &[Trip]) -> Vec<String> {
        let number = |value: Option<f64>| value.unwrap_or_default();
        let why = |trip: &Trip| match (trip.cause, trip.what) {
            (Cause::Overload, _) => format!(
                "{:.1} MW on a rating of {:.1} MW, for as long as its relay endures",
                number(trip.value),
                number(trip.limit)
            ),
            (Cause::Ufls, _) => format!(
                "its island has units for {:.1} MW of a demand of {:.1} MW: all its demand in proportion",
                number(trip.value),
                number(trip.limit)
            ),
            (Cause::Surplus, _) => format!(
                "{:.1} MW generated in its island for a demand of {:.1} MW, more than ramps can take back",
                number(trip.value),
                number(trip.limit)
            ),
            _ => "cut off from every unit in service".to_owned(),
        };
        trips.iter().map(why).collect()
    }
}

/// Why a cascade has no end.
#[derive(Debug)]
enum Stop {
    /// This share is served, less than the settings follow.
    Blackout(f64),
    /// Angles are not determined around these buses.
    Undetermined(Vec<BusIdx>),
}

/// What belongs to an island.
#[derive(Clone, Debug, Default)]
struct Members {
    /// Row of its first bus.
    first_bus: usize,
    /// Rows of its units in service, ascending.
    units: Vec<usize>,
    demand_mw: f64,
}

impl Injections {
    fn of(network: &Network, settings: &Settings, in_service: &[bool]) -> Self {
        let mw = |pu: f64| network.base.from_pu(pu);
        let demand_mw = network
            .buses
            .demand_p_pu
            .iter()
            .map(|(bus, demand)| if in_service[bus.row()] { mw(*demand) } else { 0.0 })
            .collect();
        let units = &network.units;
        let unit = |unit: UnitIdx| {
            let on = units.in_service[unit] && in_service[units.bus[unit].row()];
            let p_max_mw = mw(units.p_max_pu[unit]).min(UNBOUNDED_MW);
            let ramp_mw_per_min =
                units.ramp_pu_per_min[unit].map(mw).filter(|ramp| *ramp > 0.0).unwrap_or_else(|| {
                    (settings.ramp_share_per_min * (p_max_mw + RAMP_EXTRA_MW))
                        .max(settings.ramp_mw_per_min_min)
                });
            Unit {
                bus: units.bus[unit].row(),
                on,
                p_mw: if on { mw(units.p_pu[unit]) } else { 0.0 },
                p_min_mw: match settings.p_min {
                    LowestPower::Zero => 0.0,
                    LowestPower::File => mw(units.p_min_pu[unit]).max(-UNBOUNDED_MW),
                },
                p_max_mw,
                ramp_mw: settings.ramp_min * ramp_mw_per_min,
            }
        };
        Injections { demand_mw, units: units.bus.indices().map(unit).collect() }
    }

    /// Generation less demand by bus row, MW.
    fn net_mw(&self) -> Vec<f64> {
        let mut net: Vec<f64> = self.demand_mw.iter().map(|demand| -demand).collect();
        for unit in self.units.iter().filter(|unit| unit.on) {
            net[unit.bus] += unit.p_mw;
        }
        net
    }

    fn by_island(&self, island: &[u32], islands: usize) -> Vec<Members> {
        let mut members = vec![Members { first_bus: usize::MAX, ..Members::default() }; islands];
        for (bus, demand) in self.demand_mw.iter().enumerate() {
            let of = &mut members[island[bus] as usize];
            of.first_bus = of.first_bus.min(bus);
            of.demand_mw += demand;
        }
        for (row, unit) in self.units.iter().enumerate().filter(|(_, unit)| unit.on) {
            members[island[unit.bus] as usize].units.push(row);
        }
        members
    }

    /// Moves schedules so that each island that has units and demand is balanced as far as their ranges go; by how much in all,
    /// MW.
    fn meet_demand(&mut self, island: &[u32], islands: usize) -> f64 {
        let mut moved = 0.0;
        for of in self.by_island(island, islands) {
            if of.units.is_empty() || of.demand_mw <= BALANCED_MW {
                continue;
            }
            let generation = |units: &[Unit]| of.units.iter().map(|unit| units[*unit].p_mw).sum::<f64>();
            let before = generation(&self.units);
            if (before - of.demand_mw).abs() > BALANCED_MW {
                redispatch(&mut self.units, &of.units, of.demand_mw);
                moved += generation(&self.units) - before;
            }
        }
        moved
    }
}

impl Way {
    fn event(&self, what: Tripped, cause: Cause) -> Trip {
        Trip {
            what,
            generation: self.generation,
            time_s: Some(self.time_s),
            cause,
            value: None,
            limit: None,
            lost_mw: 0.0,
        }
    }

    fn log(&mut self, trip: Trip) {
        self.trips.push(trip);
    }

    /// Balances every island, and books what that costs.
    fn balance_islands(&mut self, island: &[u32], islands: usize) {
        let first_event = self.trips.len();
        let members = self.now.by_island(island, islands);
        for (at, of) in members.iter().enumerate() {
            if of.units.is_empty() && of.demand_mw == 0.0 {
                continue;
            }
            let balanced = balance(&mut self.now.units, &of.units, of.demand_mw);
            for off in &balanced.off {
                let trip = self.event(Tripped::Unit(UnitIdx::from_row(of.units[*off])), Cause::Surplus);
                self.log(Trip {
                    value: Some(balanced.generation_mw),
                    limit: Some(balanced.demand_mw),
                    ..trip
                });
            }
            if balanced.dead {
                for bus in (of.first_bus..island.len()).filter(|bus| island[*bus] as usize == at) {
                    let lost_mw = std::mem::take(&mut self.now.demand_mw[bus]);
                    if lost_mw != 0.0 {
                        self.shed.island_dead_mw += lost_mw;
                        let trip = self.event(Tripped::Bus(BusIdx::from_row(bus)), Cause::IslandDead);
                        self.log(Trip { lost_mw, ..trip });
                    }
                }
            } else if balanced.served_share < 1.0 {
                let mut lost_mw = 0.0;
                for bus in (of.first_bus..island.len()).filter(|bus| island[*bus] as usize == at) {
                    let demand = &mut self.now.demand_mw[bus];
                    let served = *demand * balanced.served_share;
                    lost_mw += *demand - served;
                    *demand = served;
                }
                self.shed.ufls_mw += lost_mw;
                let trip = self.event(Tripped::Bus(BusIdx::from_row(of.first_bus)), Cause::Ufls);
                self.log(Trip {
                    value: Some(balanced.reached_mw),
                    limit: Some(of.demand_mw),
                    lost_mw,
                    ..trip
                });
            }
        }
        // All of it happens at once, on every island.
        self.trips[first_event..].sort_by_key(|trip| trip.what);
    }
}

#[cfg(test)]
mod tests;
