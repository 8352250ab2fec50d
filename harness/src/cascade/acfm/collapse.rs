//! An island without a power flow: how much of its demand has one.
//!
//! The published program solves an optimal power flow here, with dispatchable demand. In its place stand a search for the most demand
//! that units can feed within their limits and, where there is none, the largest share of demand and schedules that has a
//! power flow at all.

use std::rc::Rc;

use powerflow::{BusIdx, Column, Rung, Solution};

use super::grid::Island;
use super::walk::Walk;
use crate::cascade::Cause;

/// The largest share is known to this much.
const SHARE_RESOLUTION: f64 = 1e-3;

/// Part of the largest share from which voltages are watched on the way to it: near enough for the buses that give way there to
/// stand out.
const NEAR: f64 = 0.95;

/// Steps in which the largest share is looked for.
const STEPS: u32 = 20;

/// Beyond this share of a bus's demand the least shedding is not refined.
const FRACTION_RESOLUTION: f64 = 1e-2;

/// What every bus keeps of its demand, with the power flow of that.
struct Kept {
    share: Column<BusIdx, f64>,
    found: Solution,
}

impl Walk<'_> {
    /// Gives up as much of an island's demand as it takes; all of it where that does not help. The voltages afterwards.
    pub(super) fn collapse(&mut self, island: &Island, reference: Option<BusIdx>) -> Option<Rc<Solution>> {
        let generation = self.record.generation;
        self.record.counts.collapses += 1;
        self.record.doubtful = true;
        self.record.first_collapse =
            Some(self.record.first_collapse.map_or(generation, |first| first.min(generation)));
        let found = self.least_collapse(island, reference);
        if found.is_none() {
            self.record.counts.unsolved += 1;
            self.kill(island, Cause::Unsolved);
        }
        found.map(Rc::new)
    }

    fn least_collapse(&mut self, island: &Island, reference: Option<BusIdx>) -> Option<Solution> {
        // Without a reference all units are at a reactive limit: a power flow that ignores those would end there again.
        let heeds_limits = reference.is_none();
        let reference = reference.or_else(|| island.choose_reference(self.network, &mut self.grid, true))?;
        if let Some(Kept { share, found }) = self.most_within_limits(island, reference) {
            self.dispatch(island, &found);
            self.give_up(island, |bus| share[bus]);
            self.record.answered(Rung::Continuation);
            if let Some(found) = self.newton(island, reference, Some(&found)) {
                return Some(found);
            }
        }
        if heeds_limits {
            return None;
        }
        let (share, _) = self.flow.largest_share(&self.grid, island, reference)?;
        let keep = if share < 1.0 { share * self.settings.collapse_share } else { 1.0 };
        for unit in &island.units {
            self.grid.unit_mw[*unit] *= keep;
            self.grid.unit_mvar[*unit] *= keep;
        }
        self.give_up(island, |_| keep);
        self.record.solves += 1;
        let found = self.flow.ladder(&self.grid, island, reference)?;
        self.record.answered(Rung::Continuation);
        self.grid.take(self.network, island, reference, &found);
        Some(found)
    }

    /// The most of an island's demand that its units can feed within their limits: the better of all buses alike, and of the weakest
    /// first.
    fn most_within_limits(&mut self, island: &Island, reference: BusIdx) -> Option<Kept> {
        let n = self.grid.role.len();
        let (grid, flow) = (&self.grid, &mut self.flow);
        let mut solve = |share: &Column<BusIdx, f64>, last: Option<&Solution>| {
            flow.within_limits(grid, island, reference, |bus| share[bus], last)
        };
        let whole = Column::filled(1.0, n);
        if let Some(found) = solve(&whole, None) {
            return Some(Kept { share: whole, found });
        }
        let alike = |share: f64| Column::filled(share, n);
        let (low, found) = largest(SHARE_RESOLUTION, |share, last| solve(&alike(share), last))?;
        let uniform = Kept { share: alike(low), found };
        let kept_mw = |share: &Column<BusIdx, f64>| -> f64 {
            island.buses.iter().map(|bus| share[*bus] * grid.demand_mw[*bus]).sum()
        };

        // The weakest buses are those whose voltage gives way most on the way to the limit.
        let before = solve(&alike(NEAR * low), Some(&uniform.found));
        let Some(before) = before else { return Some(uniform) };
        let drop = |bus: BusIdx| Some(before.vm_pu(bus)? - uniform.found.vm_pu(bus)?);
        let mut weakest: Vec<(BusIdx, f64)> = island
            .buses
            .iter()
            .filter(|bus| grid.demand_mw[**bus] > 0.0)
            .filter_map(|bus| Some((*bus, drop(*bus)?)))
            .collect();
        weakest.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let without = |count: f64| {
            let mut share = Column::filled(1.0, n);
            for (at, (bus, _)) in weakest.iter().enumerate() {
                share[*bus] = 1.0 - (count - at as f64).clamp(0.0, 1.0);
            }
            share
        };
        let all = weakest.len() as f64;
        let resolution = FRACTION_RESOLUTION / all.max(1.0);
        let first = largest(resolution, |share, last| solve(&without(all * (1.0 - share)), last));
        Some(match first {
            Some((low, found)) if kept_mw(&without(all * (1.0 - low))) > kept_mw(&uniform.share) => {
                Kept { share: without(all * (1.0 - low)), found }
            }
            _ => uniform,
        })
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
    fn give_up(&mut self, island: &Island, keep: impl Fn(BusIdx) -> f64) {
        for bus in &island.buses {
            let keep = keep(*bus);
            if keep < 1.0 {
                self.grid.uvls_steps[*bus] += 1;
                self.scale_demand(*bus, keep, Cause::Collapse, Some((keep, 1.0)));
            }
        }
    }
}

/// The largest number below 1 for which there is an answer, to a resolution: from above in [`STEPS`], as a small share of a demand
/// may leave units more reactive power than they can take; then by halving, each attempt from the answer before.
fn largest(
    resolution: f64,
    mut answer: impl FnMut(f64, Option<&Solution>) -> Option<Solution>,
) -> Option<(f64, Solution)> {
    let step = |at: u32| f64::from(at) / f64::from(STEPS);
    let (at, found) = (1..STEPS).rev().find_map(|at| answer(step(at), None).map(|found| (at, found)))?;
    let (mut low, mut high, mut best) = (step(at), step(at + 1), found);
    while high - low > resolution {
        let middle = 0.5 * (low + high);
        match answer(middle, Some(&best)) {
            Some(found) => (low, best) = (middle, found),
            None => high = middle,
        }
    }
    Some((low, best))
}
