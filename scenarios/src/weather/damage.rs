//! What a storm breaks and when it is repaired: exposure, fragility and repair together, for any field.

use powerflow::{BranchIdx, Index, Network};

use super::correlation::Luck;
use super::exposure::segments;
use super::fragility::Curve;
use super::geography::{Map, Point};
use super::repair::{self, Job};
use crate::event::{Event, Moment, TimedEvent};
use crate::hazard::World;
use crate::seed::Streams;

/// What a storm does to one place: gusts, m/s, or whatever else its curve is over.
#[derive(Clone, Debug, PartialEq)]
pub enum Strain {
    /// They rise and fall once, as a normal density does.
    Bump {
        /// The strongest.
        peak: f64,
        /// When, s.
        crest_s: f64,
        /// Standard deviation, s.
        width_s: f64,
    },
    /// At moments that are equally far apart; straight lines between.
    Series {
        /// First moment, s.
        begin_s: f64,
        /// Time between two, s.
        step_s: f64,
        /// How strong.
        values: Vec<f64>,
    },
}

impl Strain {
    /// The strongest, and when it is there first, s.
    pub fn peak(&self) -> (f64, f64) {
        match self {
            Strain::Bump { peak, crest_s, .. } => (*peak, *crest_s),
            Strain::Series { begin_s, step_s, values } => {
                let strongest = values
                    .iter()
                    .enumerate()
                    .fold((0.0, 0), |best, (at, value)| if *value > best.0 { (*value, at) } else { best });
                (strongest.0, step_s.mul_add(strongest.1 as f64, *begin_s))
            }
        }
    }

    /// How strong it is at a moment; nothing outside of a series.
    pub fn value_at(&self, seconds: f64) -> f64 {
        match self {
            Strain::Bump { peak, crest_s, width_s } => {
                let deviations = (seconds - crest_s) / width_s;
                peak * libm::exp(-0.5 * deviations * deviations)
            }
            Strain::Series { begin_s, step_s, values } => {
                let place = (seconds - begin_s) / step_s;
                let at = place.floor();
                let value = |at: f64| if at >= 0.0 { values.get(at as usize).copied() } else { None };
                match (value(at), value(at + 1.0)) {
                    (Some(before), Some(after)) => (after - before).mul_add(place - at, before),
                    (Some(last), None) if place == at => last,
                    _ => 0.0,
                }
            }
        }
    }

    /// When it is over, s; what has a normal density is over after three deviations.
    pub fn end_s(&self) -> f64 {
        match self {
            Strain::Bump { crest_s, width_s, .. } => 3.0f64.mul_add(*width_s, *crest_s),
            Strain::Series { begin_s, step_s, values } => {
                step_s.mul_add(values.len().saturating_sub(1) as f64, *begin_s)
            }
        }
    }

    /// When it first reaches this level, and when it is below it for good, s; `None` where it never does.
    pub fn above(&self, level: f64) -> Option<(f64, f64)> {
        if level <= 0.0 || !(level <= self.peak().0) {
            return None;
        }
        match self {
            Strain::Bump { peak, crest_s, width_s } => {
                let half_s = width_s * (2.0 * libm::log(peak / level)).sqrt();
                Some((crest_s - half_s, crest_s + half_s))
            }
            Strain::Series { begin_s, step_s, values } => {
                let reaches = |value: &f64| *value >= level;
                let (first, last) = (values.iter().position(reaches)?, values.iter().rposition(reaches)?);
                // Where the line between two moments crosses.
                let crossing = |below: usize, above: usize| {
                    let share = (level - values[below]) / (values[above] - values[below]);
                    let place = (above as f64 - below as f64).mul_add(share, below as f64);
                    step_s.mul_add(place, *begin_s)
                };
                let from_s = if first == 0 { *begin_s } else { crossing(first - 1, first) };
                let end = values.len() - 1;
                let until_s =
                    if last == end { step_s.mul_add(end as f64, *begin_s) } else { crossing(last + 1, last) };
                Some((from_s, until_s))
            }
        }
    }
}

/// A line that broke.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// Which.
    pub branch: BranchIdx,
    /// When, s; at the beginning where the storm broke it before.
    pub at_s: f64,
    /// By how much its repair takes longer than in fair weather: at least and at most.
    pub longer: (f64, f64),
    /// From when on it is safe to work along all of it, s.
    pub calm_s: f64,
}

/// How crews find what broke.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// After a storm of wind: they go out when it has fallen, and the stronger it was the longer they need.
    Wind,
    /// After anything else: they go out when it is over, and need so many times as long as in fair weather, at least and at most.
    After(f64, f64),
}

impl Work {
    /// From when on it is safe to work where the storm does this, s; `None` where it always is.
    fn calm_s(self, strain: &Strain) -> Option<f64> {
        match self {
            Work::Wind => strain.above(repair::SAFE_M_S).map(|(_, until_s)| until_s),
            Work::After(..) => Some(strain.end_s()),
        }
    }

    fn longer(self, peak: f64) -> (f64, f64) {
        match self {
            Work::Wind => repair::longer(peak),
            Work::After(least, most) => (least, most),
        }
    }
}

/// How lines fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lines {
    /// From strain to failure.
    pub curve: Curve,
    /// Whether the curve is one of whole lines and not of their pieces.
    pub whole: bool,
    /// How they are repaired.
    pub work: Work,
}

/// Lines that break, in file order; `at` tells the strain at a place. Transformers stand in substations and do not.
pub fn broken(
    network: &Network,
    map: &Map,
    lines: Lines,
    luck: &mut Luck,
    at: impl Fn(Point) -> Strain,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    for branch in network.branches.from.indices() {
        let (from, to) = map.ends(network, branch);
        let (middles, _) = segments(from, to);
        let is_line = network.branches.in_service[branch] && !network.branches.transformer[branch];
        let mut first: Option<f64> = None;
        let (mut peak, mut calm_s) = (0.0f64, 0.0f64);
        let mut of_line = None;
        for middle in middles {
            // Drawn for every piece, so that each keeps its luck whatever else is there.
            let own = luck.next(middle);
            if !is_line {
                continue;
            }
            // A curve of whole lines knows one luck, that of the first piece.
            let own = if lines.whole { *of_line.get_or_insert(own) } else { own };
            let strain = at(middle);
            let (here, crest_s) = strain.peak();
            peak = peak.max(here);
            calm_s = lines.work.calm_s(&strain).map_or(calm_s, |until_s| calm_s.max(until_s));
            let Some(withstands) = lines.curve.withstands(own) else { continue };
            // What fails without any wind fails with the crest: it is a curve over storms, not over calm days.
            let fails_s = match withstands {
                0.0 => Some(crest_s),
                level => strain.above(level).map(|(from_s, _)| from_s),
            };
            first = match (first, fails_s) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        if let Some(at_s) = first {
            broken.push(Broken { branch, at_s: at_s.max(0.0), longer: lines.work.longer(peak), calm_s });
        }
    }
    broken
}

/// When each broken line is back, s. Stream `repair`.
pub fn repaired(network: &Network, broken: &[Broken], crews: u32, streams: &Streams) -> Vec<f64> {
    let mut stream = streams.named("repair");
    // Drawn for every branch, so that each takes as long whatever else breaks.
    let branches = network.branches.from.indices();
    let drawn: Vec<[f64; 3]> =
        branches.map(|_| [stream.normal(), stream.uniform(), stream.uniform()]).collect();
    let job = |line: &Broken| {
        let [spread, longer, access] = drawn[line.branch.row()];
        let (least, most) = line.longer;
        let mean_h = repair::LINE_H * (most - least).mul_add(longer, least);
        // Lognormal around that mean.
        let hours = mean_h * libm::exp(repair::SIGMA.mul_add(spread, -0.5 * repair::SIGMA * repair::SIGMA));
        let (soon, late) = repair::ACCESS_H;
        Job {
            ready_s: line.at_s.max(line.calm_s) + 3600.0 * (late - soon).mul_add(access, soon),
            takes_s: 3600.0 * hours,
            priority: network.branches.rating_pu[line.branch].unwrap_or(0.0),
        }
    };
    repair::schedule(&broken.iter().map(job).collect::<Vec<_>>(), crews as usize)
}

/// Writes losses, and with crews repairs, into a timeline.
pub fn enter(
    world: &World<'_>,
    broken: &[Broken],
    crews: u32,
    streams: &Streams,
    timeline: &mut Vec<TimedEvent>,
) {
    let mut push = |seconds: f64, event: Event| {
        if seconds <= world.last_step_s() {
            timeline.push(TimedEvent { at: Moment::from_seconds(seconds), event });
        }
    };
    if crews > 0 {
        let back = repaired(world.network, broken, crews, streams);
        for (line, back_s) in broken.iter().zip(back) {
            push(back_s, Event::BranchBack { branch: line.branch });
        }
    }
    broken.iter().for_each(|line| push(line.at_s, Event::BranchOut { branch: line.branch }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_crossed_where_its_lines_are() {
        let gusts =
            Strain::Series { begin_s: 100.0, step_s: 10.0, values: vec![0.0, 20.0, 40.0, 10.0, 30.0, 0.0] };
        assert_eq!(gusts.peak(), (40.0, 120.0));
        assert_eq!(gusts.above(30.0), Some((115.0, 140.0)));
        assert_eq!(gusts.above(40.0), Some((120.0, 120.0)));
        assert_eq!(gusts.above(25.0), Some((112.5, 140.0 + 10.0 * 5.0 / 30.0)));
        assert_eq!(gusts.above(41.0), None);
        let flat = Strain::Series { begin_s: 0.0, step_s: 1.0, values: vec![5.0; 3] };
        assert_eq!(flat.above(5.0), Some((0.0, 2.0)));
        assert_eq!([95.0, 100.0, 115.0, 150.0, 151.0].map(|s| gusts.value_at(s)), [0.0, 0.0, 30.0, 0.0, 0.0]);
        assert_eq!([0.0, 1.5, 2.0, 2.5].map(|s| flat.value_at(s)), [5.0, 5.0, 5.0, 0.0]);
    }

    /// Both kinds tell the same of the same storm.
    #[test]
    fn a_series_of_a_bump_is_the_bump() {
        let bump = Strain::Bump { peak: 40.0, crest_s: 5000.0, width_s: 2000.0 };
        let at = |second: u32| {
            let deviations = (f64::from(second) - 5000.0) / 2000.0;
            40.0 * libm::exp(-0.5 * deviations * deviations)
        };
        let series =
            Strain::Series { begin_s: 0.0, step_s: 10.0, values: (0..1000).map(|i| at(10 * i)).collect() };
        for gust in [5.0, 20.0, 39.9] {
            let (ours, exact) = (series.above(gust).expect("reached"), bump.above(gust).expect("reached"));
            assert!((ours.0 - exact.0).abs() < 0.5 && (ours.1 - exact.1).abs() < 0.5, "{ours:?} {exact:?}");
            assert!((series.value_at(ours.0) - bump.value_at(ours.0)).abs() < 1e-3);
        }
    }
}
