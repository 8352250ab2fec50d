//! Under-frequency load shedding: plans as named data, and the relays that carry them out.

use std::borrow::Cow;

use super::trace::Signal;

/// One stage of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// It picks up where the measured frequency falls to this, Hz.
    pub threshold_hz: f64,
    /// How long the frequency must stay low, s.
    pub delay_s: f64,
    /// Share of the island's demand before the event that is shed, from 0 to 1.
    pub share: f64,
}

/// A plan of under-frequency load shedding. Each stage acts once, for the whole island at the same time.
#[derive(Clone, Debug, PartialEq)]
pub struct SheddingPlan {
    /// How documents name it.
    pub name: Cow<'static, str>,
    /// Nominal frequency of the grids it is for, Hz; `None` where it fits any.
    pub nominal_hz: Option<f64>,
    /// Stages, in the order in which ties are broken.
    pub stages: Vec<Stage>,
    /// Window over which relays average the frequency, s; zero measures at once.
    pub window_s: f64,
    /// A stage that has picked up lets go where the frequency rises this far above its threshold, Hz.
    pub reset_hz: f64,
    /// From the relay's command until the load is off, s.
    pub breaker_s: f64,
}

/// Measuring window of relays, s: about six cycles.
const WINDOW_S: f64 = 0.1;
/// Release above the threshold, Hz.
const RESET_HZ: f64 = 0.02;
/// Breaker time, s: the slow end of 0.05 to 0.1.
const BREAKER_S: f64 = 0.1;

fn plan(name: &'static str, nominal_hz: f64, stages: &[(f64, f64, f64)]) -> SheddingPlan {
    SheddingPlan {
        name: name.into(),
        nominal_hz: Some(nominal_hz),
        stages: stages_of(stages),
        window_s: WINDOW_S,
        reset_hz: RESET_HZ,
        breaker_s: BREAKER_S,
    }
}

fn stages_of(stages: &[(f64, f64, f64)]) -> Vec<Stage> {
    stages.iter().map(|&(threshold_hz, delay_s, share)| Stage { threshold_hz, delay_s, share }).collect()
}

impl SheddingPlan {
    /// Names of the plans that [`SheddingPlan::named`] knows.
    pub const NAMES: [&'static str; 4] = ["npcc", "ercot", "wecc", "continental"];

    /// A plan by its name. The figures are those commonly cited for each grid, quoted from memory and not from the current
    /// edition of its rules: re-check before using them as a standard.
    ///
    /// - `npcc`, the default: north-eastern North America, islands of 100 MW and more (NPCC directory 12, form PRC-006-NPCC).
    /// - `ercot`: Texas (ERCOT operating guide, section 2.6.1).
    /// - `wecc`: western North America (WECC coordinated plan), 14 cycles of 60 Hz each, anti-stall stages included.
    /// - `continental`: six equal stages from 49.0 to 48.0 Hz within 150 ms (EU 2017/2196, annex: 45 % in all).
    pub fn named(name: &str) -> Option<Self> {
        const CYCLES_14: f64 = 14.0 / 60.0;
        Some(match name {
            "npcc" => plan(
                "npcc",
                60.0,
                &[
                    (59.5, 0.3, 0.07),
                    (59.3, 0.3, 0.07),
                    (59.1, 0.3, 0.07),
                    (58.9, 0.3, 0.07),
                    (59.5, 10.0, 0.025),
                ],
            ),
            "ercot" => plan("ercot", 60.0, &[(59.3, 0.25, 0.05), (58.9, 0.25, 0.10), (58.5, 0.25, 0.10)]),
            "wecc" => plan(
                "wecc",
                60.0,
                &[
                    (59.1, CYCLES_14, 0.053),
                    (58.9, CYCLES_14, 0.059),
                    (58.7, CYCLES_14, 0.065),
                    (58.5, CYCLES_14, 0.067),
                    (58.3, CYCLES_14, 0.067),
                    (59.3, 15.0, 0.023),
                    (59.5, 30.0, 0.017),
                    (59.5, 60.0, 0.020),
                ],
            ),
            "continental" => SheddingPlan {
                // The rules ask for 150 ms from the threshold to the open breaker.
                breaker_s: 0.05,
                ..plan("continental", 50.0, &[49.0, 48.8, 48.6, 48.4, 48.2, 48.0].map(|hz| (hz, 0.0, 0.075)))
            },
            _ => return None,
        })
    }

    /// A plan of `(threshold Hz, delay s, share)` with relays that measure at once and breakers that open at once.
    pub fn of_stages(stages: &[(f64, f64, f64)]) -> Self {
        Self {
            name: "stages".into(),
            nominal_hz: None,
            stages: stages_of(stages),
            window_s: 0.0,
            reset_hz: RESET_HZ,
            breaker_s: 0.0,
        }
    }

    /// What is wrong with it at a nominal frequency, in words.
    pub(crate) fn wrong(&self, nominal_hz: f64) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(hz) = self.nominal_hz.filter(|hz| *hz != nominal_hz) {
            wrong.push(format!(
                "the plan `{}` is for grids of {hz} Hz, this one has {nominal_hz} Hz",
                self.name
            ));
        }
        for (i, stage) in self.stages.iter().enumerate() {
            let low = stage.threshold_hz > 0.0 && stage.threshold_hz < nominal_hz;
            if !low {
                wrong.push(format!(
                    "stage {}: the threshold of {} Hz is not below the nominal frequency",
                    i + 1,
                    stage.threshold_hz
                ));
            }
            if !(stage.delay_s >= 0.0 && stage.delay_s.is_finite()) {
                wrong.push(format!(
                    "stage {}: the delay is {} s, it should not be negative",
                    i + 1,
                    stage.delay_s
                ));
            }
            if !(0.0..=1.0).contains(&stage.share) {
                wrong.push(format!(
                    "stage {}: the share is {}, it should be between 0 and 1",
                    i + 1,
                    stage.share
                ));
            }
        }
        for (name, value) in
            [("window", self.window_s), ("release", self.reset_hz), ("breaker time", self.breaker_s)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                wrong.push(format!("the {name} is {value}, it should not be negative"));
            }
        }
        // Rounding: shares are decimal numbers.
        let total: f64 = self.stages.iter().map(|stage| stage.share).sum();
        if total > 1.0 + 1e-12 {
            wrong.push(format!("the stages shed {total} of the demand, which is more than there is"));
        }
        wrong
    }
}

/// Where a stage is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Relay {
    /// The frequency is high enough.
    Waiting,
    /// It is low since a while; the stage acts at this time unless it recovers.
    PickedUp(f64),
    /// The breaker is opening; the load is off at this time.
    Opening(f64),
    /// It has acted.
    Done,
}

/// The relays of an island.
#[derive(Clone, Debug)]
pub(super) struct Relays {
    pub(super) plan: SheddingPlan,
    pub(super) states: Vec<Relay>,
}

impl Relays {
    pub(super) fn new(plan: SheddingPlan) -> Self {
        let states = vec![Relay::Waiting; plan.stages.len()];
        Self { plan, states }
    }

    pub(super) fn signal(&self) -> Signal {
        Signal::Mean(self.plan.window_s)
    }

    /// The next crossing that matters to a stage: the frequency, Hz, and whether the frequency falls to it.
    pub(super) fn watch(&self, stage: usize) -> Option<(f64, bool)> {
        let threshold_hz = self.plan.stages[stage].threshold_hz;
        match self.states[stage] {
            Relay::Waiting => Some((threshold_hz, true)),
            Relay::PickedUp(_) => Some((threshold_hz + self.plan.reset_hz, false)),
            Relay::Opening(_) | Relay::Done => None,
        }
    }

    /// The frequency has crossed what the stage was watching.
    pub(super) fn crossed(&mut self, stage: usize, now_s: f64) {
        self.states[stage] = match self.states[stage] {
            Relay::Waiting => Relay::PickedUp(now_s + self.plan.stages[stage].delay_s),
            Relay::PickedUp(_) => Relay::Waiting,
            state => state,
        };
    }

    pub(super) fn deadline_s(&self) -> f64 {
        let times = self.states.iter().map(|state| match state {
            Relay::PickedUp(at) | Relay::Opening(at) => *at,
            Relay::Waiting | Relay::Done => f64::INFINITY,
        });
        times.fold(f64::INFINITY, f64::min)
    }

    /// Lets timers run out; the stages whose load is off now, in their order.
    pub(super) fn expire(&mut self, now_s: f64) -> Vec<usize> {
        let mut off = Vec::new();
        for (stage, state) in self.states.iter_mut().enumerate() {
            if let Relay::PickedUp(at) = *state
                && at <= now_s
            {
                *state = Relay::Opening(at + self.plan.breaker_s);
            }
            if let Relay::Opening(at) = *state
                && at <= now_s
            {
                *state = Relay::Done;
                off.push(stage);
            }
        }
        off
    }
}
