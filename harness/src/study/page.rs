//! A solution as a page for a person: the answer first, then the extremes.

use std::fmt;

use powerflow::EvidenceKind;

use super::SolutionDocument;

/// Buses at a reactive limit that the page lists.
const LISTED: usize = 12;

impl fmt::Display for SolutionDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status == "solved" {
            writeln!(
                f,
                "{}: solved in {} iterations ({}), largest mismatch {:.1e} pu",
                self.case,
                self.iterations,
                self.rung.as_deref().unwrap_or("newton"),
                self.mismatch_pu
            )?;
            let generation: f64 = self.generators.iter().map(|g| g.p_mw).sum();
            let losses = self.losses_mw.unwrap_or_default();
            writeln!(f, "generation {generation:.3} MW, losses {losses:.3} MW")?;
            let mut by_voltage: Vec<(f64, u64)> =
                self.buses.iter().filter_map(|b| b.vm_pu.map(|vm| (vm, b.id))).collect();
            by_voltage.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            if let (Some(low), Some(high)) = (by_voltage.first(), by_voltage.last()) {
                writeln!(
                    f,
                    "voltages {:.4} pu at bus {} to {:.4} pu at bus {}",
                    low.0, low.1, high.0, high.1
                )?;
            }
            if !self.at_reactive_limit.is_empty() {
                let shown: Vec<String> =
                    self.at_reactive_limit.iter().take(LISTED).map(u64::to_string).collect();
                let more = self.at_reactive_limit.len().saturating_sub(LISTED);
                writeln!(
                    f,
                    "at a reactive limit: {} buses ({}{})",
                    self.at_reactive_limit.len(),
                    shown.join(", "),
                    if more > 0 { format!(" and {more} more") } else { String::new() }
                )?;
            }
            for (what, label) in [
                ("tap", "taps moved"),
                ("shunt", "shunts switched"),
                ("set_point", "set-points moved"),
                ("schedule", "schedules moved"),
            ] {
                let rows: Vec<_> = self.moved.iter().filter(|m| m.what == what).collect();
                if rows.is_empty() {
                    continue;
                }
                let name = |m: &&super::MovedRow| match m.to_bus {
                    Some(to_bus) => format!("{}-{to_bus} {:.4} to {:.4}", m.bus, m.from, m.to),
                    None => format!("bus {} {:.4} to {:.4}", m.bus, m.from, m.to),
                };
                let shown: Vec<String> = rows.iter().take(LISTED).map(name).collect();
                let more = rows.len().saturating_sub(LISTED);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                writeln!(f, "{label}: {} ({}{more})", rows.len(), shown.join(", "))?;
            }
            for left in self.left.iter().take(LISTED) {
                let why = match left.why {
                    "end_of_range" => "is at the end of its range",
                    "no_position" => "has no position that keeps its band",
                    "no_effect" => "was left: it hardly moves the voltage that it is to keep",
                    "no_solution" => "was left: with its next move there is no solution",
                    _ => "was left when the passes were used up",
                };
                writeln!(f, "not content: {} {} at bus {} {why}", left.what, left.row, left.bus)?;
            }
            if self.left.len() > LISTED {
                writeln!(f, "not content: and {} more", self.left.len() - LISTED)?;
            }
        } else {
            writeln!(f, "{}: no solution", self.case)?;
            if let Some(share) = self.largest_solvable_share {
                writeln!(f, "largest share of demand and schedules with a solution: {:.1} %", 100.0 * share)?;
            }
            for kind in [EvidenceKind::NoSolution, EvidenceKind::GaveUp, EvidenceKind::OddData] {
                let mut of_kind = self.evidence.iter().filter(|evidence| evidence.kind == kind).peekable();
                if of_kind.peek().is_some() {
                    writeln!(f, "\n{}", speaks_for(kind))?;
                }
                for evidence in of_kind {
                    writeln!(f, "  - {}", evidence.message)?;
                }
            }
        }
        for diagnostic in &self.diagnostics {
            writeln!(f, "\n{diagnostic}")?;
        }
        Ok(())
    }
}

/// The heading of the evidence of a kind.
fn speaks_for(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::NoSolution => "speaks for: there is no solution",
        EvidenceKind::GaveUp => "speaks for: the solver gave up, and there may be one",
        EvidenceKind::OddData => "speaks for: the data is odd, look there first",
    }
}
