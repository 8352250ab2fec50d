//! The terminal summary: verdict first, plain text, 100 columns.

use crate::evidence::{Severity, Verdict};
use crate::report::{Gate, Report};
use crate::words;

const COLUMNS: usize = 100;

/// The summary, ended by a newline; `colour` adds ANSI colours, never information.
pub fn render(report: &Report, colour: bool) -> String {
    let mut page = Page { out: String::new(), colour };
    let headline = &report.headline;
    let mark = page.paint(headline.verdict, words::verdict(headline.verdict));
    page.wrapped(&format!("{mark}  "), words::verdict(headline.verdict).len() + 2, &headline.reason);
    if let Some(waived) = &headline.waived {
        page.wrapped("  ", 2, waived);
    }
    page.blank();
    let shown = || report.judged.iter().filter(|(name, _)| name != "Candidate digest");
    let width = shown().map(|(name, _)| name.chars().count()).fold("Candidate".len(), usize::max) + 1;
    for (name, text) in shown() {
        page.wrapped(&format!("{name:<width$}"), width, text);
    }
    if let Some(digest) = &report.evidence_digest {
        page.wrapped(&format!("{:<width$}", "Evidence"), width, &format!("sha256 {}", digest.sha256));
    }
    page.wrapped(&format!("{:<width$}", "Claim"), width, &headline.claim);
    page.heading("Gates");
    for gate in &report.gates {
        page.gate(gate);
    }
    if !report.scenarios.is_empty() {
        page.heading("Worst scenarios");
    }
    for scenario in &report.scenarios {
        let mut values: Vec<&str> = Vec::new();
        for (_, value) in &scenario.named_by {
            // Two gates on one metric say the same.
            if !values.contains(&value.as_str()) {
                values.push(value);
            }
        }
        let record = &scenario.record;
        let line = format!("{}: {}", record.outcome, values.join(", "));
        page.wrapped(&format!("  {}/{}  ", record.population, record.index), 6, &line);
        page.verbatim(&format!("      $ {}", words::one_line(&record.replay)));
    }
    let delays = super::latency::facts(&report.evidence);
    if !delays.is_empty() {
        page.heading("Delay between observation and action");
    }
    for (name, text) in &delays {
        page.wrapped(&format!("  {name:<22}"), 24, text);
    }
    let variants = super::variants::lines(&report.evidence);
    if !variants.is_empty() {
        page.heading("Other models of the world");
    }
    for (population, part) in super::variants::subsets(&report.evidence) {
        page.wrapped(&format!("  lived again of {population}: "), 4, &part);
    }
    for line in &variants {
        page.wrapped(&format!("  {:<24}", line.id), 26, &format!("{}: {}", line.changes, line.outcome));
    }
    page.list("Not judged", &report.evidence.covers.not_judged);
    page.list("Limits of this evidence", &report.evidence.limits);
    for (name, text) in report.run.iter().filter(|(name, _)| name == "Depends on the clock") {
        page.heading(name);
        page.wrapped("  ", 2, text);
    }
    page.out
}

struct Page {
    out: String,
    colour: bool,
}

impl Page {
    fn gate(&mut self, gate: &Gate) {
        let record = &gate.record;
        let mark = self.paint(record.verdict, words::symbol(record.verdict));
        let word =
            self.paint(record.verdict, &format!("{:<9}", words::verdict(record.verdict).to_lowercase()));
        let warn = if record.severity == Severity::Warn { " (warn only)" } else { "" };
        self.wrapped(&format!("  {mark} {word} "), 14, &format!("{}{warn}: {}", record.id, record.claim));
        let mut numbers = match (record.estimate, record.interval) {
            (None, (None, None)) => "no estimate".to_owned(),
            _ => format!("{} [{}]", words::estimate(record), words::interval(record)),
        };
        numbers.push_str(&format!(", n = {}", words::count(record.n)));
        if record.missing > 0 {
            numbers.push_str(&format!(", {} without a value", words::count(record.missing)));
        }
        if let Some(decided_at) = record.decided_at.filter(|at| *at < record.n) {
            numbers.push_str(&format!(", decided after {}", words::count(decided_at)));
        }
        self.wrapped(&" ".repeat(14), 14, &numbers);
        self.wrapped(&" ".repeat(14), 14, &record.reason);
        if let Some(waiver) = &gate.waiver {
            self.wrapped(&" ".repeat(14), 14, waiver);
        }
    }

    fn list(&mut self, name: &str, items: &[String]) {
        if !items.is_empty() {
            self.heading(name);
        }
        for item in items {
            self.wrapped("  - ", 4, item);
        }
    }

    fn heading(&mut self, text: &str) {
        self.blank();
        self.verbatim(text);
    }

    fn blank(&mut self) {
        self.out.push('\n');
    }

    fn verbatim(&mut self, line: &str) {
        self.out.push_str(&visible(line));
        self.out.push('\n');
    }

    /// `first` and then `text` in lines of at most 100 columns, later lines indented; a longer word keeps its line.
    fn wrapped(&mut self, first: &str, indent: usize, text: &str) {
        self.out.push_str(first);
        // Colour codes take no room.
        let mut column = printed_width(first);
        let mut fresh = true;
        for word in text.split_whitespace() {
            let word = visible(word);
            let width = word.chars().count();
            if !fresh && column + 1 + width > COLUMNS {
                self.out.push('\n');
                self.out.push_str(&" ".repeat(indent));
                (column, fresh) = (indent, true);
            }
            if !fresh {
                self.out.push(' ');
                column += 1;
            }
            self.out.push_str(&word);
            column += width;
            fresh = false;
        }
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        self.out.push('\n');
    }

    fn paint(&self, verdict: Verdict, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match verdict {
            Verdict::Pass => 32,
            Verdict::Fail | Verdict::Error => 31,
            Verdict::Undecided => 33,
            Verdict::Skipped => 90,
        };
        format!("\u{1b}[1;{code}m{text}\u{1b}[0m")
    }
}

/// Control characters as a box: a name cannot move the cursor or change the colour.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn printed_width(text: &str) -> usize {
    let mut width = 0;
    let mut inside_code = false;
    for character in text.chars() {
        match character {
            '\u{1b}' => inside_code = true,
            'm' if inside_code => inside_code = false,
            _ if inside_code => {}
            _ => width += 1,
        }
    }
    width
}
