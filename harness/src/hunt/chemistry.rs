//! Random chemistry in the closed loop.

use std::collections::BTreeMap;

use powerflow::{Diagnostic, Diagnostics};
use reports::hunt::{EffortRecord, FoundRecord};
use scenarios::search::chemistry::{Chemistry, Settings, Trial};
use scenarios::search::{Found, Reply};
use scenarios::{Losses, Scenario};
use serde::{Deserialize, Serialize};

use super::crew::{Crew, Who};
use super::document::{self, estimate, loss};
use super::folder::{self, Kept, POPULATION};
use super::{Hunted, Keep, PreparedHunt};
use crate::run::journal::Journal;
use crate::run::{Progress, Watch, interrupted};
use crate::trajectory::{Episode, Outcome};

/// Schema of the record of an unfinished hunt.
const PARTIAL_SCHEMA: &str = "gridgate/hunt-partial/1";

/// Starts that are under way at once: four groups of rollouts that share their power flows.
const SIDE_BY_SIDE: u32 = 32;

/// The answers to one batch of questions. What was asked follows from the answers before.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    replies: Vec<Reply>,
}

/// See the module.
pub(super) fn hunt(
    hunt: &PreparedHunt<'_>,
    crew: &Crew,
    losses: &Losses<'_>,
    journal: &mut Journal,
    watch: &dyn Watch,
) -> Result<Hunted, Diagnostics> {
    let backgrounds = backgrounds(hunt, losses);
    let settings = settings(hunt, losses, backgrounds.len() as u64);
    let budget = hunt.options.budget;
    let mut search = Chemistry::new(hunt.prepared.seed(), &hunt.population.id, settings);
    let left =
        |search: &Chemistry| budget.saturating_sub(search.tally().trials).min(u64::from(u32::MAX)) as usize;

    let resumed = if hunt.prepared.candidate.known_by_digest() {
        journal.resume(PARTIAL_SCHEMA, &hunt.key(), &mut |batch: Batch| {
            search.ask(losses, left(&search));
            Ok(search.tell(&batch.replies).is_ok())
        })?
    } else {
        journal.resume(PARTIAL_SCHEMA, &hunt.key(), &mut |_: Batch| Ok(false))?
    };
    loop {
        let asked = search.ask(losses, left(&search));
        if asked.is_empty() {
            break;
        }
        let scenarios = asked.iter().map(|trial| scenario(losses, &backgrounds, trial)).collect();
        let episodes = crew.live(Who::Candidate, scenarios)?;
        if watch.stop() {
            return Err(interrupted());
        }
        let replies: Vec<Reply> = episodes.iter().map(|episode| hunt.failure.reply(episode)).collect();
        let batch = Batch { replies };
        journal.append(&batch)?;
        search
            .tell(&batch.replies)
            .map_err(|why| Diagnostics::from(Diagnostic::error("hunt.defect", why.to_string())))?;
        watch.progress(&Progress {
            population: hunt.population.id.clone(),
            done: search.tally().trials,
            size_max: budget,
            standing: format!("{} found", search.found().len()),
        });
    }
    report(hunt, crew, losses, &search, &backgrounds, resumed)
}

fn scenario(losses: &Losses<'_>, backgrounds: &[u64], trial: &Trial) -> Scenario {
    losses.scenario(backgrounds[trial.background as usize], &trial.set)
}

/// Scenarios of the population that differ in demand or dates, the first of those that do not: what happens otherwise is the same.
fn backgrounds(hunt: &PreparedHunt<'_>, losses: &Losses<'_>) -> Vec<u64> {
    let everything: Vec<u32> = (0..losses.events().len() as u32).collect();
    let mut seen: Vec<String> = Vec::new();
    let mut backgrounds = Vec::new();
    for index in 0..hunt.options.backgrounds.min(hunt.population.size_max) {
        let digest = losses.scenario(index, &everything).digest();
        if !seen.contains(&digest) {
            seen.push(digest);
            backgrounds.push(index);
        }
    }
    backgrounds
}

fn settings(hunt: &PreparedHunt<'_>, losses: &Losses<'_>, backgrounds: u64) -> Settings {
    let elements = losses.events().len() as u32;
    let size_max = hunt.options.size_max.unwrap_or(losses.most()).min(elements);
    Settings {
        size_max,
        side_by_side: SIDE_BY_SIDE,
        backgrounds,
        list_up_to: listed(u64::from(elements), size_max, backgrounds, hunt.options.budget),
        ..Settings::published(elements)
    }
}

/// The largest size up to which all sets can be tried, in every background: with half of the budget, or all of it where nothing larger
/// is kept.
fn listed(elements: u64, size_max: u32, backgrounds: u64, budget: u64) -> u32 {
    let (mut of_size, mut all) = (1u64, backgrounds);
    for size in 1..=size_max {
        // Divides without rest: a product of k consecutive numbers over k factorial.
        of_size = of_size.saturating_mul(elements + 1 - u64::from(size)) / u64::from(size);
        all = all.saturating_add(of_size.saturating_mul(backgrounds));
        if all > budget / (1 + u64::from(size < size_max)) {
            return size - 1;
        }
    }
    size_max
}

/// A set that was found, lived through again.
struct Again {
    found: Found<Trial>,
    scenario: Scenario,
    episode: Episode,
    probability: Option<f64>,
}

fn report(
    hunt: &PreparedHunt<'_>,
    crew: &Crew,
    losses: &Losses<'_>,
    search: &Chemistry,
    backgrounds: &[u64],
    resumed: u64,
) -> Result<Hunted, Diagnostics> {
    let mut notes = Vec::new();
    let (sets, outside) = in_population(hunt, losses, search);
    let scenarios: Vec<Scenario> =
        sets.iter().map(|(found, _)| scenario(losses, backgrounds, &found.what)).collect();
    let episodes = crew.live(Who::Candidate, scenarios.clone())?;
    let mut again: Vec<Again> = Vec::new();
    for (((found, probability), scenario), episode) in sets.into_iter().zip(scenarios).zip(episodes) {
        if hunt.failure.reply(&episode) == Reply::Fails {
            again.push(Again { found, scenario, episode, probability });
        } else {
            let set = document::words(hunt.prepared, losses, &found.what.set);
            notes.push(format!("{set} failed and did not fail again: the candidate does not repeat itself"));
        }
    }
    let alone = crew.live(Who::Nobody, again.iter().map(|again| again.scenario.clone()).collect())?;
    let mut again: Vec<(Again, Reply)> =
        again.into_iter().zip(&alone).map(|(again, alone)| (again, hunt.failure.reply(alone))).collect();
    // What the candidate is to blame for first, and of that the likeliest; what is as likely, or of unknown likelihood, in the order
    // of size and elements.
    let likelihood = |again: &Again| again.probability.unwrap_or(0.0);
    again.sort_by(|(a, alone_a), (b, alone_b)| {
        let blameless = |alone: &Reply| *alone != Reply::Harmless;
        blameless(alone_a).cmp(&blameless(alone_b)).then(likelihood(b).total_cmp(&likelihood(a)))
    });
    let listed = again.iter().enumerate().map(|(index, (again, _))| Scenario {
        population: POPULATION.into(),
        index: index as u64,
        ..again.scenario.clone()
    });
    let relisted = crew.live(Who::Candidate, listed.collect())?;
    let mut found = Vec::new();
    let mut kept = Vec::new();
    let mut not_kept = 0;
    for ((again, alone), relisted) in again.iter().zip(&relisted) {
        let record = record(hunt, losses, backgrounds, again, *alone);
        // What fails only with the luck of its number would not fail as a regression.
        let fails = hunt.failure.reply(relisted) == Reply::Fails;
        let wanted = hunt.options.keep == Keep::All || *alone == Reply::Harmless;
        if !fails {
            notes.push(format!(
                "{} is no regression: it fails or not by what else is drawn with the number of a scenario",
                record.losses_in_words()
            ));
        }
        not_kept += u64::from(!wanted);
        let kept_now = fails && wanted;
        if kept_now {
            kept.push(Kept { note: record.losses_in_words(), timeline: again.scenario.timeline.clone() });
        }
        found.push(FoundRecord { regression: kept_now.then_some(kept.len() as u64), ..record });
    }
    if not_kept > 0 {
        notes.push(format!(
            "{not_kept} of the found sets are not harmless without the candidate either, and are no regressions; --keep all makes them"
        ));
    }
    let tally = search.tally();
    let effort = EffortRecord {
        budget: hunt.options.budget,
        trials: tally.trials,
        doubtful: tally.doubtful,
        elements: losses.events().len() as u64,
        starts: tally.starts,
        harmless: tally.harmless,
        larger: tally.larger,
        outside,
    };
    let Settings { size_max, list_up_to, .. } = *search.settings();
    match list_up_to {
        0 => notes.push(
            "the budget is too small to try every element alone first: single losses may be missing".into(),
        ),
        1 => notes.push("every element was tried alone, in every background".into()),
        _ => notes.push(format!("every set of up to {list_up_to} losses was tried, in every background")),
    }
    if search.is_exhausted() && list_up_to < size_max {
        notes.push("nothing was left to ask before the budget was spent".into());
    }
    let estimated = (list_up_to as usize + 1..=size_max as usize)
        .filter_map(|size| {
            Some(estimate(&document::sets_of(size), &search.count_of(size)?, &document::LOWER_BOUND))
        })
        .collect();
    if let Some(share) = search.unseen_share() {
        notes.push(format!(
            "a further start that finds anything would find something new with probability {:.2} (Good and Turing)",
            share
        ));
    }
    let document =
        document::of(hunt, described(search.settings(), backgrounds), effort, found, estimated, notes);
    folder::publish(hunt, document, &kept, resumed)
}

/// The sets that the population may draw, and how many others there are. Whoever asks for larger sets than it draws gets them.
fn in_population(
    hunt: &PreparedHunt<'_>,
    losses: &Losses<'_>,
    search: &Chemistry,
) -> (Vec<(Found<Trial>, Option<f64>)>, u64) {
    let larger = hunt.options.size_max.is_some_and(|size| size > losses.most());
    let with_probability = search.found().into_iter().map(|found| {
        // What fails with nothing lost is as likely as its background, which has no likelihood.
        let set = &found.what.set;
        let probability = if set.is_empty() { None } else { losses.probability_of(set) };
        (found, probability)
    });
    let (inside, outside): (Vec<_>, Vec<_>) =
        with_probability.partition(|(_, probability)| larger || *probability != Some(0.0));
    (inside, outside.len() as u64)
}

fn record(
    hunt: &PreparedHunt<'_>,
    losses: &Losses<'_>,
    backgrounds: &[u64],
    again: &Again,
    alone: Reply,
) -> FoundRecord {
    let set = &again.found.what.set;
    let events: Vec<_> = set.iter().map(|element| &losses.events()[*element as usize]).collect();
    let dated = again.scenario.timeline.iter().filter(|timed| events.contains(&&timed.event));
    let told = hunt.failure.told(&again.episode);
    FoundRecord {
        losses: dated
            .filter_map(|timed| loss(&hunt.prepared.network, &timed.event, Some(timed.at)))
            .collect(),
        background: Some(backgrounds[again.found.what.background as usize]),
        times: again.found.times,
        minimal: again.found.minimal,
        probability: again.probability,
        outcome: outcome(&again.episode),
        why: told.why,
        value: told.value,
        without_candidate: Some(document::reply_id(alone).to_owned()),
        regression: None,
    }
}

fn outcome(episode: &Episode) -> String {
    match (episode.outcome, &episode.message) {
        (Outcome::CandidateFailed, Some(message)) => format!("the candidate fails ({message})"),
        (Outcome::CandidateFailed, None) => "the candidate fails".into(),
        (Outcome::SolverGaveUp, _) => {
            "the solver gives up on a part of the grid, and it fails counted either way".into()
        }
        (Outcome::Survived, _) => "survived".into(),
        (Outcome::Blackout, _) => "blackout".into(),
        (Outcome::Collapse, _) => "collapse".into(),
    }
}

fn described(settings: &Settings, backgrounds: &[u64]) -> BTreeMap<String, String> {
    let list = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    let backgrounds: Vec<String> = backgrounds.iter().map(u64::to_string).collect();
    BTreeMap::from([
        ("sizes".to_owned(), list(&settings.sizes)),
        ("attempts".into(), settings.attempts.to_string()),
        ("size_max".into(), settings.size_max.to_string()),
        ("side_by_side".into(), settings.side_by_side.to_string()),
        ("list_up_to".into(), settings.list_up_to.to_string()),
        ("backgrounds".into(), backgrounds.join(" ")),
    ])
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn as_much_is_listed_as_the_budget_allows() {
        // 20 elements: 20 alone, 190 pairs, 1140 triples; and the background itself.
        for (budget, size_max, sizes) in
            [(41, 2, 0), (42, 2, 1), (210, 2, 1), (211, 2, 2), (421, 3, 1), (422, 3, 2), (1351, 3, 3)]
        {
            assert_eq!(listed(20, size_max, 1, budget), sizes, "{budget}");
        }
        assert_eq!((listed(20, 1, 4, 83), listed(20, 1, 4, 84)), (0, 1));
        assert_eq!(listed(1 << 40, 9, 1000, u64::MAX / 2), 1);
    }
}
