//! One factor for many states: the Jacobian of a base, kept with its lower part, and applied to every lane.
//!
//! A correction costs a mismatch and two substitutions with broadcast numbers; it converges linearly, the faster the nearer
//! a state is to the base. Source: B. Stott, "Review of load-flow calculation methods", Proc. IEEE 62(7), 1974, section on
//! the constant-Jacobian (dishonest) Newton method.

use crate::kernel::{Arena, Board, Same, forward_keeping, move_voltage, row_power, substituted};
use crate::lane::{Lane, Work};
use crate::schedule::Schedule;

/// A factor of the Jacobian at one point, for the unknowns of its schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Factor {
    /// Blocks of L in the order of the schedule's lower entries, two numbers for each row of a block.
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<Same>,
    pub(super) inverse: Vec<[f64; 4]>,
    /// The mismatch at that point, substituted forward.
    pub(super) forward: Vec<[f64; 2]>,
    /// The largest mismatch of each row, pu.
    pub(super) mismatch: Vec<f64>,
    /// Complex power leaving each row there, pu; of factors for corrections.
    pub(super) power: Vec<[f64; 2]>,
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
                let (lower, mismatch) = forward_keeping(schedule, arena);
                let mut power = Vec::with_capacity(schedule.rows.len());
                let mut next_patch = 0;
                for (i, row) in schedule.rows.iter().enumerate() {
                    let (voltage, patches) = (&arena.voltage[..], &arena.wide_patches[..]);
                    power.push(row_power(schedule, row, voltage, patches, i, &mut next_patch));
                }
                Factor {
                    power,
                    lower,
                    upper: arena.upper.iter().map(|u| Same(*u)).collect(),
                    inverse: arena.inverse.clone(),
                    forward: arena.steps.clone(),
                    mismatch,
                }
            }
        }
        f64::dispatch(Keep(schedule, arena))
    }
}

/// The largest mismatch at the present voltages, pu, per lane.
#[inline(always)]
pub(crate) fn mismatch<L: Lane>(schedule: &Schedule, arena: &mut Arena<L>) -> L {
    let mut worst = L::splat(0.0);
    let mut next_patch = 0;
    let Board { voltage, scheduled, patches, .. } = arena.board();
    for (i, row) in schedule.rows.iter().enumerate() {
        if row.unknowns == 0 {
            continue;
        }
        let sum = row_power(schedule, row, voltage, patches, i, &mut next_patch);
        worst = worst.max_abs(scheduled[i][0].sub(sum[0]));
        if row.unknowns == 2 {
            worst = worst.max_abs(scheduled[i][1].sub(sum[1]));
        }
    }
    worst
}

/// The mismatch at the present voltages, substituted forward; with `AT_BASE` these are the factor's own in every lane. Returns
/// the largest, pu, per lane.
#[inline(always)]
pub(crate) fn mismatch_forward<L: Lane, const AT_BASE: bool>(
    schedule: &Schedule,
    factor: &Factor,
    arena: &mut Arena<L>,
) -> L {
    let zero = L::splat(0.0);
    let mut worst = zero;
    let mut next_patch = 0;
    let mut blocks = &factor.lower[..];
    let Board { voltage, scheduled, patches, steps, .. } = arena.board();
    for (i, row) in schedule.rows.iter().enumerate() {
        if row.unknowns == 0 {
            steps[i] = [zero; 2];
            continue;
        }
        let sum = if AT_BASE {
            factor.power[i].map(L::splat)
        } else {
            row_power(schedule, row, voltage, patches, i, &mut next_patch)
        };
        let mut rhs = [scheduled[i][0].sub(sum[0]), scheduled[i][1].sub(sum[1])];
        if row.unknowns == 1 {
            rhs[1] = zero;
        }
        worst = worst.max_abs(rhs[0]).max_abs(rhs[1]);
        let lower = &schedule.lower[row.lower.range()];
        if row.unknowns == 2 {
            let (own, left) = blocks.split_at(4 * lower.len());
            blocks = left;
            for (l, of) in own.chunks_exact(4).zip(lower) {
                let x = steps[of.row as usize];
                rhs = substituted_two([l[0], l[1], l[2], l[3]], x, rhs);
            }
        } else {
            let (own, left) = blocks.split_at(2 * lower.len());
            blocks = left;
            for (l, of) in own.chunks_exact(2).zip(lower) {
                let x = steps[of.row as usize];
                rhs[0] = L::splat(l[1]).neg_mul_add(x[1], L::splat(l[0]).neg_mul_add(x[0], rhs[0]));
            }
        }
        steps[i] = rhs;
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

/// Substitutes backward, moving every voltage by its step where `moving` is one.
#[inline(always)]
pub(crate) fn backward_and_advance<L: Lane>(
    schedule: &Schedule,
    factor: &Factor,
    arena: &mut Arena<L>,
    moving: L,
) {
    let zero = L::splat(0.0);
    let Board { steps, voltage, .. } = arena.board();
    for (i, row) in schedule.rows.iter().enumerate().rev() {
        if row.unknowns > 0 {
            let (values, d) = (&factor.upper[row.values.range()], factor.inverse[i].map(L::splat));
            let step = substituted(schedule, row, values, d, steps[i], steps);
            steps[i] = step;
            if row.unknowns == 2 {
                // Nobody holds this magnitude: what the tangent adds to it is corrected like everything else.
                let v = voltage[i];
                let (angle, magnitude) = (step[0].mul(moving), step[1].mul(moving));
                let re = angle.neg_mul_add(v[1], magnitude.mul_add(v[0], v[0]));
                let im = angle.mul_add(v[0], magnitude.mul_add(v[1], v[1]));
                voltage[i] = [re, im];
            } else {
                move_voltage(&mut voltage[i], step, moving, zero);
            }
        }
    }
}
