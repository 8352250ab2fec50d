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
use crate::schedule::{Row, SCRATCH, Schedule};

pub(crate) use arena::{Arena, Patch, Same};
use arena::{Block, Board, Broadcast, WidePatch};

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
fn patch_of_row<'a, L>(patches: &'a [WidePatch<L>], next: &mut usize, i: usize) -> Option<&'a WidePatch<L>> {
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

/// The column of a patch of row `i`.
#[inline(always)]
fn patch_column<L>(schedule: &Schedule, patch: &WidePatch<L>, i: usize) -> usize {
    if patch.slot == Patch::DIAGONAL { i } else { schedule.slots[patch.slot as usize].column as usize }
}

/// Complex power leaving row `i` into the network: its voltage times the conjugate of its current.
#[inline(always)]
fn row_power<L: Lane>(
    schedule: &Schedule,
    row: &Row,
    voltage: &[[L; 2]],
    patches: &[WidePatch<L>],
    i: usize,
    next_patch: &mut usize,
) -> [L; 2] {
    let vi = voltage[i];
    let (g, b) = (L::splat(row.diagonal.re), L::splat(row.diagonal.im));
    let mut re = b.neg_mul_add(vi[1], g.mul(vi[0]));
    let mut im = b.mul_add(vi[0], g.mul(vi[1]));
    for slot in &schedule.slots[row.slots_two.range().start..row.slots_none.range().end] {
        let (g, b) = (L::splat(slot.y.re), L::splat(slot.y.im));
        let v = voltage[slot.column as usize];
        re = b.neg_mul_add(v[1], g.mul_add(v[0], re));
        im = b.mul_add(v[0], g.mul_add(v[1], im));
    }
    let p = vi[1].mul_add(im, vi[0].mul(re));
    let q = vi[0].neg_mul_add(im, vi[1].mul(re));
    let mut sum = [p, q];
    while let Some(patch) = patch_of_row(patches, next_patch, i) {
        let s = power(vi, patch.g, patch.b, voltage[patch_column(schedule, patch, i)]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
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
            let (voltage, patches) = (&arena.voltage[..], &arena.wide_patches[..]);
            out.clear();
            let mut next_patch = 0;
            // A plain loop: the closure of an iterator adaptor would be compiled apart, without this machine's FMA.
            for (i, row) in schedule.rows.iter().enumerate() {
                let s = row_power(schedule, row, voltage, patches, i, &mut next_patch);
                out.push(s);
            }
        }
    }
    L::dispatch(Injections(schedule, arena, out));
}

/// Lowest and highest magnitude per lane, pu. Rows without voltage stand at 1 pu.
pub(crate) fn extremes<L: Lane>(arena: &Arena<L>) -> [L; 2] {
    struct Extremes<'a, L>(&'a Arena<L>);
    impl<L: Lane> Work for Extremes<'_, L> {
        type Answer = [L; 2];
        #[inline(always)]
        fn run(self) -> [L; 2] {
            let (mut low, mut high) = (L::splat(f64::INFINITY), L::splat(0.0));
            for [re, im] in &self.0.voltage {
                let square = re.mul_add(*re, im.mul(*im));
                low = low.sub(square).choose(square, low);
                high = high.max_abs(square);
            }
            [low.sqrt(), high.sqrt()]
        }
    }
    L::dispatch(Extremes(arena))
}

/// Largest mismatch of the equations that hold, pu, per lane.
#[inline(always)]
pub(crate) fn mismatch<L: Lane>(schedule: &Schedule, arena: &Arena<L>) -> L {
    let mut worst = L::splat(0.0);
    let mut next_patch = 0;
    let Arena { voltage, schedule: scheduled, free, balance, wide_patches: patches, .. } = arena;
    let (voltage, patches) = (&voltage[..], &patches[..]);
    let (scheduled, free, balance) = (&scheduled[..], &free[..], &balance[..]);
    for (i, row) in schedule.rows.iter().enumerate() {
        let s = row_power(schedule, row, voltage, patches, i, &mut next_patch);
        let [p, q] = scheduled[i];
        let [angle, magnitude] = free[i];
        let active = angle.add(balance[i]);
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
                board.steps[i] = [zero; 2];
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
            let step = board.steps[i];
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
    let Board { steps, inverse, response, upper, .. } = board;
    let (columns_two, columns_one) =
        (&schedule.upper[row.upper_two.range()], &schedule.upper[row.upper_one.range()]);
    let values = &upper[row.values.range()];
    let (d, mut rhs) = (inverse[i], steps[i]);
    let mut unit = if SLACK { response[i] } else { [zero; 2] };
    match row.unknowns {
        2 => {
            let (blocks_two, blocks_one) = values.split_at(4 * columns_two.len());
            for (u, k) in blocks_two.chunks_exact(4).zip(columns_two) {
                let k = *k as usize;
                rhs = minus_product([u[0], u[1], u[2], u[3]], steps[k], rhs);
                if SLACK {
                    unit = minus_product([u[0], u[1], u[2], u[3]], response[k], unit);
                }
            }
            for (u, k) in blocks_one.chunks_exact(2).zip(columns_one) {
                let k = *k as usize;
                let x = steps[k][0];
                rhs = [u[0].neg_mul_add(x, rhs[0]), u[1].neg_mul_add(x, rhs[1])];
                if SLACK {
                    let x = response[k][0];
                    unit = [u[0].neg_mul_add(x, unit[0]), u[1].neg_mul_add(x, unit[1])];
                }
            }
            steps[i] = times(d, rhs);
            if SLACK {
                response[i] = times(d, unit);
            }
        }
        1 if !MASKED => {
            let (blocks_two, blocks_one) = values.split_at(2 * columns_two.len());
            for (u, k) in blocks_two.chunks_exact(2).zip(columns_two) {
                let k = *k as usize;
                let x = steps[k];
                rhs[0] = u[1].neg_mul_add(x[1], u[0].neg_mul_add(x[0], rhs[0]));
                if SLACK {
                    unit[0] = u[1].neg_mul_add(response[k][1], u[0].neg_mul_add(response[k][0], unit[0]));
                }
            }
            for (u, k) in blocks_one.iter().zip(columns_one) {
                let k = *k as usize;
                rhs[0] = u.neg_mul_add(steps[k][0], rhs[0]);
                if SLACK {
                    unit[0] = u.neg_mul_add(response[k][0], unit[0]);
                }
            }
            steps[i] = [d[0].mul(rhs[0]), zero];
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
    /// Where the rows that are left out are found.
    base: Option<FromBase<'a>>,
}

/// The first iteration of lanes that all stand at one base and differ from it in few rows: the others are the base's.
#[derive(Clone, Copy)]
pub(crate) struct FromBase<'a> {
    pub(crate) factor: &'a shared::Factor,
    /// Rows with patches, and those that their elimination changes.
    pub(crate) changed: &'a [bool],
}

impl<'a, L: Lane> Pass<'a, L> {
    #[inline(always)]
    fn new(schedule: &'a Schedule) -> Self {
        Pass { worst: L::splat(0.0), next_patch: 0, targets: &schedule.targets, kept: Vec::new(), base: None }
    }
}

/// [`forward`] of lanes that stand at a base: its rows are taken from there, except those that changed.
#[inline(always)]
pub(crate) fn forward_from_base<L: Lane>(schedule: &Schedule, arena: &mut Arena<L>, base: FromBase<'_>) -> L {
    let mut pass = Pass { base: Some(base), ..Pass::new(schedule) };
    let mut board = arena.board();
    let mut worst = 0.0f64;
    for (i, row) in schedule.rows.iter().enumerate() {
        if !base.changed[i] {
            worst = worst.max_abs(base.factor.mismatch[i]);
            continue;
        }
        pass.targets = &schedule.targets[row.targets.range()];
        match row.unknowns {
            2 => eliminate_row::<L, 2, false, false, false>(schedule, row, &mut board, i, &mut pass),
            1 => eliminate_row::<L, 1, false, false, false>(schedule, row, &mut board, i, &mut pass),
            _ => {}
        }
    }
    pass.worst.max_abs(L::splat(worst))
}

/// [`backward_and_advance`] after [`forward_from_base`].
#[inline(always)]
pub(crate) fn backward_from_base<L: Lane>(
    schedule: &Schedule,
    arena: &mut Arena<L>,
    moving: L,
    base: FromBase<'_>,
) -> L {
    let zero = L::splat(0.0);
    let mut largest = zero;
    let Board { steps, inverse, upper, voltage, .. } = arena.board();
    for (i, row) in schedule.rows.iter().enumerate().rev() {
        if row.unknowns == 0 {
            steps[i] = [zero; 2];
            continue;
        }
        let range = row.values.range();
        let step = if base.changed[i] {
            substituted(schedule, row, &upper[range], inverse[i], steps[i], steps)
        } else {
            let values = &base.factor.upper[range];
            let (d, rhs) = (base.factor.inverse[i].map(L::splat), base.factor.forward[i].map(L::splat));
            substituted(schedule, row, values, d, rhs, steps)
        };
        steps[i] = step;
        largest = move_voltage(&mut voltage[i], step, moving, largest);
    }
    largest
}

/// The step of one row, from its right-hand side and the steps of the columns right of it.
#[inline(always)]
fn substituted<L: Lane, U: Broadcast<L>>(
    schedule: &Schedule,
    row: &Row,
    values: &[U],
    d: Block<L>,
    mut rhs: [L; 2],
    steps: &[[L; 2]],
) -> [L; 2] {
    let (two, one) = (&schedule.upper[row.upper_two.range()], &schedule.upper[row.upper_one.range()]);
    if row.unknowns == 2 {
        let (blocks_two, blocks_one) = values.split_at(4 * two.len());
        for (u, k) in blocks_two.chunks_exact(4).zip(two) {
            let block = [u[0].lanes(), u[1].lanes(), u[2].lanes(), u[3].lanes()];
            rhs = minus_product(block, steps[*k as usize], rhs);
        }
        for (u, k) in blocks_one.chunks_exact(2).zip(one) {
            let x = steps[*k as usize][0];
            rhs = [u[0].lanes().neg_mul_add(x, rhs[0]), u[1].lanes().neg_mul_add(x, rhs[1])];
        }
        times(d, rhs)
    } else {
        let (blocks_two, blocks_one) = values.split_at(2 * two.len());
        for (u, k) in blocks_two.chunks_exact(2).zip(two) {
            let x = steps[*k as usize];
            rhs[0] = u[1].lanes().neg_mul_add(x[1], u[0].lanes().neg_mul_add(x[0], rhs[0]));
        }
        for (u, k) in blocks_one.iter().zip(one) {
            rhs[0] = u.lanes().neg_mul_add(steps[*k as usize][0], rhs[0]);
        }
        [d[0].mul(rhs[0]), L::splat(0.0)]
    }
}

/// [`forward`] at a single state, keeping the lower part of the factor, two numbers for each row of a block; and the
/// largest mismatch of each row, pu.
#[inline(always)]
fn forward_keeping(schedule: &Schedule, arena: &mut Arena<f64>) -> (Vec<f64>, Vec<f64>) {
    let mut pass = Pass::new(schedule);
    let mut board = arena.board();
    let mut mismatch = Vec::with_capacity(schedule.rows.len());
    for (i, row) in schedule.rows.iter().enumerate() {
        pass.worst = 0.0;
        match row.unknowns {
            2 => eliminate_row::<f64, 2, false, false, true>(schedule, row, &mut board, i, &mut pass),
            1 => eliminate_row::<f64, 1, false, false, true>(schedule, row, &mut board, i, &mut pass),
            _ => board.steps[i] = [0.0; 2],
        }
        mismatch.push(pass.worst);
    }
    (pass.kept, mismatch)
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
    let Board { voltage, scheduled, free, share, patches, steps, inverse, response, upper, scratch } = board;
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
        let s = power(vi, patch.g, patch.b, voltage[patch_column(schedule, patch, i)]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
        let slot = patch.slot as usize;
        if patch.slot == Patch::DIAGONAL {
            own = [own[0].add(s[0]), own[1].add(s[1])];
        } else if slot < row.slots_one.range().end {
            let at = schedule.slots[slot].at as usize % SCRATCH;
            let terms = [s[1], s[0], zero.sub(s[0]), s[1]];
            let width = if slot < row.slots_two.range().end { 2 } else { 1 };
            for a in 0..OWN {
                for c in 0..width {
                    scratch[at + a * width + c] = scratch[at + a * width + c].add(terms[2 * a + c]);
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
        let j = lower.row as usize;
        let targets =
            (take(&mut pass.targets, lower.two as usize), take(&mut pass.targets, lower.one as usize));
        let two = MASKED || lower.unknowns == 2;
        let block = &scratch[at % SCRATCH..at % SCRATCH + 4];
        let block = [block[0], block[1], block[2], block[3]];
        at += if two { 2 * OWN } else { OWN };
        let range = lower.values.range();
        let (l, step);
        match &pass.base {
            Some(base) if !base.changed[j] => {
                let values = &base.factor.upper[range];
                l = multiplier::<L, OWN>(block, base.factor.inverse[j].map(L::splat), two);
                step = base.factor.forward[j].map(L::splat);
                if two {
                    eliminate::<L, Same, OWN, 2>(scratch, &l, values, targets);
                } else {
                    eliminate::<L, Same, OWN, 1>(scratch, &l, values, targets);
                }
            }
            _ => {
                let values = &upper[range];
                l = multiplier::<L, OWN>(block, inverse[j], two);
                step = steps[j];
                if two {
                    eliminate::<L, L, OWN, 2>(scratch, &l, values, targets);
                } else {
                    eliminate::<L, L, OWN, 1>(scratch, &l, values, targets);
                }
            }
        }
        for a in 0..OWN {
            rhs[a] = l[2 * a].neg_mul_add(step[0], rhs[a]);
            if two {
                rhs[a] = l[2 * a + 1].neg_mul_add(step[1], rhs[a]);
            }
        }
        if SLACK {
            let z = response[j];
            for a in 0..OWN {
                unit[a] = l[2 * a].neg_mul_add(z[0], unit[a]);
                if two {
                    unit[a] = l[2 * a + 1].neg_mul_add(z[1], unit[a]);
                }
            }
        }
        if KEEP {
            pass.kept.extend_from_slice(&l[..2 * OWN]);
        }
    }

    let inverted = if OWN == 2 {
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
    inverse[i] = inverted;
    steps[i] = rhs;
    if SLACK {
        response[i] = unit;
    }
}

/// A block left of the diagonal times the inverse of the diagonal block that eliminates it.
#[inline(always)]
fn multiplier<L: Lane, const OWN: usize>(block: [L; 4], d: Block<L>, two: bool) -> [L; 4] {
    let mut l = [L::splat(0.0); 4];
    for a in 0..OWN {
        if two {
            let (x, y) = (block[2 * a], block[2 * a + 1]);
            l[2 * a] = y.mul_add(d[2], x.mul(d[0]));
            l[2 * a + 1] = y.mul_add(d[3], x.mul(d[1]));
        } else {
            l[2 * a] = block[a].mul(d[0]);
        }
    }
    l
}

/// Takes `l` times a row of U, which has `OTHER` unknowns, from a row with `OWN`: first its columns with two unknowns, then
/// those with one.
#[inline(always)]
fn eliminate<L: Lane, U: Broadcast<L>, const OWN: usize, const OTHER: usize>(
    scratch: &mut [L; SCRATCH + 4],
    l: &[L; 4],
    values: &[U],
    targets: (&[u16], &[u16]),
) {
    let (blocks_two, blocks_one) = values.split_at(2 * OTHER * targets.0.len());
    for (u, target) in blocks_two.chunks_exact(2 * OTHER).zip(targets.0) {
        let at = *target as usize % SCRATCH;
        for a in 0..OWN {
            for c in 0..2 {
                let t = &mut scratch[at + 2 * a + c];
                *t = l[2 * a].neg_mul_add(u[c].lanes(), *t);
                if OTHER == 2 {
                    *t = l[2 * a + 1].neg_mul_add(u[2 + c].lanes(), *t);
                }
            }
        }
    }
    for (u, target) in blocks_one.chunks_exact(OTHER).zip(targets.1) {
        let at = *target as usize % SCRATCH;
        for a in 0..OWN {
            let t = &mut scratch[at + a];
            *t = l[2 * a].neg_mul_add(u[0].lanes(), *t);
            if OTHER == 2 {
                *t = l[2 * a + 1].neg_mul_add(u[1].lanes(), *t);
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
    let Arena { voltage, steps, response, wide_patches: patches, .. } = arena;
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
        let (x, z) = (steps[j], response[j]);
        along[0] = s[0].mul_add(x[1], s[1].mul_add(x[0], along[0]));
        along[1] = s[0].mul_add(z[1], s[1].mul_add(z[0], along[1]));
    }
    let mut next_patch = patches.partition_point(|p| (p.row as usize) < i);
    while let Some(patch) = patch_of_row(patches, &mut next_patch, i) {
        let j = patch_column(schedule, patch, i);
        let s = power(vi, patch.g, patch.b, voltage[j]);
        sum = [sum[0].add(s[0]), sum[1].add(s[1])];
        if patch.slot == Patch::DIAGONAL {
            own = [own[0].add(s[0]), own[1].add(s[1])];
        } else {
            let (x, z) = (steps[j], response[j]);
            along[0] = s[0].mul_add(x[1], s[1].mul_add(x[0], along[0]));
            along[1] = s[0].mul_add(z[1], s[1].mul_add(z[0], along[1]));
        }
    }
    let diagonal = [own[1].sub(sum[1]), own[0].add(sum[0])];
    let (x, z) = (steps[i], response[i]);
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
    for (v, step) in arena.voltage.iter_mut().zip(&arena.steps) {
        let (before, moving) = (*v, scale.mul(scale));
        let step = [step[0].mul(scale), step[1].mul(scale)];
        largest = move_voltage(v, step, L::splat(1.0), largest);
        *v = [moving.choose(v[0], before[0]), moving.choose(v[1], before[1])];
    }
    largest
}

/// Half an angle up to which `1 / (1 + h^2)` is a short series: what it leaves out is `h^12`, below rounding.
const SMALL_HALF_ANGLE: f64 = 1.0 / 32.0;

/// One voltage of [`advance`].
#[inline(always)]
fn move_voltage<L: Lane>(v: &mut [L; 2], step: [L; 2], scale: L, largest: L) -> L {
    let one = L::splat(1.0);
    let (angle, magnitude) = (step[0].mul(scale), step[1].mul(scale));
    let h = angle.mul(L::splat(0.5));
    let square = h.mul(h);
    // A division costs as much as the rest of a row, and most steps are small. Which of the two a lane takes depends on
    // its own angle alone.
    let series = one.sub(square);
    let series = square.neg_mul_add(series, one);
    let series = square.neg_mul_add(series, one);
    let series = square.neg_mul_add(series, one);
    let mut inverse = square.neg_mul_add(series, one);
    let beyond = square.sub(L::splat(SMALL_HALF_ANGLE * SMALL_HALF_ANGLE));
    if beyond.any_above_zero() {
        inverse = beyond.choose(one.div(one.add(square)), inverse);
    }
    let factor = one.add(magnitude).mul(inverse);
    let cos = one.sub(square).mul(factor);
    let sin = h.add(h).mul(factor);
    let re = v[1].neg_mul_add(sin, v[0].mul(cos));
    let im = v[1].mul_add(cos, v[0].mul(sin));
    *v = [scale.choose(re, v[0]), scale.choose(im, v[1])];
    largest.max_abs(angle).max_abs(magnitude)
}

pub(crate) mod adjoint;
mod arena;
pub(crate) mod shared;
#[cfg(test)]
mod tests;
