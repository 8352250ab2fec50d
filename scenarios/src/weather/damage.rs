//! What a storm breaks and when it is repaired: exposure, fragility and repair together, for any field of gusts.

use powerflow::{BranchIdx, Index, Network};

use super::correlation::Luck;
use super::exposure::segments;
use super::fragility::Curve;
use super::geography::{Map, Point};
use super::repair::{self, Job};
use crate::event::{Event, Moment, TimedEvent};
use crate::hazard::World;
use crate::seed::Streams;

/// The gusts of a storm at one place.
#[derive(Clone, Debug, PartialEq)]
pub enum Gusts {
    /// They rise and fall once, as a normal density does.
    Bump {
        /// The strongest, m/s.
        peak_m_s: f64,
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
        /// Gusts, m/s.
        m_s: Vec<f64>,
    },
}

impl Gusts {
    /// The strongest gust, m/s, and when it is there first, s.
    pub fn peak(&self) -> (f64, f64) {
        match self {
            Gusts::Bump { peak_m_s, crest_s, .. } => (*peak_m_s, *crest_s),
            Gusts::Series { begin_s, step_s, m_s } => {
                let strongest = m_s
                    .iter()
                    .enumerate()
                    .fold((0.0, 0), |best, (at, gust)| if *gust > best.0 { (*gust, at) } else { best });
                (strongest.0, step_s.mul_add(strongest.1 as f64, *begin_s))
            }
        }
    }

    /// When the gusts first reach so much, and when they are below it for good, s; `None` where they never do.
    pub fn above(&self, gust_m_s: f64) -> Option<(f64, f64)> {
        if gust_m_s <= 0.0 || !(gust_m_s <= self.peak().0) {
            return None;
        }
        match self {
            Gusts::Bump { peak_m_s, crest_s, width_s } => {
                let half_s = width_s * (2.0 * libm::log(peak_m_s / gust_m_s)).sqrt();
                Some((crest_s - half_s, crest_s + half_s))
            }
            Gusts::Series { begin_s, step_s, m_s } => {
                let reaches = |gust: &f64| *gust >= gust_m_s;
                let (first, last) = (m_s.iter().position(reaches)?, m_s.iter().rposition(reaches)?);
                // Where the line between two moments crosses.
                let crossing = |below: usize, above: usize| {
                    let share = (gust_m_s - m_s[below]) / (m_s[above] - m_s[below]);
                    let place = (above as f64 - below as f64).mul_add(share, below as f64);
                    step_s.mul_add(place, *begin_s)
                };
                let from_s = if first == 0 { *begin_s } else { crossing(first - 1, first) };
                let end = m_s.len() - 1;
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
    /// Strongest gust along it, m/s.
    pub peak_m_s: f64,
    /// From when on the wind along all of it is safe to work in, s.
    pub calm_s: f64,
}

/// How lines fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lines {
    /// From gust to failure.
    pub curve: Curve,
    /// Whether the curve is one of whole lines and not of their pieces.
    pub whole: bool,
}

/// Lines that break, in file order; `at` tells the gusts at a place. Transformers stand in substations and do not.
pub fn broken(
    network: &Network,
    map: &Map,
    lines: Lines,
    luck: &mut Luck,
    at: impl Fn(Point) -> Gusts,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    for branch in network.branches.from.indices() {
        let (from, to) = map.ends(network, branch);
        let (middles, _) = segments(from, to);
        let is_line = network.branches.in_service[branch] && !network.branches.transformer[branch];
        let mut first: Option<f64> = None;
        let (mut peak_m_s, mut calm_s) = (0.0f64, 0.0f64);
        let mut of_line = None;
        for middle in middles {
            // Drawn for every piece, so that each keeps its luck whatever else is there.
            let own = luck.next(middle);
            if !is_line {
                continue;
            }
            // A curve of whole lines knows one luck, that of the first piece.
            let own = if lines.whole { *of_line.get_or_insert(own) } else { own };
            let gusts = at(middle);
            let (here_m_s, crest_s) = gusts.peak();
            peak_m_s = peak_m_s.max(here_m_s);
            calm_s = gusts.above(repair::SAFE_M_S).map_or(calm_s, |(_, until_s)| calm_s.max(until_s));
            let Some(withstands) = lines.curve.withstands_m_s(own) else { continue };
            // What fails without any wind fails with the crest: it is a curve over storms, not over calm days.
            let fails_s = match withstands {
                0.0 => Some(crest_s),
                wind => gusts.above(wind).map(|(from_s, _)| from_s),
            };
            first = match (first, fails_s) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        if let Some(at_s) = first {
            broken.push(Broken { branch, at_s: at_s.max(0.0), peak_m_s, calm_s });
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
        let (least, most) = repair::longer(line.peak_m_s);
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
            Gusts::Series { begin_s: 100.0, step_s: 10.0, m_s: vec![0.0, 20.0, 40.0, 10.0, 30.0, 0.0] };
        assert_eq!(gusts.peak(), (40.0, 120.0));
        assert_eq!(gusts.above(30.0), Some((115.0, 140.0)));
        assert_eq!(gusts.above(40.0), Some((120.0, 120.0)));
        assert_eq!(gusts.above(25.0), Some((112.5, 140.0 + 10.0 * 5.0 / 30.0)));
        assert_eq!(gusts.above(41.0), None);
        let flat = Gusts::Series { begin_s: 0.0, step_s: 1.0, m_s: vec![5.0; 3] };
        assert_eq!(flat.above(5.0), Some((0.0, 2.0)));
    }

    /// Both kinds tell the same of the same storm.
    #[test]
    fn a_series_of_a_bump_is_the_bump() {
        let bump = Gusts::Bump { peak_m_s: 40.0, crest_s: 5000.0, width_s: 2000.0 };
        let at = |second: u32| {
            let deviations = (f64::from(second) - 5000.0) / 2000.0;
            40.0 * libm::exp(-0.5 * deviations * deviations)
        };
        let series =
            Gusts::Series { begin_s: 0.0, step_s: 10.0, m_s: (0..1000).map(|i| at(10 * i)).collect() };
        for gust in [5.0, 20.0, 39.9] {
            let (ours, exact) = (series.above(gust).expect("reached"), bump.above(gust).expect("reached"));
            assert!((ours.0 - exact.0).abs() < 0.5 && (ours.1 - exact.1).abs() < 0.5, "{ours:?} {exact:?}");
        }
    }
}
