//! A small hand-made run: one gate of each verdict, names that try to break out of every format.

// Each test file uses its own part.
#![allow(dead_code)]

use std::collections::BTreeMap;

use reports::*;

/// A name that breaks HTML, XML, Markdown tables and annotations where it is not escaped.
pub(crate) const HOSTILE: &str = "<script>alert(\"1\")</script> & 'x' | `y`";

fn words(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn text(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

pub(crate) fn scenario(index: u64) -> Digest {
    Digest::of(format!("scenario {index}"))
}

fn worst(population: &str, index: u64, value: Option<f64>, outcome: &str) -> WorstRecord {
    WorstRecord {
        population: population.into(),
        index,
        scenario: scenario(index),
        value,
        outcome: outcome.into(),
        trajectory: Some(format!("trajectories/{population}-{index}.json")),
        replay: format!("gridgate replay RUN {population}/{index}"),
    }
}

fn gate(id: &str, verdict: Verdict) -> GateRecord {
    GateRecord {
        id: id.into(),
        claim: "at most 1 % of episodes have voltage.violation_pu_min above 0.5".into(),
        population: "outages".into(),
        metric: "voltage.violation_pu_min".into(),
        unit: "pu min".into(),
        kind: "rate".into(),
        severity: Severity::Required,
        verdict,
        reason: String::new(),
        n: 2560,
        k: None,
        estimate: None,
        interval: (None, None),
        alpha: 0.05,
        method: "e-mixture/1".into(),
        e_value: None,
        p_value: None,
        decided_at: None,
        threshold: BTreeMap::from([("over".into(), 0.5), ("max".into(), 0.01)]),
        missing: 0,
        depends_on: Vec::new(),
        worst: vec![],
        evidence: Vec::new(),
        line: Some(17),
    }
}

fn variants() -> VariantsRecord {
    let gate = |gate: &str, verdict| VariedGateRecord {
        gate: gate.into(),
        verdict,
        reason: "3 of 16 episodes are beyond".into(),
        replayed: 8,
        changed: 5,
        largest_change: Some(0.25),
        largest_change_at: Some(3),
        newly_broken: Some(1),
        newly_broken_share: Some(0.0625),
        newly_broken_share_max: Some(0.3),
    };
    let stratum = |stratum: &str, n, replayed| StratumRecord { stratum: stratum.into(), n, replayed };
    VariantsRecord {
        subsets: vec![SubsetRecord {
            population: "outages".into(),
            strata: vec![stratum("broken", 2, 2), stratum("clear", 14, 6)],
        }],
        variants: vec![VariantRecord {
            id: "load_constant_impedance".into(),
            changes: "demand is a constant impedance".into(),
            gates: vec![gate("voltage", Verdict::Pass), gate("losses", Verdict::Fail)],
        }],
        skipped: vec![SkippedVariantRecord {
            id: "inertia_low".into(),
            why: "the frequency does not move".into(),
        }],
    }
}

pub(crate) fn evidence() -> Evidence {
    let pass = GateRecord {
        reason: "9 of 2,560 episodes; more than 1 % is rejected at level 0.05 (e = 556.3, 20 needed)".into(),
        k: Some(9),
        estimate: Some(9.0 / 2560.0),
        interval: (None, Some(0.0062)),
        e_value: Some(556.3),
        claim: "at most 1 % of episodes end in a blackout".into(),
        metric: "blackout".into(),
        unit: "1".into(),
        worst: vec![worst("outages", 7, Some(1.0), "blackout")],
        evidence: Vec::new(),
        line: Some(12),
        ..gate("blackout", Verdict::Pass)
    };
    let fail = GateRecord {
        reason: "184 of 2,560 episodes; at most 1 % is rejected at level 0.05".into(),
        k: Some(184),
        estimate: Some(184.0 / 2560.0),
        interval: (Some(0.0622), Some(0.0826)),
        e_value: Some(1.2e-9),
        missing: 2,
        worst: vec![
            worst("outages", 3, None, "candidate failed: the output is not finite"),
            worst("outages", 7, Some(14.25), "blackout"),
            worst("outages", 11, Some(9.5), "survived"),
        ],
        ..gate("voltage", Verdict::Fail)
    };
    let undecided = GateRecord {
        kind: "mean".into(),
        claim: "the mean of losses_mwh is at most 61 MWh".into(),
        metric: "losses_mwh".into(),
        unit: "MWh".into(),
        reason: "the bound 61.9 MWh is above 61 MWh after all 2,560 episodes".into(),
        estimate: Some(60.4),
        interval: (Some(58.9), Some(61.9)),
        threshold: BTreeMap::from([("max".into(), 61.0)]),
        evidence: Vec::new(),
        line: Some(22),
        ..gate("losses", Verdict::Undecided)
    };
    let error = GateRecord {
        population: "storm".into(),
        claim: format!("the name {HOSTILE} does no harm"),
        reason: "no episode has a value,\nso nothing is known: 100%".into(),
        n: 0,
        missing: 40,
        evidence: Vec::new(),
        line: Some(27),
        ..gate("storm.voltage", Verdict::Error)
    };
    let skipped = GateRecord {
        population: "storm".into(),
        severity: Severity::Warn,
        kind: "quantile".into(),
        claim: "the 99 % quantile of latency.compute_ms is at most 10 ms".into(),
        metric: "latency.compute_ms".into(),
        unit: "ms".into(),
        reason: "no recorded latency file".into(),
        n: 0,
        threshold: BTreeMap::from([("q".into(), 0.99), ("max".into(), 10.0)]),
        evidence: Vec::new(),
        line: None,
        ..gate("latency", Verdict::Skipped)
    };
    let measured = |subject: &str, mean: f64| Measurement {
        metric: "losses_mwh".into(),
        unit: "MWh".into(),
        population: "outages".into(),
        subject: subject.into(),
        n: 2560,
        mean: Some(mean),
        interval: Some((mean - 1.5, mean + 1.5)),
        median: Some(mean - 0.2),
        p99: Some(mean + 12.0),
        max: None,
    };
    Evidence {
        schema: EVIDENCE_SCHEMA.into(),
        suite: "volt-var release".into(),
        seed: 20_261_121,
        verdict: Verdict::Error,
        reason: "1 required gate could not be evaluated: storm.voltage".into(),
        claim: "if any required gate's claim is false, the suite passes with probability at most 5 %".into(),
        candidate: CandidateRecord {
            name: HOSTILE.into(),
            version: "7".into(),
            digest: Digest::of("candidate"),
            adapter: "onnx".into(),
            mode: "closed_loop".into(),
            task: "volt_var".into(),
        },
        champion: None,
        other_champions: Vec::new(),
        engine: words(&[("name", "gridgate"), ("version", "0.1.0"), ("numeric", "strict")]),
        inputs: vec![
            InputRecord { role: "suite".into(), name: "volt var,1.toml".into(), digest: Digest::of("suite") },
            InputRecord { role: "grid".into(), name: "case118.m".into(), digest: Digest::of("grid") },
        ],
        settings: words(&[("step_s", "60"), ("steps", "30"), ("observe", "truth")]),
        populations: vec![
            PopulationRecord {
                id: "outages".into(),
                digest: population_digest((0..16).map(scenario).collect::<Vec<_>>().iter()),
                n: 16,
                size_max: 16,
                listed: false,
                hazards: text(&["line_trip: 1 or 2 lines", "load_swing: sigma 0.1"]),
                techniques: Vec::new(),
                outcomes: BTreeMap::from([
                    ("survived".into(), 13),
                    ("blackout".into(), 2),
                    ("candidate_failed".into(), 1),
                ]),
            },
            PopulationRecord { id: "storm".into(), digest: population_digest(&[]), ..Default::default() },
        ],
        gates: vec![pass, fail, undecided, error, skipped],
        measurements: vec![measured("candidate", 60.4), measured("do_nothing", 63.1)],
        files: BTreeMap::new(),
        covers: Covers {
            judged: text(&["steady-state voltage and flow, minute by minute"]),
            not_judged: text(&["angle and voltage dynamics below one second", "protection misoperation"]),
        },
        assumptions: text(&["loads draw constant power"]),
        variants: Some(variants()),
        fidelity: words(&[("solver", "Newton, full AC"), ("largest mismatch", "3.1e-9 pu")]),
        envelope: BTreeMap::from([("load share of the case".into(), (0.71, 1.32))]),
        limits: text(&["40 of 56 scenarios of the storm have no value"]),
        latency: None,
        supervision: Vec::new(),
        challenges: Vec::new(),
        tier: None,
        waivers: Vec::new(),
        verdict_as_waived: None,
    }
}

pub(crate) fn run() -> RunRecord {
    RunRecord {
        schema: RUN_SCHEMA.into(),
        evidence: Digest::of(canonical_json(&evidence()).unwrap()),
        elapsed_s: 12.5,
        threads: 8,
        episodes_per_s: 409.6,
        solves: 153_600,
        timings_ms: BTreeMap::from([("latency.compute_ms.p50".into(), 0.006)]),
        started: "2026-11-21T10:00:00Z".into(),
        clock_dependent: false,
        cached_episodes: 0,
        suite_path: None,
        today: None,
    }
}
