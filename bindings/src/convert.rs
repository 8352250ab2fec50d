//! Rust's numbers and documents as Python's.

use numpy::ndarray::Array2;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods};
use powerflow::{Diagnostic, Diagnostics};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;

use crate::errors;

/// A document as dictionaries, lists, numbers and text: exactly what reading its JSON gives.
pub(crate) fn to_python<'py>(py: Python<'py>, document: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    from_json(py, &json(py, document)?)
}

/// The JSON that the command line prints.
pub(crate) fn json(py: Python<'_>, document: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(document).map_err(|error| unwritable(py, &error.to_string()))
}

/// What a JSON text says.
pub(crate) fn from_json<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (json,))
}

/// A document that evidence rests on, by the one writer that refuses numbers which JSON cannot say.
pub(crate) fn canonical<'py, T: Serialize>(py: Python<'py>, document: &T) -> PyResult<Bound<'py, PyAny>> {
    let bytes = reports::canonical_json(document).map_err(|problem| unwritable(py, &problem.to_string()))?;
    from_json(py, &String::from_utf8_lossy(&bytes))
}

fn unwritable(py: Python<'_>, why: &str) -> PyErr {
    errors::infrastructure(py, &Diagnostics::from(Diagnostic::error("python.json", why)))
}

/// A vector that cannot be written to.
pub(crate) fn vector<T: Element>(py: Python<'_>, values: Vec<T>) -> Py<PyAny> {
    PyArray1::from_vec(py, values).readwrite().make_nonwriteable().as_any().clone().unbind()
}

/// A table `[rows, cols]` that cannot be written to.
pub(crate) fn table(py: Python<'_>, rows: usize, cols: usize, values: Vec<f64>) -> PyResult<Py<PyAny>> {
    let table = Array2::from_shape_vec((rows, cols), values)
        .map_err(|error| unwritable(py, &format!("a table of {rows} rows and {cols} columns: {error}")))?;
    Ok(PyArray2::from_owned_array(py, table).readwrite().make_nonwriteable().as_any().clone().unbind())
}

/// A vector of numbers some of which do not exist: `numpy.ma.MaskedArray`, masked where there is `None`.
///
/// Beneath the mask is NaN, so that whoever takes the mask off finds no number there.
pub(crate) fn masked(py: Python<'_>, values: impl Iterator<Item = Option<f64>>) -> PyResult<Py<PyAny>> {
    let (data, mask): (Vec<f64>, Vec<bool>) =
        values.map(|value| (value.unwrap_or(f64::NAN), value.is_none())).unzip();
    masked_array(py, vector(py, data).bind(py), Some(PyArray1::from_vec(py, mask).as_any()))
}

/// An array of which a part does not exist; without a mask, numpy knows that all of it does.
pub(crate) fn masked_array(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    mask: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    let named = PyDict::new(py);
    if let Some(mask) = mask {
        named.set_item("mask", mask)?;
    }
    named.set_item("fill_value", f64::NAN)?;
    let class = py.import("numpy.ma")?.getattr("MaskedArray")?;
    Ok(class.call((data,), Some(&named))?.unbind())
}

/// Numbers of buses. Signed, as numpy's own integers are: with unsigned ones it would compute in floating point.
pub(crate) fn ids(py: Python<'_>, ids: impl Iterator<Item = u64>) -> PyResult<Py<PyAny>> {
    let ids = ids.map(i64::try_from).collect::<Result<Vec<_>, _>>();
    Ok(vector(py, ids.map_err(|_| PyOverflowError::new_err("a bus number is larger than 2^63 - 1"))?))
}

/// Texts as a vector.
pub(crate) fn words(py: Python<'_>, values: Vec<&'static str>) -> PyResult<Py<PyAny>> {
    // Of no text numpy would make a vector of numbers.
    let class = if values.is_empty() { "<U1" } else { "str" };
    let array = py.import("numpy")?.call_method1("array", (values, class))?;
    array.call_method1("setflags", (false,))?;
    Ok(array.unbind())
}
