//! The document `gridgate/machines/1`: what machines, voltages and frequency do after events. Nothing in it depends on the
//! clock or the machine it was computed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::InputRecord;

/// Schema of [`MachineStudy`].
pub const MACHINES_SCHEMA: &str = "gridgate/machines/1";

impl Document for MachineStudy {
    const SCHEMA: &'static str = MACHINES_SCHEMA;
}

/// How the study ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MachineStatus {
    /// Simulated to the end that was asked for.
    Completed,
    /// The power flow of the case has no solution: there is nothing to begin from.
    NoBase,
    /// The equations were not solved beyond some time; what is told ends there.
    Stopped,
}

/// Whether machines stayed in step with the centre of inertia of their island.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Synchronism {
    /// No angle came near the limit.
    Kept,
    /// An angle passed 120 degrees, none 180.
    Strained,
    /// An angle passed 180 degrees: a machine fell out of step.
    Lost,
}

/// The power flow at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineBaseRecord {
    /// Demand of the energised buses, MW.
    pub demand_mw: f64,
    /// Generation, MW.
    pub generation_mw: f64,
    /// Largest power that does not balance at a bus, pu.
    pub mismatch_pu: f64,
}

/// Key figures of the centre of inertia of all machines that no event trips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineKeyFigures {
    /// Lowest frequency, Hz.
    pub nadir_hz: f64,
    /// When, s.
    pub nadir_s: f64,
    /// Highest frequency, Hz.
    pub peak_hz: f64,
    /// When, s.
    pub peak_s: f64,
    /// Frequency at the end, Hz.
    pub end_hz: f64,
    /// Mean of the last 5 s, Hz; absent where the frequency still moves by more than 0.02 Hz in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling_hz: Option<f64>,
    /// Steepest mean slope over 0.5 s, with its sign, Hz/s; absent where less than 0.5 s was simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rocof_hz_per_s: Option<f64>,
    /// When that half second begins, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rocof_s: Option<f64>,
    /// Mean slope over the 0.5 s after the first event, Hz/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rocof_after_event_hz_per_s: Option<f64>,
}

/// An event, with what it changes at once: voltages and electrical powers before and after, at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineEventRecord {
    /// When, s.
    pub t_s: f64,
    /// What, one entry for each of the events of this time.
    pub what: Vec<String>,
    /// Voltage of each bus before, pu; null where it is dead.
    pub vm_before_pu: Vec<Option<f64>>,
    /// Voltage of each bus after, pu; null where it is dead.
    pub vm_after_pu: Vec<Option<f64>>,
    /// Electrical power of each machine before, MW; null where it is off.
    pub p_before_mw: Vec<Option<f64>>,
    /// Electrical power of each machine after, MW; null where it is off.
    pub p_after_mw: Vec<Option<f64>>,
}

/// An island for as long as it has the same buses and machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineIslandRecord {
    /// From when, s.
    pub from_s: f64,
    /// Until when, s.
    pub to_s: f64,
    /// Its first bus in the file.
    pub first_bus: String,
    /// Number of its buses.
    pub buses: u32,
    /// Its machines.
    pub machines: Vec<String>,
    /// Frequency of its centre of inertia at its end, Hz.
    pub end_hz: f64,
    /// Lowest frequency, Hz.
    pub nadir_hz: f64,
    /// When, s.
    pub nadir_s: f64,
    /// Highest frequency, Hz.
    pub peak_hz: f64,
    /// When, s.
    pub peak_s: f64,
}

/// Buses without a source for some time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeadBusesRecord {
    /// From when, s.
    pub from_s: f64,
    /// Until when, s.
    pub to_s: f64,
    /// Which, as in the file.
    pub buses: Vec<String>,
    /// Their demand at the start, MW.
    pub demand_mw: f64,
}

/// A machine whose angle left the centre of inertia of its island.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AngleRecord {
    /// Which machine.
    pub machine: String,
    /// When it first passed 120 degrees, s.
    pub strained_s: f64,
    /// When it first passed 180 degrees, s; absent where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_s: Option<f64>,
}

/// How long a fault may last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClearingRecord {
    /// The fault.
    pub fault: String,
    /// Longest duration found after which no machine loses synchronism, ms.
    pub stable_ms: u32,
    /// Shortest duration found after which one does, ms: one more than `stable_ms`; absent where the longest that was tried
    /// is stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unstable_ms: Option<u32>,
    /// The machine that falls out of step first after `unstable_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_lost: Option<String>,
    /// Simulated time after each clearing, s.
    pub observed_s: f64,
}

/// A machine over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineSeries {
    /// Its `idx` in the file.
    pub id: String,
    /// Its bus.
    pub bus: String,
    /// `2 H` on the system base, s.
    pub inertia_s: f64,
    /// Speed, pu of nominal; null while it is off.
    pub omega_pu: Vec<Option<f64>>,
    /// Angle to the frame that turns at nominal speed, rad; null while it is off.
    pub delta_rad: Vec<Option<f64>>,
    /// Speed and angle at which its model ended, where it was tripped, or was off from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<(f64, f64)>,
}

/// A bus over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BusSeries {
    /// Its `idx` in the file.
    pub id: String,
    /// Voltage, pu; null while it is dead.
    pub vm_pu: Vec<Option<f64>>,
}

/// Everything over time. At the time of an event it holds what was before it; what is after is in the event's own record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineTable {
    /// Times, s.
    pub t_s: Vec<f64>,
    /// Centre of inertia of all machines that no event trips, Hz; null where all are tripped.
    pub f_coi_hz: Vec<Option<f64>>,
    /// Machines in file order.
    pub machines: Vec<MachineSeries>,
    /// Buses in file order.
    pub buses: Vec<BusSeries>,
}

/// What machines, voltages and frequency do after events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MachineStudy {
    /// Name and version of this document: [`MACHINES_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = MACHINES_SCHEMA)))]
    pub schema: String,
    /// Case name.
    pub case: String,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// How it was simulated, as text.
    pub settings: BTreeMap<String, String>,
    /// How the study ended.
    pub status: MachineStatus,
    /// Why there is no base, or why it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Nominal frequency, Hz.
    pub nominal_hz: f64,
    /// Simulated time, s.
    pub simulated_s: f64,
    /// The start; null where there is none.
    pub base: Option<MachineBaseRecord>,
    /// Key figures; null where there is no base, or every machine is tripped.
    pub key_figures: Option<MachineKeyFigures>,
    /// Whether machines stayed in step; null where there is no base.
    pub synchronism: Option<Synchronism>,
    /// Machines that did not, or nearly.
    pub angles: Vec<AngleRecord>,
    /// Events in the order in which they happened.
    pub events: Vec<MachineEventRecord>,
    /// Islands with machines, in the order in which they formed.
    pub islands: Vec<MachineIslandRecord>,
    /// Buses without a source, in the order in which they died.
    pub dead: Vec<DeadBusesRecord>,
    /// How long the fault may last, where that was asked; the rest of the document is then the run with the longest
    /// stable duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clearing: Option<ClearingRecord>,
    /// What the model leaves out, and what is doubtful.
    pub warnings: Vec<String>,
    /// Everything over time.
    pub table: MachineTable,
}

impl MachineStudy {
    /// The table as CSV: `t_s,f_coi_hz`, then `omega_pu_ID` and `delta_rad_ID` of every machine and `vm_pu_ID` of every bus.
    ///
    /// The cells of a machine that is off hold what they were when its model ended; those of a dead bus are empty.
    pub fn csv(&self) -> String {
        let table = &self.table;
        let mut csv = String::from("t_s,f_coi_hz");
        for (what, ids) in [
            ("omega_pu", table.machines.iter().map(|m| &m.id).collect::<Vec<_>>()),
            ("delta_rad", table.machines.iter().map(|m| &m.id).collect()),
            ("vm_pu", table.buses.iter().map(|b| &b.id).collect()),
        ] {
            for id in ids {
                csv.push_str(&format!(",{what}_{id}"));
            }
        }
        csv.push('\n');
        let cell = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:?}"));
        for (row, t_s) in table.t_s.iter().enumerate() {
            csv.push_str(&format!("{t_s:?},{}", cell(table.f_coi_hz[row])));
            for machine in &table.machines {
                csv.push(',');
                csv.push_str(&cell(machine.omega_pu[row].or(machine.ended_at.map(|at| at.0))));
            }
            for machine in &table.machines {
                csv.push(',');
                csv.push_str(&cell(machine.delta_rad[row].or(machine.ended_at.map(|at| at.1))));
            }
            for bus in &table.buses {
                csv.push(',');
                csv.push_str(&cell(bus.vm_pu[row]));
            }
            csv.push('\n');
        }
        csv
    }

    /// The answer in a sentence.
    pub fn headline(&self) -> String {
        let ended = match self.status {
            MachineStatus::NoBase => {
                return "The case has no power flow to begin from: nothing was simulated.".into();
            }
            MachineStatus::Stopped => format!("Stopped at {:.3} s; until then: ", self.simulated_s),
            MachineStatus::Completed => String::new(),
        };
        let synchronism = match self.synchronism {
            Some(Synchronism::Lost) => "synchronism is LOST",
            Some(Synchronism::Strained) => "synchronism is kept, with angles beyond 120 degrees",
            _ => "synchronism is kept",
        };
        match &self.key_figures {
            None => format!("{ended}no machine is left, there is no frequency."),
            Some(key) => format!(
                "{ended}nadir {:.4} Hz at {:.3} s, peak {:.4} Hz at {:.3} s, {:.4} Hz at the end; {synchronism}.",
                key.nadir_hz, key.nadir_s, key.peak_hz, key.peak_s, key.end_hz
            ),
        }
    }
}
