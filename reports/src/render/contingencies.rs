//! A contingency study as one HTML page that holds everything: no network, no script, light, dark and print.

use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::html::{STYLE, digests, fill, rows};
use super::layout::Point;
use super::svg::{coordinate, line, open, text as label};
use super::{network_picture, svg};
use crate::contingencies::{
    ContingencyRecord, ContingencyStatus, ContingencyStudy, LOADING_BIN_PCT, Moment, ViolationKind,
    ViolationRecord,
};
use crate::evidence::{NetworkRecord, StepRecord};
use crate::problem::Problem;
use crate::words;

pub use super::contingencies_text::render as text;

const PAGE: &str = include_str!("../../pages/contingencies.html");
/// Outages that are numbered in the picture.
const NUMBERED: usize = 10;
/// Suffering elements that are listed of each kind.
const LISTED: usize = 20;

/// The page.
///
/// # Errors
/// `render.html` where the template refuses; a page is never half written.
pub fn html(study: &ContingencyStudy, network: &NetworkRecord) -> Result<String, Problem> {
    let places = network_picture::layout(network);
    let names = names(study);
    let base = study.base.as_ref();
    let facts = facts(study, network);
    let page = Page {
        style: Value::from_safe_string(STYLE.to_owned()),
        case: &study.case,
        outages: &study.outages,
        tone: tone(study),
        symbol: if tone(study) == "pass" { "\u{2713}" } else { "!" },
        headline: study.headline(),
        warnings: study.screen_warning().into_iter().chain(study.base_warning()).collect(),
        claim: CLAIM,
        facts,
        overview: base.map(|_| Value::from_safe_string(overview(study, network, &places))),
        overview_caption: OVERVIEW,
        ranking: study.ranking.iter().map(|record| ranked(record, network)).collect(),
        ranking_caption: format!(
            "The worst {} of {}: no solution first, then by the overload that an outage causes, the voltage, the balance, \
             the lost demand, the loading.{}",
            study.ranking.len(),
            words::count(study.counts.contingencies),
            if study.ranking.is_empty() { "" } else { " The table beside this page has all." }
        ),
        pictures: study
            .moments
            .iter()
            .enumerate()
            .map(|(at, moment)| picture(study, network, &places, at, moment))
            .collect(),
        histogram: histogram(&study.loading_histogram).map(Value::from_safe_string),
        base_loading: base.and_then(|base| base.max_loading_pct).map_or_else(|| "no loading".into(), percent),
        overloaded: study
            .overloaded
            .iter()
            .take(LISTED)
            .map(|branch| Sufferer {
                element: format!("branch {} ({}-{})", branch.row, branch.from, branch.to),
                outages: words::count(branch.outages),
                worst: percent(branch.worst_pct),
                by: name_of(&names, branch.worst_by),
            })
            .collect(),
        overloaded_caption: format!(
            "{} branches that outages overload, the most loaded first{}",
            words::count(study.overloaded.len() as u64),
            shown(study.overloaded.len())
        ),
        strained: study
            .strained
            .iter()
            .take(LISTED)
            .map(|bus| Sufferer {
                element: format!("bus {}", bus.bus),
                outages: words::count(bus.outages),
                worst: format!(
                    "{:.4} pu, {} {}",
                    bus.worst_pu,
                    if bus.kind == ViolationKind::LowVoltage { "below" } else { "above" },
                    words::number(bus.limit_pu)
                ),
                by: name_of(&names, bus.worst_by),
            })
            .collect(),
        strained_caption: format!(
            "{} voltages that outages push beyond a limit, the furthest first{}",
            words::count(study.strained.len() as u64),
            shown(study.strained.len())
        ),
        notes: NOTES.iter().copied().chain(study.notes.iter().map(String::as_str)).collect(),
        settings: rows(study.settings.iter().chain(&study.engine)),
        inputs: digests(&study.inputs),
    };
    fill("contingencies.html", PAGE, Serde(&page))
}

const CLAIM: &str = "An outage is charged with the violations that the base case does not have, or has smaller by more than 5 % of \
     the rating or 0.01 pu. Every state is the steady state after the outage.";
const OVERVIEW: &str = "Loadings and voltages of the base case; where an outage causes a violation, the worst that any \
     outage causes. Numbers: the branches of the ten worst outages, by rank.";
const NOTES: [&str; 3] = [
    "Each outage is a steady state: no dynamics, no protection, no operator's remedy. Taps, shunts and set-points stay \
     as they are in the base case.",
    "No solution means that the solver found none, with every start and damping that it has; it is counted as the \
     worst outcome and proves no collapse.",
    "Loading is apparent power at the more loaded end over the long-term rating; a branch without a rating has none.",
];

#[derive(Serialize)]
struct Page<'a> {
    style: Value,
    case: &'a str,
    outages: &'a str,
    tone: &'static str,
    symbol: &'static str,
    headline: String,
    warnings: Vec<String>,
    claim: &'static str,
    facts: Vec<(&'static str, String)>,
    overview: Option<Value>,
    overview_caption: &'static str,
    ranking: Vec<Ranked>,
    ranking_caption: String,
    pictures: Vec<Picture>,
    histogram: Option<Value>,
    base_loading: String,
    overloaded: Vec<Sufferer>,
    overloaded_caption: String,
    strained: Vec<Sufferer>,
    strained_caption: String,
    notes: Vec<&'a str>,
    settings: Vec<(&'a str, &'a str)>,
    inputs: Vec<(&'a str, &'a str, &'a str)>,
}

#[derive(Serialize)]
struct Ranked {
    number: u64,
    label: String,
    branches: Option<String>,
    status: &'static str,
    tone: &'static str,
    causes: String,
    loading: String,
    voltages: String,
    lost: String,
}

#[derive(Serialize)]
struct Picture {
    title: String,
    svg: Value,
    caption: String,
}

#[derive(Serialize)]
struct Sufferer {
    element: String,
    outages: String,
    worst: String,
    by: String,
}

fn tone(study: &ContingencyStudy) -> &'static str {
    let counts = &study.counts;
    match () {
        _ if study.base.is_none() => "error",
        _ if counts.harming + counts.no_solution > 0 => "fail",
        _ if counts.islanded > 0 => "undecided",
        _ => "pass",
    }
}

fn shown(count: usize) -> String {
    if count > LISTED { format!(", {LISTED} of them shown") } else { String::new() }
}

fn percent(value: f64) -> String {
    format!("{value:.1} %")
}

/// Names of the outages that the document holds, by number.
fn names(study: &ContingencyStudy) -> BTreeMap<u64, String> {
    let rows = study.rows.as_deref().unwrap_or(&study.ranking);
    let wanted: std::collections::BTreeSet<u64> = (study.overloaded.iter().take(LISTED).map(|b| b.worst_by))
        .chain(study.strained.iter().take(LISTED).map(|b| b.worst_by))
        .collect();
    let found = rows.iter().filter(|record| wanted.contains(&record.number));
    found.map(|record| (record.number, record.label())).collect()
}

fn name_of(names: &BTreeMap<u64, String>, number: u64) -> String {
    names.get(&number).cloned().unwrap_or_else(|| format!("outage {} of the table", words::count(number)))
}

fn facts(study: &ContingencyStudy, network: &NetworkRecord) -> Vec<(&'static str, String)> {
    let counts = &study.counts;
    let count = words::count;
    let mut facts = vec![
        (
            "Grid",
            format!(
                "{}: {} buses, {} branches",
                study.case,
                count(network.bus_ids.len() as u64),
                count(network.branches.len() as u64)
            ),
        ),
        ("Outages", format!("{} ({})", count(counts.contingencies), study.outages)),
        (
            "Ended",
            format!(
                "{} solved in one piece, {} split the grid, {} without a solution, {} change nothing",
                count(counts.solved),
                count(counts.islanded),
                count(counts.no_solution),
                count(counts.dead)
            ),
        ),
        (
            "Cause",
            format!(
                "{} an overload, {} a low voltage, {} a high voltage, {} an open balance, {} lose demand",
                count(counts.overloading),
                count(counts.low_voltage),
                count(counts.high_voltage),
                count(counts.unbalanced),
                count(counts.losing_demand)
            ),
        ),
    ];
    if let Some(base) = &study.base {
        let mut words = format!(
            "{} overloads, {} low and {} high voltages",
            base.overloads, base.low_voltages, base.high_voltages
        );
        if let (Some(low), Some(high)) = (base.vm_min_pu, base.vm_max_pu) {
            words.push_str(&format!("; voltages {low:.4} to {high:.4} pu"));
        }
        if let Some(loading) = base.max_loading_pct {
            words.push_str(&format!("; loading up to {}", percent(loading)));
        }
        facts.push(("Base case", words));
    }
    facts
}

/// A violation in words.
pub(super) fn violation(violation: &ViolationRecord, network: Option<&NetworkRecord>) -> String {
    match (violation.kind, violation.branch) {
        (ViolationKind::Overload, Some(row)) => {
            let ends = network.and_then(|network| {
                let (from, to) = *network.branches.get(row as usize - 1)?;
                Some((*network.bus_ids.get(from as usize)?, *network.bus_ids.get(to as usize)?))
            });
            let ends = ends.map_or_else(String::new, |(from, to)| format!(" ({from}-{to})"));
            format!("branch {row}{ends} {}", percent(violation.value))
        }
        _ => {
            let bus = violation.bus.map_or_else(|| "?".to_owned(), |bus| bus.to_string());
            let limit = words::number(violation.limit);
            let side = if violation.value < violation.limit { "<" } else { ">" };
            format!("bus {bus} {:.4} pu {side} {limit}", violation.value)
        }
    }
}

/// What an outage causes, in words; how many `shown` of its violations are named.
pub(super) fn causes(record: &ContingencyRecord, network: Option<&NetworkRecord>, shown: usize) -> String {
    if record.status == ContingencyStatus::NoSolution {
        return record.why.clone().unwrap_or_else(|| "no solution found".into());
    }
    let mut parts: Vec<String> =
        record.violations.iter().take(shown).map(|found| violation(found, network)).collect();
    let all: u32 = [record.caused_overloads, record.caused_low_voltages, record.caused_high_voltages]
        .into_iter()
        .flatten()
        .sum();
    let more = (all as usize).saturating_sub(parts.len());
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    if record.unbalanced() {
        let unmet = record.unmet_mw.unwrap_or_default();
        parts.push(format!("{} MW that no unit can balance", words::number(unmet)));
    }
    if parts.is_empty() { "nothing beyond the base case".into() } else { parts.join(", ") }
}

pub(super) fn status(record: &ContingencyRecord) -> &'static str {
    match record.status {
        ContingencyStatus::Solved => "solved",
        ContingencyStatus::Islanded => "splits",
        ContingencyStatus::NoSolution => "no solution",
        ContingencyStatus::Dead => "dead",
    }
}

fn ranked(record: &ContingencyRecord, network: &NetworkRecord) -> Ranked {
    let voltages = match (record.vm_min_pu, record.vm_max_pu) {
        (Some(low), Some(high)) => format!("{low:.3}\u{2013}{high:.3} pu"),
        _ => "-".into(),
    };
    Ranked {
        number: record.number,
        label: record.label(),
        branches: record.name.as_ref().map(|_| record.branches()),
        status: status(record),
        tone: match record.status {
            ContingencyStatus::NoSolution => "fail",
            ContingencyStatus::Islanded => "undecided",
            ContingencyStatus::Solved | ContingencyStatus::Dead => "skipped",
        },
        // A number keeps its unit on its line.
        causes: causes(record, Some(network), 3).replace(" %", "\u{a0}%").replace(" pu", "\u{a0}pu"),
        loading: record.max_loading_pct.map_or_else(|| "-".into(), percent),
        voltages,
        lost: match record.lost_demand_mw {
            Some(lost) if lost > 0.0 => format!("{} MW", words::number(lost)),
            Some(_) => "0".into(),
            None => "-".into(),
        },
    }
}

fn step(moment: &Moment) -> StepRecord {
    StepRecord {
        vm_pu: moment.vm_pu.clone(),
        loading: moment.loading.clone(),
        out: Some(moment.out.clone()),
        ..StepRecord::default()
    }
}

/// All that every branch and bus went through, in one picture.
fn overview(study: &ContingencyStudy, network: &NetworkRecord, places: &[Point]) -> String {
    let mut step = study.base.as_ref().map(|base| step(&base.moment)).unwrap_or_default();
    for branch in &study.overloaded {
        if let Some(loading) = step.loading.get_mut(branch.row as usize - 1) {
            *loading = Some(branch.worst_pct / 100.0);
        }
    }
    let row_of: BTreeMap<u64, usize> =
        network.bus_ids.iter().enumerate().map(|(row, id)| (*id, row)).collect();
    // Furthest first: of a bus beyond both limits the worse one is shown.
    for bus in study.strained.iter().rev() {
        if let Some(vm) = row_of.get(&bus.bus).and_then(|row| step.vm_pu.get_mut(*row)) {
            *vm = Some(bus.worst_pu);
        }
    }
    let harmful = |record: &&ContingencyRecord| {
        record.harms()
            || record.status == ContingencyStatus::NoSolution
            || record.status == ContingencyStatus::Islanded
    };
    let numbered: Vec<Vec<u32>> = study
        .ranking
        .iter()
        .take(NUMBERED)
        .filter(harmful)
        .map(|record| record.rows.iter().map(|row| row - 1).collect())
        .collect();
    let title = format!("{}: the worst of all outages", network.name);
    network_picture::render_titled(network, places, &step, "overview", &title, &numbered)
}

fn picture(
    study: &ContingencyStudy,
    network: &NetworkRecord,
    places: &[Point],
    at: usize,
    moment: &Moment,
) -> Picture {
    let rank = study.ranking.iter().position(|record| Some(record.number) == moment.number);
    let record = rank.and_then(|rank| study.ranking.get(rank));
    let title = record.map_or_else(
        || "An outage".to_owned(),
        |record| format!("Rank {}: {}", rank.unwrap_or_default() + 1, record.label()),
    );
    let svg_title = format!("{} after {title}", network.name);
    let drawn = network_picture::render_titled(
        network,
        places,
        &step(moment),
        &format!("after-{at}"),
        &svg_title,
        &[],
    );
    Picture {
        title,
        svg: Value::from_safe_string(drawn),
        caption: record.map_or_else(String::new, |record| {
            format!("Causes: {}. What is out is dashed.", causes(record, Some(network), 5))
        }),
    }
}

/// Outages by the loading of their most loaded branch; `None` where none has a loading.
fn histogram(bins: &[u64]) -> Option<String> {
    let all: u64 = bins.iter().sum();
    let most = bins.iter().copied().max().filter(|most| *most > 0)?;
    let used = bins.iter().rposition(|count| *count > 0).map_or(0, |at| at + 1).max(12).min(bins.len());
    let (width, height, left, bottom, top) = (960.0, 250.0, 60.0, 44.0, 22.0);
    let step = (width - left - 20.0) / used as f64;
    let scale = (height - bottom - top) / most as f64;
    let beyond: u64 = bins.iter().skip((100.0 / LOADING_BIN_PCT) as usize).sum();
    let description = format!(
        "{} outages by the loading of their most loaded branch, in bins of {LOADING_BIN_PCT} percent; {} of them at or \
         above the rating.",
        words::count(all),
        words::count(beyond)
    );
    let mut out =
        open("histogram", "histogram", (width, height), "Largest loading after each outage", &description);
    let floor = height - bottom;
    out.push_str(&line("axis", (left, floor), (width - 20.0, floor)));
    for (at, count) in bins.iter().take(used).enumerate() {
        let low = at as f64 * LOADING_BIN_PCT;
        let x = left + at as f64 * step;
        let last = at + 1 == bins.len();
        if *count > 0 {
            let class = match low {
                low if low >= 100.0 => "bar-beyond",
                low if low >= 80.0 => "bar-near",
                _ => "bar-below",
            };
            let tall = (*count as f64 * scale).max(1.5);
            let [x, y, w, h] = [x + 1.5, floor - tall, step - 3.0, tall].map(coordinate);
            let range = if last {
                format!("{low} % and more")
            } else {
                format!("{low} to {} %", low + LOADING_BIN_PCT)
            };
            out.push_str(&format!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"><title>{range}: {} outages</title></rect>\n",
                words::count(*count)
            ));
            let middle = left + (at as f64 + 0.5) * step;
            out.push_str(&label("tick middle", middle, floor - tall - 5.0, &words::count(*count)));
        }
        if at % 2 == 0 {
            let more = if last { "+" } else { "" };
            out.push_str(&label("tick middle", x_of(left, step, at), floor + 17.0, &format!("{low}{more}")));
        }
    }
    let rating = x_of(left, step, (100.0 / LOADING_BIN_PCT) as usize);
    out.push_str(&svg::line("rating", (rating, top - 8.0), (rating, floor)));
    out.push_str(&label(
        "tick middle",
        left + (width - left - 20.0) / 2.0,
        height - 8.0,
        "largest loading, % of the rating",
    ));
    out.push_str("</svg>");
    Some(out)
}

fn x_of(left: f64, step: f64, bin: usize) -> f64 {
    left + bin as f64 * step
}
