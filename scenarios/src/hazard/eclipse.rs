//! An eclipse of the sun passes over solar plants.
//!
//! The shadow crosses the map as a storm does. At a place, the discs of sun and moon are nearest when its axis passes, as far apart as the place is from it;
//! the share that is covered is that of two equal discs. A plant delivers at most what of the sun is left, as a share of its
//! largest power.

use powerflow::Diagnostics;
use powerflow::case::PrimeMover;
use toml::Table;

use super::{Command, Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm::{self, Course};
use crate::weather::eclipse::covered;
use crate::weather::geography::Map;

const RADIUS: Parameter = Parameter {
    name: "radius_km",
    unit: "km",
    default: "3500",
    meaning: "distance from the axis of the shadow at which nothing is covered any more",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "eclipse",
    summary: "an eclipse of the sun passes over solar plants; needs coordinates and prime movers",
    parameters: &[RADIUS, storm::SPEED, storm::HEADING, storm::OFFSET, storm::PASSES],
    commands: &[Command::Capability],
    techniques: &[],
    parse,
};

/// Time between two values, s.
const POINT_S: f64 = 300.0;

/// An eclipse; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Eclipse {
    radius_km: Span,
    course: Course,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let hazard = Eclipse {
        radius_km: settings.span(RADIUS.name, 0.1, 10_000.0).unwrap_or(Span { low: 3500.0, high: 3500.0 }),
        course: Course::read(&mut settings, Span { low: 700.0, high: 1000.0 }),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl Hazard for Eclipse {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let network = world.network;
        let map = Map::of(network, KIND.name).ok()?;
        let mut stream = streams.named("storm");
        let radius_km = self.radius_km.draw(&mut stream);
        let way = self.course.draw(world, &map, &mut stream);
        let is_solar = storm::driven_by(network, PrimeMover::Solar);
        storm::enter_capability(world, POINT_S, timeline, |seconds| {
            let axis = way.at(seconds);
            let left = |row: usize| {
                let place = map.bus(network.units.bus.as_slice()[row]);
                // Discs that touch are two radii apart.
                1.0 - covered(2.0 * place.to(axis) / radius_km)
            };
            let share = |(row, solar): (usize, &bool)| if *solar { left(row) } else { 1.0 };
            is_solar.iter().enumerate().map(share).collect()
        });
        Some(0.0)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "an eclipse of the sun, {}, covers it within {} km; solar plants deliver what is left of it",
            self.course.describe(),
            self.radius_km
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let mut complaints = self.course.check(KIND.name, world);
        complaints.0.extend(storm::needs(KIND.name, world.network, PrimeMover::Solar));
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    /// The axis passes over a plant: all is covered there and then, and the same share as long before as after.
    #[test]
    fn the_sun_goes_and_returns() {
        let text = "kind = 'eclipse'\nspeed_m_s = 900\nheading_deg = 90\noffset_km = 0\npasses_at_s = 43200";
        let timeline = crate::sample::on_chain(text, 0);
        let row = crate::sample::CHAIN_SOLAR;
        let left = |seconds: f64| {
            let due = timeline.iter().take_while(|timed| timed.at.seconds() <= seconds);
            due.last().map_or(1.0, |timed| match &timed.event {
                Event::Capability { factor } => factor[row],
                other => panic!("{other:?}"),
            })
        };
        let crest_s = (0..288)
            .map(|n| f64::from(n) * POINT_S)
            .min_by(|a, b| left(*a).total_cmp(&left(*b)))
            .expect("a moment");
        assert!((crest_s - 43_200.0).abs() <= 600.0, "{crest_s}");
        assert!(left(crest_s) < 0.06, "{}", left(crest_s));
        assert_eq!((left(30_000.0), left(60_000.0)), (1.0, 1.0));
        let falls = [3000.0, 2400.0, 1800.0, 1200.0, 600.0].map(|before| left(crest_s - before));
        assert!(falls.windows(2).all(|pair| pair[1] < pair[0]), "{falls:?}");
    }
}
