//! Many islands of the system-frequency-response model at once.

use powerflow::{Diagnostic, Diagnostics};

use super::event::FrequencyEventKind;
use super::island::{Extreme, IslandFrequency};
use super::model::{AGGREGATE_STEP_S, AggregateModel, IslandModel, ROCOF_WINDOW_S, Source};
use super::response::FastResponse;
use super::{Reheat, SheddingPlan};

/// An island of the system-frequency-response model, its demand 1 pu of the system's base, and what befalls it at time zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReheatIsland {
    /// Nominal frequency, Hz.
    pub nominal_hz: f64,
    /// Inertia constant H, s.
    pub inertia_s: f64,
    /// Damping D by demand, pu.
    pub damping_pu: f64,
    /// The turbine.
    pub turbine: Reheat,
    /// Power that appears at time zero, pu; negative for lost generation.
    pub power_step_pu: f64,
    /// A device of fast frequency response.
    pub response: Option<FastResponse>,
}

impl ReheatIsland {
    /// The island as a model that can be lived through, before its step of power.
    pub fn model(&self, plan: Option<&SheddingPlan>) -> IslandModel {
        let aggregate = AggregateModel::unlimited(self.inertia_s, self.turbine);
        IslandModel {
            load_damping: self.damping_pu,
            shedding: plan.cloned(),
            responses: self.response.into_iter().collect(),
            ..IslandModel::new(self.nominal_hz, 1.0, Source::Aggregate(aggregate))
        }
    }
}

/// A stage that shed load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip {
    /// When the load was off, s.
    pub time_s: f64,
    /// The stage's number in the plan, from 0.
    pub stage: usize,
    /// Its threshold, Hz.
    pub threshold_hz: f64,
    /// Share of the demand that it shed.
    pub share: f64,
}

/// What became of an island.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Lowest frequency.
    pub nadir: Extreme,
    /// Highest frequency.
    pub peak: Extreme,
    /// The frequency at which it comes to rest after the last event within the horizon, Hz; `None` where nothing holds it, or it died.
    pub settling_hz: Option<f64>,
    /// Slope of the frequency just after the step, Hz/s: `f0 P / 2H`.
    pub rocof_hz_per_s: f64,
    /// The same over the first half second, Hz/s; `None` where the horizon is shorter, or the island died before.
    pub rocof_window_hz_per_s: Option<f64>,
    /// Stages that shed load, in the order of time.
    pub trips: Vec<Trip>,
    /// When the fast frequency response began to act, s.
    pub response_s: Option<f64>,
    /// When the island died, s.
    pub died_s: Option<f64>,
}

/// The curve, sampled at the same times for all islands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampledCurve {
    /// Times, s, from 0 to the horizon.
    pub time_s: Vec<f64>,
    /// Frequencies, Hz, `[island, time]`; `None` from its death on.
    pub frequency_hz: Vec<Option<f64>>,
}

/// Simulates islands one after the other, each from its step of power to the horizon, and samples their curves every `sample_s` where asked.
///
/// Method: between events the model is linear with constant coefficients, so a step is its exact solution (a matrix made once for all steps of an
/// island of the same length); events are found within a step to rounding, and the step is repeated up to them. How often the curve is sampled
/// changes no result beyond rounding.
///
/// # Errors
/// All that is wrong with any island, named by its number from 1; `frequency.batch.horizon` and `frequency.batch.sample` for times that are none.
pub fn simulate(
    islands: &[ReheatIsland],
    plan: Option<&SheddingPlan>,
    horizon_s: f64,
    sample_s: Option<f64>,
) -> Result<(Vec<Simulated>, SampledCurve), Diagnostics> {
    let mut complaints = Diagnostics::default();
    if !(horizon_s > 0.0 && horizon_s.is_finite()) {
        let message = format!("the horizon is {horizon_s} s, it should be above zero");
        complaints.push(Diagnostic::error("frequency.batch.horizon", message));
    } else if let Some(sample_s) = sample_s
        && !(sample_s > 0.0 && horizon_s / sample_s <= SAMPLES_MAX)
    {
        let message = format!(
            "a sample every {sample_s} s until {horizon_s} s, it should be above zero and give at most {SAMPLES_MAX} samples"
        );
        complaints.push(Diagnostic::error("frequency.batch.sample", message));
    }
    let relays = plan.iter().zip(islands.first()).flat_map(|(plan, island)| plan.wrong(island.nominal_hz));
    complaints.0.extend(relays.map(|complaint| Diagnostic::error("frequency.shedding", complaint)));
    let mut curve = SampledCurve::default();
    let mut all = Vec::with_capacity(islands.len());
    if !complaints.has_errors()
        && let Some(sample_s) = sample_s
    {
        curve.time_s = sample_times(horizon_s, sample_s);
    }
    for (i, island) in islands.iter().enumerate() {
        let mut model = island.model(plan.filter(|_| !complaints.has_errors()));
        // Samples at the ends of ordinary steps cost no steps of their own.
        model.step_s = sample_s.map(|sample_s| sample_s.min(AGGREGATE_STEP_S));
        let mut wrong = model.check();
        if !island.power_step_pu.is_finite() {
            let message = format!("the step of power is {} pu", island.power_step_pu);
            wrong.push(Diagnostic::error("frequency.island", message));
        }
        if wrong.has_errors() || complaints.has_errors() {
            let named = wrong.0.into_iter().map(|mut complaint| {
                complaint.message = format!("island {}: {}", i + 1, complaint.message);
                complaint
            });
            complaints.0.extend(named);
            continue;
        }
        let mut living = IslandFrequency::new(&model)?;
        all.push(one(&mut living, island, horizon_s, &curve.time_s, &mut curve.frequency_hz));
    }
    complaints.into_result((all, curve))
}

/// Most samples of one curve.
const SAMPLES_MAX: f64 = 1e6;

/// Times from zero to the horizon, evenly, the horizon included: decimal where there is a whole number of samples a second.
pub(crate) fn sample_times(horizon_s: f64, sample_s: f64) -> Vec<f64> {
    let per_s = (1.0 / sample_s).round();
    let decimal = per_s >= 1.0 && (per_s * sample_s - 1.0).abs() < 1e-12;
    let at = |i: usize| if decimal { i as f64 / per_s } else { i as f64 * sample_s };
    // The horizon itself comes last, in its own digits.
    let before = (0..).map(at).take_while(|time_s| *time_s < horizon_s * (1.0 - 1e-12));
    before.chain([horizon_s]).collect()
}

fn one(
    living: &mut IslandFrequency,
    island: &ReheatIsland,
    horizon_s: f64,
    samples: &[f64],
    frequency_hz: &mut Vec<Option<f64>>,
) -> Simulated {
    living.step_power(island.power_step_pu);
    let mut simulated = Simulated {
        nadir: living.nadir(),
        peak: living.peak(),
        settling_hz: None,
        rocof_hz_per_s: island.nominal_hz * island.power_step_pu / (2.0 * island.inertia_s),
        rocof_window_hz_per_s: None,
        trips: Vec::new(),
        response_s: None,
        died_s: None,
    };
    let mut advance = |living: &mut IslandFrequency, until_s: f64| {
        while let Some(event) = living.advance(until_s) {
            let time_s = event.time_s;
            match event.kind {
                FrequencyEventKind::Shed { stage, threshold_hz, share, .. } => {
                    simulated.trips.push(Trip { time_s, stage, threshold_hz, share });
                }
                FrequencyEventKind::ResponseFired { .. } => {
                    simulated.response_s.get_or_insert(time_s);
                }
                FrequencyEventKind::Dead(_) => simulated.died_s = Some(time_s),
                FrequencyEventKind::UnitTripped { .. } | FrequencyEventKind::LimitBroken { .. } => {}
            }
        }
    };
    let mut window = None;
    let mut samples = samples.iter().peekable();
    while let Some(sample) = samples.next_if(|sample| **sample < ROCOF_WINDOW_S) {
        advance(living, *sample);
        frequency_hz.push(living.frequency_hz());
    }
    if horizon_s >= ROCOF_WINDOW_S {
        advance(living, ROCOF_WINDOW_S);
        window = living.rocof_hz_per_s();
    }
    for sample in samples {
        advance(living, *sample);
        frequency_hz.push(living.frequency_hz());
    }
    advance(living, horizon_s);
    Simulated {
        nadir: living.nadir(),
        peak: living.peak(),
        settling_hz: living.rest_hz(),
        rocof_window_hz_per_s: window,
        ..simulated
    }
}
