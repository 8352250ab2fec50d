//! The resilience trapezoid of demand served and of branches in service. What its numbers are: [`crate::service::Trapezoid`].

use super::{Meter, Metric, Needs, Served, Step};
use crate::service::{Service, Trapezoid};

macro_rules! number {
    ($name:ident, $id:literal, $unit:literal, $course:ident, $counts_unserved:literal, $meaning:literal, $of:expr) => {
        pub(super) const $name: Metric = Metric {
            id: $id,
            unit: $unit,
            meaning: $meaning,
            counts_unserved: $counts_unserved,
            needs: Needs::Service,
            meter: || {
                let corners = |service: &Service| service.$course.corners();
                Box::new(Corner { corners, of: $of, value: None })
            },
        };
    };
}

number!(
    SERVED_FALL,
    "resilience.served.fall_per_h",
    "MW/h",
    served_mw,
    true,
    "its speed of the fall of served demand; no number where nothing falls, or all of it at once",
    |t| t.fall_per_h
);
number!(
    SERVED_DEPTH,
    "resilience.served.depth",
    "MW",
    served_mw,
    true,
    "its fall of served demand: the most that is not served at any time",
    |t| Some(t.depth)
);
number!(
    SERVED_LOW,
    "resilience.served.low_h",
    "h",
    served_mw,
    true,
    "its time from the first moment at the least served demand to the last, to the end where it stays",
    |t| Some(t.low_h)
);
number!(
    SERVED_RECOVERY,
    "resilience.served.recovery_per_h",
    "MW/h",
    served_mw,
    true,
    "its speed of the recovery of served demand; no number where there is none, or all of it at once",
    |t| t.recovery_per_h
);
number!(
    BRANCHES_FALL,
    "resilience.branches.fall_per_h",
    "1/h",
    branches,
    false,
    "its speed of the loss of branches; no number where none is lost, or all at once",
    |t| t.fall_per_h
);
number!(
    BRANCHES_DEPTH,
    "resilience.branches.depth",
    "1",
    branches,
    false,
    "its lost branches: the most that are out of service at any time",
    |t| Some(t.depth)
);
number!(
    BRANCHES_LOW,
    "resilience.branches.low_h",
    "h",
    branches,
    false,
    "its time from the first moment with the fewest branches in service to the last, to the end where it stays",
    |t| Some(t.low_h)
);
number!(
    BRANCHES_RECOVERY,
    "resilience.branches.recovery_per_h",
    "1/h",
    branches,
    false,
    "its speed of the return of branches; no number where none returns, or all at once",
    |t| t.recovery_per_h
);
number!(
    BRANCHES_LOST,
    "resilience.branches.lost_h",
    "h",
    branches,
    false,
    "its branches out of service, times time",
    |t| Some(t.lost_h)
);

struct Corner {
    corners: fn(&Service) -> Vec<(f64, f64)>,
    of: fn(&Trapezoid) -> Option<f64>,
    value: Option<f64>,
}

impl Meter for Corner {
    fn step(&mut self, _step: &Step<'_>) {}

    fn end(&mut self, served: &Served<'_>) {
        let trapezoid = Trapezoid::of(&(self.corners)(served.service));
        self.value = trapezoid.and_then(|trapezoid| (self.of)(&trapezoid));
    }

    fn value(&self) -> f64 {
        self.value.unwrap_or_default()
    }

    fn exists(&self) -> bool {
        self.value.is_some()
    }
}
