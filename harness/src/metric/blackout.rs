//! Blackout and collapse: how much of the initial demand went dark at any time.

use super::{Meter, Metric, Needs, Step};

/// More than this share of the initial demand unserved is a blackout.
const BLACKOUT_SHARE: f64 = 0.05;
/// Less than this share of the initial demand served is a collapse.
const COLLAPSE_SHARE: f64 = 0.05;

pub(super) const BLACKOUT: Metric = Metric {
    id: "blackout",
    unit: "1",
    meaning: "its blackout: 1 where more than 5 % of the initial demand was unserved at any time",
    counts_unserved: true,
    needs: Needs::Nothing,
    meter: || Box::new(Blackout(false)),
};

pub(super) const COLLAPSE: Metric = Metric {
    id: "collapse",
    unit: "1",
    meaning: "its collapse: 1 where less than 5 % of the initial demand was served at any time",
    counts_unserved: true,
    needs: Needs::Nothing,
    meter: || Box::new(Collapse(false)),
};

struct Blackout(bool);
struct Collapse(bool);

impl Meter for Blackout {
    fn step(&mut self, step: &Step<'_>) {
        self.0 |= step.unserved.total_mw() > BLACKOUT_SHARE * step.initial_demand_mw;
    }

    fn value(&self) -> f64 {
        f64::from(u8::from(self.0))
    }
}

impl Meter for Collapse {
    fn step(&mut self, step: &Step<'_>) {
        // What is served, not what is lost: demand may have moved since the episode began.
        let served = step.grid.demand_mw() - step.unserved.total_mw();
        self.0 |= step.initial_demand_mw > 0.0 && served < COLLAPSE_SHARE * step.initial_demand_mw;
    }

    fn value(&self) -> f64 {
        f64::from(u8::from(self.0))
    }
}
