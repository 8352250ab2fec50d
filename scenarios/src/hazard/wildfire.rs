//! A wildfire grows over the grid, and lines near it trip.
//!
//! The burning area is a circle that grows with the wind: its head advances at the rate of spread and its tail stays where the fire began. A
//! piece of a line trips when the fire comes nearer than its luck allows,
//!
//! ```text
//! P(trips) = 1 within 0.3 km, exp(-(d - 0.3 km) / 0.95 km) at the closest distance d beyond
//! ```
//!
//! the survival curve of ERAD 0.1.15's defaults for smoke and flame, turned the right way round. The fire burns until it is contained; crews go
//! out then. How often lines trip is as uncertain as this one curve.

use powerflow::Diagnostics;
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm::{self, Damage};
use crate::weather::damage::{Lines, Strain, Work};
use crate::weather::fragility::Curve;
use crate::weather::geography::{Map, Point};

const SPREAD: Parameter = Parameter {
    name: "spread_km_h",
    unit: "km/h",
    default: "[0.5, 3]",
    meaning: "how fast the head of the fire advances, drawn once an episode",
};
const HEADING: Parameter = Parameter {
    name: "heading_deg",
    unit: "degree",
    default: "[0, 360]",
    meaning: "where the wind drives it, clockwise from north",
};
const BURNS: Parameter =
    Parameter { name: "burns_h", unit: "h", default: "[6, 24]", meaning: "how long until it is contained" };
const BEGINS: Parameter = storm::begins_parameter("when it breaks out");

pub(super) const KIND: HazardKind = HazardKind {
    name: "wildfire",
    summary: "a fire grows with the wind, and lines near it trip; needs coordinates",
    parameters: &[SPREAD, HEADING, BURNS, BEGINS, storm::ALIKE_EVERYWHERE, storm::ALIKE_NEARBY, storm::CREWS],
    commands: &[],
    techniques: &[],
    parse,
};

/// Within this distance every line trips, km.
const CERTAIN_KM: f64 = 0.3;
/// Beyond it the probability falls by e over this distance, km.
const SCALE_KM: f64 = 0.95;
/// Time between two looks at the fire, s.
const LOOK_S: f64 = 600.0;

/// A wildfire; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Wildfire {
    spread_km_h: Span,
    heading_deg: Span,
    burns_h: Span,
    begins_s: Option<Span>,
    damage: Damage,
}

/// One fire.
#[derive(Clone, Copy, Debug)]
struct Fire {
    began: Point,
    begins_s: f64,
    burns_s: f64,
    spread_km_h: f64,
    heading_deg: f64,
}

impl Fire {
    /// How far a point is from what burns after so many seconds, km.
    fn distance_km(&self, point: Point, burning_s: f64) -> f64 {
        let radius_km = 0.5 * self.spread_km_h * burning_s / 3600.0;
        let heading = self.heading_deg.to_radians();
        let middle = Point {
            x_km: radius_km.mul_add(libm::sin(heading), self.began.x_km),
            y_km: radius_km.mul_add(libm::cos(heading), self.began.y_km),
        };
        (point.to(middle) - radius_km).max(0.0)
    }

    /// The probability that it trips a line here, moment by moment; it only grows, as the fire does.
    fn at(&self, point: Point) -> Strain {
        let looks = (self.burns_s / LOOK_S).ceil().max(1.0) as u32;
        let probability = |look: u32| {
            let burning_s = (f64::from(look) * LOOK_S).min(self.burns_s);
            let beyond = self.distance_km(point, burning_s) - CERTAIN_KM;
            libm::exp(-(beyond.max(0.0)) / SCALE_KM)
        };
        let values = (0..=looks).map(probability).collect();
        Strain::Series { begin_s: self.begins_s, step_s: LOOK_S, values }
    }
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let lines = Lines { curve: Curve::Itself, whole: true, work: Work::After(1.0, 2.0) };
    let span = |low, high| Span { low, high };
    let hazard = Wildfire {
        spread_km_h: settings.span(SPREAD.name, 0.0, 50.0).unwrap_or(span(0.5, 3.0)),
        heading_deg: settings.span(HEADING.name, -360.0, 360.0).unwrap_or(span(0.0, 360.0)),
        burns_h: settings.span(BURNS.name, 0.1, 10_000.0).unwrap_or(span(6.0, 24.0)),
        begins_s: settings.span(BEGINS.name, 0.0, f64::INFINITY),
        damage: Damage::along(&mut settings, "closeness of fire", lines),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl Hazard for Wildfire {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let map = Map::of(world.network, KIND.name).ok()?;
        let mut stream = streams.named("fire");
        let fire = Fire {
            began: map.near(world.network, &mut stream)?,
            begins_s: storm::begins(self.begins_s, world).draw(&mut stream),
            burns_s: 3600.0 * self.burns_h.draw(&mut stream),
            spread_km_h: self.spread_km_h.draw(&mut stream),
            heading_deg: self.heading_deg.draw(&mut stream),
        };
        self.damage.enter(world, &map, streams, timeline, |point| fire.at(point));
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "a fire that spreads at {} km/h towards {} degrees and burns for {} h trips lines {}",
            self.spread_km_h,
            self.heading_deg,
            self.burns_h,
            self.damage.describe()
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        storm::check_begin(KIND.name, world, self.begins_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_advances_and_the_tail_stays() {
        let fire = Fire {
            began: Point::default(),
            begins_s: 0.0,
            burns_s: 36_000.0,
            spread_km_h: 2.0,
            heading_deg: 90.0,
        };
        let after = |x_km: f64, hours: f64| fire.distance_km(Point { x_km, y_km: 0.0 }, hours * 3600.0);
        assert!((after(10.0, 0.0) - 10.0).abs() < 1e-12 && (after(10.0, 3.0) - 4.0).abs() < 1e-12);
        assert_eq!(after(10.0, 5.0), 0.0);
        assert!((after(-1.0, 5.0) - 1.0).abs() < 1e-12, "it does not burn against the wind");
        // A point that the head passes trips for certain, one at 0.3 + 0.95 km from its edge with 1/e.
        let (most, _) = fire.at(Point { x_km: 20.0 + CERTAIN_KM + SCALE_KM, y_km: 0.0 }).peak();
        assert!((most - libm::exp(-1.0)).abs() < 1e-9, "{most}");
        assert_eq!(fire.at(Point { x_km: 5.0, y_km: 0.0 }).peak().0, 1.0);
    }

    #[test]
    fn a_faster_fire_trips_a_superset() {
        crate::sample::more_breaks_a_superset(
            "wildfire",
            |spread| format!("spread_km_h = {spread}\nheading_deg = 90\nburns_h = 20\nbegins_s = 0"),
            1.0,
            6.0,
        );
    }
}
