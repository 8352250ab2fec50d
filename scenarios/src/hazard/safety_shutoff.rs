//! Before a day of wind and drought the operator opens the lines of a zone, so that they start no fire.
//!
//! It is planned: all lines that touch the zone are opened at its beginning and closed again after the wind and a patrol of each.
//! Source of the practice: public-safety power shutoffs of utilities in the western United States, for gusts above 20 to 25 m/s
//! and a humidity below 20 % in listed zones; not re-read. Where the zone is, is drawn.

use powerflow::Diagnostics;
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm;
use crate::weather::exposure::segments;
use crate::weather::geography::Map;

const RADIUS: Parameter = Parameter {
    name: "radius_km",
    unit: "km",
    default: "[10, 40]",
    meaning: "radius of the zone, drawn once an episode",
};
const BEGINS: Parameter = storm::begins_parameter("when its lines are opened");
const LASTS: Parameter =
    Parameter { name: "lasts_h", unit: "h", default: "[12, 48]", meaning: "how long the wind lasts" };
const PATROL: Parameter = Parameter {
    name: "patrol_h",
    unit: "h",
    default: "[2, 12]",
    meaning: "how long it takes after the wind until a line has been looked at, drawn for each",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "safety_shutoff",
    summary: "the operator opens the lines of a zone for a day of wind and drought; needs coordinates",
    parameters: &[RADIUS, BEGINS, LASTS, PATROL],
    commands: &[],
    techniques: &[],
    parse,
};

/// A shutoff; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct SafetyShutoff {
    radius_km: Span,
    begins_s: Option<Span>,
    lasts_h: Span,
    patrol_h: Span,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let span = |low, high| Span { low, high };
    let hazard = SafetyShutoff {
        radius_km: settings.span(RADIUS.name, 0.1, 10_000.0).unwrap_or(span(10.0, 40.0)),
        begins_s: settings.span(BEGINS.name, 0.0, f64::INFINITY),
        lasts_h: settings.span(LASTS.name, 0.01, 10_000.0).unwrap_or(span(12.0, 48.0)),
        patrol_h: settings.span(PATROL.name, 0.0, 1000.0).unwrap_or(span(2.0, 12.0)),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl Hazard for SafetyShutoff {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let network = world.network;
        let map = Map::of(network, KIND.name).ok()?;
        let mut stream = streams.named("zone");
        let middle = map.near(network, &mut stream)?;
        let radius_km = self.radius_km.draw(&mut stream);
        let begins_s = storm::begins(self.begins_s, world).draw(&mut stream);
        let over_s = 3600.0f64.mul_add(self.lasts_h.draw(&mut stream), begins_s);
        let mut patrols = streams.named("patrol");
        for branch in network.branches.from.indices() {
            // Drawn for every branch, so that each is looked at when it is whatever else is in the zone.
            let back_s = 3600.0f64.mul_add(self.patrol_h.draw(&mut patrols), over_s);
            let (from, to) = map.ends(network, branch);
            let is_line = network.branches.in_service[branch] && !network.branches.transformer[branch];
            if is_line && segments(from, to).0.iter().any(|piece| piece.to(middle) <= radius_km) {
                let mut push = |seconds: f64, event: Event| {
                    if seconds <= world.last_step_s() {
                        timeline.push(TimedEvent { at: Moment::from_seconds(seconds), event });
                    }
                };
                push(begins_s, Event::BranchOut { branch });
                push(back_s, Event::BranchBack { branch });
            }
        }
        // Near which branch the zone lies is a discrete draw, and many lead to the same losses.
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "lines within {} km of a place are opened for {} h and closed {} h later, when they have been looked at",
            self.radius_km, self.lasts_h, self.patrol_h
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        storm::check_begin(KIND.name, world, self.begins_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_touches_the_zone_is_opened_together_and_comes_back_later() {
        for index in 0..20 {
            let timeline = sample::on_chain(
                "kind = 'safety_shutoff'\nradius_km = 60\nbegins_s = 7200\nlasts_h = 3\npatrol_h = [1, 2]",
                index,
            );
            let (out, back): (Vec<&TimedEvent>, Vec<&TimedEvent>) =
                timeline.iter().partition(|timed| matches!(timed.event, Event::BranchOut { .. }));
            // A zone 120 km wide in a chain with a bus every 40 km touches two lines at least.
            assert!(out.len() >= 2 && out.len() == back.len(), "{timeline:?}");
            assert!(out.iter().all(|timed| timed.at == Moment::from_seconds(7200.0)));
            let hours = |timed: &TimedEvent| timed.at.seconds() / 3600.0;
            assert!(back.iter().all(|timed| (6.0..=7.0).contains(&hours(timed))));
        }
    }
}
