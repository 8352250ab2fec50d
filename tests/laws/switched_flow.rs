//! The linear flow of a grid whose branches open one after another.

use powerflow::{BranchIdx, Index, Network, SwitchedFlow};
use proptest::prelude::*;

use super::grid::{Dice, Recipe, build, cases, recipe};

/// Power arrives where it is taken, and the flows are those of angles: whatever way one goes round, they come back.
fn is_a_flow(
    network: &Network,
    injection: &[f64],
    flow: &[f64],
    closed: &[bool],
) -> Result<(), TestCaseError> {
    let branches = &network.branches;
    let mut left = injection.to_vec();
    let mut angle: Vec<Option<f64>> = vec![None; left.len()];
    for (row, flow) in flow.iter().enumerate() {
        let branch = BranchIdx::from_row(row);
        prop_assert!(closed[row] || *flow == 0.0);
        left[branches.from[branch].row()] -= flow;
        left[branches.to[branch].row()] += flow;
    }
    for (bus, left) in left.iter().enumerate() {
        prop_assert!(left.abs() < 1e-9, "{left} at bus row {bus}");
    }
    // Angles from one bus of each island outwards, then every branch once more.
    for start in 0..angle.len() {
        if angle[start].is_some() {
            continue;
        }
        angle[start] = Some(0.0);
        for _ in 0..angle.len() {
            for row in (0..flow.len()).filter(|row| closed[*row]) {
                let branch = BranchIdx::from_row(row);
                let (from, to) = (branches.from[branch].row(), branches.to[branch].row());
                let across = flow[row] * branches.reactance_pu[branch];
                match (angle[from], angle[to]) {
                    (Some(known), None) => angle[to] = Some(known - across),
                    (None, Some(known)) => angle[from] = Some(known + across),
                    _ => {}
                }
            }
        }
    }
    for row in (0..flow.len()).filter(|row| closed[*row]) {
        let branch = BranchIdx::from_row(row);
        let ends = angle[branches.from[branch].row()].zip(angle[branches.to[branch].row()]);
        let gap = ends.map(|(from, to)| from - to - flow[row] * branches.reactance_pu[branch]);
        prop_assert!(gap.is_some_and(|gap| gap.abs() < 1e-9), "branch row {row}: {gap:?}");
    }
    Ok(())
}

/// Something for every bus that sums to nothing on every island.
fn balanced(island: &[u32], islands: usize, dice: &mut Dice) -> Vec<f64> {
    let mut injection: Vec<f64> = island.iter().map(|_| dice.between(-1.0, 1.0)).collect();
    for of in 0..islands as u32 {
        let members: Vec<usize> = (0..island.len()).filter(|bus| island[*bus] == of).collect();
        let sum: f64 = members.iter().map(|bus| injection[*bus]).sum();
        members.iter().for_each(|bus| injection[*bus] -= sum / members.len() as f64);
    }
    injection
}

fn opening_one_after_another_is_being_built_so(recipe: Recipe, opened: usize) -> Result<(), TestCaseError> {
    let network = build(recipe.case());
    let n = network.branches.from.len();
    let mut dice = Dice(recipe.seed ^ 1);
    let mut closed = vec![true; n];
    let mut flow = SwitchedFlow::new(&network, &closed).expect("every branch has a reactance");
    let (mut by_steps, mut at_once) = (vec![0.0; n], vec![0.0; n]);
    for _ in 0..opened {
        let row = dice.below(n);
        closed[row] = false;
        flow.open(BranchIdx::from_row(row));
        let (island, islands) = flow.islands();
        let injection = balanced(island, islands, &mut dice);
        prop_assert!(flow.flows(&injection, &mut by_steps).is_ok());
        is_a_flow(&network, &injection, &by_steps, &closed)?;
        let mut other = SwitchedFlow::new(&network, &closed).expect("every branch has a reactance");
        prop_assert_eq!(other.islands(), flow.islands());
        prop_assert!(other.flows(&injection, &mut at_once).is_ok());
        // The same bits: nothing is down-dated, nothing drifts.
        prop_assert_eq!(&by_steps, &at_once);
    }
    let mut fresh = SwitchedFlow::new(&network, &vec![true; n]).expect("every branch has a reactance");
    flow.restore();
    let (island, islands) = fresh.islands();
    let injection = balanced(island, islands, &mut dice);
    prop_assert!(
        flow.flows(&injection, &mut by_steps).is_ok() && fresh.flows(&injection, &mut at_once).is_ok()
    );
    prop_assert_eq!(by_steps, at_once);
    Ok(())
}

proptest! {
    #![proptest_config(cases(16))]
    #[test]
    fn branches_that_open_one_after_another_leave_the_flow_of_the_grid_without_them(
        recipe in recipe(),
        opened in 1usize..12,
    ) {
        opening_one_after_another_is_being_built_so(recipe, opened)?;
    }
}
