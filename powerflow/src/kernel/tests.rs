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

/// A network of `n` buses with loops, transformers, units on some buses: numbers of a small generator (Knuth's MMIX constants).
fn random_network(n: usize, seed: u64) -> std::sync::Arc<Network> {
    let mut present = seed;
    let mut below = |n: usize| {
        present = present.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((present >> 33) as usize) % n
    };
    let mut case = Case::two_bus_example();
    let (line, unit) = (case.branches[0].clone(), case.units[0].clone());
    for id in 3..=n as u64 {
        let kind = [BusKind::Pq, BusKind::Pq, BusKind::Pv][below(3)];
        case.buses.push(crate::case::CaseBus { id: BusId(id), kind, ..case.buses[1].clone() });
        if kind == BusKind::Pv {
            case.units.push(crate::case::CaseUnit { bus: BusId(id), ..unit.clone() });
        }
    }
    for id in 2..n as u64 + 1 + n as u64 / 2 {
        let (to, from) =
            if id <= n as u64 { (id, id - 1) } else { (1 + below(n) as u64, 1 + below(n) as u64) };
        let from = if id > 3 && id <= n as u64 { from - below(3) as u64 } else { from };
        if from != to {
            case.branches.push(crate::case::CaseBranch {
                from: BusId(from),
                to: BusId(to),
                x_pu: 0.05 + 0.01 * below(20) as f64,
                tap: 0.9 + 0.01 * below(20) as f64,
                shift_deg: below(11) as f64 - 5.0,
                ..line.clone()
            });
        }
    }
    Network::build(case).expect("a sound case")
}

/// An arena with the row kinds of the base, branches out in every lane, and voltages of no solution.
fn scattered<L: Lane>(
    network: &Network,
    plan: &Plan,
    schedule: &Schedule,
    lane_of: &dyn Fn(usize) -> usize,
) -> Arena<L> {
    let mut arena = Arena::<L>::default();
    arena.fit(plan, schedule);
    let mut problem = Problem::default();
    problem.set(network, plan, &network.initial_state(), Slack::Single);
    for lane in 0..L::WIDTH {
        // What a lane holds depends on its number in the widest lane, not on where it is.
        let number = lane_of(lane);
        let mut state = network.initial_state();
        let branches = network.branches.from.len();
        // Of those that close a loop: a bridge would leave a singular Jacobian.
        let bridges = network.buses.id.len();
        if branches > bridges {
            let out = bridges + number * 7 % (branches - bridges);
            state.branch_on[BranchIdx::from_row(out)] = false;
        }
        state.tap_ratio[BranchIdx::from_row((number * 5 + 1) % branches)] = 1.03;
        let mut patches_here = Vec::new();
        patches(network, plan, &state, lane as u32, &mut patches_here);
        arena.set_patches(lane as u32, &patches_here);
        for row in 0..plan.node_count() {
            let angle = 0.3 * ((row * 13 + number * 5) % 17) as f64 / 17.0 - 0.15;
            let magnitude = 0.95 + 0.1 * ((row * 7 + number * 3) % 11) as f64 / 11.0;
            arena.set_voltage(row, lane, [magnitude * angle.cos(), magnitude * angle.sin()]);
            arena.schedule[row][0].set(lane, 0.1 * ((row + number) % 7) as f64 - 0.3);
            arena.schedule[row][1].set(lane, 0.05 * ((row + number) % 5) as f64 - 0.1);
            arena.share[row].set(lane, 1.0 / plan.node_count() as f64);
            let free = plan.unknowns[row];
            arena.free[row][0].set(lane, if free > 0 { 1.0 } else { 0.0 });
            arena.free[row][1].set(lane, if free > 1 { 1.0 } else { 0.0 });
        }
    }
    arena
}

/// One step, with or without masks and slack: mismatch, step, response and the voltages that it leads to, of one lane.
struct Step<'a, const MASKED: bool, const SLACK: bool>(&'a Network, &'a Plan, &'a dyn Fn(usize) -> usize);

impl<const MASKED: bool, const SLACK: bool> Step<'_, MASKED, SLACK> {
    fn bits<L: Lane>(&self, lane: usize) -> Vec<u64> {
        struct Taken<'a, L, const MASKED: bool, const SLACK: bool>(&'a Schedule, &'a mut Arena<L>);
        impl<L: Lane, const MASKED: bool, const SLACK: bool> Work for Taken<'_, L, MASKED, SLACK> {
            type Answer = (L, L);
            #[inline(always)]
            fn run(self) -> (L, L) {
                let Taken(schedule, arena) = self;
                let before = forward::<L, MASKED, SLACK>(schedule, arena);
                let one = L::splat(1.0);
                let largest = if SLACK {
                    backward::<L, MASKED, true>(schedule, arena);
                    advance(arena, one)
                } else {
                    backward_and_advance::<L, MASKED>(schedule, arena, one)
                };
                (before, largest)
            }
        }
        let Step(network, plan, lane_of) = self;
        let schedule = if MASKED { plan.uniform() } else { plan.of_base() };
        let mut arena = scattered::<L>(network, plan, schedule, lane_of);
        let (before, largest) = L::dispatch(Taken::<L, MASKED, SLACK>(schedule, &mut arena));
        let mut bits = vec![before.get(lane), largest.get(lane)];
        for row in 0..plan.node_count() {
            let voltage = arena.voltage_of(row, lane);
            bits.extend([voltage.re, voltage.im]);
            for k in 0..usize::from(plan.unknowns[row]) {
                bits.push(arena.steps[row][k].get(lane));
                bits.push(if SLACK { arena.response[row][k].get(lane) } else { 0.0 });
            }
        }
        // Both zeros are zero: a product with an exact zero may have either sign.
        bits.iter().map(|x| (x + 0.0).to_bits()).collect()
    }
}

#[test]
fn a_schedule_for_the_base_and_one_with_masks_take_the_same_step_to_the_bit() {
    for seed in 0..60 {
        let network = random_network(3 + seed as usize % 40, seed);
        let plan = Plan::new(&network, &network.initial_state().topology);
        for number in 0..4 {
            let lane_of = move |_: usize| number;
            let masked = Step::<true, false>(&network, &plan, &lane_of).bits::<f64>(0);
            let special = Step::<false, false>(&network, &plan, &lane_of).bits::<f64>(0);
            assert_eq!(masked, special, "seed {seed}, state {number}");
            let masked = Step::<true, true>(&network, &plan, &lane_of).bits::<f64>(0);
            let special = Step::<false, true>(&network, &plan, &lane_of).bits::<f64>(0);
            assert_eq!(masked, special, "seed {seed}, state {number}, with slack");
        }
    }
}

#[test]
fn a_lane_takes_the_step_of_a_single_state_whatever_is_beside_it() {
    struct Wide<'a>(&'a Network, &'a Plan);
    impl crate::lane::WideWork for Wide<'_> {
        type Answer = ();
        fn run<L: Lane>(self) {
            let Wide(network, plan) = self;
            for first in 0..3 {
                let lane_of = move |lane: usize| first + lane;
                for lane in 0..L::WIDTH {
                    let alone = move |_: usize| first + lane;
                    let name = format!("lane {lane} of {} beside {first}", L::WIDTH);
                    let one = Step::<true, true>(network, plan, &alone).bits::<f64>(0);
                    assert_eq!(Step::<true, true>(network, plan, &lane_of).bits::<L>(lane), one, "{name}");
                    let one = Step::<false, false>(network, plan, &alone).bits::<f64>(0);
                    assert_eq!(Step::<false, false>(network, plan, &lane_of).bits::<L>(lane), one, "{name}");
                }
            }
        }
    }
    for seed in 0..12 {
        let network = random_network(3 + seed as usize * 3, 100 + seed);
        let plan = Plan::new(&network, &network.initial_state().topology);
        for width in crate::Width::available() {
            crate::lane::at_width(width, Wide(&network, &plan));
        }
    }
}

#[test]
fn a_first_step_that_takes_rows_from_the_base_is_the_whole_step_to_the_bit() {
    struct Both<'a, L, const FROM_BASE: bool>(&'a Schedule, &'a mut Arena<L>, FromBase<'a>);
    impl<L: Lane, const FROM_BASE: bool> Work for Both<'_, L, FROM_BASE> {
        type Answer = [L; 2];
        #[inline(always)]
        fn run(self) -> [L; 2] {
            let Both(schedule, arena, base) = self;
            let one = L::splat(1.0);
            if FROM_BASE {
                let before = forward_from_base(schedule, arena, base);
                [before, backward_from_base(schedule, arena, one, base)]
            } else {
                let before = forward::<L, false, false>(schedule, arena);
                [before, backward_and_advance::<L, false>(schedule, arena, one)]
            }
        }
    }
    struct Wide<'a>(&'a Network, &'a Plan);
    impl crate::lane::WideWork for Wide<'_> {
        type Answer = ();
        fn run<L: Lane>(self) {
            let Wide(network, plan) = self;
            let schedule = plan.of_base();
            let mut base = scattered::<f64>(network, plan, schedule, &|_| 0);
            base.set_patches(0, &[]);
            let factor = shared::Factor::at(schedule, &mut base.clone());
            // Every lane at the base, with branches of its own out.
            let mut lanes = scattered::<L>(network, plan, schedule, &|lane| 3 * lane);
            for row in 0..plan.node_count() {
                lanes.voltage[row] = base.voltage[row].map(L::splat);
                lanes.schedule[row] = base.schedule[row].map(L::splat);
            }
            let mut changed = vec![false; plan.node_count()];
            for patch in &lanes.patches {
                let mut next = Some(patch.row as usize);
                while let Some(row) = next.filter(|row| !changed[*row]) {
                    changed[row] = true;
                    next = plan.parent(row);
                }
            }
            let from_base = FromBase { factor: &factor, changed: &changed };
            let mut whole = lanes.clone();
            let taken = L::dispatch(Both::<L, true>(schedule, &mut lanes, from_base));
            let computed = L::dispatch(Both::<L, false>(schedule, &mut whole, from_base));
            for lane in 0..L::WIDTH {
                let ends = |x: [L; 2]| x.map(|x| x.get(lane).to_bits());
                assert_eq!(ends(taken), ends(computed), "lane {lane} of {}", L::WIDTH);
                for row in 0..plan.node_count() {
                    let (a, b) = (lanes.voltage_of(row, lane), whole.voltage_of(row, lane));
                    assert_eq!(a, b, "row {row}, lane {lane} of {}: {:?}", L::WIDTH, schedule.rows[row]);
                }
            }
        }
    }
    for seed in 0..40 {
        let network = random_network(3 + seed as usize % 40, seed);
        let plan = Plan::new(&network, &network.initial_state().topology);
        for width in crate::Width::available() {
            crate::lane::at_width(width, Wide(&network, &plan));
        }
    }
}
