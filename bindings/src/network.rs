//! `gridgate.Network`: a case that is read once and solved many times.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use harness::study;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use powerflow::case::CaseBranch;
use powerflow::{
    BranchIdx, Diagnostic, Diagnostics, Index, InjectionTable, NewtonConfig, Rescue, Sweeps, Table, Voltages,
};
use pyo3::prelude::*;

use crate::convert::{ids, masked, to_python, vector};
use crate::errors;
use crate::solution::{Solution, convert, settings};
use crate::sweep::Solutions;

/// The grid of a case file, read and checked: counts, columns, and power flows of it.
///
/// Columns are read-only arrays in the order of the file and in its units; what the file does not give is masked. A
/// network does not change: one object may be used by several threads.
///
/// Raises `InputError` with all that is wrong with the file.
#[pyclass(frozen, module = "gridgate")]
pub(crate) struct Network {
    network: Arc<powerflow::Network>,
    /// Sweeps of the base that was used last, with its settings: their plan, base and working memory are used again.
    sweeps: Mutex<Option<(NewtonConfig, Sweeps)>>,
    /// Name of the case.
    #[pyo3(get)]
    name: String,
    /// Power base, MVA.
    #[pyo3(get)]
    base_mva: f64,
    /// Nominal frequency, Hz.
    #[pyo3(get)]
    frequency_hz: f64,
    /// Number of buses.
    #[pyo3(get)]
    n_buses: usize,
    /// Number of branches: lines and transformers.
    #[pyo3(get)]
    n_branches: usize,
    /// Number of generating units.
    #[pyo3(get)]
    n_units: usize,
    /// Number of each bus in the file.
    #[pyo3(get)]
    bus_id: Py<PyAny>,
    /// Active demand of each bus in the file, MW, all its loads in service.
    #[pyo3(get)]
    p_mw: Py<PyAny>,
    /// Reactive demand of each bus in the file, Mvar.
    #[pyo3(get)]
    q_mvar: Py<PyAny>,
    /// Lowest allowed voltage of each bus, pu.
    #[pyo3(get)]
    vm_min_pu: Py<PyAny>,
    /// Highest allowed voltage of each bus, pu.
    #[pyo3(get)]
    vm_max_pu: Py<PyAny>,
    /// Number of each branch's from bus.
    #[pyo3(get)]
    branch_from: Py<PyAny>,
    /// Number of each branch's to bus.
    #[pyo3(get)]
    branch_to: Py<PyAny>,
    /// Whether the file connects each branch.
    #[pyo3(get)]
    branch_in_service: Py<PyAny>,
    /// Whether each branch is a transformer.
    #[pyo3(get)]
    branch_transformer: Py<PyAny>,
    /// Long-term rating of each branch, MVA; masked where it has none.
    #[pyo3(get)]
    branch_rating_mva: Py<PyAny>,
    /// Number of each unit's bus.
    #[pyo3(get)]
    unit_bus: Py<PyAny>,
    /// Whether the file runs each unit.
    #[pyo3(get)]
    unit_in_service: Py<PyAny>,
    /// Scheduled active power of each unit, MW.
    #[pyo3(get)]
    unit_p_mw: Py<PyAny>,
    /// Voltage set-point of each unit, pu.
    #[pyo3(get)]
    unit_v_set_pu: Py<PyAny>,
    /// What is worth knowing about the case, each with `code`, `severity` and `message`.
    #[pyo3(get)]
    diagnostics: Py<PyAny>,
}

#[pymethods]
impl Network {
    #[new]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let network = py
            .detach(|| study::read_network(&path, study::DcLines::File))
            .map_err(|complaints| errors::input(py, &complaints))?;
        let (case, base) = (&network.case, network.base);
        let (buses, branches, units) = (&network.buses, &network.branches, &network.units);
        let powers = |column: &[f64]| vector(py, column.iter().map(|p| base.from_pu(*p)).collect());
        let of_branches = |get: fn(&CaseBranch) -> u64| ids(py, case.branches.iter().map(get));
        Ok(Self {
            name: network.name.clone(),
            base_mva: base.0,
            frequency_hz: network.frequency_hz,
            n_buses: buses.id.len(),
            n_branches: branches.from.len(),
            n_units: units.bus.len(),
            bus_id: ids(py, buses.id.as_slice().iter().map(|id| id.0))?,
            p_mw: powers(buses.demand_p_pu.as_slice()),
            q_mvar: powers(buses.demand_q_pu.as_slice()),
            vm_min_pu: vector(py, buses.voltage_pu_min.as_slice().to_vec()),
            vm_max_pu: vector(py, buses.voltage_pu_max.as_slice().to_vec()),
            branch_from: of_branches(|branch| branch.from.0)?,
            branch_to: of_branches(|branch| branch.to.0)?,
            branch_in_service: vector(py, branches.in_service.as_slice().to_vec()),
            branch_transformer: vector(py, branches.transformer.as_slice().to_vec()),
            branch_rating_mva: masked(py, case.branches.iter().map(|branch| branch.rate_a_mva))?,
            unit_bus: ids(py, case.units.iter().map(|unit| unit.bus.0))?,
            unit_in_service: vector(py, units.in_service.as_slice().to_vec()),
            unit_p_mw: vector(py, case.units.iter().map(|unit| unit.p_mw).collect()),
            unit_v_set_pu: vector(py, units.v_set_pu.as_slice().to_vec()),
            diagnostics: to_python(py, &network.diagnostics)?.unbind(),
            sweeps: Mutex::new(None),
            network,
        })
    }

    /// Count what the case holds: the document `gridgate/census/1`, as `gridgate.census` returns it.
    fn census<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &py.detach(|| powerflow::case::census(&self.network.case)))
    }

    /// Solve the operating point in the file: `gridgate.solve` without reading the file again.
    #[pyo3(signature = (*, start="case", reactive_limits="enforce", slack="distributed", linear=false, tolerance=1e-8))]
    fn solve(
        &self,
        py: Python<'_>,
        start: &str,
        reactive_limits: &str,
        slack: &str,
        linear: bool,
        tolerance: f64,
    ) -> PyResult<Solution> {
        let config = settings(py, start, reactive_limits, slack, tolerance)?;
        let document = py.detach(|| study::solve_network(&self.network, &config, linear));
        convert(py, &document.map_err(|complaints| errors::input(py, &complaints))?)
    }

    /// Solve one power flow for each outage.
    ///
    /// `outages` is `"n-1"` (each branch in service, one after the other), or a list whose entries are a branch or a list
    /// of branches that are out together, by their rows in the file from 0. Every row starts from the solution of the
    /// operating point in the file, which is found once and kept. `threads` changes no bit of the answer. `rescue` says what
    /// is tried where Newton fails: `"no"`, `"quick"` (other starts, damping) or `"full"` (the costly rungs too).
    ///
    /// Raises `NoSolution` where the operating point itself has none; an outage without a solution is a row that says so.
    #[pyo3(signature = (outages, *, reactive_limits="ignore", slack="single", threads=1, tolerance=1e-8, start="case", rescue="quick"))]
    #[expect(clippy::too_many_arguments, reason = "the keywords of the Python function")]
    fn solve_outages(
        &self,
        py: Python<'_>,
        outages: &Bound<'_, PyAny>,
        reactive_limits: &str,
        slack: &str,
        threads: usize,
        tolerance: f64,
        start: &str,
        rescue: &str,
    ) -> PyResult<Solutions> {
        let mut config = settings(py, start, reactive_limits, slack, tolerance)?;
        config.rescue = rescue_of(py, rescue)?;
        let list = self.outage_rows(py, outages)?;
        let (table, re_im) = self
            .sweep(py, &config, threads, list.len(), |sweeps, re_im| sweeps.outages(&list, threads, re_im))?;
        Solutions::of(py, self.bus_id.clone_ref(py), Some(list), table, &re_im, self.n_buses)
    }

    /// Solve one power flow for each row of injections.
    ///
    /// `p_mw` and `q_mvar` are the demand of each bus, `[row, bus]`, positive consumes; `unit_p_mw` is the scheduled power
    /// of each unit, `[row, unit]`. What is not given is that of the file. Every row starts from the solution of the
    /// operating point in the file, which is found once and kept. `threads` changes no bit of the answer. `rescue` says what
    /// is tried where Newton fails: `"no"`, `"quick"` (other starts, damping) or `"full"` (the costly rungs too).
    ///
    /// Raises `InputError` where a table has another shape or holds a number that is none, with its row and its element,
    /// and `NoSolution` where the operating point itself has none; a row without a solution says so.
    #[pyo3(signature = (p_mw=None, q_mvar=None, unit_p_mw=None, *, reactive_limits="ignore", slack="single", threads=1,
        tolerance=1e-8, start="case", rescue="quick"))]
    #[expect(clippy::too_many_arguments, reason = "the keywords of the Python function")]
    fn solve_injections(
        &self,
        py: Python<'_>,
        p_mw: Option<&Bound<'_, PyAny>>,
        q_mvar: Option<&Bound<'_, PyAny>>,
        unit_p_mw: Option<&Bound<'_, PyAny>>,
        reactive_limits: &str,
        slack: &str,
        threads: usize,
        tolerance: f64,
        start: &str,
        rescue: &str,
    ) -> PyResult<Solutions> {
        let mut config = settings(py, start, reactive_limits, slack, tolerance)?;
        config.rescue = rescue_of(py, rescue)?;
        let p = self.table(py, "p_mw", p_mw, self.n_buses)?;
        let q = self.table(py, "q_mvar", q_mvar, self.n_buses)?;
        let units = self.table(py, "unit_p_mw", unit_p_mw, self.n_units)?;
        let counts: Vec<usize> =
            [&p, &q, &units].iter().filter_map(|t| t.as_ref().map(|t| t.shape()[0])).collect();
        let Some(rows) = counts.first().copied() else {
            return Err(usage(py, "usage.injections", "neither p_mw nor q_mvar nor unit_p_mw is given"));
        };
        if counts.iter().any(|count| *count != rows) {
            return Err(usage(py, "usage.injections", &format!("the tables have {counts:?} rows")));
        }
        let injections = InjectionTable {
            rows,
            demand_p_mw: numbers(&p)?,
            demand_q_mvar: numbers(&q)?,
            unit_p_mw: numbers(&units)?,
        };
        let (table, re_im) = self.sweep(py, &config, threads, rows, |sweeps, re_im| {
            sweeps.injections(&injections, threads, re_im)
        })?;
        Solutions::of(py, self.bus_id.clone_ref(py), None, table, &re_im, self.n_buses)
    }

    fn __repr__(&self) -> String {
        format!(
            "<gridgate.Network {:?}: {} buses, {} branches, {} units>",
            self.name, self.n_buses, self.n_branches, self.n_units
        )
    }
}

/// The numbers of a table as they lie in memory.
fn numbers<'a>(table: &'a Option<PyReadonlyArray2<'_, f64>>) -> PyResult<Option<&'a [f64]>> {
    table.as_ref().map(|table| Ok(table.as_slice()?)).transpose()
}

fn usage(py: Python<'_>, code: &str, message: &str) -> PyErr {
    errors::input(py, &Diagnostic::error(code.to_owned(), message).into())
}

impl Network {
    /// A table `[row, element]` of numbers; copied only where it does not lie in memory row by row.
    fn table<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        given: Option<&Bound<'py, PyAny>>,
        cols: usize,
    ) -> PyResult<Option<PyReadonlyArray2<'py, f64>>> {
        let Some(given) = given else { return Ok(None) };
        let numpy = py.import("numpy")?;
        if numpy.getattr("ma")?.call_method1("is_masked", (given,))?.is_truthy()? {
            return Err(usage(py, &format!("usage.{name}"), &format!("{name} has masked numbers")));
        }
        let array = numpy.call_method1("ascontiguousarray", (given, "float64"))?;
        let shape: Vec<usize> = array.getattr("shape")?.extract()?;
        if shape.len() != 2 || shape[1] != cols {
            let elements = if name == "unit_p_mw" { "units" } else { "buses" };
            let message = format!("{name} has the shape {shape:?}, it should be [rows, {cols} {elements}]");
            return Err(usage(py, &format!("usage.{name}"), &message));
        }
        Ok(Some(array.cast::<numpy::PyArray2<f64>>()?.readonly()))
    }

    /// The outages that are asked for.
    fn outage_rows(&self, py: Python<'_>, outages: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<BranchIdx>>> {
        if let Ok(word) = outages.extract::<String>() {
            if word != "n-1" {
                return Err(errors::choice(py, "outages", &word, &["n-1"]));
            }
            let in_service = self.network.branches.in_service.iter().filter(|(_, on)| **on);
            return Ok(in_service.map(|(branch, _)| vec![branch]).collect());
        }
        let branch = |row: u32| BranchIdx::from_row(row as usize);
        let row = |(number, item): (usize, PyResult<Bound<'_, PyAny>>)| {
            let item = item?;
            item.extract::<u32>().map(|row| vec![branch(row)]).or_else(|_| {
                let several = item.extract::<Vec<u32>>().map(|rows| rows.into_iter().map(branch).collect());
                several.map_err(|_| {
                    let message = format!(
                        "outage {number} is neither a row of a branch, from 0, nor a list of such rows"
                    );
                    usage(py, "usage.outages", &message)
                })
            })
        };
        outages.try_iter()?.enumerate().map(row).collect()
    }

    /// Runs sweeps from the base that the settings have, made anew where the last one had others.
    fn sweep<'py>(
        &self,
        py: Python<'py>,
        config: &NewtonConfig,
        threads: usize,
        rows: usize,
        work: impl FnOnce(&mut Sweeps, &mut [f64]) -> Result<Table, Diagnostics> + Send,
    ) -> PyResult<(Table, Bound<'py, PyArray1<f64>>)> {
        if threads == 0 {
            return Err(usage(py, "usage.threads", "threads=0: at least one is needed"));
        }
        study::check(config).map_err(|complaints| errors::input(py, &complaints))?;
        // Of numpy's own memory: it asks for large pages, without which touching a new table takes longer than solving its rows.
        let re_im = py.import("numpy")?.call_method1("empty", (Voltages::numbers(&self.network, rows),))?;
        let re_im = re_im.cast_into::<PyArray1<f64>>()?;
        let mut place = re_im.readwrite();
        let numbers = place.as_slice_mut()?;
        let kept = || self.sweeps.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = py.detach(|| {
            // Taken out while it works: another thread then makes its own.
            let same = kept().take().filter(|(of, _)| of == config).map(|(_, sweeps)| sweeps);
            let mut sweeps = match same {
                Some(sweeps) => sweeps,
                None => Sweeps::new(&self.network, self.network.initial_state(), config)?,
            };
            let table = work(&mut sweeps, numbers);
            *kept() = Some((config.clone(), sweeps));
            Ok(table)
        });
        let table = answer
            .map_err(|divergence| errors::no_solution(py, &study::diverged(&self.network, &divergence)))?
            .map_err(|complaints| errors::input(py, &complaints))?;
        drop(place);
        Ok((table, re_im))
    }
}

/// What is tried for a row that Newton does not solve.
fn rescue_of(py: Python<'_>, rescue: &str) -> PyResult<Rescue> {
    match rescue {
        "no" => Ok(Rescue::No),
        "quick" => Ok(Rescue::Quick),
        "full" => Ok(Rescue::Full),
        _ => Err(errors::choice(py, "rescue", rescue, &["no", "quick", "full"])),
    }
}
