//! Interruptions of customers, by the indices of IEEE 1366. How customers are counted: [`crate::service`].

use super::{Meter, Metric, Needs, Served, Step, minutes};
use crate::service::Count;

macro_rules! index {
    ($name:ident, $id:literal, $unit:literal, $meaning:literal, $of:expr) => {
        pub(super) const $name: Metric = Metric {
            id: $id,
            unit: $unit,
            meaning: $meaning,
            counts_unserved: true,
            needs: Needs::Service,
            meter: || Box::new(Index { of: $of, value: None }),
        };
    };
}

index!(
    SAIFI,
    "saifi",
    "1",
    "its sustained interruptions (longer than five minutes, or going on at the end) for each customer",
    |count, customers, _| count.saifi(customers)
);
index!(
    SAIDI,
    "saidi_min",
    "min",
    "its minutes of sustained interruption for each customer",
    |count, customers, _| count.saidi_min(customers)
);
index!(
    CAIDI,
    "caidi_min",
    "min",
    "its minutes for each sustained interruption of a customer; no number where there is none",
    |count, _, _| count.caidi_min()
);
index!(
    ASAI,
    "asai",
    "1",
    "its share of the time in which a customer was served, sustained interruptions counted",
    |count, customers, minutes| count.asai(customers, minutes)
);
index!(
    MAIFI,
    "maifi",
    "1",
    "its momentary interruptions (of five minutes at most) for each customer",
    |count, customers, _| count.maifi(customers)
);

/// An index of the interruptions, the customers and the minutes of an episode.
struct Index {
    of: fn(&Count, f64, f64) -> Option<f64>,
    value: Option<f64>,
}

impl Meter for Index {
    fn step(&mut self, _step: &Step<'_>) {}

    fn end(&mut self, served: &Served<'_>) {
        let count = served.service.interruptions.count();
        self.value = (self.of)(&count, served.customers, minutes(served.horizon_s));
    }

    fn value(&self) -> f64 {
        self.value.unwrap_or_default()
    }

    fn exists(&self) -> bool {
        self.value.is_some()
    }
}
