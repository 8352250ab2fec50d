//! Complaints as Python exceptions: the classes of `gridgate._errors`, with the text that the command line prints.

use harness::study::SolutionDocument;
use powerflow::{Diagnostic, Diagnostics};
use pyo3::prelude::*;

use crate::convert::to_python;

/// Wrong usage or input: exit code 2 of the command line.
pub(crate) fn input(py: Python<'_>, complaints: &Diagnostics) -> PyErr {
    error(py, "InputError", &complaints.to_string(), complaints)
}

/// The disk is full, a candidate could not be started: exit code 4.
pub(crate) fn infrastructure(py: Python<'_>, complaints: &Diagnostics) -> PyErr {
    error(py, "InfrastructureError", &complaints.to_string(), complaints)
}

/// A digest does not match: exit code 5.
pub(crate) fn integrity(py: Python<'_>, complaints: &Diagnostics) -> PyErr {
    error(py, "IntegrityError", &complaints.to_string(), complaints)
}

/// An argument that is none of the words it can be.
pub(crate) fn choice(py: Python<'_>, argument: &str, given: &str, words: &[&str]) -> PyErr {
    let message = format!("there is no {argument}=\"{given}\"");
    let hint = scenarios::nearest::advice(given, words.iter().copied());
    input(py, &Diagnostic::error(format!("usage.{argument}"), message).hint(hint).into())
}

/// A power flow without a solution, with what the command line prints and the document of the attempt.
pub(crate) fn no_solution(py: Python<'_>, document: &SolutionDocument) -> PyErr {
    let complaints = Diagnostics(document.diagnostics.clone());
    let error = error(py, "NoSolution", document.to_string().trim_end(), &complaints);
    let attach = to_python(py, document).and_then(|document| error.value(py).setattr("document", document));
    attach.err().unwrap_or(error)
}

/// An instance of the class of that name, with the complaints as its attribute `diagnostics`.
fn error(py: Python<'_>, class: &str, text: &str, complaints: &Diagnostics) -> PyErr {
    let instance = || -> PyResult<PyErr> {
        let class = py.import("gridgate._errors")?.getattr(class)?;
        let diagnostics = to_python(py, complaints)?;
        Ok(PyErr::from_value(class.call1((text, diagnostics))?))
    };
    instance().unwrap_or_else(|error| error)
}

/// An exception of Python in one line, without the place: `ValueError: no such unit`.
pub(crate) fn in_words(py: Python<'_>, error: &PyErr) -> String {
    /// Longest text that goes into documents, characters.
    const LONGEST: usize = 500;
    let class = error.get_type(py).qualname().map(|name| name.to_string());
    let class = class.unwrap_or_else(|_| "an exception".into());
    let text = error.value(py).str().map(|text| text.to_string()).unwrap_or_default();
    let line = if text.is_empty() { class } else { format!("{class}: {text}") };
    line.chars().take(LONGEST).collect()
}
