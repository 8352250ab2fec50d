//! Random chemistry in the closed loop.

use std::collections::BTreeMap;

use powerflow::{Diagnostic, Diagnostics};
use reports::hunt::EffortRecord;
use scenarios::search::chemistry::{Chemistry, Settings, Trial};
use scenarios::search::{Found, Reply};
use scenarios::{Losses, Scenario};
use serde::{Deserialize, Serialize};

use super::confirm::{self, Confirmed, Suspect};
use super::crew::{Crew, Who};
use super::document::{self, estimate};
use super::folder;
use super::{Hunted, PreparedHunt};
use crate::run::journal::Journal;
use crate::run::{Progress, Watch, interrupted};

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

fn report(
    hunt: &PreparedHunt<'_>,
    crew: &Crew,
    losses: &Losses<'_>,
    search: &Chemistry,
    backgrounds: &[u64],
    resumed: u64,
) -> Result<Hunted, Diagnostics> {
    let (sets, outside) = in_population(hunt, losses, search);
    let suspect = |(found, probability): Likely| Suspect {
        scenario: scenario(losses, backgrounds, &found.what),
        background: Some(backgrounds[found.what.background as usize]),
        times: found.times,
        minimal: found.minimal,
        probability,
    };
    let Confirmed { found, kept, mut notes } =
        confirm::confirm(hunt, crew, sets.into_iter().map(suspect).collect())?;
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

/// A set that was found, and how probable it is, where the population's law tells.
type Likely = (Found<Trial>, Option<f64>);

/// The sets that the population may draw, and how many others there are. Whoever asks for larger sets than it draws gets them.
fn in_population(hunt: &PreparedHunt<'_>, losses: &Losses<'_>, search: &Chemistry) -> (Vec<Likely>, u64) {
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
