//! Power that no unit could provide or take back.

use super::{Meter, Metric, Needs, Step};

pub(super) const METRIC: Metric = Metric {
    id: "balance.unmet_mw",
    unit: "MW",
    meaning: "its unmet balance: the most power that no unit could provide or take back, at any time",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Unmet(0.0)),
};

struct Unmet(f64);

impl Meter for Unmet {
    fn step(&mut self, step: &Step<'_>) {
        let base = step.grid.network().base;
        let unmet = step.grid.solution().map_or(0.0, |s| base.from_pu(s.unmet_pu()));
        self.0 = self.0.max(unmet);
    }

    fn value(&self) -> f64 {
        self.0
    }
}
