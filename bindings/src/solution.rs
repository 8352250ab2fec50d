//! `gridgate.solve`: a power flow as arrays.

use std::path::PathBuf;

use harness::study::{self, SolutionDocument};
use powerflow::{BusStatus, NewtonConfig, ReactiveLimits, Slack, Start};
use pyo3::prelude::*;

use crate::convert::{from_json, ids, json, masked, to_python, vector, words};
use crate::errors;

/// The power flow of a case, in engineering units, rows in the order of the file.
///
/// Arrays are read-only. Where a number does not exist (the voltage of a dead bus, reactive power in a linear flow) a
/// masked array masks it: sums and comparisons leave it out, and it prints as `--`. Power is positive into a branch at
/// each of its ends, and out of a unit.
#[pyclass(frozen, module = "gridgate")]
pub(crate) struct Solution {
    /// Name of the case.
    #[pyo3(get)]
    case: String,
    /// `solved`: a power flow without a solution is the exception `NoSolution`.
    #[pyo3(get)]
    status: &'static str,
    /// Which method answered: `newton`, `flat_start`, `dc_start`, `damped` or `linear`.
    #[pyo3(get)]
    rung: Option<String>,
    /// Newton iterations, over all attempts.
    #[pyo3(get)]
    iterations: u32,
    /// Largest power that does not balance at a bus, pu, recomputed from the case.
    #[pyo3(get)]
    mismatch_pu: f64,
    /// Power base, MVA.
    #[pyo3(get)]
    base_mva: f64,
    /// Active losses, MW.
    #[pyo3(get)]
    losses_mw: f64,
    /// Power that no unit could provide or take back, MW.
    #[pyo3(get)]
    unmet_mw: f64,
    /// Number of each bus in the file.
    #[pyo3(get)]
    bus_id: Py<PyAny>,
    /// `live`, `dead` or `isolated`, for each bus.
    #[pyo3(get)]
    bus_status: Py<PyAny>,
    /// Whether each bus is live.
    #[pyo3(get)]
    live: Py<PyAny>,
    /// Voltage magnitude of each bus, pu; masked where the bus is not live, everywhere in a linear flow.
    #[pyo3(get)]
    vm_pu: Py<PyAny>,
    /// Voltage angle of each bus, degrees; masked where the bus is not live.
    #[pyo3(get)]
    va_deg: Py<PyAny>,
    /// Number of each branch's from bus.
    #[pyo3(get)]
    branch_from: Py<PyAny>,
    /// Number of each branch's to bus.
    #[pyo3(get)]
    branch_to: Py<PyAny>,
    /// Whether each branch carries current.
    #[pyo3(get)]
    branch_in_service: Py<PyAny>,
    /// Active power into each branch at its from end, MW.
    #[pyo3(get)]
    p_from_mw: Py<PyAny>,
    /// Reactive power into each branch at its from end, Mvar; masked in a linear flow.
    #[pyo3(get)]
    q_from_mvar: Py<PyAny>,
    /// Active power into each branch at its to end, MW.
    #[pyo3(get)]
    p_to_mw: Py<PyAny>,
    /// Reactive power into each branch at its to end, Mvar; masked in a linear flow.
    #[pyo3(get)]
    q_to_mvar: Py<PyAny>,
    /// Number of each unit's bus.
    #[pyo3(get)]
    unit_bus: Py<PyAny>,
    /// Whether each unit runs.
    #[pyo3(get)]
    unit_in_service: Py<PyAny>,
    /// Active power of each unit, MW.
    #[pyo3(get)]
    unit_p_mw: Py<PyAny>,
    /// Reactive power of each unit, Mvar; masked in a linear flow.
    #[pyo3(get)]
    unit_q_mvar: Py<PyAny>,
    /// Numbers of the buses that do not hold their voltage because their units are at a reactive limit.
    #[pyo3(get)]
    at_reactive_limit: Vec<u64>,
    /// What is worth knowing about the case and the answer, each with `code`, `severity` and `message`.
    #[pyo3(get)]
    diagnostics: Py<PyAny>,
    json: String,
    page: String,
}

#[pymethods]
impl Solution {
    /// The document `gridgate/solution/1`, as `gridgate solve --format json` prints it.
    fn json(&self) -> &str {
        &self.json
    }

    /// The same document as dictionaries and lists; what does not exist is left out.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_json(py, &self.json)
    }

    fn __str__(&self) -> &str {
        self.page.trim_end()
    }

    fn __repr__(&self) -> String {
        format!("<gridgate.Solution of {:?}: {} in {} iterations>", self.case, self.status, self.iterations)
    }
}

/// Solve the power flow of a case file (MATPOWER, PSS/E RAW, pandapower JSON, ...).
///
/// `start` is where Newton begins: `"case"` (the voltages in the file), `"flat"` or `"dc"`. `reactive_limits`
/// (`"enforce"` or `"ignore"`) says whether units' reactive ranges are respected, `slack` (`"distributed"` or `"single"`)
/// who provides what is missing. `linear` solves the linear (DC) power flow instead. `tolerance` is the largest mismatch
/// of a bus, pu.
///
/// Raises `NoSolution` where there is none, with the document of the attempt as its attribute `document`, and
/// `InputError` with all that is wrong with the file.
#[pyfunction]
#[pyo3(signature = (path, *, start="case", reactive_limits="enforce", slack="distributed", linear=false, tolerance=1e-8))]
pub(crate) fn solve(
    py: Python<'_>,
    path: PathBuf,
    start: &str,
    reactive_limits: &str,
    slack: &str,
    linear: bool,
    tolerance: f64,
) -> PyResult<Solution> {
    let config = settings(py, start, reactive_limits, slack, tolerance)?;
    let solved = py
        .detach(|| study::solve(&path, &config, linear))
        .map_err(|complaints| errors::input(py, &complaints))?;
    convert(py, &solved.document)
}

/// What the words mean.
pub(crate) fn settings(
    py: Python<'_>,
    start: &str,
    reactive_limits: &str,
    slack: &str,
    tolerance_pu: f64,
) -> PyResult<NewtonConfig> {
    Ok(NewtonConfig {
        start: match start {
            "case" => Start::Case,
            "flat" => Start::Flat,
            "dc" => Start::Dc,
            _ => return Err(errors::choice(py, "start", start, &["case", "flat", "dc"])),
        },
        reactive_limits: match reactive_limits {
            "enforce" => ReactiveLimits::Enforce,
            "ignore" => ReactiveLimits::Ignore,
            _ => {
                return Err(errors::choice(py, "reactive_limits", reactive_limits, &["enforce", "ignore"]));
            }
        },
        slack: match slack {
            "distributed" => Slack::Distributed,
            "single" => Slack::Single,
            _ => return Err(errors::choice(py, "slack", slack, &["distributed", "single"])),
        },
        tolerance_pu,
        ..NewtonConfig::default()
    })
}

/// The document as arrays; one without a solution is the exception.
pub(crate) fn convert(py: Python<'_>, document: &SolutionDocument) -> PyResult<Solution> {
    let ("solved", Some(losses_mw), Some(unmet_mw)) =
        (document.status, document.losses_mw, document.unmet_mw)
    else {
        return Err(errors::no_solution(py, document));
    };
    let SolutionDocument { buses, branches, generators, .. } = document;
    Ok(Solution {
        case: document.case.clone(),
        status: document.status,
        rung: document.rung.clone(),
        iterations: document.iterations,
        mismatch_pu: document.mismatch_pu,
        base_mva: document.base_mva,
        losses_mw,
        unmet_mw,
        bus_id: ids(py, buses.iter().map(|bus| bus.id))?,
        bus_status: words(
            py,
            buses
                .iter()
                .map(|bus| match bus.status {
                    BusStatus::Live => "live",
                    BusStatus::Dead => "dead",
                    BusStatus::Isolated => "isolated",
                })
                .collect(),
        )?,
        live: vector(py, buses.iter().map(|bus| bus.status == BusStatus::Live).collect()),
        vm_pu: masked(py, buses.iter().map(|bus| bus.vm_pu))?,
        va_deg: masked(py, buses.iter().map(|bus| bus.va_deg))?,
        branch_from: ids(py, branches.iter().map(|branch| branch.from))?,
        branch_to: ids(py, branches.iter().map(|branch| branch.to))?,
        branch_in_service: vector(py, branches.iter().map(|branch| branch.in_service).collect()),
        p_from_mw: vector(py, branches.iter().map(|branch| branch.p_from_mw).collect()),
        q_from_mvar: masked(py, branches.iter().map(|branch| branch.q_from_mvar))?,
        p_to_mw: vector(py, branches.iter().map(|branch| branch.p_to_mw).collect()),
        q_to_mvar: masked(py, branches.iter().map(|branch| branch.q_to_mvar))?,
        unit_bus: ids(py, generators.iter().map(|unit| unit.bus))?,
        unit_in_service: vector(py, generators.iter().map(|unit| unit.in_service).collect()),
        unit_p_mw: vector(py, generators.iter().map(|unit| unit.p_mw).collect()),
        unit_q_mvar: masked(py, generators.iter().map(|unit| unit.q_mvar))?,
        at_reactive_limit: document.at_reactive_limit.clone(),
        diagnostics: to_python(py, &document.diagnostics)?.unbind(),
        json: json(py, document)?,
        page: document.to_string(),
    })
}
