//! What a search found, and what it estimates, for a terminal.

use crate::hunt::{EstimateRecord, FoundRecord, HuntStudy};
use crate::words::{count, number};

/// Sets that are listed.
const SHOWN: usize = 40;

/// The answer first, then every set that was found, then what was estimated, then what it took.
pub fn text(study: &HuntStudy) -> String {
    let who = study.candidate.as_ref().map_or_else(String::new, |who| format!(", {}", who.name));
    let mut out = format!("{}{who}: {}\n", study.name, study.headline());
    if let Some(population) = &study.population {
        out.push_str(&format!("population {population}; {}\n", study.failure));
    } else {
        out.push_str(&format!("{}\n", study.failure));
    }
    if !study.found.is_empty() {
        out.push_str("\nfound\n");
    }
    for (at, found) in study.found.iter().take(SHOWN).enumerate() {
        out.push_str(&one(at + 1, found));
    }
    if study.found.len() > SHOWN {
        out.push_str(&format!("     and {} more: see --format json\n", study.found.len() - SHOWN));
    }
    if !study.estimated.is_empty() {
        out.push_str("\nestimated\n");
    }
    for estimate in &study.estimated {
        out.push_str(&estimated(estimate));
    }
    let effort = &study.effort;
    out.push_str(&format!(
        "\n{} of {} tried, {} in doubt",
        count(effort.trials),
        count(effort.budget),
        count(effort.doubtful)
    ));
    if effort.starts > 0 {
        out.push_str(&format!(
            "; {} starts on {} elements, {} of them harmless, {} ended with more losses than are kept",
            count(effort.starts),
            count(effort.elements),
            count(effort.harmless),
            count(effort.larger)
        ));
    }
    if effort.outside > 0 {
        out.push_str(&format!(
            "; {} found sets left out, which the population never draws",
            count(effort.outside)
        ));
    }
    out.push('\n');
    out.push_str(&format!("method: {}, seed {}\n", study.method, study.seed));
    for (name, value) in &study.settings {
        out.push_str(&format!("{name}: {value}\n"));
    }
    for note in &study.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

fn one(at: usize, found: &FoundRecord) -> String {
    let mut line = format!("{at:>4} {}\n     {}: {}", found.in_words(), found.outcome, found.why);
    match found.without_candidate.as_deref() {
        Some("harmless") => line.push_str("; without the candidate it is harmless"),
        Some("fails") => line.push_str("; without the candidate it fails too"),
        Some(_) => line.push_str("; without the candidate it is in doubt"),
        None => {}
    }
    line.push_str("\n     ");
    line.push_str(if found.minimal { "minimal" } else { "not known to be minimal" });
    if let Some(probability) = found.probability {
        line.push_str(&format!(", in {} of the population's scenarios", share(probability)));
    }
    let times = if found.times == 1 { "once".to_owned() } else { format!("{} times", count(found.times)) };
    line.push_str(&format!(", come upon {times}"));
    if let Some(background) = found.background {
        line.push_str(&format!(", demand and dates of scenario {background}"));
    }
    if let Some(regression) = found.regression {
        line.push_str(&format!(", regression {regression}"));
    }
    line.push('\n');
    line
}

/// A share in percent, or as one in so many where percents would be hard to read.
fn share(share: f64) -> String {
    if share > 0.0 && share < 1e-4 {
        format!("1 in {}", number(1.0 / share))
    } else {
        format!("{} %", number(100.0 * share))
    }
}

fn estimated(estimate: &EstimateRecord) -> String {
    let interval = match estimate.interval {
        Some((low, high)) => {
            format!(", {} to {} at {} %", number(low), number(high), number(100.0 * estimate.level))
        }
        None => ", no interval known".to_owned(),
    };
    let mut line = format!(
        "     {}: {}{interval} ({}, {} hits in {})\n",
        estimate.what,
        number(estimate.value),
        estimate.method,
        count(estimate.hits),
        count(estimate.samples)
    );
    for note in &estimate.notes {
        line.push_str(&format!("     note: {note}\n"));
    }
    line
}
