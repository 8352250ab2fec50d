//! What acted by itself: how often, and how many elements it took out.

use super::{Meter, Metric, Needs, Step};
use crate::cascade::{Cause, Tripped};
use crate::grid::Logged;

pub(super) const TRIPS: Metric = Metric {
    id: "trips",
    unit: "1",
    meaning: "its trips: operations of relays, of branches, of units, and of stages of load shedding at a bus",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Count { counts: is_operation, seen: 0, count: 0 }),
};

pub(super) const CASCADE_SIZE: Metric = Metric {
    id: "cascade.size",
    unit: "1",
    meaning: "its cascade: branches and units that went out by themselves after the scenario's own outages",
    counts_unserved: false,
    needs: Needs::Nothing,
    meter: || Box::new(Count { counts: is_outage, seen: 0, count: 0 }),
};

/// Counts rows of the log.
struct Count {
    counts: fn(&Logged) -> bool,
    /// Rows seen.
    seen: usize,
    count: u64,
}

fn is_outage(logged: &Logged) -> bool {
    matches!(logged.trip.what, Tripped::Branch(_) | Tripped::Unit(_))
}

/// Demand that went with its island is a consequence, not an operation.
fn is_operation(logged: &Logged) -> bool {
    !matches!(logged.trip.cause, Cause::IslandDead | Cause::Unsolved | Cause::Collapse)
}

impl Meter for Count {
    fn step(&mut self, step: &Step<'_>) {
        let log = step.grid.log();
        self.count += log[self.seen..].iter().filter(|logged| (self.counts)(logged)).count() as u64;
        self.seen = log.len();
    }

    fn value(&self) -> f64 {
        self.count as f64
    }
}
