//! From episodes to verdicts: each gate reads its metric, and where the solver gave up it is judged both ways.

use reports::{Digest, GateRecord, Measurement, Severity, Verdict, WorstRecord};
use scenarios::streams;

use super::Prepared;
use super::local::{Simulated, SimulatedPopulation};
use crate::gate::{self, Judgement, Sample};
use crate::latency;
use crate::metric;
use crate::suite::SuiteGate;
use crate::trajectory::{Episode, Outcome};

/// Every gate's record and the suite's verdict.
#[derive(Debug)]
pub struct Verdicts {
    /// In suite order.
    pub gates: Vec<GateRecord>,
    /// Over required gates.
    pub suite: Verdict,
}

/// How far a population is from its verdicts.
pub(super) struct Standing {
    /// Whether every required gate of it is decided.
    pub(super) decided: bool,
    /// In a few words.
    pub(super) text: String,
}

/// Number of worst scenarios that a gate names.
const WORST: usize = 3;

/// Which side an episode in which the solver gave up is counted on.
#[derive(Clone, Copy, PartialEq)]
enum Counted {
    Lost,
    Served,
}

fn sample(gate: &SuiteGate, simulated: &SimulatedPopulation, counted: Counted) -> Sample {
    let id = gate.metric.as_str();
    let own = |e: &Episode| match counted {
        Counted::Lost => e.metric(id),
        Counted::Served => e.metric_as_served(id),
    };
    Sample {
        candidate: simulated.candidate.iter().map(own).collect(),
        // The comparator's unsolved episodes count as served in both: what is in doubt must not help the candidate.
        champion: gate
            .gate
            .needs_champion()
            .then(|| simulated.champion.iter().map(|e| e.metric_as_served(id)).collect()),
    }
}

/// The recorded calls as a sample. The file has them in ascending order, which would tell a sequential test the wrong story: they are put into
/// one that the suite's seed draws.
fn calls(prepared: &Prepared) -> Sample {
    let recorded = prepared.latency.as_ref().and_then(|latency| latency.recorded.as_ref());
    let mut times: Vec<Option<f64>> = recorded.into_iter().flat_map(|r| r.times_ms()).map(Some).collect();
    streams(prepared.seed(), "", 0).named("latency/order").shuffle(&mut times);
    Sample { candidate: times, champion: None }
}

fn judge_gate(prepared: &Prepared, gate: &SuiteGate, simulated: &SimulatedPopulation) -> Judgement {
    let alpha = prepared.suite.gate_alpha();
    if gate.metric == latency::COMPUTE_MS {
        return gate.gate.judge(&calls(prepared), alpha);
    }
    let lost = gate.gate.judge(&sample(gate, simulated, Counted::Lost), alpha);
    let gave_up = simulated.candidate.iter().filter(|e| e.outcome == Outcome::SolverGaveUp).count();
    if gave_up == 0 {
        return lost;
    }
    let served = gate.gate.judge(&sample(gate, simulated, Counted::Served), alpha);
    if served.verdict == lost.verdict {
        return lost;
    }
    Judgement {
        verdict: Verdict::Undecided,
        reason: format!(
            "the solver gave up in {gave_up} episodes: {} where they count as lost, {} where they count as served",
            in_words(lost.verdict),
            in_words(served.verdict)
        ),
        ..lost
    }
}

fn in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Undecided => "undecided",
        Verdict::Error => "error",
        Verdict::Skipped => "skipped",
    }
}

/// Judges what there is of one population. `last` keeps the words of the previous call, so that gates are only judged
/// again where that can matter.
pub(super) fn standing(
    prepared: &Prepared,
    population: usize,
    simulated: &SimulatedPopulation,
    last: &mut String,
) -> Standing {
    let id = &prepared.populations[population].id;
    let n = simulated.candidate.len() as u64;
    let stopping = prepared.suite.stop == crate::suite::Stop::Decided;
    // For the progress line a look at every power of two is enough; a stopping rule looks after every block.
    let look = stopping || n.is_power_of_two() || n == prepared.populations[population].size_max;
    if !look {
        return Standing { decided: false, text: last.clone() };
    }
    let mut counts = [0usize; 3];
    let mut decided = true;
    for gate in prepared.suite.gates.iter().filter(|g| g.population == *id) {
        let verdict = judge_gate(prepared, gate, simulated).verdict;
        let at = match verdict {
            Verdict::Pass => 0,
            Verdict::Fail | Verdict::Error => 1,
            Verdict::Undecided | Verdict::Skipped => 2,
        };
        counts[at] += 1;
        decided &= gate.severity != Severity::Required || verdict != Verdict::Undecided;
    }
    let [pass, fail, open] = counts;
    *last = format!("{pass} gates hold, {fail} fail, {open} open");
    Standing { decided, text: last.clone() }
}

/// Judges every gate of a complete run.
pub(super) fn verdicts(prepared: &Prepared, simulated: &Simulated) -> Verdicts {
    let mut gates = Vec::with_capacity(prepared.suite.gates.len());
    for gate in &prepared.suite.gates {
        let Some(at) = prepared.populations.iter().position(|p| p.id == gate.population) else { continue };
        let own = &simulated.populations[at];
        let judgement = judge_gate(prepared, gate, own);
        let unit = metric::by_id(&gate.metric).map_or("1", |(_, m)| m.unit);
        gates.push(GateRecord {
            id: gate.id.clone(),
            claim: gate.gate.claim(&gate.metric, unit, &gate.population),
            population: gate.population.clone(),
            metric: gate.metric.clone(),
            unit: unit.into(),
            kind: gate.gate.kind().into(),
            severity: gate.severity,
            verdict: judgement.verdict,
            reason: judgement.reason,
            n: judgement.n,
            k: judgement.k,
            estimate: judgement.estimate,
            interval: judgement.interval,
            alpha: prepared.suite.gate_alpha(),
            method: judgement.method.into(),
            e_value: judgement.e_value,
            threshold: gate.gate.threshold(),
            missing: judgement.missing,
            worst: worst(gate, own, prepared.margin_max_ms(&gate.population)),
            evidence: gate.evidence.clone(),
            line: gate.line,
        });
    }
    let all: Vec<(Severity, Verdict)> = gates.iter().map(|g| (g.severity, g.verdict)).collect();
    Verdicts { suite: gate::suite_verdict(&all), gates }
}

/// The worst scenarios of a gate; against the comparator, by how much worse they are.
fn worst(gate: &SuiteGate, simulated: &SimulatedPopulation, margin_max_ms: Option<u32>) -> Vec<WorstRecord> {
    if gate.metric == latency::COMPUTE_MS {
        // Calls are no episodes.
        return Vec::new();
    }
    let paired = gate.gate.needs_champion();
    let badness = |(i, episode): (usize, &Episode)| {
        let own = episode.metric(&gate.metric)?;
        // Of margins the least is the worst.
        let margin = (gate.metric == latency::MARGIN_MS).then_some(margin_max_ms).flatten();
        if let Some(max_ms) = margin {
            return Some(f64::from(max_ms) - own);
        }
        let other = if paired { simulated.champion.get(i)?.metric_as_served(&gate.metric)? } else { 0.0 };
        Some(own - other)
    };
    let badness: Vec<Option<f64>> = simulated.candidate.iter().enumerate().map(badness).collect();
    worst_rows(&badness)
        .into_iter()
        .map(|row| &simulated.candidate[row])
        .map(|episode| WorstRecord {
            population: episode.population.clone(),
            index: episode.index,
            scenario: Digest { sha256: episode.scenario.clone() },
            value: episode.metric(&gate.metric),
            outcome: outcome_in_words(episode),
            trajectory: None,
            replay: String::new(),
        })
        .collect()
}

/// Rows of the worst values: without a value first, then the largest, the first of equals before the next. Rows in which
/// nothing is amiss are left out, and one without a value stands for all of them where others have one: those that show
/// what the candidate did must not be crowded out.
fn worst_rows(badness: &[Option<f64>]) -> Vec<usize> {
    let mut valued: Vec<(f64, usize)> = Vec::new();
    let mut without = Vec::new();
    for (row, badness) in badness.iter().enumerate() {
        match badness {
            Some(value) if *value > 0.0 => valued.push((*value, row)),
            Some(_) => {}
            None => without.push(row),
        }
    }
    valued.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    without.truncate(WORST.saturating_sub(valued.len()).max(1));
    without.into_iter().chain(valued.into_iter().map(|(_, row)| row)).take(WORST).collect()
}

fn outcome_in_words(episode: &Episode) -> String {
    match (episode.outcome, &episode.message) {
        (Outcome::CandidateFailed, Some(message)) => format!("the candidate failed: {message}"),
        (Outcome::CandidateFailed, None) => "the candidate failed".into(),
        (Outcome::SolverGaveUp, Some(message)) => format!("the solver gave up: {message}"),
        (Outcome::SolverGaveUp, None) => "the solver gave up on a part of the grid".into(),
        (Outcome::Survived, _) => "survived".into(),
        (Outcome::Blackout, _) => "blackout".into(),
        (Outcome::Collapse, _) => "collapse".into(),
    }
}

/// Summary numbers of every metric, population and subject.
pub(super) fn measurements(prepared: &Prepared, simulated: &Simulated) -> Vec<Measurement> {
    let mut all = Vec::new();
    for (population, own) in prepared.populations.iter().zip(&simulated.populations) {
        for metric in metric::LIST {
            for episodes in [&own.candidate, &own.champion] {
                let known = |e: &&Episode| e.metrics.contains_key(metric.id);
                let Some(first) = episodes.first().filter(known) else { continue };
                let values: Vec<f64> = episodes.iter().filter_map(|e| e.metric(metric.id)).collect();
                all.push(measurement(metric, &population.id, &first.subject, values));
            }
        }
    }
    all
}

fn measurement(
    metric: &metric::Metric,
    population: &str,
    subject: &str,
    mut values: Vec<f64>,
) -> Measurement {
    let n = values.len();
    let count = n as f64;
    let mean = (n > 0).then(|| values.iter().sum::<f64>() / count);
    let interval = mean.filter(|_| n > 1).map(|mean| {
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (count - 1.0);
        // 97.5 % quantile of the normal distribution.
        let half = 1.959_963_984_540_054 * (variance / count).sqrt();
        (mean - half, mean + half)
    });
    values.sort_by(f64::total_cmp);
    let rank = |q: f64| (n > 0).then(|| values[((q * count).ceil() as usize).clamp(1, n) - 1]);
    Measurement {
        metric: metric.id.into(),
        unit: metric.unit.into(),
        population: population.into(),
        subject: subject.into(),
        n: n as u64,
        mean,
        interval,
        median: rank(0.5),
        p99: rank(0.99),
        max: values.last().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::worst_rows;

    #[test]
    fn the_worst_are_not_crowded_out_by_those_without_a_value() {
        let (bad, worse, worst) = (Some(1.0), Some(2.0), Some(3.0));
        assert_eq!(worst_rows(&[bad, worst, Some(0.0), worse, bad]), [1, 3, 0]);
        assert_eq!(worst_rows(&[None, bad, None, worst, None]), [0, 3, 1]);
        assert_eq!(worst_rows(&[None, Some(-1.0), None, None, None]), [0, 2, 3]);
        assert_eq!(worst_rows(&[Some(0.0), None, bad, None]), [1, 3, 2]);
        assert!(worst_rows(&[Some(0.0), Some(-2.0)]).is_empty());
    }
}
