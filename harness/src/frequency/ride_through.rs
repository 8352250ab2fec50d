//! How long equipment endures a frequency: curves of time against frequency, and relays on its slope.
//!
//! A curve is judged by the time spent beyond each of its levels, added up until the frequency is back in the zone where
//! operation is unlimited. Where the curve is a formula, each moment uses up the share `dt / t(f)` of the time allowed at its
//! frequency, as an inverse-time relay integrates it; at a constant frequency that is the curve itself.

use std::borrow::Cow;

use super::trace::{Segment, Signal};

/// `log10 t = intercept + slope f` for frequencies from `from_hz` outwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseTime {
    /// Where it begins, Hz.
    pub from_hz: f64,
    /// Intercept.
    pub intercept: f64,
    /// Slope, 1/Hz.
    pub slope_per_hz: f64,
    /// Shortest time that it gives, s.
    pub shortest_s: f64,
}

impl InverseTime {
    /// Time allowed at a frequency, s; infinite where it does not apply.
    pub fn time_s(&self, frequency_hz: f64) -> f64 {
        // Times grow towards the nominal frequency, so the sign of the slope says on which side the curve lies.
        let beyond = (self.from_hz - frequency_hz) * self.slope_per_hz >= 0.0;
        if beyond {
            libm::exp10(self.intercept + self.slope_per_hz * frequency_hz).max(self.shortest_s)
        } else {
            f64::INFINITY
        }
    }
}

/// One side of the nominal frequency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// `(frequency Hz, time s)`: how long the frequency may be there or further out; zero is at once.
    pub levels: Vec<(f64, f64)>,
    /// A part that is a formula.
    pub inverse: Option<InverseTime>,
}

/// Time against frequency.
#[derive(Clone, Debug, PartialEq)]
pub struct FrequencyCurve {
    /// How documents name it.
    pub name: Cow<'static, str>,
    /// Nominal frequency of the grids it is for, Hz.
    pub nominal_hz: f64,
    /// Below nominal.
    pub under: Side,
    /// Above nominal.
    pub over: Side,
}

impl FrequencyCurve {
    /// Names of the curves that [`FrequencyCurve::named`] knows.
    pub const NAMES: [&'static str; 4] = ["eastern", "western", "ercot", "performance"];

    /// A curve by its name; figures quoted from memory: re-check before using them as a standard.
    ///
    /// - `eastern`, `western`, `ercot`: NERC PRC-024, no-trip boundaries of generating units by interconnection.
    /// - `performance`: NERC PRC-006, what the frequency of an island of 25 % deficit must keep within.
    pub fn named(name: &str) -> Option<Self> {
        let curve = |name: &'static str, under: &[(f64, f64)], over: &[(f64, f64)]| Self {
            name: name.into(),
            nominal_hz: 60.0,
            under: Side { levels: under.to_vec(), inverse: None },
            over: Side { levels: over.to_vec(), inverse: None },
        };
        let inverse = |from_hz, intercept, slope_per_hz, shortest_s| {
            Some(InverseTime { from_hz, intercept, slope_per_hz, shortest_s })
        };
        Some(match name {
            "eastern" => {
                let mut eastern = curve("eastern", &[(57.8, 0.0)], &[(61.8, 0.0)]);
                eastern.under.inverse = inverse(59.5, -100.116, 1.7373, 0.0);
                eastern.over.inverse = inverse(60.5, 90.935, -1.45713, 0.0);
                eastern
            }
            "western" => curve(
                "western",
                &[(57.0, 0.0), (57.3, 0.75), (57.8, 7.5), (58.4, 30.0), (59.4, 180.0)],
                &[(61.7, 0.0), (61.6, 30.0), (60.6, 180.0)],
            ),
            "ercot" => curve(
                "ercot",
                &[(57.5, 0.0), (58.0, 2.0), (58.4, 30.0), (59.4, 540.0)],
                &[(61.8, 0.0), (61.6, 30.0), (60.6, 540.0)],
            ),
            "performance" => {
                // f = 0.575 log10 t + 57.83 from 2 to 30 s, and f = 62.21 - 0.686 log10 t from 4 to 30 s, for log10 t.
                let end = libm::log10(30.0);
                let mut prc006 =
                    curve("performance", &[(58.0, 2.0), (59.3, 30.0)], &[(61.8, 4.0), (60.7, 30.0)]);
                prc006.under.inverse = inverse(57.83 + 0.575 * end, -57.83 / 0.575, 1.0 / 0.575, 2.0);
                prc006.over.inverse = inverse(62.21 - 0.686 * end, 62.21 / 0.686, -1.0 / 0.686, 4.0);
                prc006
            }
            _ => return None,
        })
    }
}

/// A relay on the slope of the frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocofRelay {
    /// It acts where the slope, falling or rising, reaches this, Hz/s.
    pub limit_hz_per_s: f64,
    /// Window over which it measures, s.
    pub window_s: f64,
}

impl RocofRelay {
    /// 1 Hz/s over half a second, as in Ireland and Great Britain (EirGrid RoCoF project; ENA EREC G99).
    pub const IRELAND: Self = Self { limit_hz_per_s: 1.0, window_s: 0.5 };
}

/// What a unit, or an observer, endures.
#[derive(Clone, Debug, PartialEq)]
pub struct RideThrough {
    /// Time against frequency.
    pub curve: FrequencyCurve,
    /// Times of the curve are multiplied by this: 1 is the curve, less a weaker unit.
    pub time_factor: f64,
    /// A relay on the slope besides.
    pub rocof: Option<RocofRelay>,
}

impl RideThrough {
    /// A curve as it is, without a relay on the slope.
    pub fn of_curve(curve: FrequencyCurve) -> Self {
        Self { curve, time_factor: 1.0, rocof: None }
    }

    /// What is wrong with it at a nominal frequency, in words.
    pub(crate) fn wrong(&self, nominal_hz: f64) -> Vec<String> {
        let mut wrong = Vec::new();
        let curve = &self.curve;
        if curve.nominal_hz != nominal_hz {
            let hz = curve.nominal_hz;
            wrong.push(format!(
                "the curve `{}` is for grids of {hz} Hz, this one has {nominal_hz} Hz",
                curve.name
            ));
        }
        if !(self.time_factor > 0.0 && self.time_factor.is_finite()) {
            wrong.push(format!("the factor of its times is {}, it should be above zero", self.time_factor));
        }
        for (side, sign) in [(&curve.under, 1.0), (&curve.over, -1.0)] {
            for (hz, time) in &side.levels {
                if !(sign * (nominal_hz - hz) > 0.0 && *time >= 0.0 && time.is_finite()) {
                    wrong.push(format!("the level of {hz} Hz and {time} s is none"));
                }
            }
        }
        if let Some(relay) = self.rocof
            && !(relay.limit_hz_per_s > 0.0
                && relay.window_s > 0.0
                && (relay.limit_hz_per_s + relay.window_s).is_finite())
        {
            wrong.push("the relay on the slope needs a limit and a window above zero".into());
        }
        wrong
    }
}

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrequencyCause {
    /// Too low for too long.
    UnderFrequency,
    /// Too high for too long.
    OverFrequency,
    /// Too steep.
    Rocof,
}

impl FrequencyCause {
    /// Its name in documents.
    pub fn id(self) -> &'static str {
        match self {
            FrequencyCause::UnderFrequency => "under_frequency",
            FrequencyCause::OverFrequency => "over_frequency",
            FrequencyCause::Rocof => "rocof",
        }
    }
}

/// A level and the time spent beyond it.
#[derive(Clone, Copy, Debug)]
struct Level {
    hz: f64,
    allowed_s: f64,
    /// Since when the frequency is beyond it.
    since_s: Option<f64>,
    /// Time spent beyond it before that, s.
    used_s: f64,
}

/// One side, watched.
#[derive(Clone, Debug)]
struct Watched {
    cause: FrequencyCause,
    /// 1 below nominal, -1 above.
    sign: f64,
    levels: Vec<Level>,
    inverse: Option<InverseTime>,
    factor: f64,
    /// Share of the time of the formula that is used up.
    share: f64,
    /// Where operation is unlimited again, Hz.
    edge_hz: f64,
}

impl Watched {
    fn new(side: &Side, cause: FrequencyCause, sign: f64, factor: f64) -> Self {
        let level = |&(hz, s): &(f64, f64)| Level { hz, allowed_s: s * factor, since_s: None, used_s: 0.0 };
        let edges =
            side.levels.iter().map(|level| level.0).chain(side.inverse.map(|inverse| inverse.from_hz));
        Self {
            cause,
            sign,
            levels: side.levels.iter().map(level).collect(),
            inverse: side.inverse,
            factor,
            share: 0.0,
            edge_hz: edges.map(|hz| sign * hz).fold(f64::NEG_INFINITY, f64::max) * sign,
        }
    }

    /// Share of its time that the formula loses up to `tau` into a step: Simpson's rule on each half.
    fn used(&self, segment: &Segment, tau: f64, nominal_hz: f64) -> f64 {
        let Some(inverse) = self.inverse else { return 0.0 };
        let hz = |at: f64| nominal_hz * (1.0 + segment.speed(at));
        let rate = |at: f64| 1.0 / (inverse.time_s(hz(at)) * self.factor);
        let rates = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| rate(share * tau));
        (rates[0] + 4.0 * rates[1] + 2.0 * rates[2] + 4.0 * rates[3] + rates[4]) * tau / 12.0
    }
}

/// What broke a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Broken {
    pub(super) cause: FrequencyCause,
    /// The limit, Hz or Hz/s.
    pub(super) limit: f64,
}

/// Settings at work.
#[derive(Clone, Debug)]
pub(super) struct Monitor {
    pub(super) settings: RideThrough,
    sides: [Watched; 2],
    pub(super) done: bool,
}

impl Monitor {
    pub(super) fn new(settings: RideThrough) -> Self {
        let (curve, factor) = (&settings.curve, settings.time_factor);
        let sides = [
            Watched::new(&curve.under, FrequencyCause::UnderFrequency, 1.0, factor),
            Watched::new(&curve.over, FrequencyCause::OverFrequency, -1.0, factor),
        ];
        Self { sides, settings, done: false }
    }

    /// What it waits for: which of its watches, the frequency in Hz, and whether the frequency falls to it.
    pub(super) fn watches(&self) -> Vec<(usize, f64, bool)> {
        let mut watches = Vec::new();
        let mut which = 0;
        for side in &self.sides {
            for level in &side.levels {
                watches.push((which, level.hz, (side.sign > 0.0) == level.since_s.is_none()));
                which += 1;
            }
        }
        watches
    }

    /// The relay on the slope: its signal and its limit, Hz/s.
    pub(super) fn rocof(&self) -> Option<(Signal, f64)> {
        self.settings.rocof.map(|relay| (Signal::Slope(relay.window_s), relay.limit_hz_per_s))
    }

    /// The frequency has crossed a level.
    pub(super) fn crossed(&mut self, which: usize, now_s: f64) {
        let levels = self.sides.iter_mut().flat_map(|side| &mut side.levels);
        if let Some(level) = levels.into_iter().nth(which) {
            match level.since_s.take() {
                None => level.since_s = Some(now_s),
                Some(since_s) => level.used_s += now_s - since_s,
            }
        }
    }

    pub(super) fn deadline_s(&self) -> f64 {
        let levels = self.sides.iter().flat_map(|side| &side.levels);
        let ends = levels.filter_map(|level| Some(level.since_s? + level.allowed_s - level.used_s));
        if self.done { f64::INFINITY } else { ends.fold(f64::INFINITY, f64::min) }
    }

    /// The limit whose time is up.
    pub(super) fn expire(&mut self, now_s: f64) -> Option<Broken> {
        if self.deadline_s() > now_s {
            return None;
        }
        self.done = true;
        self.sides.iter().find_map(|side| {
            let up = |level: &&Level| {
                level.since_s.is_some_and(|since| since + level.allowed_s - level.used_s <= now_s)
            };
            side.levels.iter().find(up).map(|level| Broken { cause: side.cause, limit: level.hz })
        })
    }

    /// Whether any formula is being used up, or was and is not forgotten.
    fn is_idle(&self, segment: &Segment, nominal_hz: f64) -> bool {
        let [a, b] = segment.speed.map(|speed| nominal_hz * (1.0 + speed));
        let outside = |side: &Watched| {
            let furthest = if side.sign > 0.0 { a.min(b) } else { a.max(b) };
            side.sign * (side.edge_hz - furthest) >= 0.0
        };
        let used = |side: &Watched| side.share > 0.0 || side.levels.iter().any(|level| level.used_s > 0.0);
        !self.sides.iter().any(|side| outside(side) || used(side))
    }

    /// When, within a step, the time of a formula is used up, and what it broke.
    pub(super) fn exhausted(&self, segment: &Segment, nominal_hz: f64) -> Option<(f64, Broken)> {
        if self.done || self.is_idle(segment, nominal_hz) {
            return None;
        }
        let side = self.sides.iter().find(|side| {
            side.inverse.is_some() && side.share + side.used(segment, segment.length_s, nominal_hz) >= 1.0
        })?;
        let (mut before, mut after) = (0.0, segment.length_s);
        for _ in 0..60 {
            let middle = 0.5 * (before + after);
            if side.share + side.used(segment, middle, nominal_hz) >= 1.0 {
                after = middle;
            } else {
                before = middle;
            }
        }
        Some((after, Broken { cause: side.cause, limit: side.edge_hz }))
    }

    /// Adds a step that was taken to what is used up; forgets it all where the frequency is back.
    pub(super) fn add(&mut self, segment: &Segment, nominal_hz: f64) {
        if self.done || self.is_idle(segment, nominal_hz) {
            return;
        }
        let end_hz = nominal_hz * (1.0 + segment.speed[1]);
        for side in &mut self.sides {
            side.share += side.used(segment, segment.length_s, nominal_hz);
            if side.sign * (end_hz - side.edge_hz) > 0.0 {
                side.share = 0.0;
                for level in side.levels.iter_mut().filter(|level| level.since_s.is_none()) {
                    level.used_s = 0.0;
                }
            }
        }
    }

    /// Whether the frequency is where its time is limited.
    pub(super) fn is_counting(&self, frequency_hz: f64) -> bool {
        !self.done && self.sides.iter().any(|side| side.sign * (side.edge_hz - frequency_hz) >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 59.5 Hz for 1790 s, and 30 s at either end of the performance curve: the figures that go with the formulas.
    #[test]
    fn formulas_meet_their_figures() {
        let eastern =
            FrequencyCurve::named("eastern").and_then(|curve| curve.under.inverse).expect("a formula");
        assert!((eastern.time_s(59.5) - 1790.0).abs() < 20.0, "{}", eastern.time_s(59.5));
        assert_eq!(eastern.time_s(59.6), f64::INFINITY);
        let prc006 = FrequencyCurve::named("performance").expect("a curve");
        for (side, near, far, shortest) in
            [(prc006.under, 58.0, 58.679, 2.0), (prc006.over, 61.8, 61.197, 4.0)]
        {
            let inverse = side.inverse.expect("a formula");
            assert!((inverse.time_s(near) - shortest).abs() < 0.05, "{}", inverse.time_s(near));
            assert!((inverse.from_hz - far).abs() < 1e-3);
            assert!((inverse.time_s(inverse.from_hz) - 30.0).abs() < 1e-9);
        }
    }

    #[test]
    fn every_name_is_a_curve_that_is_sound() {
        for name in FrequencyCurve::NAMES {
            let curve = FrequencyCurve::named(name).expect("a curve");
            assert_eq!((&*curve.name, RideThrough::of_curve(curve.clone()).wrong(60.0)), (name, Vec::new()));
        }
    }
}
