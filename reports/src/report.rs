//! The report: evidence arranged for a reader, as ordered data without markup. The renderings consume it.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::canonical_json;
use crate::evidence::{
    Digest, EpisodeRecord, Evidence, GateRecord, Measurement, NetworkRecord, RunRecord, Severity, StepRecord,
    Verdict, WorstRecord,
};
use crate::render::time_plot;
use crate::waiver::WaiverStatus;
use crate::words;

/// Scenarios that are shown for a gate.
const SHOWN: usize = 3;

/// How loudly a continuous-integration system should speak of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The gate passed.
    None,
    /// A warn gate that was skipped.
    Note,
    /// A required gate without an answer, or a warn gate that did not pass.
    Warning,
    /// A required gate failed, or could not be evaluated.
    Error,
}

/// A report, in reading order.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The verdict first.
    pub headline: Headline,
    /// What was judged: (name, text).
    pub judged: Vec<(String, String)>,
    /// Populations and how their episodes ended.
    pub populations: Vec<PopulationSummary>,
    /// Gates, in suite order.
    pub gates: Vec<Gate>,
    /// The scenarios worth looking at, worst of the first gate first, none twice.
    pub scenarios: Vec<Scenario>,
    /// Measurements, one entry for each population and metric.
    pub measurements: Vec<Comparison>,
    /// The run, where known: (name, text).
    pub run: Vec<(String, String)>,
    /// The network, for pictures.
    pub network: Option<NetworkRecord>,
    /// The evidence itself; what the sections above do not rearrange is read from here.
    pub evidence: Evidence,
    /// Digest of the evidence; `None` where it cannot be written (and the headline says so).
    pub evidence_digest: Option<Digest>,
    /// The suite file for findings that point at its lines: as the caller named it where that is known, else as the evidence does.
    pub suite_file: Option<String>,
}

/// The verdict and its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// The verdict; [`Verdict::Error`] where the evidence contradicts itself.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// Which error rate is claimed.
    pub claim: String,
    /// What waivers make of the verdict, where some were presented.
    pub waived: Option<String>,
}

/// A population, summarised.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationSummary {
    /// Its id.
    pub id: String,
    /// Episodes.
    pub n: u64,
    /// Hazards, and techniques of attackers, in words.
    pub hazards: Vec<String>,
    /// How they ended: (outcome, episodes), most frequent first.
    pub outcomes: Vec<(String, u64)>,
}

/// A gate with its place in the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// As the evidence has it.
    pub record: GateRecord,
    /// How loudly to speak of it.
    pub level: Level,
    /// What the estimate is compared with, where the suite gives such a number.
    pub threshold: Option<Threshold>,
    /// Rows of [`Report::scenarios`].
    pub scenarios: Vec<usize>,
    /// The waiver of it in words, applied or refused, where one was presented.
    pub waiver: Option<String>,
    /// Whether a waiver excuses its failure.
    pub waived: bool,
}

/// A limit of a gate's estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Its value, in the unit of the estimate.
    pub value: f64,
    /// Whether the estimate has to stay below it; above it otherwise.
    pub from_above: bool,
}

/// A scenario worth looking at.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// As the first gate that names it has it.
    pub record: WorstRecord,
    /// The gates that name it: (gate id, metric value in words).
    pub named_by: Vec<(String, String)>,
    /// Its recorded steps, where they were kept.
    pub episode: Option<EpisodeRecord>,
    /// What happened, in order of time: the events, then what was refused and noted.
    pub story: Vec<Moment>,
    /// The step that the network picture shows.
    pub worst_step: Option<WorstStep>,
}

/// One line of a story.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// When, s.
    pub time_s: f64,
    /// Its number in the time plot, from 1, where it is an event.
    pub event: Option<usize>,
    /// What, in words.
    pub text: String,
}

/// The step worth a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct WorstStep {
    /// Row in the episode's steps.
    pub step: usize,
    /// Why this one, in words.
    pub why: String,
}

/// A metric of a population: the candidate beside what it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Population.
    pub population: String,
    /// Metric.
    pub metric: String,
    /// Unit.
    pub unit: String,
    /// One for each subject, the candidate first.
    pub subjects: Vec<Measurement>,
}

/// Arranges evidence for a reader. Nothing is simulated, and no verdict is made; but a verdict that its own gates
/// contradict is replaced by an error that says so.
///
/// `episodes` are the kept trajectories in any order; those that no gate names are not shown.
pub fn compose(
    evidence: Evidence,
    run: Option<RunRecord>,
    network: Option<NetworkRecord>,
    episodes: Vec<EpisodeRecord>,
) -> Report {
    let evidence_digest = canonical_json(&evidence).ok().map(Digest::of);
    let headline = headline(&evidence, evidence_digest.is_some());
    let mut episodes: BTreeMap<(String, u64), EpisodeRecord> =
        episodes.into_iter().map(|episode| ((episode.population.clone(), episode.index), episode)).collect();

    let (mut gates, mut scenarios): (Vec<Gate>, Vec<Scenario>) = (Vec::new(), Vec::new());
    // With a gate that did not pass, its scenarios are what the reader came for; otherwise the closest calls are.
    let troubled = evidence.gates.iter().any(|gate| is_troubled(gate.verdict));
    for record in &evidence.gates {
        let mut rows = Vec::new();
        if !troubled || is_troubled(record.verdict) {
            for worst in record.worst.iter().take(SHOWN) {
                rows.push(shown(&mut scenarios, record, worst, &mut episodes));
            }
        }
        gates.push(Gate {
            record: record.clone(),
            level: level(record.severity, record.verdict),
            threshold: threshold(record),
            scenarios: rows,
            waiver: waiver(&evidence, record),
            waived: evidence.waivers.iter().any(|waiver| waiver.applies_to(&record.id)),
        });
    }
    Report {
        headline,
        judged: judged(&evidence, network.as_ref()),
        populations: evidence.populations.iter().map(summary).collect(),
        gates,
        scenarios,
        measurements: comparisons(&evidence.measurements),
        run: run.as_ref().map(run_facts).unwrap_or_default(),
        suite_file: run.and_then(|run| run.suite_path).or_else(|| {
            let suite = evidence.inputs.iter().find(|input| input.role == "suite");
            suite.map(|suite| suite.name.clone())
        }),
        network,
        evidence,
        evidence_digest,
    }
}

fn is_troubled(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::Undecided | Verdict::Error)
}

/// How loudly to speak of a gate.
fn level(severity: Severity, verdict: Verdict) -> Level {
    match (severity, verdict) {
        (_, Verdict::Pass) => Level::None,
        (Severity::Warn, Verdict::Skipped) => Level::Note,
        (Severity::Warn, _) | (Severity::Required, Verdict::Undecided) => Level::Warning,
        (Severity::Required, _) => Level::Error,
    }
}

fn headline(evidence: &Evidence, writable: bool) -> Headline {
    let required = || evidence.gates.iter().filter(|gate| gate.severity == Severity::Required);
    let not_passed: Vec<&str> =
        required().filter(|gate| gate.verdict != Verdict::Pass).map(|gate| gate.id.as_str()).collect();
    let contradiction = if !writable {
        Some("the evidence holds a number that is not finite".to_owned())
    } else if evidence.verdict == Verdict::Pass && !not_passed.is_empty() {
        Some(format!("the evidence says pass, but these required gates did not: {}", not_passed.join(", ")))
    } else if evidence.verdict == Verdict::Pass && required().next().is_none() {
        Some("the evidence says pass, but no required gate was judged".to_owned())
    } else {
        None
    };
    let (verdict, reason) = match contradiction {
        Some(reason) => (Verdict::Error, reason),
        None => (evidence.verdict, evidence.reason.clone()),
    };
    Headline { verdict, reason, claim: evidence.claim.clone(), waived: waived(evidence) }
}

/// What waivers make of the verdict.
fn waived(evidence: &Evidence) -> Option<String> {
    let count = |status| evidence.waivers.iter().filter(|waiver| waiver.status == status).count();
    let (applied, refused) = (count(WaiverStatus::Applied), count(WaiverStatus::Refused));
    let refusals = match refused {
        0 => String::new(),
        1 => "; 1 waiver was refused".to_owned(),
        _ => format!("; {refused} waivers were refused"),
    };
    match evidence.verdict_as_waived {
        _ if evidence.waivers.is_empty() => None,
        Some(verdict) if verdict != evidence.verdict => Some(format!(
            "{applied} waived: for the exit code this counts as {}{refusals}",
            words::verdict(verdict)
        )),
        _ => Some(format!("waivers change nothing: {applied} applied, {refused} refused")),
    }
}

/// The waiver of a gate in words: the one that was applied, else the last that was presented.
fn waiver(evidence: &Evidence, gate: &GateRecord) -> Option<String> {
    let of_gate = || evidence.waivers.iter().filter(|waiver| waiver.waiver.gate == gate.id);
    let told = of_gate().find(|waiver| waiver.status == WaiverStatus::Applied).or(of_gate().next_back())?;
    Some(match told.status {
        WaiverStatus::Applied => told.why.clone(),
        WaiverStatus::Unused => format!("a waiver was not needed: {}", told.why),
        WaiverStatus::Refused => format!("a waiver was refused: {}", told.why),
    })
}

/// The number in the suite that the estimate is compared with.
fn threshold(gate: &GateRecord) -> Option<Threshold> {
    let key = |name: &str, from_above| gate.threshold.get(name).map(|&value| Threshold { value, from_above });
    // The estimate of a comparison is how much worse the candidate is, less a relative margin where there is one: that has its end at zero.
    let margin = |sign: f64| {
        let absolute = gate.threshold.get("margin_abs").map(|margin| sign * margin + 0.0);
        let relative = gate.threshold.get("margin_rel").map(|_| 0.0);
        absolute.or(relative).map(|value| Threshold { value, from_above: true })
    };
    match gate.kind.as_str() {
        "noninferiority" => margin(1.0),
        // It has to be better by so much.
        "superiority" => margin(-1.0),
        _ => key("max", true).or_else(|| key("min", false)),
    }
}

fn shown(
    scenarios: &mut Vec<Scenario>,
    gate: &GateRecord,
    worst: &WorstRecord,
    episodes: &mut BTreeMap<(String, u64), EpisodeRecord>,
) -> usize {
    let value = worst.value.map_or_else(
        || format!("no value of {}", gate.metric),
        |value| format!("{} = {}", gate.metric, words::quantity(value, &gate.unit)),
    );
    let named = (gate.id.clone(), value);
    let same = |scenario: &Scenario| {
        scenario.record.population == worst.population && scenario.record.index == worst.index
    };
    if let Some(row) = scenarios.iter().position(same) {
        scenarios[row].named_by.push(named);
        return row;
    }
    let episode = episodes.remove(&(worst.population.clone(), worst.index));
    scenarios.push(Scenario {
        record: worst.clone(),
        named_by: vec![named],
        story: episode.as_ref().map(story).unwrap_or_default(),
        worst_step: episode.as_ref().and_then(|episode| worst_step(episode, &gate.metric)),
        episode,
    });
    scenarios.len() - 1
}

/// Events by time, each step's notes, and what was refused, summed over the episode.
fn story(episode: &EpisodeRecord) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    let end_s = time_plot::end_s(episode).unwrap_or(f64::INFINITY);
    for (row, (time_s, text)) in episode.events.iter().enumerate() {
        moments.push(match *time_s <= end_s {
            true => Moment { time_s: *time_s, event: Some(row + 1), text: text.clone() },
            false => Moment {
                time_s: *time_s,
                event: None,
                text: format!("{text} (due after the last recorded step: not lived through)"),
            },
        });
    }
    let told: BTreeSet<&str> = episode.events.iter().map(|(_, text)| text.as_str()).collect();
    // A note that stands from step to step is told once, when it begins; one that says what an event says, not at all.
    let mut standing: BTreeSet<&str> = BTreeSet::new();
    for step in &episode.steps {
        let now: BTreeSet<&str> = step.notes.iter().map(String::as_str).collect();
        let new = |note: &&String| !standing.contains(note.as_str()) && !told.contains(note.as_str());
        for note in step.notes.iter().filter(new) {
            moments.push(Moment { time_s: step.time_s, event: None, text: note.clone() });
        }
        standing = now;
    }
    let mut refused: BTreeMap<(&str, &str), (f64, u64)> = BTreeMap::new();
    for step in &episode.steps {
        for (element, reason, times) in &step.refused {
            refused.entry((element, reason)).or_insert((step.time_s, 0)).1 += u64::from(*times);
        }
    }
    for ((element, reason), (time_s, times)) in refused {
        let often =
            if times == 1 { String::new() } else { format!(", {} times from here on", words::count(times)) };
        moments.push(Moment {
            time_s,
            event: None,
            text: format!("the candidate's request for {element} was not granted as asked ({reason}{often})"),
        });
    }
    moments.sort_by(|a, b| a.time_s.total_cmp(&b.time_s));
    moments
}

/// The step in which what the metric is about was worst.
pub(crate) fn worst_step(episode: &EpisodeRecord, metric: &str) -> Option<WorstStep> {
    let unserved =
        |step: &StepRecord| step.served_mw.map_or(0.0, |served| (step.demand_mw - served).max(0.0));
    let lowest = |step: &StepRecord| -step.vm_pu.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let loading = |step: &StepRecord| step.loading.iter().flatten().copied().fold(0.0, f64::max);
    let (score, why): (&dyn Fn(&StepRecord) -> f64, &str) = match metric {
        "ens_mwh" | "blackout" | "collapse" if episode.steps.iter().any(|step| unserved(step) > 0.0) => {
            (&unserved, "the step with the most demand unserved")
        }
        _ if metric.starts_with("overload") || metric.starts_with("n1") => {
            (&loading, "the step with the highest loading")
        }
        _ => (&lowest, "the step with the lowest voltage"),
    };
    // The first of equals: the moment it began.
    let mut best: Option<(usize, f64)> = None;
    for (step, record) in episode.steps.iter().enumerate() {
        let value = score(record);
        if value.is_finite() && best.is_none_or(|(_, most)| value > most) {
            best = Some((step, value));
        }
    }
    best.map(|(step, _)| WorstStep { step, why: why.to_owned() })
}

fn judged(evidence: &Evidence, network: Option<&NetworkRecord>) -> Vec<(String, String)> {
    let candidate = &evidence.candidate;
    let mut facts = vec![
        fact("Candidate", format!("{} {}", candidate.name, candidate.version)),
        fact("Task", format!("{} ({}, adapter {})", candidate.task, candidate.mode, candidate.adapter)),
        fact("Candidate digest", candidate.digest.sha256.clone()),
        fact(
            "Suite",
            match &evidence.tier {
                None => format!("{}, seed {}", evidence.suite, evidence.seed),
                Some(tier) => format!("{}, tier {tier}, seed {}", evidence.suite, evidence.seed),
            },
        ),
    ];
    if let Some(champion) = &evidence.champion {
        let others = evidence.other_champions.iter();
        let names: Vec<String> = std::iter::once(champion)
            .chain(others)
            .map(|champion| format!("{} {}", champion.name, champion.version))
            .collect();
        facts.push(fact("Compared with", names.join(", ")));
    }
    for record in &evidence.challenges {
        facts.push(fact("New failures", record.in_words()));
    }
    for record in &evidence.supervision {
        facts.push(fact("Supervised", format!("{}: {}", record.population, record.in_words())));
    }
    if let Some(network) = network {
        let size = format!("{} buses, {} branches", network.bus_ids.len(), network.branches.len());
        facts.push(fact("Network", format!("{}: {size}", network.name)));
    }
    let total: u64 = evidence.populations.iter().map(|population| population.n).sum();
    let each: Vec<String> = evidence.populations.iter().map(episodes_in_words).collect();
    facts.push(fact("Episodes", format!("{} ({})", words::count(total), each.join(", "))));
    facts
}

/// How many episodes of a population, and how many were saved because its gates were decided before.
fn episodes_in_words(population: &crate::evidence::PopulationRecord) -> String {
    let (n, id) = (words::count(population.n), &population.id);
    match population.size_max.saturating_sub(population.n) {
        0 if population.listed => format!("all {n} of {id}"),
        0 => format!("{n} of {id}"),
        saved => {
            format!("{n} of {id}, {} saved by stopping when its gates were decided", words::count(saved))
        }
    }
}

fn fact(name: &str, text: impl Into<String>) -> (String, String) {
    (name.to_owned(), text.into())
}

fn summary(population: &crate::evidence::PopulationRecord) -> PopulationSummary {
    let mut outcomes: Vec<(String, u64)> =
        population.outcomes.iter().map(|(outcome, &n)| (outcome.clone(), n)).collect();
    outcomes.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    PopulationSummary {
        id: population.id.clone(),
        n: population.n,
        hazards: population.hazards.iter().cloned().chain(techniques(population)).collect(),
        outcomes,
    }
}

/// What attackers do, in words.
fn techniques(population: &crate::evidence::PopulationRecord) -> Option<String> {
    let told: Vec<String> = population
        .techniques
        .iter()
        .map(|technique| format!("{} {}", technique.id, technique.name))
        .collect();
    (!told.is_empty()).then(|| format!("techniques {}", told.join(", ")))
}

fn comparisons(measurements: &[Measurement]) -> Vec<Comparison> {
    let mut comparisons: Vec<Comparison> = Vec::new();
    for measurement in measurements {
        let same = |c: &&mut Comparison| {
            c.population == measurement.population
                && c.metric == measurement.metric
                && c.unit == measurement.unit
        };
        match comparisons.iter_mut().find(same) {
            Some(comparison) => comparison.subjects.push(measurement.clone()),
            None => comparisons.push(Comparison {
                population: measurement.population.clone(),
                metric: measurement.metric.clone(),
                unit: measurement.unit.clone(),
                subjects: vec![measurement.clone()],
            }),
        }
    }
    for comparison in &mut comparisons {
        comparison.subjects.sort_by_key(|subject| subject.subject != "candidate");
    }
    comparisons
}

fn run_facts(run: &RunRecord) -> Vec<(String, String)> {
    let mut facts = vec![
        fact("Started", run.started.clone()),
        fact("Took", words::time(run.elapsed_s)),
        fact("Threads", run.threads.to_string()),
        fact("Episodes per second", words::number(run.episodes_per_s)),
        fact("Power flows solved", words::count(run.solves)),
    ];
    for (name, &value) in &run.timings_ms {
        facts.push(fact(name, format!("{} ms", words::number(value))));
    }
    if run.cached_episodes > 0 {
        facts.push(fact("Episodes from the cache", words::count(run.cached_episodes)));
    }
    if run.clock_dependent {
        facts.push(fact(
            "Depends on the clock",
            "a time-out ended at least one episode: another run may give other bytes",
        ));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_episodes_are_told() {
        let told = |n, size_max, listed| {
            let population = crate::evidence::PopulationRecord {
                id: "p".into(),
                n,
                size_max,
                listed,
                ..Default::default()
            };
            episodes_in_words(&population)
        };
        assert_eq!(told(512, 10_000, false), "512 of p, 9,488 saved by stopping when its gates were decided");
        assert_eq!(told(512, 512, false), "512 of p");
        assert_eq!(told(38, 38, true), "all 38 of p");
    }

    #[test]
    fn the_level_follows_severity_and_verdict() {
        use Verdict::{Error, Fail, Pass, Skipped, Undecided};
        let required = [Pass, Fail, Undecided, Error, Skipped].map(|v| level(Severity::Required, v));
        assert_eq!(required, [Level::None, Level::Error, Level::Warning, Level::Error, Level::Error]);
        let warn = [Pass, Fail, Undecided, Error, Skipped].map(|v| level(Severity::Warn, v));
        assert_eq!(warn, [Level::None, Level::Warning, Level::Warning, Level::Warning, Level::Note]);
    }

    #[test]
    fn the_story_is_in_order_and_tells_a_standing_note_once() {
        let step = |time_s: f64, note: &str| StepRecord {
            time_s,
            notes: vec![note.into()],
            refused: vec![("unit at bus 4".into(), "range".into(), 1)],
            ..StepRecord::default()
        };
        let episode = EpisodeRecord {
            events: vec![(60.0, "line 5 trips".into()), (0.0, "load rises".into())],
            steps: vec![step(0.0, "bus 9 dead"), step(60.0, "bus 9 dead"), step(120.0, "bus 8 dead")],
            ..EpisodeRecord::default()
        };
        let told = story(&episode);
        let told: Vec<_> = told.iter().map(|m| (m.time_s, m.event, m.text.as_str())).collect();
        let refused = "the candidate's request for unit at bus 4 was not granted as asked (range, 3 times from here on)";
        assert_eq!(
            told,
            [
                (0.0, Some(2), "load rises"),
                (0.0, None, "bus 9 dead"),
                (0.0, None, refused),
                (60.0, Some(1), "line 5 trips"),
                (120.0, None, "bus 8 dead"),
            ]
        );
    }

    #[test]
    fn the_picture_shows_the_step_the_metric_is_about() {
        let step = |vm: f64, loading: f64, served_mw: f64| StepRecord {
            vm_pu: vec![Some(vm), None],
            loading: vec![Some(loading), None],
            served_mw: Some(served_mw),
            demand_mw: 100.0,
            ..StepRecord::default()
        };
        let steps =
            vec![step(1.0, 0.4, 100.0), step(0.9, 0.5, 100.0), step(0.95, 1.2, 98.0), step(0.9, 0.1, 99.0)];
        let episode = EpisodeRecord { steps, ..EpisodeRecord::default() };
        let shown = |metric| worst_step(&episode, metric).map(|worst| worst.step);
        assert_eq!(shown("voltage.violation_pu_min"), Some(1));
        assert_eq!(shown("overload.minutes"), Some(2));
        assert_eq!(shown("ens_mwh"), Some(2));
        assert_eq!(worst_step(&EpisodeRecord::default(), "ens_mwh"), None);
    }
}
