//! The operator's own model of the grid: from what is seen to a correction of it.

use std::sync::Arc;

use powerflow::{
    Balance, BranchIdx, BusIdx, Index, LinearModel, Network, NewtonConfig, Plan, Quantity, Slack, Solver,
    State, Topology, UnitIdx,
};

use super::super::seen_state::seen_state;
use super::correction::{Correction, Limit};
use super::unit;
use crate::observation::{Observations, Observed};

/// A branch above this share of its rating is an alarm: what metering cannot tell from one hundred per cent is none.
const ALARM_LOADING: f64 = 1.001;
/// Branches above this share of their rating are watched while others are relieved.
const WATCHED_LOADING: f64 = 0.7;
/// Branches are relieved to this share of their rating: the linear model is not exact.
const RELIEVED_LOADING: f64 = 0.98;
/// A voltage this far outside its limits is an alarm, pu (contracts of the loop: a violation counts beyond it).
const ALARM_PU: f64 = 1e-4;
/// Voltages nearer to a limit than this are watched while others are corrected, pu.
const WATCHED_PU: f64 = 0.02;
/// Voltages are brought so far inside, pu.
const INSIDE_PU: f64 = 0.002;
/// Quantities watched at most, the worst first.
const WATCHED_MAX: usize = 300;
/// Minutes of ramp that one correction may use: the ten-minute reserve.
const RAMP_MIN: f64 = 10.0;
/// Ramp of a unit whose file has none, as a share of its largest power per minute (Eppstein and Hines, IEEE TPWRS 27(3), 2012).
const RAMP_SHARE_PER_MIN: f64 = 0.05;

/// See the module.
pub(super) struct Desk {
    network: Arc<Network>,
    plan: Arc<Plan>,
    solver: Solver,
}

impl Desk {
    pub(super) fn new(network: &Arc<Network>) -> Self {
        let plan = Arc::new(Plan::new(network, &Arc::new(Topology::unsplit())));
        Desk { network: Arc::clone(network), solver: Solver::with_plan(network, Arc::clone(&plan)), plan }
    }

    /// Whether a branch is above its rating.
    pub(super) fn is_overloaded(&self, seen: &Observations, row: usize) -> bool {
        seen.of(Observed::BranchLoading).row(row).iter().any(|loading| *loading > ALARM_LOADING)
    }

    /// Whether a live bus is outside its voltage limits.
    pub(super) fn is_outside(&self, seen: &Observations, row: usize) -> bool {
        self.buses(seen, row).any(|(_, low, high)| low > ALARM_PU || high > ALARM_PU)
    }

    /// Live buses with how far each is below its lower and above its upper limit, pu; negative inside.
    fn buses(&self, seen: &Observations, row: usize) -> impl Iterator<Item = (BusIdx, f64, f64)> {
        let buses = &self.network.buses;
        let live = seen.of(Observed::BusEnergised).row(row);
        let vm = seen.of(Observed::BusVm).row(row);
        buses.id.indices().filter(|bus| live[bus.row()] > 0.5).map(|bus| {
            let v = vm[bus.row()];
            (bus, buses.voltage_pu_min[bus] - v, v - buses.voltage_pu_max[bus])
        })
    }

    /// Which running units can move their power, and how far within ramp and range, pu.
    fn power_reach(&self, state: &State, seen: &Observations, row: usize) -> (Vec<UnitIdx>, Vec<(f64, f64)>) {
        let units = &self.network.units;
        let live = seen.of(Observed::BusEnergised).row(row);
        let set = seen.of(Observed::UnitPSet).row(row);
        let mut moving = (Vec::new(), Vec::new());
        for at in (0..units.bus.len()).map(unit) {
            let (low, high) = (units.p_min_pu[at], units.p_max_pu[at]);
            let moves =
                state.unit_on[at] && live[units.bus[at].row()] > 0.5 && high > low && high.is_finite();
            if !moves {
                continue;
            }
            let now = self.network.base.to_pu(set[at.row()]);
            let ramp = units.ramp_pu_per_min[at].unwrap_or(RAMP_SHARE_PER_MIN * high.abs()) * RAMP_MIN;
            moving.0.push(at);
            moving.1.push(((low - now).max(-ramp).min(0.0), (high - now).min(ramp).max(0.0)));
        }
        moving
    }

    /// What power could be moved to end overloads, by transfer factors; `None` where the linear model has no answer.
    pub(super) fn redispatch(&self, seen: &Observations, row: usize) -> Option<Correction> {
        let state = seen_state(&self.network, seen, row);
        let model = LinearModel::new(&self.network, &self.plan, &state, Slack::Distributed).ok()?;
        let (units, reach) = self.power_reach(&state, seen, row);
        let loading = seen.of(Observed::BranchLoading).row(row);
        let mut watched: Vec<BranchIdx> = (0..loading.len())
            .filter(|at| loading[*at] > WATCHED_LOADING)
            .map(BranchIdx::from_row)
            .filter(|branch| model.carries(*branch))
            .collect();
        watched.sort_by(|a, b| loading[b.row()].total_cmp(&loading[a.row()]).then(a.cmp(b)));
        watched.truncate(WATCHED_MAX);
        let base = self.network.base;
        let p = seen.of(Observed::BranchPFrom).row(row);
        let q = seen.of(Observed::BranchQFrom).row(row);
        let ratings = seen.of(Observed::BranchRating).row(row);
        let mut limits = Vec::with_capacity(watched.len());
        model
            .transfer_rows(&watched, Balance::Reference, &mut |branch, factors| {
                let (p, q) = (base.to_pu(p[branch.row()]), base.to_pu(q[branch.row()]));
                // As it is now: in heat a branch may carry less than its file says.
                let most = RELIEVED_LOADING * base.to_pu(ratings[branch.row()]);
                // Reactive power stays: what is left of the rating is for active power.
                let active = (most * most - q * q).max(0.0).sqrt();
                let sign = if p < 0.0 { -1.0 } else { 1.0 };
                let effect =
                    units.iter().map(|at| sign * factors[self.network.units.bus[*at].row()]).collect();
                let room = active - p.abs();
                // What is between relieved and alarm is nobody's violation; it must only not grow.
                let room = if loading[branch.row()] <= ALARM_LOADING { room.max(0.0) } else { room };
                limits.push(Limit { effect, room });
            })
            .ok()?;
        Some(Correction { units, reach, limits, balanced: true, unit_of_moves: base.from_pu(1.0) })
    }

    /// Which voltage set-points could bring voltages inside their limits, by the sensitivities of the state that is seen; `None` where
    /// that has no power flow.
    pub(super) fn set_points(&mut self, seen: &Observations, row: usize) -> Option<Correction> {
        let state = seen_state(&self.network, seen, row);
        let config = NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() };
        let solution = self.solver.solve(&state, None, &config).ok()?;
        let sensitivities = self.solver.sensitivities(&state, &solution, &config).ok()?;
        let network = Arc::clone(&self.network);
        let (all, buses) = (&network.units, &network.buses);
        let live = seen.of(Observed::BusEnergised).row(row);
        // One unit speaks for its bus: the others there follow the same set-point.
        let mut units: Vec<UnitIdx> = Vec::new();
        let mut reach = Vec::new();
        for at in (0..all.bus.len()).map(unit) {
            let bus = all.bus[at];
            let speaks = state.unit_on[at] && all.regulates[at] && live[bus.row()] > 0.5;
            if speaks && !units.iter().any(|other| all.bus[*other] == bus) {
                let now = state.unit_v_set_pu[at];
                units.push(at);
                reach.push((
                    (buses.voltage_pu_min[bus] - now).min(0.0),
                    (buses.voltage_pu_max[bus] - now).max(0.0),
                ));
            }
        }
        let mut watched: Vec<(BusIdx, f64, f64)> = self
            .buses(seen, row)
            .flat_map(|(bus, low, high)| [(bus, -1.0, low), (bus, 1.0, high)])
            .filter(|(_, _, over)| *over > -WATCHED_PU)
            .collect();
        watched.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.0.cmp(&b.0)));
        watched.truncate(WATCHED_MAX);
        let mut limits = Vec::with_capacity(watched.len());
        for (bus, sign, over) in watched {
            let Some(gradient) = sensitivities.gradient(Quantity::Vm(bus)) else { continue };
            let effect = units.iter().map(|at| sign * gradient.v_set[all.bus[*at]]).collect();
            let room = if over > ALARM_PU { -over - INSIDE_PU } else { (-over - INSIDE_PU).max(0.0) };
            limits.push(Limit { effect, room });
        }
        Some(Correction { units, reach, limits, balanced: false, unit_of_moves: 1.0 })
    }
}
