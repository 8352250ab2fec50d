//! What becomes of what a candidate asks: granted, clipped or refused, each with its reason.

use std::collections::BTreeMap;

use powerflow::{BranchIdx, BusIdx, BusStatus, Index, ShuntIdx, UnitIdx};
use scenarios::Moment;

use crate::action::{Asked, AskedTensor, Refusal, Task};
use crate::cascade::{Cause, Tripped};
use crate::grid::Grid;
use crate::observation::Tensor;

/// One element's request and its fate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grant {
    /// What was asked for.
    pub quantity: Asked,
    /// Row of the element, from 0.
    pub element: u32,
    /// The value asked.
    pub asked: f64,
    /// The value that holds now; `None` where the request was refused.
    pub granted: Option<f64>,
    /// Why it is not what was asked.
    pub refusal: Option<Refusal>,
}

/// What one step's requests came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    /// Every request of the step, in the order asked.
    pub all: Vec<Grant>,
    /// Branches whose connection changed.
    pub switched: u32,
}

impl Grants {
    /// How often each reason was given.
    pub fn refusals(&self) -> BTreeMap<Refusal, u32> {
        let mut counts = BTreeMap::new();
        for reason in self.all.iter().filter_map(|g| g.refusal) {
            *counts.entry(reason).or_insert(0) += 1;
        }
        counts
    }
}

/// Within this of a value counts as that value: a model's f32 cannot say 0.1 exactly.
const SAME: f64 = 1e-6;

impl Grid {
    /// Grants what row `row` of the asked tensors wants, as far as the task, ranges, ramps and cool-downs allow.
    /// `step_minutes` is how far a unit's schedule can move.
    pub fn grant(
        &mut self,
        asked: &[AskedTensor],
        row: usize,
        task: Task,
        now: Moment,
        step_minutes: f64,
    ) -> Grants {
        let mut grants = Grants::default();
        let mut requests: Vec<(Asked, u32, f64)> = asked
            .iter()
            .flat_map(|tensor| tensor.row(row).map(|(element, value)| (tensor.quantity, element, value)))
            .collect();
        // One order, whoever asks: a replay repeats the same requests in it. Of two for one thing the later counts.
        requests.sort_by_key(|(quantity, element, _)| (*quantity, *element));
        requests.dedup_by(|later, kept| {
            let same = (later.0, later.1) == (kept.0, kept.1);
            if same {
                kept.2 = later.2;
            }
            same
        });
        for (quantity, element, value) in requests {
            let outcome = if quantity == Asked::UnitPSet
                && task == Task::FrequencyResponse
                && !self.rules.frequency.as_ref().is_some_and(|elements| elements.is_fast(element as usize))
            {
                Outcome::Refused(Refusal::NotFast)
            } else if task.may_ask().contains(&quantity) {
                self.grant_one(quantity, element, value, now, step_minutes)
            } else {
                Outcome::Refused(Refusal::NotInTask)
            };
            let (granted, refusal) = match outcome {
                Outcome::Granted(v) => (Some(v), None),
                Outcome::Clipped(v, why) => (Some(v), Some(why)),
                Outcome::Refused(why) => (None, Some(why)),
                Outcome::Switched(v) => {
                    grants.switched += 1;
                    (Some(v), None)
                }
            };
            grants.all.push(Grant { quantity, element, asked: value, granted, refusal });
        }
        grants
    }

    /// Requests that bring these elements back to what the file says of them.
    pub fn of_the_file(&self, elements: &[(Asked, u32)]) -> Vec<AskedTensor> {
        let (network, filed) = (&self.network, self.network.initial_state());
        let value = |quantity: Asked, row: usize| match quantity {
            Asked::UnitVSet => filed.unit_v_set_pu[UnitIdx::from_row(row)],
            Asked::UnitPSet => network.base.from_pu(filed.unit_p_pu[UnitIdx::from_row(row)]),
            Asked::BranchTap => filed.tap_ratio[BranchIdx::from_row(row)],
            Asked::ShuntStep => f64::from(filed.shunt_step[ShuntIdx::from_row(row)]),
            Asked::BranchStatus => f64::from(u8::from(filed.branch_on[BranchIdx::from_row(row)])),
            Asked::LoadShed => 0.0,
        };
        let one = |&(quantity, element): &(Asked, u32)| AskedTensor {
            quantity,
            elements: vec![element],
            values: Tensor { rows: 1, cols: 1, data: vec![value(quantity, element as usize)] },
            given: None,
        };
        elements.iter().map(one).collect()
    }

    fn grant_one(&mut self, quantity: Asked, element: u32, value: f64, now: Moment, minutes: f64) -> Outcome {
        let row = element as usize;
        match quantity {
            Asked::UnitVSet => self.grant_v_set(UnitIdx::from_row(row), value),
            Asked::UnitPSet => self.grant_p_set(UnitIdx::from_row(row), value, now, minutes),
            Asked::BranchTap => self.grant_tap(BranchIdx::from_row(row), value),
            Asked::ShuntStep => self.grant_shunt(ShuntIdx::from_row(row), value),
            Asked::BranchStatus => self.grant_status(BranchIdx::from_row(row), value, now),
            Asked::LoadShed => self.grant_shedding(BusIdx::from_row(row), value, now),
        }
    }

    fn grant_v_set(&mut self, unit: UnitIdx, value: f64) -> Outcome {
        let network = &self.network;
        if !network.units.regulates[unit] {
            return Outcome::Refused(Refusal::Unknown);
        }
        if !self.state.unit_on[unit] || self.bus_is_dead(unit) {
            return Outcome::Refused(Refusal::OutOfService);
        }
        let bus = network.units.bus[unit];
        let (low, high) = (network.buses.voltage_pu_min[bus], network.buses.voltage_pu_max[bus]);
        let outcome = clip(value, low, high, Refusal::Range);
        set(&mut self.state.unit_v_set_pu[unit], outcome, &mut self.dirty)
    }

    fn grant_p_set(&mut self, unit: UnitIdx, value_mw: f64, now: Moment, minutes: f64) -> Outcome {
        if !self.state.unit_on[unit] || self.bus_is_dead(unit) {
            return Outcome::Refused(Refusal::OutOfService);
        }
        let base = self.network.base;
        let units = &self.network.units;
        let asked = base.to_pu(value_mw);
        let most = self.p_max_pu(unit);
        let mut outcome = clip(asked, units.p_min_pu[unit].min(most), most, Refusal::Range);
        let fast = self.rules.frequency.as_ref().is_some_and(|elements| elements.is_fast(unit.row()));
        if fast {
            // Its ramp is the transient's; it may be asked for whatever its energy lasts for.
            let schedule = units.p_pu[unit];
            let left = self.frequency.as_ref().and_then(|living| living.energy_left_pu_s(unit, now));
            if left == Some(0.0) && outcome.value().is_some_and(|wanted| wanted > schedule) {
                outcome = Outcome::Clipped(schedule, Refusal::Energy);
            }
        } else if let (Some(ramp), Some(wanted)) = (self.ramp_pu_per_min(unit), outcome.value()) {
            let from = self.state.unit_p_pu[unit];
            let reach = clip(wanted, from - ramp * minutes, from + ramp * minutes, Refusal::Ramp);
            if let Outcome::Clipped(..) = reach {
                outcome = reach;
            }
        }
        if let Some(p_pu) = outcome.value() {
            self.forget_withheld(unit);
            self.set_schedule(unit, p_pu);
        }
        outcome.map(|v| base.from_pu(v))
    }

    fn grant_tap(&mut self, branch: BranchIdx, value: f64) -> Outcome {
        let branches = &self.network.branches;
        if !branches.transformer[branch] {
            return Outcome::Refused(Refusal::Unknown);
        }
        if !self.state.branch_on[branch] {
            return Outcome::Refused(Refusal::OutOfService);
        }
        let (low, high, positions) = branches.tap_range[branch].unwrap_or(self.rules.tap_range);
        let outcome = clip(value, low, high, Refusal::Range).map(|v| {
            if positions < 2 {
                return low;
            }
            let step = (high - low) / f64::from(positions - 1);
            ((v - low) / step).round().mul_add(step, low)
        });
        set(&mut self.state.tap_ratio[branch], outcome, &mut self.dirty)
    }

    fn grant_shunt(&mut self, shunt: ShuntIdx, value: f64) -> Outcome {
        let step = value.round();
        let known = (value - step).abs() < SAME && step >= 0.0;
        let steps = self.network.shunts.steps_pu[shunt].len();
        if !known || step as usize >= steps {
            return Outcome::Refused(Refusal::UnknownStep);
        }
        let now = &mut self.state.shunt_step[shunt];
        self.dirty |= *now != step as u32;
        *now = step as u32;
        Outcome::Granted(step)
    }

    /// Sheds up to a share of what a bus wants; what has been shed by now stays so.
    fn grant_shedding(&mut self, bus: BusIdx, share: f64, now: Moment) -> Outcome {
        let outcome = clip(share, 0.0, 1.0, Refusal::Range);
        let Some(asked) = outcome.value() else { return outcome };
        let shed = 1.0 - self.demand.kept(bus);
        if asked > shed {
            let lost_mw = self.shed(bus, Cause::Manual, asked - shed);
            if lost_mw > 0.0 {
                self.write(now, Tripped::Bus(bus), Cause::Manual, (None, None), lost_mw);
            }
        }
        outcome.map(|asked| asked.max(shed))
    }

    fn grant_status(&mut self, branch: BranchIdx, value: f64, now: Moment) -> Outcome {
        let on = if value.abs() < SAME {
            false
        } else if (value - 1.0).abs() < SAME {
            true
        } else {
            return Outcome::Refused(Refusal::Unknown);
        };
        let status = f64::from(u8::from(on));
        if on == self.state.branch_on[branch] {
            return Outcome::Granted(status);
        }
        if self.forced_out[branch] {
            return Outcome::Refused(Refusal::OutOfService);
        }
        let branches = &self.network.branches;
        let no_impedance = branches.resistance_pu[branch] == 0.0 && branches.reactance_pu[branch] == 0.0;
        if on && (no_impedance || branches.from[branch] == branches.to[branch]) {
            // The file keeps it out, and no power flow exists with it in.
            return Outcome::Refused(Refusal::Unknown);
        }
        let rest = Moment::from_seconds(self.rules.cooldown_s);
        if self.switched[branch].is_some_and(|last| now.0.saturating_sub(last.0) < rest.0) {
            return Outcome::Refused(Refusal::Cooldown);
        }
        self.switched[branch] = Some(now);
        self.state.branch_on[branch] = on;
        self.dirty = true;
        Outcome::Switched(status)
    }

    fn bus_is_dead(&self, unit: UnitIdx) -> bool {
        let bus = self.network.units.bus[unit];
        self.solution.as_ref().is_none_or(|s| s.status[bus] != BusStatus::Live)
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Granted(f64),
    Clipped(f64, Refusal),
    Refused(Refusal),
    Switched(f64),
}

impl Outcome {
    fn value(self) -> Option<f64> {
        match self {
            Outcome::Granted(v) | Outcome::Clipped(v, _) | Outcome::Switched(v) => Some(v),
            Outcome::Refused(_) => None,
        }
    }

    fn map(self, f: impl FnOnce(f64) -> f64) -> Self {
        match self {
            Outcome::Granted(v) => Outcome::Granted(f(v)),
            Outcome::Clipped(v, why) => Outcome::Clipped(f(v), why),
            Outcome::Switched(v) => Outcome::Switched(f(v)),
            Outcome::Refused(why) => Outcome::Refused(why),
        }
    }
}

fn clip(value: f64, low: f64, high: f64, why: Refusal) -> Outcome {
    // Not `f64::clamp`, which panics where a file's limits are crossed.
    if value < low - SAME {
        Outcome::Clipped(low, why)
    } else if value > high + SAME {
        Outcome::Clipped(high, why)
    } else {
        Outcome::Granted(value.max(low).min(high))
    }
}

fn set(now: &mut f64, outcome: Outcome, dirty: &mut bool) -> Outcome {
    if let Some(value) = outcome.value() {
        *dirty |= value.to_bits() != now.to_bits();
        *now = value;
    }
    outcome
}
