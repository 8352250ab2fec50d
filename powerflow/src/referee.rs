//! Newton with a pivoted sparse LU and one step of iterative refinement: for Jacobians on which elimination without
//! pivoting between buses loses its digits, and a second opinion where it found nothing.
//!
//! The whole bordered system, with one column for each island's distributed slack, in one matrix of the unknowns that are
//! free. The library picks its instructions by processor, so the last digits of what only this rung solves may differ
//! between generations of one kind of machine; no other rung's do.

use faer::MatMut;
use faer::linalg::solvers::Solve;
use faer::sparse::linalg::solvers::{Lu, SymbolicLu};
use faer::sparse::{SparseColMat, Triplet};

use crate::kernel::{self, Arena, Patch};
use crate::newton::{Progress, Run, move_slack};
use crate::plan::Plan;
use crate::solution::{Complex, DivergenceReason};

/// No unknown, no equation.
const NONE: u32 = u32::MAX;

/// One entry of the Jacobian: row, column, value.
type Entry = Triplet<u32, u32, f64>;

/// Numbers of the unknowns `(angle, magnitude)` and of the equations `(active, reactive)` of each row. Where an island's slack
/// is distributed, the active equation of the row that holds its angle belongs to the power moved.
struct Numbering {
    unknown: Vec<[u32; 2]>,
    equation: Vec<[u32; 2]>,
    /// Number of the power moved of the first island; the others follow.
    moved: u32,
    count: usize,
}

impl Numbering {
    fn of(arena: &Arena<f64>, progress: &Progress) -> Self {
        let mut next = 0;
        let mut take = |free: f64| {
            let number = if free > 0.0 { next } else { NONE };
            next += u32::from(free > 0.0);
            number
        };
        let unknown: Vec<[u32; 2]> = arena.free.iter().map(|free| [take(free[0]), take(free[1])]).collect();
        let mut equation = unknown.clone();
        for (number, balanced) in (next..).zip(&progress.balanced) {
            equation[balanced.row as usize][0] = number;
        }
        Numbering { unknown, equation, moved: next, count: next as usize + progress.balanced.len() }
    }
}

/// Iterates in the only lane of an arena until it has converged or given up.
pub(crate) fn newton(plan: &Plan, arena: &mut Arena<f64>, progress: &mut Progress) {
    if progress.run != Run::Active {
        return;
    }
    let numbering = Numbering::of(arena, progress);
    let mut symbolic: Option<SymbolicLu<u32>> = None;
    let mut injections = Vec::new();
    progress.run = loop {
        kernel::injections(plan.uniform(), arena, &mut injections);
        let gap = gaps(&numbering, arena, &injections);
        let mismatch = gap.iter().fold(0.0f64, |worst, gap| larger(worst, *gap));
        if !mismatch.is_finite() {
            break Run::Failed(DivergenceReason::NotFinite);
        }
        if mismatch <= progress.tolerance_pu {
            break Run::Converged(mismatch);
        }
        if progress.iterations == progress.iterations_max {
            break Run::Failed(DivergenceReason::IterationLimit);
        }
        progress.iterations += 1;
        if let Some(trend) = &mut progress.trend_pu {
            trend.push(mismatch);
        }
        let entries = jacobian(plan, &numbering, arena, progress, &injections);
        let Some(step) = solve(&mut symbolic, &entries, &gap) else {
            break Run::Failed(DivergenceReason::NotFinite);
        };
        for (to, unknown) in arena.steps.iter_mut().zip(&numbering.unknown) {
            *to = unknown.map(|number| if number == NONE { 0.0 } else { step[number as usize] });
        }
        for (balanced, more_pu) in progress.balanced.iter_mut().zip(&step[numbering.moved as usize..]) {
            balanced.more_pu = *more_pu;
        }
        move_slack(arena, std::slice::from_mut(progress), 1.0);
        if !kernel::advance(arena, 1.0).is_finite() {
            break Run::Failed(DivergenceReason::NotFinite);
        }
    };
}

/// The larger magnitude; a number that is none is the largest.
fn larger(worst: f64, gap: f64) -> f64 {
    if gap.is_nan() { f64::INFINITY } else { worst.max(gap.abs()) }
}

/// Scheduled minus computed, by equation.
fn gaps(numbering: &Numbering, arena: &Arena<f64>, injections: &[[f64; 2]]) -> Vec<f64> {
    let mut gap = vec![0.0; numbering.count];
    for (row, equation) in numbering.equation.iter().enumerate() {
        for k in 0..2 {
            if equation[k] != NONE {
                gap[equation[k] as usize] = arena.schedule[row][k] - injections[row][k];
            }
        }
    }
    gap
}

/// The entries of the Jacobian, as in the kernel: with `s_ij = V_i conj(Y_ij V_j) = a + jb` the block of row i, column j is
/// `[[b, a], [-a, b]]`, and on the diagonal P and Q are added to it. Entries of one place add up.
fn jacobian(
    plan: &Plan,
    numbering: &Numbering,
    arena: &Arena<f64>,
    progress: &Progress,
    injections: &[[f64; 2]],
) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(4 * (plan.column.len() + 2 * plan.node_count()));
    let mut block = |i: usize, j: usize, values: [f64; 4]| {
        for (at, value) in values.into_iter().enumerate() {
            let (row, col) = (numbering.equation[i][at / 2], numbering.unknown[j][at % 2]);
            if row != NONE && col != NONE {
                entries.push(Triplet::new(row, col, value));
            }
        }
    };
    let mut branch = |i: usize, j: usize, y: Complex| {
        let (vi, vj) = (arena.voltage_of(i, 0), arena.voltage_of(j, 0));
        let current = Complex { re: y.re * vj.re - y.im * vj.im, im: y.re * vj.im + y.im * vj.re };
        let (a, b) = (vi.re * current.re + vi.im * current.im, vi.im * current.re - vi.re * current.im);
        block(i, j, [b, a, -a, b]);
    };
    for i in 0..plan.node_count() {
        branch(i, i, plan.diagonal[i]);
        for slot in plan.row_start[i] as usize..plan.row_start[i + 1] as usize {
            branch(i, plan.column[slot] as usize, plan.off_diagonal[slot]);
        }
    }
    for patch in &arena.patches {
        let i = patch.row as usize;
        let j = if patch.slot == Patch::DIAGONAL { i } else { plan.column[patch.slot as usize] as usize };
        branch(i, j, Complex { re: patch.g, im: patch.b });
    }
    for (i, [p, q]) in injections.iter().enumerate() {
        block(i, i, [-q, *p, *p, *q]);
    }
    for (number, balanced) in (numbering.moved..).zip(&progress.balanced) {
        for (i, share) in arena.share.iter().enumerate() {
            let own = progress.island_at.get(i).is_none_or(|island| *island == balanced.island);
            let row = numbering.equation[i][0];
            if own && row != NONE && *share != 0.0 {
                entries.push(Triplet::new(row, number, -share));
            }
        }
    }
    entries
}

/// The step, with one refinement; `None` where the matrix is singular.
fn solve(symbolic: &mut Option<SymbolicLu<u32>>, entries: &[Entry], gap: &[f64]) -> Option<Vec<f64>> {
    let n = gap.len();
    let matrix = SparseColMat::<u32, f64>::try_new_from_triplets(n, n, entries).ok()?;
    let analysis = match symbolic {
        Some(analysis) => analysis.clone(),
        None => symbolic.insert(SymbolicLu::try_new(matrix.symbolic()).ok()?).clone(),
    };
    let lu = Lu::try_new_with_symbolic(analysis, matrix.as_ref()).ok()?;
    let back = |rhs: &[f64]| -> Vec<f64> {
        let mut column = rhs.to_vec();
        lu.solve_in_place(MatMut::from_column_major_slice_mut(&mut column, n, 1));
        column
    };
    let mut step = back(gap);
    let mut residual = gap.to_vec();
    for entry in entries {
        let row = entry.row as usize;
        residual[row] = (-entry.val).mul_add(step[entry.col as usize], residual[row]);
    }
    for (step, correction) in step.iter_mut().zip(back(&residual)) {
        *step += correction;
    }
    step.iter().all(|x| x.is_finite()).then_some(step)
}
