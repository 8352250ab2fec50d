//! How long fast devices can give more than their schedule.

use powerflow::{Index, Network, UnitIdx};
use scenarios::Moment;

use super::Elements;
use crate::grid::device::{after, seconds_between};

/// Energy left below which a device has none, as a share of what it has when full.
const EMPTY: f64 = 1e-9;

/// The energy of one device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store {
    pub(super) unit: UnitIdx,
    /// Schedule of the file, pu: at it nothing is used.
    schedule: f64,
    capacity_pu_s: f64,
    /// What was left when its power last changed, pu s.
    left_pu_s: f64,
    /// Power above the schedule since then, pu; below it, it is filled again.
    above_pu: f64,
    since: Moment,
}

/// The devices of a network that have an end, full.
pub(super) fn stores(elements: &Elements, network: &Network) -> Vec<Store> {
    let store = |unit: UnitIdx| {
        let mwh = elements.units.get(unit.row())?.fast?.energy_mwh?;
        let capacity_pu_s = network.base.to_pu(mwh) * 3600.0;
        let schedule = network.units.p_pu[unit];
        Some(Store {
            unit,
            schedule,
            capacity_pu_s,
            left_pu_s: capacity_pu_s,
            above_pu: 0.0,
            since: Moment(0),
        })
    };
    network.units.bus.indices().filter_map(store).collect()
}

impl Store {
    /// What is left at a moment, pu s; zero where it is empty.
    pub(super) fn left_pu_s(&self, now: Moment) -> f64 {
        let left = self.left_pu_s - self.above_pu * seconds_between(self.since, now);
        if left > EMPTY * self.capacity_pu_s { left.min(self.capacity_pu_s) } else { 0.0 }
    }

    /// Its power is this from `now` on, pu. Ramps count as if they were steps.
    pub(super) fn look(&mut self, now: Moment, power_pu: f64) {
        (self.left_pu_s, self.since) = (self.left_pu_s(now), now);
        self.above_pu = power_pu - self.schedule;
    }

    /// When it will be empty.
    pub(super) fn empty_at(&self) -> Option<Moment> {
        (self.above_pu > 0.0).then(|| after(self.since, self.left_pu_s / self.above_pu))
    }

    /// Its power at which nothing is used, pu.
    pub(super) fn schedule(&self) -> f64 {
        self.schedule
    }

    /// What it gives above its schedule, pu.
    pub(super) fn above_pu(&self) -> f64 {
        self.above_pu
    }
}
