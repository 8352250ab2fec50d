//! What storms do to a grid, as one HTML page that holds everything: no network, light, dark and print.

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::chart::{Chart, Point, staircase};
use super::html::{STYLE, digests, fill};
use super::storm_map;
use super::study::{courses, figures, headline, in_words, name, saved, trapezoid};
use crate::evidence::NetworkRecord;
use crate::problem::Problem;
use crate::study::{PopulationRisk, Restoration, StormStudy};
use crate::words::{count, number, quantity};

const PAGE: &str = include_str!("../../pages/study.html");
const SCRIPT: &str = include_str!("../../pages/storm_map.js");
/// Lines that are listed.
const LINES: usize = 40;

#[derive(Serialize)]
struct Page<'a> {
    style: Value,
    script: Option<Value>,
    suite: &'a str,
    case: &'a str,
    populations: Vec<View<'a>>,
    notes: &'a [String],
    inputs: Vec<(&'a str, &'a str, &'a str)>,
    confidence: String,
}

#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    tone: &'static str,
    headline: String,
    law: &'a [String],
    facts: Vec<(String, String)>,
    map: Option<Value>,
    map_data: Option<Value>,
    curve: Option<Value>,
    curve_caption: String,
    courses: Vec<(String, Option<Value>)>,
    lines: Vec<Line>,
    lines_caption: String,
    storms: Vec<Row>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    storms: String,
    probability: String,
    given_lost: String,
    even_share: String,
    saved: String,
}

#[derive(Serialize)]
struct Row {
    index: u64,
    unserved: String,
    outcome: String,
    lines: String,
}

/// The page.
///
/// # Errors
/// `render.html` where the template refuses; a page is never half written.
pub fn render(study: &StormStudy, network: &NetworkRecord) -> Result<String, Problem> {
    let populations: Vec<View<'_>> =
        study.populations.iter().map(|population| view(population, network)).collect::<Result<_, _>>()?;
    let script = populations.iter().any(|population| population.map.is_some());
    let page = Page {
        script: script.then(|| Value::from_safe_string(SCRIPT.to_owned())),
        style: Value::from_safe_string(STYLE.to_owned()),
        suite: &study.suite,
        case: &study.case,
        populations,
        notes: &study.notes,
        inputs: digests(&study.inputs),
        confidence: format!("{} %", number(100.0 * study.confidence)),
    };
    fill("study.html", PAGE, Serde(&page))
}

fn view<'a>(population: &'a PopulationRisk, network: &NetworkRecord) -> Result<View<'a>, Problem> {
    let tone = match () {
        _ if population.served.is_some() => "undecided",
        _ if population.lost.loss_of_load.value > 0.0 => "fail",
        _ => "pass",
    };
    let line = |line: &crate::study::LineRisk| Line {
        name: name(line),
        storms: count(line.storms),
        probability: in_words(&line.probability, ""),
        given_lost: quantity(line.given_lost_mwh, "MWh"),
        even_share: quantity(line.even_share_mwh, "MWh"),
        saved: saved(line),
    };
    let row = |storm: &crate::study::StormRecord| Row {
        index: storm.index,
        unserved: quantity(storm.unserved_mwh, "MWh"),
        outcome: storm.outcome.replace('_', " "),
        lines: count(storm.lines.len() as u64),
    };
    let years = population.per_year.map_or_else(String::new, |times| {
        format!(" Times {} a year it is how often a year brings more.", number(times))
    });
    let (map, map_data) = storm_map::map(population, network)?.map(|map| (map.picture, map.data)).unzip();
    Ok(View {
        map: map.map(Value::from_safe_string),
        map_data: map_data.map(Value::from_safe_string),
        id: &population.id,
        tone,
        headline: headline(population),
        law: &population.law,
        facts: figures(population),
        curve: exceedance(population).map(Value::from_safe_string),
        curve_caption: format!(
            "How often a storm leaves more than so much unserved; the band holds for the whole curve.{years}"
        ),
        courses: courses(population)
            .into_iter()
            .enumerate()
            .map(|(at, (what, unit, course))| {
                let id = format!("{}-course-{at}", population.id);
                let caption = format!(
                    "{what}: {}. The band holds eight storms in ten at each moment.",
                    trapezoid(course, unit)
                );
                (caption, restoration(&id, what, unit, course).map(Value::from_safe_string))
            })
            .collect(),
        lines: population.lines.iter().take(LINES).map(line).collect(),
        lines_caption: format!(
            "{} lines were lost{}",
            count(population.lines.len() as u64),
            if population.lines.len() > LINES { format!(", {LINES} of them shown") } else { String::new() }
        ),
        storms: population.worst.iter().map(row).collect(),
    })
}

/// How often a storm leaves more than so much unserved.
fn exceedance(population: &PopulationRisk) -> Option<String> {
    let curve = &population.lost.curve;
    let points = |of: &dyn Fn(&crate::study::Exceedance) -> f64| -> Vec<Point> {
        staircase(&curve.iter().map(|point| (point.mwh, of(point))).collect::<Vec<_>>())
    };
    let most = curve.iter().filter_map(|point| point.probability.high).fold(0.0, f64::max);
    let mut curves = vec![("load", "probability of more", points(&|point| point.probability.value))];
    if let Some(served) = &population.served {
        let as_served: Vec<Point> =
            served.curve.iter().map(|point| (point.mwh, point.probability.value)).collect();
        curves.push(("served", "what is in doubt as served", staircase(&as_served)));
    }
    Chart {
        id: &format!("{}-curve", population.id),
        title: "Risk curve",
        description: format!(
            "Probability that a storm leaves more than so much unserved: {}.",
            headline(population)
        ),
        along: "unserved energy of a storm, MWh",
        up: "probability",
        x: (0.0, curve.last()?.mwh),
        y: (0.0, most.min(1.0)),
        bands: vec![(
            "span",
            points(&|point| point.probability.low.unwrap_or(0.0)),
            points(&|point| point.probability.high.unwrap_or(1.0)),
        )],
        curves,
    }
    .render()
}

/// A level over time.
fn restoration(id: &str, what: &str, unit: &str, course: &Restoration) -> Option<String> {
    let points =
        |levels: &[f64]| course.time_h.iter().copied().zip(levels.iter().copied()).collect::<Vec<Point>>();
    let least = course.low.iter().copied().fold(f64::INFINITY, f64::min);
    let most = course.high.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A course that hardly moves is drawn flat, not stretched to the height of the picture.
    let room = (most - least).max(0.05 * most.abs());
    Chart {
        id,
        title: what,
        description: format!("{what} over time, the mean of all storms: {}.", trapezoid(course, unit)),
        along: "hours since the beginning",
        up: unit,
        x: (*course.time_h.first()?, *course.time_h.last()?),
        y: (most - 1.1 * room, most + 0.05 * room),
        bands: vec![("span", points(&course.low), points(&course.high))],
        curves: vec![("served", "mean", points(&course.mean)), ("wanted", "median", points(&course.median))],
    }
    .render()
}
