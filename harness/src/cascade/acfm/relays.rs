//! The relays: all look at one solution, then all that are beyond their threshold act.

use powerflow::{BranchIdx, BusIdx, Index, Solution, UnitIdx};

use super::Settings;
use super::balance::round;
use super::grid::{Island, Role};
use super::walk::Walk;
use crate::cascade::{Cause, Tripped};

/// Voltages are compared after rounding to three digits, so that the threshold lies half a digit below the limit, pu.
const VOLTAGE_ROUNDING_PU: f64 = 5e-4;

/// All that is beyond its threshold, with the quantity and its limit.
#[derive(Default)]
pub(super) struct Violations {
    /// Units beyond a reactive limit, Mvar; the limit is the one that they are held at.
    reactive: Vec<(UnitIdx, f64, f64)>,
    /// Units below their smallest power, MW.
    below_p_min: Vec<(UnitIdx, f64, f64)>,
    /// Load buses below their smallest voltage, pu.
    voltage: Vec<(BusIdx, f64, f64)>,
    /// Branches above their trip level, MVA.
    overload: Vec<(BranchIdx, f64, f64)>,
}

impl Violations {
    pub(super) fn is_empty(&self) -> bool {
        self.reactive.is_empty()
            && self.below_p_min.is_empty()
            && self.voltage.is_empty()
            && self.overload.is_empty()
    }
}

impl Walk<'_> {
    /// Looks, and keeps the smallest distance from a threshold; that of a unit that is off is none.
    pub(super) fn violations(&mut self, island: &Island, solution: &Solution) -> Violations {
        let mut found = Violations::default();
        let margins = &mut self.record.margins;
        for unit in &island.units {
            let file = &self.network.case.units[unit.row()];
            let (low, high) = (file.q_min_mvar, file.q_max_mvar);
            let tolerance = self.settings.reactive_tolerance;
            let (lowest, highest) = (low - tolerance * low.abs(), high + tolerance * high.abs());
            // Units that are off are judged like the others: a defect of the published program, by which an island never
            // ends that holds one which may not give as little as nothing.
            let q_mvar = self.grid.unit_mvar[*unit];
            for threshold in [lowest, highest] {
                if self.grid.unit_on[*unit] && threshold.is_finite() {
                    margins.reactive_mvar = margins.reactive_mvar.min((q_mvar - threshold).abs());
                }
            }
            if q_mvar < lowest {
                found.reactive.push((*unit, q_mvar, low));
            } else if q_mvar > highest {
                found.reactive.push((*unit, q_mvar, high));
            }
            if self.grid.unit_on[*unit] && round(self.grid.unit_mw[*unit], 1e5) < file.p_min_mw {
                found.below_p_min.push((*unit, self.grid.unit_mw[*unit], file.p_min_mw));
            }
        }
        for bus in &island.buses {
            let has_load = self.grid.demand_mw[*bus] > 0.0 || self.grid.demand_mvar[*bus] > 0.0;
            let Some(vm_pu) = solution.vm_pu(*bus).filter(|_| has_load) else { continue };
            let lowest = self.network.buses.voltage_pu_min[*bus];
            margins.voltage_pu = margins.voltage_pu.min((vm_pu - (lowest - VOLTAGE_ROUNDING_PU)).abs());
            if round(vm_pu, 1e3) < lowest {
                found.voltage.push((*bus, vm_pu, lowest));
            }
        }
        let base = self.network.base;
        let flows = self.flow.flows(solution);
        for branch in &island.branches {
            let Some(rating_mva) = self.network.case.branches[branch.row()].rate_a_mva else { continue };
            let apparent = |p: f64, q: f64| base.from_pu(p.mul_add(p, q * q).sqrt());
            let from_mva = apparent(flows.p_from_pu[*branch], flows.q_from_pu[*branch]);
            let to_mva = apparent(flows.p_to_pu[*branch], flows.q_to_pu[*branch]);
            let (mean_mva, limit_mva) =
                (0.5 * (from_mva + to_mva), self.settings.line_trip_factor * rating_mva);
            margins.line = margins.line.min((mean_mva / limit_mva - 1.0).abs());
            if round(mean_mva, 1e5) > round(limit_mva, 1e5) {
                found.overload.push((*branch, mean_mva, limit_mva));
            }
        }
        found
    }

    /// Acts on all violations.
    pub(super) fn act(&mut self, island: &Island, violations: Violations) {
        let Violations { reactive, below_p_min, voltage, overload } = violations;
        let counts = &mut self.record.counts;
        counts.reactive_limits += u32::from(!reactive.is_empty());
        counts.below_p_min += u32::from(!below_p_min.is_empty());
        counts.uvls += u32::from(!voltage.is_empty());
        counts.overloads += u32::from(!overload.is_empty());
        self.limit_reactive(island, &reactive);
        for (unit, value, limit) in below_p_min {
            self.grid.trip_unit(unit);
            self.record.trip(Tripped::Unit(unit), Cause::Surplus, Some((value, limit)), 0.0);
        }
        for (bus, value, limit) in voltage {
            let keep = under_voltage_keep(self.settings, self.grid.uvls_steps[bus]);
            self.grid.uvls_steps[bus] += 1;
            self.scale_demand(bus, keep, Cause::Uvls, Some((value, limit)));
        }
        for (branch, value, limit) in overload {
            self.grid.branch_on[branch] = false;
            self.record.trip(Tripped::Branch(branch), Cause::Overload, Some((value, limit)), 0.0);
        }
    }

    /// Fixes the reactive power of units beyond a limit. A bus on its own cannot do without a voltage: its demand follows its units.
    fn limit_reactive(&mut self, island: &Island, reactive: &[(UnitIdx, f64, f64)]) {
        if reactive.is_empty() {
            return;
        }
        if let [bus] = island.buses[..] {
            let running = || island.running(&self.grid);
            let q_mvar: f64 = running().map(|unit| self.grid.unit_mvar[unit]).sum();
            let limit_mvar: f64 = if q_mvar < 0.0 {
                running().map(|unit| self.unit(unit).q_min_mvar).sum()
            } else {
                running().map(|unit| self.unit(unit).q_max_mvar).sum()
            };
            let keep = if q_mvar == 0.0 { 0.0 } else { (limit_mvar / q_mvar).clamp(0.0, 1.0) };
            self.scale_demand(bus, keep, Cause::ExcitationLimit, Some((q_mvar, limit_mvar)));
            return;
        }
        for (unit, value, limit) in reactive {
            self.grid.role[self.network.units.bus[*unit]] = Role::Load;
            self.grid.unit_mvar[*unit] = *limit;
            self.record.trip(Tripped::Unit(*unit), Cause::ExcitationLimit, Some((*value, *limit)), 0.0);
        }
    }
}

/// What a bus keeps of its demand when its under-voltage relay acts that has used some steps: each takes the same share of the demand
/// before the first, the one after the last takes all.
fn under_voltage_keep(settings: &Settings, used: u32) -> f64 {
    let step = settings.uvls_per_step;
    if used < settings.uvls_max_steps { 1.0 - step / (1.0 - step * f64::from(used)) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five steps of a twentieth of the demand before the first, then nothing is left.
    #[test]
    fn every_step_takes_the_same_share_of_the_first_demand() {
        let settings = Settings::default();
        let mut left = 1.0;
        for (used, expected) in [0.95, 0.90, 0.85, 0.80, 0.75, 0.0].into_iter().enumerate() {
            left *= under_voltage_keep(&settings, used as u32);
            assert!((left - expected).abs() < 1e-15, "{used}: {left}");
        }
    }
}
