//! Why an episode broke a gate, as one HTML page that holds everything: no network, no script, light, dark and print.

use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use super::explanation::{doubt, how, share};
use super::html::{STYLE, digests, fill};
use super::svg::{coordinate, line, open, rectangle, text};
use super::{network_picture, time_plot};
use crate::evidence::{EpisodeRecord, NetworkRecord};
use crate::explanation::{AttributionRecord, Explanation, FactorKind, TrialRecord, WithheldRecord};
use crate::problem::Problem;
use crate::report::worst_step;
use crate::words::{number, quantity, time};

const PAGE: &str = include_str!("../../pages/explanation.html");
/// Withheld requests that are listed; those without which the gate holds come first.
const SHOWN: usize = 40;

#[derive(Serialize)]
struct Page<'a> {
    style: Value,
    episode: String,
    headline: String,
    claim: &'a str,
    method: String,
    facts: Vec<(&'static str, String)>,
    findings: Vec<String>,
    shares: SharesView,
    by_step: Option<SharesView>,
    timeline: Option<Value>,
    factors: Vec<FactorView>,
    causes: Vec<CauseView>,
    searched_to: u32,
    magnitudes: Vec<(String, String, String, String)>,
    withheld: Vec<(String, Answer)>,
    withheld_caption: String,
    picture: Option<(Value, String)>,
    plot: Option<Value>,
    notes: Vec<String>,
    runs: Vec<RunView>,
    inputs: Vec<(&'a str, &'a str, &'a str)>,
}

/// What a run said.
#[derive(Serialize)]
struct Answer {
    broken: bool,
    value: String,
    run: String,
}

#[derive(Serialize)]
struct SharesView {
    how: String,
    rows: Vec<(String, String, Value, String, String)>,
}

#[derive(Serialize)]
struct FactorView {
    id: String,
    time: String,
    words: String,
    without: Answer,
    alone: Answer,
    unattended: Option<Answer>,
}

#[derive(Serialize)]
struct CauseView {
    factors: String,
    instead: String,
    witness: String,
    minimal: bool,
    answer: Answer,
}

#[derive(Serialize)]
struct RunView {
    id: String,
    events: String,
    acts: String,
    outcome: String,
    value: String,
    compared: String,
    broken: bool,
    doubtful: bool,
    scenario: String,
}

/// The page.
///
/// # Errors
/// `render.html` where the template refuses; a page is never half written.
pub fn render(
    explanation: &Explanation,
    record: &EpisodeRecord,
    network: &NetworkRecord,
) -> Result<String, Problem> {
    let answer = |trial: &TrialRecord| answer(explanation, trial);
    let places = network_picture::layout(network);
    let step = worst_step(record, &explanation.effect.metric);
    let step = step.and_then(|worst| Some((record.steps.get(worst.step)?, worst.why)));
    let picture = step.map(|(step, why)| {
        let svg = network_picture::render(network, &places, step, "net");
        (Value::from_safe_string(svg), format!("The network at {}: {why}.", time(step.time_s)))
    });
    let doubtful: Vec<&str> = explanation.doubtful().collect();
    let mut notes = explanation.notes.clone();
    if !doubtful.is_empty() {
        notes.push(doubt(&doubtful));
    }
    let withheld = withheld(explanation);
    let factors = explanation.factors.iter().map(|factor| FactorView {
        id: factor.id.clone(),
        time: match (factor.until_s, factor.kind) {
            (Some(until_s), FactorKind::Candidate) => format!("{} to {}", time(factor.time_s), time(until_s)),
            _ => time(factor.time_s),
        },
        words: factor.words.clone(),
        without: answer(&factor.without),
        alone: answer(&factor.alone),
        unattended: factor.alone_unattended.as_ref().map(answer),
    });
    let causes = explanation.causes.iter().map(|cause| CauseView {
        factors: cause.factors.join(" and "),
        instead: match cause.instead.as_deref() {
            Some(name) => format!("{name} acts"),
            None => "it does not happen".into(),
        },
        witness: cause.witness.clone().unwrap_or_else(|| "nothing had to be held".into()),
        minimal: cause.minimal,
        answer: answer(&cause.trial),
    });
    let page = Page {
        style: Value::from_safe_string(STYLE.to_owned()),
        episode: format!("{}/{}", explanation.population, explanation.index),
        headline: explanation.headline(),
        claim: &explanation.effect.claim,
        method: explanation.method(),
        facts: facts(explanation),
        findings: explanation.findings(),
        shares: shares(explanation, &explanation.attribution),
        by_step: explanation.attribution_by_step.as_ref().map(|by_step| shares(explanation, by_step)),
        timeline: timeline(explanation, record).map(Value::from_safe_string),
        factors: factors.collect(),
        causes: causes.collect(),
        searched_to: explanation.causes_searched_to,
        magnitudes: explanation
            .minimal
            .magnitudes
            .iter()
            .map(|magnitude| {
                let percent = |share: f64| format!("{} %", number(100.0 * share));
                let below = magnitude.holds_at.map_or_else(|| "broken with none at all".into(), percent);
                (magnitude.factor.clone(), magnitude.of.clone(), percent(magnitude.broken_at), below)
            })
            .collect(),
        withheld_caption: format!(
            "What the candidate asked, one thing withheld at a time{}",
            if withheld.len() > SHOWN { format!(": {SHOWN} of {}", withheld.len()) } else { String::new() }
        ),
        withheld: withheld.iter().take(SHOWN).map(|w| (w.words.clone(), answer(&w.trial))).collect(),
        picture,
        plot: time_plot::render(Some(network), record, "plot").map(Value::from_safe_string),
        notes,
        runs: runs(explanation),
        inputs: digests(&explanation.inputs),
    };
    fill("explanation.html", PAGE, Serde(&page))
}

fn value(explanation: &Explanation, value: Option<f64>) -> String {
    value.map_or_else(|| "no value".to_owned(), |value| quantity(value, &explanation.effect.unit))
}

fn answer(explanation: &Explanation, trial: &TrialRecord) -> Answer {
    Answer { broken: trial.broken, value: value(explanation, trial.value), run: trial.run.clone() }
}

fn facts(explanation: &Explanation) -> Vec<(&'static str, String)> {
    let candidate = &explanation.candidate;
    let mut facts = vec![
        ("Candidate", format!("{} {} (adapter {})", candidate.name, candidate.version, candidate.adapter)),
        ("Suite", format!("{}, seed {}", explanation.suite, explanation.seed)),
        ("Gate", explanation.effect.gate.clone()),
    ];
    for (name, limit) in &explanation.effect.threshold {
        facts.push(("Threshold", format!("{name} {}", number(*limit))));
    }
    if let Some(name) = &explanation.effect.compared_with {
        facts.push(("Compared with", name.clone()));
    }
    facts.push(("Ended", explanation.outcome.replace('_', " ")));
    facts.push(("Candidate digest", candidate.digest.sha256.clone()));
    facts.push(("Scenario digest", explanation.scenario.sha256.clone()));
    facts
}

/// Everything withheld by itself: first that without which the gate holds.
fn withheld(explanation: &Explanation) -> Vec<&WithheldRecord> {
    let contrast = &explanation.contrast;
    let mut all: Vec<&WithheldRecord> =
        contrast.single_elements.iter().chain(&contrast.single_steps).collect();
    all.sort_by_key(|withheld| withheld.trial.broken);
    all
}

fn shares(explanation: &Explanation, attribution: &AttributionRecord) -> SharesView {
    let ends =
        |share: &crate::explanation::ShareRecord| share.interval.unwrap_or((share.broken, share.broken));
    let low = attribution.shares.iter().map(|share| ends(share).0.min(share.broken)).fold(0.0, f64::min);
    let high = attribution.shares.iter().map(|share| ends(share).1.max(share.broken)).fold(0.0, f64::max);
    let rows = attribution.shares.iter().enumerate().map(|(row, of)| {
        let words = explanation.factor(&of.factor).map_or_else(String::new, |factor| factor.words.clone());
        let said = share(of.broken, of.interval);
        let bar = bar(row, &of.factor, of.broken, of.interval, (low, high.max(low + 1e-9)), &said);
        let metric = of.value.map_or_else(String::new, |v| {
            quantity(if v.abs() < 5e-10 { 0.0 } else { v }, &explanation.effect.unit)
        });
        (of.factor.clone(), words, Value::from_safe_string(bar), said, metric)
    });
    SharesView { how: how(attribution), rows: rows.collect() }
}

/// One contribution: a bar from nothing, its bounds, and where nothing is.
fn bar(
    row: usize,
    name: &str,
    broken: f64,
    interval: Option<(f64, f64)>,
    (low, high): (f64, f64),
    said: &str,
) -> String {
    const WIDTH: f64 = 210.0;
    let x = |share: f64| 3.0 + (WIDTH - 6.0) * (share - low) / (high - low);
    let id = format!("share-{row}-{}", name.replace(' ', "-"));
    let mut out = open(&id, "bar share", (WIDTH, 20.0), &format!("Share of {name}"), said);
    let (left, right) = (x(broken.min(0.0)), x(broken.max(0.0)));
    out.push_str(&rectangle(
        if broken < 0.0 { "against" } else { "towards" },
        (left, 3.0),
        (right - left, 14.0),
    ));
    if let Some((low, high)) = interval {
        out.push_str(&line("whisker", (x(low), 10.0), (x(high), 10.0)));
        for end in [low, high] {
            out.push_str(&line("whisker", (x(end), 6.0), (x(end), 14.0)));
        }
    }
    out.push_str(&line("axis", (x(0.0), 0.0), (x(0.0), 20.0)));
    out.push_str("</svg>");
    out
}

const WIDTH: f64 = 960.0;
const LEFT: f64 = 226.0;
const RIGHT: f64 = 20.0;
const LANE: f64 = 34.0;

/// Events, what tripped by itself, the candidate's steps, and who would have kept the gate from each step on. Nothing where no step was lived
/// through.
fn timeline(explanation: &Explanation, record: &EpisodeRecord) -> Option<String> {
    let steps = &explanation.contrast.from_step;
    let end_s = f64::from(explanation.steps) * explanation.step_s;
    if steps.is_empty() || end_s <= 0.0 {
        return None;
    }
    let x = |seconds: f64| LEFT + (WIDTH - LEFT - RIGHT) * (seconds / end_s).clamp(0.0, 1.0);
    let lanes = 3 + explanation.contrast.replacements.len();
    let floor = 14.0 + lanes as f64 * LANE;
    let described: Vec<String> = explanation.findings();
    let mut out = open(
        "course",
        "course",
        (WIDTH, floor + 34.0),
        &format!("Course of {}/{}", explanation.population, explanation.index),
        &described.join(". "),
    );
    let mut lane = 0;
    let mut next = |name: &str, out: &mut String| {
        let middle = 14.0 + (f64::from(lane) + 0.5) * LANE;
        lane += 1;
        out.push_str(&text("lane end", LEFT - 14.0, middle + 4.0, name));
        out.push_str(&line("grid", (LEFT, middle), (WIDTH - RIGHT, middle)));
        middle
    };
    let middle = next("events", &mut out);
    let events: Vec<_> = explanation.factors.iter().filter(|f| f.kind == FactorKind::Event).collect();
    for factor in &events {
        let until = factor.until_s.map(&x);
        if let Some(until) = until {
            out.push_str(&rectangle(
                "lasts",
                (x(factor.time_s), middle - 3.0),
                (until - x(factor.time_s), 6.0),
            ));
        }
    }
    // Those of one moment stand for each other: their numbers share a badge.
    for same in events.chunk_by(|a, b| x(b.time_s) - x(a.time_s) < 16.0) {
        let number =
            |factor: &&crate::explanation::FactorRecord| factor.id.trim_start_matches('e').to_owned();
        let words = match same {
            [one] => number(one),
            [first, .., last] => format!("{}\u{2013}{}", number(first), number(last)),
            [] => continue,
        };
        let width = super::svg::text_width(&words, 11.0) + 9.0;
        let at = x(same[0].time_s).max(LEFT);
        out.push_str(&rectangle("event-badge", (at - 2.0, middle - 9.0), (width, 18.0)));
        out.push_str(&text("event-number", at - 2.0 + width / 2.0, middle + 4.0, &words));
    }
    let middle = next("trips by itself", &mut out);
    for trip in &record.trips {
        let at = x(trip.time_s);
        let (d, title) = (
            format!("M{} {}l5 5m0 -5l-5 5", coordinate(at - 2.5), coordinate(middle - 2.5)),
            format!("{} at {}: {}", trip.name, time(trip.time_s), trip.cause.replace('_', " ")),
        );
        let title = crate::words::escape_xml(&title);
        out.push_str(&format!("<path class=\"trip\" d=\"{d}\"><title>{title}</title></path>\n"));
    }
    let middle = next("candidate asks", &mut out);
    for withheld in &explanation.contrast.single_steps {
        let Some(at) = withheld.time_s.map(&x) else { continue };
        let (class, title) = match withheld.trial.broken {
            true => ("asks", "without it the gate is broken all the same"),
            false => ("asks decisive", "without it the gate holds"),
        };
        let [cx, cy] = [at, middle].map(coordinate);
        out.push_str(&format!(
            "<circle class=\"{class}\" cx=\"{cx}\" cy=\"{cy}\" r=\"5\"><title>{}, {title}</title></circle>\n",
            crate::words::escape_xml(&withheld.words)
        ));
    }
    for (column, name) in explanation.contrast.replacements.iter().enumerate() {
        let middle = next(&format!("{name} from here on"), &mut out);
        for step in steps {
            let Some(trial) = step.trials.get(column) else { continue };
            let width = (x(step.time_s + explanation.step_s) - x(step.time_s) - 1.5).max(1.0);
            // Told apart by their height too, for eyes that see no red.
            let (class, height) = if trial.broken { ("broken", 6.0) } else { ("holds", 20.0) };
            out.push_str(&format!(
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\"><title>from step {} on: {}, run {}</title></rect>\n",
                coordinate(x(step.time_s)),
                coordinate(middle - height / 2.0),
                coordinate(width),
                step.step,
                if trial.broken { "broken" } else { "the gate holds" },
                trial.run
            ));
        }
    }
    let (unit, name) = if end_s <= 180.0 { (1.0, "s") } else { (60.0, "min") };
    out.push_str(&line("axis", (LEFT, floor), (WIDTH - RIGHT, floor)));
    let ticks = 6.0_f64.min((end_s / unit).floor().max(1.0));
    let every = (end_s / unit / ticks).ceil().max(1.0);
    let mut tick = 0.0;
    while tick * unit <= end_s {
        out.push_str(&line("axis", (x(tick * unit), floor), (x(tick * unit), floor + 5.0)));
        out.push_str(&text("tick middle", x(tick * unit), floor + 19.0, &number(tick)));
        tick += every;
    }
    out.push_str(&text("tick end", LEFT - 14.0, floor + 19.0, &format!("time in {name}")));
    out.push_str("</svg>");
    Some(out)
}

fn runs(explanation: &Explanation) -> Vec<RunView> {
    let shown = |(event, share): &(String, f64)| match *share {
        1.0 => event.clone(),
        share => format!("{event} to {} %", number(100.0 * share)),
    };
    explanation
        .runs
        .iter()
        .map(|(id, run)| RunView {
            id: id.clone(),
            events: match run.events.is_empty() {
                true => "none".to_owned(),
                false => run.events.iter().map(shown).collect::<Vec<_>>().join(", "),
            },
            acts: run.acts.clone(),
            outcome: run.outcome.replace('_', " "),
            value: value(explanation, run.value),
            compared: run.compared_value.map_or_else(String::new, |v| value(explanation, Some(v))),
            broken: run.broken,
            doubtful: run.broken_if_served.is_some_and(|served| served != run.broken),
            scenario: run.scenario.sha256.chars().take(16).collect(),
        })
        .collect()
}
