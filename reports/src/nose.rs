//! The document `gridgate/nose/1`: how far a grid can be loaded. Nothing in it depends on the clock or the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::InputRecord;

/// Schema of [`NoseStudy`].
pub const NOSE_SCHEMA: &str = "gridgate/nose/1";

impl Document for NoseStudy {
    const SCHEMA: &'static str = NOSE_SCHEMA;
}

/// How the study ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoseStatus {
    /// The nose was found.
    Found,
    /// The grid has no solution, or no balance, before any load is added.
    NoBase,
    /// The curve was not followed to a nose: there is no margin to report, whatever was reached.
    NotFound,
}

/// Why the curve turns back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoseCauseKind {
    /// By itself: a saddle-node bifurcation.
    Fold,
    /// Because units reached a reactive limit: a limit-induced bifurcation.
    LimitInduced,
    /// The last bus of an island that held its voltage gave it up.
    NoVoltageHeld,
    /// The last unit of an island that shared what is missing reached its largest power.
    NoActivePower,
}

/// Which kind of limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Largest reactive power of the units that hold the voltage of a bus.
    ReactiveHigh,
    /// Smallest reactive power of those units.
    ReactiveLow,
    /// Largest active power of a unit.
    ActiveHigh,
    /// Smallest active power of a unit.
    ActiveLow,
}

/// A limit that was reached, or left, on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LimitRecord {
    /// Where on the curve.
    pub lambda: f64,
    /// Which limit.
    pub kind: LimitKind,
    /// Number of the bus in the file.
    pub bus: u64,
    /// Row of the unit in the file, from 1; absent where it is the sum of the units of the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<u32>,
    /// True where it was reached, false where it was left again.
    pub reached: bool,
}

/// A bus that falls with the collapse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WeakBusRecord {
    /// Number in the file.
    pub bus: u64,
    /// Voltage in the base, pu.
    pub vm_base_pu: f64,
    /// Voltage at the nose, pu.
    pub vm_nose_pu: f64,
    /// Change of the voltage with lambda in the base, pu.
    pub slope_base_pu: f64,
    /// Change of the voltage with lambda just before the nose, pu; absent at a fold, where it is infinite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope_nose_pu: Option<f64>,
    /// Fall of the voltage along the curve at the nose, where that of the bus which falls fastest is one.
    pub fall: f64,
}

/// A point of the curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CurveRecord {
    /// Demand and schedules are `1 + lambda` times those of the base.
    pub lambda: f64,
    /// Demand of the energised buses, MW.
    pub demand_mw: f64,
    /// Voltages of the weakest buses, pu, in their order.
    pub vm_pu: Vec<f64>,
}

/// What was found at the nose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoseRecord {
    /// The first largest lambda from the base on: demand and schedules can be `1 + lambda` times those of the base.
    pub lambda: f64,
    /// Demand that can be added, MW.
    pub margin_mw: f64,
    /// The same in percent of the demand in the base.
    pub margin_pct: f64,
    /// Why there is no more.
    pub cause: NoseCauseKind,
    /// The limit that is to blame; absent at a fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<LimitRecord>,
    /// Demand of the energised buses, MW.
    pub demand_mw: f64,
    /// Lowest voltage, pu.
    pub vm_min_pu: f64,
    /// Where it is.
    pub vm_min_bus: u64,
    /// Largest power that does not balance at a bus, pu, recomputed from the case.
    pub mismatch_pu: f64,
}

/// How far a grid can be loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NoseStudy {
    /// Name and version of this document: [`NOSE_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = NOSE_SCHEMA)))]
    pub schema: String,
    /// Case name.
    pub case: String,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// How it was solved, as text.
    pub settings: BTreeMap<String, String>,
    /// How the study ended.
    pub status: NoseStatus,
    /// Why there is no nose, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Demand of the energised buses in the base, MW; null where it has no solution.
    pub base_demand_mw: Option<f64>,
    /// The nose; null where it was not found.
    pub nose: Option<NoseRecord>,
    /// Buses that fall fastest at the nose, first those that lead.
    pub weakest: Vec<WeakBusRecord>,
    /// Limits in the order in which they were reached or left.
    pub limits: Vec<LimitRecord>,
    /// Buses that do not hold their voltage in the base already, because their units are at a reactive limit.
    pub at_limit_in_base: Vec<u64>,
    /// Points from the base to the nose.
    pub curve: Vec<CurveRecord>,
}

impl NoseStudy {
    /// The curve as CSV: `lambda,demand_mw`, then a column `vm_BUS` for each of the weakest buses.
    pub fn csv(&self) -> String {
        let mut csv = String::from("lambda,demand_mw");
        for weak in &self.weakest {
            csv.push_str(&format!(",vm_{}", weak.bus));
        }
        csv.push('\n');
        for point in &self.curve {
            csv.push_str(&format!("{:?},{:?}", point.lambda, point.demand_mw));
            for vm in &point.vm_pu {
                csv.push_str(&format!(",{vm:?}"));
            }
            csv.push('\n');
        }
        csv
    }

    /// The answer in a sentence.
    pub fn headline(&self) -> String {
        match (&self.nose, self.status) {
            (Some(nose), _) => format!(
                "{:.1} MW more, {:.2} % of the demand of {:.1} MW, until {}.",
                nose.margin_mw,
                nose.margin_pct,
                self.base_demand_mw.unwrap_or(nose.demand_mw),
                match (nose.cause, &nose.by) {
                    (NoseCauseKind::LimitInduced, Some(by)) =>
                        format!("{} takes the voltages with it", by.words()),
                    (NoseCauseKind::NoVoltageHeld, Some(by)) =>
                        format!("with {} no bus holds its voltage", by.words()),
                    (NoseCauseKind::NoActivePower, Some(by)) =>
                        format!("with {} no unit is left that could provide more", by.words()),
                    _ => "the voltages collapse".to_owned(),
                }
            ),
            (None, NoseStatus::NoBase) => "The base has no solution: no load was added.".into(),
            (None, _) => "No nose was found, and no margin is known.".into(),
        }
    }
}

impl LimitRecord {
    /// As people name it: `the largest reactive power at bus 10`.
    pub fn words(&self) -> String {
        let what = match self.kind {
            LimitKind::ReactiveHigh => "the largest reactive power",
            LimitKind::ReactiveLow => "the smallest reactive power",
            LimitKind::ActiveHigh => "the largest active power",
            LimitKind::ActiveLow => "the smallest active power",
        };
        match self.unit {
            Some(unit) => format!("{what} of unit {unit} at bus {}", self.bus),
            None => format!("{what} at bus {}", self.bus),
        }
    }
}
