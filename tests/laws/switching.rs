//! What a state changes equals a grid that was built that way, and how it was reached does not matter.

use powerflow::case::Case;
use powerflow::{BranchIdx, BusStatus, Index, Network, ShuntIdx, Slack, Solver, State, UnitIdx};
use proptest::prelude::*;

use super::grid::{
    Dice, Recipe, Solved, assert_same, assert_same_voltages, build, cases, operated, pair, recipe,
    stored_cases, textbook,
};
use super::kirchhoff::{leftovers, polar, worst};

/// Switches branches, taps, shunts and units at random, by a state and in a copy of the case.
fn switched(case: &Case, network: &Network, seed: u64, outages: usize) -> (State, Case) {
    let mut dice = Dice(seed);
    let (mut state, mut built) = (network.initial_state(), case.clone());
    for _ in 0..outages {
        let row = dice.below(case.branches.len());
        let branch = BranchIdx::from_row(row);
        state.branch_on[branch] = !state.branch_on[branch];
        built.branches[row].in_service = state.branch_on[branch];
    }
    for row in (0..case.branches.len()).filter(|row| case.branches[*row].transformer) {
        if dice.chance(0.5) {
            let tap = dice.between(0.95, 1.05);
            state.tap_ratio[BranchIdx::from_row(row)] = tap;
            built.branches[row].tap = tap;
        }
    }
    for row in 0..case.shunts.len() {
        let shunt = ShuntIdx::from_row(row);
        let steps = &network.shunts.steps_pu[shunt];
        let step = dice.below(steps.len());
        state.shunt_step[shunt] = step as u32;
        built.shunts[row].in_service = step > 0;
        built.shunts[row].b_mvar = network.base.from_pu(steps[step]);
    }
    for row in 0..case.units.len() {
        if dice.chance(0.1) {
            let unit = UnitIdx::from_row(row);
            state.unit_on[unit] = !state.unit_on[unit];
            built.units[row].in_service = state.unit_on[unit];
        }
    }
    (state, built)
}

fn a_state_is_a_grid_built_so(case: &Case, seed: u64, outages: usize) -> Result<(), TestCaseError> {
    let network = build(case.clone());
    let (state, built) = switched(case, &network, seed, outages);
    for config in [textbook(), operated()] {
        let by_state = Solved::of(&network, state.clone(), &config);
        // A grid without any source is not built.
        let Ok(other) = Network::build(built.clone()) else {
            prop_assert!(by_state.is_none());
            continue;
        };
        let by_file = Solved::of(&other, other.initial_state(), &config);
        if let Some(solved) = &by_state {
            every_island_stands_alone(solved, config.slack)?;
        }
        if let Some((a, b)) = pair(by_state, by_file, &config)? {
            assert_same(&a, &b)?;
        }
    }
    Ok(())
}

/// An island with a source has its own reference and balance; one without has no voltage and carries nothing.
fn every_island_stands_alone(solved: &Solved, slack: Slack) -> Result<(), TestCaseError> {
    let (network, state, solution) = (&solved.network, &solved.state, &solved.solution);
    let n = network.buses.id.len();
    let mut island: Vec<usize> = (0..n).collect();
    // Small enough for the simplest way: spread the smaller number until nothing changes.
    loop {
        let before = island.clone();
        for (branch, from) in network.branches.from.iter() {
            let (from, to) = (from.row(), network.branches.to[branch].row());
            if state.branch_on[branch] {
                let low = island[from].min(island[to]);
                (island[from], island[to]) = (low, low);
            }
        }
        if before == island {
            break;
        }
    }
    for root in 0..n {
        let members: Vec<usize> = (0..n).filter(|row| island[*row] == root).collect();
        let source = network.units.bus.iter().any(|(unit, bus)| {
            state.unit_on[unit] && network.units.regulates[unit] && members.contains(&bus.row())
        });
        for row in &members {
            let bus = powerflow::BusIdx::from_row(*row);
            prop_assert_eq!(solution.status[bus] == BusStatus::Live, source);
            prop_assert_eq!(solution.voltage(bus).is_some(), source);
        }
        let references = solution.islands.iter().filter(|i| members.contains(&i.reference.row())).count();
        prop_assert_eq!(references, usize::from(source), "island of bus {}", root);
        if slack == Slack::Single {
            prop_assert!(solution.unmet_pu() == 0.0);
        }
    }
    for (branch, from) in network.branches.from.iter() {
        if !state.branch_on[branch] || solution.status[*from] != BusStatus::Live {
            prop_assert_eq!(solved.flow_mw(branch.row()), [0.0; 4]);
        }
    }
    let left = leftovers(network, state, solution, &polar(network, solution));
    prop_assert!(worst(&left) < 1e-8, "{} pu are left over", worst(&left));
    Ok(())
}

fn how_it_was_reached_does_not_matter(case: &Case, seed: u64) -> Result<(), TestCaseError> {
    let network = build(case.clone());
    let mut dice = Dice(seed);
    for config in [textbook(), operated()] {
        let mut solver = Solver::new(&network);
        let Ok(start) = solver.solve(&network.initial_state(), None, &config) else { continue };
        let (mut state, _) = switched(case, &network, seed, 1);
        for row in 0..network.buses.id.len() {
            let bus = powerflow::BusIdx::from_row(row);
            state.demand_p_pu[bus] *= dice.between(0.8, 1.1);
        }
        let warm = solver.solve(&state, Some(&start), &config);
        let cold = Solved::of(&network, state.clone(), &config);
        let warm = warm.ok().map(|solution| {
            let flows = solver.flows(&state, &solution);
            Solved { network: network.clone(), state, solution, flows }
        });
        let Some((warm, cold)) = pair(warm, cold, &config)? else { continue };
        if config.reactive_limits == powerflow::ReactiveLimits::Ignore {
            assert_same(&warm, &cold)?;
        } else if warm.solution.at_limit == cold.solution.at_limit {
            assert_same_voltages(&warm, &cold)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn switching_by_state_equals_building_it_so(
        recipe in recipe(), seed in any::<u64>(), outages in 0usize..5,
    ) {
        a_state_is_a_grid_built_so(&recipe.case(), seed, outages)?;
    }

    #[test]
    fn a_warm_start_ends_where_a_cold_one_does(recipe in recipe(), seed in any::<u64>()) {
        how_it_was_reached_does_not_matter(&recipe.case(), seed)?;
    }
}

#[test]
fn switching_stored_cases_by_state_equals_building_them_so() {
    for case in stored_cases() {
        for seed in 0..6 {
            a_state_is_a_grid_built_so(&case, seed, 3).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            how_it_was_reached_does_not_matter(&case, seed).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        }
    }
}

/// Two grids in one case, without a branch between them.
fn side_by_side(a: &Case, b: &Case) -> Case {
    let mut both = a.clone();
    let away = |bus: powerflow::BusId| powerflow::BusId(bus.0 + 1_000_000);
    let mut b = b.clone();
    b.buses.iter_mut().for_each(|x| x.id = away(x.id));
    b.loads.iter_mut().for_each(|x| x.bus = away(x.bus));
    b.shunts.iter_mut().for_each(|x| x.bus = away(x.bus));
    b.units.iter_mut().for_each(|x| x.bus = away(x.bus));
    b.branches.iter_mut().for_each(|x| (x.from, x.to) = (away(x.from), away(x.to)));
    both.buses.extend(b.buses);
    both.loads.extend(b.loads);
    both.shunts.extend(b.shunts);
    both.units.extend(b.units);
    both.branches.extend(b.branches);
    both
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn islands_do_not_feel_each_other(first in recipe(), second in recipe()) {
        let (a, b) = (first.case(), second.case());
        let together = Solved::initial(side_by_side(&a, &b), &operated());
        let alone = (Solved::initial(a.clone(), &operated()), Solved::initial(b, &operated()));
        let (Some(together), (Some(alone), Some(_))) = (together, alone) else { return Ok(()) };
        prop_assert_eq!(together.solution.islands.len(), 2);
        if !together.solution.unsettled.is_empty() || !alone.solution.unsettled.is_empty() {
            return Ok(());
        }
        for bus in &a.buses {
            let (x, y) = (together.voltage(bus.id), alone.voltage(bus.id));
            let Some((x, y)) = x.zip(y) else { return Err(TestCaseError::fail("a bus died")) };
            prop_assert!((x.0 - y.0).abs() < 1e-7 && (x.1 - y.1).abs() < 1e-7, "bus {}: {x:?} {y:?}", bus.id);
        }
    }

    #[test]
    fn an_island_without_a_solution_dies_alone(recipe in recipe(), hopeless in recipe()) {
        let alive = recipe.case();
        let mut lost = hopeless.case();
        // Ten times what the lines of a bus can carry at twice the nominal voltage.
        let at = lost.buses[lost.buses.len() - 1].id;
        let admittance: f64 = lost.branches.iter()
            .filter(|b| b.from == at || b.to == at)
            .map(|b| 1.0 / b.x_pu.hypot(b.r_pu))
            .sum();
        lost.loads.push(powerflow::case::CaseLoad {
            bus: at, p_mw: 4000.0 * admittance, q_mvar: 0.0, in_service: true,
        });
        lost.units.retain(|u| u.bus != at);
        let both = side_by_side(&alive, &lost);
        prop_assert!(Solved::initial(both.clone(), &textbook()).is_none());
        let merciful = powerflow::NewtonConfig { unsolved_islands_die: true, ..textbook() };
        let alone = Solved::initial(alive.clone(), &textbook());
        let rest = Solved::initial(both, &merciful);
        prop_assert_eq!(alone.is_some(), rest.is_some());
        let Some((alone, rest)) = alone.zip(rest) else { return Ok(()) };
        prop_assert!(!rest.solution.unsolved.is_empty());
        prop_assert_eq!(rest.solution.islands.len(), 1);
        for bus in &alive.buses {
            let (x, y) = (rest.voltage(bus.id), alone.voltage(bus.id));
            let Some((x, y)) = x.zip(y) else { return Err(TestCaseError::fail("a healthy bus died")) };
            prop_assert!((x.0 - y.0).abs() < 1e-7 && (x.1 - y.1).abs() < 1e-7, "bus {}", bus.id);
        }
        for row in alive.buses.len()..rest.network.buses.id.len() {
            let bus = powerflow::BusIdx::from_row(row);
            prop_assert_eq!(rest.solution.status[bus], BusStatus::Dead);
            prop_assert_eq!(rest.solution.voltage(bus), None);
        }
    }
}

#[test]
fn a_solution_of_another_grid_is_no_start_but_no_harm() {
    let small = build(Recipe { buses: 3, chords: 0, ring: false, seed: 1 }.case());
    let large = build(Recipe { buses: 30, chords: 4, ring: true, seed: 2 }.case());
    let start = powerflow::solve(&small, &textbook()).expect("a solution of three buses");
    let cold = powerflow::solve(&large, &textbook()).expect("a solution of thirty buses");
    let warm =
        Solver::new(&large).solve(&large.initial_state(), Some(&start), &textbook()).expect("the same");
    for bus in large.buses.id.indices() {
        assert!((warm.vm_pu(bus).unwrap_or(0.0) - cold.vm_pu(bus).unwrap_or(1.0)).abs() < 1e-9);
    }
}
