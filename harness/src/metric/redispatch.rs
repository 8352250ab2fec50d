//! Energy that a candidate moved between units.

use super::{Meter, Metric, Needs, Step, hours};

pub(super) const METRIC: Metric = Metric {
    id: "redispatch_mwh",
    unit: "MWh",
    meaning: "its redispatch: how far the schedules of running units are from the file's, times time",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Redispatch(0.0)),
};

struct Redispatch(f64);

impl Meter for Redispatch {
    fn step(&mut self, step: &Step<'_>) {
        let network = step.grid.network();
        let state = step.grid.state();
        let moved: f64 = network
            .units
            .p_pu
            .iter()
            .filter(|(unit, _)| state.unit_on[*unit])
            .map(|(unit, scheduled)| (state.unit_p_pu[unit] - scheduled).abs())
            .sum();
        self.0 = network.base.from_pu(moved).mul_add(hours(step.duration_s), self.0);
    }

    fn value(&self) -> f64 {
        self.0
    }
}
