//! A front passes over wind farms: they reach their rated power, stop above the cut-out wind and come back below the re-entry.
//!
//! The wind is the mean over ten minutes of a front that moves over the map, above what blows everywhere. A farm delivers at most the share of its
//! largest power that its curve says: nothing below 3 m/s, a cube between, all from 12 m/s on, nothing from 25 m/s on until it blows less than 20. The cut-out
//! so spreads at the speed of the front.

use powerflow::Diagnostics;
use powerflow::case::PrimeMover;
use toml::Table;

use super::{Command, Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm::{self, Course};
use crate::weather::damage::Strain;
use crate::weather::front::Front;
use crate::weather::geography::Map;

const BASE: Parameter = Parameter {
    name: "base_m_s",
    unit: "m/s",
    default: "[6, 12]",
    meaning: "wind everywhere before and after, drawn once an episode",
};
const PEAK: Parameter = Parameter {
    name: "peak_m_s",
    unit: "m/s",
    default: "[15, 32]",
    meaning: "strongest mean wind over ten minutes in the front",
};
const WIDTH: Parameter = Parameter {
    name: "width_km",
    unit: "km",
    default: "[50, 200]",
    meaning: "standard deviation of the wind along the way of the front",
};
const LENGTH: Parameter =
    Parameter { name: "length_km", unit: "km", default: "[100, 400]", meaning: "the same across its way" };

pub(super) const KIND: HazardKind = HazardKind {
    name: "wind_ramp",
    summary: "a front passes over wind farms, which stop in too much wind; needs coordinates and prime movers",
    parameters: &[BASE, PEAK, WIDTH, LENGTH, storm::SPEED, storm::HEADING, storm::OFFSET, storm::PASSES],
    commands: &[Command::Capability],
    techniques: &[],
    parse,
};

const CUT_IN_M_S: f64 = 3.0;
const RATED_M_S: f64 = 12.0;
const CUT_OUT_M_S: f64 = 25.0;
const RE_ENTRY_M_S: f64 = 20.0;
/// Time between two values, s: what the wind is a mean over.
const POINT_S: f64 = 600.0;

/// A front over wind farms; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct WindRamp {
    base_m_s: Span,
    peak_m_s: Span,
    width_km: Span,
    length_km: Span,
    course: Course,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let span = |low, high| Span { low, high };
    let hazard = WindRamp {
        base_m_s: settings.span(BASE.name, 0.0, 40.0).unwrap_or(span(6.0, 12.0)),
        peak_m_s: settings.span(PEAK.name, 0.0, 120.0).unwrap_or(span(15.0, 32.0)),
        width_km: settings.span(WIDTH.name, 1.0, 5000.0).unwrap_or(span(50.0, 200.0)),
        length_km: settings.span(LENGTH.name, 1.0, 5000.0).unwrap_or(span(100.0, 400.0)),
        course: Course::read(&mut settings, span(10.0, 25.0)),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

/// Share of its largest power that a running farm delivers.
fn delivers(wind_m_s: f64) -> f64 {
    let cube = |v: f64| v * v * v;
    match wind_m_s {
        v if v < CUT_IN_M_S => 0.0,
        v if v < RATED_M_S => (cube(v) - cube(CUT_IN_M_S)) / (cube(RATED_M_S) - cube(CUT_IN_M_S)),
        _ => 1.0,
    }
}

/// A farm, and whether the wind has stopped it.
#[derive(Clone, Copy, Debug, Default)]
struct Farm {
    stopped: bool,
}

impl Farm {
    /// Share of its largest power in this wind, which follows the one before.
    fn share(&mut self, wind_m_s: f64) -> f64 {
        self.stopped = wind_m_s >= CUT_OUT_M_S || (self.stopped && wind_m_s >= RE_ENTRY_M_S);
        if self.stopped { 0.0 } else { delivers(wind_m_s) }
    }
}

impl Hazard for WindRamp {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let network = world.network;
        let map = Map::of(network, KIND.name).ok()?;
        let mut stream = streams.named("storm");
        let base_m_s = self.base_m_s.draw(&mut stream);
        let front = Front {
            peak_m_s: (self.peak_m_s.draw(&mut stream) - base_m_s).max(0.0),
            width_km: self.width_km.draw(&mut stream),
            length_km: self.length_km.draw(&mut stream),
            way: self.course.draw(world, &map, &mut stream),
        };
        let is_wind = storm::driven_by(network, PrimeMover::Wind);
        let passing: Vec<Strain> =
            network.units.bus.as_slice().iter().map(|bus| front.at(map.bus(*bus))).collect();
        let mut farms = vec![Farm::default(); is_wind.len()];
        storm::enter_capability(world, POINT_S, timeline, |seconds| {
            let share = |(row, farm): (usize, &mut Farm)| match is_wind[row] {
                true => farm.share(base_m_s + passing[row].value_at(seconds)),
                false => 1.0,
            };
            farms.iter_mut().enumerate().map(share).collect()
        });
        Some(0.0)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "wind of {} m/s, and up to {} m/s in a front {} km along and {} km across its way, {}; wind farms deliver what their curve says and stop at {CUT_OUT_M_S} m/s",
            self.base_m_s,
            self.peak_m_s,
            self.width_km,
            self.length_km,
            self.course.describe()
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let mut complaints = self.course.check(KIND.name, world);
        complaints.0.extend(storm::needs(KIND.name, world.network, PrimeMover::Wind));
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn a_farm_stops_late_and_comes_back_later() {
        let mut farm = Farm::default();
        let ours: Vec<f64> =
            [2.0, 12.0, 24.9, 25.0, 22.0, 20.0, 19.9].iter().map(|wind| farm.share(*wind)).collect();
        assert_eq!(ours, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!((delivers(3.0), delivers(12.0)), (0.0, 1.0));
        assert!((1..120).all(|v| delivers(f64::from(v) / 10.0) <= delivers(f64::from(v + 1) / 10.0)));
    }

    /// Two farms 440 km apart along the way of a front of 20 m/s: what befalls the one befalls the other 22,000 s later.
    #[test]
    fn the_cut_out_spreads_with_the_front() {
        let text = "kind = 'wind_ramp'\nbase_m_s = 8\npeak_m_s = 30\nwidth_km = 60\nlength_km = 5000\nspeed_m_s = 20\nheading_deg = 90\noffset_km = 0\npasses_at_s = 43200";
        let timeline = crate::sample::on_chain(text, 0);
        let stops = |row: usize| {
            let stopped = |timed: &&TimedEvent| match &timed.event {
                Event::Capability { factor } => factor[row] == 0.0,
                _ => false,
            };
            timeline.iter().find(stopped).expect("it stops").at.seconds()
        };
        let (first, last) = (0, crate::sample::CHAIN_LINES as usize);
        let later_s = stops(last) - stops(first);
        let wanted_s = crate::sample::CHAIN_KM * crate::sample::CHAIN_LINES as f64 * 1000.0 / 20.0;
        assert!((later_s - wanted_s).abs() <= POINT_S, "{later_s} against {wanted_s}");
        // Units that no wind drives stay what they are.
        assert!(
            timeline
                .iter()
                .all(|timed| matches!(&timed.event, Event::Capability { factor } if factor[1] == 1.0))
        );
    }
}
