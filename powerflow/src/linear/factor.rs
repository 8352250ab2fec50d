//! The factor of a susceptance matrix, and its solves for one or several right-hand sides side by side.
//!
//! L D L^T in the elimination order and pattern of the plan. The matrix is symmetric, so the rows of L^T and the pivots
//! are all that a solve needs. Nodes whose angle is known are identity rows without couplings.
//!
//! Source: T. A. Davis, "Direct Methods for Sparse Linear Systems", SIAM, 2006, chapters 3 and 4.

use crate::index::Index;
use crate::lane::Lane;
use crate::plan::Plan;

/// A pivot this small against the susceptances that meet at its node is rounding: the angles are not determined.
const PIVOT_MIN: f64 = 1e-14;

/// See the module. Everything by elimination position.
#[derive(Clone, Debug)]
pub(crate) struct Factor {
    /// Row i of L^T right of its diagonal: entries `start[i]..start[i + 1]`; what is exactly zero is left out.
    start: Vec<u32>,
    column: Vec<u32>,
    value: Vec<f64>,
    inverse_pivot: Vec<f64>,
    grounded: Vec<bool>,
    /// A row without a usable pivot.
    pub(crate) singular: Option<usize>,
}

impl Factor {
    /// Of the branches' susceptances, pu, zero for one that carries nothing; `grounded` are the rows whose angle is known.
    pub(crate) fn new(plan: &Plan, susceptance_pu: &[f64], grounded: &[bool]) -> Self {
        let n = plan.node_count();
        let mut diagonal = vec![0.0; n];
        let mut met = vec![0.0; n];
        let mut off_diagonal = vec![0.0; plan.column.len()];
        for (branch, slots) in plan.branch_slots.iter() {
            let b = susceptance_pu[branch.row()];
            let (from, to) = (slots.from as usize, slots.to as usize);
            if from == to {
                continue;
            }
            for end in [from, to] {
                diagonal[end] += b;
                met[end] += b.abs();
            }
            if !grounded[from] && !grounded[to] {
                off_diagonal[slots.from_to as usize] -= b;
                off_diagonal[slots.to_from as usize] -= b;
            }
        }
        let mut factor = Factor {
            start: Vec::with_capacity(n + 1),
            column: Vec::with_capacity(plan.upper.len()),
            value: Vec::with_capacity(plan.upper.len()),
            inverse_pivot: vec![1.0; n],
            grounded: grounded.to_vec(),
            singular: None,
        };
        factor.start.push(0);
        let mut upper = vec![0.0; plan.upper.len()];
        let mut scratch = vec![0.0; plan.scratch_len];
        let mut next_target = 0;
        for i in 0..n {
            let lower = &plan.lower[plan.lower_start[i] as usize..plan.lower_start[i + 1] as usize];
            let right = plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize;
            let row = &mut scratch[..lower.len() + 1 + right.len()];
            row.fill(0.0);
            row[lower.len()] = diagonal[i];
            for slot in plan.row_start[i] as usize..plan.row_start[i + 1] as usize {
                row[plan.slot_scratch[slot] as usize] = off_diagonal[slot];
            }
            for (at, j) in lower.iter().enumerate() {
                let j = *j as usize;
                let range = plan.upper_start[j] as usize..plan.upper_start[j + 1] as usize;
                let eliminated = row[at];
                // Rows of the upper part are divided by their pivot already: what is left of this row is subtracted whole.
                for u in &upper[range] {
                    let target = plan.targets[next_target] as usize;
                    row[target] = f64::mul_add(-eliminated, *u, row[target]);
                    next_target += 1;
                }
            }
            let pivot = row[lower.len()];
            if !grounded[i] {
                if !(pivot.abs() > PIVOT_MIN * met[i]) && factor.singular.is_none() {
                    factor.singular = Some(i);
                }
                factor.inverse_pivot[i] = 1.0 / pivot;
            }
            for (k, value) in right.zip(&row[lower.len() + 1..]) {
                upper[k] = value * factor.inverse_pivot[i];
                if upper[k] != 0.0 {
                    factor.column.push(plan.upper[k]);
                    factor.value.push(upper[k]);
                }
            }
            factor.start.push(factor.column.len() as u32);
        }
        factor
    }

    /// Whether the angle of a row is known: what is injected there is that angle, not power.
    #[inline(always)]
    pub(crate) fn is_grounded(&self, position: u32) -> bool {
        self.grounded[position as usize]
    }

    /// Order of the matrix.
    pub(crate) fn len(&self) -> usize {
        self.inverse_pivot.len()
    }

    /// Solves for the right-hand sides of `work`, which are gone afterwards; the answer is in `work.x`.
    #[inline(always)]
    pub(crate) fn solve<L: Lane>(&self, work: &mut Work<L>) {
        let n = self.len();
        let (rhs, x) = (&mut work.rhs[..n], &mut work.x[..n]);
        let zero = L::splat(0.0);
        // Forward, only where there is anything: an injection touches its node and the path from there to the root.
        for word in 0..work.touched.len() {
            let mut done = 0u64;
            loop {
                let left = work.touched[word] & !done;
                if left == 0 {
                    break;
                }
                let bit = left.trailing_zeros();
                done |= 1 << bit;
                let i = word * 64 + bit as usize;
                let (a, b) = (self.start[i] as usize, self.start[i + 1] as usize);
                let (column, value) = (&self.column[a..b], &self.value[a..b]);
                let from = rhs[i];
                for k in 0..column.len() {
                    let to = column[k] as usize;
                    rhs[to] = L::splat(value[k]).neg_mul_add(from, rhs[to]);
                    work.touched[to / 64] |= 1 << (to % 64);
                }
            }
        }
        for i in (0..n).rev() {
            let (a, b) = (self.start[i] as usize, self.start[i + 1] as usize);
            let (column, value) = (&self.column[a..b], &self.value[a..b]);
            let mut sum = zero;
            if work.touched[i / 64] >> (i % 64) & 1 == 1 {
                // Plus zero: a row that only a neighbouring lane touches must not become minus zero.
                sum = rhs[i].mul_add(L::splat(self.inverse_pivot[i]), zero);
                rhs[i] = zero;
            }
            for k in 0..column.len() {
                sum = L::splat(value[k]).neg_mul_add(x[column[k] as usize], sum);
            }
            x[i] = sum;
        }
        work.touched.fill(0);
    }
}

/// Right-hand sides and answers, by elimination position.
#[derive(Debug)]
pub(crate) struct Work<L> {
    /// Zero wherever `touched` has no bit.
    rhs: Vec<L>,
    pub(crate) x: Vec<L>,
    touched: Vec<u64>,
}

impl<L: Lane> Work<L> {
    pub(crate) fn new(n: usize) -> Self {
        let zero = L::splat(0.0);
        Work { rhs: vec![zero; n], x: vec![zero; n], touched: vec![0; n.div_ceil(64)] }
    }

    /// Adds to a right-hand side.
    #[inline(always)]
    pub(crate) fn inject(&mut self, position: usize, lane: usize, more: f64) {
        let now = self.rhs[position].get(lane);
        self.rhs[position].set(lane, now + more);
        self.touched[position / 64] |= 1 << (position % 64);
    }

    /// Difference of two answers.
    #[inline(always)]
    pub(crate) fn across(&self, ends: [u32; 2]) -> L {
        self.x[ends[0] as usize].sub(self.x[ends[1] as usize])
    }
}
