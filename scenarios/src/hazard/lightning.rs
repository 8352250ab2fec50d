//! A thunderstorm crosses the grid: lines trip, and most of them close again at once.
//!
//! While a cell passes, a piece of a line is struck at a rate per length and time that falls with its voltage. Whether and when is drawn for each
//! piece; the line trips with the first. Its breakers close again after the dead time; where that fails, it stays out until it was looked at.

use powerflow::Diagnostics;
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm::{self, Course};
use crate::weather::exposure::segments;
use crate::weather::geography::Map;

const RATE: Parameter = Parameter {
    name: "trips_per_100km_h",
    unit: "1/(100 km h)",
    default: "[0.1, 0.5]",
    meaning: "trips of a line of 110 kV under the cell; in proportion to 110 kV over the nominal voltage for others",
};
const RADIUS: Parameter =
    Parameter { name: "radius_km", unit: "km", default: "[15, 50]", meaning: "radius of the cell" };
const DEAD: Parameter = Parameter {
    name: "dead_time_s",
    unit: "s",
    default: "1",
    meaning: "how long until the breakers close again",
};
const RECLOSES: Parameter = Parameter {
    name: "recloses",
    unit: "1",
    default: "0.75",
    meaning: "share of trips after which that succeeds",
};
const LOOKED_AT: Parameter = Parameter {
    name: "repair_h",
    unit: "h",
    default: "[2, 10]",
    meaning: "how long a line stays out where it does not",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "lightning",
    summary: "a thunderstorm crosses the grid; lines trip and most close again; needs coordinates",
    parameters: &[
        RATE,
        RADIUS,
        DEAD,
        RECLOSES,
        LOOKED_AT,
        storm::SPEED,
        storm::HEADING,
        storm::OFFSET,
        storm::PASSES,
    ],
    commands: &[],
    techniques: &[],
    parse,
};

/// The voltage that the rate is for, kV. That it falls in proportion is an assumption: the literature agrees only that it falls.
const RATE_KV: f64 = 110.0;

/// A thunderstorm; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Lightning {
    per_100km_h: Span,
    radius_km: Span,
    dead_time_s: f64,
    recloses: f64,
    repair_h: Span,
    course: Course,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let span = |low, high| Span { low, high };
    let hazard = Lightning {
        per_100km_h: settings.span(RATE.name, 0.0, 1000.0).unwrap_or(span(0.1, 0.5)),
        radius_km: settings.span(RADIUS.name, 0.1, 10_000.0).unwrap_or(span(15.0, 50.0)),
        dead_time_s: settings.number(DEAD.name, 1.0, 0.0, 3600.0),
        recloses: settings.number(RECLOSES.name, 0.75, 0.0, 1.0),
        repair_h: settings.span(LOOKED_AT.name, 0.0, 10_000.0).unwrap_or(span(2.0, 10.0)),
        course: Course::read(&mut settings, span(8.0, 20.0)),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl Hazard for Lightning {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let network = world.network;
        let map = Map::of(network, KIND.name).ok()?;
        let mut stream = streams.named("storm");
        let per_km_s = self.per_100km_h.draw(&mut stream) / 100.0 / 3600.0;
        let radius_km = self.radius_km.draw(&mut stream);
        let way = self.course.draw(world, &map, &mut stream);
        let (mut strokes, mut after) = (streams.named("strokes"), streams.named("reclosing"));
        for branch in network.branches.from.indices() {
            let (from, to) = map.ends(network, branch);
            let kv = network.buses.base_kv[network.branches.from[branch]];
            let falls = if kv > 0.0 { RATE_KV / kv } else { 1.0 };
            let (pieces, piece_km) = segments(from, to);
            let mut first_s = f64::INFINITY;
            for piece in pieces {
                // Waiting time in units of its mean: a stronger storm strikes the same piece earlier.
                let wait = -libm::log(strokes.uniform_open());
                let (ahead_km, right_km) = way.beside(piece);
                let half_km = (radius_km * radius_km - right_km * right_km).max(0.0).sqrt();
                let half_s = 1000.0 * half_km / way.speed_m_s;
                let struck_s = wait / (per_km_s * piece_km * falls);
                let crest_s = way.passes_at_s + 1000.0 * ahead_km / way.speed_m_s;
                // What struck before the episode began is over.
                let from_s = (crest_s - half_s).max(0.0);
                if from_s + struck_s < crest_s + half_s {
                    first_s = first_s.min(from_s + struck_s);
                }
            }
            let (luck, repair_h) = (after.uniform(), self.repair_h.draw(&mut after));
            let is_line = network.branches.in_service[branch] && !network.branches.transformer[branch];
            if is_line && first_s.is_finite() {
                let out_s = if luck < self.recloses { self.dead_time_s } else { 3600.0 * repair_h };
                let mut push = |seconds: f64, event: Event| {
                    if seconds <= world.last_step_s() {
                        timeline.push(TimedEvent { at: Moment::from_seconds(seconds), event });
                    }
                };
                push(first_s, Event::BranchOut { branch });
                push(first_s + out_s, Event::BranchBack { branch });
            }
        }
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "a thunderstorm {} km wide to each side, {}, trips {} lines of 110 kV in 100 km and hour; {} of them close again after {} s, the others after {} h",
            self.radius_km,
            self.course.describe(),
            self.per_100km_h,
            self.recloses,
            self.dead_time_s,
            self.repair_h
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        self.course.check(KIND.name, world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    /// Lines of 40 km at 110 kV under a cell that needs 100 km / 36 km/h to pass: 1 - exp(-rate length time) of them trip.
    #[test]
    fn lines_trip_as_often_as_the_rate_says() {
        let text = "kind = 'lightning'\ntrips_per_100km_h = 0.2\nradius_km = 50\nspeed_m_s = 10\nheading_deg = 90\noffset_km = 0\npasses_at_s = 43200";
        let (mut trips, mut closed) = (0, 0);
        let storms = 2000;
        for index in 0..storms {
            let timeline = sample::on_chain(text, index);
            trips += timeline.iter().filter(|t| matches!(t.event, Event::BranchOut { .. })).count();
            let at = |wanted: &Event| timeline.iter().find(|t| t.event == *wanted).map(|t| t.at);
            for timed in &timeline {
                if let Event::BranchOut { branch } = timed.event {
                    let back = at(&Event::BranchBack { branch });
                    let dead_s = back.map(|back| back.seconds() - timed.at.seconds());
                    closed += usize::from(dead_s.is_some_and(|seconds| (seconds - 1.0).abs() < 1e-6));
                }
            }
        }
        let (length_km, hours) = (sample::CHAIN_KM, 100.0 / 36.0);
        let share = 1.0 - libm::exp(-0.2 / 100.0 * length_km * hours);
        let n = (storms * sample::CHAIN_LINES) as f64;
        let error = (share * (1.0 - share) / n).sqrt();
        assert!((trips as f64 / n - share).abs() < 4.0 * error, "{} against {share}", trips as f64 / n);
        let error = (0.75 * 0.25 / trips as f64).sqrt();
        assert!((closed as f64 / trips as f64 - 0.75).abs() < 4.0 * error);
    }
}
