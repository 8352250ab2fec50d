//! Laws of state estimation that hold for every grid, with branches out and taps moved.

use powerflow::estimation::{Estimator, LinearEstimator, MeterKind, MeterSet, Sigmas};
use powerflow::{Index, Plan, Width};
use proptest::prelude::*;

use super::grid::{Dice, Recipe, Solved, build, cases, operated, recipe, stored_cases};

/// A grid with some branches out and taps moved, solved; `None` where it has no solution.
fn moment(recipe: Recipe, dice: &mut Dice) -> Option<Solved> {
    let network = build(recipe.case());
    let mut state = network.initial_state();
    for branch in network.branches.from.indices() {
        state.branch_on[branch] &= !dice.chance(0.05);
        if network.branches.transformer[branch] {
            state.tap_ratio[branch] = dice.between(0.96, 1.04);
        }
    }
    Solved::of(&network, state, &operated())
}

fn estimator(grid: &Solved, set: &MeterSet) -> Estimator {
    let plan = Plan::new(&grid.network, &grid.state.topology);
    Estimator::new(&grid.network, &plan, &grid.state, set, Some(&grid.solution)).expect("sigmas")
}

/// Each reading off by up to two sigma.
fn disturbed(exact: &[Option<f64>], set: &MeterSet, dice: &mut Dice) -> Vec<Option<f64>> {
    let read = exact.iter().zip(&set.meters);
    read.map(|(z, meter)| z.map(|z| z + meter.sigma * dice.between(-2.0, 2.0))).collect()
}

fn gives_the_state_back(grid: &Solved) -> Result<(), TestCaseError> {
    let set = MeterSet::all(&grid.network, &Sigmas::default());
    for set in [set.clone(), set.with_exact_zero_injections(&grid.network)] {
        let plan = Plan::new(&grid.network, &grid.state.topology);
        let flat = Estimator::new(&grid.network, &plan, &grid.state, &set, None).expect("sigmas");
        let estimate = flat.estimate(&flat.readings(&grid.solution));
        let estimate = estimate.map_err(|why| TestCaseError::fail(why.to_string()))?;
        for bus in grid.network.buses.id.indices() {
            let (Some(found), Some(truth)) = (estimate.voltage(bus), grid.solution.voltage(bus)) else {
                prop_assert_eq!(estimate.voltage(bus).is_some(), grid.solution.voltage(bus).is_some());
                continue;
            };
            let off = (found.re - truth.re).abs().max((found.im - truth.im).abs());
            // Newton's last step is below 1e-6, and its square is what is left.
            prop_assert!(off < 1e-8, "{off}");
        }
    }
    Ok(())
}

#[test]
fn exact_readings_of_stored_cases_give_their_state_back() {
    for case in stored_cases() {
        let grid = Solved::initial(case, &operated()).expect("a solution");
        gives_the_state_back(&grid).unwrap_or_else(|why| panic!("{why}"));
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn exact_readings_give_the_exact_state(recipe in recipe(), seed in any::<u64>()) {
        if let Some(grid) = moment(recipe, &mut Dice(seed)) {
            gives_the_state_back(&grid)?;
        }
    }

    /// No voltage, moved a little either way, explains the readings better than the estimate.
    #[test]
    fn an_estimate_is_a_minimum(recipe in recipe(), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let Some(grid) = moment(recipe, &mut dice) else { return Ok(()) };
        let set = MeterSet::all(&grid.network, &Sigmas::default());
        let estimator = estimator(&grid, &set);
        let read = disturbed(&estimator.readings(&grid.solution), &set, &mut dice);
        let estimate = estimator.estimate(&read).map_err(|why| TestCaseError::fail(why.to_string()))?;
        let buses = grid.network.buses.id.len();
        let objective = |moves: &[(f64, f64)]| -> f64 {
            let there = estimator.readings_moved(&estimate, moves).expect("one move a bus");
            let squares = read.iter().zip(&there).zip(&set.meters);
            squares.filter_map(|((z, h), meter)| Some(((*z)? - (*h)?) / meter.sigma)).map(|r| r * r).sum()
        };
        let least = objective(&vec![(0.0, 0.0); buses]);
        prop_assert!((least - estimate.objective).abs() < 1e-6 * (1.0 + least));
        for _ in 0..10 {
            let mut moves = vec![(0.0, 0.0); buses];
            moves[dice.below(buses)] = (dice.between(-1e-3, 1e-3), dice.between(-1e-3, 1e-3));
            // Turning all alike changes no reading, so a minimum with a held angle is one among all.
            prop_assert!(objective(&moves) > least - 1e-6, "{} {least}", objective(&moves));
        }
    }

    #[test]
    fn side_by_side_and_alone_are_the_same_bits(recipe in recipe(), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let Some(grid) = moment(recipe, &mut dice) else { return Ok(()) };
        let set = MeterSet::all(&grid.network, &Sigmas::default()).with_exact_zero_injections(&grid.network);
        let estimator = estimator(&grid, &set);
        let exact = estimator.readings(&grid.solution);
        let read: Vec<Vec<Option<f64>>> = (0..11).map(|_| disturbed(&exact, &set, &mut dice)).collect();
        let sets: Vec<&[Option<f64>]> = read.iter().map(Vec::as_slice).collect();
        let alone: Vec<_> = sets.iter().map(|set| estimator.estimate(set)).collect();
        for width in Width::available() {
            prop_assert_eq!(&estimator.clone().with_width(width).estimates(&sets), &alone);
        }
    }

    /// The flows at the from ends of a tree determine every angle; without one branch of the tree its far side is open.
    #[test]
    fn what_a_tree_of_flows_determines(recipe in recipe(), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let Some(grid) = moment(recipe, &mut dice) else { return Ok(()) };
        let network = &grid.network;
        let mut piece: Vec<usize> = (0..network.buses.id.len()).collect();
        let mut tree = Vec::new();
        for branch in network.branches.from.indices().filter(|branch| grid.state.branch_on[*branch]) {
            let (from, to) = (network.branches.from[branch].row(), network.branches.to[branch].row());
            let (a, b) = (piece[from], piece[to]);
            if a != b {
                piece.iter_mut().filter(|p| **p == b).for_each(|p| *p = a);
                tree.push(branch);
            }
        }
        let connected = piece.iter().all(|p| *p == piece[0]);
        if !connected || tree.is_empty() {
            return Ok(());
        }
        let flow = |branch| MeterKind::ActiveFlow(branch, powerflow::estimation::End::From);
        let plan = Plan::new(network, &grid.state.topology);
        let observed = |flows: &[powerflow::BranchIdx]| {
            let set = MeterSet::of(flows.iter().map(|branch| flow(*branch)), &Sigmas::default());
            let dc = LinearEstimator::new(network, &plan, &grid.state, &set).expect("reactances");
            dc.observability().clone()
        };
        prop_assert!(observed(&tree).is_complete());
        let cut = dice.below(tree.len());
        tree.remove(cut);
        let found = observed(&tree);
        prop_assert!(!found.is_complete());
        prop_assert_eq!(found.islands.len(), 2);
        prop_assert!(found.islands.contains(&found.unobservable), "the far side is what is open");
    }
}
