//! The episodes worth looking at, lived again with every step recorded; and a sample of all of them, lived again to see
//! whether the candidate repeats itself.

use std::collections::BTreeSet;

use powerflow::Diagnostics;
use reports::{EpisodeRecord, Verdict};
use scenarios::Population;

use super::Prepared;
use super::judge::{self, Verdicts};
use super::local::{Simulated, relive, relive_after};
use crate::latency::{self, Timing};
use crate::trajectory::{Episode, Trajectory};

/// Verdicts, and the trajectories that show them.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) verdicts: Verdicts,
    pub(super) episodes: Vec<EpisodeRecord>,
    /// Episodes that took another course when they were lived again: `population/index`.
    pub(super) unrepeatable: Vec<String>,
}

/// Trajectories kept at most.
const KEPT_MAX: usize = 24;

/// Episodes of a population that are lived again as a probe.
const PROBED: u64 = 20;

/// Lives a spread of episodes again, in another order, in other rows and by another instance, and names those that took
/// another course. What cannot be repeated cannot be verified by a stranger.
fn probe(prepared: &Prepared, simulated: &Simulated) -> Result<Vec<String>, Diagnostics> {
    let mut unrepeatable = Vec::new();
    for (population, own) in prepared.populations.iter().zip(&simulated.populations) {
        let n = own.candidate.len() as u64;
        let count = PROBED.min(n);
        let mut indices: Vec<u64> = (0..count).map(|i| i * n / count.max(1)).collect();
        indices.reverse();
        for trajectory in relive(prepared, &prepared.candidate, population, "candidate", &indices, false)? {
            let again = &trajectory.episode;
            let first = &own.candidate[again.index as usize];
            if first.as_lived() != *again {
                unrepeatable.push(format!("{}/{}", population.id, again.index));
            }
        }
    }
    Ok(unrepeatable)
}

/// A curve of a frequency says little alone: the same scenario with the comparator, and with the candidate at another delay. That is the
/// shortest found at which load is lost, where margins were looked for; else none at all, where there is one.
fn beside(
    prepared: &Prepared,
    population: &Population,
    index: u64,
    episode: Option<&Episode>,
) -> Result<Vec<Trajectory>, Diagnostics> {
    let mut lived = Vec::new();
    if let Some(champion) = prepared.champions.first() {
        let name = champion.record().name;
        lived.extend(relive(prepared, champion, population, &name, &[index], true)?);
    }
    let margin_ms = episode.and_then(|episode| episode.metric(latency::MARGIN_MS));
    let searched_ms = prepared.margin_max_ms(&population.id).map(f64::from);
    let (way, decision_ms, who) = match (margin_ms, searched_ms, &prepared.latency) {
        (Some(margin_ms), Some(max_ms), delays) if margin_ms > 0.0 && margin_ms < max_ms => {
            let way = delays.as_ref().map_or_else(Timing::default, |delays| (*delays.timing).clone());
            // Margins are to the millisecond: one more was tried, and lost load.
            let fails_ms = margin_ms + 1.0;
            (way, fails_ms, format!("candidate, decisions take {fails_ms} ms"))
        }
        (_, _, Some(_)) => (Timing::default(), 0.0, "candidate, without delay".to_owned()),
        _ => return Ok(lived),
    };
    lived.extend(relive_after(prepared, population, &who, index, &way, decision_ms)?);
    Ok(lived)
}

/// Judges, picks the worst scenarios (of gates that do not pass first) and records them.
pub(super) fn keep(prepared: &Prepared, simulated: &Simulated) -> Result<Kept, Diagnostics> {
    let mut verdicts = judge::verdicts(prepared, simulated);
    let mut wanted: Vec<(String, u64)> = Vec::new();
    let mut seen = BTreeSet::new();
    for passing in [false, true] {
        for gate in verdicts.gates.iter().filter(|g| (g.verdict == Verdict::Pass) == passing) {
            for worst in &gate.worst {
                let key = (worst.population.clone(), worst.index);
                if wanted.len() < KEPT_MAX && seen.insert(key.clone()) {
                    wanted.push(key);
                }
            }
        }
    }
    let mut episodes = Vec::with_capacity(wanted.len());
    let mut unrepeatable = probe(prepared, simulated)?;
    for (population_id, index) in &wanted {
        let Some(at) = prepared.populations.iter().position(|p| p.id == *population_id) else { continue };
        let population = &prepared.populations[at];
        let again = relive(prepared, &prepared.candidate, population, "candidate", &[*index], true)?;
        let Some(trajectory) = again.into_iter().next() else { continue };
        let first = simulated.populations[at].candidate.iter().find(|e| e.index == *index);
        if first.is_none_or(|first| first.as_lived() != trajectory.episode) {
            unrepeatable.push(format!("{population_id}/{index}"));
        }
        let mut record = trajectory.record;
        if let Some(record) = &mut record
            && !record.frequency.is_empty()
        {
            for beside in beside(prepared, population, *index, first)? {
                record.frequency.extend(beside.record.into_iter().flat_map(|record| record.frequency));
            }
        }
        episodes.extend(record);
    }
    unrepeatable.sort();
    unrepeatable.dedup();
    // What cannot be repeated cannot be verified: no release rests on it, nor on delays by the clock, nor on where a clock stopped the run.
    let by_the_clock = prepared.by_the_clock() || simulated.out_of_time;
    if verdicts.suite == Verdict::Pass && (!unrepeatable.is_empty() || by_the_clock) {
        verdicts.suite = Verdict::Undecided;
    }
    for gate in &mut verdicts.gates {
        for worst in &mut gate.worst {
            let name = trajectory_name(&worst.population, worst.index);
            let kept = seen.contains(&(worst.population.clone(), worst.index));
            worst.trajectory = kept.then_some(name);
            worst.replay = format!("gridgate replay RUN {}/{}", worst.population, worst.index);
        }
    }
    Ok(Kept { verdicts, episodes, unrepeatable })
}

/// File of a kept trajectory, relative to the run folder.
pub(super) fn trajectory_name(population: &str, index: u64) -> String {
    format!("trajectories/{population}-{index}.json")
}
