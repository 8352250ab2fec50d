//! Engine A: what relays do, with times, on AC power flow. It is the closed loop of a candidate that asks nothing, and no code of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use powerflow::{Network, NewtonConfig, Rescue, Solver};
use scenarios::{Event, Moment, Scenario, Seed, TimedEvent};

use super::{Account, Cascade, Outage};
use crate::action::Task;
use crate::candidate::Decisions;
use crate::cohort::Cohort;
use crate::grid::autonomous::{self, Autonomous};
use crate::grid::frequency::Elements;
use crate::grid::protection::{Protection, Settings};
use crate::grid::{Grid, GridRules, RUNGS};
use crate::live::{COHORT, LoopConfig};
use crate::metric::Looks;

/// Longest step, s.
const STEP_S_MAX: f64 = 60.0;

/// The engine for one network and one set of relays.
#[derive(Debug)]
pub struct Engine {
    solver: Solver,
    config: LoopConfig,
}

impl Engine {
    /// Sets the relays and looks at the undisturbed state. Cascades are followed for `horizon_s` seconds.
    pub fn new(network: &Arc<Network>, settings: Settings, horizon_s: f64, seed: u64) -> Self {
        let newton =
            NewtonConfig { unsolved_islands_die: true, rescue: Rescue::Quick, ..NewtonConfig::default() };
        let protection = Some(Arc::new(Protection::new(network, settings, &newton)));
        // Within a step a unit ramps at once: no step is longer than a minute.
        let steps = (horizon_s / STEP_S_MAX).ceil().max(1.0);
        let config = LoopConfig {
            task: Task::VoltVar,
            step_s: horizon_s / steps,
            steps: steps as u32,
            newton,
            rules: Arc::new(GridRules { protection, seed: Seed(seed), ..GridRules::default() }),
            looks: Looks::default(),
            sensing: None,
        };
        Engine { solver: Solver::new(network), config }
    }

    /// The same with slow controls, generation control, remedial schemes and kinds of units, which act within a cascade too.
    #[must_use]
    pub fn with(mut self, autonomous: autonomous::Settings) -> Self {
        let rules = Arc::make_mut(&mut self.config.rules);
        let relays = rules.protection.as_ref().map(|protection| protection.settings.clone());
        let network = self.solver.network();
        let autonomous = Autonomous::new(network, autonomous, relays.as_ref(), &self.config.newton);
        if let Some(protection) = rules.protection.take() {
            let by_kind = autonomous.has_ride_through();
            let of_kind = || Arc::new(Protection::clone(&protection).without_ride_through());
            rules.protection = Some(if by_kind { of_kind() } else { protection });
        }
        rules.autonomous = Some(Arc::new(autonomous));
        self
    }

    /// The same with a frequency that moves in every island, instead of one that has settled.
    #[must_use]
    pub fn with_frequency(mut self, elements: Elements) -> Self {
        Arc::make_mut(&mut self.config.rules).frequency = Some(Arc::new(elements));
        self
    }

    /// Relays that would have acted before the outage, in words: they are blocked until what they see has been inside once.
    pub fn blocked(&self) -> &[String] {
        self.config.rules.protection.as_ref().map_or(&[], |protection| &protection.blocked)
    }

    /// What each outage sets off, in the order of the outages. The place of an outage names what hidden failures draw for it, and
    /// nothing else depends on the others.
    pub fn cascades(&mut self, outages: &[Outage]) -> Vec<Cascade> {
        self.cascades_from(0, outages)
    }

    /// The same for a part of a list that begins at place `first`.
    pub fn cascades_from(&mut self, first: u64, outages: &[Outage]) -> Vec<Cascade> {
        self.grids_from(first, outages).iter().map(cascade_of).collect()
    }

    /// What each outage leaves of the grid, in the order of the outages.
    pub fn grids(&mut self, outages: &[Outage]) -> Vec<Grid> {
        self.grids_from(0, outages)
    }

    fn grids_from(&mut self, place: u64, outages: &[Outage]) -> Vec<Grid> {
        let mut left = Vec::with_capacity(outages.len());
        for (block, outages) in outages.chunks(COHORT).enumerate() {
            let first = place + (block * COHORT) as u64;
            let drawn = (first..).zip(outages).map(|(index, outage)| (scenario(outage, index), 0)).collect();
            let mut cohort =
                Cohort::new(&mut self.solver, &self.config, "nobody", drawn, outages.len(), false);
            while let Some(now) = cohort.next_moment() {
                cohort.apply_events(now);
                cohort.settle();
                cohort.grant(&Decisions::none(outages.len()), now);
                cohort.pass_time();
            }
            left.extend(cohort.into_grids());
        }
        left
    }

    /// What one outage sets off.
    pub fn cascade(&mut self, outage: &Outage) -> Cascade {
        self.cascades(std::slice::from_ref(outage)).pop().expect("one outage has one cascade")
    }
}

/// What an outage sets off within `horizon_s` seconds; one that names elements of the network always has an answer.
pub fn cascade(
    network: &Arc<Network>,
    settings: &Settings,
    outage: &Outage,
    horizon_s: f64,
    seed: u64,
) -> Cascade {
    Engine::new(network, settings.clone(), horizon_s, seed).cascade(outage)
}

/// The scenario in which an outage happens at once and nothing else.
pub fn scenario(outage: &Outage, index: u64) -> Arc<Scenario> {
    let buses = outage.buses.iter().map(|bus| Event::BusOut { bus: *bus });
    let units = outage.units.iter().map(|unit| Event::UnitOut { unit: *unit });
    let branches = outage.branches.iter().map(|branch| Event::BranchOut { branch: *branch });
    let at = Moment(0);
    Arc::new(Scenario {
        population: "outages".into(),
        index,
        timeline: branches.chain(units).chain(buses).map(|event| TimedEvent { at, event }).collect(),
        log_likelihood: None,
    })
}

/// The account of a grid that was left to itself.
pub fn cascade_of(grid: &Grid) -> Cascade {
    let shed = grid.unserved();
    let initial_load_mw = grid.demand_mw();
    let rungs = RUNGS.iter().zip(grid.rungs()).filter(|(_, count)| *count > 0);
    Cascade {
        account: Account { initial_load_mw, served_mw: grid.served_mw(), shed },
        trips: grid.log().iter().map(|logged| logged.trip).collect(),
        solves: grid.solves(),
        rungs: rungs.map(|(rung, count)| (rung.id().to_owned(), count)).collect::<BTreeMap<_, _>>(),
        numerically_doubtful: grid.numerically_doubtful(),
        stopped: None,
    }
}
