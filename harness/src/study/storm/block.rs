//! Storms lived side by side, and what a study keeps of each.

use std::sync::Arc;

use powerflow::{BranchIdx, Solver};
use scenarios::{Event, Scenario};
use serde::{Deserialize, Serialize};

use crate::candidate::do_nothing::Idle;
use crate::live::{COHORT, live};
use crate::run::Prepared;
use crate::run::local::{cohort_of, drawn};
use crate::service::{Count, Course, Service};
use crate::trajectory::{Outcome, Trajectory};

/// Schema of the record of an unfinished study.
pub(super) const SCHEMA: &str = "gridgate/study-partial/1";

/// Who acts.
const NOBODY: &str = "nobody";

/// Storms of one block.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    pub(super) population: usize,
    pub(super) block: u64,
    pub(super) storms: Vec<Storm>,
}

/// One storm.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Storm {
    pub(super) index: u64,
    pub(super) outcome: Outcome,
    /// Demand when it begins, MW.
    pub(super) demand_mw: f64,
    /// With what the solver gave up on as lost.
    pub(super) lost: Served,
    /// With that as served, where it gave up.
    pub(super) served: Option<Served>,
    /// Branches in service.
    pub(super) branches: Course,
    /// Branches that were lost, ascending.
    pub(super) lines: Vec<BranchIdx>,
}

/// Its service, counted one way.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Served {
    /// Unserved energy, MWh.
    pub(super) mwh: f64,
    /// Demand served, less what moved by itself.
    pub(super) served_mw: Course,
    pub(super) interruptions: Count,
}

impl Served {
    fn of(service: &Service) -> Self {
        Served {
            mwh: service.unserved_mwh(),
            served_mw: service.served_mw.clone(),
            interruptions: service.interruptions.count(),
        }
    }
}

impl Storm {
    fn of(trajectory: &Trajectory) -> Option<Self> {
        let (episode, both) = (&trajectory.episode, trajectory.service.as_ref()?);
        let gave_up = episode.outcome == Outcome::SolverGaveUp;
        Some(Storm {
            index: episode.index,
            outcome: episode.outcome,
            demand_mw: both.lost.initial_demand_mw(),
            lost: Served::of(&both.lost),
            served: gave_up.then(|| Served::of(&both.served)),
            branches: both.lost.branches.clone(),
            lines: both.lost.lost().collect(),
        })
    }
}

/// What one thread works with.
pub(super) struct Worker<'a> {
    prepared: &'a Prepared,
    solver: Solver,
}

impl<'a> Worker<'a> {
    pub(super) fn new(prepared: &'a Prepared, solver: Solver) -> Self {
        Worker { prepared, solver }
    }

    /// Lives the storms of a block of a population.
    pub(super) fn block(&mut self, population: usize, block: u64) -> Block {
        let first = block * COHORT as u64;
        let most = self.prepared.populations[population].size_max;
        let indices: Vec<u64> = (first..most.min(first.saturating_add(COHORT as u64))).collect();
        Block { population, block, storms: self.storms(population, &indices, None) }
    }

    /// Lives these storms of a population, at most a block of them; one branch withstands where it is named.
    pub(super) fn storms(
        &mut self,
        population: usize,
        indices: &[u64],
        withstands: Option<BranchIdx>,
    ) -> Vec<Storm> {
        self.lives(population, indices, withstands).iter().filter_map(Storm::of).collect()
    }

    /// The service of one storm of a population, element by element.
    pub(super) fn service(&mut self, population: usize, index: u64) -> Option<Service> {
        Some(self.lives(population, &[index], None).pop()?.service?.lost)
    }

    fn lives(
        &mut self,
        population: usize,
        indices: &[u64],
        withstands: Option<BranchIdx>,
    ) -> Vec<Trajectory> {
        let mut scenarios = drawn(self.prepared, &self.prepared.populations[population], indices);
        if let Some(branch) = withstands {
            for (scenario, _) in &mut scenarios {
                *scenario = Arc::new(without(scenario, branch));
            }
        }
        let mut cohort = cohort_of(self.prepared, &mut self.solver, NOBODY, scenarios, COHORT, false);
        live(&mut cohort, &mut Idle)
    }
}

/// The scenario in which a branch does not fail. It can still be opened by a relay.
fn without(scenario: &Scenario, withstands: BranchIdx) -> Scenario {
    let of_it = |event: &Event| match event {
        Event::BranchOut { branch } | Event::BranchBack { branch } => *branch == withstands,
        _ => false,
    };
    let left = scenario.timeline.iter().filter(|timed| !of_it(&timed.event));
    Scenario { timeline: left.cloned().collect(), ..scenario.clone() }
}
