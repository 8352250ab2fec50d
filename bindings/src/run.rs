//! `gridgate.run`: a suite file becomes a verdict.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use harness::gate::{Undecided, exit_code};
use harness::run::{self as running, Contender, Watch};
use powerflow::Diagnostics;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::candidate::Described;
use crate::convert::{canonical, to_python};
use crate::errors;

/// How often the caller's thread looks for a signal.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// Why a run must end: the exception that its caller will see. Shared with every instance of the candidate.
#[derive(Default)]
pub(crate) struct Stop {
    set: AtomicBool,
    exception: Mutex<Option<PyErr>>,
}

impl Stop {
    /// Ends the run with this exception; of several the first counts.
    pub(crate) fn raise(&self, exception: PyErr) {
        self.exception.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(exception);
        self.set.store(true, Ordering::SeqCst);
    }

    /// Whether the run must end.
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    /// The exception, where there is one.
    pub(crate) fn take(&self) -> Option<PyErr> {
        self.exception.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How far a run is.
#[pyclass(frozen, get_all, module = "gridgate")]
pub(crate) struct Progress {
    /// Population.
    population: String,
    /// Episodes of it that are complete.
    done: u64,
    /// Episodes of it at most.
    size_max: u64,
    /// What the gates say so far, in a few words.
    standing: String,
}

#[pymethods]
impl Progress {
    fn __repr__(&self) -> String {
        let Self { population, done, size_max, standing } = self;
        format!("<gridgate.Progress of {population:?}: {done} of {size_max} episodes, {standing}>")
    }
}

/// A complete run: its verdict, and where its folder is.
#[pyclass(frozen, module = "gridgate")]
pub(crate) struct Run {
    /// `pass`, `fail`, `undecided`, `error` or `skipped`.
    #[pyo3(get)]
    verdict: Py<PyAny>,
    /// Why, in one sentence.
    #[pyo3(get)]
    reason: String,
    /// Whether the verdict is `pass`. Undecided is not passed.
    #[pyo3(get)]
    passed: bool,
    /// Exit code of `gridgate run`: 0 pass, 1 fail, 3 undecided, 4 error.
    #[pyo3(get)]
    exit_code: u8,
    /// The document `gridgate/evidence/1`.
    #[pyo3(get)]
    evidence: Py<PyAny>,
    /// The gates of the evidence, in the order of the suite.
    #[pyo3(get)]
    gates: Py<PyAny>,
    /// The folder of the run.
    #[pyo3(get)]
    out: PathBuf,
    /// The report, a page that can be read offline.
    #[pyo3(get)]
    report_path: PathBuf,
    suite: String,
    page: String,
}

#[pymethods]
impl Run {
    fn __str__(&self) -> &str {
        self.page.trim_end()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<gridgate.Run of {:?}: {}, {}>", self.suite, self.verdict.bind(py), self.reason)
    }
}

/// Judge a candidate by a suite, and write the folder of the run.
///
/// `candidate` is the path of a candidate.toml, `"do_nothing"`, or a Python object (see `gridgate.Controller`); without
/// it the suite's own is judged. `out` is the folder [runs/SUITE-CANDIDATE], `threads` the number of workers [all
/// cores], which changes no byte of the evidence, `seed` takes the place of the suite's. `progress` is called with a `Progress` after each block of episodes.
///
/// An exception in the candidate fails the episode in which it happens; one that is no `Exception` (KeyboardInterrupt)
/// ends the run and is raised here, and so is whatever `progress` raises: then no folder is written. Raises `InputError`
/// with all that is wrong with suite, case or candidate, and `InfrastructureError` where the folder cannot be written.
#[pyfunction]
#[pyo3(signature = (suite, candidate=None, *, out=None, threads=None, seed=None, progress=None))]
pub(crate) fn run(
    py: Python<'_>,
    suite: PathBuf,
    candidate: Option<&Bound<'_, PyAny>>,
    out: Option<PathBuf>,
    threads: Option<usize>,
    seed: Option<u64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Run> {
    let stop = Arc::new(Stop::default());
    let contender = match candidate {
        None => Contender::OfSuite,
        Some(candidate) => contender(candidate, &stop)?,
    };
    let prepared = py.detach(|| {
        let prepared = running::prepare(&suite, contender)?.with_seed(seed);
        let options = prepared.options(out, threads)?;
        Ok::<_, Diagnostics>((prepared, options))
    });
    let (prepared, options) = match prepared {
        Ok(prepared) => prepared,
        Err(complaints) => return Err(stop.take().unwrap_or_else(|| errors::input(py, &complaints))),
    };
    let completed =
        py.detach(|| watched(&stop, progress.as_ref(), |watch| running::run(&prepared, &options, watch)));
    if let Some(exception) = stop.take() {
        return Err(exception);
    }
    let completed = completed.map_err(|complaints| errors::infrastructure(py, &complaints))?;
    let evidence = canonical(py, &completed.evidence)?;
    Ok(Run {
        verdict: to_python(py, &completed.evidence.verdict)?.unbind(),
        reason: completed.evidence.reason.clone(),
        passed: completed.evidence.verdict == reports::Verdict::Pass,
        exit_code: exit_code(completed.evidence.verdict, Undecided::Report),
        gates: evidence.get_item("gates")?.unbind(),
        evidence: evidence.unbind(),
        report_path: completed.out.join("report.html"),
        out: completed.out,
        suite: completed.evidence.suite,
        page: reports::render::text::render(&completed.report, false),
    })
}

pub(crate) fn contender(candidate: &Bound<'_, PyAny>, stop: &Arc<Stop>) -> PyResult<Contender> {
    if let Ok(path) = candidate.extract::<PathBuf>() {
        return Ok(Contender::Named(path.to_string_lossy().into_owned()));
    }
    if !candidate.is_callable() {
        return Err(PyTypeError::new_err(format!(
            "a candidate is a path, \"do_nothing\", or something that can be called; this is {}",
            candidate.get_type().qualname()?
        )));
    }
    let described = Described::of(candidate)?;
    let stop = Arc::clone(stop);
    Ok(Contender::Embedded(Box::new(move |task, network| described.open(task, network, stop))))
}

/// Works on a thread of its own, while the caller's thread, where Python delivers signals, passes on how far it is.
pub(crate) fn watched<T: Send>(
    stop: &Stop,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&dyn Watch) -> Result<T, Diagnostics> + Send,
) -> Result<T, Diagnostics> {
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        let run = scope.spawn(move || work(&Post { send, stop }));
        loop {
            let told = receive.recv_timeout(HEARTBEAT);
            if told == Err(mpsc::RecvTimeoutError::Disconnected) {
                break;
            }
            let heard = Python::attach(|py| {
                py.check_signals()?;
                if let (Some(progress), Ok(told), false) = (progress, told, stop.is_set()) {
                    progress.call1(py, (Progress::from(told),))?;
                }
                Ok(())
            });
            if let Err(exception) = heard {
                stop.raise(exception);
            }
        }
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Tells the caller's thread.
struct Post<'a> {
    send: mpsc::Sender<running::Progress>,
    stop: &'a Stop,
}

impl Watch for Post<'_> {
    fn progress(&self, progress: &running::Progress) {
        // Where nobody listens any more the run is over.
        let _ = self.send.send(progress.clone());
    }

    fn stop(&self) -> bool {
        self.stop.is_set()
    }
}

impl From<running::Progress> for Progress {
    fn from(progress: running::Progress) -> Self {
        let running::Progress { population, done, size_max, standing } = progress;
        Self { population, done, size_max, standing }
    }
}
