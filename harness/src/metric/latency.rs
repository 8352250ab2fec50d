//! Delays: known by other means than by looking at states.

use super::{Meter, Metric, Needs, Step};

pub(super) const MARGIN: Metric = Metric {
    id: crate::latency::MARGIN_MS,
    unit: "ms",
    meaning: "its latency margin: the largest delay of its decisions, to the millisecond, below the lowest at which load is lost",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Elsewhere),
};

pub(super) const COMPUTE: Metric = Metric {
    id: crate::latency::COMPUTE_MS,
    unit: "ms",
    meaning: "its recorded times to decide, one for each call: a property of the candidate, whatever the population",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Elsewhere),
};

/// Whether a metric is not measured along the way: the margin is found by living an episode again with other delays, and times to decide
/// are read from the recorded file.
pub(crate) fn is_elsewhere(metric: &Metric) -> bool {
    metric.id == MARGIN.id || metric.id == COMPUTE.id
}

/// Measures nothing, and says so with a number that no gate passes.
struct Elsewhere;

impl Meter for Elsewhere {
    fn step(&mut self, _step: &Step<'_>) {}

    fn value(&self) -> f64 {
        f64::NAN
    }
}
