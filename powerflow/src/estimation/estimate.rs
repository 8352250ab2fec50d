//! What an estimator answers: an [`Estimate`], or why there is none.

use super::observability::Observability;
use crate::index::{BusIdx, Column, Index, NodeIdx};
use crate::solution::Complex;

/// What the readings say.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Complex voltage of each node, pu; zero where there is none.
    pub(super) voltage: Column<NodeIdx, Complex>,
    /// Reading less estimate of each meter, pu or rad; `None` where nothing was read.
    pub residual: Vec<Option<f64>>,
    /// Sum of squared residuals, each over its sigma: J.
    pub objective: f64,
    /// Readings and constraints less unknowns: J is chi-squared with that many degrees of freedom where only noise disturbs it.
    pub degrees_of_freedom: usize,
    /// Iterations.
    pub iterations: u32,
}

impl Estimate {
    /// Complex voltage of a bus (of its first busbar), pu; `None` where it has none.
    pub fn voltage(&self, bus: BusIdx) -> Option<Complex> {
        let voltage = self.voltage[NodeIdx::from_row(bus.row())];
        (!voltage.is_zero()).then_some(voltage)
    }
}

/// Why there is no estimate.
#[derive(Clone, Debug, PartialEq)]
pub enum Unestimated {
    /// The readings do not determine the state.
    Unobservable(Observability),
    /// The steps did not become small.
    Diverged {
        /// Iterations.
        iterations: u32,
        /// The last step, rad or relative magnitude; `None` where it is no number.
        last_step: Option<f64>,
    },
    /// A reading is no finite number: the place of its meter.
    NoNumber(usize),
    /// There is not one reading for each meter.
    Misread {
        /// Readings that came.
        readings: usize,
        /// Meters of the set.
        meters: usize,
    },
}

impl std::fmt::Display for Unestimated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unestimated::Unobservable(which) => {
                write!(f, "the readings do not determine the voltages of {} buses", which.unobservable.len())
            }
            Unestimated::Diverged { iterations, last_step: Some(step) } => {
                write!(f, "no estimate after {iterations} iterations; the last step was {step:.1e}")
            }
            Unestimated::Diverged { iterations, last_step: None } => {
                write!(f, "no estimate: the voltages ran away in {iterations} iterations")
            }
            Unestimated::NoNumber(meter) => write!(f, "reading {} is no finite number", meter + 1),
            Unestimated::Misread { readings, meters } => {
                write!(f, "{readings} readings of {meters} meters: there has to be one for each")
            }
        }
    }
}

impl std::error::Error for Unestimated {}
