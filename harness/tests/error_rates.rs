//! The gates as suites use them, on candidates that are exactly at their limits: passing one is the error that alpha bounds.
//!
//! At the limit both "unsafe" and "safe" are as true as each other, so failing such a candidate is bounded alike. Sequential
//! gates look after every episode by themselves.

use std::path::Path;

use harness::gate::{Frame, Gate, Judgement, Sample, Verdict, suite_verdict};
use harness::suite::Suite;
use scenarios::{Seed, Stream, streams};

/// Suites that are simulated: gates.md 3.3 asks for 4,000.
const SUITES: u64 = 4000;

/// A suite of these gates on one population.
fn suite(claim: &str, gates: &[&str]) -> Suite {
    let mut text = format!(
        "schema = 'gridgate/suite/1'\nname = 'errors'\nseed = 1\ngrid = 'case.m'\nclaim = '{claim}'\n\
         [loop]\ntask = 'volt_var'\nstep_s = 60\nsteps = 30\n\
         [[population]]\nid = 'p'\nhazards = [{{ kind = 'line_trip' }}]\nsize_max = 1024\n"
    );
    for (at, gate) in gates.iter().enumerate() {
        text.push_str(&format!("[[gate]]\nid = 'g{at}'\npopulation = 'p'\nmetric = 'blackout'\n{gate}\n"));
    }
    Suite::from_text(&text, Path::new("s.toml")).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn draws(name: &str, index: u64) -> Stream {
    streams(Seed(20_261_121), "errors", index).named(name)
}

fn happens(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// Episodes that are bad with this probability.
fn bad(n: usize, p: f64, stream: &mut Stream) -> Sample {
    let candidate = (0..n).map(|_| Some(happens(stream.uniform() < p))).collect();
    Sample { candidate, ..Sample::default() }
}

/// Three standard errors above alpha.
fn bound(alpha: f64, repetitions: u64) -> f64 {
    alpha + 3.0 * (alpha * (1.0 - alpha) / repetitions as f64).sqrt()
}

// gates.md 3.3: the share of unsafe candidates that pass stays below alpha + 3 standard errors over 4,000 suites, and that of
// the rule that looks at a fixed-sample gate time and again visibly does not.
#[test]
fn a_suite_passes_few_candidates_at_its_limit_and_the_naive_rule_many() {
    let (alpha, limit, n) = (0.05, 0.05, 1024);
    let sequential = suite("suite", &["kind = 'rate'\nmax = 0.05"]);
    let fixed = suite("suite", &["kind = 'rate'\nmax = 0.05\nmethod = 'fixed'"]);
    assert_eq!((sequential.alpha, fixed.gate_alpha()), (alpha, alpha));
    let verdict = |suite: &Suite, sample: &Sample| {
        let gate = &suite.gates[0];
        suite_verdict(&[(gate.severity, gate.gate.judge(sample, suite.gate_alpha()).verdict)])
    };
    // The fixed gate knows of an order nothing, so each (episodes, bad ones) is asked once. It is looked at every 8 episodes.
    let mut answers = vec![None; (n / 8 + 1) * (n + 1)];
    let mut naive = |values: &[Option<f64>]| {
        let mut k = 0;
        (1..=n).any(|looked| {
            k += usize::from(values[looked - 1] == Some(1.0));
            looked % 8 == 0 && {
                let passes = || {
                    let candidate = (0..looked).map(|i| Some(happens(i < k))).collect();
                    verdict(&fixed, &Sample { candidate, ..Sample::default() }) == Verdict::Pass
                };
                *answers[looked / 8 * (n + 1) + k].get_or_insert_with(passes)
            }
        })
    };
    let (mut passed, mut failed, mut naively) = (0, 0, 0);
    for index in 0..SUITES {
        let sample = bad(n, limit, &mut draws("limit", index));
        match verdict(&sequential, &sample) {
            Verdict::Pass => passed += 1,
            Verdict::Fail => failed += 1,
            _ => {}
        }
        naively += u64::from(naive(&sample.candidate));
    }
    let share = |count: u64| count as f64 / SUITES as f64;
    assert!(share(passed) < bound(alpha, SUITES), "{} pass", share(passed));
    assert!(share(failed) < bound(alpha, SUITES), "{} fail", share(failed));
    assert!(share(passed) > 0.01, "the rule does pass someone");
    assert!(share(naively) > 0.15, "{} pass the naive rule", share(naively));
}

/// A claim of each gate by itself: with probability 1 - alpha none passes that should not, whatever its method.
#[test]
fn per_gate_claims_hold_together() {
    let (alpha, n, repetitions) = (0.05, 512, 1500);
    let (anytime, fixed) = ("kind = 'rate'\nmax = 0.1", "kind = 'rate'\nmax = 0.1\nmethod = 'fixed'");
    let suite = suite("per_gate", &[anytime, fixed, anytime, fixed]);
    let gates: Vec<&dyn Gate> = suite.gates.iter().take(4).map(|gate| &*gate.gate).collect();
    let (mut wrong, mut alone) = (0, 0);
    for index in 0..repetitions {
        let samples: Vec<Sample> =
            (0..4).map(|at| bad(n, 0.1, &mut draws(&format!("gate{at}"), index))).collect();
        let judged = |levels: &[f64]| -> Vec<Judgement> {
            gates
                .iter()
                .zip(&samples)
                .zip(levels)
                .map(|((gate, sample), level)| gate.judge(sample, *level))
                .collect()
        };
        let p_values: Vec<Option<f64>> =
            judged(&[suite.gate_alpha(); 4]).into_iter().map(|judgement| judgement.p_value).collect();
        assert!(p_values[0].is_none() && p_values[1].is_some());
        let any = |levels: &[f64]| judged(levels).iter().any(|judgement| judgement.verdict == Verdict::Pass);
        wrong += u64::from(any(&suite.levels(&p_values)));
        alone += u64::from(any(&[alpha; 4]));
    }
    let share = |count: u64| count as f64 / repetitions as f64;
    assert!(share(wrong) < bound(alpha, repetitions), "{}", share(wrong));
    assert!(
        share(alone) > bound(alpha, repetitions),
        "{}: without shares of alpha there is too much luck",
        share(alone)
    );
}

/// What one episode is: the candidate's value and the champion's, by two uniform numbers.
type Episode = fn(f64, f64) -> (f64, f64);

#[test]
fn every_kind_that_infers_errs_rarely_at_its_limit() {
    let (alpha, n, repetitions) = (0.1, 256, 800_u64);
    // A tail of u^2 above its 80 % quantile has the mean (1 - 0.8^3) / (3 x 0.2), by integration.
    let cvar = format!("kind = 'cvar'\nq = 0.8\nmax = {}\nrange = [0, 1]", (1.0 - 0.512) / 0.6);
    let kinds: [(&str, Episode); 13] = [
        ("kind = 'rate'\nmax = 0.2", |u, _| (happens(u < 0.2), 0.0)),
        ("kind = 'rate'\nmax = 0.2\nunder = 0.2\nmethod = 'fixed'", |u, _| (u, 0.0)),
        ("kind = 'quantile'\nq = 0.8\nmax = 0.8", |u, _| (u, 0.0)),
        ("kind = 'quantile'\nq = 0.8\nmax = 0.8\nmethod = 'fixed'", |u, _| (u, 0.0)),
        ("kind = 'mean'\nmax = 0.25\nrange = [0, 1]", |u, _| (u.powi(3), 0.0)),
        (&cvar, |u, _| (u * u, 0.0)),
        ("kind = 'count'\nmax = 1\ncap = 4\nper = 'hour'", |u, _| (2.0 * happens(u < 0.25), 0.0)),
        ("kind = 'coverage'\nlevel = 0.8", |u, _| (happens(u < 0.8), 0.0)),
        ("kind = 'noninferiority'\nmargin_abs = 0.1", |u, v| (happens(u < 0.3), happens(v < 0.2))),
        ("kind = 'noninferiority'\nmargin_rel = 0.5\nbetter = 'higher'", |u, v| {
            (happens(u < 0.2), happens(v < 0.4))
        }),
        ("kind = 'superiority'", |u, v| (happens(u < 0.2), happens(v < 0.2))),
        ("kind = 'superiority'\nmethod = 'fixed'", |u, v| (happens(u < 0.2), happens(v < 0.2))),
        ("kind = 'equivalence'\nmargin_abs = 0.2", |u, v| (happens(u < 0.4), happens(v < 0.2))),
    ];
    for (text, episode) in kinds {
        let suite = suite("suite", &[text]);
        let gate = &suite.gates[0].gate;
        let (mut passed, mut failed) = (0_u64, 0_u64);
        for index in 0..repetitions {
            let mut stream = draws("kinds", index);
            let pairs = (0..n).map(|_| episode(stream.uniform(), stream.uniform()));
            let (candidate, champion): (Vec<_>, Vec<_>) = pairs.map(|(a, b)| (Some(a), Some(b))).unzip();
            let frame = Frame { hours: 0.5, ..Frame::default() };
            let judged = gate.judge(&Sample { candidate, champion: Some(champion), frame }, alpha);
            assert_ne!(judged.verdict, Verdict::Error, "{text}: {}", judged.reason);
            passed += u64::from(judged.verdict == Verdict::Pass);
            failed += u64::from(judged.verdict == Verdict::Fail);
        }
        for (count, what) in [(passed, "pass"), (failed, "fail")] {
            let share = count as f64 / repetitions as f64;
            assert!(share < bound(alpha, repetitions), "{text}: {share} {what}");
        }
    }
}
