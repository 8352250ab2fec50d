//! N-1 security: whether the loss of any one branch would do harm, for how long, and of how many.
//!
//! What harm is, which outages are looked at and what the screen may miss: `powerflow::security`.

use powerflow::security::Depth;

use super::{Meter, Metric, Needs, Step, minutes};

pub(super) const MINUTES: Metric = Metric {
    id: "n1.insecure_minutes",
    unit: "min",
    meaning: "its insecurity: minutes in which the loss of some one branch would break a limit, take the voltage from demand or \
              leave no solution",
    counts_unserved: false,
    needs: Needs::Security(Depth::First),
    meter: || Box::new(Minutes(0.0)),
};

pub(super) const VIOLATIONS: Metric = Metric {
    id: "n1.violations",
    unit: "1",
    meaning: "its insecure outages: the most, at any time, of single branches whose loss would break a limit, take the voltage \
              from demand or leave no solution",
    counts_unserved: false,
    needs: Needs::Security(Depth::Screened),
    meter: || Box::new(Violations(0)),
};

pub(super) const SHARE: Metric = Metric {
    id: "n1.secure_share",
    unit: "1",
    meaning: "its secure share: the smallest, at any time, share of the single branches looked at whose loss would do no such harm",
    counts_unserved: false,
    needs: Needs::Security(Depth::Screened),
    meter: || Box::new(Share(1.0)),
};

struct Minutes(f64);
struct Violations(usize);
struct Share(f64);

/// How many outages would do harm. A grid without voltage has lost its demand already: it counts as insecure, by one.
fn insecure(step: &Step<'_>) -> usize {
    step.security.map_or(1, |security| security.insecure.len())
}

impl Meter for Minutes {
    fn step(&mut self, step: &Step<'_>) {
        if insecure(step) > 0 {
            self.0 += minutes(step.duration_s);
        }
    }

    fn value(&self) -> f64 {
        self.0
    }
}

impl Meter for Violations {
    fn step(&mut self, step: &Step<'_>) {
        self.0 = self.0.max(insecure(step));
    }

    fn value(&self) -> f64 {
        self.0 as f64
    }
}

impl Meter for Share {
    fn step(&mut self, step: &Step<'_>) {
        // A grid without voltage is not secure against anything.
        let share = step.security.map_or(0.0, |security| {
            1.0 - security.insecure.len() as f64 / f64::from(security.outages.max(1))
        });
        self.0 = self.0.min(share);
    }

    fn value(&self) -> f64 {
        self.0
    }
}
