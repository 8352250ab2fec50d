//! A wind storm of the middle latitudes passes over the grid and breaks lines.
//!
//! Every line is looked at in pieces of five kilometres. A piece fails when the probability that its strongest gust so far would break it
//! exceeds the uniform number that it was given for this storm; the line fails with its first piece. So a stronger storm
//! of the same seed and index fails a superset, no later, and over the whole storm a piece fails exactly as its strongest
//! gust says. Broken lines are repaired by a few crews, one line a crew, those with the highest rating first, when the wind
//! has fallen and the crews are there.
//!
//! A storm is not rare given that it occurs: how often one comes in a year belongs beside the result, not into the draw.

use powerflow::Diagnostics;
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::storm::{self, Course, Damage};
use crate::weather::front::Front;
use crate::weather::geography::Map;

const PEAK: Parameter = Parameter {
    name: "peak_m_s",
    unit: "m/s",
    default: "[25, 60]",
    meaning: "strongest gust (three seconds, 10 m) of the storm: a number, or [lowest, highest] drawn from uniformly",
};
const WIDTH: Parameter = Parameter {
    name: "width_km",
    unit: "km",
    default: "[50, 200]",
    meaning: "standard deviation of the gusts along the way of the storm, drawn as the peak is",
};
const LENGTH: Parameter =
    Parameter { name: "length_km", unit: "km", default: "[100, 400]", meaning: "the same across its way" };

pub(super) const KIND: HazardKind = HazardKind {
    name: "wind_front",
    summary: "a wind storm passes over the grid and breaks lines, which crews repair; needs coordinates",
    parameters: &[
        PEAK,
        WIDTH,
        LENGTH,
        storm::SPEED,
        storm::HEADING,
        storm::OFFSET,
        storm::PASSES,
        storm::FRAGILITY,
        storm::ALIKE_EVERYWHERE,
        storm::ALIKE_NEARBY,
        storm::CREWS,
    ],
    commands: &[],
    techniques: &[],
    parse,
};

/// A wind storm; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct WindFront {
    peak_m_s: Span,
    width_km: Span,
    length_km: Span,
    course: Course,
    damage: Damage,
}

fn parse(table: &Table) -> Result<Box<dyn Hazard>, Diagnostics> {
    let mut settings = Settings::of(KIND.name, KIND.parameters, table);
    let mut span = |parameter: Parameter, default: (f64, f64), low: f64, high: f64| {
        let default = Span { low: default.0, high: default.1 };
        settings.span(parameter.name, low, high).unwrap_or(default)
    };
    let peak_m_s = span(PEAK, (25.0, 60.0), 0.0, 120.0);
    let width_km = span(WIDTH, (50.0, 200.0), 1.0, 5000.0);
    let length_km = span(LENGTH, (100.0, 400.0), 1.0, 5000.0);
    let hazard = WindFront {
        peak_m_s,
        width_km,
        length_km,
        course: Course::read(&mut settings, Span { low: 10.0, high: 25.0 }),
        damage: Damage::read(&mut settings),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl WindFront {
    /// The storm of a scenario.
    fn front(&self, world: &World<'_>, map: &Map, streams: &Streams) -> Front {
        let mut stream = streams.named("storm");
        Front {
            peak_m_s: self.peak_m_s.draw(&mut stream),
            width_km: self.width_km.draw(&mut stream),
            length_km: self.length_km.draw(&mut stream),
            way: self.course.draw(world, map, &mut stream),
        }
    }
}

impl Hazard for WindFront {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let map = Map::of(world.network, KIND.name).ok()?;
        let front = self.front(world, &map, streams);
        self.damage.enter(world, &map, streams, timeline, |point| front.at(point));
        // Which pieces fail depends on each other where luck is alike, and a line fails with any of many.
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "a wind storm with gusts up to {} m/s, {} km along and {} km across its way, {}, breaks lines {}",
            self.peak_m_s,
            self.width_km,
            self.length_km,
            self.course.describe(),
            self.damage.describe()
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        self.course.check(KIND.name, world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Moment};
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};
    use crate::weather::{fragility, repair};

    #[test]
    fn a_stronger_storm_breaks_a_superset_and_no_line_later() {
        let text = |peak| format!("peak_m_s = {peak}\nheading_deg = 90\noffset_km = 0");
        sample::more_breaks_a_superset(KIND.name, text, 48.0, 58.0);
    }

    /// Of a piece whose strongest gust is the storm's peak, as many break as the curve says, whatever luck is shared.
    #[test]
    fn lines_break_as_often_as_the_curve_of_their_peak_says() {
        let curve = fragility::KNOWN.iter().find(|known| known.id == "tower").expect("a curve").curve;
        let still = "kind = 'wind_front'\npeak_m_s = 60\nlength_km = 5000\noffset_km = 0\nheading_deg = 90\nspeed_m_s = 25";
        for alike in ["", "\nalike_everywhere = 0.15\nalike_nearby = 0.15"] {
            let storms = 1500;
            let counts: Vec<f64> = (0..storms)
                .map(|index| sample::lost_on_chain(&format!("{still}{alike}"), index).len() as f64)
                .collect();
            let n = storms as f64;
            let mean = counts.iter().sum::<f64>() / n;
            let variance = counts.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
            let pieces = 9.0;
            if alike.is_empty() {
                let line = fragility::any_of(curve.fails(60.0), pieces);
                let error = (variance / n).sqrt();
                assert!((mean - 11.0 * line).abs() < 4.0 * error, "{mean} against {}", 11.0 * line);
            } else {
                assert!(variance > 3.0, "luck that is alike spreads how many break: {variance}");
            }
        }
    }

    #[test]
    fn lines_come_back_once_crews_were_there_and_never_without_any() {
        let network = sample::chain();
        let world = World { network: &network, horizon_s: 1e6, step_s: 600.0 };
        let text = "kind = 'wind_front'\npeak_m_s = 60\noffset_km = 0\nheading_deg = 90\npasses_at_s = 20000\ncrews = ";
        let draw = |crews: u32| {
            let hazard = parse(&format!("{text}{crews}").parse().expect("TOML")).expect("sound");
            let mut timeline = Vec::new();
            hazard.draw(&world, &streams(Seed::default(), "storms", 3), &mut timeline);
            timeline.sort_by_key(|timed| timed.at);
            timeline
        };
        let back = |timeline: &[TimedEvent]| {
            let back = timeline.iter().filter(|t| matches!(t.event, Event::BranchBack { .. }));
            back.map(|t| t.at).max()
        };
        assert_eq!(back(&draw(0)), None);
        let (one, five) = (draw(1), draw(5));
        let out = |timeline: &[TimedEvent]| {
            timeline.iter().filter(|t| matches!(t.event, Event::BranchOut { .. })).count()
        };
        assert!(out(&one) > 3 && out(&one) == out(&five));
        assert!(back(&five).expect("repairs") < back(&one).expect("repairs"), "five crews are sooner done");
        let first = five.iter().find(|t| matches!(t.event, Event::BranchBack { .. })).expect("a repair");
        assert!(first.at > Moment::from_seconds(20_000.0 + 3600.0 * repair::ACCESS_H.0));
    }

    #[test]
    fn a_grid_without_coordinates_is_refused() {
        let network = sample::ring(4);
        let world = World { network: &network, horizon_s: 3600.0, step_s: 60.0 };
        let hazard = parse(&"kind = 'wind_front'".parse().expect("TOML")).expect("sound");
        let complaints = hazard.check(&world);
        assert_eq!(complaints.0[0].code, "hazard.no-coordinates");
        assert!(complaints.0[0].message.contains("bus 10"), "{complaints}");
    }
}
