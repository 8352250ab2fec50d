//! Where there is no answer there is none: a divergence that names a bus, never a number that is no number.

use std::sync::Arc;

use powerflow::case::Case;
use powerflow::{BusIdx, Index, Network, NewtonConfig, ReactiveLimits, Slack, Solver, Start};
use proptest::prelude::*;

use super::grid::{Dice, cases, recipe, textbook};
use super::kirchhoff::{leftovers, polar, worst};

/// Every way to solve.
fn configs() -> Vec<NewtonConfig> {
    let mut all = Vec::new();
    for reactive_limits in [ReactiveLimits::Ignore, ReactiveLimits::Enforce] {
        for slack in [Slack::Single, Slack::Distributed] {
            for start in [Start::Case, Start::Flat, Start::Dc] {
                all.push(NewtonConfig { reactive_limits, slack, start, ..NewtonConfig::default() });
            }
        }
    }
    all
}

/// An answer is right by an independent balance, a refusal names a bus of the grid with finite numbers.
fn right_or_refused(network: &Arc<Network>, config: &NewtonConfig) -> Result<bool, TestCaseError> {
    let mut solver = Solver::new(network);
    let state = network.initial_state();
    match solver.solve(&state, None, config) {
        Err(divergence) => {
            prop_assert!(network.bus(divergence.worst_bus).is_ok());
            prop_assert!(divergence.mismatch_mw.is_finite() && divergence.mismatch_mvar.is_finite());
            prop_assert!(!divergence.to_string().contains("NaN"));
            prop_assert!(!divergence.tried.is_empty());
            Ok(false)
        }
        Ok(solution) => {
            let finite = |column: &[f64]| column.iter().all(|x| x.is_finite());
            prop_assert!(finite(solution.unit_p_pu.as_slice()) && finite(solution.unit_q_pu.as_slice()));
            prop_assert!(solution.mismatch_pu.is_finite() && solution.unmet_pu().is_finite());
            let flows = solver.flows(&state, &solution);
            for column in [&flows.p_from_pu, &flows.q_from_pu, &flows.p_to_pu, &flows.q_to_pu] {
                prop_assert!(finite(column.as_slice()));
            }
            let voltages = polar(network, &solution);
            prop_assert!(voltages.iter().flatten().all(|(v, a)| v.is_finite() && a.is_finite() && *v > 0.0));
            // The sum at a bus of these magnitudes cannot be more exact than this.
            let largest = network.branches.from.indices().fold(1.0f64, |largest, b| {
                let size = network.branches.resistance_pu[b].hypot(network.branches.reactance_pu[b]);
                largest.max(1.0 / size)
            });
            let demand = state.demand_p_pu.as_slice().iter().fold(1.0f64, |a, b| a.max(b.abs()));
            let highest = voltages.iter().flatten().fold(1.0f64, |a, (v, _)| a.max(*v));
            let left = worst(&leftovers(network, &state, &solution, &voltages));
            prop_assert!(left < 1e-6 + 1e-12 * (largest * highest * highest + demand), "{left} pu");
            Ok(true)
        }
    }
}

/// One or more values that no engineer would write but a file may hold.
fn absurd(case: &mut Case, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        let bus = dice.below(case.buses.len());
        let (branch, unit) = (dice.below(case.branches.len()), dice.below(case.units.len()));
        let load = dice.below(case.loads.len().max(1));
        match dice.below(14) {
            0 => (case.branches[branch].r_pu, case.branches[branch].x_pu) = (0.0, 1e-9),
            1 => case.branches[branch].x_pu = -case.branches[branch].x_pu,
            2 => (case.branches[branch].r_pu, case.branches[branch].x_pu) = (1e-7, 0.0),
            3 => case.branches[branch].x_pu = 1e9,
            4 => case.branches[branch].tap = 1e-3,
            5 => case.branches[branch].shift_deg = 180.0,
            6 if load < case.loads.len() => case.loads[load].p_mw = 1e9,
            7 if load < case.loads.len() => case.loads[load].q_mvar = -1e9,
            8 => case.units[unit].v_set_pu = 0.5,
            9 => (case.units[unit].q_min_mvar, case.units[unit].q_max_mvar) = (0.0, 0.0),
            10 => (case.units[unit].p_min_mw, case.units[unit].p_max_mw) = (f64::NEG_INFINITY, f64::INFINITY),
            11 => {
                (case.units[unit].p_min_mw, case.units[unit].p_max_mw) =
                    (case.units[unit].p_mw, case.units[unit].p_mw)
            }
            12 => {
                (case.units[unit].q_min_mvar, case.units[unit].q_max_mvar) =
                    (f64::NEG_INFINITY, f64::INFINITY)
            }
            _ => (case.buses[bus].vm_pu, case.buses[bus].va_deg) = (dice.between(0.0, 5.0), 1e6),
        }
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn absurd_values_are_solved_rightly_or_refused(recipe in recipe(), seed in any::<u64>()) {
        let mut case = recipe.case();
        absurd(&mut case, &mut Dice(seed));
        // What the check refuses is refused before anything is solved.
        if let Ok(network) = Network::build(case) {
            for config in configs() {
                right_or_refused(&network, &config)?;
            }
        }
    }

    #[test]
    fn a_demand_beyond_what_lines_carry_is_refused(recipe in recipe(), factor in 1.01f64..1e4) {
        let mut case = recipe.case();
        // Set-points are at most 1.04 pu; behind a bridge of impedance z that ends at one of these, no more than
        // E^2 / (2 (|z| + r)) can be drawn at unity power factor.
        let reference = case.buses[0].id;
        let (r, x): (f64, f64) = (0.01, 0.1);
        let z = r.hypot(x);
        let e = case.units.iter().filter(|u| u.bus == reference).map(|u| u.v_set_pu).next_back();
        let Some(e) = e else { return Ok(()) };
        let most_mw = case.base_mva.0 * e * e / (2.0 * (z + r));
        let end = powerflow::BusId(999_999);
        case.buses.push(powerflow::case::CaseBus {
            id: end, kind: powerflow::case::BusKind::Pq, ..case.buses[0].clone()
        });
        case.branches.push(powerflow::case::CaseBranch {
            from: reference, to: end, r_pu: r, x_pu: x, tap: 1.0, shift_deg: 0.0,
            from_shunt_pu: (0.0, 0.0), to_shunt_pu: (0.0, 0.0), ..case.branches[0].clone()
        });
        case.loads.push(powerflow::case::CaseLoad {
            bus: end, p_mw: most_mw * factor, q_mvar: 0.0, in_service: true,
        });
        let network = super::grid::build(case);
        for start in [Start::Case, Start::Flat, Start::Dc] {
            let solved = right_or_refused(&network, &NewtonConfig { start, ..textbook() })?;
            prop_assert!(!solved, "{} of what can be drawn", factor);
        }
    }

    #[test]
    fn two_buses_have_the_voltage_of_the_closed_form(
        share in 0.05f64..0.995, x_pu in 0.01f64..0.5, e in 0.95f64..1.05,
    ) {
        // Lossless, unity power factor: V^2 = E^2/2 + sqrt(E^4/4 - x^2 p^2), and p is at most E^2 / 2x.
        let p_pu = share * e * e / (2.0 * x_pu);
        let mut case = Case::two_bus_example();
        let line = &mut case.branches[0];
        (line.r_pu, line.x_pu, line.from_shunt_pu, line.to_shunt_pu) = (0.0, x_pu, (0.0, 0.0), (0.0, 0.0));
        (case.loads[0].p_mw, case.loads[0].q_mvar) = (p_pu * 100.0, 0.0);
        case.units[0].v_set_pu = e;
        let network = super::grid::build(case);
        let solution = powerflow::solve(&network, &textbook());
        prop_assert!(solution.is_ok(), "{solution:?}");
        let v = solution.ok().and_then(|s| s.vm_pu(BusIdx::from_row(1))).unwrap_or(0.0);
        let exact = (e * e / 2.0 + (e.powi(4) / 4.0 - (x_pu * p_pu).powi(2)).sqrt()).sqrt();
        // Near the nose a mismatch of 1e-10 moves the voltage by its root.
        prop_assert!((v - exact).abs() < 1e-7, "{v} against {exact}");
    }
}
