//! GitHub: the step summary, and the annotations that point at lines of the suite file.

use crate::evidence::Verdict;
use crate::report::{Gate, Level, Report};
use crate::words;

/// GitHub refuses a step summary of 1 MiB or more: all that the steps of a job write into the file together.
pub const SUMMARY_BYTES: usize = 1 << 20;
/// Room for the line that says what was left out, bytes.
const LAST_LINE: usize = 200;
/// GitHub shows at most ten annotations of a kind for a step.
const ANNOTATIONS: usize = 10;

/// The step summary, always under 1 MiB: what does not fit is counted in the last line.
pub fn render(report: &Report) -> String {
    render_within(report, SUMMARY_BYTES)
}

/// The same in less than `bytes`, where something else has taken its share of the page already. Empty where not even the verdict fits.
pub fn render_within(report: &Report, bytes: usize) -> String {
    let headline = &report.headline;
    let mut head = format!(
        "## {} {}: {}\n\n{}\n\n",
        emblem(headline.verdict),
        words::verdict(headline.verdict),
        cell(&report.evidence.suite),
        cell(&headline.reason)
    );
    if let Some(waived) = &headline.waived {
        head.push_str(&format!("{}\n\n", cell(waived)));
    }
    for (name, text) in &report.judged {
        head.push_str(&format!("- **{}**: {}\n", cell(name), cell(text)));
    }
    if let Some(digest) = &report.evidence_digest {
        head.push_str(&format!("- **Evidence**: sha256 `{}`\n", digest.sha256));
    }
    head.push_str(&format!("- **Claim**: {}\n\n", cell(&headline.claim)));

    if head.len() + LAST_LINE > bytes {
        return String::new();
    }
    let mut page = Limited { out: head, bytes, left_out: 0 };
    page.push(
        "### Gates\n\n| | Gate | Claim | Estimate | Interval | n | Why |\n|---|---|---|---|---|---|---|\n",
    );
    for gate in &report.gates {
        page.push(&row(gate));
    }
    if !report.scenarios.is_empty() {
        page.push("\n### Worst scenarios\n\n| Scenario | Ended | Values | Replay |\n|---|---|---|---|\n");
    }
    for scenario in &report.scenarios {
        let values: Vec<String> =
            scenario.named_by.iter().map(|(gate, value)| format!("{gate}: {value}")).collect();
        let record = &scenario.record;
        page.push(&format!(
            "| {} | {} | {} | {} |\n",
            cell(&format!("{}/{}", record.population, record.index)),
            cell(&record.outcome),
            cell(&values.join("; ")),
            code(&record.replay)
        ));
    }
    let variants = super::variants::lines(&report.evidence);
    if !variants.is_empty() {
        page.push(
            "\n### Other models of the world\n\n| Variant | What it changes | Verdicts |\n|---|---|---|\n",
        );
    }
    for line in variants {
        page.push(&format!("| {} | {} | {} |\n", cell(&line.id), cell(&line.changes), cell(&line.outcome)));
    }
    page.list("Not judged", &report.evidence.covers.not_judged);
    page.list("Limits of this evidence", &report.evidence.limits);
    page.finish()
}

/// The annotation lines of a GitHub workflow, loudest first: for each gate that did not pass
/// `::error file=..,line=..,title=..::text`, at most ten of a kind; when there are more, the tenth says how many.
pub fn annotations(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (level, command) in [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "notice")] {
        let gates: Vec<&Gate> = report.gates.iter().filter(|gate| loudness(gate) == level).collect();
        let shown = if gates.len() > ANNOTATIONS { ANNOTATIONS - 1 } else { gates.len() };
        for gate in &gates[..shown] {
            let record = &gate.record;
            let mut properties = Vec::new();
            if let Some(suite) = &report.suite_file {
                properties.push(format!("file={}", property(suite)));
                properties.extend(record.line.map(|line| format!("line={line}")));
            }
            let verdict = words::verdict_id(record.verdict);
            properties.push(format!("title={}", property(&format!("gate {} {verdict}", record.id))));
            let mut text = format!("{}: {}", record.claim, record.reason);
            if let Some(waiver) = &gate.waiver {
                text.push_str(&format!("\n{waiver}"));
            }
            lines.push(format!("::{command} {}::{}", properties.join(","), data(&text)));
        }
        if shown < gates.len() {
            let rest: Vec<&str> = gates[shown..].iter().map(|gate| gate.record.id.as_str()).collect();
            let text = format!("{} more gates: {}", rest.len(), rest.join(", "));
            lines.push(format!("::{command} title=more gates::{}", data(&text)));
        }
    }
    lines
}

/// How loudly to annotate a gate: a failure that somebody answers for is told, and stops nobody.
fn loudness(gate: &Gate) -> Level {
    if gate.waived { Level::Warning } else { gate.level }
}

fn row(gate: &Gate) -> String {
    let record = &gate.record;
    let mut why = cell(&record.reason);
    if let Some(waiver) = &gate.waiver {
        why.push_str(&format!(". {}", cell(waiver)));
    }
    if record.missing > 0 {
        why.push_str(&format!(" ({} without a value)", words::count(record.missing)));
    }
    format!(
        "| {} {} | {} ({}) | {} | {} | {} | {} | {why} |\n",
        emblem(record.verdict),
        if gate.waived { "fail, waived" } else { words::verdict_id(record.verdict) },
        cell(&record.id),
        words::severity(record.severity),
        cell(&record.claim),
        cell(&words::estimate(record)),
        cell(&words::interval(record)),
        words::count(record.n),
    )
}

/// A page that stops growing before GitHub refuses it.
struct Limited {
    out: String,
    bytes: usize,
    left_out: usize,
}

impl Limited {
    fn push(&mut self, text: &str) {
        if self.left_out > 0 || self.out.len() + text.len() > self.bytes - LAST_LINE {
            self.left_out += 1;
        } else {
            self.out.push_str(text);
        }
    }

    fn list(&mut self, name: &str, items: &[String]) {
        if !items.is_empty() {
            self.push(&format!("\n### {name}\n\n"));
        }
        for item in items {
            self.push(&format!("- {}\n", cell(item)));
        }
    }

    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let line =
                format!("\n{} more lines did not fit here; report.html has them all.\n", self.left_out);
            self.out.push_str(&line);
        }
        self.out
    }
}

/// A square of colour beside the word.
fn emblem(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "\u{1f7e9}",
        Verdict::Fail | Verdict::Error => "\u{1f7e5}",
        Verdict::Undecided => "\u{1f7e8}",
        Verdict::Skipped => "\u{2b1c}",
    }
}

/// Text as Markdown shows it literally, on one line.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in words::one_line(text).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // `@` would call somebody, `#` name an issue.
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => out.extend(['\\', character]),
            other => out.push(other),
        }
    }
    out
}

/// A command, verbatim, in a table cell.
fn code(text: &str) -> String {
    // HTML, because a table cell cannot hold `|` between backticks.
    let text = words::escape_xml(&words::one_line(text));
    format!("<code>{}</code>", text.replace('|', "&#124;"))
}

/// The text of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
