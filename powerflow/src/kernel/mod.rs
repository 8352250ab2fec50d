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
use crate::schedule::{SCRATCH, Schedule};
use crate::solution::Complex;

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
#[derive(Clone, Debug)]
pub(crate) struct Arena<L> {
    /// Voltage, rectangular.
    pub(crate) voltage: Vec<[L; 2]>,
    /// Scheduled injection (P, Q).
    pub(crate) schedule: Vec<[L; 2]>,
    /// 1 where the angle, the magnitude is unknown and its equation holds; 0 makes an identity row.
    pub(crate) free: Vec<[L; 2]>,
    /// 1 where the active equation holds although the angle does not move: the slack of that island is distributed.
    pub(crate) balance: Vec<L>,
    /// Share of each row in the distributed slack; zero where there is none.
    pub(crate) share: Vec<L>,
    /// Sorted by row.
    pub(crate) patches: Vec<Patch>,
    /// The step of the last solve: `(d theta, dV/V)`.
    pub(crate) step: Vec<[L; 2]>,
    /// The response of the step to one unit of slack.
    pub(crate) response: Vec<[L; 2]>,
    upper: Vec<L>,
    inverse: Vec<Block<L>>,
    scratch: Vec<L>,
}

impl<L> Default for Arena<L> {
    fn default() -> Self {
        Arena {
            voltage: Vec::new(),
            schedule: Vec::new(),
            free: Vec::new(),
            balance: Vec::new(),
            share: Vec::new(),
            patches: Vec::new(),
            step: Vec::new(),
            response: Vec::new(),
            upper: Vec::new(),
            inverse: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

impl<L: Lane> Arena<L> {
    /// Makes room for a plan; the contents of earlier solves are gone.
    pub(crate) fn fit(&mut self, plan: &Plan, schedule: &Schedule) {
        let n = plan.node_count();
        let zero = L::splat(0.0);
        self.voltage.resize(n, [zero; 2]);
        self.schedule.resize(n, [zero; 2]);
        self.free.resize(n, [zero; 2]);
        self.share.resize(n, zero);
        self.step.resize(n, [zero; 2]);
        self.response.resize(n, [zero; 2]);
        self.inverse.resize(n, [zero; 4]);
        self.upper.resize(schedule.values(), zero);
        self.scratch.resize(SCRATCH + 4, zero);
        self.balance.resize(n, zero);
        self.patches.clear();
    }

    /// Complex voltage of a row in a lane.
    pub(crate) fn voltage_of(&self, row: usize, lane: usize) -> Complex {
        let [re, im] = self.voltage[row];
        Complex { re: re.get(lane), im: im.get(lane) }
    }

    /// Replaces the voltage of a row in a lane.
    pub(crate) fn set_voltage(&mut self, row: usize, lane: usize, v: [f64; 2]) {
        self.voltage[row][0].set(lane, v[0]);
        self.voltage[row][1].set(lane, v[1]);
    }

    /// Scales the voltage of a row in a lane to a magnitude, keeping its angle.
    pub(crate) fn set_magnitude(&mut self, row: usize, lane: usize, magnitude: f64) {
        let v = self.voltage_of(row, lane);
        let scale = magnitude / (v.re * v.re + v.im * v.im).sqrt();
        let scaled = if scale.is_finite() { [v.re * scale, v.im * scale] } else { [magnitude, 0.0] };
        self.set_voltage(row, lane, scaled);
    }

    /// Replaces the patches of a lane; `patches` are sorted.
    pub(crate) fn set_patches(&mut self, lane: u32, patches: &[Patch]) {
        self.patches.retain(|p| p.lane != lane);
        self.patches.extend_from_slice(patches);
        self.patches.sort_by_key(|p| (p.row, p.slot, p.lane));
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

/// The next patch of row `i`, passing over those of rows that were left out.
#[inline(always)]
fn patch_of_row<'a>(patches: &'a [Patch], next: &mut usize, i: usize) -> Option<&'a Patch> {
    while let Some(patch) = patches.get(*next) {
        if patch.row as usize > i {
            return None;
        }
        *next += 1;
        if patch.row as usize == i {
            return Some(patch);
        }
    }
    None
}

/// The power of a patch at row `i` in its lane.
#[inline(always)]
fn patch_power<L: Lane>(plan: &Plan, voltage: &[[L; 2]], patch: &Patch, i: usize) -> [f64; 2] {
    let j = if patch.slot == Patch::DIAGONAL { i } else { plan.column[patch.slot as usize] as usize };
    let lane = patch.lane as usize;
    let (vi, vj) = (voltage[i], voltage[j]);
    power::<f64>([vi[0].get(lane), vi[1].get(lane)], patch.g, patch.b, [vj[0].get(lane), vj[1].get(lane)])
}

/// Adds `term` to one lane.
#[inline(always)]
fn add_in_lane<L: Lane>(sum: &mut L, lane: usize, term: f64) {
    sum.set(lane, sum.get(lane) + term);
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
    while let Some(patch) = patch_of_row(&arena.patches, next_patch, i) {
        let s = patch_power(plan, &arena.voltage, patch, i);
        add_in_lane(&mut sum[0], patch.lane as usize, s[0]);
        add_in_lane(&mut sum[1], patch.lane as usize, s[1]);
    }
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

/// Largest mismatch of the equations that hold, pu, per lane.
#[inline(always)]
pub(crate) fn mismatch<L: Lane>(plan: &Plan, arena: &Arena<L>) -> L {
    let mut worst = L::splat(0.0);
    let mut next_patch = 0;
    for i in 0..plan.node_count() {
        let s = row_power(plan, arena, i, &mut next_patch);
        let [p, q] = arena.schedule[i];
        let [angle, magnitude] = arena.free[i];
        let active = angle.add(arena.balance[i]);
        worst = worst.max_abs(p.sub(s[0]).mul(active)).max_abs(q.sub(s[1]).mul(magnitude));
    }
    worst
}

/// Factorises the Jacobian at the present voltages and solves for the step, and with `SLACK` for the response of the
/// step to one unit of distributed slack. With `MASKED` the schedule is uniform and the arena's masks say which equations
/// hold. Returns the largest mismatch on the way, pu, per lane, of rows with unknowns.
#[inline(always)]
pub(crate) fn factor_and_solve<L: Lane, const MASKED: bool, const SLACK: bool>(
    plan: &Plan,
    schedule: &Schedule,
    arena: &mut Arena<L>,
) -> L {
    let n = plan.node_count();
    let zero = L::splat(0.0);
    let mut pass = Pass { worst: zero, next_patch: 0, next_target: 0 };
    for i in 0..n {
        match schedule.unknowns[i] {
            2 => eliminate_row::<L, 2, MASKED, SLACK>(plan, schedule, arena, i, &mut pass),
            1 if !MASKED => eliminate_row::<L, 1, MASKED, SLACK>(plan, schedule, arena, i, &mut pass),
            _ => {
                arena.step[i] = [zero; 2];
                arena.response[i] = [zero; 2];
            }
        }
    }
    let Arena { step, response, upper, inverse, .. } = arena;
    for i in (0..n).rev() {
        let (start, two) = (schedule.upper_start[i] as usize, schedule.upper_two[i] as usize);
        let (columns_two, columns_one) =
            (&schedule.upper[start..two], &schedule.upper[two..schedule.upper_start[i + 1] as usize]);
        let values = &upper[schedule.value_start[i] as usize..schedule.value_start[i + 1] as usize];
        let (mut rhs, mut unit) = (step[i], response[i]);
        let d = inverse[i];
        match schedule.unknowns[i] {
            2 => {
                let (blocks_two, blocks_one) = values.split_at(4 * columns_two.len());
                for (u, k) in blocks_two.chunks_exact(4).zip(columns_two) {
                    let k = *k as usize;
                    rhs = forward([u[0], u[1], u[2], u[3]], step[k], rhs);
                    if SLACK {
                        unit = forward([u[0], u[1], u[2], u[3]], response[k], unit);
                    }
                }
                for (u, k) in blocks_one.chunks_exact(2).zip(columns_one) {
                    let k = *k as usize;
                    rhs = [u[0].neg_mul_add(step[k][0], rhs[0]), u[1].neg_mul_add(step[k][0], rhs[1])];
                    if SLACK {
                        let x = response[k][0];
                        unit = [u[0].neg_mul_add(x, unit[0]), u[1].neg_mul_add(x, unit[1])];
                    }
                }
                step[i] = times(d, rhs);
                if SLACK {
                    response[i] = times(d, unit);
                }
            }
            1 if !MASKED => {
                let (blocks_two, blocks_one) = values.split_at(2 * columns_two.len());
                for (u, k) in blocks_two.chunks_exact(2).zip(columns_two) {
                    let k = *k as usize;
                    rhs[0] = u[1].neg_mul_add(step[k][1], u[0].neg_mul_add(step[k][0], rhs[0]));
                    if SLACK {
                        unit[0] = u[1].neg_mul_add(response[k][1], u[0].neg_mul_add(response[k][0], unit[0]));
                    }
                }
                for (u, k) in blocks_one.iter().zip(columns_one) {
                    let k = *k as usize;
                    rhs[0] = u.neg_mul_add(step[k][0], rhs[0]);
                    if SLACK {
                        unit[0] = u.neg_mul_add(response[k][0], unit[0]);
                    }
                }
                step[i] = [d[0].mul(rhs[0]), zero];
                if SLACK {
                    response[i] = [d[0].mul(unit[0]), zero];
                }
            }
            _ => {}
        }
    }
    pass.worst
}

/// Where the pass over the rows stands.
struct Pass<L> {
    worst: L,
    next_patch: usize,
    next_target: usize,
}

/// One row with `OWN` unknowns: mismatch, Jacobian, elimination, forward substitution.
#[inline(always)]
fn eliminate_row<L: Lane, const OWN: usize, const MASKED: bool, const SLACK: bool>(
    plan: &Plan,
    schedule: &Schedule,
    arena: &mut Arena<L>,
    i: usize,
    pass: &mut Pass<L>,
) {
    let zero = L::splat(0.0);
    let one = L::splat(1.0);
    let Arena {
        voltage,
        schedule: scheduled,
        free,
        share,
        patches,
        step,
        response,
        upper,
        inverse,
        scratch,
        ..
    } = arena;
    // A known length lets every offset, which is masked to it, go unchecked.
    let scratch: &mut [L; SCRATCH + 4] = (&mut scratch[..]).try_into().expect("the arena fits the plan");
    let (diagonal_at, row_len) = (schedule.diagonal_at[i] as usize, schedule.row_len[i] as usize);
    scratch[..row_len].fill(zero);

    let vi = voltage[i];
    let y = plan.diagonal[i];
    let mut own = power(vi, L::splat(y.re), L::splat(y.im), vi);
    let mut sum = own;
    let (start, end) = (plan.row_start[i] as usize, plan.row_start[i + 1] as usize);
    let (two, only) = (schedule.slots_two[i] as usize, schedule.slots_one[i] as usize);
    for slot in start..two {
        let y = plan.off_diagonal[slot];
        let s = power(vi, L::splat(y.re), L::splat(y.im), voltage[plan.column[slot] as usize]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
        let at = schedule.slot_at[slot] as usize % SCRATCH;
        scratch[at] = s[1];
        scratch[at + 1] = s[0];
        if OWN == 2 {
            scratch[at + 2] = zero.sub(s[0]);
            scratch[at + 3] = s[1];
        }
    }
    for slot in two..only {
        let y = plan.off_diagonal[slot];
        let s = power(vi, L::splat(y.re), L::splat(y.im), voltage[plan.column[slot] as usize]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
        let at = schedule.slot_at[slot] as usize % SCRATCH;
        scratch[at] = s[1];
        if OWN == 2 {
            scratch[at + 1] = zero.sub(s[0]);
        }
    }
    for slot in only..end {
        let y = plan.off_diagonal[slot];
        let s = power(vi, L::splat(y.re), L::splat(y.im), voltage[plan.column[slot] as usize]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
    }
    while let Some(patch) = patch_of_row(patches, &mut pass.next_patch, i) {
        let s = patch_power(plan, voltage, patch, i);
        let (lane, slot) = (patch.lane as usize, patch.slot as usize);
        add_in_lane(&mut sum[0], lane, s[0]);
        add_in_lane(&mut sum[1], lane, s[1]);
        if patch.slot == Patch::DIAGONAL {
            add_in_lane(&mut own[0], lane, s[0]);
            add_in_lane(&mut own[1], lane, s[1]);
        } else if slot < only {
            let at = schedule.slot_at[slot] as usize % SCRATCH;
            let terms = [s[1], s[0], -s[0], s[1]];
            let width = if slot < two { 2 } else { 1 };
            for a in 0..OWN {
                for c in 0..width {
                    add_in_lane(&mut scratch[at + a * width + c], lane, terms[2 * a + c]);
                }
            }
        }
    }

    let mut rhs = [scheduled[i][0].sub(sum[0]), scheduled[i][1].sub(sum[1])];
    let mut unit = if SLACK { [share[i], zero] } else { [zero; 2] };
    if MASKED {
        // An equation that does not hold becomes an identity row: its coefficients vanish, its diagonal is one.
        let [angle, magnitude] = free[i];
        for block in scratch[..row_len].chunks_exact_mut(4) {
            block[0] = block[0].mul(angle);
            block[1] = block[1].mul(angle);
            block[2] = block[2].mul(magnitude);
            block[3] = block[3].mul(magnitude);
        }
        let d = &mut scratch[diagonal_at..diagonal_at + 4];
        d[0] = own[1].sub(sum[1]).mul_add(angle, one.sub(angle));
        d[1] = own[0].add(sum[0]).mul(angle);
        d[2] = sum[0].sub(own[0]).mul(magnitude);
        d[3] = sum[1].add(own[1]).mul_add(magnitude, one.sub(magnitude));
        rhs = [rhs[0].mul(angle), rhs[1].mul(magnitude)];
        unit[0] = unit[0].mul(angle);
    } else if OWN == 2 {
        let d = &mut scratch[diagonal_at..diagonal_at + 4];
        d[0] = own[1].sub(sum[1]);
        d[1] = own[0].add(sum[0]);
        d[2] = sum[0].sub(own[0]);
        d[3] = sum[1].add(own[1]);
    } else {
        scratch[diagonal_at] = own[1].sub(sum[1]);
        rhs[1] = zero;
    }
    pass.worst = pass.worst.max_abs(rhs[0]).max_abs(rhs[1]);

    let mut at = 0;
    for j in &schedule.lower[schedule.lower_start[i] as usize..schedule.lower_start[i + 1] as usize] {
        let j = *j as usize;
        let d = &inverse[j];
        let (first, second) = (schedule.upper_start[j] as usize, schedule.upper_two[j] as usize);
        let last = schedule.upper_start[j + 1] as usize;
        let targets = &schedule.targets[pass.next_target..pass.next_target + (last - first)];
        pass.next_target += last - first;
        let targets = targets.split_at(second - first);
        let values = &upper[schedule.value_start[j] as usize..schedule.value_start[j + 1] as usize];
        if MASKED || schedule.unknowns[j] == 2 {
            let mut l = [zero; 4];
            for a in 0..OWN {
                let (x, y) = (scratch[at + 2 * a], scratch[at + 2 * a + 1]);
                l[2 * a] = y.mul_add(d[2], x.mul(d[0]));
                l[2 * a + 1] = y.mul_add(d[3], x.mul(d[1]));
            }
            at += 2 * OWN;
            eliminate::<L, OWN, 2>(scratch, &l, values, targets);
            for a in 0..OWN {
                let (x, y) = (l[2 * a], l[2 * a + 1]);
                rhs[a] = y.neg_mul_add(step[j][1], x.neg_mul_add(step[j][0], rhs[a]));
                if SLACK {
                    unit[a] = y.neg_mul_add(response[j][1], x.neg_mul_add(response[j][0], unit[a]));
                }
            }
        } else {
            let mut l = [zero; 4];
            for a in 0..OWN {
                l[2 * a] = scratch[at + a].mul(d[0]);
            }
            at += OWN;
            eliminate::<L, OWN, 1>(scratch, &l, values, targets);
            for a in 0..OWN {
                rhs[a] = l[2 * a].neg_mul_add(step[j][0], rhs[a]);
                if SLACK {
                    unit[a] = l[2 * a].neg_mul_add(response[j][0], unit[a]);
                }
            }
        }
    }

    inverse[i] = if OWN == 2 {
        let d = &scratch[diagonal_at..diagonal_at + 4];
        let determinant = d[1].neg_mul_add(d[2], d[0].mul(d[3]));
        let scale = one.div(determinant);
        [d[3].mul(scale), zero.sub(d[1]).mul(scale), zero.sub(d[2]).mul(scale), d[0].mul(scale)]
    } else {
        [one.div(scratch[diagonal_at]), zero, zero, zero]
    };
    let values = schedule.value_start[i] as usize..schedule.value_start[i + 1] as usize;
    upper[values].copy_from_slice(&scratch[diagonal_at + OWN * OWN..row_len]);
    step[i] = rhs;
    if SLACK {
        response[i] = unit;
    }
}

/// Takes `l` times a row of U, which has `OTHER` unknowns, from a row with `OWN`: first its columns with two unknowns, then
/// those with one.
#[inline(always)]
fn eliminate<L: Lane, const OWN: usize, const OTHER: usize>(
    scratch: &mut [L; SCRATCH + 4],
    l: &[L; 4],
    values: &[L],
    targets: (&[u16], &[u16]),
) {
    let (blocks_two, blocks_one) = values.split_at(2 * OTHER * targets.0.len());
    for (u, target) in blocks_two.chunks_exact(2 * OTHER).zip(targets.0) {
        let at = *target as usize % SCRATCH;
        for a in 0..OWN {
            for c in 0..2 {
                let t = &mut scratch[at + 2 * a + c];
                *t = l[2 * a].neg_mul_add(u[c], *t);
                if OTHER == 2 {
                    *t = l[2 * a + 1].neg_mul_add(u[2 + c], *t);
                }
            }
        }
    }
    for (u, target) in blocks_one.chunks_exact(OTHER).zip(targets.1) {
        let at = *target as usize % SCRATCH;
        for a in 0..OWN {
            let t = &mut scratch[at + a];
            *t = l[2 * a].neg_mul_add(u[0], *t);
            if OTHER == 2 {
                *t = l[2 * a + 1].neg_mul_add(u[1], *t);
            }
        }
    }
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
/// `(scheduled - P, grad P . step, grad P . response)`. For the row that holds an island's angle, whose active equation
/// determines the distributed slack.
#[inline(always)]
pub(crate) fn slack_equation<L: Lane>(plan: &Plan, arena: &Arena<L>, i: usize) -> (L, L, L) {
    let Arena { voltage, step, response, patches, .. } = arena;
    let zero = L::splat(0.0);
    let vi = voltage[i];
    let y = plan.diagonal[i];
    let mut own = power(vi, L::splat(y.re), L::splat(y.im), vi);
    let mut sum = own;
    let mut along = [zero; 2];
    for slot in plan.row_start[i] as usize..plan.row_start[i + 1] as usize {
        let (y, j) = (plan.off_diagonal[slot], plan.column[slot] as usize);
        let s = power(vi, L::splat(y.re), L::splat(y.im), voltage[j]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
        along[0] = s[0].mul_add(step[j][1], s[1].mul_add(step[j][0], along[0]));
        along[1] = s[0].mul_add(response[j][1], s[1].mul_add(response[j][0], along[1]));
    }
    let mut next_patch = patches.partition_point(|p| (p.row as usize) < i);
    while let Some(patch) = patch_of_row(patches, &mut next_patch, i) {
        let s = patch_power(plan, voltage, patch, i);
        let lane = patch.lane as usize;
        add_in_lane(&mut sum[0], lane, s[0]);
        add_in_lane(&mut sum[1], lane, s[1]);
        if patch.slot == Patch::DIAGONAL {
            add_in_lane(&mut own[0], lane, s[0]);
            add_in_lane(&mut own[1], lane, s[1]);
        } else {
            let j = plan.column[patch.slot as usize] as usize;
            for (k, x) in [step[j], response[j]].into_iter().enumerate() {
                let term = s[0].mul_add(x[1].get(lane), s[1].mul_add(x[0].get(lane), along[k].get(lane)));
                along[k].set(lane, term);
            }
        }
    }
    let diagonal = [own[1].sub(sum[1]), own[0].add(sum[0])];
    let (x, z) = (step[i], response[i]);
    along[0] = diagonal[1].mul_add(x[1], diagonal[0].mul_add(x[0], along[0]));
    along[1] = diagonal[1].mul_add(z[1], diagonal[0].mul_add(z[0], along[1]));
    (arena.schedule[i][0].sub(sum[0]), along[0], along[1])
}

/// Moves every voltage by `scale` times the step: magnitude by `1 + dV/V`, angle by the Cayley rotation
/// `(1 + jh) / (1 - jh)`, `h = d theta / 2`, whose modulus is one. Lanes whose scale is zero keep their bits. Returns the
/// largest change, per lane.
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
        let re = v[1].neg_mul_add(sin, v[0].mul(cos));
        let im = v[1].mul_add(cos, v[0].mul(sin));
        *v = [scale.choose(re, v[0]), scale.choose(im, v[1])];
    }
    largest
}

#[cfg(test)]
mod tests;
