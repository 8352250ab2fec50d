//! What a candidate may ask, what is refused and why.

use crate::observation::{Axis, Tensor, quantities};

quantities! {
    /// Everything that can be asked: absolute values, held until replaced.
    Asked {
        /// Voltage set-point of each unit.
        UnitVSet = "act.gen.v_set", Unit, "pu";
        /// Scheduled active power of each unit.
        UnitPSet = "act.gen.p_set", Unit, "MW";
        /// Turns ratio of each branch.
        BranchTap = "act.branch.tap", Branch, "1";
        /// Step of each shunt.
        ShuntStep = "act.shunt.step", Shunt, "1";
        /// Connection of each branch: 0 or 1.
        BranchStatus = "act.branch.status", Branch, "1";
        /// Share of the demand that each bus wants to shed: what is shed stays shed, and what relays have shed counts as well.
        LoadShed = "act.load.shed", Bus, "1";
    }
}

/// What kind of control a candidate exercises: decides what it may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Generator voltage set-points, transformer taps, shunts.
    VoltVar,
    /// Active power of units and branch switching.
    Redispatch,
    /// Active power of fast devices and shedding, while the frequency moves.
    FrequencyResponse,
}

impl Task {
    /// Every task that this version simulates.
    pub const LIST: &'static [Task] = &[Task::VoltVar, Task::Redispatch, Task::FrequencyResponse];

    /// Its id in suites and manifests.
    pub fn id(self) -> &'static str {
        match self {
            Task::VoltVar => "volt_var",
            Task::Redispatch => "redispatch",
            Task::FrequencyResponse => "frequency_response",
        }
    }

    /// What a candidate of this task may ask; anything else is refused (`not_in_task`).
    pub fn may_ask(self) -> &'static [Asked] {
        match self {
            Task::VoltVar => &[Asked::UnitVSet, Asked::BranchTap, Asked::ShuntStep],
            Task::Redispatch => &[Asked::UnitPSet, Asked::BranchStatus],
            Task::FrequencyResponse => &[Asked::UnitPSet, Asked::LoadShed],
        }
    }
}

/// One quantity asked for some elements in every rollout of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedTensor {
    /// What.
    pub quantity: Asked,
    /// Element row (0-based, file order) of each column.
    pub elements: Vec<u32>,
    /// `[batch, elements.len()]`, canonical units. Never NaN: a NaN is a [`crate::candidate::Failure`] of its row.
    pub values: Tensor,
    /// Which of the values are asked, in the same order; `None` is all of them. The others may hold any number.
    pub given: Option<Vec<bool>>,
}

impl AskedTensor {
    /// What one row asks, as a tensor of that row alone.
    #[must_use]
    pub fn alone(&self, row: usize) -> AskedTensor {
        let (elements, data): (Vec<u32>, Vec<f64>) = self.row(row).unzip();
        let values = Tensor { rows: 1, cols: elements.len(), data };
        AskedTensor { quantity: self.quantity, elements, values, given: None }
    }

    /// What one row asks: elements and values.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (u32, f64)> {
        let given = self.given.as_ref().map(|given| &given[row * self.values.cols..]);
        self.elements
            .iter()
            .zip(self.values.row(row))
            .enumerate()
            .filter(move |(column, _)| given.is_none_or(|given| given[*column]))
            .map(|(_, (element, value))| (*element, *value))
    }
}

/// Why something asked was not granted as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Clipped to the element's range.
    Range,
    /// Clipped to how far the unit can move within the step.
    Ramp,
    /// Refused: no such shunt step.
    UnknownStep,
    /// Refused: the element was switched too recently.
    Cooldown,
    /// Refused: the element is out of service.
    OutOfService,
    /// Refused: not one of the values that exist (a status of 0.5, a tap on a line).
    Unknown,
    /// Refused: the task does not control this.
    NotInTask,
    /// Refused: the task controls fast devices, and the unit is none.
    NotFast,
    /// Clipped to nothing: the device has no energy left.
    Energy,
}

impl Refusal {
    /// Its id in documents.
    pub fn id(self) -> &'static str {
        match self {
            Refusal::Range => "range",
            Refusal::Ramp => "ramp",
            Refusal::UnknownStep => "unknown_step",
            Refusal::Cooldown => "cooldown",
            Refusal::OutOfService => "out_of_service",
            Refusal::Unknown => "unknown",
            Refusal::NotInTask => "not_in_task",
            Refusal::NotFast => "not_fast",
            Refusal::Energy => "energy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_asks_only_what_is_given() {
        let values = Tensor { rows: 2, cols: 2, data: vec![1.0, 2.0, 3.0, 4.0] };
        let mut asked = AskedTensor { quantity: Asked::UnitVSet, elements: vec![5, 7], values, given: None };
        assert_eq!(asked.row(1).collect::<Vec<_>>(), [(5, 3.0), (7, 4.0)]);
        asked.given = Some(vec![true, true, false, true]);
        assert_eq!(asked.row(0).collect::<Vec<_>>(), [(5, 1.0), (7, 2.0)]);
        assert_eq!(asked.row(1).collect::<Vec<_>>(), [(7, 4.0)]);
    }
}
