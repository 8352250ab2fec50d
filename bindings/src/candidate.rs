//! A Python object as a candidate.
//!
//! It is called with what a batch shows, a read-only mapping of canonical names to arrays `[batch, n]` and of `alive` to
//! a vector of truths, and answers with a mapping of canonical names to arrays, or with `None`, which asks nothing. An
//! array is `[batch, n]`, all elements of its axis in file order, or comes as a pair `(elements, [batch, k])`; what a
//! masked array masks is not asked. `gridgate.Controller` is this page for readers of Python.
//!
//! Calls never overlap, however many threads there are. An object with `reset`, or with `batched = False`, has a memory:
//! each worker then has a deep copy of it, and of a class an instance of its own.

use std::sync::{Arc, Mutex, PoisonError};

use harness::action::{Asked, AskedTensor, Task};
use harness::candidate::io_map::element_name;
use harness::candidate::{Candidate, Cause, Decisions, Failure, Source};
use harness::observation::{Axis, Observations, Observed, Tensor};
use numpy::{PyArrayDyn, PyArrayMethods};
use powerflow::{Diagnostic, Diagnostics, Network};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyMappingProxy, PyTuple, PyType};
use reports::{CandidateRecord, Digest};
use scenarios::nearest::nearest;

use crate::convert::{table, vector};
use crate::errors::in_words;
use crate::run::Stop;

/// How instances are made.
#[derive(Clone, Copy)]
enum Instances {
    /// All workers call the one object: it has no memory.
    Shared,
    /// Each worker calls a deep copy.
    Copied,
    /// Each worker makes one of the class.
    Made,
}

/// A Python object, with what is known of it before the suite is read.
pub(crate) struct Described {
    object: Py<PyAny>,
    instances: Instances,
    batched: bool,
    remembers: bool,
    name: String,
    digest: Digest,
    notes: Vec<String>,
}

impl Described {
    /// Looks at an object that can be called.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let batched = match object.getattr_opt("batched")? {
            Some(batched) => batched.is_truthy()?,
            None => true,
        };
        let remembers = !batched || object.hasattr("reset")?;
        let instances = match (object.is_instance_of::<PyType>(), remembers) {
            (true, _) => Instances::Made,
            (false, true) => Instances::Copied,
            (false, false) => Instances::Shared,
        };
        let named =
            if object.hasattr("__qualname__")? { object.clone() } else { object.get_type().into_any() };
        let name: String = named.getattr("__qualname__")?.extract()?;
        let inspect = py.import("inspect")?;
        let source = |of: Bound<'_, PyAny>| -> Option<String> {
            inspect.call_method1("getsource", (of,)).ok()?.extract().ok()
        };
        let module = inspect.call_method1("getmodule", (&named,)).ok().filter(|module| !module.is_none());
        let (covered, what) = if let Some(text) = module.and_then(source) {
            (text, "the source text of its module")
        } else if let Some(text) = source(named) {
            (text, "its own source text")
        } else {
            (name.clone(), "its name alone")
        };
        let note = format!(
            "the candidate is a Python object: its digest covers {what}, not the data that it holds, nor what it imports"
        );
        Ok(Self {
            object: object.clone().unbind(),
            instances,
            batched,
            remembers,
            name,
            digest: Digest::of(covered),
            notes: vec![note],
        })
    }

    /// The candidate for a task on a grid.
    ///
    /// # Errors
    /// `candidate.python.start` where no instance can be made.
    pub(crate) fn open(
        self,
        task: Task,
        network: &Arc<Network>,
        stop: Arc<Stop>,
    ) -> Result<Arc<dyn Source>, Diagnostics> {
        let record = CandidateRecord {
            name: self.name.clone(),
            version: String::new(),
            digest: self.digest.clone(),
            adapter: "python".into(),
            mode: "closed_loop".into(),
            task: task.id().into(),
        };
        let shared = Shared { described: self, network: Arc::clone(network), stop, turn: Mutex::new(()) };
        let source = PythonSource { record, shared: Arc::new(shared) };
        // Better now than in a worker.
        source.start()?;
        Ok(Arc::new(source))
    }
}

/// What all instances share.
struct Shared {
    described: Described,
    network: Arc<Network>,
    stop: Arc<Stop>,
    /// Whose turn it is to call. Always taken before the interpreter's lock, never while holding it.
    turn: Mutex<()>,
}

impl Shared {
    /// An exception that ends the run instead of an episode is put aside for its caller.
    fn failure(&self, py: Python<'_>, cause: Cause, exception: PyErr) -> Failure {
        let message = in_words(py, &exception);
        if !exception.is_instance_of::<PyException>(py) {
            self.stop.raise(exception);
        }
        Failure { cause, message }
    }
}

struct PythonSource {
    record: CandidateRecord,
    shared: Arc<Shared>,
}

impl Source for PythonSource {
    fn record(&self) -> CandidateRecord {
        self.record.clone()
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        let Shared { described, turn, .. } = &*self.shared;
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let object = Python::attach(|py| {
            let made = match described.instances {
                Instances::Shared => Ok(described.object.clone_ref(py)),
                Instances::Copied => py
                    .import("copy")
                    .and_then(|copy| copy.call_method1("deepcopy", (&described.object,)))
                    .map(Bound::unbind),
                Instances::Made => described.object.call0(py),
            };
            made.map_err(|exception| {
                let failure = self.shared.failure(py, Cause::Exception, exception);
                let (message, hint) = match described.instances {
                    Instances::Made => {
                        ("cannot be made without arguments", "give an object, or functools.partial")
                    }
                    _ => (
                        "has a memory and cannot be copied",
                        "give its class, so that each worker makes its own",
                    ),
                };
                let message = format!("the candidate `{}` {message}: {}", described.name, failure.message);
                Diagnostics::from(Diagnostic::error("candidate.python.start", message).hint(hint))
            })
        })?;
        Ok(Box::new(PythonCandidate { object, shared: Arc::clone(&self.shared), lost: None }))
    }

    fn batched(&self) -> bool {
        self.shared.described.batched
    }

    fn known_by_digest(&self) -> bool {
        false
    }

    fn notes(&self) -> Vec<String> {
        self.shared.described.notes.clone()
    }
}

struct PythonCandidate {
    object: Py<PyAny>,
    shared: Arc<Shared>,
    /// Why its episodes did not begin.
    lost: Option<Failure>,
}

impl Candidate for PythonCandidate {
    fn reset(&mut self, seeds: &[u64]) {
        self.lost = None;
        if self.shared.stop.is_set() {
            return;
        }
        let _turn = self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Python::attach(|py| {
            let object = self.object.bind(py);
            let reset = || match object.getattr_opt("reset")? {
                Some(reset) => reset.call1((vector(py, seeds.to_vec()),)).map(drop),
                None => Ok(()),
            };
            if let Err(exception) = reset() {
                let failure = self.shared.failure(py, Cause::Exception, exception);
                self.lost = Some(Failure { message: format!("reset: {}", failure.message), ..failure });
            }
        });
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        if let Some(failure) = &self.lost {
            return all_failed(seen.rows, failure);
        }
        if self.shared.stop.is_set() {
            return all_failed(seen.rows, &stopped());
        }
        let _turn = self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Python::attach(|py| match self.ask(py, seen) {
            Ok(decisions) => decisions,
            // An exception says nothing of the row that it is about, so each is asked alone: neither another row nor the
            // padding may fail an episode. A candidate with a memory would see the moment twice.
            Err(failure)
                if failure.cause == Cause::Exception && seen.rows > 1 && !self.shared.described.remembers =>
            {
                self.ask_each(py, seen)
            }
            Err(failure) => all_failed(seen.rows, &failure),
        })
    }
}

fn stopped() -> Failure {
    Failure { cause: Cause::Exception, message: "the run was stopped".into() }
}

fn all_failed(rows: usize, failure: &Failure) -> Decisions {
    Decisions { failed: vec![Some(failure.clone()); rows], ..Decisions::default() }
}

impl PythonCandidate {
    fn ask(&self, py: Python<'_>, seen: &Observations) -> Result<Decisions, Failure> {
        let raised = |exception| self.shared.failure(py, Cause::Exception, exception);
        let shown = shown(py, seen).map_err(raised)?;
        let answer = self.object.bind(py).call1((shown,)).map_err(raised)?;
        if answer.is_none() {
            return Ok(Decisions::none(seen.rows));
        }
        Answer { py, seen, shared: &self.shared }.read(&answer)
    }

    fn ask_each(&self, py: Python<'_>, seen: &Observations) -> Decisions {
        let mut all = Decisions::none(seen.rows);
        for row in (0..seen.rows).filter(|row| seen.alive[*row]) {
            let answered =
                if self.shared.stop.is_set() { Err(stopped()) } else { self.ask(py, &only(seen, row)) };
            match answered {
                Ok(mut own) => {
                    all.failed[row] = own.failed.pop().flatten();
                    for tensor in own.asked {
                        put(&mut all.asked, seen.rows, row, &tensor);
                    }
                }
                Err(failure) => all.failed[row] = Some(failure),
            }
        }
        all
    }
}

/// One row of what is seen.
fn only(seen: &Observations, row: usize) -> Observations {
    let tensor = |tensor: &Tensor| Tensor { rows: 1, cols: tensor.cols, data: tensor.row(row).to_vec() };
    Observations { rows: 1, alive: vec![seen.alive[row]], tensors: seen.tensors.iter().map(tensor).collect() }
}

/// Writes what one row asked into tensors for `rows` rows.
fn put(asked: &mut Vec<AskedTensor>, rows: usize, row: usize, own: &AskedTensor) {
    let same = |other: &AskedTensor| other.quantity == own.quantity && other.elements == own.elements;
    let cols = own.values.cols;
    let at = asked.iter().position(same).unwrap_or_else(|| {
        asked.push(AskedTensor {
            quantity: own.quantity,
            elements: own.elements.clone(),
            values: Tensor::zeros(rows, cols),
            given: Some(vec![false; rows * cols]),
        });
        asked.len() - 1
    });
    asked[at].values.row_mut(row).copy_from_slice(own.values.row(0));
    if let Some(given) = &mut asked[at].given {
        let cells = &mut given[row * cols..(row + 1) * cols];
        match &own.given {
            Some(own) => cells.copy_from_slice(own),
            None => cells.fill(true),
        }
    }
}

/// What is seen, as Python is shown it.
fn shown<'py>(py: Python<'py>, seen: &Observations) -> PyResult<Bound<'py, PyMappingProxy>> {
    let all = PyDict::new(py);
    all.set_item("alive", vector(py, seen.alive.clone()))?;
    for quantity in Observed::LIST {
        let tensor = seen.of(*quantity);
        all.set_item(quantity.id(), table(py, tensor.rows, tensor.cols, tensor.data.clone())?)?;
    }
    Ok(PyMappingProxy::new(py, all.as_mapping()))
}

/// Reads what a candidate returned.
struct Answer<'a, 'py> {
    py: Python<'py>,
    seen: &'a Observations,
    shared: &'a Shared,
}

impl<'py> Answer<'_, 'py> {
    fn read(&self, answer: &Bound<'py, PyAny>) -> Result<Decisions, Failure> {
        let unreadable = |exception| self.shared.failure(self.py, Cause::Protocol, exception);
        let Ok(mapping) = answer.cast::<PyMapping>() else {
            let class = answer.get_type().qualname().map_err(unreadable)?;
            return Err(protocol(format!("it returned {class}; a dict of arrays or None is understood")));
        };
        let mut decisions = Decisions::none(self.seen.rows);
        for item in mapping.items().map_err(unreadable)? {
            let (name, value): (Bound<'py, PyAny>, Bound<'py, PyAny>) = item.extract().map_err(unreadable)?;
            let tensor = self.tensor(&name, &value)?;
            self.check_finite(&tensor, &mut decisions.failed);
            decisions.asked.push(tensor);
        }
        Ok(decisions)
    }

    fn tensor(&self, name: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> Result<AskedTensor, Failure> {
        let Ok(name) = name.extract::<String>() else {
            return Err(protocol("it returned a dict with a key that is no text".into()));
        };
        let Some(quantity) = Asked::from_id(&name) else {
            let ids = Asked::LIST.iter().map(|asked| asked.id());
            let meant = nearest(&name, ids).map_or_else(String::new, |id| format!("; did it mean `{id}`?"));
            return Err(shape(format!("nothing that can be asked is called `{name}`{meant}")));
        };
        let cols = self.cols(quantity.axis());
        let (elements, array) = match value.cast::<PyTuple>() {
            Err(_) => ((0..cols as u32).collect(), value.clone()),
            Ok(pair) => self.pair(quantity, cols, pair)?,
        };
        let (values, given) = self
            .numbers(quantity, elements.len(), &array)
            .map_err(|exception| self.shared.failure(self.py, Cause::Protocol, exception))??;
        Ok(AskedTensor { quantity, elements, values, given })
    }

    /// Number of elements on an axis of this grid.
    fn cols(&self, axis: Axis) -> usize {
        let like = match axis {
            Axis::Scalar => Observed::TimeS,
            Axis::Bus => Observed::BusVm,
            Axis::Unit => Observed::UnitP,
            Axis::Branch => Observed::BranchStatus,
            Axis::Shunt => Observed::ShuntStep,
        };
        self.seen.of(like).cols
    }

    /// `(elements, array)`: rows in the file, from 0, each once.
    fn pair(
        &self,
        quantity: Asked,
        cols: usize,
        pair: &Bound<'py, PyTuple>,
    ) -> Result<(Vec<u32>, Bound<'py, PyAny>), Failure> {
        let id = quantity.id();
        let wrong = |what: &str| shape(format!("`{id}`: {what}"));
        let Ok((elements, array)) = pair.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>() else {
            return Err(wrong("a tuple is (elements, array)"));
        };
        let Ok(elements) = elements.extract::<Vec<u32>>() else {
            return Err(wrong("its elements are no list of row numbers from 0"));
        };
        if let Some(beyond) = elements.iter().find(|element| **element as usize >= cols) {
            return Err(wrong(&format!("there is no element {beyond}, the last one is {}", cols as i64 - 1)));
        }
        let mut sorted = elements.clone();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(wrong(&format!("element {} is there twice", twice[0])));
        }
        Ok((elements, array))
    }

    /// The numbers of an array `[batch, cols]`, and which of them a mask leaves.
    #[allow(
        clippy::type_complexity,
        reason = "two ways to fail: Python's own, and an answer of the wrong shape"
    )]
    fn numbers(
        &self,
        quantity: Asked,
        cols: usize,
        array: &Bound<'py, PyAny>,
    ) -> PyResult<Result<(Tensor, Option<Vec<bool>>), Failure>> {
        let numpy = self.py.import("numpy")?;
        let id = quantity.id();
        let array = numpy.call_method1("asanyarray", (array,))?;
        let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
        if !["b", "i", "u", "f"].contains(&kind.as_str()) {
            let dtype = array.getattr("dtype")?.str()?;
            return Ok(Err(protocol(format!("`{id}` holds {dtype}, not real numbers"))));
        }
        let found: Vec<usize> = array.getattr("shape")?.extract()?;
        let expected = [self.seen.rows, cols];
        if found != expected {
            return Ok(Err(shape(format!("`{id}` has the shape {found:?} instead of {expected:?}"))));
        }
        let masked = self.py.import("numpy.ma")?;
        let given = if masked.call_method1("isMaskedArray", (&array,))?.is_truthy()? {
            let mask = masked.call_method1("getmaskarray", (&array,))?;
            let mask = numpy.call_method1("ascontiguousarray", (mask,))?;
            Some(mask.cast::<PyArrayDyn<bool>>()?.to_vec()?.into_iter().map(|masked| !masked).collect())
        } else {
            None
        };
        let plain = masked.call_method1("getdata", (array,))?;
        let plain = numpy.call_method1("ascontiguousarray", (plain, "float64"))?;
        let data = plain.cast::<PyArrayDyn<f64>>()?.to_vec()?;
        Ok(Ok((Tensor { rows: self.seen.rows, cols, data }, given)))
    }

    /// What is asked must be a number; a row in which it is none has failed.
    fn check_finite(&self, tensor: &AskedTensor, failed: &mut [Option<Failure>]) {
        for (row, failed) in failed.iter_mut().enumerate().filter(|(_, failed)| failed.is_none()) {
            if let Some((element, value)) = tensor.row(row).find(|(_, value)| !value.is_finite()) {
                let axis = tensor.quantity.axis();
                let message = format!(
                    "`{}` of {} is {value}",
                    tensor.quantity.id(),
                    element_name(&self.shared.network, axis, element)
                );
                *failed = Some(Failure { cause: Cause::NotFinite, message });
            }
        }
    }
}

fn shape(message: String) -> Failure {
    Failure { cause: Cause::Shape, message }
}

fn protocol(message: String) -> Failure {
    Failure { cause: Cause::Protocol, message }
}
