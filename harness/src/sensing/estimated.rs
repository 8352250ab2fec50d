//! The estimator in the loop: from reports of all meters to voltages, angles and flows.

use std::sync::Arc;

use powerflow::estimation::{Estimate, Estimator, MeterSet};
use powerflow::{BranchIdx, BusIdx, Column, Network, Solution, Solver, State, UnitIdx};
use scenarios::Moment;

use crate::observation::Observed;
use crate::statistic::chi_squared;

/// Estimators that are kept: after this many states of switches the oldest goes, and is made again where it is needed.
const KEPT: usize = 64;

/// What estimation came to in one episode.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EstimationTally {
    /// Steps at which the estimate contradicted its readings at the suite's level.
    pub alarms: u64,
    /// Steps at which there was no estimate.
    pub missing: u64,
    /// Largest distance of an estimated voltage from the true one, pu.
    pub error_pu: f64,
}

/// All of a state that an estimator is made for.
#[derive(Clone, Debug, PartialEq)]
struct Switches {
    topology: Arc<powerflow::Topology>,
    branch_on: Column<BranchIdx, bool>,
    unit_on: Column<UnitIdx, bool>,
    tap_ratio: Column<BranchIdx, f64>,
    shunt_step: Column<powerflow::ShuntIdx, u32>,
    references: Vec<BusIdx>,
}

impl Switches {
    fn of(state: &State) -> Self {
        Switches {
            topology: Arc::clone(&state.topology),
            branch_on: state.branch_on.clone(),
            unit_on: state.unit_on.clone(),
            tap_ratio: state.tap_ratio.clone(),
            shunt_step: state.shunt_step.clone(),
            references: state.references.clone(),
        }
    }
}

/// Estimators by state of switches. Each is a function of that state alone, so it does not matter who asked first.
#[derive(Debug, Default)]
pub(crate) struct Estimators {
    kept: Vec<(Switches, Option<Arc<Estimator>>)>,
}

impl Estimators {
    /// That of a state; `None` where the meters are unusable.
    pub(super) fn of(
        &mut self,
        solver: &mut Solver,
        state: &State,
        meters: &MeterSet,
        base: Option<&Solution>,
    ) -> Option<Arc<Estimator>> {
        let switches = Switches::of(state);
        if let Some((_, estimator)) = self.kept.iter().find(|(kept, _)| *kept == switches) {
            return estimator.clone();
        }
        let plan = solver.plan(&state.topology);
        let made = Estimator::new(solver.network(), &plan, state, meters, base).ok().map(Arc::new);
        if self.kept.len() == KEPT {
            self.kept.remove(0);
        }
        self.kept.push((switches, made.clone()));
        made
    }
}

/// What is shown instead of the truth, in this order.
pub(super) const SHOWN: [Observed; 6] = [
    Observed::BusVm,
    Observed::BusVa,
    Observed::BusEnergised,
    Observed::BranchPFrom,
    Observed::BranchQFrom,
    Observed::BranchLoading,
];

/// A usable estimate, as it is shown.
#[derive(Debug)]
pub(super) struct Picture {
    /// Since when the oldest reading behind it is known.
    pub(super) known: Moment,
    /// Cells of [`SHOWN`].
    pub(super) cells: [Vec<f64>; 6],
}

impl Picture {
    /// Of an estimate; `rating_pu` is that of a branch now, where it has one.
    pub(super) fn of(
        network: &Network,
        estimator: &Estimator,
        estimate: &Estimate,
        rating_pu: &dyn Fn(BranchIdx) -> Option<f64>,
        known: Moment,
    ) -> Self {
        let (flows, _) = estimator.flows(estimate);
        let base = network.base;
        let bus = |of: &dyn Fn(powerflow::Complex) -> f64| {
            let voltage = |bus: BusIdx| estimate.voltage(bus).map_or(0.0, of);
            network.buses.id.indices().map(voltage).collect::<Vec<f64>>()
        };
        let branch =
            |of: &dyn Fn(BranchIdx) -> f64| network.branches.from.indices().map(of).collect::<Vec<f64>>();
        let cells = [
            bus(&|v| v.abs()),
            bus(&|v| libm::atan2(v.im, v.re).to_degrees()),
            bus(&|_| 1.0),
            branch(&|row| base.from_pu(flows.p_from_pu[row])),
            branch(&|row| base.from_pu(flows.q_from_pu[row])),
            branch(&|row| rating_pu(row).map_or(0.0, |rating| flows.apparent_pu(row) / rating)),
        ];
        Picture { known, cells }
    }
}

impl EstimationTally {
    /// Takes an estimate into account, beside the truth.
    pub(super) fn count(
        &mut self,
        estimate: &Estimate,
        truth: Option<&Solution>,
        network: &Network,
        alpha: f64,
    ) {
        let limit = chi_squared::exceeded_with(alpha, estimate.degrees_of_freedom);
        // Without redundancy nothing can be contradicted.
        self.alarms += u64::from(limit.is_some_and(|limit| estimate.objective > limit));
        for bus in network.buses.id.indices() {
            let (Some(found), Some(truth)) =
                (estimate.voltage(bus), truth.and_then(|truth| truth.voltage(bus)))
            else {
                continue;
            };
            let off = powerflow::Complex { re: found.re - truth.re, im: found.im - truth.im }.abs();
            self.error_pu = self.error_pu.max(off);
        }
    }
}
