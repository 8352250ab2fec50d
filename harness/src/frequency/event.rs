//! What can happen to an island while its frequency moves.

use std::borrow::Cow;

use super::ride_through::FrequencyCause;

/// An event. It has already acted on the island; whoever hears of it carries it into the power flow.
#[derive(Clone, Debug, PartialEq)]
pub struct FrequencyEvent {
    /// When, s.
    pub time_s: f64,
    /// The frequency then, Hz.
    pub frequency_hz: f64,
    /// What.
    pub kind: FrequencyEventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum FrequencyEventKind {
    /// A stage of under-frequency load shedding took its load off.
    Shed {
        /// Its number in the plan, from 0.
        stage: usize,
        /// Its threshold, Hz.
        threshold_hz: f64,
        /// Share of the demand before the event.
        share: f64,
        /// Demand that went, at nominal frequency, pu.
        load_pu: f64,
    },
    /// A unit could not ride through.
    UnitTripped {
        /// Its number in the model, from 0.
        unit: usize,
        /// What it could not endure.
        cause: FrequencyCause,
        /// The limit, Hz; of the slope, Hz/s.
        limit: f64,
        /// Power that it gave, pu.
        power_pu: f64,
    },
    /// A device's power begins to change.
    ResponseFired {
        /// Its number in the model, from 0.
        response: usize,
        /// Power that it goes to, pu.
        power_pu: f64,
    },
    /// A limit that is watched and trips nothing was broken.
    LimitBroken {
        /// Name of its curve.
        curve: Cow<'static, str>,
        /// How.
        cause: FrequencyCause,
        /// The limit, Hz; of the slope, Hz/s.
        limit: f64,
    },
    /// The island has no frequency any more, and serves nothing.
    Dead(Death),
}

/// Why an island died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Nothing with inertia is left.
    NoSource,
    /// The frequency left what any machine endures: [`super::RANGE_PU`].
    OutOfRange,
}

impl Death {
    /// Its name in documents.
    pub fn id(self) -> &'static str {
        match self {
            Death::NoSource => "no_source",
            Death::OutOfRange => "out_of_range",
        }
    }
}
