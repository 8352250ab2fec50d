//! One episode of a run again, step by step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics, Network};
use reports::playback::{Playback, SeenRecord};
use reports::{CandidateRecord, EpisodeRecord, Evidence, NetworkRecord};

use super::folder::{self, EPISODES, GRID_COPY, LATENCY_COPY, SUITE_COPY};
use super::local::relive;
use super::recorded::trajectory_name;
use super::watched::{Watched, elements};
use super::{Contender, Prepared};
use crate::action::{Asked, AskedTensor};
use crate::candidate::{Candidate, Cause, Decisions, Failure, Source};
use crate::observation::{Observations, Tensor};
use crate::trajectory::Episode;

/// An episode that was lived again.
#[derive(Debug)]
pub struct Replayed {
    /// Every step.
    pub record: EpisodeRecord,
    /// Whether every step has the same bytes as in the run.
    pub identical: bool,
    /// Whether the recorded actions were repeated (else the candidate decided again).
    pub from_record: bool,
    /// What the candidate saw, each time that it was asked.
    pub seen: Vec<SeenRecord>,
    /// The network, as the run has it.
    pub network: NetworkRecord,
    /// Names of the elements that something can be asked of: quantity -> name of each, in file order.
    pub elements: BTreeMap<String, Vec<String>>,
    /// Whose episode it is.
    pub candidate: CandidateRecord,
}

impl Replayed {
    /// What a page to leaf through it is made of.
    pub fn playback(&self) -> Playback {
        let candidate = &self.candidate;
        let how = match (self.from_record, self.identical) {
            (true, true) => "the recorded actions were repeated; every step is that of the run, bit for bit",
            (true, false) => "the recorded actions were repeated, but the steps are not those of the run",
            (false, true) => "the candidate decided again; every step is that of the run, bit for bit",
            (false, false) => "the candidate decided again, and took another course than in the run",
        };
        Playback {
            episode: self.record.clone(),
            network: self.network.clone(),
            seen: self.seen.clone(),
            elements: self.elements.clone(),
            facts: vec![
                ("Candidate".to_owned(), format!("{} {}", candidate.name, candidate.version)),
                ("Replay".to_owned(), how.to_owned()),
            ],
        }
    }
}

/// Repeats an episode of a run folder: with the actions that were recorded where its trajectory was kept, else with the
/// candidate.
///
/// # Errors
/// Where the folder is no run, has no such episode, or the candidate is needed and cannot be opened.
pub fn replay(run_dir: &Path, episode: &str, candidate: Option<&str>) -> Result<Replayed, Diagnostics> {
    folder::check_run(run_dir)?;
    let evidence: Evidence = folder::document(run_dir, "evidence.json")?;
    let (population, index) = parse(episode, &evidence)?;
    let line = line(run_dir, &population, index)?;
    let recorded = if candidate.is_none() { recorded(run_dir, &evidence, &line)? } else { None };
    let (recorded, repeats) = recorded.map(|(source, record)| (record, source)).unzip();
    let contender = match (repeats, candidate) {
        (Some(repeats), _) => Contender::Repeating(repeats),
        (None, Some(name)) => Contender::Named(name.to_owned()),
        (None, None) => {
            let mut known: Vec<String> = Vec::new();
            for worst in evidence.gates.iter().flat_map(|g| &g.worst).filter(|w| w.trajectory.is_some()) {
                let name = format!("{}/{}", worst.population, worst.index);
                if !known.contains(&name) {
                    known.push(name);
                }
            }
            return Err(Diagnostic::error(
                "replay.not-kept",
                format!("the steps of episode {population}/{index} were not kept"),
            )
            .hint(format!(
                "name the candidate with --candidate to let it decide again; kept are {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            ))
            .into());
        }
    };
    let from_record = recorded.is_some();
    // The seed of the run, which the command line may have set.
    let prepared = prepare_copy(run_dir, contender)?.with_seed(Some(evidence.seed));
    let Some(population) = prepared.populations.iter().find(|p| p.id == population) else {
        return Err(Diagnostic::error(
            "replay.population",
            format!("the suite has no population {population}"),
        )
        .into());
    };
    let watched = Arc::new(Watched::new(&prepared.candidate, &prepared.network));
    let source: Arc<dyn Source> = Arc::clone(&watched) as Arc<dyn Source>;
    let again = relive(&prepared, &source, population, "candidate", &[index], true)?;
    let Some(again) = again.into_iter().next() else {
        let message = format!("episode {}/{index} was not lived", population.id);
        return Err(Diagnostic::error("replay.episode", message).into());
    };
    let record = again.record.unwrap_or_default();
    let identical =
        again.episode == line.as_lived() && recorded.is_none_or(|kept| without_comparator(kept) == record);
    Ok(Replayed {
        record,
        identical,
        from_record,
        seen: watched.take(),
        network: network(run_dir, &prepared.network),
        elements: elements(&prepared.network),
        candidate: prepared.candidate.record(),
    })
}

/// The network as the run has it, under its own name: the copy of the case has another.
pub(crate) fn network(run_dir: &Path, network: &Network) -> NetworkRecord {
    folder::document(run_dir, "network.json").unwrap_or_else(|_| folder::network_record(network))
}

/// A kept record without the curves of the comparator's grid, which a run puts beside the candidate's.
pub(crate) fn without_comparator(mut kept: EpisodeRecord) -> EpisodeRecord {
    kept.frequency.retain(|curve| curve.subject == "candidate");
    kept
}

/// A candidate that repeats, and the record that it repeats.
type Repeating = (Arc<dyn Source>, EpisodeRecord);

/// A candidate that repeats what was asked in an episode, and the record that it repeats; `None` where that was not kept.
///
/// # Errors
/// Where the record cannot be read.
pub(crate) fn recorded(
    run_dir: &Path,
    evidence: &Evidence,
    line: &Episode,
) -> Result<Option<Repeating>, Diagnostics> {
    let name = trajectory_name(&line.population, line.index);
    if !evidence.files.contains_key(&name) {
        return Ok(None);
    }
    let record: EpisodeRecord = folder::document(run_dir, &name)?;
    let source: Arc<dyn Source> = Arc::new(Recorded {
        record: Arc::new(record.clone()),
        end: line.cause.map(|cause| Failure { cause, message: line.message.clone().unwrap_or_default() }),
        of: evidence.candidate.clone(),
    });
    Ok(Some((source, record)))
}

/// A copied file in the run folder, whatever its extension.
///
/// # Errors
/// `run.folder` where there is none.
pub(crate) fn copy_of(run_dir: &Path, stem: &str) -> Result<PathBuf, Diagnostics> {
    let stem = Path::new(stem);
    let folder = run_dir.join(stem.parent().unwrap_or(Path::new("")));
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).collect();
    names.sort();
    names.into_iter().find(|p| p.file_stem() == stem.file_name()).ok_or_else(|| {
        Diagnostics::from(
            Diagnostic::error("run.folder", format!("the folder has no copy of {}", stem.display()))
                .at(run_dir.display().to_string(), None),
        )
    })
}

/// Suite and case as they lie in the run folder.
pub(crate) fn prepare_copy(run_dir: &Path, contender: Contender) -> Result<Prepared, Diagnostics> {
    let (suite, grid) = (copy_of(run_dir, SUITE_COPY)?, copy_of(run_dir, GRID_COPY)?);
    let latency = copy_of(run_dir, LATENCY_COPY).ok();
    super::prepare_copies(&suite, &grid, latency.as_deref(), contender)
}

pub(crate) fn parse(episode: &str, evidence: &Evidence) -> Result<(String, u64), Diagnostics> {
    let complain = || {
        let populations: Vec<String> = evidence
            .populations
            .iter()
            .map(|p| format!("{}/0 to {}/{}", p.id, p.id, p.n.saturating_sub(1)))
            .collect();
        Diagnostics::from(
            Diagnostic::error("replay.episode", format!("there is no episode `{episode}` in this run"))
                .hint(format!("episodes are named population/index: {}", populations.join(", "))),
        )
    };
    let (population, index) = episode.rsplit_once('/').ok_or_else(complain)?;
    let index: u64 = index.parse().map_err(|_| complain())?;
    let known = evidence.populations.iter().any(|p| p.id == population && index < p.n);
    if known { Ok((population.to_owned(), index)) } else { Err(complain()) }
}

pub(crate) fn line(run_dir: &Path, population: &str, index: u64) -> Result<Episode, Diagnostics> {
    let path = run_dir.join(EPISODES);
    let complain = |what: String| {
        Diagnostics::from(Diagnostic::error("run.folder", what).at(path.display().to_string(), None))
    };
    let text =
        std::fs::read_to_string(&path).map_err(|error| complain(format!("cannot be read: {error}")))?;
    for (number, line) in text.lines().enumerate() {
        let episode: Episode = serde_json::from_str(line)
            .map_err(|error| complain(format!("line {} is no episode: {error}", number + 1)))?;
        if episode.population == population && episode.index == index {
            return Ok(episode);
        }
    }
    Err(complain(format!("has no episode {population}/{index}")))
}

/// A candidate that repeats what was recorded.
struct Recorded {
    record: Arc<EpisodeRecord>,
    /// How it failed after the last step, if it did.
    end: Option<Failure>,
    of: CandidateRecord,
}

impl Source for Recorded {
    fn record(&self) -> CandidateRecord {
        self.of.clone()
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        Ok(Box::new(Playing { record: Arc::clone(&self.record), end: self.end.clone(), step: 0 }))
    }

    fn batched(&self) -> bool {
        false
    }
}

struct Playing {
    record: Arc<EpisodeRecord>,
    end: Option<Failure>,
    step: usize,
}

impl Playing {
    fn end(&self) -> Failure {
        self.end
            .clone()
            .unwrap_or_else(|| Failure { cause: Cause::Protocol, message: "the record ends here".into() })
    }

    /// The next decision of a record in which commands were delayed.
    fn delayed(&mut self, mut decisions: Decisions) -> Decisions {
        let Some(decision) = self.record.decisions.get(self.step) else {
            decisions.failed.fill(Some(self.end()));
            return decisions;
        };
        self.step += 1;
        decisions.handled.extend(decision.handling);
        for quantity in Asked::LIST {
            let Some(asked) = decision.asked.get(quantity.id()) else { continue };
            let (elements, data): (Vec<u32>, Vec<f64>) = asked.iter().copied().unzip();
            let values = Tensor { rows: 1, cols: elements.len(), data };
            decisions.asked.push(AskedTensor { quantity: *quantity, elements, values, given: None });
        }
        decisions
    }
}

impl Candidate for Playing {
    fn reset(&mut self, _seeds: &[u64]) {
        self.step = 0;
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let mut decisions = Decisions::none(seen.rows);
        if !self.record.decisions.is_empty() {
            return self.delayed(decisions);
        }
        // States within a step were nobody's decision.
        let mut decided = self.record.steps.iter().filter(|step| !step.between);
        let Some(step) = decided.nth(self.step) else {
            decisions.failed.fill(Some(self.end()));
            return decisions;
        };
        self.step += 1;
        decisions.handled.extend(step.handling);
        // In the order of the contract; requests of one step touch distinct elements, so the order changes nothing.
        for quantity in Asked::LIST {
            let Some(values) = step.asked.get(quantity.id()) else { continue };
            let (elements, asked): (Vec<u32>, Vec<f64>) =
                values.iter().enumerate().filter_map(|(i, v)| Some((i as u32, (*v)?))).unzip();
            let cols = elements.len();
            decisions.asked.push(AskedTensor {
                quantity: *quantity,
                elements,
                values: Tensor { rows: 1, cols, data: asked },
                given: None,
            });
        }
        decisions
    }
}
