//! The document `gridgate/study/1`: what storms do to a grid with nobody acting. Nothing in it depends on the clock or the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::InputRecord;

/// Schema of [`StormStudy`].
pub const STUDY_SCHEMA: &str = "gridgate/study/1";

impl Document for StormStudy {
    const SCHEMA: &'static str = STUDY_SCHEMA;
}

/// A number with the interval that the truth lies in with the study's confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end; null where too few storms say anything of it.
    pub low: Option<f64>,
    /// Upper end; null where too few storms say anything of it.
    pub high: Option<f64>,
}

impl Estimate {
    /// The same times a factor that is not negative.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let of = |end: Option<f64>| end.map(|end| factor * end);
        Estimate { value: factor * self.value, low: of(self.low), high: of(self.high) }
    }
}

/// How often a storm leaves more than so much unserved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Exceedance {
    /// Unserved energy of a storm, MWh.
    pub mwh: f64,
    /// Probability that a storm has more, with a band that holds for the whole curve at once.
    pub probability: Estimate,
}

/// The tail beyond a quantile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Tail {
    /// Where it begins: 0.95 for the worst 5 % of storms.
    pub q: f64,
    /// Value at risk: the quantile, MWh.
    pub var_mwh: Estimate,
    /// Conditional value at risk: the mean of the storms beyond it, MWh.
    pub cvar_mwh: Estimate,
}

/// Unserved energy over storms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// Expected energy not served of a storm, MWh.
    pub eens_mwh: Estimate,
    /// The same of a year, MWh; null where nobody says how often a storm comes.
    pub eens_mwh_per_year: Option<Estimate>,
    /// Probability that a storm leaves any demand unserved.
    pub loss_of_load: Estimate,
    /// How often a storm leaves more than so much unserved, from zero up.
    pub curve: Vec<Exceedance>,
    /// The tails, from the nearest.
    pub tails: Vec<Tail>,
}

/// Interruptions of customers, the mean of a storm (IEEE 1366).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InterruptionRecord {
    /// Customers.
    pub customers: f64,
    /// Whether they are assumed: one for every 1.2 kW of the demand in the case.
    pub assumed: bool,
    /// Sustained interruptions for each customer.
    pub saifi: f64,
    /// Minutes of them for each customer.
    pub saidi_min: f64,
    /// Minutes for each interruption, over all storms; null where there was none.
    pub caidi_min: Option<f64>,
    /// Momentary interruptions for each customer.
    pub maifi: f64,
}

/// What becomes of the risk where one line does not fail and all else happens as it did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hardened {
    /// Storms that were lived again: those that had taken the line.
    pub storms: u64,
    /// Unserved energy that a storm would have less, MWh, the mean over all storms; 1.96 standard errors either way. Below zero where the grid
    /// fares worse with the line.
    pub saved_mwh: Estimate,
}

/// A line that storms take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LineRisk {
    /// Row in the file, from 1.
    pub row: u32,
    /// Number of the bus that it leaves.
    pub from: u64,
    /// Number of the bus that it reaches.
    pub to: u64,
    /// Storms that took it, by wind or by a relay.
    pub storms: u64,
    /// Probability that a storm takes it.
    pub probability: Estimate,
    /// Unserved energy of a storm that took it, MWh: the mean of those. Other lines fail in the same storms: it is no cause.
    pub given_lost_mwh: f64,
    /// Its part of the expected unserved energy, MWh, where that of each storm is divided evenly among the lines that were lost in it: the
    /// parts of all lines add up, and say nothing of causes.
    pub even_share_mwh: f64,
    /// What a line that does not fail would save, where it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardened: Option<Hardened>,
}

/// The numbers of a resilience trapezoid, in units of its level and hours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TrapezoidRecord {
    /// How fast it falls (Phi), an hour; null where it falls at once or not at all.
    pub fall_per_h: Option<f64>,
    /// How low (Lambda).
    pub depth: f64,
    /// How long it is at its lowest (E), h.
    pub low_h: f64,
    /// How promptly it is back (Pi), an hour; null where it comes back at once or not at all.
    pub recovery_per_h: Option<f64>,
    /// The area that is lost, level times hours.
    pub lost_h: f64,
}

/// A level over time, over all storms: at each moment the mean and quantiles of that moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Restoration {
    /// Hours since the beginning.
    pub time_h: Vec<f64>,
    /// Mean over storms.
    pub mean: Vec<f64>,
    /// Level that one storm in ten is below.
    pub low: Vec<f64>,
    /// Median.
    pub median: Vec<f64>,
    /// Level that one storm in ten is above.
    pub high: Vec<f64>,
    /// Trapezoid of the mean.
    pub trapezoid: TrapezoidRecord,
}

/// One storm of the ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StormRecord {
    /// Its number in the population.
    pub index: u64,
    /// How it ended.
    pub outcome: String,
    /// Its unserved energy, MWh; what the solver gave up on counts as lost.
    pub unserved_mwh: f64,
    /// The same with that counted as served, where it gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unserved_as_served_mwh: Option<f64>,
    /// Rows of the lines that were lost, from 1.
    pub lines: Vec<u32>,
}

/// Storms of one population.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PopulationRisk {
    /// Its id in the suite.
    pub id: String,
    /// Its hazards in words.
    pub law: Vec<String>,
    /// Storms that were lived.
    pub storms: u64,
    /// How often one comes in a year, as the suite says; null where it does not.
    pub per_year: Option<f64>,
    /// Length of a storm's episode, h.
    pub horizon_h: f64,
    /// Demand when it begins, MW: the mean over storms.
    pub demand_mw: f64,
    /// The most energy that a storm could leave unserved, MWh: the largest demand when one begins times the horizon, or the most that one did.
    pub range_mwh: f64,
    /// Storms by how they ended.
    pub outcomes: BTreeMap<String, u64>,
    /// Risk, with what the solver gave up on counted as lost.
    pub lost: Risk,
    /// The same with that counted as served; absent where it never gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Risk>,
    /// Interruptions of customers.
    pub interruptions: InterruptionRecord,
    /// Lines that were lost, the largest even share first.
    pub lines: Vec<LineRisk>,
    /// Expected unserved energy of storms that took no line, MWh: with the even shares of all lines it adds up to the whole.
    pub without_lines_mwh: f64,
    /// Demand served over time, MW, less what moved by itself; what the solver gave up on counts as lost.
    pub demand_served: Restoration,
    /// Branches in service over time.
    pub branches: Restoration,
    /// The worst storms, worst first.
    pub worst: Vec<StormRecord>,
    /// The storm in the middle, by unserved energy.
    pub median: Option<StormRecord>,
    /// Storms moment by moment, for the map; none where nobody knows where the buses are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<ShownStorm>,
}

/// One storm moment by moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShownStorm {
    /// Why it is shown: `worst`, `median`.
    pub why: String,
    /// Its number in the population.
    pub index: u64,
    /// Moments, hours since the beginning.
    pub time_h: Vec<f64>,
    /// At each moment the rows of the branches that are out, from 1.
    pub out: Vec<Vec<u32>>,
    /// At each moment the rows of buses with demand that is not served, from 1, and how much, MW; what the solver gave up on counts as lost.
    pub unserved_mw: Vec<Vec<(u32, f64)>>,
    /// Its wind; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gusts: Option<GustField>,
}

/// Gusts over a part of the earth, moment by moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GustField {
    /// Western and eastern edge, degrees.
    pub longitude_deg: (f64, f64),
    /// Southern and northern edge, degrees.
    pub latitude_deg: (f64, f64),
    /// Cells from west to east.
    pub columns: u32,
    /// Cells from north to south.
    pub rows: u32,
    /// At each moment the strongest gust (three seconds, 10 m above ground) in the middle of each cell, m/s, row by row from the north-western.
    pub m_s: Vec<Vec<u32>>,
}

/// A study of storms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StormStudy {
    /// Name and version of this document: [`STUDY_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = STUDY_SCHEMA)))]
    pub schema: String,
    /// Name of the suite.
    pub suite: String,
    /// Name of the case.
    pub case: String,
    /// Program and version.
    pub engine: BTreeMap<String, String>,
    /// What was read.
    pub inputs: Vec<InputRecord>,
    /// Seed of every draw.
    pub seed: u64,
    /// Confidence of intervals and bands, each for itself.
    pub confidence: f64,
    /// Populations, in the order of the suite.
    pub populations: Vec<PopulationRisk>,
    /// What the numbers rest on.
    pub notes: Vec<String>,
}
