//! `gridgate.frequency.simulate_island`: islands of the system-frequency-response model, one or many.

use harness::frequency::{
    FastResponse, Reheat, ReheatIsland, SampledCurve, SheddingPlan, Simulated, Trip, simulate,
};
use numpy::PyReadonlyArray1;
use powerflow::Diagnostic;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::convert::{masked, masked_array, vector};
use crate::errors;

/// How the frequency of an island moved, or of many: then every number is an array, and the curve has an axis in front.
///
/// Arrays are read-only. Where a number does not exist (a dead island has no frequency) a masked array masks it, and a single number is `None`.
#[pyclass(frozen, module = "gridgate")]
pub(crate) struct IslandResponse {
    /// Times of the curve, s, from the step of power on.
    #[pyo3(get)]
    time_s: Py<PyAny>,
    /// Frequency, Hz, `[time]` or `[island, time]`.
    #[pyo3(get)]
    frequency_hz: Py<PyAny>,
    /// Lowest frequency, Hz: of the curve itself, not of its samples.
    #[pyo3(get)]
    nadir_hz: Py<PyAny>,
    /// When it was reached first, s.
    #[pyo3(get)]
    nadir_s: Py<PyAny>,
    /// The frequency at which everything comes to rest after the last event within the horizon, Hz.
    #[pyo3(get)]
    settling_hz: Py<PyAny>,
    /// Slope of the frequency just after the step of power, Hz/s: `f0 P / 2H`, the steepest there is.
    #[pyo3(get)]
    rocof_hz_per_s: Py<PyAny>,
    /// Mean slope of the frequency over the first 0.5 s, Hz/s, as a relay measures it.
    #[pyo3(get)]
    rocof_500ms_hz_per_s: Py<PyAny>,
    /// The stages of load shedding that acted, in the order of time: a list of `UflsTrip(time_s, stage, threshold_hz, share)`, where `time_s` is when
    /// the load was off and `stage` the number in the plan from 0; of many islands a list of such lists.
    #[pyo3(get)]
    ufls_trips: Py<PyAny>,
    /// When the fast frequency response began to act, s.
    #[pyo3(get)]
    ffr_s: Py<PyAny>,
    islands: Option<usize>,
}

#[pymethods]
impl IslandResponse {
    fn __repr__(&self) -> String {
        match self.islands {
            None => "<gridgate.IslandResponse of one island>".into(),
            Some(islands) => format!("<gridgate.IslandResponse of {islands} islands>"),
        }
    }
}

/// Follow the frequency of an island after a step of power: the system-frequency-response model of Anderson and Mirheydar.
///
/// One swing equation with inertia `inertia_s` (H), damping by demand `damping_pu` (D) and one reheat turbine: `droop_pu` (R), `reheat_fraction` (the
/// share of the high-pressure turbine, FH), `reheat_s` (TR), `mechanical_gain` (Km). All in pu of one base, on which the demand is 1.
/// `power_step_pu` appears at time zero: negative is lost generation.
///
/// `ffr_pu` is the power of a fast frequency response that steps in `ffr_delay_s` after the frequency has reached `ffr_trigger_hz`, and stays; all three
/// or none, and 0 pu is none. `ufls` is the name of a plan (`"npcc"`, `"ercot"`, `"wecc"`, `"continental"`) or a list of stages
/// `(threshold Hz, delay s, share of the demand)`. Relays measure over `ufls_window_s` and breakers take `ufls_breaker_s`: those of the plan, and
/// for a list of stages zero, unless given.
///
/// Every number may be an array; arrays and numbers are broadcast to one batch of islands. The solution is exact between events, so `sample_s` only says
/// how often the curve is sampled. Raises `InputError` with all that is wrong.
#[pyfunction]
#[pyo3(signature = (*, inertia_s, damping_pu, droop_pu, reheat_fraction, reheat_s, mechanical_gain, power_step_pu, ffr_pu=None, ffr_trigger_hz=None, ffr_delay_s=None, ufls=None, horizon_s=30.0, sample_s=0.02, nominal_hz=60.0, ufls_window_s=None, ufls_breaker_s=None))]
#[expect(clippy::too_many_arguments, reason = "keywords of a function of Python")]
pub(crate) fn simulate_island(
    py: Python<'_>,
    inertia_s: Bound<'_, PyAny>,
    damping_pu: Bound<'_, PyAny>,
    droop_pu: Bound<'_, PyAny>,
    reheat_fraction: Bound<'_, PyAny>,
    reheat_s: Bound<'_, PyAny>,
    mechanical_gain: Bound<'_, PyAny>,
    power_step_pu: Bound<'_, PyAny>,
    ffr_pu: Option<Bound<'_, PyAny>>,
    ffr_trigger_hz: Option<Bound<'_, PyAny>>,
    ffr_delay_s: Option<Bound<'_, PyAny>>,
    ufls: Option<Bound<'_, PyAny>>,
    horizon_s: f64,
    sample_s: f64,
    nominal_hz: f64,
    ufls_window_s: Option<f64>,
    ufls_breaker_s: Option<f64>,
) -> PyResult<IslandResponse> {
    let refuse =
        |code: &'static str, message: &str| errors::input(py, &Diagnostic::error(code, message).into());
    let ffr = match (ffr_pu, ffr_trigger_hz, ffr_delay_s) {
        (None, None, None) => None,
        (Some(power), Some(trigger), Some(delay)) => Some([power, trigger, delay]),
        _ => {
            let message = "ffr_pu, ffr_trigger_hz and ffr_delay_s belong together: give all three or none";
            return Err(refuse("usage.ffr", message));
        }
    };
    let has_ffr = ffr.is_some();
    let given = [inertia_s, damping_pu, droop_pu, reheat_fraction, reheat_s, mechanical_gain, power_step_pu];
    let given: Vec<Bound<'_, PyAny>> = given.into_iter().chain(ffr.into_iter().flatten()).collect();
    let (columns, is_batch) = broadcast(py, given)?;
    let islands: Vec<ReheatIsland> = (0..columns[0].len())
        .map(|i| ReheatIsland {
            nominal_hz,
            inertia_s: columns[0][i],
            damping_pu: columns[1][i],
            turbine: Reheat {
                droop_pu: columns[2][i],
                high_pressure_share: columns[3][i],
                reheat_s: columns[4][i],
                gain_pu: columns[5][i],
            },
            power_step_pu: columns[6][i],
            response: (has_ffr && columns[7][i] != 0.0)
                .then(|| FastResponse::step(columns[7][i], columns[8][i], columns[9][i])),
        })
        .collect();
    let mut plan = ufls.map(|ufls| shedding(py, &ufls)).transpose()?;
    match &mut plan {
        Some(plan) => {
            plan.window_s = ufls_window_s.unwrap_or(plan.window_s);
            plan.breaker_s = ufls_breaker_s.unwrap_or(plan.breaker_s);
        }
        None if ufls_window_s.is_some() || ufls_breaker_s.is_some() => {
            return Err(refuse(
                "usage.ufls",
                "ufls_window_s and ufls_breaker_s are about relays: give ufls, too",
            ));
        }
        None => {}
    }
    let (simulated, curve) = py
        .detach(|| simulate(&islands, plan.as_ref(), horizon_s, Some(sample_s)))
        .map_err(|complaints| errors::input(py, &complaints))?;
    if is_batch { many(py, &simulated, curve) } else { one(py, &simulated[0], curve) }
}

/// A plan by its name, or of stages.
fn shedding(py: Python<'_>, ufls: &Bound<'_, PyAny>) -> PyResult<SheddingPlan> {
    if let Ok(name) = ufls.extract::<String>() {
        return SheddingPlan::named(&name)
            .ok_or_else(|| errors::choice(py, "ufls", &name, &SheddingPlan::NAMES));
    }
    let stages: Vec<(f64, f64, f64)> = ufls.extract().map_err(|_| {
        let message =
            "ufls is neither the name of a plan nor a list of stages (threshold Hz, delay s, share)";
        errors::input(py, &Diagnostic::error("usage.ufls", message).into())
    })?;
    Ok(SheddingPlan::of_stages(&stages))
}

/// Columns of equal length, as numpy broadcasts them, and whether any of them was an array.
fn broadcast(py: Python<'_>, given: Vec<Bound<'_, PyAny>>) -> PyResult<(Vec<Vec<f64>>, bool)> {
    let numpy = py.import("numpy")?;
    let named = PyDict::new(py);
    named.set_item("dtype", "float64")?;
    let arrays = given
        .into_iter()
        .map(|number| numpy.call_method("asarray", (number,), Some(&named)))
        .collect::<PyResult<Vec<_>>>()?;
    let arrays: Vec<Bound<'_, PyAny>> = numpy
        .call_method1("broadcast_arrays", PyTuple::new(py, arrays)?)?
        .try_iter()?
        .collect::<PyResult<_>>()?;
    let axes: usize = arrays[0].getattr("ndim")?.extract()?;
    if axes > 1 {
        let message =
            format!("the parameters have {axes} axes, they should have one: a number for each island");
        return Err(errors::input(py, &Diagnostic::error("usage.shape", message).into()));
    }
    let columns = arrays
        .into_iter()
        .map(|array| {
            let flat = numpy.call_method1("ascontiguousarray", (array.call_method0("ravel")?,))?;
            let flat: PyReadonlyArray1<'_, f64> = flat.extract()?;
            Ok(flat.as_slice()?.to_vec())
        })
        .collect::<PyResult<Vec<_>>>()?;
    Ok((columns, axes == 1))
}

fn trips<'py>(py: Python<'py>, trips: &[Trip]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let class = py.import("gridgate._frequency")?.getattr("UflsTrip")?;
    trips.iter().map(|trip| class.call1((trip.time_s, trip.stage, trip.threshold_hz, trip.share))).collect()
}

fn one(py: Python<'_>, simulated: &Simulated, curve: SampledCurve) -> PyResult<IslandResponse> {
    let number = |value: Option<f64>| -> PyResult<Py<PyAny>> { Ok(value.into_pyobject(py)?.unbind()) };
    Ok(IslandResponse {
        time_s: vector(py, curve.time_s),
        frequency_hz: masked(py, curve.frequency_hz.into_iter())?,
        nadir_hz: number(Some(simulated.nadir.frequency_hz))?,
        nadir_s: number(Some(simulated.nadir.time_s))?,
        settling_hz: number(simulated.settling_hz)?,
        rocof_hz_per_s: number(Some(simulated.rocof_hz_per_s))?,
        rocof_500ms_hz_per_s: number(simulated.rocof_window_hz_per_s)?,
        ufls_trips: trips(py, &simulated.trips)?.into_pyobject(py)?.unbind(),
        ffr_s: number(simulated.response_s)?,
        islands: None,
    })
}

fn many(py: Python<'_>, simulated: &[Simulated], curve: SampledCurve) -> PyResult<IslandResponse> {
    let column = |of: fn(&Simulated) -> f64| vector(py, simulated.iter().map(of).collect());
    let some = |of: fn(&Simulated) -> Option<f64>| masked(py, simulated.iter().map(of));
    let shape = (simulated.len(), curve.time_s.len());
    let absent: Vec<bool> = curve.frequency_hz.iter().map(Option::is_none).collect();
    let numbers = curve.frequency_hz.into_iter().map(|hz| hz.unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    let reshape = |array: Py<PyAny>| array.bind(py).call_method1("reshape", (shape.0, shape.1));
    let absent = absent.contains(&true).then(|| reshape(vector(py, absent))).transpose()?;
    let frequency_hz = masked_array(py, &reshape(vector(py, numbers))?, absent.as_ref())?;
    let all = simulated.iter().map(|one| trips(py, &one.trips)).collect::<PyResult<Vec<_>>>()?;
    Ok(IslandResponse {
        time_s: vector(py, curve.time_s),
        frequency_hz,
        nadir_hz: column(|one| one.nadir.frequency_hz),
        nadir_s: column(|one| one.nadir.time_s),
        settling_hz: some(|one| one.settling_hz)?,
        rocof_hz_per_s: column(|one| one.rocof_hz_per_s),
        rocof_500ms_hz_per_s: some(|one| one.rocof_window_hz_per_s)?,
        ufls_trips: all.into_pyobject(py)?.unbind(),
        ffr_s: some(|one| one.response_s)?,
        islands: Some(simulated.len()),
    })
}
