//! The fused kernel against a dense Jacobian by finite differences and dense elimination with pivoting.

use super::*;
use crate::case::{BusKind, Case};
use crate::config::Slack;
use crate::index::{BranchIdx, BusId, Index};
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{Problem, patches};

/// Six buses, two loops, a transformer with a shift; voltages that solve nothing.
fn six_buses() -> std::sync::Arc<Network> {
    let mut case = Case::two_bus_example();
    for id in 3..=6 {
        case.buses.push(crate::case::CaseBus { id: BusId(id), kind: BusKind::Pq, ..case.buses[1].clone() });
    }
    case.buses[3].kind = BusKind::Pv;
    let unit = crate::case::CaseUnit { bus: BusId(4), p_mw: 30.0, ..case.units[0].clone() };
    case.units.push(unit);
    for (from, to, x, tap, shift) in [
        (2, 3, 0.2, 1.0, 0.0),
        (3, 4, 0.15, 0.95, 10.0),
        (4, 1, 0.12, 1.0, 0.0),
        (4, 5, 0.3, 1.0, 0.0),
        (5, 6, 0.25, 1.05, 0.0),
        (6, 2, 0.4, 1.0, 0.0),
    ] {
        let line = case.branches[0].clone();
        case.branches.push(crate::case::CaseBranch {
            from: BusId(from),
            to: BusId(to),
            x_pu: x,
            tap,
            shift_deg: shift,
            ..line
        });
    }
    Network::build(case).expect("a sound case")
}

/// Injections at voltages that are turned by `angle` and scaled by `1 + magnitude` in one row.
fn moved(plan: &Plan, arena: &Arena<f64>, row: usize, angle: f64, magnitude: f64) -> Vec<[f64; 2]> {
    let mut arena = arena.clone();
    let [re, im] = arena.voltage[row];
    let (sin, cos) = angle.sin_cos();
    let scale = 1.0 + magnitude;
    arena.voltage[row] = [scale * (re * cos - im * sin), scale * (re * sin + im * cos)];
    let mut out = Vec::new();
    injections(plan.uniform(), &arena, &mut out);
    out
}

/// Gaussian elimination with row pivoting.
fn dense_solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs())).unwrap_or(k);
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[i][k] / a[k][k];
            let row = a[k].clone();
            a[i].iter_mut().zip(&row).skip(k).for_each(|(x, y)| *x -= factor * y);
            b[i] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    b
}

#[test]
fn a_step_solves_the_dense_jacobian_by_finite_differences() {
    let network = six_buses();
    let mut state = network.initial_state();
    // Every kind of patch: a branch out, and another's tap moved.
    state.branch_on[BranchIdx::from_row(4)] = false;
    state.tap_ratio[BranchIdx::from_row(2)] = 1.02;
    let plan = Plan::new(&network, &state.topology);
    let mut problem = Problem::default();
    problem.set(&network, &plan, &state, Slack::Distributed);
    let mut arena = Arena::default();
    arena.fit(&plan, plan.uniform());
    patches(&network, &plan, &state, 0, &mut arena.patches);
    arena.gather_patches();
    let n = plan.node_count();
    for row in 0..n {
        let angle = 0.05 * (row as f64 - 2.0);
        let magnitude = 1.0 + 0.01 * row as f64;
        arena.voltage[row] = [magnitude * angle.cos(), magnitude * angle.sin()];
        arena.free[row] = [1.0, 1.0];
        arena.schedule[row] = [0.1 * row as f64 - 0.2, -0.05 * row as f64];
        arena.share[row] = 0.1 + 0.02 * row as f64;
    }
    // One row of each kind: reference, held magnitude, dead.
    (arena.free[0], arena.free[2], arena.free[4]) = ([0.0, 0.0], [1.0, 0.0], [0.0, 0.0]);

    let unknown: Vec<(usize, usize)> =
        (0..n).flat_map(|i| [(i, 0), (i, 1)]).filter(|(i, k)| arena.free[*i][*k] == 1.0).collect();
    let (mut here, h) = (Vec::new(), 1e-6);
    injections(plan.uniform(), &arena, &mut here);
    let mut jacobian = vec![vec![0.0; unknown.len()]; unknown.len()];
    for (c, (j, l)) in unknown.iter().enumerate() {
        let by =
            |h: f64| moved(&plan, &arena, *j, if *l == 0 { h } else { 0.0 }, if *l == 1 { h } else { 0.0 });
        let (ahead, behind) = (by(h), by(-h));
        for (r, (i, k)) in unknown.iter().enumerate() {
            jacobian[r][c] = (ahead[*i][*k] - behind[*i][*k]) / (2.0 * h);
        }
    }
    let gap = unknown.iter().map(|(i, k)| arena.schedule[*i][*k] - here[*i][*k]).collect();
    let shares = unknown.iter().map(|(i, k)| if *k == 0 { arena.share[*i] } else { 0.0 }).collect();
    let (step, response) = (dense_solve(jacobian.clone(), gap), dense_solve(jacobian, shares));

    let schedule = plan.uniform();
    forward::<f64, true, true>(schedule, &mut arena);
    backward::<f64, true, true>(schedule, &mut arena);
    // Central differences with h = 1e-6 are good to about 1e-9.
    for (r, (i, k)) in unknown.iter().enumerate() {
        assert!((arena.steps[*i][*k] - step[r]).abs() < 1e-7, "{} against {}", arena.steps[*i][*k], step[r]);
        assert!((arena.response[*i][*k] - response[r]).abs() < 1e-7, "row {i}");
    }
    for i in 0..n {
        for k in (0..2).filter(|k| arena.free[i][*k] == 0.0) {
            assert_eq!((arena.steps[i][k], arena.response[i][k]), (0.0, 0.0), "row {i} is held");
        }
    }

    // The row that holds an island's angle: its active power changes along the step as its neighbours' do.
    let (gap, along_step, along_response) = slack_equation(schedule, &arena, 0);
    assert!((gap - (arena.schedule[0][0] - here[0][0])).abs() < 1e-12);
    let steps: Vec<[f64; 2]> = arena.steps.clone();
    for (direction, along) in [(&steps, along_step), (&arena.response, along_response)] {
        let at = |h: f64| {
            let mut there = arena.clone();
            for (v, d) in there.voltage.iter_mut().zip(direction) {
                let (sin, cos) = (h * d[0]).sin_cos();
                let scale = 1.0 + h * d[1];
                *v = [scale * (v[0] * cos - v[1] * sin), scale * (v[0] * sin + v[1] * cos)];
            }
            let mut out = Vec::new();
            injections(plan.uniform(), &there, &mut out);
            out[0][0]
        };
        assert!(((at(h) - at(-h)) / (2.0 * h) - along).abs() < 1e-7);
    }
}
