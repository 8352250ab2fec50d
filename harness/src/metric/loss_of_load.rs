//! Whether demand is lost at all, and for how long: the mean of the first over scenarios is the loss of load probability, of the second
//! the loss of load expectation.

use super::{Meter, Metric, Needs, Step, hours};

/// Less than this is no loss, MW: the books close to as much.
pub(super) const NOTHING_MW: f64 = 1e-6;

pub(super) const ANY: Metric = Metric {
    id: "loss_of_load",
    unit: "1",
    meaning: "its loss of load: 1 where any demand was not served at any time, else 0; the mean is the loss of load probability",
    counts_unserved: true,
    needs: Needs::Nothing,
    meter: || Box::new(Any(false)),
};

pub(super) const HOURS: Metric = Metric {
    id: "loss_of_load.hours",
    unit: "h",
    meaning: "its hours in which any demand was not served; the mean is the loss of load expectation",
    counts_unserved: true,
    needs: Needs::Nothing,
    meter: || Box::new(Hours(0.0)),
};

struct Any(bool);
struct Hours(f64);

fn loses(step: &Step<'_>) -> bool {
    step.unserved.total_mw() > NOTHING_MW
}

impl Meter for Any {
    fn step(&mut self, step: &Step<'_>) {
        self.0 |= loses(step);
    }

    fn value(&self) -> f64 {
        f64::from(u8::from(self.0))
    }
}

impl Meter for Hours {
    fn step(&mut self, step: &Step<'_>) {
        if loses(step) {
            self.0 += hours(step.duration_s);
        }
    }

    fn value(&self) -> f64 {
        self.0
    }
}
