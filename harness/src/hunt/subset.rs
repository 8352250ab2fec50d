//! Subset simulation in the closed loop: how probable it is that an episode of a population breaks a gate's limit.

use std::collections::BTreeMap;

use powerflow::{Diagnostic, Diagnostics};
use reports::hunt::EffortRecord;
use scenarios::search::subset::{Settings, Subset, Walk};
use scenarios::search::{Graded, Reply};
use scenarios::{Scenario, drawn, streams};
use serde::{Deserialize, Serialize};

use super::confirm::{self, Confirmed, Suspect};
use super::crew::{Crew, Who};
use super::document::{self, estimate};
use super::failure::Failure;
use super::folder;
use super::{Hunted, PreparedHunt};
use crate::run::journal::Journal;
use crate::run::{Progress, Watch, interrupted};

/// Schema of the record of an unfinished hunt.
const PARTIAL_SCHEMA: &str = "gridgate/hunt-subset-partial/1";

/// Samples of a level: a tenth of them, from which the next begins, must be enough to tell it by.
const SAMPLES_MIN: u64 = 100;
/// Beyond this a larger budget goes further instead of being surer.
const SAMPLES_MAX: u64 = 1000;
/// Levels that a budget is cut for: a probability of 1e-5.
const LEVELS: u64 = 5;
/// Failing scenarios that are handed on.
const HANDED_ON: usize = 10;

/// What came of one batch of walks. Which they were follows from those before.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    graded: Vec<Graded>,
    /// How many of them are in doubt.
    doubtful: u64,
}

/// Refuses what this search cannot climb.
pub(super) fn check(failure: &Failure, budget: u64) -> Result<(), Diagnostics> {
    if failure.limits.len() != 1 || failure.limits[0].max.is_some() == failure.limits[0].min.is_some() {
        let message = "subset simulation climbs towards the limit of one gate with one side";
        return Err(Diagnostic::error("hunt.gate", message).hint("name the gate with --gate").into());
    }
    if budget < SAMPLES_MIN * LEVELS {
        let message = format!("{budget} episodes are too few for {LEVELS} levels of {SAMPLES_MIN}");
        return Err(Diagnostic::error("usage.range", message).hint("give it a --budget of thousands").into());
    }
    Ok(())
}

fn settings(budget: u64) -> Settings {
    let samples = (budget / LEVELS).clamp(SAMPLES_MIN, SAMPLES_MAX) / 10 * 10;
    // The first level takes all its samples, each further one nine tenths of them: its chains begin with the rest.
    let further = (budget - samples) / (samples - samples / 10);
    Settings { samples: samples as u32, levels_max: (1 + further).min(30) as u32, ..Settings::default() }
}

/// See the module.
pub(super) fn hunt(
    hunt: &PreparedHunt<'_>,
    crew: &Crew,
    journal: &mut Journal,
    watch: &dyn Watch,
) -> Result<Hunted, Diagnostics> {
    let mut search = Subset::new(settings(hunt.options.budget));
    let mut doubtful = 0u64;
    let known = hunt.prepared.candidate.known_by_digest();
    let resumed = journal.resume(PARTIAL_SCHEMA, &hunt.key(), &mut |batch: Batch| {
        search.ask();
        let taken = known && search.tell(&batch.graded).is_ok();
        doubtful += if taken { batch.doubtful } else { 0 };
        Ok(taken)
    })?;
    loop {
        let asked = search.ask();
        if asked.is_empty() {
            break;
        }
        let episodes = crew.live(Who::Candidate, asked.iter().map(|walk| scenario(hunt, walk)).collect())?;
        if watch.stop() {
            return Err(interrupted());
        }
        let graded = episodes.iter().map(|episode| hunt.failure.grade(episode)).collect();
        let in_doubt = episodes.iter().filter(|episode| hunt.failure.reply(episode) == Reply::Doubtful);
        let batch = Batch { graded, doubtful: in_doubt.count() as u64 };
        journal.append(&batch)?;
        doubtful += batch.doubtful;
        search
            .tell(&batch.graded)
            .map_err(|why| Diagnostics::from(Diagnostic::error("hunt.defect", why.to_string())))?;
        watch.progress(&Progress {
            population: hunt.population.id.clone(),
            done: search.trials(),
            size_max: hunt.options.budget,
            standing: format!("level {}", search.levels().len()),
        });
    }
    report(hunt, crew, &search, doubtful, resumed)
}

fn scenario(hunt: &PreparedHunt<'_>, walk: &Walk) -> Scenario {
    let of = |start| streams(hunt.prepared.seed(), &hunt.population.id, start);
    drawn(&walk.streams(of), hunt.population, &hunt.prepared.world())
}

fn report(
    hunt: &PreparedHunt<'_>,
    crew: &Crew,
    search: &Subset,
    doubtful: u64,
    resumed: u64,
) -> Result<Hunted, Diagnostics> {
    let suspect = |walk: &Walk| Suspect {
        scenario: scenario(hunt, walk),
        background: None,
        times: 1,
        minimal: false,
        probability: None,
    };
    let suspects = search.failures().iter().take(HANDED_ON).map(suspect).collect();
    let Confirmed { found, kept, mut notes } = confirm::confirm(hunt, crew, suspects)?;
    for (at, level) in search.levels().iter().enumerate() {
        let towards = match level.score {
            Some(score) => format!("beyond {}", hunt.failure.ungraded(score)),
            None => "failures".into(),
        };
        notes.push(format!(
            "level {}: {:.3} of its samples are {towards}; {:.2} of the moves were taken, correlation {:.2}",
            at + 1,
            level.share,
            level.taken,
            level.gamma
        ));
    }
    let what = format!(
        "probability that an episode of {} breaks its limit, doubt counted as broken",
        hunt.population.id
    );
    let estimated: Vec<_> = search
        .estimate()
        .map(|estimated| {
            estimate(
                &what,
                &estimated,
                &["the interval takes levels as independent, and holds for large samples"],
            )
        })
        .into_iter()
        .collect();
    if estimated.is_empty() {
        notes.push("no estimate: the levels did not reach a failure, because the budget ended or because nothing leads towards one".into());
    }
    let effort = EffortRecord {
        budget: hunt.options.budget,
        trials: search.trials(),
        doubtful,
        ..EffortRecord::default()
    };
    let settings = settings(hunt.options.budget);
    let described = BTreeMap::from([
        ("samples".to_owned(), settings.samples.to_string()),
        ("one_in".into(), settings.one_in.to_string()),
        ("levels_max".into(), settings.levels_max.to_string()),
    ]);
    let document = document::of(hunt, described, effort, found, estimated, notes);
    folder::publish(hunt, document, &kept, resumed)
}
