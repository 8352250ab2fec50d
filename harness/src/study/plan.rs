//! What a suite will run, and what it can decide by that, before anything runs.

use std::sync::Arc;
use std::time::Instant;

use powerflow::{Diagnostics, Plan, Solver, Topology};
use reports::SkippedVariantRecord;
use reports::plan::{
    PLAN_SCHEMA, PlanProbe, PlannedGate, PlannedPopulation, PlannedPower, PlannedVariants, SuitePlan,
};
use scenarios::streams;

use crate::assumption::Chosen;
use crate::candidate::Source;
use crate::gate::{Frame, Sample, Verdict};
use crate::latency;
use crate::live::COHORT;
use crate::metric;
use crate::run::Prepared;
use crate::run::lives::{Actor, Lives};
use crate::statistic::power::{Boundaries, Power, fixed};
use crate::suite::{Stop, SuiteGate};

/// Episodes beyond which a test is not followed: there it is decided, or will not be.
const FOLLOWED: u64 = 100_000;
/// Truths that a limit is looked at from, in words and as multiples of it.
const TRUTHS: [(&str, f64); 5] = [
    ("none", 0.0),
    ("a tenth of the limit", 0.1),
    ("a third of the limit", 1.0 / 3.0),
    ("the limit itself", 1.0),
    ("three times the limit", 3.0),
];
/// Samples that are drawn where nothing exact is known.
const DRAWN: u64 = 50;
/// Episodes of a drawn sample at most.
const DRAWN_EPISODES: u64 = 20_000;
/// Episodes of each population and actor that a probe times.
const PROBED: u64 = 32;

/// The plan of a prepared suite. `probe` times a few episodes.
///
/// # Errors
/// Where a candidate cannot be started for the probe; never without one.
pub fn plan(prepared: &Prepared, probe: bool) -> Result<SuitePlan, Diagnostics> {
    let config = &prepared.config;
    let populations: Vec<PlannedPopulation> = prepared
        .populations
        .iter()
        .map(|population| PlannedPopulation {
            id: population.id.clone(),
            hazards: population.hazards.iter().map(|hazard| hazard.describe()).collect(),
            episodes: population.size_max,
            steps: config.steps,
            seconds: f64::from(config.steps) * config.step_s,
        })
        .collect();
    let mut actors = vec!["candidate".to_owned()];
    actors.extend(prepared.champions.iter().map(|champion| champion.record().name));
    let each = populations.iter().fold(0_u64, |sum, population| sum.saturating_add(population.episodes));
    let variants = planned_variants(prepared, actors.len() as u64);
    let again = variants.as_ref().map_or(0, |variants| variants.episodes);
    let episodes = each.saturating_mul(actors.len() as u64).saturating_add(again);
    Ok(SuitePlan {
        schema: PLAN_SCHEMA.into(),
        suite: prepared.suite.name.clone(),
        tier: prepared.tier.as_ref().map(|tier| tier.name.to_owned()),
        stop: match prepared.suite.stop {
            Stop::Never => "never".into(),
            Stop::Decided => "decided".into(),
        },
        minutes: prepared.tier.as_ref().and_then(|tier| tier.minutes),
        gates: prepared.suite.gates.iter().map(|gate| planned(prepared, gate)).collect(),
        episodes,
        steps: episodes.saturating_mul(u64::from(config.steps)),
        variants,
        probe: if probe { Some(timed(prepared)?) } else { None },
        populations,
        actors,
    })
}

/// Episodes of a population that are lived again in each variant.
fn lived_again(prepared: &Prepared, population: &scenarios::Population) -> u64 {
    prepared.suite.assumptions.as_ref().map_or(0, |written| written.episodes.min(population.size_max))
}

fn planned_variants(prepared: &Prepared, actors: u64) -> Option<PlannedVariants> {
    let Chosen { taken, skipped } = prepared.variants()?;
    let each = prepared.populations.iter().map(|population| lived_again(prepared, population));
    let each = each.fold(0_u64, u64::saturating_add);
    Some(PlannedVariants {
        episodes: each.saturating_mul(actors).saturating_mul(taken.len() as u64),
        tried: taken.iter().map(|taken| taken.variant.id.to_owned()).collect(),
        skipped: skipped
            .into_iter()
            .map(|(id, why)| SkippedVariantRecord { id: id.to_owned(), why })
            .collect(),
    })
}

fn planned(prepared: &Prepared, gate: &SuiteGate) -> PlannedGate {
    let alpha = prepared.suite.gate_alpha();
    let size = prepared.populations.iter().find(|p| p.id == gate.population).map_or(0, |p| p.size_max);
    let (power, n_of_power, note) = power(prepared, gate, alpha, size);
    let unit = metric::unit(&gate.metric);
    PlannedGate {
        id: gate.id.clone(),
        claim: gate.gate.claim(&gate.metric, unit, &gate.population),
        population: gate.population.clone(),
        kind: gate.gate.kind().into(),
        severity: gate.severity,
        alpha,
        n: size,
        n_of_power,
        power,
        note,
        line: gate.line,
    }
}

/// How a gate will end at each of [`TRUTHS`], of how many episodes that is said, and how it was found.
fn power(prepared: &Prepared, gate: &SuiteGate, alpha: f64, size: u64) -> (Vec<PlannedPower>, u64, String) {
    let threshold = gate.gate.threshold();
    let number = |key: &str| threshold.get(key).copied();
    let n = size.min(FOLLOWED);
    let row = |words: &str, truth: f64, power: Power| PlannedPower {
        if_truth_is: words.to_owned(),
        truth,
        pass: power.pass,
        fail: power.fail,
        undecided: power.undecided,
        median_episodes: power.median,
    };
    if gate.metric == latency::COMPUTE_MS {
        return (Vec::new(), 0, "reads recorded calls, and no episodes".to_owned());
    }
    // A quantile is at most `max` where at most 1 - q of all episodes are above it.
    let limit = match gate.gate.kind() {
        "rate" => number("max"),
        "quantile" => number("q").map(|q| 1.0 - q),
        _ => None,
    };
    if let Some(limit) = limit {
        let boundaries = gate.gate.anytime().then(|| Boundaries::new(limit, alpha, n));
        let of = |truth: f64| {
            boundaries.as_ref().map_or_else(|| fixed(limit, alpha, n, truth), |b| b.power(truth))
        };
        let rows = TRUTHS.map(|(words, times)| {
            let truth = (times * limit).min(1.0);
            row(words, truth, of(truth))
        });
        let beyond = if gate.gate.kind() == "rate" { "beyond the threshold" } else { "above `max`" };
        return (
            rows.into(),
            n,
            format!("the truth is the share of all episodes {beyond}; exact for {n} episodes"),
        );
    }
    match gate.gate.kind() {
        "value" => {
            let rows: [(&str, f64); 4] =
                [("none", 0.0), ("1 of 10,000", 1e-4), ("1 of 1,000", 1e-3), ("1 of 100", 1e-2)];
            let rows = rows.map(|(words, truth)| {
                // All n of them are well: (1 - p)^n.
                let pass = (n as f64 * (-truth).ln_1p()).exp();
                row(words, truth, Power { pass, fail: 1.0 - pass, undecided: 0.0, median: None })
            });
            let note = format!(
                "the truth is the share of all episodes outside the limits; one of {n} is enough to fail"
            );
            (rows.into(), n, note)
        }
        "mean" | "noninferiority" => drawn(prepared, gate, alpha, size),
        kind => {
            (Vec::new(), 0, format!("how a gate of kind {kind} will end depends on more than one number"))
        }
    }
}

/// Gates on a mean: how they end depends on how values spread. Drawn is the worst spread, all values at the ends of the range.
fn drawn(prepared: &Prepared, gate: &SuiteGate, alpha: f64, size: u64) -> (Vec<PlannedPower>, u64, String) {
    let threshold = gate.gate.threshold();
    let number = |key: &str| threshold.get(key).copied();
    let paired = gate.gate.needs_champion();
    let at = prepared.populations.iter().position(|population| population.id == gate.population);
    let frame = at.map_or_else(Frame::default, |at| prepared.frame(at));
    let of_episode = || number("max").or_else(|| Some(number("max_per_year")? / frame.per_year?));
    let limit = if paired { number("margin_abs") } else { of_episode() };
    let (Some(limit), Some(lo), Some(hi)) = (limit, number("range_lo"), number("range_hi")) else {
        return (Vec::new(), 0, "how this gate will end depends on more than its limit".to_owned());
    };
    let n = size.min(DRAWN_EPISODES);
    // What the limit leaves above the best value that there can be.
    let room = if paired { limit } else { limit - lo };
    if room <= 0.0 {
        return (Vec::new(), 0, "the limit leaves no room above the best value".to_owned());
    }
    let row = |(words, times): (&str, f64)| {
        let share = (times * room / (hi - lo)).clamp(0.0, 1.0);
        let (mut pass, mut fail, mut decided) = (0_u64, 0_u64, Vec::new());
        for repetition in 0..DRAWN {
            let mut stream = streams(prepared.seed(), &gate.population, repetition).named("plan/power");
            let values: Vec<Option<f64>> =
                (0..n).map(|_| Some(if stream.uniform() < share { hi } else { lo })).collect();
            let champion = paired.then(|| vec![Some(lo); values.len()]);
            let judged = gate.gate.judge(&Sample { candidate: values, champion, frame }, alpha);
            pass += u64::from(judged.verdict == Verdict::Pass);
            fail += u64::from(judged.verdict == Verdict::Fail);
            decided.push(judged.decided_at.unwrap_or(u64::MAX));
        }
        decided.sort_unstable();
        let of = |count: u64| count as f64 / DRAWN as f64;
        PlannedPower {
            if_truth_is: words.to_owned(),
            truth: if paired { times * limit } else { lo + times * room },
            pass: of(pass),
            fail: of(fail),
            undecided: of(DRAWN - pass - fail),
            median_episodes: Some(decided[decided.len() / 2]).filter(|&n| n != u64::MAX),
        }
    };
    let note = format!(
        "the truth is the mean, of values at the two ends of the range only, which is the hardest to decide; {DRAWN} drawn samples of {n} episodes, \
         so a probability is known to about {} %",
        (100.0 * (0.25 / DRAWN as f64).sqrt()).ceil()
    );
    (TRUTHS.map(row).into(), n, note)
}

/// Lives a few episodes of every population by every actor, on this thread.
fn timed(prepared: &Prepared) -> Result<PlanProbe, Diagnostics> {
    let plan = Arc::new(Plan::new(&prepared.network, &Arc::new(Topology::unsplit())));
    let mut solver = Solver::with_plan(&prepared.network, plan);
    let mut probe = PlanProbe { episodes: 0, elapsed_s: 0.0, estimated_s: 0.0 };
    let variants = prepared.variants().map_or(0, |chosen| chosen.taken.len() as u64);
    for population in &prepared.populations {
        let again = lived_again(prepared, population).saturating_mul(variants);
        let episodes = population.size_max.saturating_add(again);
        let indices: Vec<u64> = (0..population.size_max.min(PROBED)).collect();
        let actors = std::iter::once(&prepared.candidate).chain(&prepared.champions);
        for source in actors {
            let elapsed_s = lived(prepared, &mut solver, population, source, &indices)?;
            probe.episodes += indices.len() as u64;
            probe.elapsed_s += elapsed_s;
            probe.estimated_s += elapsed_s / indices.len() as f64 * episodes as f64;
        }
    }
    Ok(probe)
}

fn lived(
    prepared: &Prepared,
    solver: &mut Solver,
    population: &scenarios::Population,
    source: &Arc<dyn Source>,
    indices: &[u64],
) -> Result<f64, Diagnostics> {
    let mut who = source.start()?;
    // Rows of padding cost a candidate its time too, so the probe has none: its batch is as long as what it lives.
    let rows = if source.batched() { indices.len().min(COHORT) } else { 1 };
    let actor = Actor { subject: "candidate", who: who.as_mut(), rows };
    let start = Instant::now();
    Lives::of(prepared, &prepared.config, solver, population, indices, actor);
    Ok(start.elapsed().as_secs_f64())
}
