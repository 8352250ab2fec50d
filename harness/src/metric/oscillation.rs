//! How often a candidate changes its mind.

use std::collections::BTreeMap;

use super::{Meter, Metric, Needs, Step, hours};
use crate::action::Asked;

pub(super) const METRIC: Metric = Metric {
    id: "oscillation.per_h",
    unit: "1/h",
    meaning: "its hunting: how often an hour what was granted turned back, up after down or down after up, of the element that turned most",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Oscillation { elements: BTreeMap::new(), horizon_s: 0.0 }),
};

/// A smaller move, in the quantity's own unit, is rounding.
const MOVE_MIN: f64 = 1e-4;

/// What one element was granted last.
struct Course {
    last: f64,
    /// Whether the last move was upwards; `None` before the first.
    up: Option<bool>,
    turned: u32,
}

struct Oscillation {
    elements: BTreeMap<(Asked, u32), Course>,
    horizon_s: f64,
}

impl Meter for Oscillation {
    fn step(&mut self, step: &Step<'_>) {
        self.horizon_s = step.horizon_s;
        for grant in &step.grants.all {
            let Some(value) = grant.granted else { continue };
            let course = self.elements.entry((grant.quantity, grant.element)).or_insert(Course {
                last: value,
                up: None,
                turned: 0,
            });
            if (value - course.last).abs() <= MOVE_MIN {
                continue;
            }
            let up = value > course.last;
            course.turned += u32::from(course.up == Some(!up));
            (course.last, course.up) = (value, Some(up));
        }
    }

    fn value(&self) -> f64 {
        let most = self.elements.values().map(|course| course.turned).max().unwrap_or(0);
        // Without a step nothing has turned, and no time has passed.
        if most == 0 { 0.0 } else { f64::from(most) / hours(self.horizon_s) }
    }
}
