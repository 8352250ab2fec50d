//! A wind storm of the middle latitudes passes over the grid and breaks lines.
//!
//! Every line is looked at in pieces of five kilometres. A piece fails when the probability that its strongest gust so far would break it
//! exceeds the uniform number that it was given for this storm; the line fails with its first piece. So a stronger storm
//! of the same seed and index fails a superset, no later, and over the whole storm a piece fails exactly as its strongest
//! gust says. Broken lines are repaired by a few crews, one line a crew, those with the highest rating first, when the wind
//! has fallen and the crews are there.
//!
//! A storm is not rare given that it occurs: how often one comes in a year belongs beside the result, not into the draw.

use powerflow::{Diagnostic, Diagnostics};
use toml::Table;

use super::{Hazard, HazardKind, World};
use crate::event::TimedEvent;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::weather::correlation::{Correlation, Luck};
use crate::weather::damage::{self, Lines};
use crate::weather::fragility::KNOWN;
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
pub(super) const SPEED: Parameter = Parameter {
    name: "speed_m_s",
    unit: "m/s",
    default: "[10, 25]; a hurricane [4, 8]",
    meaning: "how fast the storm moves",
};
pub(super) const HEADING: Parameter = Parameter {
    name: "heading_deg",
    unit: "degree",
    default: "[0, 360]",
    meaning: "where it moves to, clockwise from north",
};
pub(super) const OFFSET: Parameter = Parameter {
    name: "offset_km",
    unit: "km",
    default: "within the grid's own radius",
    meaning: "how far to the right of the grid's middle its core passes",
};
pub(super) const PASSES: Parameter = Parameter {
    name: "passes_at_s",
    unit: "s",
    default: "the second quarter of the horizon",
    meaning: "when its crest passes the grid's middle",
};
pub(super) const FRAGILITY: Parameter = Parameter {
    name: "fragility",
    unit: "-",
    default: "tower",
    meaning: "curve from gust to failure: `tower` or `structure_texas` for every piece of a line, `line_gb` for a line as a whole",
};
pub(super) const ALIKE_EVERYWHERE: Parameter = Parameter {
    name: "alike_everywhere",
    unit: "1",
    default: "0",
    meaning: "share of the luck of a piece that all pieces have in common",
};
pub(super) const ALIKE_NEARBY: Parameter = Parameter {
    name: "alike_nearby",
    unit: "1",
    default: "0",
    meaning: "share of the luck that the pieces of one cell of 50 km have in common",
};
pub(super) const CREWS: Parameter = Parameter {
    name: "crews",
    unit: "1",
    default: "0",
    meaning: "crews that repair lines; without any, lines stay lost",
};

pub(super) const KIND: HazardKind = HazardKind {
    name: "wind_front",
    summary: "a wind storm passes over the grid and breaks lines, which crews repair; needs coordinates",
    parameters: &[
        PEAK,
        WIDTH,
        LENGTH,
        SPEED,
        HEADING,
        OFFSET,
        PASSES,
        FRAGILITY,
        ALIKE_EVERYWHERE,
        ALIKE_NEARBY,
        CREWS,
    ],
    commands: false,
    parse,
};

/// Side of a cell in which luck is alike, km.
const CELL_KM: f64 = 50.0;

/// A wind storm; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct WindFront {
    peak_m_s: Span,
    width_km: Span,
    length_km: Span,
    speed_m_s: Span,
    heading_deg: Span,
    offset_km: Option<Span>,
    passes_at_s: Option<Span>,
    how: How,
}

/// How lines fail and come back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct How {
    /// Name of the curve in [`KNOWN`].
    fragility: &'static str,
    pub(super) lines: Lines,
    pub(super) correlation: Correlation,
    pub(super) crews: u32,
}

impl How {
    /// Reads the four settings.
    pub(super) fn read(settings: &mut Settings<'_>) -> Self {
        let fragility = settings.choice(
            FRAGILITY.name,
            &[("tower", "tower"), ("structure_texas", "structure_texas"), ("line_gb", "line_gb")],
        );
        let everywhere = settings.number(ALIKE_EVERYWHERE.name, 0.0, 0.0, 1.0);
        let nearby = settings.number(ALIKE_NEARBY.name, 0.0, 0.0, 1.0);
        if everywhere + nearby > 1.0 {
            let what = "and the share everywhere are more than all of it";
            settings.complain("hazard.conflict", ALIKE_NEARBY.name, what);
        }
        let crews = settings.number(CREWS.name, 0.0, 0.0, 10_000.0);
        if crews.fract() != 0.0 {
            settings.complain("hazard.out-of-range", CREWS.name, "is no whole number");
        }
        let known = KNOWN.iter().find(|known| known.id == fragility);
        let curve = known.map_or(KNOWN[0].curve, |known| known.curve);
        How {
            fragility,
            lines: Lines { curve, whole: fragility == "line_gb" },
            correlation: Correlation { everywhere, nearby, cell_km: CELL_KM },
            crews: crews as u32,
        }
    }

    /// In words, after "breaks lines".
    pub(super) fn describe(&self) -> String {
        let Correlation { everywhere, nearby, .. } = self.correlation;
        let crews = match self.crews {
            0 => "nobody repairs them".to_owned(),
            1 => "one crew repairs them".to_owned(),
            crews => format!("{crews} crews repair them"),
        };
        format!(
            "by the curve `{}` (luck alike everywhere {everywhere}, nearby {nearby}); {crews}",
            self.fragility
        )
    }
}

/// A complaint about a storm that passes after the last step.
pub(super) fn never_happens(kind: &str, passes_at_s: Option<Span>, world: &World<'_>) -> Option<Diagnostic> {
    let last_s = world.last_step_s();
    passes_at_s.filter(|passes| passes.low > last_s).map(|passes| {
        let message = format!("the hazard {kind} passes at {passes} s, after the last step at {last_s} s");
        Diagnostic::error("hazard.never-happens", message).hint("lower `passes_at_s`, or take more steps")
    })
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
    let speed_m_s = span(SPEED, (10.0, 25.0), 0.1, 100.0);
    let heading_deg = span(HEADING, (0.0, 360.0), -360.0, 360.0);
    let hazard = WindFront {
        peak_m_s,
        width_km,
        length_km,
        speed_m_s,
        heading_deg,
        offset_km: settings.span(OFFSET.name, -5000.0, 5000.0),
        passes_at_s: settings.span(PASSES.name, 0.0, f64::INFINITY),
        how: How::read(&mut settings),
    };
    settings.finish(hazard).map(|hazard| Box::new(hazard) as Box<dyn Hazard>)
}

impl WindFront {
    /// The storm of a scenario.
    fn front(&self, world: &World<'_>, map: &Map, streams: &Streams) -> Front {
        let mut stream = streams.named("storm");
        let radius_km = map.radius_km();
        let offset_km = self.offset_km.unwrap_or(Span { low: -radius_km, high: radius_km });
        let quarter = 0.25 * world.horizon_s;
        let passes_at_s = self.passes_at_s.unwrap_or(Span { low: quarter, high: 2.0 * quarter });
        Front {
            peak_m_s: self.peak_m_s.draw(&mut stream),
            width_km: self.width_km.draw(&mut stream),
            length_km: self.length_km.draw(&mut stream),
            speed_m_s: self.speed_m_s.draw(&mut stream),
            heading_deg: self.heading_deg.draw(&mut stream),
            offset_km: offset_km.draw(&mut stream),
            passes_at_s: passes_at_s.draw(&mut stream),
        }
    }
}

impl Hazard for WindFront {
    fn draw(&self, world: &World<'_>, streams: &Streams, timeline: &mut Vec<TimedEvent>) -> Option<f64> {
        let map = Map::of(world.network, KIND.name).ok()?;
        let front = self.front(world, &map, streams);
        let mut luck = Luck::of(self.how.correlation, streams);
        let broken = damage::broken(world.network, &map, self.how.lines, &mut luck, |point| front.at(point));
        damage::enter(world, &broken, self.how.crews, streams, timeline);
        // Which pieces fail depends on each other where luck is alike, and a line fails with any of many.
        None
    }

    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn describe(&self) -> String {
        format!(
            "a wind storm with gusts up to {} m/s, {} km along and {} km across its way, moving at {} m/s towards {} degrees, breaks lines {}",
            self.peak_m_s,
            self.width_km,
            self.length_km,
            self.speed_m_s,
            self.heading_deg,
            self.how.describe()
        )
    }

    fn check(&self, world: &World<'_>) -> Diagnostics {
        let mut complaints = Map::of(world.network, KIND.name).err().unwrap_or_default();
        complaints.0.extend(never_happens(KIND.name, self.passes_at_s, world));
        complaints
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use powerflow::{BranchIdx, Case, Network};

    use super::*;
    use crate::event::{Event, Moment};
    use crate::hazard::parse;
    use crate::sample;
    use crate::seed::{Seed, streams};
    use crate::weather::repair;

    /// A chain of buses 40 km apart, from west to east.
    fn chain(buses: usize) -> std::sync::Arc<Network> {
        let sides: Vec<(usize, usize)> = (1..buses).map(|row| (row - 1, row)).collect();
        let mut case: Case = sample::case(buses, &sides);
        for (row, bus) in case.buses.iter_mut().enumerate() {
            bus.location = Some((10.0 + 0.56 * row as f64, 50.0));
        }
        sample::build(case)
    }

    fn lost(text: &str, index: u64) -> BTreeMap<BranchIdx, Moment> {
        let network = chain(12);
        let world = World { network: &network, horizon_s: 86_400.0, step_s: 600.0 };
        let hazard = parse(&format!("kind = 'wind_front'\n{text}").parse().expect("TOML")).expect("sound");
        assert!(hazard.check(&world).0.is_empty());
        let mut timeline = Vec::new();
        hazard.draw(&world, &streams(Seed::default(), "storms", index), &mut timeline);
        let out = |timed: TimedEvent| match timed.event {
            Event::BranchOut { branch } => Some((branch, timed.at)),
            _ => None,
        };
        timeline.into_iter().filter_map(out).collect()
    }

    #[test]
    fn a_stronger_storm_breaks_a_superset_and_no_line_later() {
        let mut grew = 0;
        for index in 0..60 {
            let weak = lost("peak_m_s = 48\nheading_deg = 90\noffset_km = 0", index);
            let strong = lost("peak_m_s = 58\nheading_deg = 90\noffset_km = 0", index);
            for (branch, at) in &weak {
                assert!(strong.get(branch).is_some_and(|then| then <= at), "storm {index}, {branch:?}");
            }
            grew += usize::from(strong.len() > weak.len());
        }
        assert!(grew > 30, "{grew}");
    }

    /// Of a piece whose strongest gust is the storm's peak, as many break as the curve says, whatever luck is shared.
    #[test]
    fn lines_break_as_often_as_the_curve_of_their_peak_says() {
        let curve = KNOWN.iter().find(|known| known.id == "tower").expect("a curve").curve;
        let still = "peak_m_s = 60\nlength_km = 5000\noffset_km = 0\nheading_deg = 90\nspeed_m_s = 25";
        for alike in ["", "\nalike_everywhere = 0.15\nalike_nearby = 0.15"] {
            let storms = 1500;
            let counts: Vec<f64> =
                (0..storms).map(|index| lost(&format!("{still}{alike}"), index).len() as f64).collect();
            let n = storms as f64;
            let mean = counts.iter().sum::<f64>() / n;
            let variance = counts.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
            let pieces = 9.0;
            if alike.is_empty() {
                let line = crate::weather::fragility::any_of(curve.fails(60.0), pieces);
                let error = (variance / n).sqrt();
                assert!((mean - 11.0 * line).abs() < 4.0 * error, "{mean} against {}", 11.0 * line);
            } else {
                assert!(variance > 3.0, "luck that is alike spreads how many break: {variance}");
            }
        }
    }

    #[test]
    fn lines_come_back_once_crews_were_there_and_never_without_any() {
        let network = chain(12);
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
