//! What is said differently but means the same has the same answer.

use std::sync::Arc;

use powerflow::case::Case;
use powerflow::units::MvaBase;
use powerflow::{BusId, Slack};
use proptest::prelude::*;

use super::grid::{
    Dice, Recipe, Solved, assert_same, assert_same_mw, assert_same_voltages, cases, operated, pair, recipe,
    stored_cases, textbook,
};

/// Other numbers for the buses and another order of everything, with the new row of each old branch and unit.
fn shuffled(case: &Case, seed: u64) -> (Case, Vec<usize>, Vec<usize>) {
    let mut dice = Dice(seed);
    let mut shuffled = case.clone();
    let renamed = |bus: BusId| BusId(bus.0 * 7 + 100_000);
    shuffled.buses.iter_mut().for_each(|b| b.id = renamed(b.id));
    shuffled.loads.iter_mut().for_each(|l| l.bus = renamed(l.bus));
    shuffled.shunts.iter_mut().for_each(|s| s.bus = renamed(s.bus));
    shuffled.branches.iter_mut().for_each(|b| (b.from, b.to) = (renamed(b.from), renamed(b.to)));
    shuffled.units.iter_mut().for_each(|u| u.bus = renamed(u.bus));
    dice.shuffle(&mut shuffled.buses);
    dice.shuffle(&mut shuffled.loads);
    dice.shuffle(&mut shuffled.shunts);
    let mut order = |n: usize| {
        let mut order: Vec<usize> = (0..n).collect();
        dice.shuffle(&mut order);
        order
    };
    let (branches, units) = (order(case.branches.len()), order(case.units.len()));
    shuffled.branches = branches.iter().map(|row| shuffled.branches[*row].clone()).collect();
    shuffled.units = units.iter().map(|row| shuffled.units[*row].clone()).collect();
    (shuffled, branches, units)
}

fn renumbering_changes_nothing(case: &Case, seed: u64) -> Result<(), TestCaseError> {
    for config in [textbook(), operated()] {
        let (other, branches, units) = shuffled(case, seed);
        let (a, b) = (Solved::initial(case.clone(), &config), Solved::initial(other, &config));
        let Some((a, b)) = pair(a, b, &config)? else { continue };
        for bus in &case.buses {
            let renamed = BusId(bus.id.0 * 7 + 100_000);
            let (va, vb) = (a.voltage(bus.id), b.voltage(renamed));
            prop_assert_eq!(va.is_some(), vb.is_some());
            if let Some((va, vb)) = va.zip(vb) {
                prop_assert!((va.0 - vb.0).abs() < 1e-7, "bus {}: {va:?} against {vb:?}", bus.id);
            }
        }
        for (new, old) in branches.iter().enumerate() {
            assert_same_mw(&format!("branch {}", old + 1), &a.flow_mw(*old), &b.flow_mw(new))?;
        }
        for (new, old) in units.iter().enumerate() {
            let (before, after) = (a.unit_mw(*old), b.unit_mw(new));
            // A single slack is booked on the first unit of its bus in the file, which is now another.
            let booked = usize::from(config.slack == Slack::Single);
            assert_same_mw(&format!("unit {}", old + 1), &before[booked..], &after[booked..])?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn renumbering_and_reordering_change_no_flow(recipe in recipe(), seed in any::<u64>()) {
        renumbering_changes_nothing(&recipe.case(), seed)?;
    }

    #[test]
    fn a_line_turned_round_has_its_flows_mirrored(recipe in recipe()) {
        let case = recipe.case();
        let mut turned = case.clone();
        for line in turned.branches.iter_mut().filter(|b| b.tap == 1.0 && b.shift_deg == 0.0) {
            std::mem::swap(&mut line.from, &mut line.to);
            std::mem::swap(&mut line.from_shunt_pu, &mut line.to_shunt_pu);
        }
        for config in [textbook(), operated()] {
            let (a, b) = (Solved::initial(case.clone(), &config), Solved::initial(turned.clone(), &config));
            let Some((a, b)) = pair(a, b, &config)? else { continue };
            assert_same_voltages(&a, &b)?;
            for (row, line) in case.branches.iter().enumerate() {
                let (before, [p_from, q_from, p_to, q_to]) = (a.flow_mw(row), b.flow_mw(row));
                let mirrored = if line.tap == 1.0 && line.shift_deg == 0.0 {
                    [p_to, q_to, p_from, q_from]
                } else {
                    [p_from, q_from, p_to, q_to]
                };
                assert_same_mw(&format!("branch {}", row + 1), &before, &mirrored)?;
            }
        }
    }

    #[test]
    fn the_power_base_changes_nothing_in_megawatts(recipe in recipe(), base in 10.0f64..900.0) {
        let case = recipe.case();
        let mut other = case.clone();
        let ratio = base / case.base_mva.0;
        other.base_mva = MvaBase(base);
        for branch in &mut other.branches {
            (branch.r_pu, branch.x_pu) = (branch.r_pu * ratio, branch.x_pu * ratio);
            for shunt in [&mut branch.from_shunt_pu, &mut branch.to_shunt_pu] {
                *shunt = (shunt.0 / ratio, shunt.1 / ratio);
            }
        }
        for config in [textbook(), operated()] {
            let (a, b) = (Solved::initial(case.clone(), &config), Solved::initial(other.clone(), &config));
            if let Some((a, b)) = pair(a, b, &config)? {
                assert_same(&a, &b)?;
            }
        }
    }

    #[test]
    fn two_branches_of_double_impedance_are_one(recipe in recipe(), pick in any::<prop::sample::Index>()) {
        let case = recipe.case();
        let mut split = case.clone();
        let at = pick.index(case.branches.len());
        let half = &mut split.branches[at];
        (half.r_pu, half.x_pu) = (half.r_pu * 2.0, half.x_pu * 2.0);
        for shunt in [&mut half.from_shunt_pu, &mut half.to_shunt_pu] {
            *shunt = (shunt.0 / 2.0, shunt.1 / 2.0);
        }
        let half = half.clone();
        split.branches.push(half);
        for config in [textbook(), operated()] {
            let (a, b) = (Solved::initial(case.clone(), &config), Solved::initial(split.clone(), &config));
            let Some((a, b)) = pair(a, b, &config)? else { continue };
            assert_same_voltages(&a, &b)?;
            let last = b.network.branches.from.len() - 1;
            let (first, second) = (b.flow_mw(at), b.flow_mw(last));
            let joined: Vec<f64> = first.iter().zip(second).map(|(x, y)| x + y).collect();
            assert_same_mw("the split branch", &a.flow_mw(at), &joined)?;
        }
    }

    #[test]
    fn the_same_state_twice_is_the_same_to_the_last_bit(recipe in recipe()) {
        let case = recipe.case();
        let network = super::grid::build(case);
        let state = network.initial_state();
        let mut solver = powerflow::Solver::new(&network);
        let first = solver.solve(&state, None, &operated());
        let mut other = state.clone();
        other.branch_on[powerflow::Index::from_row(0)] = false;
        // Whatever was solved in between leaves nothing behind.
        let between = solver.solve(&other, first.as_ref().ok(), &operated()).is_ok();
        let again = solver.solve(&state, None, &operated());
        let fresh = powerflow::Solver::new(&Arc::clone(&network)).solve(&state, None, &operated());
        let bytes = |answer: &Result<powerflow::Solution, powerflow::Divergence>| format!("{answer:?}");
        prop_assert_eq!(bytes(&first), bytes(&again), "solved in between: {}", between);
        prop_assert_eq!(bytes(&first), bytes(&fresh));
    }
}

#[test]
fn renumbering_and_reordering_change_no_flow_of_stored_cases() {
    for case in stored_cases() {
        // Units of one bus may differ in their set-point, and the last in the file counts: these have none such.
        renumbering_changes_nothing(&case, 7).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    }
}

#[test]
fn a_recipe_is_a_grid_that_is_checked() {
    let recipe = Recipe { buses: 12, chords: 3, ring: true, seed: 1 };
    let complaints = powerflow::case::check(&recipe.case());
    assert!(!complaints.has_errors(), "{complaints}");
}
