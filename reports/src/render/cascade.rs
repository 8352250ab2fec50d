//! What an outage set off, for a terminal.

use std::collections::BTreeMap;

use crate::cascade::{CascadeStudy, ElementKind, TripRecord};

pub use super::cascade_html::render as html;

/// Lines of events.
const SHOWN: usize = 200;
/// Elements that a line names.
const NAMED: usize = 5;
/// Islands that are listed.
const ISLANDS_SHOWN: usize = 12;

/// The answer first, then what went, when and why, then what is left.
pub fn text(study: &CascadeStudy) -> String {
    let mut out = format!("{} ({}): {}\n", study.case, study.engine, study.headline());
    if let Some(warning) = study.base_warning() {
        out.push_str(&format!("warning: {warning}\n"));
    }
    if let Some(why) = &study.stopped {
        out.push_str(&format!("stopped: {why}\n"));
    }
    if study.numerically_doubtful {
        out.push_str("doubtful: some of this rests on a power flow that only the last means found, or that had no answer\n");
    }
    let outage: Vec<&str> = study.outage.iter().map(|element| element.name.as_str()).collect();
    let outage = if outage.is_empty() { "nothing".to_owned() } else { outage.join(", ") };
    out.push_str(&format!("\nout at first: {outage}\n"));
    out.push_str(&format!("demand {:.3} MW, served {:.3} MW\n", study.initial_load_mw, study.served_mw));
    for (cause, mw) in study.shed_mw.by_cause() {
        if mw != 0.0 {
            out.push_str(&format!("lost by {cause}: {mw:.3} MW\n"));
        }
    }
    if !study.trips.is_empty() {
        out.push_str(&format!("\n{:>10}  {:>5}  {:>9}  event\n", "time s", "order", "lost MW"));
    }
    let events = events(study);
    for event in events.iter().take(SHOWN) {
        let first = &event[0];
        let time = first.t_s.map_or_else(|| "-".to_owned(), |t_s| format!("{t_s:.3}"));
        let lost_mw: f64 = event.iter().map(|trip| trip.lost_mw).sum();
        let lost = if lost_mw == 0.0 { String::new() } else { format!("{lost_mw:.3}") };
        out.push_str(&format!("{time:>10}  {:>5}  {lost:>9}  {}\n", first.generation, words(event)));
    }
    if events.len() > SHOWN {
        out.push_str(&format!("            and {} more: see --format json\n", events.len() - SHOWN));
    }
    if !study.islands.is_empty() {
        out.push_str("\nserved at the end\n");
    }
    for island in study.islands.iter().take(ISLANDS_SHOWN) {
        out.push_str(&format!(
            "  island of {} buses around bus {}: {:.3} MW of demand, {:.3} MW generated\n",
            island.buses, island.first_bus, island.demand_mw, island.generation_mw
        ));
    }
    if study.islands.len() > ISLANDS_SHOWN {
        out.push_str(&format!(
            "  and {} more islands: see --format json\n",
            study.islands.len() - ISLANDS_SHOWN
        ));
    }
    out.push_str(&format!("\n{} power flows{}\n", study.solves, rungs(&study.rungs)));
    for (name, value) in &study.settings {
        out.push_str(&format!("{name}: {value}\n"));
    }
    for note in &study.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

fn rungs(rungs: &BTreeMap<String, u64>) -> String {
    if rungs.is_empty() {
        return String::new();
    }
    let named: Vec<String> = rungs.iter().map(|(rung, count)| format!("{count} by {rung}")).collect();
    format!(": {}", named.join(", "))
}

/// What came at once, from one cause and for one reason, together.
pub(crate) fn events(study: &CascadeStudy) -> Vec<&[TripRecord]> {
    let same = |a: &TripRecord, b: &TripRecord| {
        a.kind == b.kind
            && a.kind != ElementKind::Branch
            && (a.generation, a.t_s, &a.cause, &a.why) == (b.generation, b.t_s, &b.cause, &b.why)
    };
    study.trips.chunk_by(same).collect()
}

/// An event in words: `branch 9 (5-6): overload: 151.2 MW on a rating of 120.0 MW`.
pub(crate) fn words(event: &[TripRecord]) -> String {
    let Some(first) = event.first() else { return String::new() };
    let who = if event.len() == 1 {
        first.name.clone()
    } else {
        let kind = match first.kind {
            ElementKind::Branch => "branches",
            ElementKind::Gen => "units",
            ElementKind::Bus => "buses",
        };
        // Units go by their row, as in the file; buses by their number.
        let id = |trip: &TripRecord| match trip.kind {
            ElementKind::Bus => trip.id.unwrap_or(trip.row).to_string(),
            _ => trip.row.to_string(),
        };
        let named: Vec<String> = event.iter().take(NAMED).map(id).collect();
        let more = event.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{} {kind} ({}{more})", event.len(), named.join(", "))
    };
    let cause = first.cause.replace('_', " ");
    match (&first.why, first.value, first.limit) {
        (Some(why), ..) => format!("{who}: {cause}: {why}"),
        (None, Some(value), Some(limit)) => format!("{who}: {cause}, {value:.4} against {limit:.4}"),
        (None, Some(value), None) => format!("{who}: {cause}, {value:.4}"),
        _ => format!("{who}: {cause}"),
    }
}
