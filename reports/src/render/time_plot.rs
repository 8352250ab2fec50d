//! An episode over time: small multiples that share the axis, events numbered as in the list beside them.

use std::collections::BTreeSet;

use super::svg::{coordinate, line, open, rectangle, text, text_width};
use crate::evidence::{EpisodeRecord, FrequencyCurveRecord, NetworkRecord, StepRecord};
use crate::words::{escape_xml, number};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 48.0;
const PANEL: f64 = 92.0;
const GAP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// Acted quantities that get a strip, those that were asked for first.
const STRIPS: usize = 3;

type Range = (f64, f64);
type Curve = Vec<Option<f64>>;

/// The plot as one `<svg>` element, coloured by the page's style sheet; `id` is unique on the page. `None` without steps.
pub fn render(network: Option<&NetworkRecord>, episode: &EpisodeRecord, id: &str) -> Option<String> {
    let axis = TimeAxis::new(episode)?;
    let mut panels = panels(network, &episode.steps);
    panels.extend(frequency(episode));
    let height = TOP + panels.iter().map(|panel| panel.height() + GAP).sum::<f64>() - GAP + BOTTOM;
    let title = format!("Episode {}/{} over time", episode.population, episode.index);
    let mut out = open(id, "plot", (WIDTH, height), &title, &description(&panels, episode));
    let foot = height - BOTTOM;
    let mut top = TOP;
    for panel in &panels {
        panel.draw(&axis, top, &mut out);
        top += panel.height() + GAP;
    }
    axis.draw(foot, &mut out);
    events(episode, &axis, foot, &mut out);
    out.push_str("</svg>");
    Some(out)
}

/// Where a moment of the episode is in the plot's width, in parts of it; `None` where there is no plot.
pub(super) fn place(episode: &EpisodeRecord, seconds: f64) -> Option<f64> {
    Some(TimeAxis::new(episode)?.x(seconds) / WIDTH)
}

/// When the record of an episode ends, s: its last step is taken to last as long as the one before. `None` without
/// steps, or where their times make no axis.
pub(crate) fn end_s(episode: &EpisodeRecord) -> Option<f64> {
    TimeAxis::new(episode).map(|axis| axis.end)
}

/// Seconds to the right; a step's values hold from its start to the start of the next.
struct TimeAxis {
    starts: Vec<f64>,
    end: f64,
}

impl TimeAxis {
    fn new(episode: &EpisodeRecord) -> Option<Self> {
        let starts: Vec<f64> = episode.steps.iter().map(|step| step.time_s).collect();
        let (&first, &last) = (starts.first()?, starts.last()?);
        let before = starts.len().checked_sub(2).map_or(first, |row| starts[row]);
        let end = if last > before { last + (last - before) } else { last + 1.0 };
        (first.is_finite() && end.is_finite() && end > first).then_some(Self { starts, end })
    }

    fn x(&self, seconds: f64) -> f64 {
        let span = self.end - self.starts[0];
        LEFT + (WIDTH - LEFT - RIGHT) * ((seconds - self.starts[0]) / span).clamp(0.0, 1.0)
    }

    fn until(&self, row: usize) -> f64 {
        self.starts.get(row + 1).copied().unwrap_or(self.end)
    }

    fn draw(&self, foot: f64, out: &mut String) {
        let span = self.end - self.starts[0];
        let (unit, name) = match span {
            _ if span <= 180.0 => (1.0, "s"),
            _ if span <= 10_800.0 => (60.0, "min"),
            _ if span <= 259_200.0 => (3600.0, "h"),
            _ => (86_400.0, "d"),
        };
        for tick in ticks((self.starts[0] / unit, self.end / unit), 8) {
            let x = self.x(tick * unit);
            out.push_str(&line("axis", (x, foot), (x, foot + 5.0)));
            out.push_str(&text("tick middle", x, foot + 18.0, &number(tick)));
        }
        out.push_str(&line("axis", (LEFT, foot), (WIDTH - RIGHT, foot)));
        out.push_str(&text("tick end", WIDTH - RIGHT, foot + 34.0, &format!("time in {name}")));
    }
}

struct Panel {
    title: String,
    unit: &'static str,
    /// What is allowed, shaded.
    allowed: Option<Range>,
    /// What was spanned in each step, shaded.
    spans: Vec<Option<Range>>,
    /// (class, name, curve).
    curves: Vec<(&'static str, &'static str, Curve)>,
    /// (class, name, points): seconds and values, joined by straight lines.
    lines: Vec<(&'static str, String, Vec<Range>)>,
    /// Values that must be on the axis.
    include: Vec<f64>,
}

fn panels(network: Option<&NetworkRecord>, steps: &[StepRecord]) -> Vec<Panel> {
    let each = |of: &dyn Fn(&StepRecord) -> Option<f64>| steps.iter().map(of).collect::<Curve>();
    let allowed = network.and_then(|network| tightest(&network.limits_pu));
    let voltage = Panel {
        title: "Bus voltage".into(),
        unit: "pu",
        allowed,
        spans: steps.iter().map(|step| extent(&step.vm_pu)).collect(),
        curves: vec![
            ("low", "lowest", each(&|step| extent(&step.vm_pu).map(|range| range.0))),
            ("high", "highest", each(&|step| extent(&step.vm_pu).map(|range| range.1))),
        ],
        lines: vec![],
        include: allowed.map_or_else(Vec::new, |(low, high)| vec![low, high]),
    };
    let loading = Panel {
        title: "Highest branch loading".into(),
        unit: "%",
        allowed: Some((0.0, 100.0)),
        spans: vec![],
        curves: vec![("load", "highest", each(&|step| extent(&step.loading).map(|range| 100.0 * range.1)))],
        lines: vec![],
        include: vec![0.0, 100.0],
    };
    let demand = Panel {
        title: "Demand".into(),
        unit: "MW",
        allowed: None,
        spans: steps
            .iter()
            .map(|step| step.served_mw.filter(|s| *s < step.demand_mw).map(|s| (s, step.demand_mw)))
            .collect(),
        curves: vec![
            ("wanted", "wanted", each(&|step| Some(step.demand_mw))),
            ("served", "served", each(&|step| step.served_mw)),
        ],
        lines: vec![],
        include: vec![],
    };
    let mut panels = vec![voltage];
    // Without any rating there is no loading to speak of, and an empty panel would look like zero.
    panels.extend(loading.curves[0].2.iter().any(Option::is_some).then_some(loading));
    panels.push(demand);
    panels.extend(acted(steps));
    panels
}

/// Classes of the curves of frequencies: whose they are, by their order of appearance.
const SUBJECTS: [&str; 3] = ["served", "asked", "granted"];

/// The frequencies of all islands, by whose grid it was; `None` where none moved.
fn frequency(episode: &EpisodeRecord) -> Option<Panel> {
    let nominal_hz = episode.frequency.first()?.nominal_hz;
    let mut subjects: Vec<&str> = Vec::new();
    for curve in &episode.frequency {
        if !subjects.contains(&curve.subject.as_str()) {
            subjects.push(&curve.subject);
        }
    }
    let first_bus = &episode.frequency.first()?.first_bus;
    // Of one island the title says which; of several each name does.
    let one = episode.frequency.iter().all(|curve| curve.first_bus == *first_bus);
    let line = |curve: &FrequencyCurveRecord| {
        let whose = subjects.iter().position(|subject| *subject == curve.subject).unwrap_or(0);
        let points = curve.time_s.iter().copied().zip(curve.frequency_hz.iter().copied());
        let island = if one { String::new() } else { format!(", island of bus {}", curve.first_bus) };
        let name = curve.subject.replace('_', " ") + &island;
        (SUBJECTS[whose % SUBJECTS.len()], name, points.collect())
    };
    Some(Panel {
        title: if one {
            format!("Frequency, island of bus {first_bus}")
        } else {
            "Frequency of each island".into()
        },
        unit: "Hz",
        allowed: None,
        spans: vec![],
        curves: vec![],
        lines: episode.frequency.iter().map(line).collect(),
        include: vec![nominal_hz],
    })
}

/// Asked and granted, mean over the elements, with the range of what was granted.
fn acted(steps: &[StepRecord]) -> Vec<Panel> {
    let names: BTreeSet<&String> =
        steps.iter().flat_map(|step| step.asked.keys().chain(step.granted.keys())).collect();
    let asked_for = |name: &str| {
        steps.iter().any(|step| step.asked.get(name).is_some_and(|row| row.iter().any(Option::is_some)))
    };
    let mut names: Vec<&String> = names.into_iter().collect();
    names.sort_by_key(|name| !asked_for(name));
    names.truncate(STRIPS);
    names
        .into_iter()
        .map(|name| {
            let curve = |of: fn(&StepRecord) -> &std::collections::BTreeMap<String, Vec<Option<f64>>>| {
                steps.iter().map(|step| of(step).get(name).and_then(|row| mean(row))).collect::<Curve>()
            };
            Panel {
                title: format!("{name}, mean and granted range"),
                unit: unit(name),
                allowed: None,
                spans: steps.iter().map(|step| step.granted.get(name).and_then(|row| extent(row))).collect(),
                curves: vec![
                    ("granted", "granted", curve(|step| &step.granted)),
                    ("asked", "asked", curve(|step| &step.asked)),
                ],
                lines: vec![],
                include: vec![],
            }
        })
        .collect()
}

/// Units of what a candidate may ask (the action table of the contracts).
fn unit(quantity: &str) -> &'static str {
    match quantity.rsplit('.').next() {
        Some("v_set") => "pu",
        Some("p_set") => "MW",
        Some("tap") => "ratio",
        Some("step") => "steps",
        Some("shed") => "share",
        _ => "",
    }
}

impl Panel {
    /// What moves within a step is worth a closer look.
    fn height(&self) -> f64 {
        if self.lines.is_empty() { PANEL } else { 2.0 * PANEL }
    }

    fn range(&self) -> Range {
        let spans = self.spans.iter().flatten().flat_map(|&(low, high)| [low, high]);
        let curves = self.curves.iter().flat_map(|(_, _, curve)| curve.iter().flatten().copied());
        let lines = self.lines.iter().flat_map(|(_, _, points)| points.iter().map(|point| point.1));
        let all = self
            .include
            .iter()
            .copied()
            .chain(spans)
            .chain(curves)
            .chain(lines)
            .filter(|value| value.is_finite());
        let (low, high) =
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return (0.0, 1.0);
        }
        let pad = if high > low { 0.06 * (high - low) } else { (0.01 * high.abs()).max(1e-3) };
        // A quantity that cannot be negative keeps its zero.
        (if low >= 0.0 { (low - pad).max(0.0) } else { low - pad }, high + pad)
    }

    fn draw(&self, axis: &TimeAxis, top: f64, out: &mut String) {
        let (low, high) = self.range();
        let y = |value: f64| top + self.height() * (1.0 - ((value - low) / (high - low)).clamp(0.0, 1.0));
        let right = WIDTH - RIGHT;
        if let Some((from, to)) = self.allowed {
            out.push_str(&rectangle("allowed", (LEFT, y(to)), (right - LEFT, y(from) - y(to))));
            for edge in [from, to].into_iter().filter(|edge| *edge > low && *edge < high) {
                out.push_str(&line("limit", (LEFT, y(edge)), (right, y(edge))));
            }
        }
        for tick in ticks((low, high), 5) {
            out.push_str(&line("grid", (LEFT, y(tick)), (right, y(tick))));
            out.push_str(&text("tick end", LEFT - 7.0, y(tick) + 4.0, &number(tick)));
        }
        let mut shaded = String::new();
        for (row, span) in self.spans.iter().enumerate() {
            if let Some((from, to)) = span {
                let [x0, x1] = [axis.x(axis.starts[row]), axis.x(axis.until(row))].map(coordinate);
                let [y0, y1] = [y(*from), y(*to)].map(coordinate);
                shaded.push_str(&format!("M{x0} {y0}H{x1}V{y1}H{x0}Z"));
            }
        }
        if !shaded.is_empty() {
            out.push_str(&format!("<path class=\"span\" d=\"{shaded}\"/>\n"));
        }
        for (class, name, curve) in &self.curves {
            let path = staircase(curve, axis, &y);
            out.push_str(&format!(
                "<path class=\"curve {class}\" d=\"{path}\"><title>{}</title></path>\n",
                escape_xml(&format!("{}: {name}", self.title))
            ));
        }
        for (class, name, points) in &self.lines {
            let path = joined(points, axis, &y);
            out.push_str(&format!(
                "<path class=\"curve {class}\" d=\"{path}\"><title>{}</title></path>\n",
                escape_xml(&format!("{}: {name}", self.title))
            ));
        }
        self.heading(top, out);
    }

    /// Title left, legend right, both above the panel.
    fn heading(&self, top: f64, out: &mut String) {
        let title =
            if self.unit.is_empty() { self.title.clone() } else { format!("{}, {}", self.title, self.unit) };
        out.push_str(&text("panel-title", LEFT, top - 9.0, &title));
        let mut x = WIDTH - RIGHT;
        let lines = self.lines.iter().take(SUBJECTS.len()).map(|(class, name, _)| (*class, name.as_str()));
        let named: Vec<(&str, &str)> = self.curves.iter().map(|c| (c.0, c.1)).chain(lines).collect();
        if named.len() > 1 {
            for (class, name) in named.into_iter().rev() {
                out.push_str(&text("tick end", x, top - 9.0, name));
                x -= 1.1 * text_width(name, 12.0);
                let from = coordinate(x - 26.0);
                let (to, y) = (coordinate(x - 6.0), coordinate(top - 13.0));
                out.push_str(&format!("<path class=\"curve {class}\" d=\"M{from} {y}H{to}\"/>\n"));
                x -= 42.0;
            }
        }
    }
}

/// Points joined by straight lines; those outside the axis are left out, and so is the second of two that would lie on each other.
fn joined(points: &[Range], axis: &TimeAxis, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut last = None;
    for (time, value) in points.iter().filter(|(time, value)| *time <= axis.end && value.is_finite()) {
        let point = (coordinate(axis.x(*time)), coordinate(y(*value)));
        if last.as_ref() != Some(&point) {
            let letter = if last.is_none() { 'M' } else { 'L' };
            path.push_str(&format!("{letter}{} {}", point.0, point.1));
            last = Some(point);
        }
    }
    path
}

/// Values hold until the next step; where there is none the curve is interrupted, never drawn through.
fn staircase(curve: &Curve, axis: &TimeAxis, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut pen_down = false;
    for (row, value) in curve.iter().enumerate() {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            pen_down = false;
            continue;
        };
        let [x0, x1] = [axis.x(axis.starts[row]), axis.x(axis.until(row))].map(coordinate);
        let y = coordinate(y(value));
        path.push_str(&if pen_down { format!("V{y}H{x1}") } else { format!("M{x0} {y}H{x1}") });
        pen_down = true;
    }
    path
}

/// Numbered markers; events that would overlap share one, `2-5`.
fn events(episode: &EpisodeRecord, axis: &TimeAxis, foot: f64, out: &mut String) {
    // An event after the end was never lived through; the list says so.
    let mut at: Vec<(f64, usize)> = (episode.events.iter().enumerate())
        .filter(|(_, (time, _))| *time <= axis.end)
        .map(|(row, (time, _))| (axis.x(*time), row + 1))
        .collect();
    at.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut groups: Vec<(f64, Vec<usize>)> = Vec::new();
    for (x, event) in at {
        match groups.last_mut() {
            Some((start, members)) if x - *start < 30.0 => members.push(event),
            _ => groups.push((x, vec![event])),
        }
    }
    for (x, mut members) in groups {
        members.sort_unstable();
        let run = members.last().zip(members.first()).map(|(last, first)| last - first + 1);
        let label = match members.as_slice() {
            [one] => one.to_string(),
            [first, .., last] if run == Some(members.len()) => format!("{first}\u{2013}{last}"),
            [first, ..] => format!("{first}+"),
            [] => continue,
        };
        let width = text_width(&label, 12.0) + 11.0;
        let left = (x - width / 2.0).clamp(1.0, WIDTH - width - 1.0);
        let centre = left + width / 2.0;
        out.push_str(&line("event", (x, 17.0), (x, foot)));
        let [left, width] = [left, width].map(coordinate);
        out.push_str(&format!(
            "<rect class=\"event-badge\" x=\"{left}\" y=\"1\" width=\"{width}\" height=\"17\" rx=\"8.5\"/>\n"
        ));
        out.push_str(&text("event-number", centre, 14.0, &label));
    }
}

fn description(panels: &[Panel], episode: &EpisodeRecord) -> String {
    let mut parts = vec![format!("{} steps, {} events", episode.steps.len(), episode.events.len())];
    for panel in panels {
        for (_, name, curve) in &panel.curves {
            let known = || curve.iter().flatten().copied();
            if let (Some(low), Some(high)) = (known().reduce(f64::min), known().reduce(f64::max)) {
                let title = &panel.title;
                parts.push(format!("{title}, {name}: {} to {} {}", number(low), number(high), panel.unit));
            }
        }
        for (_, name, points) in &panel.lines {
            let values = || points.iter().map(|point| point.1);
            if let (Some(low), Some(high)) = (values().reduce(f64::min), values().reduce(f64::max)) {
                let title = &panel.title;
                parts.push(format!("{title}, {name}: {} to {} {}", number(low), number(high), panel.unit));
            }
        }
    }
    format!("{}.", parts.join(". "))
}

/// The band inside every bus's limits; `None` where there is no such band.
fn tightest(limits: &[Range]) -> Option<Range> {
    let low = limits.iter().map(|limit| limit.0).reduce(f64::max)?;
    let high = limits.iter().map(|limit| limit.1).reduce(f64::min)?;
    (low < high).then_some((low, high))
}

fn extent(row: &[Option<f64>]) -> Option<Range> {
    let known = || row.iter().flatten().copied().filter(|value| value.is_finite());
    Some((known().reduce(f64::min)?, known().reduce(f64::max)?))
}

fn mean(row: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = row.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// About `wanted` round values inside the range: steps of 1, 2 or 5 times a power of ten.
pub(super) fn ticks((low, high): Range, wanted: usize) -> Vec<f64> {
    let rough = (high - low) / wanted as f64;
    if !rough.is_finite() || rough <= 0.0 || rough < 1e-12 * high.abs().max(low.abs()) {
        return vec![];
    }
    let mut power = 1.0;
    while power > rough {
        power /= 10.0;
    }
    while power * 10.0 <= rough {
        power *= 10.0;
    }
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|f| f * power).into_iter().find(|s| *s >= rough).unwrap_or(10.0 * power);
    let first = (low / step).ceil();
    (0..=2 * wanted).map(|i| (first + i as f64) * step).take_while(|tick| *tick <= high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let close = |found: Vec<f64>, expected: &[f64]| {
            assert_eq!(found.len(), expected.len(), "{found:?}");
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        };
        close(ticks((0.93, 1.07), 4), &[0.95, 1.0, 1.05]);
        close(ticks((0.0, 30.0), 8), &[0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        close(ticks((-3.0, 3.0), 3), &[-2.0, 0.0, 2.0]);
        close(ticks((1.0, 1.0), 4), &[]);
        close(ticks((0.0, f64::INFINITY), 4), &[]);
    }

    #[test]
    fn a_gap_is_not_drawn_through() {
        let step =
            |time_s: f64, vm: Option<f64>| StepRecord { time_s, vm_pu: vec![vm], ..StepRecord::default() };
        let steps =
            vec![step(0.0, Some(1.0)), step(60.0, None), step(120.0, Some(1.0)), step(180.0, Some(0.9))];
        let episode = EpisodeRecord { steps, ..EpisodeRecord::default() };
        let axis = TimeAxis::new(&episode).unwrap();
        assert_eq!(axis.end, 240.0);
        let curve: Curve = episode.steps.iter().map(|step| step.vm_pu[0]).collect();
        let path = staircase(&curve, &axis, &|value| value * 10.0);
        assert_eq!(path, "M64 10H283.5M503 10H722.5V9H942");
        assert!(render(None, &episode, "p").unwrap().ends_with("</svg>"));
        assert_eq!(render(None, &EpisodeRecord::default(), "p"), None);
    }

    #[test]
    fn frequencies_are_drawn_for_everybody_and_named() {
        let curve = |subject: &str, hz: f64| FrequencyCurveRecord {
            subject: subject.into(),
            first_bus: "3".into(),
            nominal_hz: 60.0,
            time_s: vec![1.0, 2.0, 2.0],
            frequency_hz: vec![60.0, hz, hz],
        };
        let steps = vec![StepRecord::default(), StepRecord { time_s: 2.0, ..StepRecord::default() }];
        let frequency = vec![curve("candidate", 59.6), curve("do_nothing", 58.9)];
        let episode = EpisodeRecord { steps, frequency, ..EpisodeRecord::default() };
        let plot = render(None, &episode, "p").unwrap();
        assert!(
            plot.contains("Frequency, island of bus 3, Hz") && plot.contains("do nothing: 58.9 to 60 Hz")
        );
        let two = vec![
            curve("candidate", 59.6),
            FrequencyCurveRecord { first_bus: "4".into(), ..curve("candidate", 58.9) },
        ];
        let plot = render(None, &EpisodeRecord { frequency: two, ..episode.clone() }, "p").unwrap();
        assert!(
            plot.contains("Frequency of each island, Hz")
                && plot.contains("candidate, island of bus 4: 58.9 to 60 Hz")
        );
        let path = joined(
            &[(0.0, 1.0), (2.0, 2.0), (2.0, 2.0), (9.0, 3.0)],
            &TimeAxis::new(&episode).unwrap(),
            &|v| v,
        );
        assert_eq!(path, "M64 1L503 2");
    }

    #[test]
    fn events_close_together_share_a_marker() {
        let events = [0.0, 1.0, 500.0].map(|time| (time, "<x>".to_owned())).to_vec();
        let steps = vec![StepRecord::default(), StepRecord { time_s: 500.0, ..StepRecord::default() }];
        let plot = render(None, &EpisodeRecord { events, steps, ..EpisodeRecord::default() }, "p").unwrap();
        assert!(plot.contains(">1\u{2013}2</text>") && plot.contains(">3</text>"));
    }
}
