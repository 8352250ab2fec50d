//! The document `gridgate/frequency/1`: how the frequency of islands moves after an event. Nothing in it depends on the clock or the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::InputRecord;

/// Schema of [`FrequencyStudy`].
pub const FREQUENCY_SCHEMA: &str = "gridgate/frequency/1";

impl Document for FrequencyStudy {
    const SCHEMA: &'static str = FREQUENCY_SCHEMA;
}

/// Which model answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FrequencyLevel {
    /// One swing equation for each island, at constant voltage and power. No angle stability, and the first slope is that of the full loss: a
    /// network whose demand falls with the voltage slows down less at first.
    CentreOfInertia,
    /// Machines one by one behind their reactances, with the network between them.
    MultiMachine,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FrequencyEventKind {
    /// Injection appeared, or went: an event of the study.
    Power,
    /// Demand appeared, or went: an event of the study.
    Load,
    /// A unit was tripped: an event of the study.
    Trip,
    /// A device was told to go to a power: an event of the study.
    Command,
    /// A branch was switched: an event of the study.
    Switching,
    /// A short circuit began or was cleared: an event of the study.
    Fault,
    /// A stage of under-frequency load shedding took its load off.
    Shed,
    /// A unit could not ride through.
    UnitTripped,
    /// A device of fast frequency response began to act.
    ResponseFired,
    /// A limit that trips nothing was broken.
    LimitBroken,
    /// The island lost its frequency.
    Dead,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FrequencyEventRecord {
    /// When, s.
    pub time_s: f64,
    /// Frequency of the island then, Hz; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_hz: Option<f64>,
    /// What.
    pub kind: FrequencyEventKind,
    /// Which unit, device, stage or curve; absent where the island as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// Why: `under_frequency`, `over_frequency`, `rocof`, `no_source`, `out_of_range`; absent for an event of the study.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The threshold or limit that it broke, Hz; where the cause is `rocof`, Hz/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Power that it is about, MW: generation or demand that appeared (positive) or went (negative), or the power that a device goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_mw: Option<f64>,
}

/// What became of an island.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FrequencyIslandRecord {
    /// Its name.
    pub id: String,
    /// Lowest frequency, Hz.
    pub nadir_hz: f64,
    /// When it was reached first, s.
    pub nadir_s: f64,
    /// Highest frequency, Hz.
    pub peak_hz: f64,
    /// When it was reached first, s.
    pub peak_s: f64,
    /// Frequency at the horizon, Hz; null where the island is dead.
    pub end_hz: Option<f64>,
    /// Whether nothing moves any more at the horizon: the frequency there is then the one it settles at.
    pub settled: bool,
    /// Steepest slope of the frequency over the window of the settings at the times of the curves, Hz/s, with its sign; null where none was
    /// measured.
    pub rocof_hz_per_s: Option<f64>,
    /// Inertia constant at the start, on the base, s.
    pub inertia_s: f64,
    /// Demand before anything happened, MW.
    pub load_mw: f64,
    /// Demand served at the horizon at nominal frequency, MW; zero where the island is dead.
    pub served_mw: f64,
    /// Demand shed by under-frequency relays, MW.
    pub shed_mw: f64,
    /// What happened, in the order of time.
    pub events: Vec<FrequencyEventRecord>,
}

/// A column of the curves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FrequencyColumn {
    /// Its name, with the unit: `f_coi_hz_ISLAND`.
    pub name: String,
    /// A value for each time; null where there is none.
    pub values: Vec<Option<f64>>,
}

/// How the frequency of islands moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FrequencyStudy {
    /// Name and version of this document: [`FREQUENCY_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = FREQUENCY_SCHEMA)))]
    pub schema: String,
    /// Name of the study or the case.
    pub name: String,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// Which model answered.
    pub level: FrequencyLevel,
    /// How it was computed, as text.
    pub settings: BTreeMap<String, String>,
    /// Nominal frequency, Hz.
    pub nominal_hz: f64,
    /// End of the simulation, s.
    pub horizon_s: f64,
    /// Islands, in the order of the file.
    pub islands: Vec<FrequencyIslandRecord>,
    /// Times of the curves, s. The same time may come twice, just before and just after an event.
    pub time_s: Vec<f64>,
    /// The curves.
    pub columns: Vec<FrequencyColumn>,
}

impl FrequencyStudy {
    /// The curves as CSV: `t_s`, then the columns; a value that does not exist is left empty.
    pub fn csv(&self) -> String {
        let mut csv = String::from("t_s");
        for column in &self.columns {
            // A name of the file could hold a comma or a quote.
            let name = &column.name;
            if name.contains([',', '"']) {
                csv.push_str(&format!(",\"{}\"", name.replace('"', "\"\"")));
            } else {
                csv.push_str(&format!(",{name}"));
            }
        }
        csv.push('\n');
        for (row, time_s) in self.time_s.iter().enumerate() {
            csv.push_str(&format!("{time_s:?}"));
            for column in &self.columns {
                match column.values.get(row).copied().flatten() {
                    Some(value) => csv.push_str(&format!(",{value:?}")),
                    None => csv.push(','),
                }
            }
            csv.push('\n');
        }
        csv
    }
}
