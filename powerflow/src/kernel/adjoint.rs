//! The Jacobian of one state by rows, and its factor applied to any right-hand side, as it is and transposed.
//!
//! Equations that do not hold are identity rows, so the right-hand side of such a row is the change of what is held there;
//! in a transposed solve its answer is the derivative with respect to what is held.

use crate::kernel::shared::Factor;
use crate::kernel::{Arena, Pass, Patch, Same, eliminate_row, patch_column, patch_of_row, power};
use crate::lane::Work;
use crate::schedule::Schedule;

/// One row of the Jacobian as if both of its equations held: `(column, [P/theta, P/V, Q/theta, Q/V])`, `V` relative.
#[derive(Clone, Debug, Default)]
pub(crate) struct JacobianRow {
    pub(crate) blocks: Vec<(u32, [f64; 4])>,
}

impl JacobianRow {
    /// Row `i` at the voltages of an arena.
    pub(crate) fn at(schedule: &Schedule, arena: &Arena<f64>, i: usize) -> Self {
        let row = &schedule.rows[i];
        let vi = arena.voltage[i];
        let block = |s: [f64; 2]| [s[1], s[0], -s[0], s[1]];
        let mut own = power(vi, row.diagonal.re, row.diagonal.im, vi);
        let mut sum = own;
        let mut blocks = Vec::new();
        for slot in &schedule.slots[row.slots_two.range().start..row.slots_none.range().end] {
            let s = power(vi, slot.y.re, slot.y.im, arena.voltage[slot.column as usize]);
            sum = [sum[0] + s[0], sum[1] + s[1]];
            blocks.push((slot.column, block(s)));
        }
        let mut next = arena.wide_patches.partition_point(|patch| (patch.row as usize) < i);
        while let Some(patch) = patch_of_row(&arena.wide_patches, &mut next, i) {
            let j = patch_column(schedule, patch, i);
            let s = power(vi, patch.g, patch.b, arena.voltage[j]);
            sum = [sum[0] + s[0], sum[1] + s[1]];
            if patch.slot == Patch::DIAGONAL {
                own = [own[0] + s[0], own[1] + s[1]];
            } else {
                blocks.push((j as u32, block(s)));
            }
        }
        blocks.push((i as u32, [own[1] - sum[1], own[0] + sum[0], sum[0] - own[0], sum[1] + own[1]]));
        JacobianRow { blocks }
    }

    /// How active (`k` = 0) or reactive power (1) of the row changes along a step.
    pub(crate) fn along(&self, k: usize, step: &[[f64; 2]]) -> f64 {
        self.blocks.iter().fold(0.0, |sum, (column, block)| {
            let x = step[*column as usize];
            block[2 * k + 1].mul_add(x[1], block[2 * k].mul_add(x[0], sum))
        })
    }
}

impl Factor {
    /// At the voltages of an arena, for the equations that its masks say; `schedule` is the uniform one.
    pub(crate) fn masked(schedule: &Schedule, arena: &mut Arena<f64>) -> Self {
        struct Keep<'a>(&'a Schedule, &'a mut Arena<f64>);
        impl Work for Keep<'_> {
            type Answer = Factor;
            #[inline(always)]
            fn run(self) -> Factor {
                let Keep(schedule, arena) = self;
                let mut pass = Pass::new(schedule);
                let mut board = arena.board();
                let mut mismatch = Vec::with_capacity(schedule.rows.len());
                for (i, row) in schedule.rows.iter().enumerate() {
                    pass.worst = 0.0;
                    eliminate_row::<f64, 2, true, false, true>(schedule, row, &mut board, i, &mut pass);
                    mismatch.push(pass.worst);
                }
                Factor {
                    lower: pass.kept,
                    upper: arena.upper.iter().map(|u| Same(*u)).collect(),
                    inverse: arena.inverse.clone(),
                    forward: arena.steps.clone(),
                    mismatch,
                    power: Vec::new(),
                }
            }
        }
        <f64 as crate::lane::Lane>::dispatch(Keep(schedule, arena))
    }

    /// Solves `A x = b` in place, for a factor of a uniform schedule.
    pub(crate) fn solve(&self, schedule: &Schedule, x: &mut [[f64; 2]]) {
        for (i, row) in schedule.rows.iter().enumerate() {
            let mut b = x[i];
            for at in row.lower.range() {
                let (l, y) = (block(&self.lower, at), x[schedule.lower[at].row as usize]);
                b = [b[0] - (l[0] * y[0] + l[1] * y[1]), b[1] - (l[2] * y[0] + l[3] * y[1])];
            }
            x[i] = b;
        }
        for (i, row) in schedule.rows.iter().enumerate().rev() {
            let mut b = x[i];
            let values = self.upper[row.values.range()].chunks_exact(4).map(plain);
            for (u, k) in values.zip(&schedule.upper[row.upper_two.range()]) {
                let y = x[*k as usize];
                b = [b[0] - (u[0] * y[0] + u[1] * y[1]), b[1] - (u[2] * y[0] + u[3] * y[1])];
            }
            let d = self.inverse[i];
            x[i] = [d[0] * b[0] + d[1] * b[1], d[2] * b[0] + d[3] * b[1]];
        }
    }

    /// Solves `A' x = b` in place, for a factor of a uniform schedule.
    pub(crate) fn solve_transposed(&self, schedule: &Schedule, x: &mut [[f64; 2]]) {
        for (i, row) in schedule.rows.iter().enumerate() {
            let (d, b) = (self.inverse[i], x[i]);
            let w = [d[0] * b[0] + d[2] * b[1], d[1] * b[0] + d[3] * b[1]];
            x[i] = w;
            let values = self.upper[row.values.range()].chunks_exact(4).map(plain);
            for (u, k) in values.zip(&schedule.upper[row.upper_two.range()]) {
                let y = &mut x[*k as usize];
                *y = [y[0] - (u[0] * w[0] + u[2] * w[1]), y[1] - (u[1] * w[0] + u[3] * w[1])];
            }
        }
        for (i, row) in schedule.rows.iter().enumerate().rev() {
            let w = x[i];
            for at in row.lower.range() {
                let l = block(&self.lower, at);
                let y = &mut x[schedule.lower[at].row as usize];
                *y = [y[0] - (l[0] * w[0] + l[2] * w[1]), y[1] - (l[1] * w[0] + l[3] * w[1])];
            }
        }
    }
}

fn plain(block: &[Same]) -> [f64; 4] {
    [block[0].0, block[1].0, block[2].0, block[3].0]
}

fn block(values: &[f64], at: usize) -> [f64; 4] {
    [values[4 * at], values[4 * at + 1], values[4 * at + 2], values[4 * at + 3]]
}
