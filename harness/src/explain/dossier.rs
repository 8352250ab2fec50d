//! The episode of a run that is to be explained, with everything that it takes to live it again.

use std::path::Path;
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics};
use reports::{EpisodeRecord, Evidence};
use scenarios::{Scenario, scenario, streams};

use super::acts::Actions;
use crate::candidate::{Failure, Source};
use crate::run::replay::{self, line, parse, prepare_copy, without_comparator};
use crate::run::{Contender, Prepared, local};
use crate::suite::Suite;
use crate::trajectory::Episode;

/// See the module.
pub(super) struct Dossier {
    /// What the run says.
    pub(super) evidence: Evidence,
    /// The run, prepared again from the copies in its folder.
    pub(super) prepared: Prepared,
    /// Row of the population.
    pub(super) population: usize,
    /// The scenario.
    pub(super) scenario: Arc<Scenario>,
    /// What a stochastic candidate draws from in it.
    pub(super) seed: u64,
    /// The line of the episode, as lived now.
    pub(super) line: Episode,
    /// Every step of it.
    pub(super) record: EpisodeRecord,
    /// The candidate, where it is asked again.
    pub(super) candidate: Option<Arc<dyn Source>>,
    /// What it asked.
    pub(super) held: Actions,
    /// What a reader should know, each a sentence.
    pub(super) notes: Vec<String>,
}

impl Dossier {
    /// Opens an episode of a run folder, named as by `gridgate replay`. The candidate is asked again where it can be found: under `candidate`,
    /// among those of this program, or where the suite names it from here or from a folder above the run, if its files are those that
    /// were judged. Otherwise, and where `open_loop` says so, the recorded actions are repeated.
    ///
    /// # Errors
    /// Where the folder is no run or has no such episode; `explain.no-candidate` where there is neither the candidate nor a record of
    /// what it asked; `explain.differs` where the episode cannot be repeated; `explain.clock` where its delays are those of a clock.
    pub(super) fn open(
        run_dir: &Path,
        episode: &str,
        candidate: Option<&str>,
        open_loop: bool,
    ) -> Result<Self, Diagnostics> {
        crate::run::folder::check_run(run_dir)?;
        let evidence: Evidence = crate::run::folder::document(run_dir, "evidence.json")?;
        let (population, index) = parse(episode, &evidence)?;
        let judged = line(run_dir, &population, index)?;
        let mut notes = Vec::new();
        let found = match (open_loop, candidate) {
            (true, _) => None,
            (false, Some(name)) => Some(prepare_copy(run_dir, Contender::Named(name.to_owned()))?),
            (false, None) => find(run_dir, &evidence),
        };
        let live = found.is_some();
        let (prepared, kept) = match found {
            Some(prepared) => (prepared, None),
            None => {
                let replayed =
                    replay::recorded(run_dir, &evidence, &judged)?.ok_or_else(|| absent(episode))?;
                (prepare_copy(run_dir, Contender::Repeating(replayed.0))?, Some(replayed.1))
            }
        };
        let prepared = prepared.with_seed(Some(evidence.seed));
        if prepared.by_the_clock() {
            let message = "the delays of this run are those of a clock: no episode of it can be lived again";
            return Err(Diagnostic::error("explain.clock", message)
                .hint("explain a run with recorded or fixed delays (delay = \"recorded\")")
                .into());
        }
        let Some(at) = prepared.populations.iter().position(|own| own.id == population) else {
            let message = format!("the suite has no population {population}");
            return Err(Diagnostic::error("explain.population", message).into());
        };
        let own = &prepared.populations[at];
        let again = local::relive(&prepared, &prepared.candidate, own, "candidate", &[index], true)?;
        let Some((line, Some(record))) = again.into_iter().next().map(|again| (again.episode, again.record))
        else {
            let message = format!("episode {population}/{index} was not lived");
            return Err(Diagnostic::error("explain.episode", message).into());
        };
        if line != judged.as_lived() || kept.is_some_and(|kept| without_comparator(kept) != record) {
            let same = prepared.candidate.record().digest == evidence.candidate.digest;
            if same {
                return Err(differs(live));
            }
            notes.push(
                "the candidate is not the one that was judged, and took another course: what is explained is its own episode"
                    .to_owned(),
            );
        }
        let failure =
            line.cause.map(|cause| Failure { cause, message: line.message.clone().unwrap_or_default() });
        let candidate = live.then(|| Arc::clone(&prepared.candidate));
        Ok(Dossier {
            scenario: Arc::new(scenario(prepared.seed(), own, &prepared.world(), index)),
            seed: streams(prepared.seed(), &population, index).named("candidate").word(),
            held: Actions::of(&record, failure),
            evidence,
            population: at,
            line,
            record,
            candidate,
            notes,
            prepared,
        })
    }
}

/// The candidate that was judged, where it can be found without being named.
fn find(run_dir: &Path, evidence: &Evidence) -> Option<Prepared> {
    let judged = &evidence.candidate;
    let same = |prepared: &Prepared| prepared.candidate.record().digest == judged.digest;
    let open = |name: &str| prepare_copy(run_dir, Contender::Named(name.to_owned())).ok().filter(same);
    // Those of this program need no file.
    if matches!(judged.adapter.as_str(), "do_nothing" | "operator")
        && let Some(prepared) = open(&judged.name)
    {
        return Some(prepared);
    }
    let written = suite_of(run_dir)?.candidate?;
    let above = run_dir.ancestors().skip(1);
    let above = above.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    std::iter::once(Path::new("."))
        .chain(above)
        .map(|folder| folder.join(&written))
        .filter(|path| path.exists())
        .find_map(|path| open(&path.to_string_lossy()))
}

/// The suite as it lies in a run folder.
fn suite_of(run_dir: &Path) -> Option<Suite> {
    let path = replay::copy_of(run_dir, crate::run::folder::SUITE_COPY).ok()?;
    Suite::from_text(&std::fs::read_to_string(&path).ok()?, &path).ok()
}

fn absent(episode: &str) -> Diagnostics {
    Diagnostic::error(
        "explain.no-candidate",
        format!("the candidate of this run is not here, and the steps of episode {episode} were not kept"),
    )
    .hint("name the candidate with --candidate, or explain an episode that the report shows")
    .into()
}

fn differs(live: bool) -> Diagnostics {
    let hint = if live {
        "a candidate that does not repeat itself cannot be asked again: say --open-loop to repeat what it asked"
    } else {
        "was the folder changed (gridgate verify), or written by another version or on another kind of machine?"
    };
    Diagnostic::error(super::DIFFERS, "the episode takes another course when it is lived again")
        .hint(hint)
        .into()
}
