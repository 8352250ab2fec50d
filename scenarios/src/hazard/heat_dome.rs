//! Days of heat: demand, ratings, capability of units and their forced outages, all on one series of temperatures.
//!
//! ```text
//! demand      1 + load_per_degree (T - 25), above 25 deg C
//! units       1 - derating_per_degree (T - 15), above 15 deg C
//! ```
//!
//! Ratings and forced outages: see [`crate::temperature`]. Where neither the case nor a table says what units are, and the suite does not
//! say it for all of them, none is lost.

use powerflow::Diagnostics;
use toml::Table;

use super::{Command, Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::temperature::{self, Effects};

const PEAK: Parameter = Parameter {
    name: "peak_c",
    unit: "deg C",
    default: "[35, 43]",
    meaning: "temperature in the afternoon: a number, or [lowest, highest] drawn from uniformly",
};
const LOAD: Parameter = Parameter {
    name: "load_per_degree",
    unit: "1",
    default: "0.02",
    meaning: "growth of demand for each degree above 25, as a share of the file's",
};
const DERATING: Parameter = Parameter {
    name: "derating_per_degree",
    unit: "1",
    default: "0.006",
    meaning: "loss of the largest power of units for each degree above 15",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "heat_dome",
    summary: "days of heat: demand, ratings, capability and outages of units on one series of temperatures",
    parameters: &[
        PEAK,
        LOAD,
        DERATING,
        temperature::SWING,
        temperature::BEGINS,
        temperature::WIND,
        temperature::RATINGS,
        temperature::TECHNOLOGY,
    ],
    commands: &[Command::Demand, Command::Ratings, Command::Capability],
    techniques: &[],
    parse,
};

/// Above this temperature demand grows, deg C.
const COOLED_C: f64 = 25.0;
/// Above this temperature units lose capability, deg C.
const ISO_C: f64 = 15.0;
/// No unit loses all of its capability to heat.
const CAPABILITY_MIN: f64 = 0.5;

/// Days of heat; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatDome {
    peak_c: Span,
    load_per_degree: f64,
    derating_per_degree: f64,
    effects: Effects,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let hazard = HeatDome {
        peak_c: settings.span(PEAK.name, -20.0, 60.0).unwrap_or(Span { low: 35.0, high: 43.0 }),
        load_per_degree: settings.number(LOAD.name, 0.02, 0.0, 0.2),
        derating_per_degree: settings.number(DERATING.name, 0.006, 0.0, 0.05),
        effects: Effects::read(&mut settings, 12.0),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl Hazard for HeatDome {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let mut stream = streams.named("weather");
        let peak_c = self.peak_c.draw(&mut stream);
        let drawn = self.effects.draw(&mut stream);
        let celsius = |seconds: f64| self.effects.celsius(peak_c, seconds);
        let demand = |celsius: f64| self.load_per_degree.mul_add((celsius - COOLED_C).max(0.0), 1.0);
        let left = |celsius: f64| {
            self.derating_per_degree.mul_add(-(celsius - ISO_C).max(0.0), 1.0).max(CAPABILITY_MIN)
        };
        let capability = (self.derating_per_degree > 0.0).then_some(left);
        self.effects.enter(world, drawn, celsius, demand, capability, timeline);
        self.effects.enter_outages(world, celsius, streams, timeline);
        // The temperature is no discrete draw; which units fail when is one whose likelihood nobody sums here.
        self.effects.loses_nothing(world.network).then_some(0.0)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "heat of {} deg C in the afternoon: demand grows by {} a degree above {COOLED_C}, units lose {} a degree above {ISO_C}; {}",
            self.peak_c,
            self.load_per_degree,
            self.derating_per_degree,
            self.effects.describe()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Moment};
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};

    fn timeline(text: &str, horizon_s: f64, index: u64) -> Vec<TimedEvent> {
        let network = sample::ring(4);
        let world = World { network: &network, horizon_s, step_s: 900.0 };
        let hazard = parse(&format!("kind = 'heat_dome'\n{text}").parse().expect("TOML")).expect("sound");
        let mut timeline = Vec::new();
        hazard.draw(&world, &streams(Seed::default(), "heat", index), &mut timeline);
        timeline
    }

    #[test]
    fn all_channels_follow_one_temperature() {
        // It begins in the hottest hour: 40 deg C.
        let timeline = timeline("peak_c = 40\nbegins_h = 15\nswing_c = 20", 86_400.0, 0);
        let first = |wanted: fn(&Event) -> Option<&Vec<f64>>| {
            timeline.iter().find_map(|timed| wanted(&timed.event)).expect("an event")[0]
        };
        let demand = first(|event| match event {
            Event::DemandRamp { factor, .. } => Some(factor),
            _ => None,
        });
        assert!((demand - (1.0 + 0.02 * 15.0)).abs() < 1e-12);
        let capability = first(|event| match event {
            Event::Capability { factor } => Some(factor),
            _ => None,
        });
        assert!((capability - (1.0 - 0.006 * 25.0)).abs() < 1e-12);
        let ratings = first(|event| match event {
            Event::Ratings { factor } => Some(factor),
            _ => None,
        });
        // At forty degrees, by day, in still air: that is what ratings are made for.
        assert!((ratings - 1.0).abs() < 1e-12, "{ratings}");
        // The night is colder and carries more: everywhere one step up in the ratings is one down in demand.
        let night = timeline.iter().filter(|timed| timed.at == Moment::from_seconds(12.0 * 3600.0));
        for timed in night {
            match &timed.event {
                Event::Ratings { factor } => assert!(factor[0] > 1.15, "{}", factor[0]),
                Event::Capability { factor } => assert!(factor[0] > 0.96),
                _ => {}
            }
        }
    }

    #[test]
    fn a_hotter_day_has_more_demand_less_rating_and_more_outages() {
        let out = |celsius: u32| -> usize {
            (0..400)
                .map(|index| {
                    let text = format!("peak_c = {celsius}\ntechnology = 'nuclear'");
                    let timeline = timeline(&text, 36_000.0, index);
                    timeline.iter().filter(|t| matches!(t.event, Event::UnitOut { .. })).count()
                })
                .sum()
        };
        let (mild, hot) = (out(20), out(40));
        assert!(hot > 2 * mild && mild > 0, "{mild} against {hot}");
        assert!(
            timeline("peak_c = 40", 36_000.0, 0).iter().all(|t| !matches!(t.event, Event::UnitOut { .. }))
        );
    }

    #[test]
    fn ratings_are_as_the_settings_say() {
        let ratings = |text: &str| -> Vec<f64> {
            let timeline = timeline(&format!("peak_c = 35\n{text}"), 7200.0, 0);
            let of = |timed: TimedEvent| match timed.event {
                Event::Ratings { factor } => Some(factor[0]),
                _ => None,
            };
            timeline.into_iter().filter_map(of).collect()
        };
        assert!(ratings("ratings = 'static'").is_empty());
        let ambient = ratings("ratings = 'ambient'\nwind_m_s = 5");
        assert_eq!(ambient, ratings(""), "an ambient rating does not know the wind");
        let dynamic = ratings("ratings = 'dynamic'\nwind_m_s = 5");
        assert!(dynamic[0] > 1.5 * ambient[0], "{dynamic:?} {ambient:?}");
    }
}
