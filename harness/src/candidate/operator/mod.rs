//! The people in the control room, as a candidate: minutes after an alarm they correct the state by its sensitivities, within ranges and
//! ramps. What a learned candidate is compared with, unless a suite names somebody else.
//!
//! They see what every candidate sees. An alarm is a branch above its rating (task `redispatch`) or a voltage outside its limits (task
//! `volt_var`); if it still stands after the delay they act, hold what they asked for, and look again after another delay.

mod correction;
mod desk;
#[cfg(feature = "redispatch")]
mod lp;

use std::sync::Arc;

use powerflow::{Diagnostics, Index, Network, UnitIdx};
use reports::CandidateRecord;
use reports::evidence::Digest;
use sha2::{Digest as _, Sha256};

use super::{Candidate, Decisions, Source};
use crate::action::{Asked, AskedTensor, Task};
use crate::observation::{Observations, Observed, Tensor};
use correction::Correction;
use desk::Desk;

/// How an operator decides what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Nobody acts.
    None,
    /// The move with the largest effect on the worst violation, again and again.
    Greedy,
    /// All moves at once: least movement that ends the violations, by a linear programme.
    Lp,
}

impl Model {
    /// Every model of this build.
    pub const LIST: &'static [Model] = &[
        Model::None,
        Model::Greedy,
        #[cfg(feature = "redispatch")]
        Model::Lp,
    ];

    /// Its name in suites.
    pub fn id(self) -> &'static str {
        match self {
            Model::None => "none",
            Model::Greedy => "greedy",
            Model::Lp => "lp",
        }
    }

    /// Its name as a candidate.
    pub fn name(self) -> &'static str {
        match self {
            Model::None => "operator-none",
            Model::Greedy => "operator-greedy",
            Model::Lp => "operator-lp",
        }
    }

    /// Moves in the order of the correction's units; `None` where nobody acts.
    fn decide(self, correction: &Correction) -> Option<Vec<f64>> {
        match self {
            Model::None => None,
            Model::Greedy => Some(correction.greedy()),
            #[cfg(feature = "redispatch")]
            Model::Lp => lp::solve(correction),
            #[cfg(not(feature = "redispatch"))]
            Model::Lp => None,
        }
    }
}

/// How all models work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// From an alarm to the action, s: 5 to 15 minutes.
    pub delay_s: f64,
}

impl Default for Settings {
    /// Ten minutes: within the half hour that operating-limit standards give (NERC IROL T_v, TOP-001), and the usual time to call reserve.
    fn default() -> Self {
        Settings { delay_s: 600.0 }
    }
}

/// Makes operators for a network.
#[derive(Clone, Debug)]
pub struct Operator {
    model: Model,
    task: Task,
    network: Arc<Network>,
    settings: Settings,
}

impl Operator {
    /// An operator of this model.
    pub fn new(model: Model, task: Task, network: &Arc<Network>, settings: Settings) -> Self {
        Operator { model, task, network: Arc::clone(network), settings }
    }

    /// A fresh instance.
    pub(crate) fn on_duty(&self) -> OnDuty {
        OnDuty {
            model: self.model,
            task: self.task,
            settings: self.settings,
            desk: Desk::new(&self.network),
            shifts: Vec::new(),
        }
    }
}

impl Source for Operator {
    fn record(&self) -> CandidateRecord {
        let is = Sha256::digest(format!("{} {:?}", self.model.name(), self.settings));
        CandidateRecord {
            name: self.model.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: Digest { sha256: is.iter().map(|byte| format!("{byte:02x}")).collect() },
            adapter: "operator".to_owned(),
            mode: "closed_loop".to_owned(),
            task: self.task.id().to_owned(),
        }
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        Ok(Box::new(self.on_duty()))
    }

    fn batched(&self) -> bool {
        true
    }
}

/// What an operator remembers of one rollout.
#[derive(Clone, Debug, Default)]
struct Shift {
    /// Since when the alarm stands, or when it was last acted upon; s.
    alarm_s: Option<f64>,
    /// What was asked of each unit and holds; empty until something was.
    targets: Vec<Option<f64>>,
}

/// An operator at work.
pub(crate) struct OnDuty {
    model: Model,
    task: Task,
    settings: Settings,
    desk: Desk,
    shifts: Vec<Shift>,
}

impl OnDuty {
    /// Somebody else has the desk in this row: who comes back begins a fresh shift.
    pub(crate) fn relieve(&mut self, row: usize) {
        if let Some(shift) = self.shifts.get_mut(row) {
            *shift = Shift::default();
        }
    }

    fn watch(&mut self, seen: &Observations, row: usize) {
        let now_s = seen.of(Observed::TimeS).row(row).first().copied().unwrap_or(0.0);
        let alarm = match self.task {
            Task::Redispatch => self.desk.is_overloaded(seen, row),
            Task::VoltVar => self.desk.is_outside(seen, row),
            // A transient is over before anybody has read the alarm.
            Task::FrequencyResponse => false,
        };
        let (model, quantity) = (self.model, self.quantity());
        let shift = &mut self.shifts[row];
        if !alarm {
            shift.alarm_s = None;
            return;
        }
        let since_s = *shift.alarm_s.get_or_insert(now_s);
        // Within a microsecond: moments are sums of step lengths.
        if now_s - since_s < self.settings.delay_s - 1e-6 {
            return;
        }
        shift.alarm_s = Some(now_s);
        let correction = match self.task {
            Task::Redispatch => self.desk.redispatch(seen, row),
            Task::VoltVar => self.desk.set_points(seen, row),
            Task::FrequencyResponse => None,
        };
        let Some(correction) = correction else { return };
        let Some(moves) = model.decide(&correction) else { return };
        let now = seen.of(quantity.1).row(row);
        shift.targets.resize(now.len(), None);
        for (unit, by) in correction.units.iter().zip(moves) {
            if by.abs() > correction::MOVE_MIN {
                shift.targets[unit.row()] = Some(by.mul_add(correction.unit_of_moves, now[unit.row()]));
            }
        }
    }

    /// What is asked, and how it is seen.
    fn quantity(&self) -> (Asked, Observed) {
        match self.task {
            Task::Redispatch | Task::FrequencyResponse => (Asked::UnitPSet, Observed::UnitPSet),
            Task::VoltVar => (Asked::UnitVSet, Observed::UnitVSet),
        }
    }
}

impl Candidate for OnDuty {
    fn reset(&mut self, seeds: &[u64]) {
        self.shifts.clear();
        self.shifts.resize(seeds.len(), Shift::default());
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let mut decisions = Decisions::none(seen.rows);
        self.shifts.resize(self.shifts.len().max(seen.rows), Shift::default());
        if self.model == Model::None {
            return decisions;
        }
        for row in (0..seen.rows).filter(|row| seen.alive[*row]) {
            self.watch(seen, row);
        }
        let (asked, observed) = self.quantity();
        let cols = seen.of(observed).cols;
        if self.shifts.iter().all(|shift| shift.targets.is_empty()) {
            return decisions;
        }
        let mut values = Tensor::zeros(seen.rows, cols);
        let mut given = vec![false; seen.rows * cols];
        for (row, shift) in self.shifts.iter().take(seen.rows).enumerate() {
            for (unit, target) in shift.targets.iter().enumerate() {
                let Some(target) = target else { continue };
                values.row_mut(row)[unit] = *target;
                given[row * cols + unit] = true;
            }
        }
        let elements = (0..cols as u32).collect();
        decisions.asked.push(AskedTensor { quantity: asked, elements, values, given: Some(given) });
        decisions
    }
}

/// A unit's row.
fn unit(row: usize) -> UnitIdx {
    UnitIdx::from_row(row)
}
