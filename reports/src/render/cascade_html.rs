//! What an outage set off, as one HTML page that holds everything: no network, no script, light, dark and print.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::cascade::{events, words};
use super::html::{STYLE, digests, fill, rows};
use super::layout::{HEIGHT, Point, WIDTH, layout};
use super::svg::{coordinate, line, open, rectangle, text, text_width};
use crate::cascade::{CascadeStudy, ElementKind};
use crate::evidence::NetworkRecord;
use crate::problem::Problem;
use crate::words::{count, quantity};

const PAGE: &str = include_str!("../../pages/cascade.html");
/// Events that are listed.
const SHOWN: usize = 400;
/// Tripped branches that are numbered in the picture.
const NUMBERED: usize = 40;
/// Islands that are listed.
const ISLANDS: usize = 30;

#[derive(Serialize)]
struct Page<'a> {
    style: Value,
    case: &'a str,
    engine: &'a str,
    tone: &'static str,
    symbol: &'static str,
    headline: String,
    warnings: Vec<String>,
    outage: String,
    facts: Vec<(String, String)>,
    picture: Value,
    timeline: Option<Value>,
    events: Vec<Row>,
    events_caption: String,
    islands: Vec<(u64, String, String, String)>,
    notes: Vec<&'a str>,
    settings: Vec<(&'a str, &'a str)>,
    inputs: Vec<(&'a str, &'a str, &'a str)>,
}

#[derive(Serialize)]
struct Row {
    time: String,
    generation: u64,
    words: String,
    lost: String,
}

/// The page.
///
/// # Errors
/// `render.html` where the template refuses; a page is never half written.
pub fn render(study: &CascadeStudy, network: &NetworkRecord) -> Result<String, Problem> {
    let events = events(study);
    let lost_mw = study.shed_mw.total();
    let tone = match () {
        _ if study.stopped.is_some() || study.numerically_doubtful => "undecided",
        _ if lost_mw > 0.0 => "fail",
        _ => "pass",
    };
    let doubtful = study.numerically_doubtful.then(|| {
        "Some of this rests on a power flow that only the last means found, or that had no answer.".to_owned()
    });
    let outage: Vec<&str> = study.outage.iter().map(|element| element.name.as_str()).collect();
    let mut facts = vec![
        ("Demand before".to_owned(), quantity(study.initial_load_mw, "MW")),
        ("Served at the end".to_owned(), quantity(study.served_mw, "MW")),
        ("Lost beyond the base".to_owned(), quantity(study.added_loss_mw, "MW")),
    ];
    for (cause, mw) in study.shed_mw.by_cause() {
        if mw != 0.0 {
            facts.push((format!("Lost by {cause}"), quantity(mw, "MW")));
        }
    }
    facts.push(("Power flows".to_owned(), count(study.solves)));
    let page = Page {
        style: Value::from_safe_string(STYLE.to_owned()),
        case: &study.case,
        engine: &study.engine,
        tone,
        symbol: if tone == "pass" { "\u{2713}" } else { "!" },
        headline: study.headline(),
        warnings: study.base_warning().into_iter().chain(study.stopped.clone()).chain(doubtful).collect(),
        outage: if outage.is_empty() { "nothing".into() } else { outage.join(", ") },
        facts,
        picture: Value::from_safe_string(picture(study, network)),
        timeline: timeline(study).map(Value::from_safe_string),
        events: events
            .iter()
            .take(SHOWN)
            .map(|event| {
                let lost_mw: f64 = event.iter().map(|trip| trip.lost_mw).sum();
                Row {
                    time: event[0].t_s.map_or_else(String::new, |t_s| format!("{t_s:.3} s")),
                    generation: event[0].generation,
                    words: words(event),
                    lost: if lost_mw == 0.0 { String::new() } else { quantity(lost_mw, "MW") },
                }
            })
            .collect(),
        events_caption: format!(
            "{} events{}",
            count(events.len() as u64),
            if events.len() > SHOWN { format!(", {SHOWN} of them shown") } else { String::new() }
        ),
        islands: study
            .islands
            .iter()
            .take(ISLANDS)
            .map(|island| {
                let mw = |mw| quantity(mw, "MW");
                (island.first_bus, count(island.buses), mw(island.demand_mw), mw(island.generation_mw))
            })
            .collect(),
        notes: study.notes.iter().map(String::as_str).collect(),
        settings: rows(study.settings.iter().chain(&study.program)),
        inputs: digests(&study.inputs),
    };
    fill("cascade.html", PAGE, Serde(&page))
}

/// The network: what was out at first, what tripped in its order, where demand was lost.
fn picture(study: &CascadeStudy, network: &NetworkRecord) -> String {
    let places = layout(network);
    let first: BTreeSet<u64> =
        study.outage.iter().filter(|e| e.kind == ElementKind::Branch).map(|element| element.row).collect();
    let mut tripped: BTreeMap<u64, usize> = BTreeMap::new();
    for trip in study.trips.iter().filter(|trip| trip.kind == ElementKind::Branch) {
        let number = tripped.len() + 1;
        tripped.entry(trip.row).or_insert(number);
    }
    let lost: BTreeSet<u64> = study
        .trips
        .iter()
        .filter(|trip| trip.kind == ElementKind::Bus && trip.lost_mw > 0.0)
        .map(|trip| trip.row)
        .collect();
    let description = format!(
        "{} buses; {} branches out at first, {} tripped, demand lost at {} buses or the islands around them",
        places.len(),
        first.len(),
        tripped.len(),
        lost.len()
    );
    let mut out = open(
        "cascade-map",
        "network",
        (WIDTH, HEIGHT),
        &format!("{} after the cascade", study.case),
        &description,
    );
    let ends = |row: u64| -> Option<(Point, Point)> {
        let (from, to) = *network.branches.get(usize::try_from(row).ok()?.checked_sub(1)?)?;
        Some((*places.get(from as usize)?, *places.get(to as usize)?))
    };
    let path = |row: u64, class: &str| ends(row).map_or_else(String::new, |(from, to)| line(class, from, to));
    // What stayed first, so that the rest lies on top of it.
    for row in 1..=network.branches.len() as u64 {
        if !first.contains(&row) && !tripped.contains_key(&row) {
            out.push_str(&path(row, "kept"));
        }
    }
    first.iter().for_each(|row| out.push_str(&path(*row, "first")));
    tripped.keys().for_each(|row| out.push_str(&path(*row, "tripped")));
    let size = if places.len() > 400 { 1.6 } else { 4.0 };
    for (row, (x, y)) in places.iter().enumerate() {
        let is_lost = lost.contains(&(row as u64 + 1));
        let (class, size) = if is_lost { ("lost", size + 2.0) } else { ("served", size) };
        let id = network.bus_ids.get(row).map_or_else(String::new, u64::to_string);
        out.push_str(&format!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"><title>bus {id}</title></circle>\n",
            coordinate(*x),
            coordinate(*y),
            coordinate(size)
        ));
    }
    for (row, number) in tripped.iter().filter(|(_, number)| **number <= NUMBERED) {
        let Some((from, to)) = ends(*row) else { continue };
        let (x, y) = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
        let number = number.to_string();
        let width = (text_width(&number, 11.0) + 7.0).max(16.0);
        out.push_str(&rectangle("number-box", (x - width / 2.0, y - 8.0), (width, 16.0)));
        out.push_str(&text("number", x, y + 4.0, &number));
    }
    out.push_str("</svg>");
    out
}

/// Demand served from event to event; nothing where none was lost.
fn timeline(study: &CascadeStudy) -> Option<String> {
    if study.initial_load_mw <= 0.0 || study.trips.iter().all(|trip| trip.lost_mw == 0.0) {
        return None;
    }
    // By time where the engine has one, else by order.
    let timed = study.trips.iter().all(|trip| trip.t_s.is_some());
    let at = |trip: &crate::cascade::TripRecord| match trip.t_s {
        Some(t_s) if timed => t_s,
        _ => trip.generation as f64,
    };
    let begin = if timed { 0.0 } else { study.trips.first().map(at)? };
    let end = study.trips.last().map(at)?;
    let span = (end - begin).max(1e-9);
    let (width, height, left, right, top, floor) = (960.0, 250.0, 60.0, 20.0, 16.0, 206.0);
    let x = |time: f64| left + (time - begin) / span * (width - left - right);
    let y = |mw: f64| floor - (mw / study.initial_load_mw).clamp(0.0, 1.0) * (floor - top);
    let mut served_mw = study.initial_load_mw - study.shed_mw.bus_outage;
    let mut path = format!("M{} {}", coordinate(left), coordinate(y(served_mw)));
    for trip in study.trips.iter().filter(|trip| trip.lost_mw != 0.0) {
        path.push_str(&format!(" H{}", coordinate(x(at(trip)))));
        served_mw -= trip.lost_mw;
        path.push_str(&format!(" V{}", coordinate(y(served_mw))));
    }
    path.push_str(&format!(" H{}", coordinate(width - right)));
    let unit = if timed { "s" } else { "in order" };
    let description = format!(
        "Demand served, from {} to {} between {begin:.1} and {end:.1} {unit}.",
        quantity(study.initial_load_mw, "MW"),
        quantity(served_mw, "MW")
    );
    let mut out = open("cascade-demand", "demand", (width, height), "Demand served", &description);
    for share in [0.0, 0.5, 1.0] {
        let mw = share * study.initial_load_mw;
        out.push_str(&line("grid", (left, y(mw)), (width - right, y(mw))));
        out.push_str(&text("tick end", left - 6.0, y(mw) + 4.0, &format!("{mw:.0}")));
    }
    out.push_str(&line("axis", (left, floor), (width - right, floor)));
    out.push_str(&text("tick", left, floor + 17.0, &format!("{begin:.1} {unit}")));
    out.push_str(&text("tick end", width - right, floor + 17.0, &format!("{end:.1} {unit}")));
    out.push_str(&text("tick", left, height - 6.0, "MW served"));
    out.push_str(&format!("<path class=\"left\" d=\"{path}\"/>\n</svg>"));
    Some(out)
}
