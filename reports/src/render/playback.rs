//! An episode to leaf through, as one HTML page that holds everything: no network access; without script a table of all that it shows.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::html::{STYLE, fill};
use super::layout::{HEIGHT, Point, WIDTH};
use super::network_picture::{LEGEND_HEIGHT, layout, legend, loading_class, symbol_scale, voltage_class};
use super::svg::{coordinate, open};
use super::time_plot;
use crate::evidence::{NetworkRecord, StepRecord};
use crate::playback::{Playback, SeenRecord};
use crate::problem::Problem;
use crate::words::{number, time};

const PAGE: &str = include_str!("../../pages/playback.html");
const SCRIPT: &str = include_str!("../../pages/playback.js");

/// Between parallel branches, in the picture's own units.
const BEND: f64 = 9.0;
/// Requests of a moment that the page lists; the document has them all.
const REQUESTS: usize = 400;

#[derive(Serialize)]
struct Page<'a> {
    style: Value,
    script: Value,
    data: Value,
    title: String,
    network: &'a str,
    facts: &'a [(String, String)],
    picture: Value,
    plot: Option<Value>,
    events: Vec<(usize, String, &'a str)>,
    frames: Vec<Row>,
    metrics: Vec<(&'a str, String)>,
}

/// A line of the table.
#[derive(Serialize)]
struct Row {
    time: String,
    what: String,
    lowest: String,
    highest: String,
    most: String,
    served: String,
    demand: String,
    asked: String,
    notes: String,
}

/// What the script shows at one position of the slider. Names are short: there are hundreds of them.
#[derive(Serialize)]
struct Frame {
    /// Label.
    t: String,
    /// What it is: 0 as seen, 1 after the answer, 2 within a step.
    k: u8,
    /// A character for the class of each bus, and of each branch.
    b: String,
    l: String,
    /// Voltages in 0.0001 pu and loadings in 0.1 %; -1 where there is none.
    v: Vec<i64>,
    p: Vec<i64>,
    /// Lines: (name, text).
    f: Vec<(String, String)>,
    /// Requests: (quantity and element, held before, asked, granted).
    a: Vec<(String, String, String, String)>,
    /// Requests that are not listed.
    m: usize,
    /// Refusals and notes.
    n: Vec<String>,
    /// Events so far.
    e: usize,
    /// Place in the plot's width.
    x: f64,
}

#[derive(Serialize)]
struct Data<'a> {
    frames: &'a [Frame],
    buses: &'a [u64],
    branches: Vec<String>,
}

/// The page.
///
/// # Errors
/// `render.html` where the template refuses; a page is never half written.
pub fn render(playback: &Playback) -> Result<String, Problem> {
    let Playback { episode, network, seen, facts, .. } = playback;
    let places = layout(network);
    let moments = moments(&episode.steps, seen);
    let frames: Vec<Frame> = moments.iter().map(|moment| frame(playback, moment)).collect();
    let rows = moments.iter().zip(&frames).map(|(moment, frame)| row(moment, frame)).collect();
    let first = frames.first();
    let picture = picture(network, &places, first.map_or("", |f| &f.b), first.map_or("", |f| &f.l));
    let data = Data {
        frames: &frames,
        buses: &network.bus_ids,
        branches: (0..network.branches.len()).map(|row| branch_name(network, row)).collect(),
    };
    // Inside a script element only `<` could end it.
    let data = serde_json::to_string(&data)
        .map_err(|error| Problem::new("render.html", error.to_string()))?
        .replace('<', "\\u003c");
    let page = Page {
        style: Value::from_safe_string(STYLE.to_owned()),
        script: Value::from_safe_string(SCRIPT.to_owned()),
        data: Value::from_safe_string(data),
        title: format!("{}/{}: {}", episode.population, episode.index, episode.outcome.replace('_', " ")),
        network: &network.name,
        facts,
        picture: Value::from_safe_string(picture),
        plot: time_plot::render(Some(network), episode, "plot").map(Value::from_safe_string),
        events: episode
            .events
            .iter()
            .enumerate()
            .map(|(row, (at, words))| (row + 1, time(*at), words.as_str()))
            .collect(),
        frames: rows,
        metrics: episode
            .metrics
            .iter()
            .map(|(id, value)| (id.as_str(), value.map_or_else(|| "no value".to_owned(), number)))
            .collect(),
    };
    fill("playback.html", PAGE, Serde(&page))
}

/// What is shown at one position: what was seen, or what held afterwards.
enum Moment<'a> {
    /// With the number of the step.
    Seen(usize, &'a SeenRecord),
    /// With the number of the step, and what the candidate had seen in it.
    Held(usize, &'a StepRecord, Option<&'a SeenRecord>),
}

impl Moment<'_> {
    fn time_s(&self) -> f64 {
        match self {
            Moment::Seen(_, seen) => seen.time_s,
            Moment::Held(_, step, _) => step.time_s,
        }
    }
}

/// In order of time; of one moment, what was seen comes before what was answered.
fn moments<'a>(steps: &'a [StepRecord], seen: &'a [SeenRecord]) -> Vec<Moment<'a>> {
    let mut moments = Vec::with_capacity(steps.len() + seen.len());
    let mut waiting = seen.iter().peekable();
    let mut last: Option<&SeenRecord> = None;
    let mut number = 0;
    let mut begun = 0;
    for step in steps {
        if !step.between {
            number = begun;
            begun += 1;
        }
        while let Some(next) = waiting.next_if(|next| next.time_s <= step.time_s) {
            moments.push(Moment::Seen(number, next));
            last = Some(next);
        }
        moments.push(Moment::Held(number, step, last));
    }
    moments.extend(waiting.map(|next| Moment::Seen(begun, next)));
    moments
}

fn branch_name(network: &NetworkRecord, row: usize) -> String {
    let id = |bus: u32| network.bus_ids.get(bus as usize).map_or_else(|| "?".to_owned(), u64::to_string);
    let (from, to) = network.branches[row];
    format!("branch {} ({}-{})", row + 1, id(from), id(to))
}

/// A character for the class of each bus: its voltage from far below to far above, or dead.
fn bus_classes(network: &NetworkRecord, vm_pu: &[Option<f64>]) -> String {
    (0..network.bus_ids.len())
        .map(|bus| match (vm_pu.get(bus).copied().flatten(), network.limits_pu.get(bus)) {
            (None, _) => 'x',
            (Some(vm), limits) => {
                let limits = limits.copied().unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
                char::from(b'0' + voltage_class(vm, limits) as u8)
            }
        })
        .collect()
}

/// A character for the class of each branch: its loading, or out; without a rating as if little loaded.
fn branch_classes(network: &NetworkRecord, loading: &[Option<f64>], out: &[u32]) -> String {
    (0..network.branches.len())
        .map(|branch| match loading.get(branch).copied().flatten() {
            _ if out.contains(&(branch as u32)) => 'o',
            None => '0',
            Some(loading) => char::from(b'0' + loading_class(loading) as u8),
        })
        .collect()
}

fn frame(playback: &Playback, moment: &Moment<'_>) -> Frame {
    let Playback { episode, network, .. } = playback;
    let at = moment.time_s();
    let nothing = Vec::new();
    let (vm_pu, loading, out) = match moment {
        Moment::Seen(_, seen) => (&seen.vm_pu, &seen.loading, &seen.out),
        Moment::Held(_, step, _) => (&step.vm_pu, &step.loading, step.out.as_ref().unwrap_or(&nothing)),
    };
    let (t, k) = match moment {
        Moment::Seen(number, _) => (format!("step {number}, {}: what it saw", time(at)), 0),
        Moment::Held(number, step, _) if step.between => {
            (format!("step {number}, {}: after something happened", time(at)), 2)
        }
        Moment::Held(number, ..) => (format!("step {number}, {}: after its answer", time(at)), 1),
    };
    let asked = requests(playback, moment);
    let mut notes = Vec::new();
    if let Moment::Held(_, step, _) = moment {
        notes.extend(
            step.refused
                .iter()
                .map(|(element, reason, _)| format!("not granted as asked: {element} ({reason})")),
        );
        notes.extend(step.notes.iter().cloned());
    }
    let scaled = |values: &[Option<f64>], by: f64| {
        values.iter().map(|value| value.map_or(-1, |value| (value * by).round() as i64)).collect()
    };
    Frame {
        t,
        k,
        b: bus_classes(network, vm_pu),
        l: branch_classes(network, loading, out),
        v: scaled(vm_pu, 1e4),
        p: scaled(loading, 1e3),
        f: facts(network, moment, vm_pu, loading),
        m: asked.len().saturating_sub(REQUESTS),
        a: asked.into_iter().take(REQUESTS).collect(),
        n: notes,
        e: episode.events.iter().take_while(|(event_s, _)| *event_s <= at).count(),
        x: time_plot::place(episode, at).unwrap_or_default(),
    }
}

/// The row and value of the extreme that `better` picks, the first of equals.
fn extreme(values: &[Option<f64>], better: impl Fn(f64, f64) -> bool) -> Option<(usize, f64)> {
    let known = values.iter().enumerate().filter_map(|(row, value)| Some((row, (*value)?)));
    known.fold(None, |best, (row, value)| match best {
        Some((_, other)) if !better(value, other) => best,
        _ => Some((row, value)),
    })
}

fn facts(
    network: &NetworkRecord,
    moment: &Moment<'_>,
    vm_pu: &[Option<f64>],
    loading: &[Option<f64>],
) -> Vec<(String, String)> {
    let bus = |row: usize| network.bus_ids.get(row).map_or_else(|| "?".to_owned(), u64::to_string);
    let voltage = |found: Option<(usize, f64)>| {
        found.map_or_else(|| "-".to_owned(), |(row, vm)| format!("{vm:.4} pu at bus {}", bus(row)))
    };
    let most = extreme(loading, |a, b| a > b).map_or_else(
        || "-".to_owned(),
        |(row, share)| {
            format!("{} % at {}", number((share * 1000.0).round() / 10.0), branch_name(network, row))
        },
    );
    let mut facts = vec![
        ("Lowest voltage".to_owned(), voltage(extreme(vm_pu, |a, b| a < b))),
        ("Highest voltage".to_owned(), voltage(extreme(vm_pu, |a, b| a > b))),
        ("Most loaded".to_owned(), most),
    ];
    let mw = |mw: f64| format!("{mw:.1} MW");
    match moment {
        Moment::Seen(_, seen) => {
            facts.push(("Demand".to_owned(), mw(seen.demand_mw)));
            if let Some((low, high)) = seen.frequency_hz {
                facts.push(("Frequency".to_owned(), format!("{low:.3} to {high:.3} Hz")));
            }
            if seen.age_s > 0.0 {
                facts.push(("Age when it decided".to_owned(), time(seen.age_s)));
            }
        }
        Moment::Held(_, step, _) => {
            let served = step.served_mw.map_or_else(|| "not known".to_owned(), mw);
            facts.push(("Served".to_owned(), format!("{served} of {}", mw(step.demand_mw))));
        }
    }
    facts
}

/// What was asked, with what held before and what was granted: first what was not granted as asked, then what moved, then the rest.
fn requests(playback: &Playback, moment: &Moment<'_>) -> Vec<(String, String, String, String)> {
    let Moment::Held(_, step, seen) = moment else { return Vec::new() };
    let mut requests = Vec::new();
    for (quantity, values) in &step.asked {
        let granted = step.granted.get(quantity);
        let held = seen.and_then(|seen| seen.holds.get(quantity));
        let names = playback.elements.get(quantity);
        for (row, asked) in values.iter().enumerate().filter_map(|(row, value)| Some((row, (*value)?))) {
            let name = names.and_then(|names| names.get(row)).cloned();
            let name = format!("{quantity} {}", name.unwrap_or_else(|| (row + 1).to_string()));
            let granted = granted.and_then(|granted| granted.get(row).copied().flatten());
            let before = held.and_then(|held| held.get(row)).copied();
            let rank = match () {
                () if granted != Some(asked) => 0,
                () if before != granted => 1,
                () => 2,
            };
            let before = before.map_or_else(|| "-".to_owned(), number);
            let granted = granted.map_or_else(|| "refused".to_owned(), number);
            requests.push((rank, (name, before, number(asked), granted)));
        }
    }
    // Stable: of one rank in the order of the file.
    requests.sort_by_key(|(rank, _)| *rank);
    requests.into_iter().map(|(_, request)| request).collect()
}

fn row(moment: &Moment<'_>, frame: &Frame) -> Row {
    let of = |name: &str| {
        let found = frame.f.iter().find(|(own, _)| own == name);
        found.map_or_else(|| "-".to_owned(), |(_, text)| text.clone())
    };
    let (served, demand) = match moment {
        Moment::Seen(_, seen) => ("-".to_owned(), format!("{:.1}", seen.demand_mw)),
        Moment::Held(_, step, _) => (
            step.served_mw.map_or_else(|| "not known".to_owned(), |mw| format!("{mw:.1}")),
            format!("{:.1}", step.demand_mw),
        ),
    };
    let all = frame.a.len() + frame.m;
    let refused = match moment {
        Moment::Held(_, step, _) => step.refused.iter().map(|refused| refused.2).sum::<u32>(),
        Moment::Seen(..) => 0,
    };
    let asked = match (all, refused) {
        (0, _) => String::new(),
        (all, 0) => format!("{all} asked"),
        (all, refused) => format!("{all} asked, {refused} not granted as asked"),
    };
    Row {
        time: time(moment.time_s()),
        what: frame.t.split_once(": ").map_or(String::new(), |(_, what)| what.to_owned()),
        lowest: of("Lowest voltage"),
        highest: of("Highest voltage"),
        most: of("Most loaded"),
        served,
        demand,
        asked,
        notes: frame.n.join("; "),
    }
}

/// The network, each symbol by itself so that a script can colour it; coloured as at the first moment.
fn picture(network: &NetworkRecord, places: &[Point], buses: &str, branches: &str) -> String {
    let scale = symbol_scale(places.len());
    let description = format!(
        "{} buses, {} branches; what is shown follows the slider.",
        places.len(),
        network.branches.len()
    );
    let mut out = open("live", "network live", (WIDTH, HEIGHT + LEGEND_HEIGHT), &network.name, &description);
    out.push_str(&format!("<g stroke-width=\"{}\">\n", coordinate((2.4 * scale).max(0.8))));
    for (row, bend) in bends(network).into_iter().enumerate() {
        let (from, to) = network.branches[row];
        let (Some(from), Some(to)) = (places.get(from as usize), places.get(to as usize)) else { continue };
        let class = branches.as_bytes().get(row).map_or("b0", |class| branch_class(*class));
        out.push_str(&format!("<path id=\"l{row}\" class=\"{class}\" d=\"{}\"/>\n", path(*from, *to, bend)));
    }
    out.push_str("</g>\n<g>\n");
    let units: BTreeSet<u32> = network.unit_buses.iter().copied().collect();
    for (row, (x, y)) in places.iter().enumerate() {
        let radius = 6.2 * scale;
        let class = buses.as_bytes().get(row).map_or("v3", |class| bus_class(*class));
        let shape = if units.contains(&(row as u32)) {
            let [x, y, side] = [x - 0.9 * radius, y - 0.9 * radius, 1.8 * radius].map(coordinate);
            format!(
                "<rect id=\"n{row}\" class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\"/>\n"
            )
        } else {
            let [x, y, r] = [*x, *y, radius].map(coordinate);
            format!("<circle id=\"n{row}\" class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"/>\n")
        };
        out.push_str(&shape);
    }
    out.push_str("</g>\n");
    out.push_str(&legend(network, places));
    out.push_str("</svg>");
    out
}

/// How far each branch bends to one side, so that parallel ones lie beside each other.
fn bends(network: &NetworkRecord) -> Vec<f64> {
    let pair = |(from, to): (u32, u32)| (from.min(to), from.max(to));
    let mut beside: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for (row, ends) in network.branches.iter().enumerate() {
        beside.entry(pair(*ends)).or_default().push(row);
    }
    let mut bends = vec![0.0; network.branches.len()];
    for rows in beside.values() {
        for (place, row) in rows.iter().enumerate() {
            let (from, to) = network.branches[*row];
            let side = if from > to { -1.0 } else { 1.0 };
            bends[*row] = side * BEND * (place as f64 - (rows.len() - 1) as f64 / 2.0);
        }
    }
    bends
}

/// A line from place to place that bends so far to its left.
fn path(from: Point, to: Point, bend: f64) -> String {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(coordinate);
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = (dx * dx + dy * dy).sqrt();
    if bend == 0.0 || length == 0.0 {
        return format!("M{x1} {y1}L{x2} {y2}");
    }
    // The curve goes half as far as its control point.
    let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
    let [x, y] = [middle.0 - 2.0 * bend * dy / length, middle.1 + 2.0 * bend * dx / length].map(coordinate);
    format!("M{x1} {y1}Q{x} {y} {x2} {y2}")
}

const BUS_CLASSES: [&str; 8] = ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "dead"];
const BRANCH_CLASSES: [&str; 5] = ["b0", "b1", "b2", "b3", "out"];

fn bus_class(class: u8) -> &'static str {
    BUS_CLASSES[usize::from(class.wrapping_sub(b'0')).min(7)]
}

fn branch_class(class: u8) -> &'static str {
    BRANCH_CLASSES[usize::from(class.wrapping_sub(b'0')).min(4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playback() -> Playback {
        let network = NetworkRecord {
            name: "</script><b>".into(),
            bus_ids: vec![10, 20, 30],
            limits_pu: vec![(0.9, 1.1); 3],
            branches: vec![(0, 1), (1, 2)],
            unit_buses: vec![0],
            ..NetworkRecord::default()
        };
        let step = |time_s: f64, between: bool, low: Option<f64>| StepRecord {
            time_s,
            between,
            vm_pu: vec![Some(1.0), Some(0.95), low],
            loading: vec![Some(0.4), low.map(|_| 1.2)],
            out: Some(if low.is_none() { vec![1] } else { vec![] }),
            served_mw: Some(10.0),
            demand_mw: 12.0,
            notes: vec!["</script> trips".into()],
            ..StepRecord::default()
        };
        let mut steps = vec![step(0.0, false, Some(0.89)), step(31.5, true, None), step(60.0, false, None)];
        steps[0].asked = BTreeMap::from([("act.gen.p_set".into(), vec![Some(5.0)])]);
        steps[0].granted = BTreeMap::from([("act.gen.p_set".into(), vec![Some(4.0)])]);
        steps[0].refused = vec![("unit 1 at bus 10".into(), "ramp".into(), 1)];
        let seen = |time_s: f64| SeenRecord {
            time_s,
            vm_pu: vec![Some(1.0), Some(1.0), Some(1.0)],
            loading: vec![Some(0.3), None],
            holds: BTreeMap::from([("act.gen.p_set".into(), vec![3.0])]),
            ..SeenRecord::default()
        };
        let episode = crate::evidence::EpisodeRecord {
            population: "p".into(),
            outcome: "blackout".into(),
            events: vec![(31.5, "branch 2 trips".into())],
            steps,
            ..Default::default()
        };
        Playback {
            episode,
            network,
            seen: vec![seen(0.0), seen(60.0)],
            elements: BTreeMap::from([("act.gen.p_set".into(), vec!["unit 1 at bus 10".into()])]),
            facts: vec![],
        }
    }

    #[test]
    fn what_was_seen_comes_before_what_was_answered() {
        let playback = playback();
        let moments = moments(&playback.episode.steps, &playback.seen);
        let frames: Vec<Frame> = moments.iter().map(|moment| frame(&playback, moment)).collect();
        let kinds: Vec<u8> = frames.iter().map(|frame| frame.k).collect();
        assert_eq!(kinds, [0, 1, 2, 0, 1]);
        assert_eq!(frames[1].b, "331");
        assert_eq!(frames[2].b, "33x");
        assert_eq!((frames[1].l.as_str(), frames[2].l.as_str()), ("03", "0o"));
        assert_eq!((frames[1].v[2], frames[2].v[2], frames[1].p[1]), (8900, -1, 1200));
        let asked = ("act.gen.p_set unit 1 at bus 10".into(), "3".into(), "5".into(), "4".into());
        assert_eq!(frames[1].a, [asked]);
        assert_eq!(frames.iter().map(|frame| frame.e).collect::<Vec<_>>(), [0, 0, 1, 1, 1]);
        // The last step's number is its own.
        assert!(frames[3].t.starts_with("step 1, 60 s") && frames[4].t.starts_with("step 1, 60 s"));
    }

    #[test]
    fn parallel_branches_lie_beside_each_other() {
        let network = NetworkRecord { branches: vec![(0, 1), (1, 0), (1, 2)], ..NetworkRecord::default() };
        assert_eq!(bends(&network), [-BEND / 2.0, -BEND / 2.0, 0.0]);
        // Drawn the other way round, the same bend is to the other side.
        assert_eq!(path((0.0, 0.0), (100.0, 0.0), -4.5), "M0 0Q50 -9 100 0");
        assert_eq!(path((100.0, 0.0), (0.0, 0.0), -4.5), "M100 0Q50 9 0 0");
        assert_eq!(path((0.0, 0.0), (100.0, 0.0), 0.0), "M0 0L100 0");
    }

    #[test]
    fn no_text_ends_the_script_and_nothing_is_fetched() {
        let page = render(&playback()).unwrap();
        // One for the data, one for the program.
        assert_eq!((page.matches("<script").count(), page.matches("</script>").count()), (2, 2));
        assert!(!page.contains("<b>"));
        let local = page.replace("http://www.w3.org/2000/svg", "");
        for part in ["http", "src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest"] {
            assert!(!local.contains(part), "{part}");
        }
        // Without a script: a line for each moment.
        assert_eq!(page.matches("<tr class=\"frame\">").count(), 5);
    }
}
