//! A bus cut in two and joined again by a branch without impedance is the bus that it was.

use std::sync::Arc;

use powerflow::case::{BusKind, Case, CaseBranch, CaseBus};
use powerflow::{BranchIdx, BusIdx, Divergence, Flows, Index, Network, NewtonConfig, Solution, Solver};

use super::grid::stored_cases;

/// Every bus with its demand and every second branch on another one, behind a branch of this reactance.
fn cut(case: &Case, x_pu: f64) -> Case {
    let mut cut = case.clone();
    let beyond = case.buses.iter().map(|b| b.id.0).max().expect("a bus") + 1;
    let mut turn = vec![false; case.buses.len()];
    let row = |id| case.buses.iter().position(|b| b.id == id).expect("a bus of the case");
    let other = |row: usize| powerflow::BusId(beyond + row as u64);
    for bus in &case.buses {
        let kind = if bus.kind == BusKind::Isolated { bus.kind } else { BusKind::Pq };
        cut.buses.push(CaseBus { id: other(row(bus.id)), kind, ..bus.clone() });
    }
    for load in &mut cut.loads {
        load.bus = other(row(load.bus));
    }
    for branch in &mut cut.branches {
        for end in [&mut branch.from, &mut branch.to] {
            let row = row(*end);
            turn[row] = !turn[row];
            if turn[row] {
                *end = other(row);
            }
        }
    }
    for bus in &case.buses {
        let plain = CaseBranch {
            from: bus.id,
            to: other(row(bus.id)),
            r_pu: 0.0,
            x_pu,
            from_shunt_pu: (0.0, 0.0),
            to_shunt_pu: (0.0, 0.0),
            tap: 1.0,
            shift_deg: 0.0,
            transformer: false,
            tap_range: None,
            in_service: true,
            rate_a_mva: None,
            ..case.branches[0].clone()
        };
        cut.branches.push(plain);
    }
    cut
}

fn solve(case: Case) -> Result<(Arc<Network>, Solution, Flows), Divergence> {
    let network = Network::build(case).expect("a sound case");
    let mut solver = Solver::new(&network);
    let state = network.initial_state();
    let solution = solver.solve(
        &state,
        None,
        &NewtonConfig { rescue: powerflow::Rescue::No, ..NewtonConfig::default() },
    )?;
    let flows = solver.flows(&state, &solution);
    Ok((network, solution, flows))
}

/// The largest change of a voltage and of a branch's power, pu.
fn change(whole: &(Arc<Network>, Solution, Flows), cut: &(Arc<Network>, Solution, Flows)) -> (f64, f64) {
    let mut change = (0.0f64, 0.0f64);
    for row in 0..whole.0.buses.id.len() {
        for bus in [row, row + whole.0.buses.id.len()] {
            let [a, b] = [whole.1.voltage(BusIdx::from_row(row)), cut.1.voltage(BusIdx::from_row(bus))];
            if let (Some(a), Some(b)) = (a, b) {
                change.0 = change.0.max((a.re - b.re).hypot(a.im - b.im));
            }
        }
    }
    for branch in whole.0.branches.from.indices() {
        let gap = |column: fn(&Flows) -> &powerflow::Column<BranchIdx, f64>| {
            (column(&whole.2)[branch] - column(&cut.2)[branch]).abs()
        };
        let gaps = [gap(|f| &f.p_from_pu), gap(|f| &f.q_from_pu), gap(|f| &f.p_to_pu), gap(|f| &f.q_to_pu)];
        change.1 = gaps.into_iter().fold(change.1, f64::max);
    }
    change
}

#[test]
fn a_cut_and_joined_bus_is_whole() {
    for case in stored_cases() {
        let name = case.name.clone();
        let whole = solve(case.clone()).expect("a solution");
        let cut = solve(cut(&case, 0.0)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(cut.0.case.jumpers.len(), case.buses.len(), "{name}");
        let (voltage, flow) = change(&whole, &cut);
        assert!(voltage < 3e-5 && flow < 3e-4, "{name}: {voltage:e} {flow:e} pu");
        // What flows through a jumper is what the bus behind it takes: its demand and its branches.
        let branches = &cut.0.branches;
        let n = case.buses.len();
        for (row, jumper) in (case.branches.len()..).take(n).enumerate() {
            let there = BusIdx::from_row(n + row);
            let mut takes = cut.0.buses.demand_p_pu[there];
            for branch in (0..case.branches.len()).map(BranchIdx::from_row) {
                takes += if branches.from[branch] == there { cut.2.p_from_pu[branch] } else { 0.0 };
                takes += if branches.to[branch] == there { cut.2.p_to_pu[branch] } else { 0.0 };
            }
            let through = -cut.2.p_to_pu[BranchIdx::from_row(jumper)];
            assert!((through - takes).abs() < 1e-7, "{name} bus {row}: {through} {takes}");
        }
    }
}

/// Why the reactance is what it is: printed for `docs/physics/controls.md`.
#[test]
fn a_smaller_reactance_changes_less_until_rounding_rules() {
    let case = stored_cases().into_iter().find(|case| case.buses.len() == 118).expect("118 buses");
    let name = &case.name;
    let whole = solve(case.clone()).expect("a solution");
    let mut before = f64::INFINITY;
    for x_pu in [1e-4, 1e-5, 1e-6, 1e-7, 1e-8] {
        match solve(cut(&case, x_pu)) {
            Ok(cut) => {
                let (voltage, flow) = change(&whole, &cut);
                let (iterations, mismatch) = (cut.1.iterations, cut.1.mismatch_pu);
                eprintln!(
                    "{name} x {x_pu:e}: voltage {voltage:.1e}, flow {flow:.1e}, mismatch {mismatch:.1e} pu, {iterations} iterations"
                );
                if x_pu >= powerflow::case::JUMPER_X_PU {
                    assert!(voltage < before, "{x_pu:e}");
                    before = voltage;
                }
            }
            Err(divergence) => {
                eprintln!("{name} x {x_pu:e}: {divergence}");
                assert!(x_pu < powerflow::case::JUMPER_X_PU, "{x_pu:e}");
            }
        }
    }
}
