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
use crate::schedule::{Row, SCRATCH, Schedule};
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

/// What later rows need of one that is eliminated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pivot<L> {
    inverse: Block<L>,
    /// `(d theta, dV/V)`, after the backward substitution; until then the right-hand side.
    pub(crate) step: [L; 2],
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
    /// Inverse of each diagonal block, and the step of the last solve.
    pub(crate) pivot: Vec<Pivot<L>>,
    /// The response of the step to one unit of slack.
    pub(crate) response: Vec<[L; 2]>,
    upper: Vec<L>,
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
            pivot: Vec::new(),
            response: Vec::new(),
            upper: Vec::new(),
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
        self.pivot.resize(n, Pivot { inverse: [zero; 4], step: [zero; 2] });
        self.response.resize(n, [zero; 2]);
        self.upper.resize(schedule.values(), zero);
        self.scratch.resize(SCRATCH + 4, zero);
        self.balance.resize(n, zero);
        self.patches.clear();
    }

    /// Makes room for the values of another schedule of the same plan.
    pub(crate) fn fit_schedule(&mut self, schedule: &Schedule) {
        self.upper.resize(schedule.values(), L::splat(0.0));
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

/// The arena as slices that the compiler can keep in registers while it writes through them.
struct Board<'a, L> {
    voltage: &'a mut [[L; 2]],
    scheduled: &'a [[L; 2]],
    free: &'a [[L; 2]],
    share: &'a [L],
    patches: &'a [Patch],
    pivot: &'a mut [Pivot<L>],
    response: &'a mut [[L; 2]],
    upper: &'a mut [L],
    scratch: &'a mut [L; SCRATCH + 4],
}

impl<L: Lane> Arena<L> {
    #[inline(always)]
    fn board(&mut self) -> Board<'_, L> {
        Board {
            voltage: &mut self.voltage,
            scheduled: &self.schedule,
            free: &self.free,
            share: &self.share,
            patches: &self.patches,
            pivot: &mut self.pivot,
            response: &mut self.response,
            upper: &mut self.upper,
            // A known length lets every offset, which is masked to it, go unchecked.
            scratch: (&mut self.scratch[..]).try_into().expect("the arena fits the plan"),
        }
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
fn patch_power<L: Lane>(schedule: &Schedule, voltage: &[[L; 2]], patch: &Patch, i: usize) -> [f64; 2] {
    let j =
        if patch.slot == Patch::DIAGONAL { i } else { schedule.slots[patch.slot as usize].column as usize };
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
fn row_power<L: Lane>(
    schedule: &Schedule,
    row: &Row,
    arena: &Arena<L>,
    i: usize,
    next_patch: &mut usize,
) -> [L; 2] {
    let vi = arena.voltage[i];
    let y = row.diagonal;
    let mut sum = power(vi, L::splat(y.re), L::splat(y.im), vi);
    for slot in &schedule.slots[row.slots_two.range().start..row.slots_none.range().end] {
        let s = power(vi, L::splat(slot.y.re), L::splat(slot.y.im), arena.voltage[slot.column as usize]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
    }
    while let Some(patch) = patch_of_row(&arena.patches, next_patch, i) {
        let s = patch_power(schedule, &arena.voltage, patch, i);
        add_in_lane(&mut sum[0], patch.lane as usize, s[0]);
        add_in_lane(&mut sum[1], patch.lane as usize, s[1]);
    }
    sum
}

/// Complex power leaving every row at the present voltages, pu, written to `out`.
pub(crate) fn injections<L: Lane>(schedule: &Schedule, arena: &Arena<L>, out: &mut Vec<[L; 2]>) {
    struct Injections<'a, L>(&'a Schedule, &'a Arena<L>, &'a mut Vec<[L; 2]>);
    impl<L: Lane> Work for Injections<'_, L> {
        type Answer = ();
        #[inline(always)]
        fn run(self) {
            let Injections(schedule, arena, out) = self;
            out.clear();
            let mut next_patch = 0;
            // A plain loop: the closure of an iterator adaptor would be compiled apart, without this machine's FMA.
            for (i, row) in schedule.rows.iter().enumerate() {
                let s = row_power(schedule, row, arena, i, &mut next_patch);
                out.push(s);
            }
        }
    }
    L::dispatch(Injections(schedule, arena, out));
}

/// Largest mismatch of the equations that hold, pu, per lane.
#[inline(always)]
pub(crate) fn mismatch<L: Lane>(schedule: &Schedule, arena: &Arena<L>) -> L {
    let mut worst = L::splat(0.0);
    let mut next_patch = 0;
    for (i, row) in schedule.rows.iter().enumerate() {
        let s = row_power(schedule, row, arena, i, &mut next_patch);
        let [p, q] = arena.schedule[i];
        let [angle, magnitude] = arena.free[i];
        let active = angle.add(arena.balance[i]);
        worst = worst.max_abs(p.sub(s[0]).mul(active)).max_abs(q.sub(s[1]).mul(magnitude));
    }
    worst
}

/// Factorises the Jacobian at the present voltages and substitutes forward, with `SLACK` also one unit of distributed slack.
/// With `MASKED` the schedule is uniform and the arena's masks say which equations hold. Returns the largest mismatch on the
/// way, pu, per lane, of rows with unknowns.
#[inline(always)]
pub(crate) fn forward<L: Lane, const MASKED: bool, const SLACK: bool>(
    schedule: &Schedule,
    arena: &mut Arena<L>,
) -> L {
    let zero = L::splat(0.0);
    let mut pass = Pass::new(schedule);
    let mut board = arena.board();
    for (i, row) in schedule.rows.iter().enumerate() {
        match row.unknowns {
            2 => eliminate_row::<L, 2, MASKED, SLACK, false>(schedule, row, &mut board, i, &mut pass),
            1 if !MASKED => {
                eliminate_row::<L, 1, MASKED, SLACK, false>(schedule, row, &mut board, i, &mut pass)
            }
            _ => {
                board.pivot[i].step = [zero; 2];
                board.response[i] = [zero; 2];
            }
        }
    }
    pass.worst
}

/// Substitutes backward: from here on the arena holds the step, with `SLACK` also the response to one unit of slack.
#[inline(always)]
pub(crate) fn backward<L: Lane, const MASKED: bool, const SLACK: bool>(
    schedule: &Schedule,
    arena: &mut Arena<L>,
) {
    let mut board = arena.board();
    for (i, row) in schedule.rows.iter().enumerate().rev() {
        substitute::<L, MASKED, SLACK>(schedule, row, &mut board, i);
    }
}

/// [`backward`], moving every voltage by its step at once, where `moving` is one: see [`advance`].
#[inline(always)]
pub(crate) fn backward_and_advance<L: Lane, const MASKED: bool>(
    schedule: &Schedule,
    arena: &mut Arena<L>,
    moving: L,
) -> L {
    let mut largest = L::splat(0.0);
    let mut board = arena.board();
    for (i, row) in schedule.rows.iter().enumerate().rev() {
        substitute::<L, MASKED, false>(schedule, row, &mut board, i);
        if row.unknowns > 0 {
            let step = board.pivot[i].step;
            largest = move_voltage(&mut board.voltage[i], step, moving, largest);
        }
    }
    largest
}

/// One row of the backward substitution.
#[inline(always)]
fn substitute<L: Lane, const MASKED: bool, const SLACK: bool>(
    schedule: &Schedule,
    row: &Row,
    board: &mut Board<'_, L>,
    i: usize,
) {
    let zero = L::splat(0.0);
    let Board { pivot, response, upper, .. } = board;
    let (columns_two, columns_one) =
        (&schedule.upper[row.upper_two.range()], &schedule.upper[row.upper_one.range()]);
    let values = &upper[row.values.range()];
    let Pivot { inverse: d, step: mut rhs } = pivot[i];
    let mut unit = if SLACK { response[i] } else { [zero; 2] };
    match row.unknowns {
        2 => {
            let (blocks_two, blocks_one) = values.split_at(4 * columns_two.len());
            for (u, k) in blocks_two.chunks_exact(4).zip(columns_two) {
                let k = *k as usize;
                rhs = minus_product([u[0], u[1], u[2], u[3]], pivot[k].step, rhs);
                if SLACK {
                    unit = minus_product([u[0], u[1], u[2], u[3]], response[k], unit);
                }
            }
            for (u, k) in blocks_one.chunks_exact(2).zip(columns_one) {
                let k = *k as usize;
                let x = pivot[k].step[0];
                rhs = [u[0].neg_mul_add(x, rhs[0]), u[1].neg_mul_add(x, rhs[1])];
                if SLACK {
                    let x = response[k][0];
                    unit = [u[0].neg_mul_add(x, unit[0]), u[1].neg_mul_add(x, unit[1])];
                }
            }
            pivot[i].step = times(d, rhs);
            if SLACK {
                response[i] = times(d, unit);
            }
        }
        1 if !MASKED => {
            let (blocks_two, blocks_one) = values.split_at(2 * columns_two.len());
            for (u, k) in blocks_two.chunks_exact(2).zip(columns_two) {
                let k = *k as usize;
                let x = pivot[k].step;
                rhs[0] = u[1].neg_mul_add(x[1], u[0].neg_mul_add(x[0], rhs[0]));
                if SLACK {
                    unit[0] = u[1].neg_mul_add(response[k][1], u[0].neg_mul_add(response[k][0], unit[0]));
                }
            }
            for (u, k) in blocks_one.iter().zip(columns_one) {
                let k = *k as usize;
                rhs[0] = u.neg_mul_add(pivot[k].step[0], rhs[0]);
                if SLACK {
                    unit[0] = u.neg_mul_add(response[k][0], unit[0]);
                }
            }
            pivot[i].step = [d[0].mul(rhs[0]), zero];
            if SLACK {
                response[i] = [d[0].mul(unit[0]), zero];
            }
        }
        _ => {}
    }
}

/// Where the pass over the rows stands.
struct Pass<'a, L> {
    worst: L,
    next_patch: usize,
    /// Of the blocks that are still to be eliminated.
    targets: &'a [u16],
    /// The lower part of the factor, where it is kept.
    kept: Vec<L>,
}

impl<'a, L: Lane> Pass<'a, L> {
    #[inline(always)]
    fn new(schedule: &'a Schedule) -> Self {
        Pass { worst: L::splat(0.0), next_patch: 0, targets: &schedule.targets, kept: Vec::new() }
    }
}

/// [`forward`] at a single state, keeping the lower part of the factor: two numbers for each row of a block.
#[inline(always)]
fn forward_keeping(schedule: &Schedule, arena: &mut Arena<f64>) -> Vec<f64> {
    let mut pass = Pass::new(schedule);
    let mut board = arena.board();
    for (i, row) in schedule.rows.iter().enumerate() {
        match row.unknowns {
            2 => eliminate_row::<f64, 2, false, false, true>(schedule, row, &mut board, i, &mut pass),
            1 => eliminate_row::<f64, 1, false, false, true>(schedule, row, &mut board, i, &mut pass),
            _ => board.pivot[i].step = [0.0; 2],
        }
    }
    pass.kept
}

/// The next `len` targets.
#[inline(always)]
fn take<'a>(targets: &mut &'a [u16], len: usize) -> &'a [u16] {
    let (taken, left) = targets.split_at(len);
    *targets = left;
    taken
}

/// One row with `OWN` unknowns: mismatch, Jacobian, elimination, forward substitution.
#[inline(always)]
fn eliminate_row<L: Lane, const OWN: usize, const MASKED: bool, const SLACK: bool, const KEEP: bool>(
    schedule: &Schedule,
    row: &Row,
    board: &mut Board<'_, L>,
    i: usize,
    pass: &mut Pass<'_, L>,
) {
    let zero = L::splat(0.0);
    let one = L::splat(1.0);
    let Board { voltage, scheduled, free, share, patches, pivot, response, upper, scratch } = board;
    let (diagonal_at, len) = (row.diagonal_at as usize % SCRATCH, row.len as usize);
    for at in &schedule.filled_in[row.filled_in.range()] {
        scratch[*at as usize % SCRATCH] = zero;
    }

    let vi = voltage[i];
    let y = row.diagonal;
    let mut own = power(vi, L::splat(y.re), L::splat(y.im), vi);
    let mut sum = own;
    for slot in &schedule.slots[row.slots_two.range()] {
        let s = power(vi, L::splat(slot.y.re), L::splat(slot.y.im), voltage[slot.column as usize]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
        let at = slot.at as usize % SCRATCH;
        scratch[at] = s[1];
        scratch[at + 1] = s[0];
        if OWN == 2 {
            scratch[at + 2] = zero.sub(s[0]);
            scratch[at + 3] = s[1];
        }
    }
    for slot in &schedule.slots[row.slots_one.range()] {
        let s = power(vi, L::splat(slot.y.re), L::splat(slot.y.im), voltage[slot.column as usize]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
        let at = slot.at as usize % SCRATCH;
        scratch[at] = s[1];
        if OWN == 2 {
            scratch[at + 1] = zero.sub(s[0]);
        }
    }
    for slot in &schedule.slots[row.slots_none.range()] {
        let s = power(vi, L::splat(slot.y.re), L::splat(slot.y.im), voltage[slot.column as usize]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
    }
    while let Some(patch) = patch_of_row(patches, &mut pass.next_patch, i) {
        let s = patch_power(schedule, voltage, patch, i);
        let (lane, slot) = (patch.lane as usize, patch.slot as usize);
        add_in_lane(&mut sum[0], lane, s[0]);
        add_in_lane(&mut sum[1], lane, s[1]);
        if patch.slot == Patch::DIAGONAL {
            add_in_lane(&mut own[0], lane, s[0]);
            add_in_lane(&mut own[1], lane, s[1]);
        } else if slot < row.slots_one.range().end {
            let at = schedule.slots[slot].at as usize % SCRATCH;
            let terms = [s[1], s[0], -s[0], s[1]];
            let width = if slot < row.slots_two.range().end { 2 } else { 1 };
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
        for block in scratch[..len].chunks_exact_mut(4) {
            block[0] = block[0].mul(angle);
            block[1] = block[1].mul(angle);
            block[2] = block[2].mul(magnitude);
            block[3] = block[3].mul(magnitude);
        }
        scratch[diagonal_at] = own[1].sub(sum[1]).mul_add(angle, one.sub(angle));
        scratch[diagonal_at + 1] = own[0].add(sum[0]).mul(angle);
        scratch[diagonal_at + 2] = sum[0].sub(own[0]).mul(magnitude);
        scratch[diagonal_at + 3] = sum[1].add(own[1]).mul_add(magnitude, one.sub(magnitude));
        rhs = [rhs[0].mul(angle), rhs[1].mul(magnitude)];
        unit[0] = unit[0].mul(angle);
    } else if OWN == 2 {
        scratch[diagonal_at] = own[1].sub(sum[1]);
        scratch[diagonal_at + 1] = own[0].add(sum[0]);
        scratch[diagonal_at + 2] = sum[0].sub(own[0]);
        scratch[diagonal_at + 3] = sum[1].add(own[1]);
    } else {
        scratch[diagonal_at] = own[1].sub(sum[1]);
        rhs[1] = zero;
    }
    pass.worst = pass.worst.max_abs(rhs[0]).max_abs(rhs[1]);

    let mut at = 0;
    for lower in &schedule.lower[row.lower.range()] {
        let Pivot { inverse: d, step } = &pivot[lower.row as usize];
        let targets =
            (take(&mut pass.targets, lower.two as usize), take(&mut pass.targets, lower.one as usize));
        let values = &upper[lower.values.range()];
        let mut l = [zero; 4];
        if MASKED || lower.unknowns == 2 {
            for a in 0..OWN {
                let (x, y) = (scratch[at % SCRATCH + 2 * a], scratch[at % SCRATCH + 2 * a + 1]);
                l[2 * a] = y.mul_add(d[2], x.mul(d[0]));
                l[2 * a + 1] = y.mul_add(d[3], x.mul(d[1]));
            }
            at += 2 * OWN;
            eliminate::<L, OWN, 2>(scratch, &l, values, targets);
            for a in 0..OWN {
                rhs[a] = l[2 * a + 1].neg_mul_add(step[1], l[2 * a].neg_mul_add(step[0], rhs[a]));
            }
            if SLACK {
                let z = response[lower.row as usize];
                for a in 0..OWN {
                    unit[a] = l[2 * a + 1].neg_mul_add(z[1], l[2 * a].neg_mul_add(z[0], unit[a]));
                }
            }
        } else {
            for a in 0..OWN {
                l[2 * a] = scratch[at % SCRATCH + a].mul(d[0]);
            }
            at += OWN;
            eliminate::<L, OWN, 1>(scratch, &l, values, targets);
            for a in 0..OWN {
                rhs[a] = l[2 * a].neg_mul_add(step[0], rhs[a]);
            }
            if SLACK {
                let z = response[lower.row as usize];
                for a in 0..OWN {
                    unit[a] = l[2 * a].neg_mul_add(z[0], unit[a]);
                }
            }
        }
        if KEEP {
            pass.kept.extend_from_slice(&l[..2 * OWN]);
        }
    }

    let inverse = if OWN == 2 {
        let d: [L; 4] = std::array::from_fn(|k| scratch[diagonal_at + k]);
        let determinant = d[1].neg_mul_add(d[2], d[0].mul(d[3]));
        let scale = one.div(determinant);
        [d[3].mul(scale), zero.sub(d[1]).mul(scale), zero.sub(d[2]).mul(scale), d[0].mul(scale)]
    } else {
        [one.div(scratch[diagonal_at]), zero, zero, zero]
    };
    // A plain loop: rows are short, and a call to copy them costs more than the copy.
    for (to, from) in upper[row.values.range()].iter_mut().zip(&scratch[diagonal_at + OWN * OWN..]) {
        *to = *from;
    }
    pivot[i] = Pivot { inverse, step: rhs };
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
fn minus_product<L: Lane>(block: Block<L>, x: [L; 2], rhs: [L; 2]) -> [L; 2] {
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
pub(crate) fn slack_equation<L: Lane>(schedule: &Schedule, arena: &Arena<L>, i: usize) -> (L, L, L) {
    let Arena { voltage, pivot, response, patches, .. } = arena;
    let zero = L::splat(0.0);
    let row = &schedule.rows[i];
    let vi = voltage[i];
    let y = row.diagonal;
    let mut own = power(vi, L::splat(y.re), L::splat(y.im), vi);
    let mut sum = own;
    let mut along = [zero; 2];
    for slot in &schedule.slots[row.slots_two.range().start..row.slots_none.range().end] {
        let j = slot.column as usize;
        let s = power(vi, L::splat(slot.y.re), L::splat(slot.y.im), voltage[j]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
        let (x, z) = (pivot[j].step, response[j]);
        along[0] = s[0].mul_add(x[1], s[1].mul_add(x[0], along[0]));
        along[1] = s[0].mul_add(z[1], s[1].mul_add(z[0], along[1]));
    }
    let mut next_patch = patches.partition_point(|p| (p.row as usize) < i);
    while let Some(patch) = patch_of_row(patches, &mut next_patch, i) {
        let s = patch_power(schedule, voltage, patch, i);
        let lane = patch.lane as usize;
        add_in_lane(&mut sum[0], lane, s[0]);
        add_in_lane(&mut sum[1], lane, s[1]);
        if patch.slot == Patch::DIAGONAL {
            add_in_lane(&mut own[0], lane, s[0]);
            add_in_lane(&mut own[1], lane, s[1]);
        } else {
            let j = schedule.slots[patch.slot as usize].column as usize;
            for (k, x) in [pivot[j].step, response[j]].into_iter().enumerate() {
                let term = s[0].mul_add(x[1].get(lane), s[1].mul_add(x[0].get(lane), along[k].get(lane)));
                along[k].set(lane, term);
            }
        }
    }
    let diagonal = [own[1].sub(sum[1]), own[0].add(sum[0])];
    let (x, z) = (pivot[i].step, response[i]);
    along[0] = diagonal[1].mul_add(x[1], diagonal[0].mul_add(x[0], along[0]));
    along[1] = diagonal[1].mul_add(z[1], diagonal[0].mul_add(z[0], along[1]));
    (arena.schedule[i][0].sub(sum[0]), along[0], along[1])
}

/// Moves every voltage by `scale` times the step: magnitude by `1 + dV/V`, angle by the Cayley rotation
/// `(1 + jh) / (1 - jh)`, `h = d theta / 2`, whose modulus is one. Lanes whose scale is zero keep their bits. Returns the
/// largest change, per lane.
#[inline(always)]
pub(crate) fn advance<L: Lane>(arena: &mut Arena<L>, scale: L) -> L {
    let mut largest = L::splat(0.0);
    for (v, pivot) in arena.voltage.iter_mut().zip(&arena.pivot) {
        largest = move_voltage(v, pivot.step, scale, largest);
    }
    largest
}

#[inline(always)]
fn move_voltage<L: Lane>(v: &mut [L; 2], step: [L; 2], scale: L, largest: L) -> L {
    let one = L::splat(1.0);
    let (angle, magnitude) = (step[0].mul(scale), step[1].mul(scale));
    let h = angle.mul(L::splat(0.5));
    let square = h.mul(h);
    let factor = one.add(magnitude).div(one.add(square));
    let cos = one.sub(square).mul(factor);
    let sin = h.add(h).mul(factor);
    let re = v[1].neg_mul_add(sin, v[0].mul(cos));
    let im = v[1].mul_add(cos, v[0].mul(sin));
    *v = [scale.choose(re, v[0]), scale.choose(im, v[1])];
    largest.max_abs(angle).max_abs(magnitude)
}

pub(crate) mod adjoint;
pub(crate) mod shared;
#[cfg(test)]
mod tests;
