//! Energy not served: demand without supply, times time, whatever the cause.

use super::{Meter, Metric, Needs, Step, hours};

pub(super) const METRIC: Metric = Metric {
    id: "ens_mwh",
    unit: "MWh",
    meaning: "its energy not served: demand shed, on dead buses and where no power flow exists, times time",
    counts_unserved: true,
    needs: Needs::Nothing,
    meter: || Box::new(EnergyNotServed(0.0)),
};

struct EnergyNotServed(f64);

impl Meter for EnergyNotServed {
    fn step(&mut self, step: &Step<'_>) {
        self.0 = step.unserved.total_mw().mul_add(hours(step.duration_s), self.0);
    }

    fn value(&self) -> f64 {
        self.0
    }
}
