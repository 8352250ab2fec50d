//! How often a candidate was not let do as it asked.

use reports::SupervisionTally;

use super::{Meter, Metric, Needs, Step};

pub(super) const LIMITED: Metric = Metric {
    id: "limiter.limited",
    unit: "1",
    meaning: "its decisions of which the suite's limiter changed something",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Supervised { count: |tally| tally.limited, so_far: None }),
};

pub(super) const FALLBACK: Metric = Metric {
    id: "limiter.fallback",
    unit: "1",
    meaning: "its decisions that the fallback made: the candidate failed, abstained, or was outside of the envelope",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Supervised { count: SupervisionTally::fell_back, so_far: None }),
};

struct Supervised {
    count: fn(&SupervisionTally) -> u64,
    so_far: Option<u64>,
}

impl Meter for Supervised {
    fn step(&mut self, step: &Step<'_>) {
        self.so_far = step.supervision.map(self.count);
    }

    fn value(&self) -> f64 {
        self.so_far.unwrap_or(0) as f64
    }

    fn exists(&self) -> bool {
        self.so_far.is_some()
    }
}
