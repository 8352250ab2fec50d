//! One HTML page that holds everything: no network, no script, light, dark and print.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::svg::{coordinate, line, open, rectangle, text};
use super::{network_picture, time_plot, variants};
use crate::evidence::{Covers, InputRecord, Measurement, Severity, Verdict};
use crate::problem::Problem;
use crate::report::{Gate, Report, Scenario};
use crate::words;

const PAGE: &str = include_str!("../../pages/report.html");
/// Tables and lists that several pages have.
const PARTS: &str = include_str!("../../pages/parts.html");
pub(super) const STYLE: &str = include_str!("../../pages/report.css");

/// The page.
///
/// # Errors
/// `render.html` where the template refuses; a page is never half written.
pub fn render(report: &Report) -> Result<String, Problem> {
    let places = report.network.as_ref().map(network_picture::layout).unwrap_or_default();
    let scenarios: Vec<ScenarioView> = report
        .scenarios
        .iter()
        .enumerate()
        .map(|(row, scenario)| ScenarioView::new(report, scenario, row, &places))
        .collect();
    let gates: Vec<GateView> =
        report.gates.iter().enumerate().map(|(row, gate)| GateView::new(gate, row)).collect();
    let evidence = &report.evidence;
    let inputs: Vec<(&str, &str, &str)> = digests(&evidence.inputs)
        .into_iter()
        .chain(evidence.populations.iter().map(|p| ("population", p.id.as_str(), p.digest.sha256.as_str())))
        .chain(evidence.files.iter().map(|(name, digest)| ("result", name.as_str(), digest.sha256.as_str())))
        .collect();
    let envelope: Vec<(&str, String, String)> = evidence
        .envelope
        .iter()
        .map(|(name, (low, high))| (name.as_str(), words::number(*low), words::number(*high)))
        .collect();
    let page = Page {
        style: Value::from_safe_string(STYLE.to_owned()),
        suite: &evidence.suite,
        candidate: format!("{} {}", evidence.candidate.name, evidence.candidate.version),
        verdict: words::verdict_id(report.headline.verdict),
        verdict_word: words::verdict(report.headline.verdict),
        verdict_means: meaning(report.headline.verdict),
        symbol: words::symbol(report.headline.verdict),
        reason: &report.headline.reason,
        claim: &report.headline.claim,
        waived: report.headline.waived.as_deref(),
        judged: &report.judged,
        populations: populations(report),
        expanded: gates.iter().filter(|gate| gate.expanded).collect(),
        gates: &gates,
        scenarios,
        measurements: measurements(report),
        covers: &evidence.covers,
        assumptions: &evidence.assumptions,
        variants: variants::lines(evidence).into_iter().map(|l| (l.id, l.changes, l.outcome)).collect(),
        varied_gates: variants::rows(evidence),
        subsets: variants::subsets(evidence),
        fidelity: evidence.fidelity.iter().collect(),
        settings: evidence.settings.iter().collect(),
        engine: evidence.engine.iter().collect(),
        envelope,
        inputs,
        limits: &evidence.limits,
        latency: super::latency::facts(evidence),
        run: &report.run,
        evidence_sha256: report.evidence_digest.as_ref().map(|digest| digest.sha256.as_str()),
    };
    fill("report.html", PAGE, Serde(&page))
}

/// Rows of (name, text), as tables of facts are filled with.
pub(super) fn rows<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<(&'a str, &'a str)> {
    pairs.into_iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// Rows of (role, name, SHA-256), as tables of digests are filled with.
pub(super) fn digests(inputs: &[InputRecord]) -> Vec<(&str, &str, &str)> {
    inputs
        .iter()
        .map(|input| (input.role.as_str(), input.name.as_str(), input.digest.sha256.as_str()))
        .collect()
}

/// A template filled in; all of them may use the parts. What it does not know is an error, and all text is escaped.
pub(super) fn fill(
    name: &'static str,
    template: &'static str,
    page: impl Into<Value>,
) -> Result<String, Problem> {
    let refused = |error: minijinja::Error| Problem::new("render.html", format!("{error:#}"));
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(refused)?);
    environment.add_template("parts.html", PARTS).map_err(refused)?;
    environment.add_template(name, template).map_err(refused)?;
    environment.get_template(name).and_then(|template| template.render(page)).map_err(refused)
}

/// Everything that the template reads.
#[derive(Serialize)]
struct Page<'a> {
    style: Value,
    suite: &'a str,
    candidate: String,
    verdict: &'static str,
    verdict_word: &'static str,
    verdict_means: &'static str,
    symbol: &'static str,
    reason: &'a str,
    claim: &'a str,
    waived: Option<&'a str>,
    judged: &'a [(String, String)],
    populations: Vec<PopulationView>,
    expanded: Vec<&'a GateView>,
    gates: &'a [GateView],
    scenarios: Vec<ScenarioView>,
    measurements: Vec<MeasurementView>,
    covers: &'a Covers,
    assumptions: &'a [String],
    variants: Vec<(String, String, String)>,
    varied_gates: Vec<variants::Row>,
    subsets: Vec<(String, String)>,
    fidelity: Vec<(&'a String, &'a String)>,
    settings: Vec<(&'a String, &'a String)>,
    engine: Vec<(&'a String, &'a String)>,
    envelope: Vec<(&'a str, String, String)>,
    inputs: Vec<(&'a str, &'a str, &'a str)>,
    limits: &'a [String],
    latency: Vec<(String, String)>,
    run: &'a [(String, String)],
    evidence_sha256: Option<&'a str>,
}

/// The verdict for a reader who has never seen one.
fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "Every required gate passed",
        Verdict::Fail => "A required gate failed",
        Verdict::Undecided => "The evidence does not decide",
        Verdict::Error => "The claim could not be evaluated: this is not a pass",
        Verdict::Skipped => "Nothing was judged: this is not a pass",
    }
}

#[derive(Serialize)]
struct PopulationView {
    id: String,
    n: String,
    hazards: Vec<String>,
    outcomes: String,
}

fn populations(report: &Report) -> Vec<PopulationView> {
    let outcome = |(name, n): &(String, u64)| format!("{} {}", words::count(*n), name.replace('_', " "));
    report
        .populations
        .iter()
        .map(|population| PopulationView {
            id: population.id.clone(),
            n: words::count(population.n),
            hazards: population.hazards.clone(),
            outcomes: population.outcomes.iter().map(outcome).collect::<Vec<_>>().join(", "),
        })
        .collect()
}

#[derive(Serialize)]
struct GateView {
    id: String,
    anchor: String,
    claim: String,
    population: String,
    metric: String,
    verdict: &'static str,
    symbol: &'static str,
    warn: bool,
    reason: String,
    waiver: Option<String>,
    waived: bool,
    estimate: String,
    interval: String,
    threshold: String,
    n: String,
    missing: Option<String>,
    method: String,
    bar: Value,
    expanded: bool,
    scenarios: Vec<usize>,
    facts: Vec<(String, String)>,
}

impl GateView {
    fn new(gate: &Gate, row: usize) -> Self {
        let record = &gate.record;
        let threshold = gate.threshold.map_or_else(
            || "-".to_owned(),
            |limit| {
                let side = if limit.from_above { "at most" } else { "at least" };
                format!("{side} {}", words::gate_value(record, limit.value))
            },
        );
        let mut facts = vec![
            ("Claim".to_owned(), record.claim.clone()),
            ("Answer".to_owned(), record.reason.clone()),
            ("Metric".to_owned(), format!("{} on population {}", record.metric, record.population)),
            ("Method".to_owned(), format!("{}, level {}", record.method, words::number(record.alpha))),
        ];
        if let Some(k) = record.k {
            let text = format!("{} of {} episodes", words::count(k), words::count(record.n));
            facts.push(("Beyond the threshold".to_owned(), text));
        }
        if let Some(e_value) = record.e_value {
            facts.push(("e-value against unsafe".to_owned(), words::number(e_value)));
        }
        if let Some(p_value) = record.p_value {
            facts.push(("p-value against unsafe".to_owned(), words::number(p_value)));
        }
        if let Some(decided_at) = record.decided_at {
            let text = format!("{} of {} episodes", words::count(decided_at), words::count(record.n));
            facts.push(("Decided after".to_owned(), text));
        }
        for (name, value) in &record.threshold {
            facts.push((format!("Suite: {name}"), words::number(*value)));
        }
        if let Some(line) = record.line {
            facts.push(("Suite file, line".to_owned(), line.to_string()));
        }
        Self {
            id: record.id.clone(),
            anchor: format!("gate-{}", row + 1),
            claim: record.claim.clone(),
            population: record.population.clone(),
            metric: record.metric.clone(),
            verdict: words::verdict_id(record.verdict),
            symbol: words::symbol(record.verdict),
            warn: record.severity == Severity::Warn,
            reason: record.reason.clone(),
            waiver: gate.waiver.clone(),
            waived: gate.waived,
            estimate: words::estimate(record),
            interval: words::interval(record),
            threshold,
            n: words::count(record.n),
            missing: (record.missing > 0).then(|| words::count(record.missing)),
            method: record.method.clone(),
            bar: Value::from_safe_string(interval_bar(gate, row)),
            expanded: matches!(record.verdict, Verdict::Fail | Verdict::Undecided | Verdict::Error),
            scenarios: gate.scenarios.iter().map(|row| row + 1).collect(),
            facts,
        }
    }
}

/// Threshold, interval and estimate on one axis, the allowed side shaded. Empty where there is nothing to draw.
fn interval_bar(gate: &Gate, row: usize) -> String {
    const WIDTH: f64 = 210.0;
    const MIDDLE: f64 = 15.0;
    let record = &gate.record;
    let (low, high) = record.interval;
    let limit = gate.threshold.map(|threshold| threshold.value);
    let known: Vec<f64> =
        [low, high, record.estimate, limit].into_iter().flatten().filter(|value| value.is_finite()).collect();
    if known.is_empty() || (record.estimate.is_none() && low.is_none() && high.is_none()) {
        return String::new();
    }
    // A share starts at zero: how far 1 % is from nothing is part of the picture.
    let zero = words::is_share(record).then_some(0.0);
    let least = known.iter().copied().chain(zero).fold(f64::INFINITY, f64::min);
    let most = known.iter().copied().chain(zero).fold(f64::NEG_INFINITY, f64::max);
    let pad = if most > least { 0.12 * (most - least) } else { least.abs().max(1.0) * 0.1 };
    let (from, to) = (if zero == Some(least) { 0.0 } else { least - pad }, most + pad);
    let x = |value: f64| 4.0 + (WIDTH - 8.0) * ((value - from) / (to - from)).clamp(0.0, 1.0);

    let said = format!("Estimate {}, interval {}", words::estimate(record), words::interval(record));
    let description = match gate.threshold {
        Some(limit) if limit.from_above => {
            format!("allowed up to {}", words::gate_value(record, limit.value))
        }
        Some(limit) => format!("allowed from {}", words::gate_value(record, limit.value)),
        None => "no single threshold on this axis".to_owned(),
    };
    let mut out = open(&format!("bar-{}", row + 1), "bar", (WIDTH, 44.0), &said, &description);
    if let Some(limit) = gate.threshold {
        let (left, right) =
            if limit.from_above { (4.0, x(limit.value)) } else { (x(limit.value), WIDTH - 4.0) };
        out.push_str(&rectangle("allowed", (left, 2.0), (right - left, 26.0)));
    }
    out.push_str(&line("axis", (4.0, 28.0), (WIDTH - 4.0, 28.0)));
    let verdict = words::verdict_id(record.verdict);
    if low.is_some() || high.is_some() {
        // An open end runs to the edge of the axis, without a cap.
        let (left, right) = (low.map_or(4.0, x), high.map_or(WIDTH - 4.0, x));
        out.push_str(&line(&format!("interval {verdict}"), (left, MIDDLE), (right, MIDDLE)));
        for end in [low, high].into_iter().flatten().map(x) {
            out.push_str(&line(&format!("interval {verdict}"), (end, MIDDLE - 5.0), (end, MIDDLE + 5.0)));
        }
    }
    if let Some(estimate) = record.estimate.filter(|estimate| estimate.is_finite()) {
        let [x, y] = [x(estimate), MIDDLE].map(coordinate);
        out.push_str(&format!("<circle class=\"estimate {verdict}\" cx=\"{x}\" cy=\"{y}\" r=\"4.5\"/>\n"));
    }
    if let Some(limit) = limit {
        let at = x(limit);
        out.push_str(&line("threshold", (at, 1.0), (at, 31.0)));
        let anchor = match at {
            _ if at < 40.0 => "tick",
            _ if at > WIDTH - 40.0 => "tick end",
            _ => "tick middle",
        };
        out.push_str(&text(anchor, at, 42.0, &words::gate_value(record, limit)));
    }
    out.push_str("</svg>");
    out
}

#[derive(Serialize)]
struct ScenarioView {
    number: usize,
    name: String,
    outcome: String,
    digest: String,
    values: Vec<(String, String)>,
    story: Vec<(String, Option<usize>, String)>,
    picture: Option<Value>,
    picture_caption: String,
    plot: Option<Value>,
    metrics: Vec<(String, String)>,
    trajectory: Option<String>,
    replay: String,
    /// The command that says why it broke a gate that failed.
    explain: Option<String>,
    recorded: bool,
}

impl ScenarioView {
    fn new(report: &Report, scenario: &Scenario, row: usize, places: &[(f64, f64)]) -> Self {
        let record = &scenario.record;
        let step = scenario.episode.as_ref().zip(scenario.worst_step.as_ref());
        let step = step.and_then(|(episode, worst)| Some((episode.steps.get(worst.step)?, worst)));
        let picture = report.network.as_ref().zip(step).map(|(network, (step, _))| {
            let svg = network_picture::render(network, places, step, &format!("net-{}", row + 1));
            Value::from_safe_string(svg)
        });
        let picture_caption = step.map_or_else(String::new, |(step, worst)| {
            format!("The network at {}: {}.", words::time(step.time_s), worst.why)
        });
        let plot = scenario.episode.as_ref().and_then(|episode| {
            time_plot::render(report.network.as_ref(), episode, &format!("plot-{}", row + 1))
        });
        let metric = |(name, value): (&String, &Option<f64>)| {
            (name.clone(), value.map_or_else(|| "no value".to_owned(), words::number))
        };
        Self {
            number: row + 1,
            name: format!("{}/{}", record.population, record.index),
            outcome: record.outcome.clone(),
            digest: record.scenario.sha256.clone(),
            values: scenario.named_by.clone(),
            story: scenario
                .story
                .iter()
                .map(|moment| (words::time(moment.time_s), moment.event, moment.text.clone()))
                .collect(),
            picture,
            picture_caption,
            plot: plot.map(Value::from_safe_string),
            metrics: scenario.episode.iter().flat_map(|episode| episode.metrics.iter().map(metric)).collect(),
            trajectory: record.trajectory.clone(),
            replay: record.replay.clone(),
            explain: report
                .gates
                .iter()
                .find(|gate| gate.record.verdict == Verdict::Fail && gate.scenarios.contains(&row))
                .map(|gate| {
                    let episode = format!("{}/{}", record.population, record.index);
                    format!("gridgate explain RUN {episode} --gate {}", gate.record.id)
                }),
            recorded: scenario.episode.is_some(),
        }
    }
}

#[derive(Serialize)]
struct MeasurementView {
    /// Rows that the metric's name spans; zero where the row above names it.
    rows: usize,
    metric: String,
    unit: String,
    population: String,
    subject: String,
    candidate: bool,
    n: String,
    mean: String,
    interval: String,
    median: String,
    p99: String,
    max: String,
}

fn measurements(report: &Report) -> Vec<MeasurementView> {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), words::number);
    let mut views = Vec::new();
    for comparison in &report.measurements {
        for (row, subject) in comparison.subjects.iter().enumerate() {
            let Measurement { subject: name, n, mean, interval, median, p99, max, .. } = subject;
            views.push(MeasurementView {
                rows: if row == 0 { comparison.subjects.len() } else { 0 },
                metric: comparison.metric.clone(),
                unit: comparison.unit.clone(),
                population: comparison.population.clone(),
                subject: name.replace('_', " "),
                candidate: name == "candidate",
                n: words::count(*n),
                mean: number(*mean),
                interval: interval.map_or_else(
                    || "-".to_owned(),
                    |(low, high)| format!("{} to {}", words::number(low), words::number(high)),
                ),
                median: number(*median),
                p99: number(*p99),
                max: number(*max),
            });
        }
    }
    views
}
