//! An episode lived again, with what its candidate saw each time it was asked: what a page to leaf through it is made of.

use std::collections::BTreeMap;

use crate::evidence::{EpisodeRecord, NetworkRecord};

/// See the module. It is shown and not kept: the documents are those of its parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Playback {
    /// Every step.
    pub episode: EpisodeRecord,
    /// The network.
    pub network: NetworkRecord,
    /// What was seen each time that a decision was asked for, in order of time.
    pub seen: Vec<SeenRecord>,
    /// Names of the elements that something can be asked of: quantity -> name of each, in file order.
    pub elements: BTreeMap<String, Vec<String>>,
    /// Name of the candidate and how it took part, in words.
    pub facts: Vec<(String, String)>,
}

/// What a candidate saw: the same quantities as a step's record, before its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenRecord {
    /// When it was measured, s.
    pub time_s: f64,
    /// How old it was when the decision began, s.
    pub age_s: f64,
    /// Magnitude of each bus, pu; `None` where it is not energised.
    pub vm_pu: Vec<Option<f64>>,
    /// Loading of each branch, share of its rating; `None` where it has no rating or is out.
    pub loading: Vec<Option<f64>>,
    /// Rows of the branches that are out of service.
    pub out: Vec<u32>,
    /// Demand that wants to be served, MW.
    pub demand_mw: f64,
    /// Lowest and highest frequency of an energised bus, Hz; `None` where none is.
    pub frequency_hz: Option<(f64, f64)>,
    /// What holds of what can be asked: quantity -> value of each element.
    pub holds: BTreeMap<String, Vec<f64>>,
}
