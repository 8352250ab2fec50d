//! State estimation: the voltages that explain the readings of many meters best, and which readings contradict the others.
//!
//! A [`MeterSet`] says what is measured, an [`Estimator`] answers with an [`Estimate`] for AC, a [`LinearEstimator`] with angles for
//! the linear model. Both are made for one state of switches and taps and answer any number of readings. The sum of squares J of an
//! estimate and its degrees of freedom are what a chi-squared test needs; [`Estimator::clean`] removes what the largest normalised
//! residual points at. What readings leave open is an answer, too: [`Observability`].
//!
//! Normal equations, factored by [`crate::symmetric`]: the gain joins a bus with the neighbours of its neighbours, which no plan's
//! pattern has room for, and is symmetric, which the power flow's factor does not use.
//!
//! Source: A. Abur, A. Gomez-Exposito, "Power System State Estimation: Theory and Implementation", Marcel Dekker, 2004.

#![expect(
    clippy::needless_range_loop,
    reason = "kernels are plain loops: a closure inside one would be compiled without the lane's instructions"
)]

mod circuit;
mod estimate;
mod estimator;
mod gain;
mod linear;
mod meter;
mod observability;
mod pass;
mod residual;
mod settle;

pub use estimate::{Estimate, Unestimated};
pub use estimator::Estimator;
pub use linear::{LinearEstimate, LinearEstimator};
pub use meter::{End, Meter, MeterKind, MeterSet, Sigmas};
pub use observability::{Observability, with_assumed_readings};
pub use residual::{Cleaned, ResidualTest};
