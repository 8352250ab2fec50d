//! Energy lost in branches.

use super::{Meter, Metric, Needs, Step, hours};

pub(super) const METRIC: Metric = Metric {
    id: "losses_mwh",
    unit: "MWh",
    meaning: "its losses: active power lost in branches, times time",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Losses(0.0)),
};

struct Losses(f64);

impl Meter for Losses {
    fn step(&mut self, step: &Step<'_>) {
        if step.grid.solution().is_some() {
            let mw = step.grid.network().base.from_pu(step.grid.flows().losses_pu());
            self.0 = mw.mul_add(hours(step.duration_s), self.0);
        }
    }

    fn value(&self) -> f64 {
        self.0
    }
}
