//! The episodes worth looking at, lived again with every step recorded.

use std::collections::BTreeSet;

use powerflow::Diagnostics;
use reports::{EpisodeRecord, Verdict};

use super::Prepared;
use super::judge::{self, Verdicts};
use super::local::{Simulated, relive};

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
    let mut unrepeatable = Vec::new();
    for (population_id, index) in &wanted {
        let Some(at) = prepared.populations.iter().position(|p| p.id == *population_id) else { continue };
        let population = &prepared.populations[at];
        let trajectory = relive(prepared, &prepared.candidate, population, "candidate", *index)?;
        let first = simulated.populations[at].candidate.iter().find(|e| e.index == *index);
        if first.is_none_or(|first| first.trajectory != trajectory.episode.trajectory) {
            unrepeatable.push(format!("{population_id}/{index}"));
        }
        episodes.extend(trajectory.record);
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
