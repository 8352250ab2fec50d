//! How far and how fast the frequency moved, and how often its relays shed. Without a frequency that moves there are no such numbers.

use super::{Meter, Metric, Needs, Step};
use crate::grid::frequency::Frequency;

macro_rules! of_frequency {
    ($name:ident, $id:literal, $unit:literal, $meaning:literal, $of:expr) => {
        pub(super) const $name: Metric = Metric {
            id: $id,
            unit: $unit,
            meaning: $meaning,
            counts_unserved: false,
            needs: Needs::Nothing,
            meter: || Box::new(OfFrequency { of: $of, value: None }),
        };
    };
}

of_frequency!(
    NADIR,
    "frequency.nadir_hz",
    "Hz",
    "its lowest frequency of any island",
    |living: &Frequency| Some(living.lowest_hz())
);
of_frequency!(
    PEAK,
    "frequency.peak_hz",
    "Hz",
    "its highest frequency of any island",
    |living: &Frequency| Some(living.highest_hz())
);
of_frequency!(
    ROCOF,
    "frequency.rocof_hz_per_s",
    "Hz/s",
    "its steepest frequency of any island, either way, over the measuring window",
    |living: &Frequency| Some(living.rocof_hz_per_s())
);
of_frequency!(
    SETTLING,
    "frequency.settling_hz",
    "Hz",
    "its frequency furthest from nominal at the end, where every island has come to rest by then",
    Frequency::settled_hz
);
of_frequency!(
    STAGES,
    "ufls.stages",
    "1",
    "its stages of under-frequency load shedding that operated, counted for each island",
    |living: &Frequency| Some(f64::from(living.stages_done()))
);

struct OfFrequency {
    of: fn(&Frequency) -> Option<f64>,
    value: Option<f64>,
}

impl Meter for OfFrequency {
    fn step(&mut self, step: &Step<'_>) {
        self.value = step.grid.frequency().and_then(self.of);
    }

    fn value(&self) -> f64 {
        self.value.unwrap_or_default()
    }

    fn exists(&self) -> bool {
        self.value.is_some()
    }
}
