//! The fused row pass, generic over the lane: mismatch, Jacobian row, elimination and forward substitution in one go,
//! one bus after the other; then a backward pass.
//!
//! Voltages are rectangular, the unknowns of a step are `(d theta, dV/V)`: with `s_ij = V_i conj(Y_ij V_j) = a + jb` the
//! Jacobian block of row i, column j is `[[b, a], [-a, b]]`, on the diagonal `[[b_ii - Q_i, a_ii + P_i], [P_i - a_ii,
//! Q_i + b_ii]]`. No trigonometry, the unfactored Jacobian never exists in memory, L is never stored.
//!
//! Source: W. F. Tinney, C. E. Hart, "Power Flow Solution by Newton's Method", IEEE Trans. PAS-86(11), 1967, in the
//! polar-equivalent form above.

use crate::lane::{Lane, Work};
use crate::plan::Plan;

/// A 2x2 block by rows: `[P/theta, P/V, Q/theta, Q/V]`.
type Block<L> = [L; 4];

/// What differs from the plan's shared admittances in one lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Patch {
    /// Row, by elimination position.
    pub(crate) row: u32,
    /// Off-diagonal slot, or [`Patch::DIAGONAL`].
    pub(crate) slot: u32,
    /// Lane.
    pub(crate) lane: u32,
    /// Added admittance, pu.
    pub(crate) g: f64,
    /// Added admittance, pu.
    pub(crate) b: f64,
}

impl Patch {
    /// The slot that means the diagonal of the row.
    pub(crate) const DIAGONAL: u32 = u32::MAX;
}

/// Everything one batch of lanes needs, by elimination position; allocated once per thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arena<L> {
    /// Voltage, rectangular.
    pub(crate) voltage: Vec<[L; 2]>,
    /// Scheduled injection (P, Q).
    pub(crate) schedule: Vec<[L; 2]>,
    /// 1 where the angle, the magnitude is unknown and its equation holds; 0 makes an identity row.
    pub(crate) free: Vec<[L; 2]>,
    /// Share of each row in the distributed slack; zero where there is none.
    pub(crate) share: Vec<L>,
    /// Sorted by row.
    pub(crate) patches: Vec<Patch>,
    /// The step of the last solve: `(d theta, dV/V)`.
    pub(crate) step: Vec<[L; 2]>,
    /// The response of the step to one unit of slack.
    pub(crate) response: Vec<[L; 2]>,
    upper: Vec<Block<L>>,
    inverse: Vec<Block<L>>,
    scratch: Vec<Block<L>>,
}

impl<L: Lane> Arena<L> {
    /// Makes room for a plan; the contents of earlier solves are gone.
    pub(crate) fn fit(&mut self, plan: &Plan) {
        let n = plan.node_count();
        let zero = L::splat(0.0);
        self.voltage.resize(n, [zero; 2]);
        self.schedule.resize(n, [zero; 2]);
        self.free.resize(n, [zero; 2]);
        self.share.resize(n, zero);
        self.step.resize(n, [zero; 2]);
        self.response.resize(n, [zero; 2]);
        self.inverse.resize(n, [zero; 4]);
        self.upper.resize(plan.upper.len(), [zero; 4]);
        self.scratch.resize(plan.scratch_len, [zero; 4]);
        self.patches.clear();
    }
}

/// `V_i conj(y V_j)`.
#[inline(always)]
fn power<L: Lane>(vi: [L; 2], g: L, b: L, vj: [L; 2]) -> [L; 2] {
    let re = g.mul(vj[0]);
    let re = b.neg_mul_add(vj[1], re);
    let im = g.mul(vj[1]);
    let im = b.mul_add(vj[0], im);
    let p = vi[0].mul(re);
    let p = vi[1].mul_add(im, p);
    let q = vi[1].mul(re);
    let q = vi[0].neg_mul_add(im, q);
    [p, q]
}

/// Adds the patches of row `i` to its power, handing each one's own power to `also`.
#[inline(always)]
fn patch_row<L: Lane>(
    plan: &Plan,
    voltage: &[[L; 2]],
    patches: &[Patch],
    next: &mut usize,
    i: usize,
    sum: &mut [L; 2],
    mut also: impl FnMut(&Patch, [f64; 2]),
) {
    while let Some(patch) = patches.get(*next).filter(|p| p.row as usize == i) {
        let j = if patch.slot == Patch::DIAGONAL { i } else { plan.column[patch.slot as usize] as usize };
        let lane = patch.lane as usize;
        let at = |k: usize| [voltage[k][0].get(lane), voltage[k][1].get(lane)];
        let s = power::<f64>(at(i), patch.g, patch.b, at(j));
        sum[0].set(lane, sum[0].get(lane) + s[0]);
        sum[1].set(lane, sum[1].get(lane) + s[1]);
        also(patch, s);
        *next += 1;
    }
}

/// Complex power leaving row `i` into the network.
#[inline(always)]
fn row_power<L: Lane>(plan: &Plan, arena: &Arena<L>, i: usize, next_patch: &mut usize) -> [L; 2] {
    let vi = arena.voltage[i];
    let y = plan.diagonal[i];
    let mut sum = power(vi, L::splat(y.re), L::splat(y.im), vi);
    let slots = plan.row_start[i] as usize..plan.row_start[i + 1] as usize;
    for (y, col) in plan.off_diagonal[slots.clone()].iter().zip(&plan.column[slots]) {
        let s = power(vi, L::splat(y.re), L::splat(y.im), arena.voltage[*col as usize]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
    }
    patch_row(plan, &arena.voltage, &arena.patches, next_patch, i, &mut sum, |_, _| {});
    sum
}

/// Complex power leaving every row at the present voltages, pu, written to `out`.
pub(crate) fn injections<L: Lane>(plan: &Plan, arena: &Arena<L>, out: &mut Vec<[L; 2]>) {
    struct Injections<'a, L>(&'a Plan, &'a Arena<L>, &'a mut Vec<[L; 2]>);
    impl<L: Lane> Work for Injections<'_, L> {
        type Answer = ();
        #[inline(always)]
        fn run(self) {
            let Injections(plan, arena, out) = self;
            out.clear();
            let mut next_patch = 0;
            // A plain loop: the closure of an iterator adaptor would be compiled apart, without this machine's FMA.
            for i in 0..plan.node_count() {
                let s = row_power(plan, arena, i, &mut next_patch);
                out.push(s);
            }
        }
    }
    L::dispatch(Injections(plan, arena, out));
}

/// Largest mismatch of the equations that hold, pu, per lane. `slack_rows` adds rows whose active equation holds
/// although their angle is fixed, because the slack is distributed.
#[inline(always)]
pub(crate) fn mismatch<L: Lane>(plan: &Plan, arena: &Arena<L>, slack_rows: &[u32]) -> L {
    let mut worst = L::splat(0.0);
    let mut next_patch = 0;
    for i in 0..plan.node_count() {
        let s = row_power(plan, arena, i, &mut next_patch);
        let [p, q] = arena.schedule[i];
        let [angle, magnitude] = arena.free[i];
        worst = worst.max_abs(p.sub(s[0]).mul(angle)).max_abs(q.sub(s[1]).mul(magnitude));
        if slack_rows.contains(&(i as u32)) {
            worst = worst.max_abs(p.sub(s[0]));
        }
    }
    worst
}

/// Factorises the Jacobian at the present voltages and solves for the step, and with `SLACK` for the response of the
/// step to one unit of distributed slack. Returns the largest mismatch on the way, pu, per lane, of rows with unknowns.
#[inline(always)]
pub(crate) fn factor_and_solve<L: Lane, const SLACK: bool>(plan: &Plan, arena: &mut Arena<L>) -> L {
    let n = plan.node_count();
    let zero = L::splat(0.0);
    let one = L::splat(1.0);
    let mut worst = zero;
    let mut next_patch = 0;
    let mut next_target = 0;
    let Arena { voltage, schedule, free, share, patches, step, response, upper, inverse, scratch } = arena;

    for i in 0..n {
        let lower = &plan.lower[plan.lower_start[i] as usize..plan.lower_start[i + 1] as usize];
        let upper_row = plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize;
        let diagonal_at = lower.len();
        let row_len = diagonal_at + 1 + upper_row.len();
        let scratch = &mut scratch[..row_len];
        scratch.fill([zero; 4]);

        let vi = voltage[i];
        let [angle, magnitude] = free[i];
        let y = plan.diagonal[i];
        let mut own = power(vi, L::splat(y.re), L::splat(y.im), vi);
        let mut sum = own;
        let slots = plan.row_start[i] as usize..plan.row_start[i + 1] as usize;
        for slot in slots {
            let y = plan.off_diagonal[slot];
            let s = power(vi, L::splat(y.re), L::splat(y.im), voltage[plan.column[slot] as usize]);
            sum = [sum[0].add(s[0]), sum[1].add(s[1])];
            scratch[plan.slot_scratch[slot] as usize] = [s[1], s[0], zero.sub(s[0]), s[1]];
        }
        patch_row(plan, voltage, patches, &mut next_patch, i, &mut sum, |patch, s| {
            let lane = patch.lane as usize;
            if patch.slot == Patch::DIAGONAL {
                own[0].set(lane, own[0].get(lane) + s[0]);
                own[1].set(lane, own[1].get(lane) + s[1]);
            } else {
                let block = &mut scratch[plan.slot_scratch[patch.slot as usize] as usize];
                for (entry, term) in block.iter_mut().zip([s[1], s[0], -s[0], s[1]]) {
                    entry.set(lane, entry.get(lane) + term);
                }
            }
        });

        // An equation that does not hold becomes an identity row: its coefficients vanish, its diagonal is one.
        for block in scratch.iter_mut() {
            *block =
                [block[0].mul(angle), block[1].mul(angle), block[2].mul(magnitude), block[3].mul(magnitude)];
        }
        scratch[diagonal_at] = [
            own[1].sub(sum[1]).mul_add(angle, one.sub(angle)),
            own[0].add(sum[0]).mul(angle),
            sum[0].sub(own[0]).mul(magnitude),
            sum[1].add(own[1]).mul_add(magnitude, one.sub(magnitude)),
        ];
        let mut rhs = [schedule[i][0].sub(sum[0]).mul(angle), schedule[i][1].sub(sum[1]).mul(magnitude)];
        worst = worst.max_abs(rhs[0]).max_abs(rhs[1]);
        let mut unit = if SLACK { [share[i].mul(angle), zero] } else { [zero; 2] };

        for (at, j) in lower.iter().enumerate() {
            let j = *j as usize;
            let a = scratch[at];
            let d = inverse[j];
            let l = [
                a[1].mul_add(d[2], a[0].mul(d[0])),
                a[1].mul_add(d[3], a[0].mul(d[1])),
                a[3].mul_add(d[2], a[2].mul(d[0])),
                a[3].mul_add(d[3], a[2].mul(d[1])),
            ];
            let row_j = &upper[plan.upper_start[j] as usize..plan.upper_start[j + 1] as usize];
            let targets = &plan.targets[next_target..next_target + row_j.len()];
            next_target += row_j.len();
            for (u, target) in row_j.iter().zip(targets) {
                let t = &mut scratch[*target as usize];
                t[0] = l[1].neg_mul_add(u[2], l[0].neg_mul_add(u[0], t[0]));
                t[1] = l[1].neg_mul_add(u[3], l[0].neg_mul_add(u[1], t[1]));
                t[2] = l[3].neg_mul_add(u[2], l[2].neg_mul_add(u[0], t[2]));
                t[3] = l[3].neg_mul_add(u[3], l[2].neg_mul_add(u[1], t[3]));
            }
            rhs = forward(l, step[j], rhs);
            if SLACK {
                unit = forward(l, response[j], unit);
            }
        }

        let d = scratch[diagonal_at];
        let determinant = d[1].neg_mul_add(d[2], d[0].mul(d[3]));
        let scale = one.div(determinant);
        inverse[i] = [d[3].mul(scale), zero.sub(d[1]).mul(scale), zero.sub(d[2]).mul(scale), d[0].mul(scale)];
        upper[upper_row].copy_from_slice(&scratch[diagonal_at + 1..]);
        step[i] = rhs;
        if SLACK {
            response[i] = unit;
        }
    }

    for i in (0..n).rev() {
        let upper_row = plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize;
        let mut rhs = step[i];
        let mut unit = response[i];
        for (u, k) in upper[upper_row.clone()].iter().zip(&plan.upper[upper_row]) {
            rhs = forward(*u, step[*k as usize], rhs);
            if SLACK {
                unit = forward(*u, response[*k as usize], unit);
            }
        }
        step[i] = times(inverse[i], rhs);
        if SLACK {
            response[i] = times(inverse[i], unit);
        }
    }
    worst
}

/// `rhs - block * x`.
#[inline(always)]
fn forward<L: Lane>(block: Block<L>, x: [L; 2], rhs: [L; 2]) -> [L; 2] {
    [
        block[1].neg_mul_add(x[1], block[0].neg_mul_add(x[0], rhs[0])),
        block[3].neg_mul_add(x[1], block[2].neg_mul_add(x[0], rhs[1])),
    ]
}

/// `block * x`.
#[inline(always)]
fn times<L: Lane>(block: Block<L>, x: [L; 2]) -> [L; 2] {
    [block[1].mul_add(x[1], block[0].mul(x[0])), block[3].mul_add(x[1], block[2].mul(x[0]))]
}

/// Active mismatch of row `i` and its linear change along the step and along the response:
/// `(schedule - P, grad P . step, grad P . response)` in one lane. For the row that holds an island's angle, whose
/// active equation determines the distributed slack.
#[inline(always)]
pub(crate) fn slack_equation<L: Lane>(
    plan: &Plan,
    arena: &Arena<L>,
    i: usize,
    lane: usize,
) -> (f64, f64, f64) {
    let of = |pair: [L; 2]| [pair[0].get(lane), pair[1].get(lane)];
    let vi = of(arena.voltage[i]);
    let y = plan.diagonal[i];
    let mut own = power::<f64>(vi, y.re, y.im, vi);
    let mut sum = own;
    let mut along = [0.0f64; 2];
    let mut couple = |s: [f64; 2], j: usize| {
        let (x, z) = (of(arena.step[j]), of(arena.response[j]));
        along[0] = s[0].mul_add(x[1], s[1].mul_add(x[0], along[0]));
        along[1] = s[0].mul_add(z[1], s[1].mul_add(z[0], along[1]));
    };
    for slot in plan.row_start[i] as usize..plan.row_start[i + 1] as usize {
        let (y, j) = (plan.off_diagonal[slot], plan.column[slot] as usize);
        let s = power::<f64>(vi, y.re, y.im, of(arena.voltage[j]));
        sum = [sum[0] + s[0], sum[1] + s[1]];
        couple(s, j);
    }
    let from = arena.patches.partition_point(|p| (p.row as usize) < i);
    for patch in arena.patches[from..].iter().take_while(|p| p.row as usize == i) {
        if patch.lane as usize != lane {
            continue;
        }
        let j = if patch.slot == Patch::DIAGONAL { i } else { plan.column[patch.slot as usize] as usize };
        let s = power::<f64>(vi, patch.g, patch.b, of(arena.voltage[j]));
        sum = [sum[0] + s[0], sum[1] + s[1]];
        if j == i {
            own = [own[0] + s[0], own[1] + s[1]];
        } else {
            couple(s, j);
        }
    }
    let (x, z) = (of(arena.step[i]), of(arena.response[i]));
    let diagonal = [own[1] - sum[1], own[0] + sum[0]];
    along[0] = diagonal[1].mul_add(x[1], diagonal[0].mul_add(x[0], along[0]));
    along[1] = diagonal[1].mul_add(z[1], diagonal[0].mul_add(z[0], along[1]));
    (arena.schedule[i][0].get(lane) - sum[0], along[0], along[1])
}

/// Moves every voltage by `scale` times the step: magnitude by `1 + dV/V`, angle by the Cayley rotation
/// `(1 + jh) / (1 - jh)`, `h = d theta / 2`, whose modulus is one. Returns the largest change, per lane.
#[inline(always)]
pub(crate) fn advance<L: Lane>(arena: &mut Arena<L>, scale: L) -> L {
    let one = L::splat(1.0);
    let half = L::splat(0.5);
    let mut largest = L::splat(0.0);
    for (v, dx) in arena.voltage.iter_mut().zip(&arena.step) {
        let (angle, magnitude) = (dx[0].mul(scale), dx[1].mul(scale));
        largest = largest.max_abs(angle).max_abs(magnitude);
        let h = angle.mul(half);
        let square = h.mul(h);
        let factor = one.add(magnitude).div(one.add(square));
        let cos = one.sub(square).mul(factor);
        let sin = h.add(h).mul(factor);
        *v = [v[1].neg_mul_add(sin, v[0].mul(cos)), v[1].mul_add(cos, v[0].mul(sin))];
    }
    largest
}

#[cfg(test)]
mod tests;
