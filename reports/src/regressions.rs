//! The document `gridgate/regressions/1`: scenarios written down event by event, for a population of a suite.

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::evidence::Digest;

/// Schema of [`Regressions`].
pub const REGRESSIONS_SCHEMA: &str = "gridgate/regressions/1";

impl Document for Regressions {
    const SCHEMA: &'static str = REGRESSIONS_SCHEMA;
}

/// What befalls the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ListedKind {
    /// A branch is lost.
    BranchOut,
    /// A branch returns, closed.
    BranchBack,
    /// A unit is lost.
    UnitOut,
    /// A unit returns, at the set-points it had.
    UnitBack,
    /// A bus is lost with all that is connected to it, and does not return.
    BusOut,
    /// Demand moves in a straight line to factors of the file's.
    DemandRamp,
    /// Branches may carry other shares of their ratings from now on.
    Ratings,
    /// Units can deliver other shares of their largest power from now on.
    Capability,
    /// Transformers take reactive power in proportion to the voltage from now on.
    Saturation,
}

/// One event. An element is named twice, by its row and by its buses: in a file that has been edited since, one that is not where it
/// was is an error and not another element.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ListedEvent {
    /// When, s since the episode began.
    pub at_s: f64,
    /// What.
    pub kind: ListedKind,
    /// Row of the branch or unit in the case file, from 1; absent for events of buses, and of all elements of a kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// Numbers of the buses: both ends of a branch as the file has them, the bus of a unit, the bus itself; none for all elements of a kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buses: Vec<u64>,
    /// When a ramp of demand ends, s; absent for other events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<f64>,
    /// Factors in the order of the file: on the demand of each bus at the end of a ramp, on the rating of each branch, on the largest power
    /// of each unit; absent for other events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Vec<f64>>,
    /// Reactive power that transformers take at each bus at 1 pu of voltage, Mvar, in the order of the file; absent for other events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_mvar: Option<Vec<f64>>,
}

/// One scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ListedScenario {
    /// What it is, for people; decides nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Events; at one moment they come in this order.
    pub events: Vec<ListedEvent>,
}

/// Scenarios that every later candidate has to live through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Regressions {
    /// Name and version of this document: [`REGRESSIONS_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(description = "Name and version of this document.", extend("const" = REGRESSIONS_SCHEMA)))]
    pub schema: String,
    /// The case file that the rows are of, by digest, where it is known; another file is accepted as long as every element is where it
    /// was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Digest>,
    /// Scenarios; the one of index i is the i-th.
    pub scenarios: Vec<ListedScenario>,
}
