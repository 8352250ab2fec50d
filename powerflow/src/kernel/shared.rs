//! One factor for many states: the Jacobian of a base, kept with its lower part, and applied to every lane.
//!
//! A correction costs a mismatch and two substitutions with broadcast numbers; it converges linearly, the faster the nearer
//! a state is to the base. Source: B. Stott, "Review of load-flow calculation methods", Proc. IEEE 62(7), 1974, section on
//! the constant-Jacobian (dishonest) Newton method.

use crate::kernel::{Arena, forward_keeping, move_voltage, row_power};
use crate::lane::{Lane, Work};
use crate::schedule::Schedule;

/// A factor of the Jacobian at one point, for the unknowns of its schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Factor {
    /// Blocks of L in the order of the schedule's lower entries, two numbers for each row of a block.
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) inverse: Vec<[f64; 4]>,
}

impl Factor {
    /// At the voltages of an arena.
    pub(crate) fn at(schedule: &Schedule, arena: &mut Arena<f64>) -> Self {
        struct Keep<'a>(&'a Schedule, &'a mut Arena<f64>);
        impl Work for Keep<'_> {
            type Answer = Factor;
            #[inline(always)]
            fn run(self) -> Factor {
                let Keep(schedule, arena) = self;
                let lower = forward_keeping(schedule, arena);
                let upper = arena.upper.clone();
                Factor { lower, upper, inverse: arena.pivot.iter().map(|p| p.inverse).collect() }
            }
        }
        f64::dispatch(Keep(schedule, arena))
    }
}

/// The mismatch at the present voltages, substituted forward. Returns the largest, pu, per lane.
#[inline(always)]
pub(crate) fn mismatch_forward<L: Lane>(schedule: &Schedule, factor: &Factor, arena: &mut Arena<L>) -> L {
    let zero = L::splat(0.0);
    let mut worst = zero;
    let mut next_patch = 0;
    let mut blocks = &factor.lower[..];
    for (i, row) in schedule.rows.iter().enumerate() {
        if row.unknowns == 0 {
            arena.pivot[i].step = [zero; 2];
            continue;
        }
        let sum = row_power(schedule, row, arena, i, &mut next_patch);
        let scheduled = arena.schedule[i];
        let mut rhs = [scheduled[0].sub(sum[0]), scheduled[1].sub(sum[1])];
        if row.unknowns == 1 {
            rhs[1] = zero;
        }
        worst = worst.max_abs(rhs[0]).max_abs(rhs[1]);
        let lower = &schedule.lower[row.lower.range()];
        let pivot = &arena.pivot[..];
        if row.unknowns == 2 {
            let (own, left) = blocks.split_at(4 * lower.len());
            blocks = left;
            for (l, of) in own.chunks_exact(4).zip(lower) {
                let x = pivot[of.row as usize].step;
                rhs = substituted_two([l[0], l[1], l[2], l[3]], x, rhs);
            }
        } else {
            let (own, left) = blocks.split_at(2 * lower.len());
            blocks = left;
            for (l, of) in own.chunks_exact(2).zip(lower) {
                let x = pivot[of.row as usize].step;
                rhs[0] = L::splat(l[1]).neg_mul_add(x[1], L::splat(l[0]).neg_mul_add(x[0], rhs[0]));
            }
        }
        arena.pivot[i].step = rhs;
    }
    worst
}

/// `rhs - block * x`, with the same block in every lane.
#[inline(always)]
fn substituted_two<L: Lane>(block: [f64; 4], x: [L; 2], rhs: [L; 2]) -> [L; 2] {
    [
        L::splat(block[1]).neg_mul_add(x[1], L::splat(block[0]).neg_mul_add(x[0], rhs[0])),
        L::splat(block[3]).neg_mul_add(x[1], L::splat(block[2]).neg_mul_add(x[0], rhs[1])),
    ]
}

/// Substitutes backward, moving every voltage by its step where `moving` is one. Returns the largest step, per lane.
#[inline(always)]
pub(crate) fn backward_and_advance<L: Lane>(
    schedule: &Schedule,
    factor: &Factor,
    arena: &mut Arena<L>,
    moving: L,
) -> L {
    let zero = L::splat(0.0);
    let mut largest = zero;
    let Arena { pivot, voltage, .. } = arena;
    let (pivot, voltage) = (&mut pivot[..], &mut voltage[..]);
    for (i, row) in schedule.rows.iter().enumerate().rev() {
        let (two, one) = (&schedule.upper[row.upper_two.range()], &schedule.upper[row.upper_one.range()]);
        let values = &factor.upper[row.values.range()];
        let d = factor.inverse[i].map(L::splat);
        let mut rhs = pivot[i].step;
        match row.unknowns {
            2 => {
                let (blocks_two, blocks_one) = values.split_at(4 * two.len());
                for (u, k) in blocks_two.chunks_exact(4).zip(two) {
                    rhs = substituted_two([u[0], u[1], u[2], u[3]], pivot[*k as usize].step, rhs);
                }
                for (u, k) in blocks_one.chunks_exact(2).zip(one) {
                    let x = pivot[*k as usize].step[0];
                    rhs = [L::splat(u[0]).neg_mul_add(x, rhs[0]), L::splat(u[1]).neg_mul_add(x, rhs[1])];
                }
                rhs = [d[1].mul_add(rhs[1], d[0].mul(rhs[0])), d[3].mul_add(rhs[1], d[2].mul(rhs[0]))];
            }
            1 => {
                let (blocks_two, blocks_one) = values.split_at(2 * two.len());
                for (u, k) in blocks_two.chunks_exact(2).zip(two) {
                    let x = pivot[*k as usize].step;
                    rhs[0] = L::splat(u[1]).neg_mul_add(x[1], L::splat(u[0]).neg_mul_add(x[0], rhs[0]));
                }
                for (u, k) in blocks_one.iter().zip(one) {
                    rhs[0] = L::splat(*u).neg_mul_add(pivot[*k as usize].step[0], rhs[0]);
                }
                rhs = [d[0].mul(rhs[0]), zero];
            }
            _ => continue,
        }
        pivot[i].step = rhs;
        largest = move_voltage(&mut voltage[i], rhs, moving, largest);
    }
    largest
}
