//! Side by side is one by one: width, neighbours, place, order and thread change no bit of an answer.

use std::fmt::Write;
use std::sync::Arc;

use powerflow::case::{BusKind, Case};
use powerflow::{
    Answer, BranchIdx, Index, InjectionRow, Job, Method, Network, NewtonConfig, RowStatus, Solution, Solver,
    State, Sweep, UnitIdx, Width,
};
use proptest::prelude::*;

use super::grid::{Dice, build, cases, operated, recipe, stored_cases, textbook};

/// Moments of a grid: as it is, with less and more demand, in pieces, far beyond what it can carry, without any source.
fn moments(network: &Network, dice: &mut Dice, count: usize) -> Vec<State> {
    let mut states = Vec::new();
    for number in 0..count {
        let mut state = network.initial_state();
        let demand = match number % 5 {
            3 => 40.0,
            _ => dice.between(0.7, 1.2),
        };
        for bus in network.buses.id.indices() {
            state.demand_p_pu[bus] *= demand * dice.between(0.9, 1.1);
            state.demand_q_pu[bus] *= demand;
        }
        for _ in 0..[0, 1, 4][number % 3] {
            state.branch_on[BranchIdx::from_row(dice.below(network.branches.from.len()))] = false;
        }
        if number % 7 == 6 {
            network.units.bus.indices().for_each(|unit| state.unit_on[unit] = false);
        } else if dice.chance(0.3) {
            state.unit_on[UnitIdx::from_row(dice.below(network.units.bus.len()))] = false;
        }
        states.push(state);
    }
    states
}

fn a_batch_is_its_states_one_by_one(case: Case, seed: u64, count: usize) -> Result<(), TestCaseError> {
    let network = build(case);
    let mut dice = Dice(seed);
    let states = moments(&network, &mut dice, count);
    for config in [operated(), textbook(), NewtonConfig { unsolved_islands_die: true, ..operated() }] {
        let base = powerflow::solve(&network, &config).ok();
        let warm: Vec<Option<&Solution>> =
            states.iter().map(|_| base.as_ref().filter(|_| dice.chance(0.5))).collect();
        // By a new solver each: nothing is left of another state.
        let alone: Vec<String> = states
            .iter()
            .zip(&warm)
            .map(|(state, previous)| {
                let mut solver = Solver::new(&network);
                let answer = solver.solve(state, *previous, &config).map(|solution| {
                    let flows = solver.flows(state, &solution);
                    (solution, flows)
                });
                format!("{answer:?}")
            })
            .collect();
        let mut solver = Solver::new(&network);
        let mut order: Vec<usize> = (0..states.len()).collect();
        for width in Width::available() {
            solver.set_width(width);
            for part in [order.len(), order.len().div_ceil(3)] {
                dice.shuffle(&mut order);
                let jobs: Vec<Job<'_>> =
                    order[..part].iter().map(|i| Job { state: &states[*i], previous: warm[*i] }).collect();
                for (answer, i) in solver.solve_batch(&jobs, &config).iter().zip(&order) {
                    prop_assert_eq!(&format!("{answer:?}"), &alone[*i], "state {} at {:?}", i, width);
                }
            }
        }
    }
    Ok(())
}

/// All of an answer, to the bit.
fn words(network: &Network, answer: &Answer<'_>) -> String {
    let Answer { status, method, iterations, mismatch_pu, divergence, out, unmet_pu, .. } = answer;
    let mut text =
        format!("{status:?} {method:?} {iterations} {mismatch_pu:?} {divergence:?} {out:?} {unmet_pu:?}");
    for bus in network.buses.id.indices() {
        let _ = write!(text, " {:?} {:?}", answer.bus_status(bus), answer.voltage(bus));
    }
    text
}

/// The answers of a list of outages, in its order.
fn answers(sweep: &mut Sweep, outages: &[Vec<BranchIdx>]) -> Vec<String> {
    let network = Arc::clone(sweep.network());
    let mut all = vec![String::new(); outages.len()];
    sweep.outages(outages, &mut |row, answer| all[row] = words(&network, answer));
    all
}

/// Single outages, and some of several branches, in file order.
fn outages(network: &Network, dice: &mut Dice) -> Vec<Vec<BranchIdx>> {
    let n = network.branches.from.len();
    let mut outages: Vec<Vec<BranchIdx>> = (0..n).map(|row| vec![BranchIdx::from_row(row)]).collect();
    for several in [2, 2, 2, 3, 4] {
        let mut rows: Vec<usize> = (0..several).map(|_| dice.below(n)).collect();
        rows.sort_unstable();
        rows.dedup();
        outages.push(rows.into_iter().map(BranchIdx::from_row).collect());
    }
    outages
}

fn outages_are_their_states(case: Case, seed: u64) -> Result<usize, TestCaseError> {
    let network = build(case);
    let mut dice = Dice(seed);
    let outages = outages(&network, &mut dice);
    let mut in_lanes = 0;
    for config in [textbook(), operated()] {
        let Ok(mut sweep) = Sweep::new(&network, network.initial_state(), &config) else { continue };
        let base = sweep.base_solution().clone();
        let merciful = NewtonConfig { unsolved_islands_die: true, ..config.clone() };
        let mut solver = Solver::new(&network);
        let mut wrong = None;
        sweep.outages(&outages, &mut |row, answer| {
            let mut state = network.initial_state();
            outages[row].iter().for_each(|branch| state.branch_on[*branch] = false);
            let alone = solver.solve(&state, Some(&base), &merciful).ok();
            let same = match (&alone, answer.status) {
                (None, status) => status == RowStatus::NoSolution,
                // What is dead anyway is not solved.
                (Some(_), RowStatus::Dead) => true,
                (Some(alone), _) => {
                    network.buses.id.indices().all(|bus| alone.voltage(bus) == answer.voltage(bus))
                }
            };
            in_lanes += usize::from(answer.method == Some(Method::Lanes));
            if !same {
                wrong = Some(format!("{:?} {:?} by {:?}", outages[row], answer.status, answer.method));
            }
        });
        prop_assert!(wrong.is_none(), "{wrong:?}");
        every_way_is_the_same(&sweep, &outages, &mut dice)?;
    }
    Ok(in_lanes)
}

/// At every width, in another order, in parts, and by threads that share the base.
fn every_way_is_the_same(
    sweep: &Sweep,
    outages: &[Vec<BranchIdx>],
    dice: &mut Dice,
) -> Result<(), TestCaseError> {
    let first = answers(&mut sweep.fork(), outages);
    let mut order: Vec<usize> = (0..outages.len()).collect();
    for width in Width::available() {
        dice.shuffle(&mut order);
        for part in order.chunks(outages.len().div_ceil(2)) {
            let own: Vec<Vec<BranchIdx>> = part.iter().map(|i| outages[*i].clone()).collect();
            for (answer, i) in answers(&mut sweep.fork().with_width(width), &own).iter().zip(part) {
                prop_assert_eq!(answer, &first[*i], "at {:?}", width);
            }
        }
    }
    let by_threads: Vec<String> = std::thread::scope(|scope| {
        let parts = outages.chunks(outages.len().div_ceil(3));
        let threads: Vec<_> = parts
            .map(|part| {
                let mut fork = sweep.fork();
                scope.spawn(move || answers(&mut fork, part))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread that does not panic")).collect()
    });
    prop_assert_eq!(first, by_threads);
    Ok(())
}

fn injections_are_their_states(case: Case, seed: u64) -> Result<[usize; 2], TestCaseError> {
    let network = build(case);
    let config = textbook();
    let Ok(mut sweep) = Sweep::new(&network, network.initial_state(), &config) else { return Ok([0; 2]) };
    let base = sweep.base_solution().clone();
    let merciful = NewtonConfig { unsolved_islands_die: true, ..config.clone() };
    let fill = |row: usize, injections: InjectionRow<'_>| {
        let mut dice = Dice(seed ^ row as u64);
        // Every third row is too far from the base for its factor.
        let all = if row % 3 == 2 { dice.between(0.2, 2.0) } else { dice.between(0.95, 1.05) };
        let spread = if row % 3 == 2 { 0.5 } else { 0.02 };
        let InjectionRow { demand_p_pu, demand_q_pu, unit_p_pu } = injections;
        for x in demand_p_pu.iter_mut().chain(demand_q_pu).chain(unit_p_pu) {
            *x *= all * dice.between(1.0 - spread, 1.0 + spread);
        }
    };
    let mut solver = Solver::new(&network);
    let (mut counts, mut wrong) = ([0; 2], None);
    let mut first = vec![String::new(); 30];
    sweep.injections(30, &mut { fill }, &mut |row, answer| {
        first[row] = words(&network, answer);
        let mut state = network.initial_state();
        let [p, q, unit] = [
            state.demand_p_pu.as_mut_slice(),
            state.demand_q_pu.as_mut_slice(),
            state.unit_p_pu.as_mut_slice(),
        ];
        fill(row, InjectionRow { demand_p_pu: p, demand_q_pu: q, unit_p_pu: unit });
        let alone = solver.solve(&state, Some(&base), &merciful).ok();
        let furthest = alone.as_ref().map(|alone| {
            network.buses.id.indices().fold(0.0f64, |furthest, bus| {
                match (alone.voltage(bus), answer.voltage(bus)) {
                    (Some(a), Some(b)) => furthest.max((a.re - b.re).abs()).max((a.im - b.im).abs()),
                    (None, None) => furthest,
                    _ => f64::INFINITY,
                }
            })
        });
        let allowed = match answer.method {
            Some(Method::SharedFactor) => 1e-8,
            _ => 0.0,
        };
        match answer.method {
            Some(Method::SharedFactor) => counts[0] += 1,
            Some(Method::Lanes) => counts[1] += 1,
            _ => {}
        }
        let holds = match furthest {
            Some(furthest) => furthest <= allowed,
            None => answer.status == RowStatus::NoSolution,
        };
        if !holds {
            wrong = Some(format!("row {row} by {:?}: {furthest:?} apart", answer.method));
        }
    });
    prop_assert!(wrong.is_none(), "{wrong:?}");
    for width in Width::available() {
        let mut again = vec![String::new(); 30];
        let visit = &mut |row: usize, answer: &Answer<'_>| again[row] = words(&network, answer);
        sweep.fork().with_width(width).injections(30, &mut { fill }, visit);
        prop_assert_eq!(&first, &again, "at {:?}", width);
    }
    Ok(counts)
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn batches_are_their_states_one_by_one(recipe in recipe(), seed in any::<u64>(), count in 2usize..30) {
        a_batch_is_its_states_one_by_one(recipe.case(), seed, count)?;
    }

    #[test]
    fn outages_in_lanes_are_their_states_alone(recipe in recipe(), seed in any::<u64>()) {
        outages_are_their_states(recipe.case(), seed)?;
    }

    #[test]
    fn injections_in_lanes_are_their_states_alone(recipe in recipe(), seed in any::<u64>()) {
        injections_are_their_states(recipe.case(), seed)?;
    }
}

#[test]
fn stored_cases_side_by_side_are_one_by_one() {
    for case in stored_cases() {
        let name = case.name.clone();
        let said = |e: TestCaseError| -> ! { panic!("{name}: {e}") };
        a_batch_is_its_states_one_by_one(case.clone(), 7, 12).unwrap_or_else(|e| said(e));
        let in_lanes = outages_are_their_states(case.clone(), 7).unwrap_or_else(|e| said(e));
        let [shared, newton] = injections_are_their_states(case, 7).unwrap_or_else(|e| said(e));
        assert!(
            in_lanes > 10 && shared > 10 && newton > 0,
            "{name}: {in_lanes}, {shared}, {newton} in lanes"
        );
    }
}

#[test]
fn a_branch_to_a_bus_out_of_service_is_taken_out_once() {
    for mut case in stored_cases() {
        // A bus with two neighbours at least, whose loss leaves the others connected.
        let Some(lost) = (0..case.buses.len()).find(|row| {
            let mut less = case.clone();
            less.buses[*row].kind = BusKind::Isolated;
            let ends = less.branches.iter().filter(|b| [b.from, b.to].contains(&less.buses[*row].id)).count();
            ends > 1 && case.units.iter().all(|u| u.bus != case.buses[*row].id) && {
                let solved = Network::build(less).ok().and_then(|n| powerflow::solve(&n, &textbook()).ok());
                solved.is_some_and(|s| s.status.as_slice().iter().all(|b| *b != powerflow::BusStatus::Dead))
            }
        }) else {
            continue;
        };
        let lost_bus = case.buses[lost].id;
        case.buses[lost].kind = BusKind::Isolated;
        let network = build(case);
        let idle = network.branches.from.indices().find(|b| {
            [network.branches.from[*b], network.branches.to[*b]]
                .iter()
                .any(|end| network.buses.id[*end] == lost_bus)
        });
        let idle = idle.expect("a branch at the bus");
        let mut sweep = Sweep::new(&network, network.initial_state(), &textbook()).expect("a base");
        let base = sweep.base_solution().clone();
        let mut solver = Solver::new(&network);
        let outages: Vec<Vec<BranchIdx>> =
            network.branches.from.indices().map(|b| vec![idle.min(b), idle.max(b)]).collect();
        let mut compared = 0;
        sweep.outages(&outages, &mut |row, answer| {
            let mut state = network.initial_state();
            outages[row].iter().for_each(|branch| state.branch_on[*branch] = false);
            let Ok(alone) = solver.solve(&state, Some(&base), &textbook()) else { return };
            if answer.status == RowStatus::Solved {
                compared += 1;
                for bus in network.buses.id.indices() {
                    let (a, b) = (alone.vm_pu(bus), answer.voltage(bus).map(powerflow::Complex::abs));
                    let close = a.zip(b).map_or(a.is_none() && b.is_none(), |(a, b)| (a - b).abs() < 1e-9);
                    assert!(close, "{} {:?}: {a:?} {b:?}", network.name, outages[row]);
                }
            }
        });
        assert!(compared > 3, "{}: {compared} rows", network.name);
    }
}
