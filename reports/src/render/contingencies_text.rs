//! A contingency study for a terminal.

use super::contingencies::{causes, status};
use crate::contingencies::{ContingencyRecord, ContingencyStatus, ContingencyStudy};
use crate::words::{count, number};

/// Outages of the table.
const SHOWN: usize = 20;
/// Characters of a name in the table.
const NAME: usize = 34;

/// The answer first, then the worst outages.
pub fn render(study: &ContingencyStudy) -> String {
    let mut out = format!("{}: {}\n", study.case, study.headline());
    let Some(base) = &study.base else {
        return out;
    };
    for warning in study.screen_warning().into_iter().chain(study.base_warning()) {
        out.push_str(&format!("{warning}\n"));
    }
    let mut facts = Vec::new();
    if let (Some(low), Some(high)) = (base.vm_min_pu, base.vm_max_pu) {
        facts.push(format!("voltages {low:.4} to {high:.4} pu"));
    }
    if let Some(loading) = base.max_loading_pct {
        facts.push(format!("loading up to {loading:.1} %"));
    }
    out.push_str(&format!("base case: {}\n", facts.join(", ")));
    let counts = &study.counts;
    out.push_str(&format!(
        "outages: {} overload, {} lower and {} raise a voltage beyond its limit, {} leave an open balance, {} lose demand, \
         {} change nothing\n",
        count(counts.overloading),
        count(counts.low_voltage),
        count(counts.high_voltage),
        count(counts.unbalanced),
        count(counts.losing_demand),
        count(counts.dead)
    ));
    let worst: Vec<&ContingencyRecord> = study.ranking.iter().take(SHOWN).collect();
    if !worst.is_empty() {
        out.push_str(&format!(
            "\n{:>4}  {:<NAME$}  {:<11}  {:>9}  {:>15}  {:>9}  causes\n",
            "rank", "outage", "ended", "loading", "voltages pu", "lost MW"
        ));
    }
    for (at, record) in worst.iter().enumerate() {
        let loading = record.max_loading_pct.map_or_else(|| "-".into(), |value| format!("{value:.1} %"));
        let voltages = match (record.vm_min_pu, record.vm_max_pu) {
            (Some(low), Some(high)) => format!("{low:.4}-{high:.4}"),
            _ => "-".into(),
        };
        let lost = record.lost_demand_mw.map_or_else(|| "-".into(), number);
        // Why a solver stopped is a long story, and how it ended stands in its column.
        let causes = match record.status {
            ContingencyStatus::NoSolution => "-".into(),
            _ => causes(record, None, 2),
        };
        out.push_str(&format!(
            "{:>4}  {:<NAME$}  {:<11}  {loading:>9}  {voltages:>15}  {lost:>9}  {causes}\n",
            at + 1,
            shortened(&record.label()),
            status(record),
        ));
    }
    let rest = counts.contingencies.saturating_sub(counts.dead).saturating_sub(worst.len() as u64);
    if rest > 0 {
        out.push_str(&format!(
            "\n{} more are less bad: --format csv prints them all, --out FOLDER writes table and report\n",
            count(rest)
        ));
    }
    for note in &study.notes {
        out.push_str(&format!("note: {note}\n"));
    }
    out
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    name.chars().take(NAME - 3).chain("...".chars()).collect()
}
