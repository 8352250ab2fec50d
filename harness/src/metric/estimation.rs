//! What the estimator in the loop came to: there only where a suite observes through one.

use super::{Meter, Metric, Needs, Step};
use crate::sensing::EstimationTally;

pub(super) const ALARMS: Metric = Metric {
    id: "estimation.alarms",
    unit: "1",
    meaning: "its steps at which the state estimate contradicted its readings, by a chi-squared test",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Estimated { value: |tally| tally.alarms as f64, so_far: None }),
};

pub(super) const MISSING: Metric = Metric {
    id: "estimation.missing",
    unit: "1",
    meaning: "its steps at which there was no state estimate, so that the last one was shown",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Estimated { value: |tally| tally.missing as f64, so_far: None }),
};

pub(super) const ERROR: Metric = Metric {
    id: "estimation.error_pu",
    unit: "pu",
    meaning: "its largest distance of an estimated voltage from the true one, as complex numbers",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Estimated { value: |tally| tally.error_pu, so_far: None }),
};

struct Estimated {
    value: fn(&EstimationTally) -> f64,
    so_far: Option<f64>,
}

impl Meter for Estimated {
    fn step(&mut self, step: &Step<'_>) {
        self.so_far = step.estimation.map(|tally| (self.value)(&tally));
    }

    fn value(&self) -> f64 {
        self.so_far.unwrap_or(0.0)
    }

    fn exists(&self) -> bool {
        self.so_far.is_some()
    }
}
