//! Energy not served by its cause, and how soon demand was lost first.

use super::loss_of_load::NOTHING_MW;
use super::{Meter, Metric, Needs, Step, hours};
use crate::cascade::Shed;

macro_rules! cause {
    ($name:ident, $field:ident, $id:literal, $meaning:literal) => {
        pub(super) const $name: Metric = Metric {
            id: $id,
            unit: "MWh",
            meaning: $meaning,
            counts_unserved: true,
            needs: Needs::Nothing,
            meter: || Box::new(Energy { of: |shed| shed.$field, mwh: 0.0 }),
        };
    };
}

cause!(UFLS, ufls_mw, "shed.ufls_mwh", "its energy shed by under-frequency relays");
cause!(UVLS, uvls_mw, "shed.uvls_mwh", "its energy shed by under-voltage relays");
cause!(COLLAPSE, collapse_mw, "shed.collapse_mwh", "its energy shed so that a power flow exists");
cause!(
    ISLAND_DEAD,
    island_dead_mw,
    "shed.island_dead_mwh",
    "its energy not served on islands without a source"
);
cause!(UNSOLVED, unsolved_mw, "shed.unsolved_mwh", "its energy not served where no power flow was found");
cause!(
    BUS_OUTAGE,
    bus_outage_mw,
    "shed.bus_outage_mwh",
    "its energy not served on buses that were taken out"
);
cause!(MANUAL, manual_mw, "shed.manual_mwh", "its energy shed by a decision");

pub(super) const FIRST: Metric = Metric {
    id: "shed.first_s",
    unit: "s",
    meaning: "its time to the first involuntary loss of demand; the length of the episode where none is lost",
    counts_unserved: true,
    needs: Needs::Nothing,
    meter: || Box::new(First { lost_s: None, horizon_s: 0.0 }),
};

struct Energy {
    of: fn(&Shed) -> f64,
    mwh: f64,
}

impl Meter for Energy {
    fn step(&mut self, step: &Step<'_>) {
        self.mwh = (self.of)(&step.unserved).mul_add(hours(step.duration_s), self.mwh);
    }

    fn value(&self) -> f64 {
        self.mwh
    }
}

struct First {
    lost_s: Option<f64>,
    horizon_s: f64,
}

impl Meter for First {
    fn step(&mut self, step: &Step<'_>) {
        self.horizon_s = step.horizon_s;
        let involuntary_mw = step.unserved.total_mw() - step.unserved.manual_mw;
        if self.lost_s.is_none() && involuntary_mw > NOTHING_MW {
            self.lost_s = Some(step.at_s);
        }
    }

    fn value(&self) -> f64 {
        self.lost_s.unwrap_or(self.horizon_s)
    }
}
