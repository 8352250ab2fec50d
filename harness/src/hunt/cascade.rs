//! The same search where nobody acts: the smallest sets of branches that black a grid out, by an engine of cascades.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use powerflow::{BranchIdx, Diagnostic, Diagnostics};
use reports::hunt::{EffortRecord, FoundRecord};
use reports::{HUNT_SCHEMA, HuntStudy};
use scenarios::search::chemistry::{Any, Chemistry, Settings, Trial};
use scenarios::search::{Found, Reply};
use scenarios::{Event, Seed};

use super::document::{self, estimate, loss};
use super::{Method, in_range};
use crate::cascade::{Cascade, Outage};
use crate::run::{self, Progress, Watch};
use crate::study::{PreparedCascades, Runner};

/// Demand lost that makes a cascade a blackout, as a share of the initial demand. Source: the experiments of Eppstein and Hines, 2012,
/// and the closed loop's own definition.
const BLACKOUT_SHARE: f64 = 0.05;

/// Starts that are under way at once, each with one cascade: a fixed number, so that the number of threads decides no byte.
const SIDE_BY_SIDE: u32 = 16;

/// What to search for, and how long.
#[derive(Clone, Debug)]
pub struct CascadeHunt {
    /// Cascades that may be followed.
    pub budget: u64,
    /// Largest set that is kept.
    pub size_max: u32,
    /// Seed of every draw.
    pub seed: u64,
    /// Threads; `None` for one a core. Changes no byte.
    pub threads: Option<usize>,
}

/// What one cascade comes to.
fn reply(cascade: &Cascade) -> Reply {
    let account = &cascade.account;
    let dark = |lost_mw: f64| lost_mw > BLACKOUT_SHARE * account.initial_load_mw;
    let lost_mw = account.shed.total_mw();
    // What nobody could solve, or follow to an end, is counted both ways.
    match (dark(lost_mw), dark(lost_mw - account.shed.unsolved_mw)) {
        (false, _) => Reply::Harmless,
        (true, true) => Reply::Fails,
        (true, false) => Reply::Doubtful,
    }
}

/// The smallest sets of branches in service whose loss costs more than 5 % of the demand.
///
/// # Errors
/// `hunt.no-losses` for a network without branches in service, `usage.*` for numbers that make no sense, `run.interrupted` where
/// `watch` stopped it.
pub fn hunt_cascades(
    prepared: &PreparedCascades,
    hunt: &CascadeHunt,
    watch: &dyn Watch,
) -> Result<HuntStudy, Diagnostics> {
    in_range("hunt", hunt.budget, super::BUDGET_MAX)?;
    in_range("size-max", u64::from(hunt.size_max), 100)?;
    let network = &prepared.network;
    let branches: Vec<BranchIdx> =
        network.branches.in_service.iter().filter_map(|(branch, on)| on.then_some(branch)).collect();
    if branches.is_empty() {
        return Err(Diagnostic::error(
            "hunt.no-losses",
            "no branch is in service, so there is nothing to combine",
        )
        .into());
    }
    let elements = Any(branches.len() as u32);
    let settings =
        Settings { size_max: hunt.size_max, side_by_side: SIDE_BY_SIDE, ..Settings::published(elements.0) };
    let mut search = Chemistry::new(Seed(hunt.seed), "cascades", settings);
    let threads = run::worker_threads(hunt.threads)?.min(SIDE_BY_SIDE as usize);
    let runners = (0..threads).map(|_| prepared.runner().map(Mutex::new)).collect::<Result<Vec<_>, _>>()?;
    loop {
        let left = hunt.budget - search.tally().trials;
        let asked = search.ask(&elements, usize::try_from(left).unwrap_or(usize::MAX));
        if asked.is_empty() {
            break;
        }
        let replies: Vec<Reply> = follow(&runners, &asked, &branches).iter().map(reply).collect();
        search
            .tell(&replies)
            .map_err(|why| Diagnostics::from(Diagnostic::error("hunt.defect", why.to_string())))?;
        if watch.stop() {
            return Err(run::interrupted());
        }
        watch.progress(&Progress {
            population: network.name.clone(),
            done: search.tally().trials,
            size_max: hunt.budget,
            standing: format!("{} found", search.found().len()),
        });
    }
    Ok(report(prepared, hunt, &search, &runners, &branches))
}

fn outage(trial: &Trial, branches: &[BranchIdx]) -> Outage {
    let branches = trial.set.iter().map(|element| branches[*element as usize]).collect();
    Outage { branches, ..Outage::default() }
}

/// Follows a cascade of each trial, on as many threads as there are runners; cascades in the order of the trials.
fn follow(runners: &[Mutex<Runner>], trials: &[Trial], branches: &[BranchIdx]) -> Vec<Cascade> {
    let cascades: Vec<OnceLock<Cascade>> = trials.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for runner in runners {
            let (cascades, next) = (&cascades, &next);
            scope.spawn(move || {
                let mut runner = runner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(trial) = trials.get(at) else { break };
                    // Each number is taken by one thread only.
                    let _ = cascades[at].set(runner.cascade(&outage(trial, branches)));
                }
            });
        }
    });
    cascades.into_iter().filter_map(OnceLock::into_inner).collect()
}

fn report(
    prepared: &PreparedCascades,
    hunt: &CascadeHunt,
    search: &Chemistry,
    runners: &[Mutex<Runner>],
    branches: &[BranchIdx],
) -> HuntStudy {
    let network = &prepared.network;
    let found = search.found();
    let trials: Vec<Trial> = found.iter().map(|found| found.what.clone()).collect();
    let cascades = follow(runners, &trials, branches);
    let tally = search.tally();
    let record = |(found, cascade): (&Found<Trial>, &Cascade)| {
        let account = &cascade.account;
        let lost_mw = account.shed.total_mw();
        let share = 100.0 * lost_mw / account.initial_load_mw;
        let lost = outage(&found.what, branches).branches.into_iter();
        FoundRecord {
            losses: lost.filter_map(|branch| loss(network, &Event::BranchOut { branch }, None)).collect(),
            demand: None,
            background: None,
            times: found.times,
            minimal: found.minimal,
            probability: None,
            outcome: "blackout".into(),
            why: format!(
                "{lost_mw:.1} MW lost, {share:.2} % of the demand, after {} trips",
                cascade.trips.len()
            ),
            value: Some(lost_mw),
            without_candidate: None,
            regression: None,
        }
    };
    let sizes = 1..=search.settings().size_max as usize;
    let estimated = sizes.filter_map(|size| {
        Some(estimate(&document::sets_of(size), &search.count_of(size)?, &document::LOWER_BOUND))
    });
    let mut notes = Vec::new();
    if search.is_exhausted() {
        notes.push("nothing was left to ask before the budget was spent".to_owned());
    }
    if let Some(share) = search.unseen_share() {
        notes.push(format!(
            "a further start that finds anything would find something new with probability {share:.2} (Good and Turing)"
        ));
    }
    let list = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
    let settings = search.settings();
    HuntStudy {
        schema: HUNT_SCHEMA.into(),
        name: network.name.clone(),
        candidate: None,
        population: None,
        engine: document::engine(),
        inputs: prepared.inputs().to_vec(),
        seed: hunt.seed,
        method: Method::Chemistry.id().into(),
        settings: BTreeMap::from([
            ("engine".to_owned(), prepared.engine().id().to_owned()),
            ("sizes".into(), list(&settings.sizes)),
            ("attempts".into(), settings.attempts.to_string()),
            ("size_max".into(), settings.size_max.to_string()),
            ("side_by_side".into(), settings.side_by_side.to_string()),
        ]),
        failure: "a cascade fails with more than 5 % of the demand lost".into(),
        effort: EffortRecord {
            budget: hunt.budget,
            trials: tally.trials,
            doubtful: tally.doubtful,
            elements: branches.len() as u64,
            starts: tally.starts,
            harmless: tally.harmless,
            larger: tally.larger,
            outside: 0,
        },
        found: found.iter().zip(&cascades).map(record).collect(),
        estimated: estimated.collect(),
        notes,
        files: BTreeMap::new(),
    }
}
