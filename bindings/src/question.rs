//! Questions that live episodes: `explain`, `hunt`.

use std::path::PathBuf;
use std::sync::Arc;

use harness::hunt::{self as hunting, HuntOptions, Keep, Method};
use harness::run::{self as running, Contender};
use harness::{explain as explaining, explain::Options};
use powerflow::{Diagnostic, Diagnostics};
use pyo3::prelude::*;

use crate::convert::canonical;
use crate::errors;
use crate::run::{Stop, contender, watched};

/// Explain why an episode of a run broke a gate, by living it again with parts of it left out.
///
/// `episode` is `population/index`, as reports name it; `gate` the gate to explain, else the first that the episode broke. `candidate` is a
/// path or `"do_nothing"`, where it is not where the suite says; `open_loop` repeats what it asked instead of asking it again. `pairs` of
/// orders are drawn where there are more than 12 events. Returns the document `gridgate/explanation/1`. Raises `InputError` with what
/// cannot be explained and why.
#[pyfunction]
#[pyo3(signature = (run_dir, episode, *, gate=None, candidate=None, open_loop=false, pairs=128, threads=None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn explain<'py>(
    py: Python<'py>,
    run_dir: PathBuf,
    episode: &str,
    gate: Option<&str>,
    candidate: Option<PathBuf>,
    open_loop: bool,
    pairs: u32,
    threads: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let stop = Stop::default();
    let candidate = candidate.map(|path| path.to_string_lossy().into_owned());
    let explained = py.detach(|| {
        let threads = running::worker_threads(threads)?;
        let options = Options { gate, candidate: candidate.as_deref(), open_loop, pairs, threads };
        watched(&stop, None, |watch| explaining::explain(&run_dir, episode, &options, watch))
    });
    if let Some(exception) = stop.take() {
        return Err(exception);
    }
    let explained = explained.map_err(|complaints| errors::input(py, &complaints))?;
    canonical(py, &explained.explanation)
}

// Python shows the defaults of a signature only where they are written out in it.
const _: () = assert!(hunting::BUDGET == 10_000 && hunting::BACKGROUNDS == 4);

/// Search for the smallest and likeliest sets of losses that a candidate does not live through.
///
/// `candidate` is as in `run`. `population` and `gate` narrow what is searched; `method` is `"chemistry"` or `"subset"`, `keep` what goes
/// into the suite of regressions: `"caused"` or `"all"`. `progress` is called with a `Progress`. Returns the document `gridgate/hunt/1`,
/// whose folder is `out`, else `hunts/SUITE-CANDIDATE`. Raises `InputError` with all that is wrong, `InfrastructureError` where the folder
/// cannot be written.
#[pyfunction]
#[pyo3(signature = (
    suite, candidate=None, *, population=None, gate=None, method="chemistry", budget=10_000, size_max=None,
    backgrounds=4, keep="caused", out=None, threads=None, seed=None, progress=None
))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn hunt<'py>(
    py: Python<'py>,
    suite: PathBuf,
    candidate: Option<&Bound<'py, PyAny>>,
    population: Option<String>,
    gate: Option<String>,
    method: &str,
    budget: u64,
    size_max: Option<u32>,
    backgrounds: u64,
    keep: &str,
    out: Option<PathBuf>,
    threads: Option<usize>,
    seed: Option<u64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let stop = Arc::new(Stop::default());
    let who = candidate.map_or(Ok(Contender::OfSuite), |candidate| contender(candidate, &stop))?;
    let options = choice(method, "method", &[Method::Chemistry, Method::Subset], Method::id)
        .and_then(|method| {
            let keep = choice(keep, "keep", &[Keep::Caused, Keep::All], Keep::id)?;
            Ok(HuntOptions { population, gate, method, budget, size_max, backgrounds, keep, out, threads })
        })
        .map_err(|complaints| errors::input(py, &complaints))?;
    let prepared = py.detach(|| running::prepare(&suite, who).map(|prepared| prepared.with_seed(seed)));
    let hunted = prepared.and_then(|prepared| {
        py.detach(|| {
            let hunt = hunting::prepare_hunt(&prepared, &options)?;
            Ok(watched(&stop, progress.as_ref(), |watch| hunt.run(watch)))
        })
    });
    if let Some(exception) = stop.take() {
        return Err(exception);
    }
    let hunted = hunted.map_err(|complaints| errors::input(py, &complaints))?;
    let hunted = hunted.map_err(|complaints| errors::infrastructure(py, &complaints))?;
    canonical(py, &hunted.document)
}

/// The choice of this name.
fn choice<T: Copy>(
    name: &str,
    what: &str,
    choices: &[T],
    id: impl Fn(T) -> &'static str,
) -> Result<T, Diagnostics> {
    choices.iter().copied().find(|&choice| id(choice) == name).ok_or_else(|| {
        let known: Vec<String> = choices.iter().map(|&choice| format!("\"{}\"", id(choice))).collect();
        let message = format!("`{what}` is \"{name}\", which is not one of: {}", known.join(", "));
        Diagnostic::error("hunt.choice", message).into()
    })
}
