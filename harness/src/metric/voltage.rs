//! Voltage outside its limits: how much for how long, and the worst of it. Only energised buses have a voltage.

use super::{Meter, Metric, Needs, Step, minutes};

/// Beyond a limit by less than this counts as at the limit, pu.
const TOLERANCE_PU: f64 = 1e-4;

pub(super) const VIOLATION: Metric = Metric {
    id: "voltage.violation_pu_min",
    unit: "pu min",
    meaning: "its voltage violation: how far beyond its limit each bus is, times time, summed over buses",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Violation(0.0)),
};

pub(super) const WORST: Metric = Metric {
    id: "voltage.worst_pu",
    unit: "pu",
    meaning: "its worst voltage violation: the farthest that any bus was beyond a limit",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Worst(0.0)),
};

struct Violation(f64);
struct Worst(f64);

/// How far each violating bus is beyond its limit, pu, in file order.
fn beyond<'a>(step: &Step<'a>) -> impl Iterator<Item = f64> + use<'a> {
    let buses = &step.grid.network().buses;
    step.grid.solution().into_iter().flat_map(move |solution| {
        buses.id.indices().filter_map(move |bus| {
            let vm = solution.vm_pu(bus)?;
            let beyond = (vm - buses.voltage_pu_max[bus]).max(buses.voltage_pu_min[bus] - vm);
            (beyond > TOLERANCE_PU).then_some(beyond)
        })
    })
}

impl Meter for Violation {
    fn step(&mut self, step: &Step<'_>) {
        let sum: f64 = beyond(step).sum();
        self.0 = sum.mul_add(minutes(step.duration_s), self.0);
    }

    fn value(&self) -> f64 {
        self.0
    }
}

impl Meter for Worst {
    fn step(&mut self, step: &Step<'_>) {
        self.0 = beyond(step).fold(self.0, f64::max);
    }

    fn value(&self) -> f64 {
        self.0
    }
}
