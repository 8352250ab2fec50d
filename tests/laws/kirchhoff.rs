//! Kirchhoff's law by an author other than the solver and its audit: the polar branch equations, file order, no
//! admittances, no patches.
//!
//! Source: MATPOWER User's Manual, section 3.2, written out in polar form.

use powerflow::case::BusKind;
use powerflow::{BusIdx, Index, ShuntIdx, Solution, State, UnitIdx};
use proptest::prelude::*;

use super::grid::{Recipe, Solved, cases, operated, recipe, stored_cases, textbook};
use powerflow::Network;

/// What is left over at each bus (P, Q), pu, at these voltages; `None` where the bus is not live.
pub(crate) fn leftovers(
    network: &Network,
    state: &State,
    solution: &Solution,
    polar: &[Option<(f64, f64)>],
) -> Vec<Option<(f64, f64)>> {
    let case = &network.case;
    let mut left: Vec<Option<(f64, f64)>> = polar.iter().map(|v| v.map(|_| (0.0, 0.0))).collect();
    let mut book = |row: usize, p: f64, q: f64| {
        if let Some(left) = &mut left[row] {
            *left = (left.0 + p, left.1 + q);
        }
    };
    for (row, branch) in case.branches.iter().enumerate() {
        let b = powerflow::BranchIdx::from_row(row);
        let (from, to) = (network.branches.from[b].row(), network.branches.to[b].row());
        let isolated = |row: usize| case.buses[row].kind == BusKind::Isolated;
        if !state.branch_on[b] || isolated(from) || isolated(to) {
            continue;
        }
        let (Some((vf, af)), Some((vt, at))) = (polar[from], polar[to]) else { continue };
        let size = branch.r_pu.powi(2) + branch.x_pu.powi(2);
        let (g, y) = (branch.r_pu / size, -branch.x_pu / size);
        let (gf, bf) = branch.from_shunt_pu;
        let (gt, bt) = branch.to_shunt_pu;
        let tap = state.tap_ratio[b];
        let (sin, cos) = (af - at - branch.shift_deg.to_radians()).sin_cos();
        let both = vf * vt / tap;
        book(from, -((g + gf) * (vf / tap).powi(2) - both * (g * cos + y * sin)), 0.0);
        book(from, 0.0, (y + bf) * (vf / tap).powi(2) + both * (g * sin - y * cos));
        book(to, -((g + gt) * vt * vt - both * (g * cos - y * sin)), 0.0);
        book(to, 0.0, (y + bt) * vt * vt - both * (g * sin + y * cos));
    }
    for row in 0..case.buses.len() {
        let bus = BusIdx::from_row(row);
        book(row, -state.demand_p_pu[bus], -state.demand_q_pu[bus]);
    }
    for row in 0..case.shunts.len() {
        let shunt = ShuntIdx::from_row(row);
        let (bus, step) = (network.shunts.bus[shunt].row(), state.shunt_step[shunt] as usize);
        if let (true, Some((v, _))) = (step > 0, polar[bus]) {
            let square = v * v;
            book(bus, -network.shunts.g_pu[shunt] * square, network.shunts.steps_pu[shunt][step] * square);
        }
    }
    for row in 0..case.units.len() {
        let unit = UnitIdx::from_row(row);
        book(network.units.bus[unit].row(), solution.unit_p_pu[unit], solution.unit_q_pu[unit]);
    }
    for island in &solution.islands {
        book(island.reference.row(), island.unmet_pu, 0.0);
    }
    left
}

/// Voltages of a solution, polar, by row.
pub(crate) fn polar(network: &Network, solution: &Solution) -> Vec<Option<(f64, f64)>> {
    network.buses.id.indices().map(|bus| solution.vm_pu(bus).zip(solution.va_rad(bus))).collect()
}

/// The largest leftover, pu.
pub(crate) fn worst(left: &[Option<(f64, f64)>]) -> f64 {
    left.iter().flatten().fold(0.0, |worst, (p, q)| {
        let size = p.abs().max(q.abs());
        if size > worst || size.is_nan() { size } else { worst }
    })
}

fn holds(solved: &Solved) -> Result<(), TestCaseError> {
    let voltages = polar(&solved.network, &solved.solution);
    let left = worst(&leftovers(&solved.network, &solved.state, &solved.solution, &voltages));
    prop_assert!(left < 1e-8, "{left} pu are left over");

    // A leftover is only worth something if wrong voltages leave one: 1e-5 pu at any bus is seen at once.
    for row in 0..voltages.len() {
        let mut wrong = voltages.clone();
        let Some((v, _)) = &mut wrong[row] else { continue };
        *v += 1e-5;
        let left = worst(&leftovers(&solved.network, &solved.state, &solved.solution, &wrong));
        prop_assert!(left > 1e-6, "1e-5 pu more at row {row} leave only {left} pu");
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn what_flows_in_flows_out_at_every_bus(recipe in recipe()) {
        for config in [textbook(), operated()] {
            if let Some(solved) = Solved::initial(recipe.case(), &config) {
                holds(&solved)?;
            }
        }
    }

    #[test]
    fn generation_is_demand_and_shunts_and_losses(recipe in recipe()) {
        for config in [textbook(), operated()] {
            let Some(solved) = Solved::initial(recipe.case(), &config) else { continue };
            let (network, solution) = (&solved.network, &solved.solution);
            let sum = |column: &[f64]| column.iter().sum::<f64>();
            let shunts: f64 = network.shunts.bus.iter().map(|(shunt, bus)| {
                let on = solved.state.shunt_step[shunt] > 0;
                let v = solution.vm_pu(*bus).unwrap_or(0.0);
                if on { network.shunts.g_pu[shunt] * v * v } else { 0.0 }
            }).sum();
            let unmet: f64 = solution.islands.iter().map(|i| i.unmet_pu).sum();
            let generation = sum(solution.unit_p_pu.as_slice());
            let demand = sum(solved.state.demand_p_pu.as_slice());
            let gap = generation + unmet - demand - shunts - solved.flows.losses_pu();
            prop_assert!(gap.abs() < 1e-8, "{gap} pu come from nowhere");
            prop_assert!(solved.flows.losses_pu() >= 0.0);
        }
    }
}

#[test]
fn what_flows_in_flows_out_at_every_bus_of_every_stored_case() {
    for case in stored_cases() {
        let name = case.name.clone();
        for config in [textbook(), operated()] {
            let solved = Solved::initial(case.clone(), &config).unwrap_or_else(|| panic!("{name}"));
            holds(&solved).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

#[test]
fn most_random_grids_have_a_solution() {
    // Or the laws would be about nothing.
    let mut solved = [0; 2];
    for seed in 0..100 {
        let recipe =
            Recipe { buses: 3 + seed % 38, chords: seed % 7, ring: seed % 2 == 0, seed: seed as u64 };
        for (count, config) in solved.iter_mut().zip([textbook(), operated()]) {
            *count += usize::from(Solved::initial(recipe.case(), &config).is_some());
        }
    }
    assert!(solved.iter().all(|count| *count >= 90), "{solved:?} of 100");
}
