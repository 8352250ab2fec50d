//! The tested region of a run, asked at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use harness::run::folder;
use powerflow::Diagnostic;
use pyo3::prelude::*;
use reports::envelope::Situation;

use crate::errors;

/// The region of states in which a candidate was tested: `envelope.json` of a run folder.
///
/// Of a state that `contains` is asked about, every number that the region bounds must be given: one that is missing, or not a
/// number, is outside. `demand` is a share of the case's, `areas` the same by number of the area; `branches` and `units` are the rows,
/// from 1, of those that are out; `voltage_pu` and `frequency_hz` the lowest and highest of any energised bus.
#[pyclass(frozen, module = "gridgate")]
pub(crate) struct Envelope(reports::Envelope);

#[pymethods]
impl Envelope {
    /// Read the document. Raises `InputError` where it is none, or of another version.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let place = path.display().to_string();
        let bytes = std::fs::read(&path).map_err(|error| {
            let message = format!("the envelope cannot be read: {error}");
            errors::input(py, &Diagnostic::error("envelope.read", message).at(place.clone(), None).into())
        })?;
        let read = reports::read(&bytes);
        read.map(Self).map_err(|problem| errors::input(py, &folder::problems(vec![problem.at(place)])))
    }

    /// Whether a state lies inside.
    #[pyo3(signature = (*, demand=None, branches=None, units=None, voltage_pu=None, frequency_hz=None, delay_ms=None, areas=None))]
    #[allow(clippy::too_many_arguments)]
    fn contains(
        &self,
        demand: Option<f64>,
        branches: Option<BTreeSet<u32>>,
        units: Option<BTreeSet<u32>>,
        voltage_pu: Option<(f64, f64)>,
        frequency_hz: Option<(f64, f64)>,
        delay_ms: Option<f64>,
        areas: Option<BTreeMap<u64, f64>>,
    ) -> bool {
        self.left(demand, branches, units, voltage_pu, frequency_hz, delay_ms, areas).is_empty()
    }

    /// Every bound that a state has left: (bound, value, (lowest, highest) inside, by how much); the last and the value are `None` where
    /// the number is missing.
    #[pyo3(signature = (*, demand=None, branches=None, units=None, voltage_pu=None, frequency_hz=None, delay_ms=None, areas=None))]
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn left(
        &self,
        demand: Option<f64>,
        branches: Option<BTreeSet<u32>>,
        units: Option<BTreeSet<u32>>,
        voltage_pu: Option<(f64, f64)>,
        frequency_hz: Option<(f64, f64)>,
        delay_ms: Option<f64>,
        areas: Option<BTreeMap<u64, f64>>,
    ) -> Vec<(String, Option<f64>, (f64, f64), Option<f64>)> {
        let state = Situation {
            demand,
            branches_out: branches.as_ref().map(|rows| rows.len() as f64),
            units_out: units.as_ref().map(|rows| rows.len() as f64),
            voltage_pu,
            frequency_hz,
            delay_ms,
            areas: areas.unwrap_or_default(),
            branches,
            units,
        };
        self.0.left(&state).into_iter().map(|d| (d.bound, d.value, d.inside, d.by)).collect()
    }
}
