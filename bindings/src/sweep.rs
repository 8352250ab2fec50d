//! `gridgate.Solutions`: the voltages of many rows, handed to numpy as they lie in memory.

use numpy::{PyArray1, PyArrayMethods};
use powerflow::{BranchIdx, Index, Method, RowStatus, Rung, Table, Voltages};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::convert::{masked, masked_array, vector};

/// The number that stands for a status: `gridgate.RowStatus`.
fn status_code(status: RowStatus) -> u8 {
    match status {
        RowStatus::Solved => 0,
        RowStatus::Islanded => 1,
        RowStatus::NoSolution => 2,
        RowStatus::Dead => 3,
    }
}

/// The number that stands for a method: `gridgate.Method`.
fn method_code(method: Option<Method>) -> u8 {
    match method {
        None => 0,
        Some(Method::Lanes) => 1,
        Some(Method::SharedFactor) => 2,
        Some(Method::Alone(Rung::Newton)) => 3,
        Some(Method::Alone(Rung::FlatStart)) => 4,
        Some(Method::Alone(Rung::DcStart)) => 5,
        Some(Method::Alone(Rung::Damped)) => 6,
        Some(Method::Alone(Rung::LimitsRelaxed)) => 7,
        Some(Method::Alone(Rung::Pivoted)) => 8,
        Some(Method::Alone(Rung::Continuation)) => 9,
    }
}

/// Power flows of many rows: outages, or injections. Buses are in the order of the file, arrays read-only.
///
/// Where a voltage does not exist (a bus without a source, a row without a solution) a masked array masks it. The
/// voltages are not copied on their way out of the solver: a row takes 16 bytes a bus.
#[pyclass(frozen, module = "gridgate")]
pub(crate) struct Solutions {
    /// Number of each bus in the file.
    #[pyo3(get)]
    bus_id: Py<PyAny>,
    out: Option<Vec<Vec<BranchIdx>>>,
    /// What became of each row: the codes of `gridgate.RowStatus`, 0 is solved.
    #[pyo3(get)]
    status: Py<PyAny>,
    /// Who answered each row: the codes of `gridgate.Method`, 0 is nobody.
    #[pyo3(get)]
    method: Py<PyAny>,
    /// Iterations that each row took.
    #[pyo3(get)]
    iterations: Py<PyAny>,
    /// Why there is no solution, in words, by row.
    #[pyo3(get)]
    no_solution: Py<PyDict>,
    re_im: Py<PyArray1<f64>>,
    absent: Option<Py<PyAny>>,
    shape: (usize, usize),
    mismatches: Vec<Option<f64>>,
    // A masked array takes numpy longer to make than a row takes us to solve: made when first asked for.
    mismatch: PyOnceLock<Py<PyAny>>,
    complex: PyOnceLock<Py<PyAny>>,
    magnitudes: PyOnceLock<Py<PyAny>>,
    angles: PyOnceLock<Py<PyAny>>,
}

impl Solutions {
    pub(crate) fn of(
        py: Python<'_>,
        bus_id: Py<PyAny>,
        out: Option<Vec<Vec<BranchIdx>>>,
        table: Table,
        re_im: &Bound<'_, PyArray1<f64>>,
        buses: usize,
    ) -> PyResult<Self> {
        let shape = (table.status.len(), buses);
        let absent = match table.absent {
            None => None,
            Some(absent) => {
                Some(vector(py, absent).bind(py).call_method1("reshape", (shape.0, shape.1))?.unbind())
            }
        };
        let no_solution = PyDict::new(py);
        for (row, divergence) in &table.divergences {
            no_solution.set_item(row, divergence.to_string())?;
        }
        Ok(Self {
            bus_id,
            out,
            status: vector(py, table.status.into_iter().map(status_code).collect()),
            method: vector(py, table.method.into_iter().map(method_code).collect()),
            iterations: vector(py, table.iterations),
            no_solution: no_solution.unbind(),
            re_im: re_im.readwrite().make_nonwriteable().as_any().cast::<PyArray1<f64>>()?.clone().unbind(),
            absent,
            shape,
            mismatches: table.mismatch_pu,
            mismatch: PyOnceLock::new(),
            complex: PyOnceLock::new(),
            magnitudes: PyOnceLock::new(),
            angles: PyOnceLock::new(),
        })
    }

    /// A table made of the voltages, masked as they are.
    fn derived(&self, py: Python<'_>, derive: fn(&[f64]) -> Vec<f64>) -> PyResult<Py<PyAny>> {
        let re_im = self.re_im.bind(py).readonly();
        let numbers = re_im.as_slice()?;
        let derived = py.detach(|| derive(numbers));
        let derived = vector(py, derived).bind(py).call_method1("reshape", (self.shape.0, self.shape.1))?;
        masked_array(py, &derived, self.absent.as_ref().map(|absent| absent.bind(py)))
    }
}

#[pymethods]
impl Solutions {
    /// The branches that are out in each row, by their rows in the file from 0; `None` where injections were asked for.
    #[getter]
    fn outages(&self) -> Option<Vec<Vec<u32>>> {
        let rows = |out: &Vec<BranchIdx>| out.iter().map(|branch| branch.row() as u32).collect();
        self.out.as_ref().map(|out| out.iter().map(rows).collect())
    }

    /// Largest mismatch of an equation in each row, pu; masked where there is no solution.
    #[getter]
    fn mismatch_pu(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let made = self.mismatch.get_or_try_init(py, || masked(py, self.mismatches.iter().copied()))?;
        Ok(made.clone_ref(py))
    }

    /// Complex voltage, pu, `[row, bus]`.
    #[getter]
    fn voltage(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let made = self.complex.get_or_try_init(py, || {
            // A view: real and imaginary part lie side by side as numpy has them.
            let re_im = self.re_im.bind(py).call_method1("view", ("complex128",))?;
            let complex = re_im.call_method1("reshape", (self.shape.0, self.shape.1))?;
            masked_array(py, &complex, self.absent.as_ref().map(|absent| absent.bind(py)))
        })?;
        Ok(made.clone_ref(py))
    }

    /// Voltage magnitude, pu, `[row, bus]`; made of `voltage` when first asked for.
    #[getter]
    fn vm_pu(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let made = self.magnitudes.get_or_try_init(py, || self.derived(py, Voltages::magnitudes_pu))?;
        Ok(made.clone_ref(py))
    }

    /// Voltage angle, degrees, `[row, bus]`; made of `voltage` when first asked for.
    #[getter]
    fn va_deg(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let made = self.angles.get_or_try_init(py, || self.derived(py, Voltages::angles_deg))?;
        Ok(made.clone_ref(py))
    }

    /// Whether a bus is energised and solved, `[row, bus]`.
    #[getter]
    fn live(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let numpy = py.import("numpy")?;
        let live = match &self.absent {
            Some(absent) => {
                let live = numpy.call_method1("logical_not", (absent,))?;
                live.call_method1("setflags", (false,))?;
                live
            }
            None => numpy.call_method1("broadcast_to", (true, self.shape))?,
        };
        Ok(live.unbind())
    }

    fn __len__(&self) -> usize {
        self.shape.0
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (rows, buses) = self.shape;
        let lost = self.no_solution.bind(py).len();
        format!("<gridgate.Solutions: {rows} rows of {buses} buses, {lost} without a solution>")
    }
}
