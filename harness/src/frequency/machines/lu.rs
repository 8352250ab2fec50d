//! Dense complex elimination with partial pivoting: once a topology, for a network of a few hundred buses.
//!
//! Dense and our own, so that its bytes are the same on every processor; rows of a network are sparse, and columns in
//! which a row has nothing yet are skipped.

use super::phasor::Phasor;

/// A factored square matrix.
pub(super) struct Lu {
    n: usize,
    /// Rows of both factors, the unit diagonal of the lower one left out.
    rows: Vec<Phasor>,
    /// Row that was exchanged with each row, in order.
    exchanged: Vec<usize>,
}

/// Pivots below this share of the largest entry of the matrix are rounding: the matrix has no inverse that is worth a number.
const PIVOT_SHARE_MIN: f64 = 1e-13;

impl Lu {
    /// Factors an `n` by `n` matrix given by rows; `None` where it is singular, or holds what is no number.
    pub(super) fn factor(n: usize, mut rows: Vec<Phasor>) -> Option<Self> {
        let size = |a: Phasor| a.re.abs() + a.im.abs();
        let largest =
            rows.iter().fold(0.0f64, |largest, a| if size(*a) > largest { size(*a) } else { largest });
        if !rows.iter().all(|a| a.re.is_finite() && a.im.is_finite()) {
            return None;
        }
        let mut exchanged = Vec::with_capacity(n);
        for k in 0..n {
            let mut best = k;
            for row in k + 1..n {
                if size(rows[row * n + k]) > size(rows[best * n + k]) {
                    best = row;
                }
            }
            if !(size(rows[best * n + k]) > PIVOT_SHARE_MIN * largest) {
                return None;
            }
            exchanged.push(best);
            if best != k {
                for column in 0..n {
                    rows.swap(k * n + column, best * n + column);
                }
            }
            let inverse = rows[k * n + k].recip();
            let (upper, lower) = rows.split_at_mut((k + 1) * n);
            let pivot_row = &upper[k * n..];
            for row in lower.chunks_exact_mut(n) {
                if row[k] == Phasor::ZERO {
                    continue;
                }
                let factor = row[k] * inverse;
                row[k] = factor;
                for (to, from) in row[k + 1..].iter_mut().zip(&pivot_row[k + 1..]) {
                    *to -= factor * *from;
                }
            }
        }
        Some(Self { n, rows, exchanged })
    }

    /// Replaces a right-hand side by the solution.
    pub(super) fn solve(&self, b: &mut [Phasor]) {
        let n = self.n;
        for (k, with) in self.exchanged.iter().enumerate() {
            b.swap(k, *with);
        }
        for k in 0..n {
            let mut sum = b[k];
            for (l, x) in self.rows[k * n..k * n + k].iter().zip(&*b) {
                sum -= *l * *x;
            }
            b[k] = sum;
        }
        for k in (0..n).rev() {
            let mut sum = b[k];
            for (u, x) in self.rows[k * n + k + 1..(k + 1) * n].iter().zip(&b[k + 1..]) {
                sum -= *u * *x;
            }
            b[k] = sum * self.rows[k * n + k].recip();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_that_needs_pivoting_is_solved() {
        let c = Phasor::new;
        // The first pivot is zero. Solution chosen: (1, j, 2 - j).
        let a = vec![
            c(0.0, 0.0),
            c(2.0, 0.0),
            c(1.0, 1.0),
            c(1.0, 0.0),
            c(0.0, 1.0),
            c(0.0, 0.0),
            c(3.0, 0.0),
            c(0.0, 0.0),
            c(1.0, 0.0),
        ];
        let x = [c(1.0, 0.0), c(0.0, 1.0), c(2.0, -1.0)];
        let mut b: Vec<Phasor> = a
            .chunks_exact(3)
            .map(|row| row.iter().zip(&x).fold(Phasor::ZERO, |sum, (a, x)| sum + *a * *x))
            .collect();
        Lu::factor(3, a).expect("a regular matrix").solve(&mut b);
        assert!(b.iter().zip(&x).all(|(b, x)| (*b - *x).abs() < 1e-14), "{b:?}");
    }

    #[test]
    fn a_singular_matrix_has_no_factor() {
        let one = Phasor::ONE;
        assert!(Lu::factor(2, vec![one, one, one, one]).is_none());
        assert!(Lu::factor(1, vec![Phasor::ZERO]).is_none());
        assert!(Lu::factor(1, vec![Phasor::new(f64::NAN, 0.0)]).is_none());
    }
}
