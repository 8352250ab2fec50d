//! Days of heat: demand, ratings, capability of units and their forced outages, all on one series of temperatures.
//!
//! ```text
//! T(t) = peak - (swing / 2) (1 - cos(2 pi (hour - 15 h) / 24 h))           warmest at three in the afternoon
//! demand      1 + load_per_degree (T - 25), above 25 deg C
//! lines       I(T, wind, sun) / I(40 deg C, 0.61 m/s, sun at eleven), IEEE 738 on the standard's example conductor
//! transformers  1 % per degree around 30 deg C
//! units       1 - derating_per_degree (T - 15), above 15 deg C
//! ```
//!
//! Forced outages follow a two-state Markov chain for each unit whose long-run share of outage is that of its technology at
//! this temperature. Case files do not say what units are: `technology` says it for all of them, and without it none is lost.

use powerflow::rating::{self, Place, Sun, Weather};
use powerflow::{Diagnostics, Network};
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::{Event, Moment, TimedEvent};
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::weather::availability::{self, Technology};

const PEAK: Parameter = Parameter {
    name: "peak_c",
    unit: "deg C",
    default: "[35, 43]",
    meaning: "temperature in the afternoon: a number, or [lowest, highest] drawn from uniformly",
};
const SWING: Parameter = Parameter {
    name: "swing_c",
    unit: "deg C",
    default: "12",
    meaning: "how much colder the night is than the afternoon",
};
const BEGINS: Parameter = Parameter {
    name: "begins_h",
    unit: "h",
    default: "10",
    meaning: "hour of the day at which the episode begins",
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
const WIND: Parameter = Parameter {
    name: "wind_m_s",
    unit: "m/s",
    default: "0.61",
    meaning: "wind across lines, where ratings follow it: a number, or [lowest, highest] drawn from once an episode",
};
const RATINGS: Parameter = Parameter {
    name: "ratings",
    unit: "-",
    default: "ambient",
    meaning: "`ambient`: ratings follow the temperature, in summer air that hardly moves; `dynamic`: the wind as well; `static`: they are the file's",
};
const TECHNOLOGY: Parameter = Parameter {
    name: "technology",
    unit: "-",
    default: "unknown",
    meaning: "what all units are, for their forced outages: `combined_cycle`, `combustion_turbine`, `diesel`, `hydro`, `nuclear`, `steam`; `unknown` loses none",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "heat_dome",
    summary: "days of heat: demand, ratings, capability and outages of units on one series of temperatures",
    parameters: &[PEAK, SWING, BEGINS, LOAD, DERATING, WIND, RATINGS, TECHNOLOGY],
    commands: true,
    parse,
};

/// Above this temperature demand grows, deg C.
const COOLED_C: f64 = 25.0;
/// Above this temperature units lose capability, deg C.
const ISO_C: f64 = 15.0;
/// The warmest hour of a day.
const WARMEST_H: f64 = 15.0;
/// Time between two points of the series, s.
const POINT_S: f64 = 3600.0;
/// No unit loses all of its capability to heat.
const CAPABILITY_MIN: f64 = 0.5;

/// What ratings follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ratings {
    Ambient,
    Dynamic,
    Static,
}

/// Days of heat; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatDome {
    peak_c: Span,
    swing_c: f64,
    begins_h: f64,
    load_per_degree: f64,
    derating_per_degree: f64,
    wind_m_s: Span,
    ratings: Ratings,
    technology: Option<Technology>,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let technologies = Technology::LIST.iter().map(|technology| (technology.id(), Some(*technology)));
    let technologies: Vec<(&'static str, Option<Technology>)> =
        std::iter::once(("unknown", None)).chain(technologies).collect();
    let still = rating::reference().1.wind_m_s;
    let hazard = HeatDome {
        peak_c: settings.span(PEAK.name, -20.0, 60.0).unwrap_or(Span { low: 35.0, high: 43.0 }),
        swing_c: settings.number(SWING.name, 12.0, 0.0, 40.0),
        begins_h: settings.number(BEGINS.name, 10.0, 0.0, 24.0),
        load_per_degree: settings.number(LOAD.name, 0.02, 0.0, 0.2),
        derating_per_degree: settings.number(DERATING.name, 0.006, 0.0, 0.05),
        wind_m_s: settings.span(WIND.name, 0.0, 30.0).unwrap_or(Span { low: still, high: still }),
        ratings: settings.choice(
            RATINGS.name,
            &[("ambient", Ratings::Ambient), ("dynamic", Ratings::Dynamic), ("static", Ratings::Static)],
        ),
        technology: settings.choice(TECHNOLOGY.name, &technologies),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl HeatDome {
    /// Hour of the day at a moment of the episode.
    fn hour(&self, seconds: f64) -> f64 {
        (self.begins_h + seconds / 3600.0) % 24.0
    }

    /// Temperature of the air at a moment of the episode, deg C.
    fn celsius(&self, peak_c: f64, seconds: f64) -> f64 {
        let turn = std::f64::consts::TAU * (self.hour(seconds) - WARMEST_H) / 24.0;
        (0.5 * self.swing_c).mul_add(libm::cos(turn) - 1.0, peak_c)
    }

    /// What lines and transformers may carry, as shares of their ratings.
    fn rated(&self, celsius: f64, wind_m_s: f64, hour: f64) -> (f64, f64) {
        let (_, usual, _) = rating::reference();
        let wind_m_s = if self.ratings == Ratings::Dynamic { wind_m_s } else { usual.wind_m_s };
        // Ambient ratings have one value for days and one for nights: of days it is that of noon.
        let day = (6.0..20.0).contains(&hour);
        let sun = if day { usual.sun } else { Sun::At(Place { hour: 0.0, ..Place::EXAMPLE }) };
        let weather = Weather { ambient_c: celsius, wind_m_s, sun, ..usual };
        (rating::line_factor(&weather), rating::transformer_factor(celsius))
    }

    fn ratings(&self, network: &Network, celsius: f64, wind_m_s: f64, hour: f64) -> Vec<f64> {
        let (line, transformer) = self.rated(celsius, wind_m_s, hour);
        let of = |is_transformer: &bool| if *is_transformer { transformer } else { line };
        network.branches.transformer.as_slice().iter().map(of).collect()
    }

    /// Outages of units: everything at its first moment is as in the long run at that temperature.
    fn outages(&self, world: &World<'_>, peak_c: f64, streams: &Streams, timeline: &mut Vec<TimedEvent>) {
        let Some(technology) = self.technology else { return };
        let mut stream = streams.named("units");
        let units = &world.network.units;
        let mut out = vec![false; units.bus.len()];
        for number in 0u32.. {
            let seconds = f64::from(number) * POINT_S;
            if seconds > world.last_step_s() {
                break;
            }
            let q = technology.unavailable(self.celsius(peak_c, seconds));
            let (fails, stays) = match number {
                0 => (q, q),
                _ => availability::over(POINT_S / 3600.0, q, technology.repair_h()),
            };
            for (unit, in_service) in units.in_service.iter() {
                // Drawn for every unit and hour, so that each keeps its luck.
                let is_out = stream.uniform() < if out[powerflow::Index::row(unit)] { stays } else { fails };
                if !*in_service {
                    continue;
                }
                let was_out = std::mem::replace(&mut out[powerflow::Index::row(unit)], is_out);
                let event = match (was_out, is_out) {
                    (false, true) => Event::UnitOut { unit },
                    (true, false) => Event::UnitBack { unit },
                    _ => continue,
                };
                timeline.push(TimedEvent { at: Moment::from_seconds(seconds), event });
            }
        }
    }
}

impl Hazard for HeatDome {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let mut stream = streams.named("weather");
        let (peak_c, wind_m_s) = (self.peak_c.draw(&mut stream), self.wind_m_s.draw(&mut stream));
        let network = world.network;
        let demand = |seconds: f64| {
            let warm = (self.celsius(peak_c, seconds) - COOLED_C).max(0.0);
            vec![self.load_per_degree.mul_add(warm, 1.0); network.buses.id.len()]
        };
        for number in 0u32.. {
            let seconds = f64::from(number) * POINT_S;
            if seconds > world.last_step_s() {
                break;
            }
            let at = Moment::from_seconds(seconds);
            let mut push = |event: Event| timeline.push(TimedEvent { at, event });
            if number == 0 {
                push(Event::DemandRamp { until: at, factor: demand(0.0) });
            }
            let next_s = seconds + POINT_S;
            push(Event::DemandRamp { until: Moment::from_seconds(next_s), factor: demand(next_s) });
            let celsius = self.celsius(peak_c, seconds);
            if self.ratings != Ratings::Static {
                let factor = self.ratings(network, celsius, wind_m_s, self.hour(seconds));
                push(Event::Ratings { factor });
            }
            if self.derating_per_degree > 0.0 {
                let left = self.derating_per_degree.mul_add(-(celsius - ISO_C).max(0.0), 1.0);
                let factor = vec![left.max(CAPABILITY_MIN); network.units.bus.len()];
                push(Event::Capability { factor });
            }
        }
        self.outages(world, peak_c, streams, timeline);
        // The temperature is no discrete draw; which units fail when is one whose likelihood nobody sums here.
        self.technology.is_none().then_some(0.0)
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        let ratings = match self.ratings {
            Ratings::Ambient => "ratings follow the temperature",
            Ratings::Dynamic => "ratings follow temperature and wind",
            Ratings::Static => "ratings stay the file's",
        };
        let outages = match self.technology {
            None => "no unit is lost, as nobody says what units are".to_owned(),
            Some(technology) => format!("units are lost as {} is at each temperature", technology.id()),
        };
        format!(
            "heat of {} deg C in the afternoon and {} degrees less at night, from {} h on: demand grows by {} a degree above {COOLED_C}, units lose {} a degree above {ISO_C}, {ratings}, {outages}",
            self.peak_c, self.swing_c, self.begins_h, self.load_per_degree, self.derating_per_degree
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
