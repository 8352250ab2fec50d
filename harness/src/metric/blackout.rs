//! Blackout and collapse: how much of the initial demand went dark at any time.

use super::{Meter, Metric, Step};

/// More than this share of the initial demand unserved is a blackout.
const BLACKOUT_SHARE: f64 = 0.05;
/// Less than this share of the initial demand served is a collapse.
const COLLAPSE_SHARE: f64 = 0.05;

pub(super) const BLACKOUT: Metric = Metric {
    id: "blackout",
    unit: "1",
    meaning: "its blackout: 1 where more than 5 % of the initial demand was unserved at any time",
    meter: || Box::new(Lost { beyond: BLACKOUT_SHARE, happened: false }),
};

pub(super) const COLLAPSE: Metric = Metric {
    id: "collapse",
    unit: "1",
    meaning: "its collapse: 1 where less than 5 % of the initial demand was served at any time",
    meter: || Box::new(Lost { beyond: 1.0 - COLLAPSE_SHARE, happened: false }),
};

struct Lost {
    beyond: f64,
    happened: bool,
}

impl Meter for Lost {
    fn step(&mut self, step: &Step<'_>) {
        self.happened |= step.unserved.total_mw() > self.beyond * step.initial_demand_mw;
    }

    fn value(&self) -> f64 {
        f64::from(u8::from(self.happened))
    }
}
