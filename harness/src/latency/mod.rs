//! The candidate's delay in the loop: when a decision takes effect.
//!
//! One decision: what is measured at `t` reaches the candidate after `measurement`, waits while the candidate is busy, takes the time
//! of a decision from its [`Delay`], and its command takes effect after `command` and `actuation`. What the actuators have holds until it
//! is replaced. All of it is counted in whole nanoseconds of simulated time, and none of it reads a clock, except where a suite asks
//! for `wallclock`, on which no verdict rests.
//!
//! At one moment: what befalls the grid and what its relays do, then measurements, then commands that arrive, then decisions that
//! begin; of commands the one measured first.

mod file;
mod margin;
mod pipeline;
mod record;
mod settings;
mod source;

pub use file::{CALLS_MAX, CALLS_MIN, Recorded, WARM_UP_MIN};
pub use margin::{GRID_POINTS, Margin, MarginOptions, SCENARIOS, margins, search};
pub use pipeline::{Channel, Late, Order, Queue, Timing};
pub use record::record;
pub use settings::{Latency, MARGIN_MAX_MS, Written};
pub use source::Delay;

pub(crate) use margin::of_block;
pub(crate) use settings::{check_gates, read};

/// Metric of how long a recorded decision took.
pub const COMPUTE_MS: &str = "latency.compute_ms";
/// Metric of how much delay an episode bears.
pub const MARGIN_MS: &str = "latency.margin_ms";

/// Whole nanoseconds of a time in milliseconds, which is not negative and far below a century.
pub(crate) fn nanoseconds(ms: f64) -> u64 {
    (ms * 1e6).round() as u64
}

/// Milliseconds of nanoseconds.
pub(crate) fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}
