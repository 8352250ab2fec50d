//! JUnit XML: one test suite per population, one test case per gate. No times: the same evidence gives the same bytes.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::evidence::{Severity, Verdict};
use crate::problem::Problem;
use crate::report::{Gate, Report};
use crate::words;

/// The XML document.
///
/// # Errors
/// `render.junit` where the XML writer refuses.
pub fn render(report: &Report) -> Result<String, Problem> {
    let suite_name = &report.evidence.suite;
    let mut document = quick_junit::Report::new(suite_name.as_str());
    let mut populations: Vec<&str> = report.populations.iter().map(|p| p.id.as_str()).collect();
    // A gate that reads no simulated population still has to appear.
    for gate in &report.gates {
        if !populations.contains(&gate.record.population.as_str()) {
            populations.push(&gate.record.population);
        }
    }
    for population in populations {
        let mut suite = TestSuite::new(population);
        for gate in report.gates.iter().filter(|gate| gate.record.population == population) {
            suite.add_test_case(case(suite_name, gate));
        }
        document.add_test_suite(suite);
    }
    document.to_string().map_err(|error| Problem::new("render.junit", error.to_string()))
}

fn case(suite: &str, shown: &Gate) -> TestCase {
    let gate = &shown.record;
    let mut status = match (gate.severity, gate.verdict) {
        (_, Verdict::Pass) => TestCaseStatus::success(),
        (_, Verdict::Fail) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        (Severity::Warn, Verdict::Skipped) => TestCaseStatus::skipped(),
        // A required gate that was skipped counts as an error; "skipped" is green in every test viewer.
        (_, Verdict::Undecided | Verdict::Error | Verdict::Skipped) => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    if gate.verdict != Verdict::Pass {
        status.set_type(words::verdict_id(gate.verdict));
        let waived = if shown.waived { ", waived" } else { "" };
        let verdict = words::verdict_id(gate.verdict);
        status.set_message(format!("{verdict}{waived}: {}", words::one_line(&gate.reason)));
        let replays: Vec<&str> = gate.worst.iter().map(|worst| worst.replay.as_str()).collect();
        let waiver: Vec<&str> = shown.waiver.iter().map(String::as_str).collect();
        status.set_description([&[gate.claim.as_str()], &waiver[..], &replays].concat().join("\n"));
    }
    let mut case = TestCase::new(gate.id.as_str(), status);
    case.set_classname(suite);
    let exact = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
    for (name, value) in [
        ("severity", words::severity(gate.severity).to_owned()),
        ("verdict", words::verdict_id(gate.verdict).to_owned()),
        ("n", gate.n.to_string()),
        ("missing", gate.missing.to_string()),
        ("estimate", exact(gate.estimate)),
        ("interval.low", exact(gate.interval.0)),
        ("interval.high", exact(gate.interval.1)),
        ("alpha", gate.alpha.to_string()),
        ("method", gate.method.clone()),
        ("decided_at", gate.decided_at.map_or_else(|| "none".to_owned(), |n| n.to_string())),
    ] {
        case.add_property((name, value.as_str()));
    }
    if let Some(waiver) = &shown.waiver {
        case.add_property(("waiver", words::one_line(waiver).as_str()));
    }
    case
}
