//! An island without a power flow: how much of its demand has one.
//!
//! The published program solves an optimal power flow here, with dispatchable demand. In its place stand the last rungs of a ladder:
//! other starts, shortened steps, and the largest share of demand and schedules that has a solution.

use std::rc::Rc;

use powerflow::{BusIdx, Solution};

use super::grid::Island;
use super::walk::Walk;
use crate::cascade::Cause;

/// The largest share is known to this much.
const SHARE_RESOLUTION: f64 = 1e-4;

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
        if let Some((share, found)) = self.largest_dispatchable(island, reference) {
            self.dispatch(island, &found);
            self.give_up(island, share);
            if let Some(found) = self.newton(island, reference, Some(&found)) {
                return Some(found);
            }
        }
        let (share, _) = self.flow.largest_share(&self.grid, island, reference)?;
        let keep = share * self.settings.collapse_share;
        for unit in &island.units {
            self.grid.unit_mw[*unit] *= keep;
            self.grid.unit_mvar[*unit] *= keep;
        }
        self.give_up(island, keep);
        self.record.solves += 1;
        let found = self.flow.ladder(&self.grid, island, reference)?;
        self.record.answered(found.rung);
        self.grid.take(self.network, island, reference, &found);
        Some(found)
    }

    /// The largest share of an island's demand, alike at all buses, that its units can feed within their limits, to
    /// [`SHARE_RESOLUTION`], with its power flow.
    fn largest_dispatchable(&mut self, island: &Island, reference: BusIdx) -> Option<(f64, Solution)> {
        let (grid, flow) = (&self.grid, &mut self.flow);
        if let Some(whole) = flow.within_limits(grid, island, reference, 1.0, None) {
            return Some((1.0, whole));
        }
        let (mut low, mut high, mut best) = (0.0, 1.0, None);
        while high - low > SHARE_RESOLUTION {
            let middle = 0.5 * (low + high);
            match flow.within_limits(grid, island, reference, middle, best.as_ref()) {
                Some(found) => (low, best) = (middle, Some(found)),
                None => high = middle,
            }
        }
        best.map(|found| (low, found))
    }

    /// Takes powers and set-points from a dispatch.
    fn dispatch(&mut self, island: &Island, found: &Solution) {
        let base = self.network.base;
        for unit in &island.units {
            self.grid.unit_mw[*unit] = base.from_pu(found.unit_p_pu[*unit]);
            self.grid.unit_mvar[*unit] = base.from_pu(found.unit_q_pu[*unit]);
            if let Some(vm_pu) = found.vm_pu(self.network.units.bus[*unit]) {
                self.grid.unit_v_set_pu[*unit] = vm_pu;
            }
        }
    }

    /// Keeps a share of the demand of every bus; what a bus loses counts as a step of its under-voltage relay.
    fn give_up(&mut self, island: &Island, keep: f64) {
        if keep >= 1.0 {
            return;
        }
        for bus in &island.buses {
            if self.grid.demand_mw[*bus] != 0.0 {
                self.grid.uvls_steps[*bus] += 1;
            }
            self.scale_demand(*bus, keep, Cause::Collapse, Some((keep, 1.0)));
        }
    }
}
