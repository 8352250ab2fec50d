//! Active power: what the units of an island share, and what its frequency does not bear.

use std::rc::Rc;

use powerflow::{BusIdx, Index, Solution, UnitIdx};

use super::grid::{Island, Role};
use super::walk::Walk;
use crate::cascade::{Cause, Tripped};

/// Passes over clipped units. The published program has no bound; each pass clips at least one unit more, or moves less than
/// the one before.
const CLIPPING_PASSES_MAX: usize = 200;

/// How an island's frequency was judged.
pub(super) enum Frequency {
    /// Borne.
    Held,
    /// Not borne: demand was shed or units were tripped; the power flow after that, where there is one.
    Acted(Option<Rc<Solution>>),
}

impl Walk<'_> {
    /// Spreads what the reference unit had to take up over all running units, in proportion to their largest power, and clips them
    /// to their ranges. `None` where a power flow fails.
    pub(super) fn share_slack(
        &mut self,
        island: &Island,
        reference: BusIdx,
        before_mw: f64,
        solution: Solution,
    ) -> Option<Solution> {
        let Some(slack) = island.first_running(&self.grid, self.network, reference) else {
            return Some(solution);
        };
        let change_mw = self.grid.unit_mw[slack] - before_mw;
        let weight = |walk: &Self, unit: UnitIdx| {
            let p_max_mw = walk.unit(unit).p_max_mw;
            if p_max_mw.is_finite() { p_max_mw } else { walk.grid.unit_mw[unit].abs() }
        };
        let weights: f64 = island.running(&self.grid).map(|unit| weight(self, unit)).sum();
        if change_mw.abs() < self.settings.slack_deadband_mw || !(weights > 0.0) {
            return Some(solution);
        }
        let running: Vec<UnitIdx> = island.running(&self.grid).collect();
        self.grid.unit_mw[slack] = before_mw;
        for unit in &running {
            self.grid.unit_mw[*unit] += change_mw * weight(self, *unit) / weights;
        }
        let shared = self.newton(island, reference, Some(&solution))?;
        self.clip(&running);
        self.newton(island, reference, Some(&shared))
    }

    /// Clips units to their ranges. What is cut off goes to the others; so does what is added to lift units to their smallest
    /// power, which should be taken from the others: the published program's sign, corrected only by the power flow
    /// that follows.
    fn clip(&mut self, running: &[UnitIdx]) {
        for _ in 0..CLIPPING_PASSES_MAX {
            let power = |walk: &Self, unit: UnitIdx| walk.grid.unit_mw[unit];
            let (mut surplus_mw, mut deficit_mw) = (0.0, 0.0);
            let (mut is_above, mut is_below) = (false, false);
            for unit in running {
                let (low_mw, high_mw) = (self.unit(*unit).p_min_mw, self.unit(*unit).p_max_mw);
                let p_mw = power(self, *unit);
                if p_mw > high_mw {
                    is_above = true;
                    surplus_mw += p_mw - high_mw;
                    self.grid.unit_mw[*unit] = high_mw;
                } else if p_mw < low_mw {
                    is_below = true;
                    deficit_mw += low_mw - p_mw;
                    self.grid.unit_mw[*unit] = low_mw;
                }
            }
            if !is_above && !is_below {
                return;
            }
            let below_high = |walk: &Self, unit: UnitIdx| power(walk, unit) < walk.unit(unit).p_max_mw;
            self.stretch(running, surplus_mw, below_high);
            let above_low = |walk: &Self, unit: UnitIdx| power(walk, unit) > walk.unit(unit).p_min_mw;
            self.stretch(running, deficit_mw, above_low);
        }
    }

    /// Multiplies the power of some units so that it grows by an amount, to a tenth of a kilowatt.
    fn stretch(&mut self, running: &[UnitIdx], more_mw: f64, which: impl Fn(&Self, UnitIdx) -> bool) {
        let units: Vec<UnitIdx> = running.iter().copied().filter(|unit| which(self, *unit)).collect();
        let sum_mw: f64 = units.iter().map(|unit| self.grid.unit_mw[*unit]).sum();
        if sum_mw == 0.0 {
            return;
        }
        for unit in units {
            self.grid.unit_mw[unit] = round(self.grid.unit_mw[unit] * (1.0 + more_mw / sum_mw), 1e4);
        }
    }

    /// Judges an island by how much its generation changed since `before_mw`: too large a rise sheds demand, too large a fall trips
    /// the smallest units.
    pub(super) fn judge_frequency(
        &mut self,
        island: &Island,
        reference: BusIdx,
        before_mw: f64,
        solution: &Solution,
    ) -> Frequency {
        let now_mw = island.generation_mw(&self.grid);
        let change_mw = now_mw - before_mw;
        let demand_mw = island.demand_mw(&self.grid);
        let borne_mw = self.settings.generation_change_max * (now_mw - change_mw);
        // What one solution of a state differs in from the next is no change; its sign must decide nothing.
        if change_mw.abs() <= self.network.base.from_pu(self.settings.tolerance_pu) {
            return Frequency::Held;
        }
        if change_mw > 0.0 && demand_mw > 0.0 {
            let most_mw: f64 = island.running(&self.grid).map(|unit| self.unit(unit).p_max_mw).sum();
            let is_possible = round(most_mw, 1e2) >= round(now_mw, 1e2);
            let is_small = change_mw <= borne_mw || change_mw < self.settings.slack_deadband_mw;
            if is_possible && is_small {
                return Frequency::Held;
            }
            let target_mw = most_mw.min(before_mw + borne_mw);
            self.shed_by_frequency(island, target_mw, demand_mw, change_mw, borne_mw);
            return Frequency::Acted(self.newton(island, reference, Some(solution)).map(Rc::new));
        }
        if change_mw < 0.0 && -change_mw > borne_mw {
            self.trip_smallest(island, -change_mw, borne_mw);
            let found = island.choose_reference(self.network, &mut self.grid, false);
            let found = found.and_then(|bus| self.newton(island, bus, Some(solution)));
            return Frequency::Acted(found.map(Rc::new));
        }
        Frequency::Held
    }

    fn shed_by_frequency(
        &mut self,
        island: &Island,
        target_mw: f64,
        demand_mw: f64,
        change_mw: f64,
        borne_mw: f64,
    ) {
        let keep = round(target_mw / (1.0 + self.settings.losses_overhead) / demand_mw, 1e5);
        // The published program sheds everything where there was no need to shed anything.
        let keep = if keep >= 1.0 { 0.0 } else { keep.max(0.0) };
        self.record.counts.ufls += 1;
        for bus in &island.buses {
            self.scale_demand(*bus, keep, Cause::Ufls, Some((change_mw, borne_mw)));
        }
    }

    fn trip_smallest(&mut self, island: &Island, surplus_mw: f64, borne_mw: f64) {
        let mut smallest: Vec<UnitIdx> = island.running(&self.grid).collect();
        smallest.sort_by(|a, b| self.unit(*a).p_max_mw.total_cmp(&self.unit(*b).p_max_mw).then(a.cmp(b)));
        let mut sum_mw = 0.0;
        let beyond = smallest.iter().position(|unit| {
            sum_mw += self.grid.unit_mw[*unit];
            sum_mw > surplus_mw
        });
        // Where all together are not enough, the published program trips one.
        let count = beyond.unwrap_or(0).max(1);
        self.record.counts.ofgs += 1;
        for unit in smallest.into_iter().take(count) {
            self.grid.trip_unit(unit);
            self.record.trip(Tripped::Unit(unit), Cause::Surplus, Some((surplus_mw, borne_mw)), 0.0);
        }
        for bus in &island.buses {
            let is_held = island.first_running(&self.grid, self.network, *bus).is_some();
            if self.grid.role[*bus] == Role::Voltage && !is_held {
                self.grid.role[*bus] = Role::Load;
            }
        }
    }

    /// A unit as the file has it.
    pub(super) fn unit(&self, unit: UnitIdx) -> &powerflow::case::CaseUnit {
        &self.network.case.units[unit.row()]
    }

    /// Multiplies a bus's demand, and books what that takes.
    pub(super) fn scale_demand(&mut self, bus: BusIdx, keep: f64, cause: Cause, why: Option<(f64, f64)>) {
        let (p_mw, q_mvar) = (self.grid.demand_mw[bus], self.grid.demand_mvar[bus]);
        if p_mw == 0.0 && q_mvar == 0.0 {
            return;
        }
        self.grid.demand_mw[bus] = p_mw * keep;
        self.grid.demand_mvar[bus] = q_mvar * keep;
        self.record.trip(Tripped::Bus(bus), cause, why, p_mw - p_mw * keep);
    }
}

/// To the nearest multiple of `1 / scale`, halves away from zero, as the published program rounds.
pub(super) fn round(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}
