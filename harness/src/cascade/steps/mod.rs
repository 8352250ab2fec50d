//! The step rules of operator-training environments, with nobody acting.
//!
//! Time passes in steps of constant demand. A branch that is overloaded for more than a few consecutive steps trips, one that is
//! overloaded badly trips at once; both are judged again inside the step after every trip, with a power flow of its own, until
//! nothing trips, and a step counts once for a branch however often it is judged. The base state is the reset, which counts
//! nothing; the outage comes at the beginning of the first step. A power flow without a solution, a demand that is cut off or a
//! unit that is cut off is the end ([`Isolation::Shed`] follows the last two further). A tripped branch could come back after
//! some steps by somebody's action; here nobody acts and it stays out.
//!
//! What the environments do not keep is kept here: why each branch went, and which trip before it was to blame.
//!
//! Source: the rules of Grid2Op, in B. Donnot et al., "Introducing machine learning for power system operation support", IREP 2017,
//! and the environments of the L2RPN competitions.

mod picture;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use powerflow::case::BusKind;
use powerflow::{BranchIdx, BusIdx, Index, Network, Rung, Solver, State};

use self::picture::{Picture, at_end, islands, solve};
use super::{Account, Cascade, Cause, Outage, Shed, Told, Trip, Tripped};
use crate::study::rung_id;

pub use settings::{FlowModel, Isolation, Settings};

/// Elements that a sentence names.
const NAMED: usize = 5;

/// The engine: one a thread, for any number of outages. See the module.
#[derive(Debug)]
pub struct Steps {
    network: Arc<Network>,
    settings: Settings,
    solver: Solver,
}

/// A cascade on its way.
struct Way {
    state: State,
    account: Account,
    trips: Vec<Trip>,
    why: Vec<String>,
    generation: u32,
    time_s: f64,
    solves: u64,
    rungs: BTreeMap<String, u64>,
    doubtful: bool,
    /// Buses that are known to be without voltage, by row.
    dark: Vec<bool>,
    /// What changed last, in words.
    change: String,
    /// Since when and by what each branch is overloaded, by row.
    overloaded: Vec<Option<Overloaded>>,
}

/// Why a branch is overloaded.
#[derive(Clone, Debug)]
struct Overloaded {
    /// Its loading before.
    before: f64,
    /// What changed then.
    by: String,
    /// Steps in a row, and whether the present one is among them.
    steps: u32,
    counted: bool,
}

impl Steps {
    /// The engine for a network. Ratings are the long-term ones; a branch without one is never overloaded.
    pub fn new(network: &Arc<Network>, settings: &Settings) -> Self {
        Steps { network: Arc::clone(network), settings: settings.clone(), solver: Solver::new(network) }
    }

    /// What an outage sets off.
    pub fn cascade(&mut self, outage: &Outage) -> Told {
        let network = Arc::clone(&self.network);
        let mut way = Way::begin(&network);
        let ended = self.follow(&mut way, outage);
        let islands = match &ended {
            Ok(picture) => at_end(&network, &way.state, picture),
            Err(_) => Vec::new(),
        };
        let served_pu: f64 = way.state.demand_p_pu.as_slice().iter().sum();
        way.account.served_mw = network.base.from_pu(served_pu);
        if ended.is_err() {
            way.account.shed.unsolved_mw += std::mem::take(&mut way.account.served_mw);
        }
        let cascade = Cascade {
            account: way.account,
            trips: way.trips,
            solves: way.solves,
            rungs: way.rungs,
            numerically_doubtful: way.doubtful,
            stopped: ended.err(),
        };
        Told { cascade, why: way.why, islands }
    }

    /// Steps to the end; the last picture, or why there is none.
    fn follow(&mut self, way: &mut Way, outage: &Outage) -> Result<Picture, String> {
        let network = Arc::clone(&self.network);
        let mut now = self.solve(way, None)?;
        // What the file has cut off is no event of the cascade, and ends nothing.
        let _ = way.cut_off(&network, &now);
        if way.take_out(&network, outage) {
            now = self.next(way, &now, "the outage".to_owned())?;
        }
        for step in 0..self.settings.steps {
            way.time_s = f64::from(step) * self.settings.step_s;
            loop {
                let trips = self.judge(way, &now);
                if trips.is_empty() {
                    break;
                }
                let named: Vec<String> = trips.iter().map(|branch| network.branch_name(*branch)).collect();
                for branch in trips {
                    way.state.branch_on[branch] = false;
                    way.overloaded[branch.row()] = None;
                }
                way.generation += 1;
                now = self.next(way, &now, named.join(" and "))?;
            }
            for row in 0..way.overloaded.len() {
                if !self.is_above(&now, row, self.settings.soft_limit) {
                    way.overloaded[row] = None;
                } else if let Some(overloaded) = &mut way.overloaded[row] {
                    overloaded.counted = false;
                }
            }
            // Without an overload every step is as this one.
            if way.overloaded.iter().all(Option::is_none) {
                break;
            }
        }
        Ok(now)
    }

    /// Solves what a change has left, and removes what it cut off.
    fn next(&mut self, way: &mut Way, before: &Picture, change: String) -> Result<Picture, String> {
        let network = Arc::clone(&self.network);
        way.change = change;
        let now = self.solve(way, Some(before))?;
        let cut_off = way.cut_off(&network, &now);
        if !cut_off.is_empty() && self.settings.isolation == Isolation::End {
            let more = cut_off.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named = cut_off[..cut_off.len().min(NAMED)].join(", ");
            return Err(format!("{} cut off {named}{more}: the rules of the steps end there", way.change));
        }
        for row in 0..way.overloaded.len() {
            if self.is_above(&now, row, self.settings.soft_limit) && way.overloaded[row].is_none() {
                way.overloaded[row] = Some(Overloaded {
                    before: before.loading[row].unwrap_or_default(),
                    by: way.change.clone(),
                    steps: 0,
                    counted: false,
                });
            }
        }
        Ok(now)
    }

    fn solve(&mut self, way: &mut Way, previous: Option<&Picture>) -> Result<Picture, String> {
        way.solves += 1;
        let found = solve(&mut self.solver, &way.state, previous, self.settings.flow);
        match &found {
            Ok(picture) => {
                if let Some(rung) = picture.rung {
                    *way.rungs.entry(rung_id(rung)).or_default() += 1;
                    way.doubtful |= matches!(rung, Rung::LimitsRelaxed | Rung::Pivoted | Rung::Continuation);
                }
            }
            Err(_) => way.doubtful = true,
        }
        found
    }

    fn is_above(&self, picture: &Picture, row: usize, limit: f64) -> bool {
        picture.loading[row].is_some_and(|loading| loading > limit)
    }

    /// Which branches trip now, in file order; each is in the log.
    fn judge(&self, way: &mut Way, now: &Picture) -> Vec<BranchIdx> {
        let settings = &self.settings;
        let mut trips = Vec::new();
        for row in 0..now.loading.len() {
            let Some(loading) = now.loading[row].filter(|loading| *loading > settings.soft_limit) else {
                continue;
            };
            // Overloaded before the outage, and seen here first.
            let overloaded = way.overloaded[row].get_or_insert_with(|| Overloaded {
                before: loading,
                by: String::new(),
                steps: 0,
                counted: false,
            });
            if !std::mem::replace(&mut overloaded.counted, true) {
                overloaded.steps += 1;
            }
            let is_hard = loading > settings.hard_limit;
            if !is_hard && overloaded.steps <= settings.soft_steps {
                continue;
            }
            let branch = BranchIdx::from_row(row);
            let rule = if is_hard {
                format!("{:.1} % of its limit, which trips at once", 100.0 * loading)
            } else {
                format!(
                    "{:.1} % of its limit, above {:.0} % for {} steps in a row",
                    100.0 * loading,
                    100.0 * settings.soft_limit,
                    overloaded.steps
                )
            };
            let blame = if overloaded.by.is_empty() {
                "overloaded before the outage already".to_owned()
            } else {
                format!("overloaded since {} went, {:.1} % before", overloaded.by, 100.0 * overloaded.before)
            };
            let limit = if is_hard { settings.hard_limit } else { settings.soft_limit };
            let rating_mva =
                self.network.branches.rating_pu[branch].map(|rating| self.network.base.from_pu(rating));
            let trip = Trip {
                value: rating_mva.map(|rating| rating * loading),
                limit: rating_mva.map(|rating| rating * limit),
                ..way.event(Tripped::Branch(branch), Cause::Overload)
            };
            way.log(trip, format!("{rule}; {blame}"));
            trips.push(branch);
        }
        trips
    }
}

impl Way {
    fn begin(network: &Network) -> Self {
        let mut state = network.initial_state();
        for (bus, kind) in network.buses.kind.iter() {
            if *kind == BusKind::Isolated {
                state.demand_p_pu[bus] = 0.0;
                state.demand_q_pu[bus] = 0.0;
            }
        }
        let initial_pu: f64 = state.demand_p_pu.as_slice().iter().sum();
        Way {
            account: Account {
                initial_load_mw: network.base.from_pu(initial_pu),
                served_mw: 0.0,
                shed: Shed::default(),
            },
            trips: Vec::new(),
            why: Vec::new(),
            generation: 1,
            time_s: 0.0,
            solves: 0,
            rungs: BTreeMap::new(),
            doubtful: false,
            dark: vec![false; network.buses.id.len()],
            change: String::new(),
            overloaded: vec![None; network.branches.from.len()],
            state,
        }
    }

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

    /// Takes the outage out; whether that changed anything.
    fn take_out(&mut self, network: &Network, outage: &Outage) -> bool {
        let in_service = |bus: BusIdx| network.buses.kind[bus] != BusKind::Isolated;
        let mut changed = false;
        let branches = &network.branches;
        for branch in branches.from.indices() {
            let (from, to) = (branches.from[branch], branches.to[branch]);
            let is_out =
                outage.branches.contains(&branch) || outage.buses.iter().any(|bus| [from, to].contains(bus));
            if is_out && std::mem::replace(&mut self.state.branch_on[branch], false) {
                changed |= in_service(from) && in_service(to);
            }
        }
        for unit in network.units.bus.indices() {
            let bus = network.units.bus[unit];
            let is_out = outage.units.contains(&unit) || outage.buses.contains(&bus);
            if is_out && std::mem::replace(&mut self.state.unit_on[unit], false) {
                changed |= in_service(bus);
            }
        }
        for bus in outage.buses.iter().filter(|bus| in_service(**bus)) {
            let lost_mw = self.lose_demand(network, *bus);
            self.account.shed.bus_outage_mw += lost_mw;
            for (shunt, at) in network.shunts.bus.iter() {
                if at == bus {
                    self.state.shunt_step[shunt] = 0;
                }
            }
            changed |= !std::mem::replace(&mut self.dark[bus.row()], true);
        }
        changed
    }

    /// Takes the demand of a bus away; how much it was, MW.
    fn lose_demand(&mut self, network: &Network, bus: BusIdx) -> f64 {
        self.state.demand_q_pu[bus] = 0.0;
        network.base.from_pu(std::mem::take(&mut self.state.demand_p_pu[bus]))
    }

    /// Takes away what is cut off: demand without a voltage, units without anybody who takes what they make. Each by name, once;
    /// units first, as ties are everywhere.
    fn cut_off(&mut self, network: &Network, picture: &Picture) -> Vec<String> {
        let mut dark: Vec<(BusIdx, f64)> = Vec::new();
        for bus in network.buses.id.indices() {
            let row = bus.row();
            if !picture.live[row] && !std::mem::replace(&mut self.dark[row], true) {
                dark.push((bus, self.lose_demand(network, bus)));
            }
        }
        let (mut demands, mut named) = (Vec::new(), Vec::new());
        let island = islands(network, &self.state);
        let mut is_served = vec![false; island.len()];
        for (bus, p) in self.state.demand_p_pu.iter() {
            is_served[island[bus.row()]] |= *p != 0.0 || self.state.demand_q_pu[bus] != 0.0;
        }
        for unit in network.units.bus.indices() {
            let bus = network.units.bus[unit];
            let is_out = network.buses.kind[bus] == BusKind::Isolated;
            if !self.state.unit_on[unit] || (!is_out && is_served[island[bus.row()]]) {
                continue;
            }
            self.state.unit_on[unit] = false;
            if !is_out {
                self.log(self.event(Tripped::Unit(unit), Cause::IslandDead), "cut off from every demand");
                named.push(network.unit_name(unit));
            }
        }
        for (bus, lost_mw) in dark.into_iter().filter(|(_, lost_mw)| *lost_mw != 0.0) {
            self.account.shed.island_dead_mw += lost_mw;
            let trip = Trip { lost_mw, ..self.event(Tripped::Bus(bus), Cause::IslandDead) };
            self.log(trip, "cut off from every source");
            demands.push(format!("the demand of bus {}", network.buses.id[bus]));
        }
        demands.extend(named);
        demands
    }

    fn log(&mut self, trip: Trip, why: impl Into<String>) {
        self.trips.push(trip);
        self.why.push(why.into());
    }
}

#[cfg(test)]
mod tests;
