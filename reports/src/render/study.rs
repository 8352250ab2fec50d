//! What storms do to a grid, for a terminal.

use crate::study::{Estimate, InterruptionRecord, LineRisk, PopulationRisk, Restoration, Risk, StormStudy};
use crate::words::{count, number, quantity};

pub use super::study_html::render as html;

/// Lines that are listed.
const LINES: usize = 12;
/// Storms that are listed.
const STORMS: usize = 5;

/// The answer first, then how often, which lines, how it comes back, and what the numbers rest on.
pub fn text(study: &StormStudy) -> String {
    let mut out = String::new();
    for population in &study.populations {
        out.push_str(&format!("{} on {}: {}\n", population.id, study.case, headline(population)));
        for law in &population.law {
            out.push_str(&format!("  {law}\n"));
        }
        out.push_str("\n  unserved energy of a storm\n");
        for (name, value) in figures(population) {
            out.push_str(&format!("    {name:<46} {value}\n"));
        }
        out.push_str("\n  more than MWh   probability      in a year\n");
        let curve = &population.lost.curve;
        for point in curve.iter().step_by((curve.len() / 8).max(1)) {
            let year = population
                .per_year
                .map_or_else(|| "-".to_owned(), |times| number(times * point.probability.value));
            let band = in_words(&point.probability, "");
            out.push_str(&format!("  {:>13}   {band:<26} {year}\n", number(point.mwh)));
        }
        if !population.lines.is_empty() {
            out.push_str(&format!(
                "\n  {:<22} {:>7} {:>12} {:>14} {:>12}  saved where it stands\n",
                "line", "storms", "probability", "MWh if lost", "even share"
            ));
        }
        for line in population.lines.iter().take(LINES) {
            out.push_str(&format!(
                "  {:<22} {:>7} {:>12} {:>14} {:>12}  {}\n",
                name(line),
                count(line.storms),
                number(line.probability.value),
                number(line.given_lost_mwh),
                number(line.even_share_mwh),
                saved(line)
            ));
        }
        if population.lines.len() > LINES {
            out.push_str(&format!("  and {} more: see --format json\n", population.lines.len() - LINES));
        }
        out.push_str("\n  how it comes back, the mean of all storms\n");
        for (what, unit, course) in courses(population) {
            out.push_str(&format!("    {what}: {}\n", trapezoid(course, unit)));
        }
        out.push_str("\n  worst storms\n");
        for storm in population.worst.iter().take(STORMS) {
            let lines = storm.lines.len();
            out.push_str(&format!(
                "    {}/{}: {}, {lines} lines lost, {}\n",
                population.id,
                storm.index,
                quantity(storm.unserved_mwh, "MWh"),
                storm.outcome.replace('_', " ")
            ));
        }
        out.push('\n');
    }
    for note in &study.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

/// The answer in a sentence.
pub(super) fn headline(population: &PopulationRisk) -> String {
    let risk = &population.lost;
    format!(
        "{} % of {} storms leave demand unserved, {} in the mean of all",
        number(100.0 * risk.loss_of_load.value),
        count(population.storms),
        quantity(risk.eens_mwh.value, "MWh")
    )
}

/// Names and values of the risk, counted both ways where the solver gave up.
pub(super) fn figures(population: &PopulationRisk) -> Vec<(String, String)> {
    let mut all = of_risk(&population.lost, "");
    if let Some(served) = &population.served {
        all.extend(of_risk(served, ", in doubt as served"));
    }
    all.extend(of_interruptions(&population.interruptions));
    if let Some(per_year) = population.per_year {
        all.push(("storms in a year".into(), number(per_year)));
    }
    all
}

fn of_risk(risk: &Risk, way: &str) -> Vec<(String, String)> {
    let mut all = vec![(format!("expected energy not served{way}"), in_words(&risk.eens_mwh, "MWh"))];
    if let Some(year) = &risk.eens_mwh_per_year {
        all.push((format!("the same of a year{way}"), in_words(year, "MWh")));
    }
    all.push((format!("probability of any{way}"), in_words(&risk.loss_of_load, "")));
    for tail in &risk.tails {
        let q = number(100.0 * tail.q);
        all.push((format!("value at risk at {q} %{way}"), in_words(&tail.var_mwh, "MWh")));
        all.push((format!("conditional value at risk at {q} %{way}"), in_words(&tail.cvar_mwh, "MWh")));
    }
    all
}

fn of_interruptions(record: &InterruptionRecord) -> Vec<(String, String)> {
    let assumed = if record.assumed { " (assumed)" } else { "" };
    let mut all = vec![
        ("customers".to_owned(), format!("{}{assumed}", number(record.customers))),
        ("SAIFI".to_owned(), number(record.saifi)),
        ("SAIDI".to_owned(), quantity(record.saidi_min, "min")),
        ("MAIFI".to_owned(), number(record.maifi)),
    ];
    if let Some(caidi_min) = record.caidi_min {
        all.push(("CAIDI".to_owned(), quantity(caidi_min, "min")));
    }
    all
}

/// `12 MWh (10 to 14)`; an end that nobody knows is a question mark.
pub(super) fn in_words(estimate: &Estimate, unit: &str) -> String {
    let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), number);
    format!("{} ({} to {})", quantity(estimate.value, unit), end(estimate.low), end(estimate.high))
}

/// A line as people name it.
pub(super) fn name(line: &LineRisk) -> String {
    format!("branch {} ({}-{})", line.row, line.from, line.to)
}

/// What would be saved if a line stood.
pub(super) fn saved(line: &LineRisk) -> String {
    line.hardened.as_ref().map_or_else(|| "-".to_owned(), |hardened| in_words(&hardened.saved_mwh, "MWh"))
}

/// The courses of a population: what, in which unit.
pub(super) fn courses(population: &PopulationRisk) -> [(&'static str, &'static str, &Restoration); 2] {
    [
        ("demand served", "MW", &population.demand_served),
        ("branches in service", "branches", &population.branches),
    ]
}

/// A trapezoid in a sentence.
pub(super) fn trapezoid(course: &Restoration, unit: &str) -> String {
    let shape = &course.trapezoid;
    if shape.depth <= 0.0 {
        return "never falls".into();
    }
    let speed = |speed: Option<f64>| {
        speed.map_or_else(|| "all at once, or not at all".to_owned(), |s| quantity(s, &format!("{unit}/h")))
    };
    format!(
        "falls by {} ({}), is lowest for {}, recovers by {}; {} lost",
        quantity(shape.depth, unit),
        speed(shape.fall_per_h),
        quantity(shape.low_h, "h"),
        speed(shape.recovery_per_h),
        quantity(shape.lost_h, &format!("{unit} h"))
    )
}
