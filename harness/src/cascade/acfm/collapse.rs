//! An island without a power flow: how much of its demand has one.
//!
//! The published program solves an optimal power flow here, with dispatchable demand. In its place stand the last rungs of a ladder:
//! other starts, shortened steps, and the largest share of demand and schedules that has a solution.

use std::rc::Rc;

use powerflow::Solution;

use super::grid::Island;
use super::walk::Walk;
use crate::cascade::Cause;

impl Walk<'_> {
    /// Gives up as much of an island's demand as it takes; all of it where that does not help. The voltages afterwards.
    pub(super) fn collapse(&mut self, island: &Island) -> Option<Rc<Solution>> {
        self.record.counts.collapses += 1;
        self.record.doubtful = true;
        let generation = self.record.generation;
        self.record.first_collapse =
            Some(self.record.first_collapse.map_or(generation, |g| g.min(generation)));
        let found = self.least_collapse(island);
        if found.is_none() {
            self.record.counts.unsolved += 1;
            self.kill(island, Cause::Unsolved);
        }
        found.map(Rc::new)
    }

    fn least_collapse(&mut self, island: &Island) -> Option<Solution> {
        let reference = island
            .choose_reference(self.network, &mut self.grid, false)
            .or_else(|| island.choose_reference(self.network, &mut self.grid, true))?;
        self.record.solves += 1;
        if let Some(found) = self.flow.ladder(&self.grid, island, reference) {
            self.record.answered(found.rung);
            self.grid.take(self.network, island, reference, &found);
            return Some(found);
        }
        let (share, nearest) = self.flow.largest_share(&self.grid, island, reference)?;
        let keep = share * self.settings.collapse_share;
        for unit in &island.units {
            self.grid.unit_mw[*unit] *= keep;
            self.grid.unit_mvar[*unit] *= keep;
        }
        for bus in &island.buses {
            self.scale_demand(*bus, keep, Cause::Collapse, Some((share, 1.0)));
        }
        let found = self.newton(island, reference, Some(&nearest));
        found
    }
}
