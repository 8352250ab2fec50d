//! What a search came upon, lived through again before anybody is told: by the candidate, by nobody, and as a regression.

use powerflow::Diagnostics;
use reports::hunt::FoundRecord;
use scenarios::search::Reply;
use scenarios::{Event, Scenario};

use super::crew::{Crew, Who};
use super::document::{self, loss};
use super::folder::{Kept, POPULATION};
use super::{Keep, PreparedHunt};
use crate::trajectory::{Episode, Outcome};

/// A scenario that failed when it was tried.
#[derive(Clone, Debug)]
pub(super) struct Suspect {
    pub(super) scenario: Scenario,
    /// Scenario of the population that lends demand and dates, where one does.
    pub(super) background: Option<u64>,
    pub(super) times: u64,
    pub(super) minimal: bool,
    pub(super) probability: Option<f64>,
}

/// What stands.
#[derive(Default)]
pub(super) struct Confirmed {
    pub(super) found: Vec<FoundRecord>,
    pub(super) kept: Vec<Kept>,
    pub(super) notes: Vec<String>,
}

/// Lives through all of them again. First comes what the candidate is to blame for, and of that the likeliest; what is as likely, or of
/// unknown likelihood, in the order given.
pub(super) fn confirm(
    hunt: &PreparedHunt<'_>,
    crew: &Crew,
    suspects: Vec<Suspect>,
) -> Result<Confirmed, Diagnostics> {
    let mut confirmed = Confirmed::default();
    let scenarios = |suspects: &[Suspect]| suspects.iter().map(|suspect| suspect.scenario.clone()).collect();
    let episodes = crew.live(Who::Candidate, scenarios(&suspects))?;
    let (mut standing, mut of) = (Vec::new(), Vec::new());
    for (suspect, episode) in suspects.into_iter().zip(episodes) {
        let reply = hunt.failure.reply(&episode);
        let what = || record(hunt, &suspect, &episode, reply).in_words();
        match reply {
            Reply::Harmless => confirmed.notes.push(format!(
                "{}: failed and did not fail again, so the candidate does not repeat itself",
                what()
            )),
            Reply::Doubtful => confirmed.notes.push(format!(
                "{}: in doubt, since it depends on what the solver gave up, and not found",
                what()
            )),
            Reply::Fails => {
                standing.push(suspect);
                of.push(episode);
            }
        }
    }
    let alone = crew.live(Who::Nobody, scenarios(&standing))?;
    let mut all: Vec<(Suspect, Episode, Reply)> = standing
        .into_iter()
        .zip(of)
        .zip(&alone)
        .map(|((suspect, episode), alone)| (suspect, episode, hunt.failure.reply(alone)))
        .collect();
    let likelihood = |suspect: &Suspect| suspect.probability.unwrap_or(0.0);
    all.sort_by(|(a, _, alone_a), (b, _, alone_b)| {
        let blameless = |alone: &Reply| *alone != Reply::Harmless;
        blameless(alone_a).cmp(&blameless(alone_b)).then(likelihood(b).total_cmp(&likelihood(a)))
    });
    let listed = all.iter().enumerate().map(|(index, (suspect, ..))| Scenario {
        population: POPULATION.into(),
        index: index as u64,
        ..suspect.scenario.clone()
    });
    let listed = crew.live(Who::Candidate, listed.collect())?;
    let mut not_kept = 0;
    for ((suspect, episode, alone), listed) in all.iter().zip(&listed) {
        let record = record(hunt, suspect, episode, *alone);
        // What fails only with the luck of its number would not fail as a regression.
        let fails = hunt.failure.reply(listed) == Reply::Fails;
        let wanted = hunt.options.keep == Keep::All || *alone == Reply::Harmless;
        if !fails {
            let what = record.in_words();
            confirmed.notes.push(format!(
                "{what}: no regression, since it fails or not by what else is drawn with the number of a scenario"
            ));
        }
        not_kept += u64::from(!wanted);
        let kept = fails && wanted;
        if kept {
            let timeline = suspect.scenario.timeline.clone();
            confirmed.kept.push(Kept { note: record.in_words(), timeline });
        }
        let regression = kept.then_some(confirmed.kept.len() as u64);
        confirmed.found.push(FoundRecord { regression, ..record });
    }
    if not_kept > 0 {
        confirmed.notes.push(format!(
            "{not_kept} of what was found is not harmless without the candidate either, and no regression; --keep all makes it one"
        ));
    }
    Ok(confirmed)
}

fn record(hunt: &PreparedHunt<'_>, suspect: &Suspect, episode: &Episode, alone: Reply) -> FoundRecord {
    let told = hunt.failure.told(episode);
    let timeline = suspect.scenario.timeline.iter();
    FoundRecord {
        losses: timeline
            .filter_map(|timed| loss(&hunt.prepared.network, &timed.event, Some(timed.at)))
            .collect(),
        demand: demand(hunt, &suspect.scenario),
        background: suspect.background,
        times: suspect.times,
        minimal: suspect.minimal,
        probability: suspect.probability,
        outcome: outcome(episode),
        why: told.why,
        value: told.value,
        without_candidate: Some(document::reply_id(alone).to_owned()),
        regression: None,
    }
}

/// The highest demand that a scenario moves to, in its own words.
fn demand(hunt: &PreparedHunt<'_>, scenario: &Scenario) -> Option<String> {
    let highest = |timed: &scenarios::TimedEvent| match &timed.event {
        Event::DemandRamp { factor, .. } => factor.iter().copied().max_by(f64::total_cmp),
        _ => None,
    };
    let ramps = scenario.timeline.iter().zip(scenario.in_words(&hunt.prepared.network));
    let ramps = ramps.filter_map(|(timed, (_, words))| Some((highest(timed)?, words)));
    // The first of equals.
    let first = |best: Option<(f64, String)>, next: (f64, String)| match best {
        Some(best) if best.0 >= next.0 => Some(best),
        _ => Some(next),
    };
    ramps.fold(None, first).map(|(_, words)| words)
}

fn outcome(episode: &Episode) -> String {
    match (episode.outcome, &episode.message) {
        (Outcome::CandidateFailed, Some(message)) => format!("the candidate fails ({message})"),
        (Outcome::CandidateFailed, None) => "the candidate fails".into(),
        (Outcome::SolverGaveUp, _) => "the solver gives up on a part of the grid".into(),
        (Outcome::Survived, _) => "survived".into(),
        (Outcome::Blackout, _) => "blackout".into(),
        (Outcome::Collapse, _) => "collapse".into(),
    }
}
