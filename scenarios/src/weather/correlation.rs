//! One uniform number for each element and storm, alike to those of its neighbours as far as asked.
//!
//! ```text
//! z_e = sqrt(rho_g) Z_g + sqrt(rho_s) Z_cell + sqrt(1 - rho_g - rho_s) eps_e,    u_e = Phi(z_e)
//! ```
//!
//! An element fails at the first moment at which its cumulative probability exceeds `u_e`: a stronger storm fails a superset.
//! Correlation moves the tail of how many fail, and not their mean.

use crate::draw::Stream;
use crate::seed::Streams;

use super::geography::Point;

/// How alike the luck of elements is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// Share of the whole storm, 0 to 1.
    pub everywhere: f64,
    /// Share of the cell, 0 to 1 less the other.
    pub nearby: f64,
    /// Side of a cell, km.
    pub cell_km: f64,
}

/// Streams that luck is drawn from: each element and cell has its own place in them, whatever else there is.
#[derive(Debug)]
pub struct Luck {
    correlation: Correlation,
    storm: f64,
    cells: Vec<f64>,
    own: Stream,
}

/// Cells along a side of the map: what lies beyond shares the luck of the last.
const CELLS: i64 = 64;

impl Luck {
    /// The luck of a scenario's storm and of every cell; elements draw theirs in their order. Streams `luck of the storm`, `luck of
    /// cells`, `luck of pieces`.
    pub fn of(correlation: Correlation, streams: &Streams) -> Self {
        let mut cells = streams.named("luck of cells");
        Luck {
            correlation,
            storm: streams.named("luck of the storm").normal(),
            cells: (0..CELLS * CELLS).map(|_| cells.normal()).collect(),
            own: streams.named("luck of pieces"),
        }
    }

    /// The uniform number of the next element, which is at this point.
    pub fn next(&mut self, at: Point) -> f64 {
        let Correlation { everywhere, nearby, cell_km } = self.correlation;
        let cell = |km: f64| ((km / cell_km).floor() as i64).clamp(-CELLS / 2, CELLS / 2 - 1) + CELLS / 2;
        let of_cell = self.cells[(cell(at.x_km) * CELLS + cell(at.y_km)) as usize];
        let alone = (1.0 - everywhere - nearby).max(0.0).sqrt();
        let z = everywhere.sqrt() * self.storm + nearby.sqrt() * of_cell + alone * self.own.normal();
        0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Seed, streams};

    /// How many of 40 elements in one place fail, each with this probability, in each of many storms.
    fn failures(correlation: Correlation, probability: f64, storms: u64) -> Vec<f64> {
        let of_storm = |index: u64| {
            let mut luck = Luck::of(correlation, &streams(Seed::default(), "storms", index));
            (0..40).filter(|_| luck.next(Point::default()) < probability).count() as f64
        };
        (0..storms).map(of_storm).collect()
    }

    /// A hundred thousand draws: the mean is the marginal, the spread is not.
    #[test]
    fn correlation_moves_the_tail_and_not_the_mean() {
        let (storms, probability) = (2500, 0.1);
        let spread = |correlation: Correlation| {
            let failures = failures(correlation, probability, storms);
            let n = storms as f64;
            let mean = failures.iter().sum::<f64>() / n;
            let variance = failures.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
            let error = (variance / n).sqrt();
            assert!((mean - 40.0 * probability).abs() < 4.0 * error, "{mean} +- {error}");
            variance
        };
        let none = spread(Correlation { everywhere: 0.0, nearby: 0.0, cell_km: 50.0 });
        let binomial = 40.0 * probability * (1.0 - probability);
        assert!((none / binomial - 1.0).abs() < 0.15, "{none} against {binomial}");
        let some = spread(Correlation { everywhere: 0.15, nearby: 0.15, cell_km: 50.0 });
        assert!(some > 3.0 * binomial, "{some} against {binomial}");
    }
}
