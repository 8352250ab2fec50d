//! The document of a hunt: what searches have in common.

use std::collections::BTreeMap;

use powerflow::{Index, Network};
use reports::hunt::{EffortRecord, EstimateRecord, FoundRecord, LossRecord};
use reports::{HUNT_SCHEMA, HuntStudy};
use scenarios::search::{Estimated, Reply};
use scenarios::{Event, Moment};

use super::PreparedHunt;

/// What has to be said of every number of sets.
pub(super) const LOWER_BOUND: [&str; 1] =
    ["a lower bound: sets that are harder to come upon than others are missed more often than this supposes"];

/// `minimal sets of 2 losses`.
pub(super) fn sets_of(size: usize) -> String {
    match size {
        1 => "minimal sets of 1 loss, found or not".to_owned(),
        _ => format!("minimal sets of {size} losses, found or not"),
    }
}

/// Program name and version, as documents have them.
pub(super) fn engine() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("program".to_owned(), "gridgate".to_owned()),
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ])
}

pub(super) fn of(
    hunt: &PreparedHunt<'_>,
    settings: BTreeMap<String, String>,
    effort: EffortRecord,
    found: Vec<FoundRecord>,
    estimated: Vec<EstimateRecord>,
    notes: Vec<String>,
) -> HuntStudy {
    let prepared = hunt.prepared;
    HuntStudy {
        schema: HUNT_SCHEMA.into(),
        name: prepared.suite.name.clone(),
        candidate: Some(prepared.candidate.record()),
        population: Some(hunt.population.id.clone()),
        engine: engine(),
        inputs: prepared.inputs(),
        seed: prepared.suite.seed,
        method: hunt.options.method.id().into(),
        settings,
        failure: hunt.failure.words(),
        effort,
        found,
        estimated,
        notes,
        files: BTreeMap::new(),
    }
}

/// A loss as documents have it; `None` for an event that is none.
pub(super) fn loss(network: &Network, event: &Event, at: Option<Moment>) -> Option<LossRecord> {
    let (kind, row, name) = match event {
        Event::BranchOut { branch } => ("branch", branch.row(), network.branch_name(*branch)),
        Event::UnitOut { unit } => ("gen", unit.row(), network.unit_name(*unit)),
        _ => return None,
    };
    Some(LossRecord { kind: kind.into(), row: row as u32 + 1, name, at_s: at.map(Moment::seconds) })
}

/// An answer as documents have it.
pub(super) fn reply_id(reply: Reply) -> &'static str {
    match reply {
        Reply::Harmless => "harmless",
        Reply::Fails => "fails",
        Reply::Doubtful => "doubtful",
    }
}

/// An estimate as documents have it.
pub(super) fn estimate(what: &str, estimated: &Estimated, notes: &[&str]) -> EstimateRecord {
    EstimateRecord {
        what: what.to_owned(),
        value: estimated.value,
        standard_error: estimated.standard_error,
        interval: estimated.interval,
        level: estimated.level,
        method: estimated.method.clone(),
        samples: estimated.samples,
        hits: estimated.hits,
        notes: notes.iter().map(|note| (*note).to_owned()).collect(),
    }
}
