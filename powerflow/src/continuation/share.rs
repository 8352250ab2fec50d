//! How much of a state has a solution: the rung of the ladder for states that have none as they are.

use crate::config::{NewtonConfig, Rescue, Start};
use crate::index::Index;
use crate::solution::Solution;
use crate::solver::Solver;
use crate::state::State;

/// The largest share is known to this much.
const RESOLUTION: f64 = 1e-6;

impl Solver {
    /// The largest share of a state, in (0, 1], that has a solution: every demand and every unit's schedule at `share`
    /// times what the state asks, with that solution. `None` where not even the unloaded grid has one.
    ///
    /// Found by halving, each attempt from the solution before it; the share is a lower bound within a millionth of one
    /// beyond which an attempt failed. Switches, taps, set-points and fixed reactive power of units stay.
    pub fn largest_solvable(&mut self, state: &State, config: &NewtonConfig) -> Option<(f64, Solution)> {
        largest_solvable_share(self, state, config)
    }
}

/// See [`Solver::largest_solvable`].
pub(crate) fn largest_solvable_share(
    solver: &mut Solver,
    state: &State,
    config: &NewtonConfig,
) -> Option<(f64, Solution)> {
    // Without load the angles are near zero and the magnitudes near their set-points, whatever the file has stored.
    let unloaded = NewtonConfig {
        start: Start::Flat,
        unsolved_islands_die: false,
        rescue: Rescue::Quick,
        ..config.clone()
    };
    let warm = NewtonConfig { rescue: Rescue::No, ..unloaded.clone() };
    let mut solved = solver.solve(&scaled(state, 0.0), None, &unloaded).ok()?;
    if let Ok(whole) = solver.solve(state, Some(&solved), &unloaded) {
        return Some((1.0, whole));
    }
    let (mut low, mut high) = (0.0, 1.0);
    while high - low > RESOLUTION {
        let middle = 0.5 * (low + high);
        match solver.solve(&scaled(state, middle), Some(&solved), &warm) {
            Ok(solution) => (low, solved) = (middle, solution),
            Err(_) => high = middle,
        }
    }
    (low > 0.0).then_some((low, solved))
}

/// A state with every demand and schedule at a share of what it asks.
fn scaled(state: &State, share: f64) -> State {
    let mut scaled = state.clone();
    let demands = scaled.demand_p_pu.as_mut_slice().iter_mut().chain(scaled.demand_q_pu.as_mut_slice());
    for power in demands.chain(scaled.unit_p_pu.as_mut_slice()) {
        *power *= share;
    }
    // A schedule below the minimum is what was asked for: the balance must not mend it.
    for row in 0..scaled.unit_p_pu.len() {
        let unit = crate::index::UnitIdx::from_row(row);
        let p = scaled.unit_p_pu[unit];
        scaled.unit_p_low_pu[unit] = scaled.unit_p_low_pu[unit].min(p);
        scaled.unit_p_high_pu[unit] = scaled.unit_p_high_pu[unit].max(p);
    }
    scaled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Case, Network, ReactiveLimits, Slack};

    /// A lossless line from a stiff source: at unity power factor the largest power is V^2 / 2X.
    #[test]
    fn a_line_carries_half_of_what_its_reactance_would() {
        let mut case = Case::two_bus_example();
        let line = &mut case.branches[0];
        (line.r_pu, line.x_pu, line.from_shunt_pu, line.to_shunt_pu) = (0.0, 0.1, (0.0, 0.0), (0.0, 0.0));
        let base = case.base_mva.from_pu(1.0);
        case.units[0].v_set_pu = 1.0;
        let load_pu = 8.0;
        case.loads[0].p_mw = load_pu * base;
        case.loads[0].q_mvar = 0.0;
        case.units[0].p_max_mw = 100.0 * base;
        let network = Network::build(case).expect("a sound case");
        let config = NewtonConfig {
            slack: Slack::Single,
            reactive_limits: ReactiveLimits::Ignore,
            ..NewtonConfig::default()
        };
        let state = network.initial_state();
        let mut solver = Solver::new(&network);
        assert!(solver.solve(&state, None, &config).is_err());
        let (share, solution) =
            solver.largest_solvable(&state, &config).expect("the unloaded grid is solved");
        assert!((share * load_pu - 5.0).abs() < 1e-4, "{share}");
        assert!(solution.mismatch_pu < 1e-6);
    }
}
