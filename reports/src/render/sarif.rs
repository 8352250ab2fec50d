//! SARIF 2.1.0: one rule per gate, one result per gate that did not pass, at its line of the suite file.
//!
//! Source: OASIS, Static Analysis Results Interchange Format 2.1.0, sections 3.13 to 3.49.

use serde::Serialize;

use crate::document::canonical_json;
use crate::problem::Problem;
use crate::report::{Gate, Level, Report};
use crate::words;

/// The document.
///
/// # Errors
/// As [`canonical_json`].
pub fn render(report: &Report) -> Result<Vec<u8>, Problem> {
    let uri = report.suite_file.as_deref().map(uri);
    let failing = report.gates.iter().enumerate().filter(|(_, gate)| gate.level != Level::None);
    canonical_json(&Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "gridgate",
                    version: report.evidence.engine.get("version").map(String::as_str),
                    rules: report.gates.iter().map(rule).collect(),
                },
            },
            automation_details: Automation { id: format!("gridgate/{}/", report.evidence.suite) },
            results: failing
                .map(|(row, gate)| result(row, gate, &report.evidence.candidate.name, uri.as_deref()))
                .collect(),
            properties: RunProperties {
                verdict: words::verdict_id(report.headline.verdict),
                reason: &report.headline.reason,
                evidence_sha256: report.evidence_digest.as_ref().map(|digest| digest.sha256.as_str()),
            },
        }],
    })
}

fn rule(gate: &Gate) -> Rule<'_> {
    Rule {
        id: &gate.record.id,
        short_description: Text { text: gate.record.claim.clone() },
        default_configuration: Configuration {
            level: match gate.record.severity {
                crate::evidence::Severity::Required => "error",
                crate::evidence::Severity::Warn => "warning",
            },
        },
    }
}

fn result<'a>(row: usize, gate: &'a Gate, candidate: &str, uri: Option<&'a str>) -> Outcome<'a> {
    let record = &gate.record;
    let level = match gate.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
        Level::None => "none",
    };
    let text = format!("{}: {}. Claim: {}.", words::verdict_id(record.verdict), record.reason, record.claim);
    Outcome {
        rule_id: &record.id,
        rule_index: row,
        level,
        message: Text { text },
        locations: uri
            .map(|uri| Location {
                physical_location: Physical {
                    artifact_location: Artifact { uri },
                    region: record.line.map(|start_line| Region { start_line }),
                },
            })
            .into_iter()
            .collect(),
        // SARIF 2.1.0, 3.35: who accepted the finding, and why; viewers show it as dismissed and not as gone.
        suppressions: gate
            .waiver
            .iter()
            .filter(|_| gate.waived)
            .map(|justification| Suppression { kind: "external", status: "accepted", justification })
            .collect(),
        partial_fingerprints: Fingerprints { gate_candidate: format!("{}/{candidate}", record.id) },
        properties: OutcomeProperties {
            n: record.n,
            missing: record.missing,
            estimate: record.estimate,
            interval: record.interval,
            replay: record.worst.iter().map(|worst| worst.replay.as_str()).collect(),
        },
    }
}

/// A relative path as a URI reference (RFC 3986, section 3.3: what is no path character is percent-encoded).
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    automation_details: Automation,
    results: Vec<Outcome<'a>>,
    properties: RunProperties<'a>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
struct Driver<'a> {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    id: &'a str,
    short_description: Text,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Automation {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression<'a>>,
    partial_fingerprints: Fingerprints,
    properties: OutcomeProperties<'a>,
}

#[derive(Serialize)]
struct Suppression<'a> {
    kind: &'static str,
    status: &'static str,
    justification: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: Physical<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical<'a> {
    artifact_location: Artifact<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct Artifact<'a> {
    uri: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

/// Gate and candidate name, without the version: an alert persists over versions of a candidate.
#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "gateCandidate/v1")]
    gate_candidate: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunProperties<'a> {
    verdict: &'static str,
    reason: &'a str,
    evidence_sha256: Option<&'a str>,
}

#[derive(Serialize)]
struct OutcomeProperties<'a> {
    n: u64,
    missing: u64,
    estimate: Option<f64>,
    interval: (Option<f64>, Option<f64>),
    replay: Vec<&'a str>,
}
