//! The document `gridgate/cascade/1`: what an outage set off. Nothing in it depends on the clock or the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::InputRecord;

/// Schema of [`CascadeStudy`].
pub const CASCADE_SCHEMA: &str = "gridgate/cascade/1";

impl Document for CascadeStudy {
    const SCHEMA: &'static str = CASCADE_SCHEMA;
}

/// What kind of element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    /// A line or transformer.
    Branch,
    /// A generating unit.
    Gen,
    /// A bus: its demand, or a part of it.
    Bus,
}

/// Demand lost, MW, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShedRecord {
    /// By under-frequency relays: an island without enough generation.
    pub ufls: f64,
    /// By under-voltage relays.
    pub uvls: f64,
    /// To make a state without solution solvable.
    pub collapse: f64,
    /// On islands without a source.
    pub island_dead: f64,
    /// On islands for which there is no answer, or not followed to the end.
    pub unsolved: f64,
    /// Connected to a bus that was taken out.
    pub bus_outage: f64,
    /// By a decision of an operator or a candidate.
    pub manual: f64,
}

impl ShedRecord {
    /// All causes, MW.
    pub fn total(&self) -> f64 {
        self.by_cause().iter().map(|(_, mw)| mw).sum()
    }

    /// Every cause in words, in the order of the fields.
    pub fn by_cause(&self) -> [(&'static str, f64); 7] {
        [
            ("under-frequency shedding", self.ufls),
            ("under-voltage shedding", self.uvls),
            ("collapse", self.collapse),
            ("dead islands", self.island_dead),
            ("lack of an answer", self.unsolved),
            ("buses taken out", self.bus_outage),
            ("decision of an operator or a candidate", self.manual),
        ]
    }
}

/// An element of the outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ElementRecord {
    /// What kind.
    pub kind: ElementKind,
    /// Row in the file, from 1.
    pub row: u64,
    /// Number of the bus in the file: of the bus itself, or that of a unit; absent for a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// As people name it.
    pub name: String,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TripRecord {
    /// What kind of element.
    pub kind: ElementKind,
    /// Row in the file, from 1.
    pub row: u64,
    /// Number of the bus in the file: of the bus itself, or that of a unit; absent for a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// As people name it.
    pub name: String,
    /// Which pass of solve, judge and trip, from 1; an order, not a time.
    pub generation: u64,
    /// When, s on the clock of the engine; null for an engine without time.
    pub t_s: Option<f64>,
    /// Why, by name.
    pub cause: String,
    /// The quantity that caused it, in the unit of its limit; null where there is none.
    pub value: Option<f64>,
    /// The limit that it broke.
    pub limit: Option<f64>,
    /// Demand lost with it, MW.
    pub lost_mw: f64,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// An island that serves demand at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IslandRecord {
    /// Number in the file of its first bus.
    pub first_bus: u64,
    /// How many buses it has.
    pub buses: u64,
    /// Power of its units, MW.
    pub generation_mw: f64,
    /// Demand that it serves, MW.
    pub demand_mw: f64,
}

/// The same engine on the same case without any outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CascadeBase {
    /// Demand lost, MW.
    pub lost_mw: f64,
    /// Events.
    pub trips: u64,
    /// Why there is no end, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// What an outage set off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CascadeStudy {
    /// Name and version of this document: [`CASCADE_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = CASCADE_SCHEMA)))]
    pub schema: String,
    /// Case name.
    pub case: String,
    /// Which engine decided what trips: `protection`, `acfm`, `dcsep` or `steps`.
    pub engine: String,
    /// Program name and version.
    pub program: BTreeMap<String, String>,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// Settings of the engine, as text.
    pub settings: BTreeMap<String, String>,
    /// What was taken out.
    pub outage: Vec<ElementRecord>,
    /// Demand before the outage, MW.
    pub initial_load_mw: f64,
    /// Demand served at the end, MW.
    pub served_mw: f64,
    /// Demand lost, MW, by cause.
    pub shed_mw: ShedRecord,
    /// The same engine without any outage: where that loses demand or trips elements, the case violates limits before anything
    /// happens, and only the rest is the outage's doing.
    pub base: CascadeBase,
    /// Demand lost beyond what is lost without any outage, MW.
    pub added_loss_mw: f64,
    /// Everything that tripped, in the order in which it happened.
    pub trips: Vec<TripRecord>,
    /// Islands that serve demand at the end, by their first bus; empty where the engine does not say.
    pub islands: Vec<IslandRecord>,
    /// Power flows solved.
    pub solves: u64,
    /// Power flows answered by each rung of the solver's ladder; empty for a linear engine.
    pub rungs: BTreeMap<String, u64>,
    /// Whether some of the result rests on a power flow that only the last rungs answered, or that had no answer.
    pub numerically_doubtful: bool,
    /// Why there is no end, where the engine stopped before one; what was still served then counts as unsolved.
    pub stopped: Option<String>,
    /// What is worth knowing besides.
    pub notes: Vec<String>,
}

impl CascadeStudy {
    /// The answer in a sentence.
    pub fn headline(&self) -> String {
        let lost_mw = self.shed_mw.total();
        let share = if self.initial_load_mw > 0.0 { 100.0 * lost_mw / self.initial_load_mw } else { 0.0 };
        let of = |kind: ElementKind| self.trips.iter().filter(|trip| trip.kind == kind).count();
        let (branches, units) = (of(ElementKind::Branch), of(ElementKind::Gen));
        let plural = |count: usize, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {more}")),
        };
        let tripped = [plural(branches, "branch", "branches"), plural(units, "unit", "units")];
        let tripped: Vec<String> = tripped.into_iter().flatten().collect();
        let tripped = if tripped.is_empty() { "nothing".to_owned() } else { tripped.join(" and ") };
        match &self.stopped {
            Some(_) => format!(
                "No end was found: {tripped} tripped, and the demand that was still served, {:.1} MW, counts as unsolved.",
                self.shed_mw.unsolved
            ),
            None if self.trips.is_empty() && lost_mw == 0.0 => {
                "Nothing tripped and no demand was lost.".into()
            }
            None if lost_mw == 0.0 => format!("{tripped} tripped, and no demand was lost."),
            None => {
                let demand_mw = self.initial_load_mw;
                format!("{lost_mw:.1} MW of {demand_mw:.1} MW lost, {share:.2} %; {tripped} tripped.")
            }
        }
    }

    /// A sentence where the case loses something before anything happens.
    pub fn base_warning(&self) -> Option<String> {
        let base = &self.base;
        if let Some(why) = &base.stopped {
            return Some(format!(
                "Without any outage there is no end either: {why}. Nothing can be charged to the outage."
            ));
        }
        (base.trips > 0 || base.lost_mw != 0.0).then(|| {
            format!(
                "Without any outage {:.1} MW are lost in {} events: the case breaks limits before anything happens, and the \
                 outage added {:.1} MW.",
                base.lost_mw, base.trips, self.added_loss_mw
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_in_the_total() {
        let shed = ShedRecord {
            ufls: 1.0,
            uvls: 2.0,
            collapse: 4.0,
            island_dead: 8.0,
            unsolved: 16.0,
            bus_outage: 32.0,
            manual: 64.0,
        };
        assert_eq!(shed.total(), 127.0);
    }
}
