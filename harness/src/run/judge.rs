//! From episodes to verdicts: each gate reads its metric, and where the solver gave up it is judged both ways.

use reports::{Digest, GateRecord, Measurement, Severity, VariantsRecord, Verdict, WorstRecord};
use scenarios::streams;

use super::Prepared;
use super::local::{Simulated, SimulatedPopulation};
use super::readings::Readings;
use super::weighed::weighed;
use crate::gate::{self, Frame, Judgement, Sample};
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
    /// What became of them in other models of the world, where the suite asks.
    pub variants: Option<VariantsRecord>,
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

fn sample(gate: &SuiteGate, readings: &Readings, champion: usize, counted: Counted, frame: Frame) -> Sample {
    let candidate = match counted {
        Counted::Lost => readings.lost.clone(),
        Counted::Served => readings.served.clone(),
    };
    let champion = readings.champions.get(champion).filter(|_| gate.gate.needs_champion()).cloned();
    Sample { candidate, champion, frame }
}

/// The recorded calls as a sample. The file has them in ascending order, which would tell a sequential test the wrong story: they are put into
/// one that the suite's seed draws.
fn calls(prepared: &Prepared) -> Sample {
    let recorded = prepared.latency.as_ref().and_then(|latency| latency.recorded.as_ref());
    let mut times: Vec<Option<f64>> = recorded.into_iter().flat_map(|r| r.times_ms()).map(Some).collect();
    streams(prepared.seed(), "", 0).named("latency/order").shuffle(&mut times);
    Sample { candidate: times, ..Sample::default() }
}

/// The judgement of a gate; one that compares is judged against every comparator, and a verdict that depends on how the operator is
/// modelled is none.
pub(super) fn judge_gate(
    prepared: &Prepared,
    gate: &SuiteGate,
    readings: &Readings,
    alpha: f64,
) -> Judgement {
    let against = |champion: usize| judge_against(prepared, gate, readings, champion, alpha);
    let mut first = against(0);
    if !gate.gate.needs_champion() || prepared.champions.len() < 2 {
        return first;
    }
    let others: Vec<Judgement> = (1..prepared.champions.len()).map(against).collect();
    let name = |champion: usize| prepared.champions[champion].record().name;
    // Only what holds against all of them passes.
    first.p_value = others.iter().fold(first.p_value, |p, other| larger(p, other.p_value));
    let stood = others.iter().map(|other| other.decided_at).collect::<Option<Vec<u64>>>();
    first.decided_at =
        first.decided_at.zip(stood).map(|(own, others)| others.into_iter().fold(own, u64::max));
    if others.iter().all(|other| other.verdict == first.verdict) {
        let names: Vec<String> = (0..prepared.champions.len()).map(name).collect();
        first.reason = format!("{}; the same verdict against each of {}", first.reason, names.join(", "));
        return first;
    }
    let all = std::iter::once(&first).chain(&others).enumerate();
    let said: Vec<String> =
        all.map(|(at, judged)| format!("{} against {}", in_words(judged.verdict), name(at))).collect();
    // What is an error against anybody is an error: a missing number is not a matter of opinion.
    let error = std::iter::once(&first).chain(&others).any(|judged| judged.verdict == Verdict::Error);
    let verdict = if error { Verdict::Error } else { Verdict::Undecided };
    let reason = format!("the verdict depends on how the operator is modelled: {}", said.join(", "));
    Judgement { verdict, reason, decided_at: None, ..first }
}

fn judge_against(
    prepared: &Prepared,
    gate: &SuiteGate,
    readings: &Readings,
    champion: usize,
    alpha: f64,
) -> Judgement {
    if gate.metric == latency::COMPUTE_MS {
        return gate.gate.judge(&calls(prepared), alpha);
    }
    let at = prepared.populations.iter().position(|population| population.id == gate.population);
    let frame = at.map_or_else(Frame::default, |at| prepared.frame(at));
    let judge = |counted| gate.gate.judge(&sample(gate, readings, champion, counted, frame), alpha);
    let lost = judge(Counted::Lost);
    let gave_up = readings.gave_up.iter().filter(|gave_up| **gave_up).count();
    if gave_up == 0 {
        return lost;
    }
    let served = judge(Counted::Served);
    let p_value = larger(lost.p_value, served.p_value);
    if served.verdict == lost.verdict {
        // A verdict that stands both ways stood when the later of the two did.
        let decided_at = lost.decided_at.zip(served.decided_at).map(|(a, b)| a.max(b));
        return Judgement { p_value, decided_at, ..lost };
    }
    Judgement {
        verdict: Verdict::Undecided,
        p_value,
        decided_at: None,
        reason: format!(
            "the solver gave up in {gave_up} episodes: {} where they count as lost, {} where they count as served",
            in_words(lost.verdict),
            in_words(served.verdict)
        ),
        ..lost
    }
}

/// The larger of two p-values; none where either is missing.
fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.max(b))
}

pub(super) fn in_words(verdict: Verdict) -> &'static str {
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
        let readings = Readings::of(simulated, &gate.metric);
        let verdict = judge_gate(prepared, gate, &readings, prepared.suite.gate_alpha()).verdict;
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
    let suite = &prepared.suite;
    let of = |gate: &SuiteGate| {
        let at = prepared.populations.iter().position(|p| p.id == gate.population)?;
        simulated.populations.get(at)
    };
    let shared = |gate: &SuiteGate| {
        let own = of(gate).filter(|_| suite.shares_level(gate))?;
        judge_gate(prepared, gate, &Readings::of(own, &gate.metric), suite.gate_alpha()).p_value
    };
    let levels = suite.levels(&suite.gates.iter().map(shared).collect::<Vec<_>>());
    let mut variants = simulated.varied.as_ref().map(|varied| varied.record(prepared));
    let mut gates = Vec::with_capacity(suite.gates.len());
    for (gate, alpha) in suite.gates.iter().zip(levels) {
        let Some(own) = of(gate) else { continue };
        let readings = Readings::of(own, &gate.metric);
        let judgement = judge_gate(prepared, gate, &readings, alpha);
        let (judgement, depends_on) =
            weighed(prepared, simulated, gate, &readings, judgement, alpha, &mut variants);
        let unit = metric::unit(&gate.metric);
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
            alpha,
            method: judgement.method.into(),
            e_value: judgement.e_value,
            p_value: judgement.p_value,
            decided_at: judgement.decided_at,
            threshold: gate.gate.threshold(),
            missing: judgement.missing,
            worst: worst(gate, own, prepared.margin_max_ms(&gate.population)),
            depends_on,
            evidence: gate.evidence.clone(),
            line: gate.line,
        });
    }
    let all: Vec<(Severity, Verdict)> = gates.iter().map(|g| (g.severity, g.verdict)).collect();
    Verdicts { suite: gate::suite_verdict(&all), gates, variants }
}

/// The worst scenarios of a gate; against the comparator, by how much worse they are.
fn worst(gate: &SuiteGate, simulated: &SimulatedPopulation, margin_max_ms: Option<u32>) -> Vec<WorstRecord> {
    if gate.metric == latency::COMPUTE_MS {
        // Calls are no episodes.
        return Vec::new();
    }
    let champion = simulated.champions.first().filter(|_| gate.gate.needs_champion());
    // An episode that bears the longest delay that was tried is no close call.
    let bears_all = |own: f64| {
        gate.metric == latency::MARGIN_MS && margin_max_ms.is_some_and(|max_ms| own >= f64::from(max_ms))
    };
    let row = |(row, episode): (usize, &Episode)| {
        let own = episode.metric(&gate.metric);
        let theirs = champion.map(|episodes| episodes.get(row)?.metric_as_served(&gate.metric));
        match (own, theirs) {
            (None, _) | (_, Some(None)) => Some((row, None)),
            (Some(own), theirs) => {
                let badness = gate.gate.badness(own, theirs.flatten()).filter(|_| !bears_all(own))?;
                Some((row, Some(badness)))
            }
        }
    };
    let rows: Vec<(usize, Option<f64>)> = simulated.candidate.iter().enumerate().filter_map(row).collect();
    worst_rows(&rows)
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

/// Rows of the worst, given those in which something is amiss with how bad they are: without a value first, then the worst,
/// the first of equals before the next. One without a value stands for all of them where others have one: those that show
/// what the candidate did must not be crowded out.
fn worst_rows(amiss: &[(usize, Option<f64>)]) -> Vec<usize> {
    let mut valued: Vec<(f64, usize)> =
        amiss.iter().filter_map(|&(row, badness)| Some((badness?, row))).collect();
    let mut without: Vec<usize> =
        amiss.iter().filter(|(_, badness)| badness.is_none()).map(|&(row, _)| row).collect();
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
        for id in metric::known() {
            for episodes in std::iter::once(&own.candidate).chain(&own.champions) {
                let known = |e: &&Episode| e.metrics.contains_key(id);
                let Some(first) = episodes.first().filter(known) else { continue };
                let values: Vec<f64> = episodes.iter().filter_map(|e| e.metric(id)).collect();
                all.push(measurement(id, &population.id, &first.subject, values));
            }
        }
    }
    all
}

fn measurement(metric: &str, population: &str, subject: &str, mut values: Vec<f64>) -> Measurement {
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
        metric: metric.into(),
        unit: metric::unit(metric).into(),
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
        let rows = |badness: &[Option<f64>]| {
            worst_rows(&badness.iter().copied().enumerate().collect::<Vec<(usize, Option<f64>)>>())
        };
        let (bad, worse, worst) = (Some(-1.0), Some(2.0), Some(3.0));
        assert_eq!(rows(&[bad, worst, worse, bad]), [1, 2, 0]);
        assert_eq!(rows(&[None, bad, None, worst, None]), [0, 3, 1]);
        assert_eq!(rows(&[None, None, None, None]), [0, 1, 2]);
        assert_eq!(rows(&[None, bad, None]), [0, 2, 1]);
        assert!(rows(&[]).is_empty());
        // Rows keep their numbers where others between them are fine.
        assert_eq!(worst_rows(&[(4, Some(1.0)), (9, Some(2.0)), (11, None)]), [11, 9, 4]);
    }
}
