//! Which reading is bad: residuals over their own standard deviation.
//!
//! The covariance of the residuals is `Omega = R - H G^-1 H'`; its diagonal needs the entries of `G^-1` that G itself has. A reading
//! without which nothing else says what it says has no residual, whatever its error: it is critical, and cannot be tested.
//!
//! Source: E. Handschin, F. C. Schweppe, J. Kohlas, A. Fiechter, "Bad data analysis for power system state estimation", IEEE
//! Trans. PAS-94(2), 1975.

use super::estimate::{Estimate, Unestimated};
use super::estimator::Estimator;
use super::gain::{self, Rows};
use crate::symmetric::Factor;

/// What is left of a reading's variance below this share of it is rounding.
const CRITICAL: f64 = 1e-8;

/// Residuals over their own standard deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct ResidualTest {
    /// Magnitude by meter; `None` where nothing was read or the reading is critical.
    pub normalised: Vec<Option<f64>>,
    /// Readings that nothing else checks: places of their meters, ascending.
    pub critical: Vec<usize>,
}

impl ResidualTest {
    /// The meter with the largest normalised residual, the first where several tie, and that residual.
    pub fn largest(&self) -> Option<(usize, f64)> {
        let tested = self.normalised.iter().enumerate().filter_map(|(meter, r)| Some((meter, (*r)?)));
        tested.fold(None, |largest, this| match largest {
            Some((_, most)) if this.1 <= most => largest,
            _ => Some(this),
        })
    }
}

/// By meter, of rows by sight.
pub(super) fn test(
    rows: &Rows,
    weight: &[f64],
    factor: &Factor,
    sight_of: &[Option<u32>],
    residual: &[Option<f64>],
) -> ResidualTest {
    let inverse = factor.inverse();
    let mut critical = Vec::new();
    let mut normalised = Vec::with_capacity(residual.len());
    for (meter, (sight, residual)) in sight_of.iter().zip(residual).enumerate() {
        let tested = sight.zip(*residual).and_then(|(sight, residual)| {
            let own = 1.0 / weight[sight as usize];
            let omega = own - gain::variance(rows, sight as usize, &inverse);
            if omega <= CRITICAL * own {
                critical.push(meter);
                return None;
            }
            Some(residual.abs() / omega.sqrt())
        });
        normalised.push(tested);
    }
    ResidualTest { normalised, critical }
}

/// An estimate without the readings that contradict the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Cleaned {
    /// From what was left.
    pub estimate: Estimate,
    /// Residuals at it.
    pub test: ResidualTest,
    /// Readings that were taken out, in order: place of the meter, and its normalised residual then.
    pub removed: Vec<(usize, f64)>,
}

impl Estimator {
    /// Takes out the reading with the largest normalised residual, and estimates again, as long as that is above `limit` (3 is usual)
    /// and for `removals_max` readings at most.
    ///
    /// # Errors
    /// [`Unestimated`], as [`Estimator::estimate`].
    pub fn clean(
        &self,
        readings: &[Option<f64>],
        limit: f64,
        removals_max: usize,
    ) -> Result<Cleaned, Unestimated> {
        let mut left = readings.to_vec();
        let mut removed = Vec::new();
        loop {
            let estimate = self.estimate(&left)?;
            let test = self.residual_test(&estimate);
            match test.largest().filter(|(_, most)| *most > limit && removed.len() < removals_max) {
                Some((meter, most)) => {
                    left[meter] = None;
                    removed.push((meter, most));
                }
                None => return Ok(Cleaned { estimate, test, removed }),
            }
        }
    }
}
