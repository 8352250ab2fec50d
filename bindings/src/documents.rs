//! Questions whose answer is a document: `census`, `verify`, `replay`.

use std::path::PathBuf;

use harness::run::{folder, replay as replaying};
use powerflow::Diagnostic;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{canonical, to_python};
use crate::errors;

/// Count what a case file holds, and say what is wrong with it.
///
/// Returns the document `gridgate/census/1`: what `gridgate census --format json` prints. Complaints are under
/// `diagnostics`. Raises `InputError` where the file cannot be read as a case.
#[pyfunction]
#[pyo3(signature = (path))]
pub(crate) fn census(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let census = py.detach(|| powerflow::case::read(&path).map(|case| powerflow::case::census(&case)));
    to_python(py, &census.map_err(|complaints| errors::input(py, &complaints))?)
}

/// Check every digest of a run folder.
///
/// Returns `evidence` (SHA-256 of evidence.json), `verdict`, the numbers of `files` and `scenarios` that were checked,
/// and `notes`. Raises `IntegrityError` with all that does not match, `InputError` where there is no such folder.
#[pyfunction]
#[pyo3(signature = (run_dir))]
pub(crate) fn verify(py: Python<'_>, run_dir: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    folder::check_run(&run_dir).map_err(|complaints| errors::input(py, &complaints))?;
    let verified = py
        .detach(|| reports::verify(&run_dir))
        .map_err(|problems| errors::integrity(py, &folder::problems(problems)))?;
    let answer = PyDict::new(py);
    answer.set_item("evidence", verified.evidence.sha256)?;
    answer.set_item("verdict", to_python(py, &verified.verdict)?)?;
    answer.set_item("files", verified.files)?;
    answer.set_item("scenarios", verified.scenarios)?;
    answer.set_item("notes", verified.notes)?;
    Ok(answer)
}

/// Repeat one episode of a run with the actions that were recorded, step by step.
///
/// `episode` is `population/index`, as reports name it. Returns the document `gridgate/trajectory/1`. Raises
/// `InputError` where the steps of that episode were not kept, and `IntegrityError` where a step is not, bit for bit, the
/// one of the run.
#[pyfunction]
#[pyo3(signature = (run_dir, episode))]
pub(crate) fn replay<'py>(py: Python<'py>, run_dir: PathBuf, episode: &str) -> PyResult<Bound<'py, PyAny>> {
    let replayed = py
        .detach(|| replaying::replay(&run_dir, episode, None))
        .map_err(|complaints| errors::input(py, &complaints))?;
    if !replayed.identical {
        let message = "the recorded actions were repeated, but the steps are not those of the run";
        let hint = "was the folder changed (gridgate verify), or written by another version or on another kind of machine?";
        return Err(errors::integrity(py, &Diagnostic::error("replay.differs", message).hint(hint).into()));
    }
    canonical(py, &replayed.record)
}
