//! A plan, for a terminal.

use crate::evidence::Severity;
use crate::plan::{PlannedGate, SuitePlan};
use crate::words;

/// What will run, then each gate with how it will end.
pub fn text(plan: &SuitePlan) -> String {
    let tier = plan.tier.as_ref().map_or_else(String::new, |tier| format!(", tier {tier}"));
    let mut out = format!(
        "{}{tier}: at most {} episodes and {} steps, by {}\n",
        words::one_line(&plan.suite),
        words::count(plan.episodes),
        words::count(plan.steps),
        plan.actors.join(", ")
    );
    if plan.stop == "decided" {
        out.push_str("ends at the first multiple of 256 episodes at which every required gate is decided\n");
    }
    if let Some(minutes) = plan.minutes {
        out.push_str(&format!(
            "begins no episode after {minutes} minutes; what the clock ended is never a pass\n"
        ));
    }
    if let Some(variants) = &plan.variants {
        out.push_str(&format!(
            "of these {} in {} other models of the world: {}\n",
            words::count(variants.episodes),
            variants.tried.len(),
            variants.tried.join(", ")
        ));
        for skipped in &variants.skipped {
            out.push_str(&format!("  {} is not tried: {}\n", skipped.id, skipped.why));
        }
    }
    if let Some(probe) = &plan.probe {
        out.push_str(&format!(
            "about {} on one thread of this machine ({} episodes took {})\n",
            words::time(probe.estimated_s),
            words::count(probe.episodes),
            words::time(probe.elapsed_s)
        ));
    }
    out.push_str("\nPopulations\n");
    for population in &plan.populations {
        out.push_str(&format!(
            "  {}: {} episodes of {} steps, {}: {}\n",
            population.id,
            words::count(population.episodes),
            population.steps,
            words::time(population.seconds),
            if population.hazards.is_empty() {
                "undisturbed".to_owned()
            } else {
                population.hazards.join("; ")
            }
        ));
    }
    out.push_str("\nGates\n");
    for gate in &plan.gates {
        gate_text(gate, &mut out);
    }
    out
}

fn gate_text(gate: &PlannedGate, out: &mut String) {
    let warn = if gate.severity == Severity::Warn { " (warn only)" } else { "" };
    out.push_str(&format!("  {}{warn}: {}\n", gate.id, gate.claim));
    if !gate.power.is_empty() {
        let head = ["if the truth is", "", "pass", "fail", "undecided", "half by"];
        out.push_str(&format!(
            "      {:<24} {:>9} {:>8} {:>8} {:>10} {:>9}\n",
            head[0], head[1], head[2], head[3], head[4], head[5]
        ));
    }
    for row in &gate.power {
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let half = row.median_episodes.map_or_else(|| "-".to_owned(), words::count);
        out.push_str(&format!(
            "      {:<24} {:>9} {:>8} {:>8} {:>10} {:>9}\n",
            row.if_truth_is,
            words::number(row.truth),
            percent(row.pass),
            percent(row.fail),
            percent(row.undecided),
            half
        ));
    }
    out.push_str(&format!("      {}\n", gate.note));
}
