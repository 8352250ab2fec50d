//! What is served, of whom, and since when: the course of one rollout as reliability engineers write it down.

mod customers;
mod interruptions;
mod trapezoid;

use powerflow::{BranchIdx, BusIdx, Column, Index};
use serde::{Deserialize, Serialize};

use crate::grid::Grid;

pub use customers::{AVERAGE_DEMAND_KW, Customers};
pub use interruptions::{Count, Interruptions, MOMENTARY_S};
pub use trapezoid::Trapezoid;

/// What the solver gave up on, and so nobody knows whether it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubtful {
    /// It counts as lost.
    Lost,
    /// It counts as served.
    Served,
}

/// A number that holds from one moment to another, over and over; moments in s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// From when on each value holds; ascending.
    pub changes: Vec<(f64, f64)>,
    /// Until when the last one holds.
    pub until_s: f64,
}

impl Course {
    fn hold(&mut self, at_s: f64, duration_s: f64, value: f64) {
        if self.changes.last().is_none_or(|last| last.1 != value) {
            self.changes.push((at_s, value));
        }
        self.until_s = at_s + duration_s;
    }

    /// The same of a number that is zero until it is another: of one that never is nothing is kept.
    fn hold_from_zero(&mut self, at_s: f64, duration_s: f64, value: f64) {
        if self.changes.is_empty() {
            if value == 0.0 {
                return;
            }
            if at_s > 0.0 {
                self.changes.push((0.0, 0.0));
            }
        }
        self.hold(at_s, duration_s, value);
    }

    /// Value times hours.
    pub fn area_h(&self) -> f64 {
        self.corners().windows(2).map(|pair| (pair[1].0 - pair[0].0) * pair[0].1).sum()
    }

    /// The value at a moment; of one before the first the first. `None` of a course without any.
    pub fn at(&self, seconds: f64) -> Option<f64> {
        let after = self.changes.partition_point(|change| change.0 <= seconds);
        self.changes.get(after.saturating_sub(1)).map(|change| change.1)
    }

    /// Its corners, h and value: two where it jumps.
    pub fn corners(&self) -> Vec<(f64, f64)> {
        let ends = self.changes.iter().skip(1).map(|change| change.0).chain([self.until_s]);
        let stretch = |((from_s, value), to_s): (&(f64, f64), f64)| {
            [(from_s / 3600.0, *value), (to_s / 3600.0, *value)]
        };
        self.changes.iter().zip(ends).flat_map(stretch).collect()
    }
}

/// The service of one rollout so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    doubtful: Doubtful,
    initial_demand_mw: f64,
    /// Interruptions of customers.
    pub interruptions: Interruptions,
    /// The demand of the beginning less what is not served now, MW: a demand that moves by itself moves it not.
    pub served_mw: Course,
    /// Branches in service.
    pub branches: Course,
    /// Demand of each bus that is not served, MW; empty of one that always was.
    pub unserved_mw: Column<BusIdx, Course>,
    /// 1 while a branch that is in service in the file is open; empty of one that never is.
    pub open: Column<BranchIdx, Course>,
}

impl Service {
    /// Of a rollout that begins with so much demand.
    pub fn new(grid: &Grid, initial_demand_mw: f64, doubtful: Doubtful) -> Self {
        let network = grid.network();
        Service {
            doubtful,
            initial_demand_mw,
            interruptions: Interruptions::new(network.buses.id.len()),
            served_mw: Course::default(),
            branches: Course::default(),
            unserved_mw: Column::filled(Course::default(), network.buses.id.len()),
            open: Column::filled(Course::default(), network.branches.from.len()),
        }
    }

    /// Demand when the rollout began, MW.
    pub fn initial_demand_mw(&self) -> f64 {
        self.initial_demand_mw
    }

    /// Energy that is not served, MWh.
    pub fn unserved_mwh(&self) -> f64 {
        self.unserved_mw.iter().map(|(_, course)| course.area_h()).sum()
    }

    /// Branches that were lost at any time, ascending.
    pub fn lost(&self) -> impl Iterator<Item = BranchIdx> {
        self.open.iter().filter(|(_, course)| !course.changes.is_empty()).map(|(branch, _)| branch)
    }

    /// Takes a state into account that holds from `at_s` for a while.
    pub fn step(&mut self, grid: &Grid, customers: &Customers, at_s: f64, duration_s: f64) {
        let network = grid.network();
        let mut unserved_mw = 0.0;
        for bus in network.buses.id.indices() {
            let lost = grid.unserved_at(bus).times(network.base.from_pu(1.0));
            let without_mw = match self.doubtful {
                Doubtful::Lost => lost.total_mw(),
                Doubtful::Served => lost.total_mw() - lost.unsolved_mw,
            };
            unserved_mw += without_mw;
            self.unserved_mw[bus].hold_from_zero(at_s, duration_s, without_mw);
            let wanted_mw = network.base.from_pu(grid.wanted_p_pu(bus));
            let share = if wanted_mw > 0.0 { (without_mw / wanted_mw).clamp(0.0, 1.0) } else { 0.0 };
            self.interruptions.observe(bus.row(), at_s, share * customers.of_bus[bus]);
        }
        self.interruptions.until(at_s + duration_s);
        self.served_mw.hold(at_s, duration_s, self.initial_demand_mw - unserved_mw);
        let mut closed = 0_u32;
        for branch in network.branches.from.indices() {
            let on = grid.state().branch_on[branch];
            closed += u32::from(on);
            let lost = !on && network.branches.in_service[branch];
            self.open[branch].hold_from_zero(at_s, duration_s, f64::from(u8::from(lost)));
        }
        self.branches.hold(at_s, duration_s, f64::from(closed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_holds_until_it_changes() {
        let mut course = Course::default();
        for (at_s, value) in [(0.0, 5.0), (60.0, 5.0), (120.0, 3.0)] {
            course.hold(at_s, 60.0, value);
        }
        assert_eq!(course.changes, [(0.0, 5.0), (120.0, 3.0)]);
        assert_eq!([-1.0, 0.0, 119.9, 120.0, 1e9].map(|s| course.at(s)), [5.0, 5.0, 5.0, 3.0, 3.0].map(Some));
        let minute = 1.0 / 60.0;
        let corners = [(0.0, 5.0), (2.0 * minute, 5.0), (2.0 * minute, 3.0), (3.0 * minute, 3.0)];
        for (ours, wanted) in course.corners().into_iter().zip(corners) {
            assert!((ours.0 - wanted.0).abs() < 1e-12 && ours.1 == wanted.1, "{ours:?} {wanted:?}");
        }
        assert_eq!(Course::default().at(0.0), None);
        let mut late = Course::default();
        for (at_s, value) in [(0.0, 0.0), (3600.0, 2.0), (7200.0, 0.0)] {
            late.hold_from_zero(at_s, 3600.0, value);
        }
        assert_eq!((late.at(10.0), late.at(4000.0), late.area_h()), (Some(0.0), Some(2.0), 2.0));
    }
}
