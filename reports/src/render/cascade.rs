//! What an outage set off, for a terminal.

use std::collections::BTreeMap;

use crate::cascade::{CascadeStudy, TripRecord};

/// Events that are listed.
const SHOWN: usize = 200;
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
    for trip in study.trips.iter().take(SHOWN) {
        let time = trip.t_s.map_or_else(|| "-".to_owned(), |t_s| format!("{t_s:.3}"));
        let lost = if trip.lost_mw == 0.0 { String::new() } else { format!("{:.3}", trip.lost_mw) };
        out.push_str(&format!("{time:>10}  {:>5}  {lost:>9}  {}\n", trip.generation, words(trip)));
    }
    if study.trips.len() > SHOWN {
        out.push_str(&format!("            and {} more: see --format json\n", study.trips.len() - SHOWN));
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
        out.push_str(&format!("  and {} more islands: see --format json\n", study.islands.len() - ISLANDS_SHOWN));
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

/// An event in words: `branch 9 (5-6): overload, 151.2 above 120.0`.
pub(crate) fn words(trip: &TripRecord) -> String {
    let cause = trip.cause.replace('_', " ");
    match (&trip.why, trip.value, trip.limit) {
        (Some(why), ..) => format!("{}: {cause}: {why}", trip.name),
        (None, Some(value), Some(limit)) => format!("{}: {cause}, {value:.4} against {limit:.4}", trip.name),
        (None, Some(value), None) => format!("{}: {cause}, {value:.4}", trip.name),
        _ => format!("{}: {cause}", trip.name),
    }
}
