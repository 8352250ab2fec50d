//! Derivatives by rows, and the gain matrix that they make.

use std::sync::Arc;

use crate::symmetric::{Factor, Inverse, Pattern};

/// Derivatives of what is measured, one row a meter: entries of (unknown, derivative), unknowns ascending.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    start: Vec<u32>,
    unknown: Vec<u32>,
    value: Vec<f64>,
}

impl Rows {
    /// Rows with these entries; those of one unknown are added.
    pub(super) fn of(rows: impl IntoIterator<Item = Vec<(u32, f64)>>) -> Self {
        let mut built = Rows { start: vec![0], unknown: Vec::new(), value: Vec::new() };
        for mut row in rows {
            // Stable, so that sums are taken in the order of the entries.
            row.sort_by_key(|(unknown, _)| *unknown);
            for same in row.chunk_by(|a, b| a.0 == b.0) {
                built.unknown.push(same[0].0);
                built.value.push(same.iter().map(|(_, value)| value).sum());
            }
            built.start.push(built.unknown.len() as u32);
        }
        built
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.start.len() - 1
    }

    /// Entries of a row.
    pub(crate) fn row(&self, row: usize) -> impl ExactSizeIterator<Item = (u32, f64)> + Clone {
        let range = self.start[row] as usize..self.start[row + 1] as usize;
        self.unknown[range.clone()].iter().copied().zip(self.value[range].iter().copied())
    }

    /// A row times a vector.
    pub(super) fn times(&self, row: usize, x: &[f64]) -> f64 {
        self.row(row).fold(0.0, |sum, (unknown, value)| value.mul_add(x[unknown as usize], sum))
    }

    /// The transposed rows times a number for each.
    pub(super) fn transposed_times(&self, numbers: &[f64], unknowns: usize) -> Vec<f64> {
        let mut sum = vec![0.0; unknowns];
        for (row, number) in numbers.iter().enumerate() {
            for (unknown, value) in self.row(row) {
                sum[unknown as usize] = value.mul_add(*number, sum[unknown as usize]);
            }
        }
        sum
    }

    /// The same rows, each divided by its length; empty ones stay.
    pub(super) fn normalised(mut self) -> Self {
        for row in 0..self.len() {
            let values = &mut self.value[self.start[row] as usize..self.start[row + 1] as usize];
            let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length > 0.0 {
                values.iter_mut().for_each(|value| *value /= length);
            }
        }
        self
    }
}

/// The pattern of `G = H' W H` and, where rows are constraints, of the equations with their multipliers:
///
/// ```text
/// G   C'
/// C  -d I
/// ```
///
/// The constraints are rows of H as well, so that G alone is positive definite and the whole quasi-definite.
#[derive(Clone, Debug)]
pub(super) struct Gain {
    pattern: Arc<Pattern>,
    unknowns: usize,
    /// Rows of meters; the rows behind them are constraints.
    meters: usize,
    /// For each row the slots of its entries in pairs, lower ones with higher ones, each with itself; of a constraint then those
    /// of its multiplier with each entry and with itself.
    slots: Vec<u32>,
}

/// What one unit of a multiplier weighs against the constraint's own weight: what is left of a constraint after a step is this
/// share, and the next step takes it away.
const SOFTNESS: f64 = 1e-4;

impl Gain {
    /// For rows with this pattern, of which the last are constraints.
    pub(super) fn of(rows: &Rows, constraints: usize, unknowns: usize) -> Self {
        let meters = rows.len() - constraints;
        let mut neighbours: Vec<Vec<u32>> = vec![Vec::new(); unknowns + constraints];
        for row in 0..rows.len() {
            for (a, _) in rows.row(row) {
                neighbours[a as usize].extend(rows.row(row).map(|(b, _)| b).filter(|b| *b != a));
                if row >= meters {
                    let multiplier = unknowns + row - meters;
                    neighbours[a as usize].push(multiplier as u32);
                    neighbours[multiplier].push(a);
                }
            }
        }
        let pattern = Arc::new(Pattern::of(neighbours));
        let mut slots = Vec::new();
        for row in 0..rows.len() {
            for (i, (a, _)) in rows.row(row).enumerate() {
                slots.extend(rows.row(row).take(i + 1).map(|(b, _)| pattern.slot(a, b) as u32));
            }
            if row >= meters {
                let multiplier = (unknowns + row - meters) as u32;
                let own = rows.row(row).map(|(a, _)| a).chain([multiplier]);
                slots.extend(own.map(|a| pattern.slot(a, multiplier) as u32));
            }
        }
        Gain { pattern, unknowns, meters, slots }
    }

    /// Unknowns and multipliers.
    pub(super) fn len(&self) -> usize {
        self.pattern.len()
    }

    /// Order and pattern.
    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The factor for rows of this pattern with these weights; see [`Factor::of`] for `smallest`.
    pub(super) fn factor(&self, rows: &Rows, weights: &[f64], smallest: f64) -> Factor {
        let mut values = vec![0.0; self.pattern.values()];
        let mut slots = self.slots.iter().map(|slot| *slot as usize);
        for (row, weight) in weights.iter().enumerate() {
            for (i, (_, a)) in rows.row(row).enumerate() {
                let weighted = weight * a;
                for ((_, b), slot) in rows.row(row).take(i + 1).zip(&mut slots) {
                    values[slot] = weighted.mul_add(b, values[slot]);
                }
            }
            if row >= self.meters {
                for ((_, a), slot) in rows.row(row).zip(&mut slots) {
                    values[slot] = a;
                }
                let own = slots.next().expect("a multiplier has a slot with itself");
                values[own] = -SOFTNESS / weight;
            }
        }
        Factor::of(&self.pattern, &values, smallest)
    }

    /// How many unknowns, without multipliers.
    pub(super) fn unknowns(&self) -> usize {
        self.unknowns
    }
}

/// `h G^-1 h'` of a row: the variance of what is measured there at the estimate.
pub(super) fn variance(rows: &Rows, row: usize, inverse: &Inverse<'_>) -> f64 {
    let mut sum = 0.0;
    for (i, (a, x)) in rows.row(row).enumerate() {
        for (b, y) in rows.row(row).take(i) {
            sum += 2.0 * x * y * inverse.of(a, b);
        }
        sum += x * x * inverse.of(a, a);
    }
    sum
}
