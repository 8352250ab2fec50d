//! Laws of the linear power flow.

use powerflow::{BusIdx, Index, NewtonConfig, Slack, solve_linear};
use proptest::prelude::*;

use super::grid::{Dice, build, cases, recipe};

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn flows_of_two_injections_are_the_sum_of_their_flows(recipe in recipe(), seed in any::<u64>()) {
        let mut case = recipe.case();
        // Shifts, conductances and schedules are an offset; without them the flow is linear and not only affine.
        case.branches.iter_mut().for_each(|b| b.shift_deg = 0.0);
        case.shunts.clear();
        case.units.iter_mut().for_each(|u| u.p_mw = 0.0);
        case.buses.iter_mut().for_each(|b| b.va_deg = 0.0);
        let network = build(case);
        let config = NewtonConfig { slack: Slack::Single, ..NewtonConfig::default() };
        let mut dice = Dice(seed);
        let mut states = [network.initial_state(), network.initial_state(), network.initial_state()];
        for row in 0..network.buses.id.len() {
            let bus = BusIdx::from_row(row);
            let (a, b) = (dice.between(-1.0, 1.0), dice.between(-1.0, 1.0));
            for (state, demand) in states.iter_mut().zip([a, b, a + b]) {
                state.demand_p_pu[bus] = demand;
            }
        }
        let flows: Vec<_> = states
            .iter()
            .map(|s| solve_linear(&network, s, &config).map(|f| f.branch_p_pu))
            .collect::<Result<_, _>>()
            .map_err(|e| TestCaseError::fail(e.to_string()))?;
        for ((a, b), both) in flows[0].iter().zip(&flows[1]).zip(&flows[2]) {
            prop_assert!((a + b - both).abs() < 1e-9, "{a} and {b} are {both}");
        }
    }

    #[test]
    fn every_bus_balances_and_units_stay_in_range(recipe in recipe(), demand in 0.3f64..2.0) {
        let mut case = recipe.case();
        case.loads.iter_mut().for_each(|l| l.p_mw *= demand);
        let network = build(case);
        let state = network.initial_state();
        for slack in [Slack::Single, Slack::Distributed] {
            let config = NewtonConfig { slack, ..NewtonConfig::default() };
            let flow = solve_linear(&network, &state, &config).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let mut left: Vec<f64> = state.demand_p_pu.as_slice().iter().map(|d| -d).collect();
            for (unit, bus) in network.units.bus.iter() {
                left[bus.row()] += flow.unit_p_pu[unit.row()];
                if slack == Slack::Distributed && state.unit_on[unit] {
                    let p = flow.unit_p_pu[unit.row()];
                    prop_assert!(p > state.unit_p_low_pu[unit] - 1e-8 && p < state.unit_p_high_pu[unit] + 1e-8);
                }
            }
            for (shunt, bus) in network.shunts.bus.iter() {
                left[bus.row()] -= if state.shunt_step[shunt] > 0 { network.shunts.g_pu[shunt] } else { 0.0 };
            }
            for (branch, from) in network.branches.from.iter() {
                left[from.row()] -= flow.branch_p_pu[branch.row()];
                left[network.branches.to[branch].row()] += flow.branch_p_pu[branch.row()];
            }
            let gap: f64 = left.iter().map(|l| l.abs()).sum();
            prop_assert!((gap - flow.unmet_pu).abs() < 1e-8, "{gap} is left, {} unmet", flow.unmet_pu);
        }
    }
}
