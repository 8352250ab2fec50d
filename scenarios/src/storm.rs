//! What storms of any kind share: the way that they take over the map, how lines fail in them, and who repairs.

use powerflow::case::PrimeMover;
use powerflow::{Diagnostic, Diagnostics, Network};

use crate::draw::Stream;
use crate::event::{Event, Moment, TimedEvent};
use crate::hazard::World;
use crate::seed::Streams;
use crate::settings::{Parameter, Settings, Span};
use crate::weather::correlation::{Correlation, Luck};
use crate::weather::damage::{self, Lines, Strain, Work};
use crate::weather::fragility::KNOWN;
use crate::weather::geography::{Map, Point, Way};

pub(crate) const SPEED: Parameter = Parameter {
    name: "speed_m_s",
    unit: "m/s",
    default: "[10, 25]; a hurricane [4, 8], freezing rain [3, 10], a thunderstorm [8, 20], an eclipse [700, 1000]",
    meaning: "how fast the storm moves",
};
pub(crate) const HEADING: Parameter = Parameter {
    name: "heading_deg",
    unit: "degree",
    default: "[0, 360]",
    meaning: "where it moves to, clockwise from north",
};
pub(crate) const OFFSET: Parameter = Parameter {
    name: "offset_km",
    unit: "km",
    default: "within the grid's own radius",
    meaning: "how far to the right of the grid's middle its core passes",
};
pub(crate) const PASSES: Parameter = Parameter {
    name: "passes_at_s",
    unit: "s",
    default: "the second quarter of the horizon",
    meaning: "when its crest passes the grid's middle",
};
pub(crate) const FRAGILITY: Parameter = Parameter {
    name: "fragility",
    unit: "-",
    default: "tower",
    meaning: "curve from gust to failure: `tower` or `structure_texas` for every piece of a line, `line_gb` for a line as a whole",
};
pub(crate) const ALIKE_EVERYWHERE: Parameter = Parameter {
    name: "alike_everywhere",
    unit: "1",
    default: "0",
    meaning: "share of the luck of a piece that all pieces have in common",
};
pub(crate) const ALIKE_NEARBY: Parameter = Parameter {
    name: "alike_nearby",
    unit: "1",
    default: "0",
    meaning: "share of the luck that the pieces of one cell of 50 km have in common",
};
pub(crate) const CREWS: Parameter = Parameter {
    name: "crews",
    unit: "1",
    default: "0",
    meaning: "crews that repair lines; without any, lines stay lost",
};

/// Side of a cell in which luck is alike, km.
const CELL_KM: f64 = 50.0;

/// The ways that a storm may take.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Course {
    speed_m_s: Span,
    heading_deg: Span,
    /// `None`: anywhere within the grid's own radius.
    offset_km: Option<Span>,
    /// `None`: in the second quarter of the horizon.
    passes_at_s: Option<Span>,
}

impl Course {
    /// Reads the four settings; `speed_m_s` is that of the kind of storm.
    pub(crate) fn read(settings: &mut Settings<'_>, speed_m_s: Span) -> Self {
        let anywhere = Span { low: 0.0, high: 360.0 };
        Course {
            speed_m_s: settings.span(SPEED.name, 0.1, 2000.0).unwrap_or(speed_m_s),
            heading_deg: settings.span(HEADING.name, -360.0, 360.0).unwrap_or(anywhere),
            offset_km: settings.span(OFFSET.name, -5000.0, 5000.0),
            passes_at_s: settings.span(PASSES.name, 0.0, f64::INFINITY),
        }
    }

    /// The way of one storm: four words of the stream.
    pub(crate) fn draw(&self, world: &World<'_>, map: &Map, stream: &mut Stream) -> Way {
        let (radius_km, quarter_s) = (map.radius_km(), 0.25 * world.horizon_s);
        let offset_km = self.offset_km.unwrap_or(Span { low: -radius_km, high: radius_km });
        let passes_at_s = self.passes_at_s.unwrap_or(Span { low: quarter_s, high: 2.0 * quarter_s });
        Way {
            speed_m_s: self.speed_m_s.draw(stream),
            heading_deg: self.heading_deg.draw(stream),
            offset_km: offset_km.draw(stream),
            passes_at_s: passes_at_s.draw(stream),
        }
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        format!("moving at {} m/s towards {} degrees", self.speed_m_s, self.heading_deg)
    }

    /// What is wrong with a world that the storm cannot pass over.
    pub(crate) fn check(&self, kind: &str, world: &World<'_>) -> Diagnostics {
        check_time(kind, world, self.passes_at_s, "passes", PASSES.name)
    }
}

/// The setting that says when what has no way of its own begins.
pub(crate) const fn begins_parameter(meaning: &'static str) -> Parameter {
    Parameter { name: "begins_s", unit: "s", default: "the first quarter of the horizon", meaning }
}

/// When what has no way of its own begins: as asked, or in the first quarter of the horizon.
pub(crate) fn begins(asked: Option<Span>, world: &World<'_>) -> Span {
    asked.unwrap_or(Span { low: 0.0, high: 0.25 * world.horizon_s })
}

/// What is wrong with a world without places, or in which it would begin after the last step.
pub(crate) fn check_begin(kind: &str, world: &World<'_>, asked: Option<Span>) -> Diagnostics {
    check_time(kind, world, asked, "begins", "begins_s")
}

/// A complaint where something happens after the last step.
pub(crate) fn never_happens(
    kind: &str,
    world: &World<'_>,
    asked: Option<Span>,
    does: &str,
    setting: &str,
) -> Option<Diagnostic> {
    let last_s = world.last_step_s();
    asked.filter(|at| at.low > last_s).map(|at| {
        let message = format!("the hazard {kind} {does} at {at} s, after the last step at {last_s} s");
        Diagnostic::error("hazard.never-happens", message)
            .hint(format!("lower `{setting}`, or take more steps"))
    })
}

fn check_time(kind: &str, world: &World<'_>, asked: Option<Span>, does: &str, setting: &str) -> Diagnostics {
    let mut complaints = Map::of(world.network, kind).err().unwrap_or_default();
    complaints.0.extend(never_happens(kind, world, asked, does, setting));
    complaints
}

/// Which units in service this drives, as far as the case says.
pub(crate) fn driven_by(network: &Network, mover: PrimeMover) -> Vec<bool> {
    let of = |row: usize| network.case.prime_movers.get(row).copied().flatten() == Some(mover);
    network.units.in_service.as_slice().iter().enumerate().map(|(row, runs)| *runs && of(row)).collect()
}

/// A complaint where it drives no unit, or nobody says so.
pub(crate) fn needs(kind: &str, network: &Network, mover: PrimeMover) -> Option<Diagnostic> {
    if driven_by(network, mover).contains(&true) {
        return None;
    }
    let message =
        format!("the hazard {kind} acts on units driven by {}, and {} runs none", mover.id(), network.name);
    let hint = "where the case does not say what drives its units, give the suite a table of them: `prime_movers = \"units.csv\"` with the columns bus, prime_mover";
    Some(Diagnostic::error("hazard.no-units", message).hint(hint))
}

/// Writes what units can deliver into a timeline, where it changes: their shares at the moments of a series, one for each unit.
pub(crate) fn enter_capability(
    world: &World<'_>,
    apart_s: f64,
    timeline: &mut Vec<TimedEvent>,
    mut shares: impl FnMut(f64) -> Vec<f64>,
) {
    let mut before = vec![1.0; world.network.units.bus.len()];
    for seconds in moments(world, apart_s) {
        let factor = shares(seconds);
        if factor != before {
            before.clone_from(&factor);
            timeline
                .push(TimedEvent { at: Moment::from_seconds(seconds), event: Event::Capability { factor } });
        }
    }
}

/// The moments of a series in the time of the world, s, from its beginning on.
pub(crate) fn moments(world: &World<'_>, apart_s: f64) -> impl Iterator<Item = f64> {
    let last_s = world.last_step_s();
    (0u32..).map(move |number| f64::from(number) * apart_s).take_while(move |seconds| *seconds <= last_s)
}

/// How lines fail in a storm, and come back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Damage {
    /// Name of the curve in [`KNOWN`].
    fragility: &'static str,
    lines: Lines,
    correlation: Correlation,
    crews: u32,
}

impl Damage {
    /// Reads the four settings of a storm of wind.
    pub(crate) fn read(settings: &mut Settings<'_>) -> Self {
        let fragility = settings.choice(
            FRAGILITY.name,
            &[("tower", "tower"), ("structure_texas", "structure_texas"), ("line_gb", "line_gb")],
        );
        let known = KNOWN.iter().find(|known| known.id == fragility);
        let curve = known.map_or(KNOWN[0].curve, |known| known.curve);
        let lines = Lines { curve, whole: fragility == "line_gb", work: Work::Wind };
        Self::along(settings, fragility, lines)
    }

    /// Reads the other three, where only one curve is known.
    pub(crate) fn along(settings: &mut Settings<'_>, fragility: &'static str, lines: Lines) -> Self {
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
        let correlation = Correlation { everywhere, nearby, cell_km: CELL_KM };
        Damage { fragility, lines, correlation, crews: crews as u32 }
    }

    /// In words, after "breaks lines".
    pub(crate) fn describe(&self) -> String {
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

    /// Writes what a storm with these gusts breaks, and when it is repaired, into a timeline.
    pub(crate) fn enter(
        &self,
        world: &World<'_>,
        map: &Map,
        streams: &Streams,
        timeline: &mut Vec<TimedEvent>,
        strain: impl Fn(Point) -> Strain,
    ) {
        let mut luck = Luck::of(self.correlation, streams);
        let broken = damage::broken(world.network, map, self.lines, &mut luck, strain);
        damage::enter(world, &broken, self.crews, streams, timeline);
    }
}
