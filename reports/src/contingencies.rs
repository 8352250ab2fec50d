//! The document `gridgate/contingencies/1`: what becomes of a grid when its branches fail, one outage at a time. Nothing
//! in it depends on the clock, the machine or the number of threads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::InputRecord;
use crate::words;

/// Schema of [`ContingencyStudy`].
pub const CONTINGENCIES_SCHEMA: &str = "gridgate/contingencies/1";
/// Width of a bin of the histogram of loadings, percent.
pub const LOADING_BIN_PCT: f64 = 10.0;
/// Bins of that histogram; the last one has no upper end.
pub const LOADING_BINS: usize = 21;

impl Document for ContingencyStudy {
    const SCHEMA: &'static str = CONTINGENCIES_SCHEMA;
}

/// What became of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ContingencyStatus {
    /// Solved, and everything that was energised still is.
    Solved,
    /// The outage split the grid; the numbers are those of what still has a source and a solution.
    Islanded,
    /// No voltages were found at which Kirchhoff's law holds.
    NoSolution,
    /// The outage changes nothing: its branches carry nothing in the base case.
    Dead,
}

impl ContingencyStatus {
    /// As documents write it.
    pub fn id(self) -> &'static str {
        match self {
            ContingencyStatus::Solved => "solved",
            ContingencyStatus::Islanded => "islanded",
            ContingencyStatus::NoSolution => "no_solution",
            ContingencyStatus::Dead => "dead",
        }
    }
}

/// Which limit is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// A branch above its long-term rating by more than 0.1 %.
    Overload,
    /// A bus below its lowest allowed voltage by more than 1e-4 pu.
    LowVoltage,
    /// A bus above its highest allowed voltage by more than 1e-4 pu.
    HighVoltage,
}

/// A limit that is not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ViolationRecord {
    /// Which kind of limit.
    pub kind: ViolationKind,
    /// Row of the branch in the file, from 1; absent for a voltage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<u32>,
    /// Number of the bus in the file; absent for an overload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<u64>,
    /// Percent of the rating, or pu.
    pub value: f64,
    /// The limit, in the same unit.
    pub limit: f64,
}

impl ViolationRecord {
    /// How far beyond the limit, in its unit.
    pub fn depth(&self) -> f64 {
        (self.value - self.limit).abs()
    }
}

/// One outage and what became of the grid. What does not exist is absent: nothing has a value without a solution, and
/// no loading without ratings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ContingencyRecord {
    /// Its number in the list of outages, from 1.
    pub number: u64,
    /// Its name, where the list gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Rows in the file of the branches that are out, from 1.
    pub rows: Vec<u32>,
    /// Their from buses.
    pub from: Vec<u64>,
    /// Their to buses.
    pub to: Vec<u64>,
    /// What became of it.
    pub status: ContingencyStatus,
    /// Why there is no solution, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Iterations of all attempts.
    pub iterations: u32,
    /// Lowest voltage, pu.
    pub vm_min_pu: Option<f64>,
    /// Where it is.
    pub vm_min_bus: Option<u64>,
    /// Highest voltage, pu.
    pub vm_max_pu: Option<f64>,
    /// Where it is.
    pub vm_max_bus: Option<u64>,
    /// Largest apparent power over long-term rating, percent, over rated branches.
    pub max_loading_pct: Option<f64>,
    /// Row in the file of that branch, from 1.
    pub max_loading_branch: Option<u32>,
    /// Largest apparent power at an end of a branch, MVA.
    pub max_flow_mva: Option<f64>,
    /// Row in the file of that branch, from 1.
    pub max_flow_branch: Option<u32>,
    /// Largest power that does not balance at a bus, pu.
    pub mismatch_pu: Option<f64>,
    /// Which method answered: `lanes`, `shared_factor`, or the rung of the ladder that solved it alone.
    pub rung: Option<String>,
    /// Branches above their rating.
    pub overloads: Option<u32>,
    /// Buses below their lowest allowed voltage.
    pub low_voltages: Option<u32>,
    /// Buses above their highest allowed voltage.
    pub high_voltages: Option<u32>,
    /// Overloads that the outage caused: the base case does not have them, or smaller by more than 5 % of the rating.
    pub caused_overloads: Option<u32>,
    /// Low voltages that it caused: the base case does not have them, or smaller by more than 0.01 pu.
    pub caused_low_voltages: Option<u32>,
    /// High voltages that it caused, likewise.
    pub caused_high_voltages: Option<u32>,
    /// Largest loading among the overloads that it caused, percent; absent where there is none.
    pub worst_overload_pct: Option<f64>,
    /// How far the worst voltage that it caused is beyond its limit, pu; absent where there is none.
    pub worst_voltage_pu: Option<f64>,
    /// Demand that lost its voltage, beyond that of the base case, MW.
    pub lost_demand_mw: Option<f64>,
    /// Power that no unit could provide or take back, beyond that of the base case, MW. A grid cannot hold such a state.
    pub unmet_mw: Option<f64>,
    /// Largest loading that the linear model estimated when it picked the outage, percent; absent where nothing was
    /// screened, or it cannot say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_pct: Option<f64>,
    /// The worst of the violations that it caused, at most five: overloads, then voltages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationRecord>,
}

/// Less than this is rounding of the balance, MW.
const UNMET_MW: f64 = 1e-6;

impl ContingencyRecord {
    /// Whether it leaves violations that the base case does not have, or a balance that does not close.
    pub fn harms(&self) -> bool {
        let some = |count: Option<u32>| count.is_some_and(|count| count > 0);
        some(self.caused_overloads)
            || some(self.caused_low_voltages)
            || some(self.caused_high_voltages)
            || self.unbalanced()
    }

    /// Whether power is missing, or too much, that no unit could provide or take back.
    pub fn unbalanced(&self) -> bool {
        self.unmet_mw.is_some_and(|unmet| unmet > UNMET_MW)
    }

    /// As people name it: its own name, or its branches.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.branches())
    }

    /// Its branches: `branch 9 (8-30)`, several with ` + ` between.
    pub fn branches(&self) -> String {
        let one = |(at, row): (usize, &u32)| {
            let end = |ends: &[u64]| ends.get(at).map_or_else(|| "?".to_owned(), u64::to_string);
            format!("branch {row} ({}-{})", end(&self.from), end(&self.to))
        };
        self.rows.iter().enumerate().map(one).collect::<Vec<_>>().join(" + ")
    }

    /// Worse first; equal outages in the order of the list. No solution is worst; then the overload that it caused, the
    /// voltage that it caused, the missing balance, the lost demand, the loading.
    pub fn worse_first(&self, other: &Self) -> std::cmp::Ordering {
        let key = |record: &Self| {
            [
                f64::from(u8::from(record.status == ContingencyStatus::NoSolution)),
                record.worst_overload_pct.unwrap_or(0.0),
                record.worst_voltage_pu.unwrap_or(0.0),
                if record.unbalanced() { record.unmet_mw.unwrap_or(0.0) } else { 0.0 },
                record.lost_demand_mw.unwrap_or(0.0),
                record.max_loading_pct.unwrap_or(0.0),
            ]
        };
        let (ours, theirs) = (key(self), key(other));
        let by_key = ours.iter().zip(&theirs).map(|(a, b)| b.total_cmp(a)).find(|order| order.is_ne());
        by_key.unwrap_or_else(|| self.number.cmp(&other.number))
    }

    /// Names of the columns of [`Self::csv_line`], with a line end.
    pub const CSV_HEADER: &'static str = "row,from,to,status,iterations,vm_min_pu,vm_max_pu,max_loading_pct,max_flow_mva,\
         mismatch_pu,rung,number,name,vm_min_bus,vm_max_bus,max_loading_branch,max_flow_branch,overloads,low_voltages,\
         high_voltages,caused_overloads,caused_low_voltages,caused_high_voltages,worst_overload_pct,worst_voltage_pu,\
         lost_demand_mw,unmet_mw,estimate_pct\n";

    /// The record as a line of CSV (RFC 4180, but lines end in a newline alone). What is absent is empty; several
    /// branches of one outage are joined by `+`.
    pub fn csv_line(&self) -> String {
        fn joined<T: ToString>(values: &[T]) -> String {
            values.iter().map(T::to_string).collect::<Vec<_>>().join("+")
        }
        fn cell<T: ToString>(value: Option<T>) -> String {
            value.map_or_else(String::new, |value| value.to_string())
        }
        // The shortest digits that read back to the same number; an exponent where there would be many zeros.
        fn number(value: Option<f64>) -> String {
            value.map_or_else(String::new, |value| format!("{value:?}"))
        }
        let name = self.name.as_deref().map(|name| {
            if name.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", name.replace('"', "\"\""))
            } else {
                name.to_owned()
            }
        });
        let cells = [
            joined(&self.rows),
            joined(&self.from),
            joined(&self.to),
            self.status.id().to_owned(),
            self.iterations.to_string(),
            number(self.vm_min_pu),
            number(self.vm_max_pu),
            number(self.max_loading_pct),
            number(self.max_flow_mva),
            number(self.mismatch_pu),
            cell(self.rung.as_deref()),
            self.number.to_string(),
            cell(name),
            cell(self.vm_min_bus),
            cell(self.vm_max_bus),
            cell(self.max_loading_branch),
            cell(self.max_flow_branch),
            cell(self.overloads),
            cell(self.low_voltages),
            cell(self.high_voltages),
            cell(self.caused_overloads),
            cell(self.caused_low_voltages),
            cell(self.caused_high_voltages),
            number(self.worst_overload_pct),
            number(self.worst_voltage_pu),
            number(self.lost_demand_mw),
            number(self.unmet_mw),
            number(self.estimate_pct),
        ];
        cells.join(",") + "\n"
    }
}

/// How many outages ended how. `harming` and what follows overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ContingencyCounts {
    /// Outages of the list.
    pub contingencies: u64,
    /// Solved in one piece.
    pub solved: u64,
    /// Split the grid.
    pub islanded: u64,
    /// Without a solution.
    pub no_solution: u64,
    /// Changed nothing.
    pub dead: u64,
    /// Left violations that the base case does not have, or a balance that does not close.
    pub harming: u64,
    /// Caused an overload.
    pub overloading: u64,
    /// Caused a low voltage.
    pub low_voltage: u64,
    /// Caused a high voltage.
    pub high_voltage: u64,
    /// Left a balance that no unit can close.
    pub unbalanced: u64,
    /// Lost demand.
    pub losing_demand: u64,
}

impl ContingencyCounts {
    /// Counts one more outage.
    pub fn add(&mut self, record: &ContingencyRecord) {
        let one = |holds: bool| u64::from(holds);
        let some = |count: Option<u32>| one(count.is_some_and(|count| count > 0));
        self.contingencies += 1;
        self.solved += one(record.status == ContingencyStatus::Solved);
        self.islanded += one(record.status == ContingencyStatus::Islanded);
        self.no_solution += one(record.status == ContingencyStatus::NoSolution);
        self.dead += one(record.status == ContingencyStatus::Dead);
        self.harming += one(record.harms());
        self.overloading += some(record.caused_overloads);
        self.low_voltage += some(record.caused_low_voltages);
        self.high_voltage += some(record.caused_high_voltages);
        self.unbalanced += one(record.unbalanced());
        self.losing_demand += one(record.lost_demand_mw.is_some_and(|lost| lost > UNMET_MW));
    }
}

/// A branch that outages overload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OverloadedBranch {
    /// Row in the file, from 1.
    pub row: u32,
    /// From bus.
    pub from: u64,
    /// To bus.
    pub to: u64,
    /// Outages that cause it.
    pub outages: u64,
    /// Largest loading, percent.
    pub worst_pct: f64,
    /// Number in the list of the outage that causes it.
    pub worst_by: u64,
}

/// A bus that outages push beyond a limit of its voltage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StrainedBus {
    /// Number in the file.
    pub bus: u64,
    /// Which limit.
    pub kind: ViolationKind,
    /// Outages that cause it.
    pub outages: u64,
    /// The voltage furthest beyond the limit, pu.
    pub worst_pu: f64,
    /// The limit, pu.
    pub limit_pu: f64,
    /// Number in the list of the outage that causes it.
    pub worst_by: u64,
}

/// The grid at one moment, as a picture needs it: one value for each bus and branch, in file order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// Number of the outage in the list; absent for the base case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Voltage magnitudes, pu; null where a bus is not energised.
    pub vm_pu: Vec<Option<f64>>,
    /// Loadings, 1 = at the rating; null without a rating or out of service.
    pub loading: Vec<Option<f64>>,
    /// Rows of the branches that are out of service, from 0.
    pub out: Vec<u32>,
}

/// The grid before any outage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BaseRecord {
    /// Which rung of the ladder solved it.
    pub rung: String,
    /// Iterations.
    pub iterations: u32,
    /// Largest power that does not balance at a bus, pu.
    pub mismatch_pu: f64,
    /// Lowest voltage, pu.
    pub vm_min_pu: Option<f64>,
    /// Highest voltage, pu.
    pub vm_max_pu: Option<f64>,
    /// Largest loading, percent.
    pub max_loading_pct: Option<f64>,
    /// Branches above their rating.
    pub overloads: u32,
    /// Buses below their lowest allowed voltage.
    pub low_voltages: u32,
    /// Buses above their highest allowed voltage.
    pub high_voltages: u32,
    /// Demand on buses without a voltage, MW.
    pub lost_demand_mw: f64,
    /// Power that no unit could provide or take back, MW.
    pub unmet_mw: f64,
    /// All of its violations, branches first, in file order.
    pub violations: Vec<ViolationRecord>,
    /// Its voltages and loadings.
    pub moment: Moment,
}

/// What a linear screen left to be solved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScreenRecord {
    /// Estimated loading from which an outage is solved, percent.
    pub threshold_pct: f64,
    /// Outages of the list.
    pub outages: u64,
    /// Those that were solved: estimated at or above the threshold, or beyond what a linear model can say (they split the
    /// grid).
    pub picked: u64,
    /// Those estimated below, or that change nothing. They were not solved, and nobody looked at their voltages.
    pub below: u64,
    /// Pairs with a branch that splits the grid or carries nothing alone. They were neither estimated nor solved.
    pub left_out: u64,
}

/// A contingency study: what becomes of a grid when its branches fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ContingencyStudy {
    /// Name and version of this document: [`CONTINGENCIES_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = CONTINGENCIES_SCHEMA)))]
    pub schema: String,
    /// Case name.
    pub case: String,
    /// The outages: `n-1`, `n-2`, or the name of the file that lists them.
    pub outages: String,
    /// Program name and version.
    pub engine: BTreeMap<String, String>,
    /// What was read, by digest.
    pub inputs: Vec<InputRecord>,
    /// How it was solved, as text.
    pub settings: BTreeMap<String, String>,
    /// The grid before any outage; null where it has no solution, and then no outage was looked at.
    pub base: Option<BaseRecord>,
    /// What was not solved, where the list was screened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<ScreenRecord>,
    /// How many of the outages that were solved ended how.
    pub counts: ContingencyCounts,
    /// The worst outages, worst first, at most fifty: no solution, then by the overload that they cause, by the voltage,
    /// by missing balance and lost demand, by loading.
    pub ranking: Vec<ContingencyRecord>,
    /// Branches that outages overload, most loaded first.
    pub overloaded: Vec<OverloadedBranch>,
    /// Buses that outages push beyond a limit, furthest first.
    pub strained: Vec<StrainedBus>,
    /// Outages by their largest loading: bins of 10 %, the last from 200 % on; all zero without ratings.
    pub loading_histogram: Vec<u64>,
    /// The grid after each of the three worst outages that have a solution, worst first.
    pub moments: Vec<Moment>,
    /// All outages in the order of the list; null where they are more than 100,000, and then only the table has them.
    pub rows: Option<Vec<ContingencyRecord>>,
    /// What is worth knowing about the case and the answers, each a sentence.
    pub notes: Vec<String>,
}

impl ContingencyStudy {
    /// The answer in one or two sentences.
    pub fn headline(&self) -> String {
        let counts = &self.counts;
        if self.base.is_none() {
            return "The base case has no solution: no outage was looked at.".into();
        }
        let plural = |count: u64, one: &str, many: &str| {
            format!("{} {}", words::count(count), if count == 1 { one } else { many })
        };
        let leave = if counts.harming == 1 { "leaves" } else { "leave" };
        format!(
            "{} of {}{} {leave} violations; {}; {}.",
            words::count(counts.harming),
            plural(counts.contingencies, "outage", "outages"),
            if self.screen.is_some() { " that the screen picked" } else { "" },
            plural(counts.islanded, "splits the grid", "split the grid"),
            plural(counts.no_solution, "has no solution", "have no solution"),
        )
    }

    /// What was not solved, in a sentence; `None` where everything was.
    pub fn screen_warning(&self) -> Option<String> {
        let screen = self.screen.as_ref()?;
        let mut words = format!(
            "{} of {} outages were not solved: a linear estimate puts every loading after them below {} %. Nobody looked at \
             their voltages.",
            words::count(screen.below),
            words::count(screen.outages),
            words::number(screen.threshold_pct)
        );
        if screen.left_out > 0 {
            words.push_str(&format!(
                " {} pairs with a branch that splits the grid or carries nothing alone were left out.",
                words::count(screen.left_out)
            ));
        }
        Some(words)
    }

    /// What the base case violates itself, in a sentence; `None` where it keeps all limits.
    pub fn base_warning(&self) -> Option<String> {
        let base = self.base.as_ref()?;
        let mut parts = Vec::new();
        let mut say = |count: u32, what: &str| {
            if count > 0 {
                parts.push(format!(
                    "{} {what}{}",
                    words::count(count.into()),
                    if count == 1 { "" } else { "s" }
                ));
            }
        };
        say(base.overloads, "overload");
        say(base.low_voltages, "low voltage");
        say(base.high_voltages, "high voltage");
        if base.unmet_mw > UNMET_MW {
            parts.push(format!("{} MW that no unit can balance", words::number(base.unmet_mw)));
        }
        (!parts.is_empty()).then(|| {
            format!(
                "The base case itself has {}; an outage is charged with what it adds or makes clearly worse.",
                parts.join(", ")
            )
        })
    }
}
