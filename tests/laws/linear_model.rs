//! Laws of the linear model: what its factors say of injections and outages is what solving the changed grid says.

use std::sync::Arc;

use powerflow::{
    Balance, BranchIdx, BusIdx, BusStatus, Flows, Index, LinearModel, Network, NewtonConfig, NodeIdx,
    OutageStatus, Plan, Slack, State, Width, solve_linear,
};
use proptest::prelude::*;

use super::grid::{Dice, build, cases, recipe, stored_cases};

/// Flows are of the order of one, in pu; solves of well-conditioned grids agree to rounding.
const CLOSE: f64 = 1e-9;

fn config(slack: Slack) -> NewtonConfig {
    NewtonConfig { slack, ..NewtonConfig::default() }
}

/// A grid with some branches out and taps moved, its model and its flows.
struct Moment {
    network: Arc<Network>,
    state: State,
    model: LinearModel,
    flows: Vec<f64>,
    slack: Slack,
}

impl Moment {
    fn of(network: Arc<Network>, dice: &mut Dice) -> Self {
        let mut state = network.initial_state();
        for branch in network.branches.from.indices() {
            state.branch_on[branch] &= !dice.chance(0.04);
            if network.branches.transformer[branch] {
                state.tap_ratio[branch] = dice.between(0.95, 1.05);
            }
        }
        let slack = if dice.chance(0.5) { Slack::Single } else { Slack::Distributed };
        let plan = Arc::new(Plan::new(&network, &state.topology));
        let model = LinearModel::new(&network, &plan, &state, slack).unwrap_or_else(|e| panic!("{e}"));
        let flows = flows(&network, &state, slack).0;
        Moment { network, state, model, flows, slack }
    }

    fn branches(&self) -> Vec<BranchIdx> {
        self.network.branches.from.indices().collect()
    }

    /// Flows and energised buses of the state without these branches, solved anew.
    fn without(&self, out: &[BranchIdx]) -> (Vec<f64>, Vec<BusStatus>) {
        let mut state = self.state.clone();
        out.iter().for_each(|branch| state.branch_on[*branch] = false);
        flows(&self.network, &state, self.slack)
    }

    /// Which piece of the energised grid each bus is in without these branches, by joining sets.
    fn piece(&self, out: &[BranchIdx]) -> Vec<usize> {
        let mut piece: Vec<usize> = (0..self.network.buses.id.len()).collect();
        for branch in self.branches() {
            if self.model.carries(branch) && !out.contains(&branch) {
                let ends = [self.network.branches.from[branch], self.network.branches.to[branch]];
                let (keep, gone) = (piece[ends[0].row()], piece[ends[1].row()]);
                piece.iter_mut().filter(|p| **p == gone).for_each(|p| *p = keep);
            }
        }
        piece
    }

    /// How many pieces that makes.
    fn pieces(&self, out: &[BranchIdx]) -> usize {
        let mut piece = self.piece(out);
        piece.sort_unstable();
        piece.dedup();
        piece.len()
    }
}

fn flows(network: &Network, state: &State, slack: Slack) -> (Vec<f64>, Vec<BusStatus>) {
    let flow = solve_linear(network, state, &config(slack)).unwrap_or_else(|e| panic!("{e}"));
    (flow.branch_p_pu, flow.status)
}

fn assert_close(what: &str, ours: &[f64], theirs: &[f64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.len(), theirs.len());
    for (row, (a, b)) in ours.iter().zip(theirs).enumerate() {
        prop_assert!((a - b).abs() < CLOSE, "{what}, branch {}: {a} against {b}", row + 1);
    }
    Ok(())
}

/// Every answer of the model as bits, in an order of its own.
fn bits(moment: &Moment, width: Width) -> Vec<(Vec<usize>, Vec<u64>)> {
    let model = moment.model.clone().with_width(width);
    let branches = moment.branches();
    let nodes: Vec<NodeIdx> = (0..moment.network.buses.id.len()).map(NodeIdx::from_row).collect();
    let weights: Vec<f64> = nodes.iter().map(|node| (node.row() % 3) as f64).collect();
    let mut found: Vec<(Vec<usize>, Vec<u64>)> = Vec::new();
    let mut put =
        |key: Vec<usize>, values: &[f64]| found.push((key, values.iter().map(|v| v.to_bits()).collect()));
    let mut out = Vec::new();
    model
        .outages(&moment.flows, &branches, &mut |at, outage| {
            out.clear();
            outage.copy_into(&mut out);
            out.extend(outage.worst.map(|worst| worst.loading));
            put(vec![0, at], &out);
        })
        .expect("flows of the grid");
    for limit in [None, Some(1.3)] {
        model
            .outage_pairs(&moment.flows, &branches, limit, &mut |pair| {
                out.clear();
                pair.copy_into(&mut out);
                put(vec![1, limit.is_some().into(), pair.branches[0].row(), pair.branches[1].row()], &out);
            })
            .expect("flows of the grid");
    }
    for (kind, balance) in [(2, Balance::Reference), (3, Balance::Shared(&weights))] {
        let row = &mut |branch: BranchIdx, row: &[f64]| put(vec![kind, 0, branch.row()], row);
        model.transfer_rows(&branches, balance, row).expect("weights of the grid");
        let column = &mut |node: NodeIdx, column: &[f64]| put(vec![kind, 1, node.row()], column);
        model.transfer_columns(&nodes, balance, column).expect("weights of the grid");
    }
    for candidate in model.rank(&ac_like(&moment.flows), &branches, 0.0).expect("flows of the grid") {
        let values: Vec<f64> =
            candidate.worst.map(|w| w.loading).into_iter().chain(candidate.index).collect();
        put(vec![4, candidate.branch.row()], &values);
    }
    found.sort();
    found
}

/// Flows at both ends that look like those of an AC solution: some losses, some reactive power.
fn ac_like(flows: &[f64]) -> Flows {
    Flows {
        p_from_pu: flows.to_vec().into(),
        q_from_pu: flows.iter().map(|p| 0.1 - 0.3 * p).collect(),
        p_to_pu: flows.iter().map(|p| 0.01 * p * p - p).collect(),
        q_to_pu: flows.iter().map(|p| 0.2 * p + 0.05).collect(),
    }
}

/// The network with a rating for two branches of three.
fn rated(case: &mut powerflow::Case, dice: &mut Dice) {
    for branch in &mut case.branches {
        branch.rate_a_mva = dice.chance(0.67).then(|| dice.between(20.0, 200.0));
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn an_outage_by_factors_is_the_grid_without_the_branch(recipe in recipe(), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut case = recipe.case();
        rated(&mut case, &mut dice);
        let moment = Moment::of(build(case), &mut dice);
        let whole = moment.pieces(&[]);
        let mut answers = Vec::new();
        moment.model.outages(&moment.flows, &moment.branches(), &mut |at, outage| {
            let mut flows = Vec::new();
            outage.copy_into(&mut flows);
            answers.push((at, outage.branch, outage.status, flows, outage.worst));
        }).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(answers.len(), moment.branches().len());
        for (at, (number, branch, status, after, worst)) in answers.iter().enumerate() {
            prop_assert_eq!((at, at), (*number, branch.row()));
            let expected = if !moment.model.carries(*branch) {
                OutageStatus::Idle
            } else if moment.pieces(&[*branch]) > whole {
                OutageStatus::Splits
            } else {
                OutageStatus::Connected
            };
            prop_assert_eq!(*status, expected);
            if *status != OutageStatus::Connected {
                prop_assert!(after.is_empty() && worst.is_none());
                continue;
            }
            let anew = moment.without(&[*branch]).0;
            assert_close(&format!("outage of {}", at + 1), after, &anew)?;
            let loading = |row: usize| {
                moment.network.branches.rating_pu[BranchIdx::from_row(row)].map(|r| anew[row].abs() / r)
            };
            let highest = (0..anew.len()).filter_map(loading).fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))));
            prop_assert_eq!(worst.is_some(), highest.is_some());
            if let (Some(worst), Some(highest)) = (worst, highest) {
                prop_assert!((worst.loading - highest).abs() < 1e-8);
                prop_assert!(loading(worst.branch.row()).is_some_and(|l| (l - highest).abs() < 1e-8));
            }
            let factors = moment.model.outage_factors(*branch);
            let predicted: Vec<f64> = factors.iter().flatten().zip(&moment.flows)
                .map(|(factor, flow)| flow + factor * moment.flows[branch.row()]).collect();
            assert_close(&format!("factors of {}", at + 1), &predicted, &anew)?;
        }
    }

    #[test]
    fn two_outages_by_factors_are_the_grid_without_both(recipe in recipe(), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut case = recipe.case();
        rated(&mut case, &mut dice);
        let moment = Moment::of(build(case), &mut dice);
        let whole = moment.pieces(&[]);
        let alone: Vec<BranchIdx> = moment.branches().into_iter()
            .filter(|b| moment.model.carries(*b) && moment.pieces(&[*b]) == whole).collect();
        let mut seen = Vec::new();
        let every = moment.model.outage_pairs(&moment.flows, &moment.branches(), None, &mut |pair| {
            let mut flows = Vec::new();
            pair.copy_into(&mut flows);
            seen.push((pair.branches, pair.status, flows));
        }).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(every.pairs as usize, alone.len() * alone.len().saturating_sub(1) / 2);
        prop_assert_eq!(every.pairs, seen.len() as u64);
        prop_assert_eq!((every.harmless, every.undetermined), (0, 0));
        let limit = dice.between(0.5, 3.0);
        let mut beyond = Vec::new();
        for ([a, b], status, after) in &seen {
            let expected = if moment.pieces(&[*a, *b]) > whole { OutageStatus::Splits } else { OutageStatus::Connected };
            prop_assert_eq!(*status, expected);
            prop_assert_eq!(moment.model.is_cut_pair(*a, *b), expected == OutageStatus::Splits);
            if *status == OutageStatus::Connected {
                let anew = moment.without(&[*a, *b]).0;
                assert_close(&format!("outage of {} and {}", a.row() + 1, b.row() + 1), after, &anew)?;
                let over = |row: &usize| {
                    let rating = moment.network.branches.rating_pu[BranchIdx::from_row(*row)];
                    rating.is_some_and(|r| anew[*row].abs() > limit * r * (1.0 + 1e-9))
                };
                if (0..anew.len()).any(|row| over(&row)) {
                    beyond.push([*a, *b]);
                }
            } else {
                beyond.push([*a, *b]);
            }
        }
        // With a limit no pair beyond it, and none that splits the grid, is passed over; what is shown is the same.
        let mut shown = Vec::new();
        let screened = moment.model.outage_pairs(&moment.flows, &moment.branches(), Some(limit), &mut |pair| {
            let mut flows = Vec::new();
            pair.copy_into(&mut flows);
            shown.push((pair.branches, pair.status, flows));
        }).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(screened.pairs, every.pairs);
        prop_assert_eq!(screened.splitting, every.splitting);
        prop_assert_eq!(screened.pairs, screened.harmless + shown.len() as u64);
        for pair in beyond {
            prop_assert!(shown.iter().any(|(branches, _, _)| *branches == pair), "{pair:?} was passed over");
        }
        for answer in &shown {
            prop_assert!(seen.contains(answer), "{answer:?}");
        }
    }

    #[test]
    fn transfer_factors_are_what_an_injection_moves(recipe in recipe(), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut moment = Moment::of(build(recipe.case()), &mut dice);
        // The reference takes the rest, without limit.
        moment.slack = Slack::Single;
        let plan = Arc::new(Plan::new(&moment.network, &moment.state.topology));
        moment.model = LinearModel::new(&moment.network, &plan, &moment.state, Slack::Single)
            .map_err(|e| TestCaseError::fail(e.to_string()))?;
        let nodes: Vec<NodeIdx> = (0..moment.network.buses.id.len()).map(NodeIdx::from_row).collect();
        let weights: Vec<f64> = nodes.iter().map(|_| if dice.chance(0.5) { dice.between(0.0, 2.0) } else { 0.0 }).collect();
        let (before, status) = moment.without(&[]);
        let piece = moment.piece(&[]);
        for balance in [Balance::Reference, Balance::Shared(&weights)] {
            let mut columns = Vec::new();
            moment.model.transfer_columns(&nodes, balance, &mut |_, column| columns.push(column.to_vec()))
                .map_err(|e| TestCaseError::fail(e.to_string()))?;
            moment.model.transfer_rows(&moment.branches(), balance, &mut |branch, row| {
                for (node, factor) in row.iter().enumerate() {
                    assert!((columns[node][branch.row()] - factor).abs() < CLOSE, "row and column of {branch:?} {node}");
                }
            }).map_err(|e| TestCaseError::fail(e.to_string()))?;
            for (node, column) in columns.iter().enumerate() {
                if status[node] != BusStatus::Live {
                    prop_assert!(column.iter().all(|factor| *factor == 0.0));
                    continue;
                }
                let mut state = moment.state.clone();
                state.demand_p_pu[BusIdx::from_row(node)] -= 1.0;
                let beside: Vec<usize> = (0..piece.len()).filter(|bus| piece[*bus] == piece[node]).collect();
                let sum: f64 = beside.iter().map(|bus| weights[*bus]).sum();
                if matches!(balance, Balance::Shared(_)) && sum > 0.0 {
                    for bus in beside {
                        state.demand_p_pu[BusIdx::from_row(bus)] += weights[bus] / sum;
                    }
                }
                let moved: Vec<f64> = flows(&moment.network, &state, Slack::Single).0.iter()
                    .zip(&before).map(|(after, before)| after - before).collect();
                assert_close(&format!("injection at {node}"), column, &moved)?;
            }
        }
    }

    #[test]
    fn the_width_changes_no_bit(recipe in recipe(), seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut case = recipe.case();
        rated(&mut case, &mut dice);
        let moment = Moment::of(build(case), &mut dice);
        let alone = bits(&moment, Width::One);
        for width in Width::available() {
            prop_assert!(alone == bits(&moment, width), "{width:?}");
        }
    }

    #[test]
    fn the_ranking_is_what_factors_make_of_the_flows(recipe in recipe(), seed in any::<u64>(), threshold in 0.0f64..2.0) {
        let mut dice = Dice(seed);
        let mut case = recipe.case();
        rated(&mut case, &mut dice);
        let moment = Moment::of(build(case), &mut dice);
        let ac = ac_like(&moment.flows);
        let ranked = moment.model.rank(&ac, &moment.branches(), threshold)
            .map_err(|e| TestCaseError::fail(e.to_string()))?;
        let ratings = &moment.network.branches.rating_pu;
        for out in moment.branches() {
            let candidate = ranked.iter().find(|c| c.branch == out);
            let Some(factors) = moment.model.outage_factors(out) else {
                prop_assert_eq!(candidate.is_some(), moment.model.carries(out), "{:?}", out);
                prop_assert!(candidate.is_none_or(|c| c.worst.is_none() && c.index.is_none()));
                continue;
            };
            let carried = 0.5 * (ac.p_from_pu[out] - ac.p_to_pu[out]);
            let (mut worst, mut index) = (0.0f64, 0.0);
            for branch in moment.branches().into_iter().filter(|b| *b != out) {
                let Some(rating) = ratings[branch] else { continue };
                let more = factors[branch.row()] * carried;
                let from = (ac.p_from_pu[branch] + more).hypot(ac.q_from_pu[branch]);
                let to = (ac.p_to_pu[branch] - more).hypot(ac.q_to_pu[branch]);
                let loading = from.max(to) / rating;
                worst = worst.max(loading);
                index += loading.powi(8);
            }
            match candidate {
                Some(c) => {
                    let (found, power) = (c.worst.expect("an estimate"), c.index.expect("an index"));
                    prop_assert!((found.loading - worst).abs() < 1e-8 && worst > threshold - 1e-8);
                    prop_assert!((power - index).abs() < 1e-6 * index.max(1.0));
                }
                None => prop_assert!(worst < threshold + 1e-8 || ratings.iter().all(|(_, r)| r.is_none()), "{out:?}: {worst}"),
            }
        }
        let key: Vec<f64> = ranked.iter().map(|c| c.worst.map_or(f64::INFINITY, |w| w.loading)).collect();
        prop_assert!(key.windows(2).all(|pair| pair[0] >= pair[1]));
    }
}

#[test]
fn outages_of_stored_cases_are_those_of_the_grid_without_the_branch() {
    let mut compared = 0;
    for case in stored_cases() {
        let network = build(case);
        let moment = Moment::of(network, &mut Dice(7));
        moment
            .model
            .outages(&moment.flows, &moment.branches(), &mut |_, outage| {
                let mut after = Vec::new();
                if outage.copy_into(&mut after) {
                    let anew = moment.without(&[outage.branch]).0;
                    let worst = after.iter().zip(&anew).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    assert!(worst < CLOSE, "{:?}: {worst}", outage.branch);
                    compared += 1;
                }
            })
            .unwrap_or_else(|e| panic!("{e}"));
    }
    assert!(compared > 200, "only {compared} outages were compared");
}

#[test]
fn flows_that_are_no_numbers_are_refused() {
    let network = build(powerflow::Case::two_bus_example());
    let state = network.initial_state();
    let plan = Arc::new(Plan::new(&network, &state.topology));
    let model = LinearModel::new(&network, &plan, &state, Slack::Single).unwrap_or_else(|e| panic!("{e}"));
    let n = network.branches.from.len();
    let branches = model.in_service();
    for base in [vec![f64::NAN; n], vec![0.0; n + 1]] {
        assert!(model.outages(&base, &branches, &mut |_, _| ()).is_err());
        assert!(model.outage_pairs(&base, &branches, None, &mut |_| ()).is_err());
        assert!(model.rank(&ac_like(&base), &branches, 0.5).is_err());
    }
    let nodes = vec![f64::NAN; network.buses.id.len()];
    assert!(model.transfer_rows(&branches, Balance::Shared(&nodes), &mut |_, _| ()).is_err());
}
