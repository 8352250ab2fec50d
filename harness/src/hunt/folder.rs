//! The folder of a hunt: the document, and a suite that replays what was found.

use std::collections::BTreeMap;

use powerflow::{Diagnostic, Diagnostics};
use reports::{Digest, HuntStudy};
use scenarios::TimedEvent;
use toml::{Table, Value};

use super::{Hunted, PreparedHunt};
use crate::fields::Document;
use crate::regression;
use crate::run::Prepared;
use crate::run::folder::{Staged, json, problems, publish as rename, remove};
use crate::run::journal::partial_folder;

/// The population of the suite that replays what was found.
pub(super) const POPULATION: &str = "regressions";

pub(super) const DOCUMENT: &str = "hunt.json";
const SCENARIOS: &str = "regressions.json";
const SUITE: &str = "suite.toml";
const LATENCY: &str = "latency.json";

/// A scenario that every later candidate has to live through.
pub(super) struct Kept {
    pub(super) note: String,
    pub(super) timeline: Vec<TimedEvent>,
}

/// Writes the folder beside its place and puts it there; where nothing is kept there is no suite in it.
pub(super) fn publish(
    hunt: &PreparedHunt<'_>,
    document: HuntStudy,
    kept: &[Kept],
    resumed: u64,
) -> Result<Hunted, Diagnostics> {
    let prepared = hunt.prepared;
    let partial = partial_folder(hunt.out());
    let staging = partial.join("complete");
    remove(&staging)?;
    let mut folder = Staged { root: staging.clone(), files: BTreeMap::new() };
    if !kept.is_empty() {
        let grid = grid_name(prepared);
        let scenarios: Vec<(String, &[TimedEvent])> =
            kept.iter().map(|kept| (kept.note.clone(), kept.timeline.as_slice())).collect();
        let list = regression::document(&prepared.network, Digest::of(&prepared.grid_bytes), &scenarios);
        folder.put(SCENARIOS, &json(&list)?)?;
        folder.put(SUITE, suite(hunt, &grid)?.as_bytes())?;
        folder.put(&grid, &prepared.grid_bytes)?;
        for beside in &prepared.beside {
            folder.put(&beside.file.copy_name(), &beside.bytes)?;
        }
        if let Some(recorded) = prepared.latency.as_ref().and_then(|latency| latency.recorded.as_ref()) {
            folder.put(LATENCY, &recorded.bytes)?;
        }
    }
    let document = HuntStudy { files: folder.files.clone(), ..document };
    folder.put(DOCUMENT, &json(&document)?)?;
    reports::seal(&staging).map_err(problems)?;
    rename(&staging, hunt.out(), &partial.join("replaced"))?;
    remove(&partial)?;
    Ok(Hunted { document, out: hunt.out().to_owned(), resumed })
}

/// The case under a name of its own: formats are told apart by the extension.
fn grid_name(prepared: &Prepared) -> String {
    match prepared.suite.grid_path.extension() {
        Some(extension) => format!("grid.{}", extension.to_string_lossy()),
        None => "grid".to_owned(),
    }
}

/// The suite that was hunted in, with what was found in the place of its populations, and the limits that were broken, for every
/// episode, in the place of its gates.
fn suite(hunt: &PreparedHunt<'_>, grid: &str) -> Result<String, Diagnostics> {
    let prepared = hunt.prepared;
    let defect = |why: String| {
        Diagnostics::from(Diagnostic::error("hunt.suite", format!("the suite cannot be written: {why}")))
    };
    let text = String::from_utf8_lossy(&prepared.suite_bytes);
    let document = Document::by_name(std::path::Path::new(&prepared.suite.file), &text, "suite")?;
    let mut suite: Table =
        document.to_toml().ok_or_else(|| defect("it says something that TOML cannot say".into()))?;
    // The candidate of the day has no place in what every later one has to pass, nor has a rule that stops early.
    for key in ["candidate", "stop", "claim", "alpha"] {
        suite.remove(key);
    }
    suite.insert("name".into(), Value::String(format!("{} regressions", prepared.suite.name)));
    suite.insert("grid".into(), Value::String(grid.to_owned()));
    for beside in &prepared.beside {
        suite.insert(beside.file.kind.key().into(), Value::String(beside.file.copy_name()));
    }
    suite.insert("seed".into(), seed(prepared)?);
    let recorded = prepared.latency.as_ref().is_some_and(|latency| latency.recorded.is_some());
    if let Some(delays) =
        suite.get_mut("loop").and_then(|table| table.get_mut("latency")).and_then(Value::as_table_mut)
        && recorded
    {
        delays.insert("file".into(), Value::String(LATENCY.into()));
    }
    let text = |value: &str| Value::String(value.to_owned());
    let population =
        Table::from_iter([("id".to_owned(), text(POPULATION)), ("scenarios".to_owned(), text(SCENARIOS))]);
    suite.insert("population".into(), Value::Array(vec![Value::Table(population)]));
    let gates = hunt.failure.limits.iter().map(|limit| {
        let mut gate = Table::from_iter([
            ("id".to_owned(), text(&limit.gate)),
            ("population".to_owned(), text(POPULATION)),
            ("metric".to_owned(), text(&limit.metric)),
            ("kind".to_owned(), text("value")),
        ]);
        gate.extend(limit.max.map(|max| ("max".to_owned(), Value::Float(max))));
        gate.extend(limit.min.map(|min| ("min".to_owned(), Value::Float(min))));
        Value::Table(gate)
    });
    suite.insert("gate".into(), Value::Array(gates.collect()));
    let body = toml::to_string(&suite).map_err(|error| defect(error.to_string()))?;
    Ok(format!(
        "# What {} did not live through, found by gridgate hunt. Every later candidate has to:\n#\n\
         #   gridgate run {SUITE} --candidate candidate.toml\n\n{body}",
        prepared.candidate.record().name
    ))
}

/// The seed as a suite can have it: TOML knows no whole numbers beyond 2^63 - 1.
pub(super) fn seed(prepared: &Prepared) -> Result<Value, Diagnostics> {
    i64::try_from(prepared.suite.seed).map(Value::Integer).map_err(|_| {
        Diagnostic::error("hunt.seed", "the seed is above 9223372036854775807, which no TOML file can have")
            .hint("choose a smaller one with --seed")
            .into()
    })
}
