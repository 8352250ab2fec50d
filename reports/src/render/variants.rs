//! What became of the gates in other models of the world, in words that all renderings share.

use crate::evidence::Evidence;
use crate::variant::VariedGateRecord;
use crate::words;

/// A variant: its name, what it changes, and what it means for the verdict.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) changes: String,
    /// "no verdict is another", or the gates that depend on it with their verdicts there.
    pub(super) outcome: String,
}

/// One for each variant that was tried, then those that were not.
pub(super) fn lines(evidence: &Evidence) -> Vec<Line> {
    let Some(record) = &evidence.variants else { return Vec::new() };
    let tried = record.variants.iter().map(|variant| {
        let depends = |gate: &&VariedGateRecord| {
            let of = |own: &&crate::evidence::GateRecord| own.id == gate.gate;
            evidence.gates.iter().find(of).is_some_and(|own| own.depends_on.contains(&variant.id))
        };
        let gates: Vec<String> = variant
            .gates
            .iter()
            .filter(depends)
            .map(|gate| format!("{} is {}", gate.gate, words::verdict_id(gate.verdict)))
            .collect();
        Line {
            id: variant.id.clone(),
            changes: variant.changes.clone(),
            outcome: if gates.is_empty() { "no verdict depends on it".to_owned() } else { gates.join(", ") },
        }
    });
    let skipped = record.skipped.iter().map(|skipped| Line {
        id: skipped.id.clone(),
        changes: "not tried".to_owned(),
        outcome: skipped.why.clone(),
    });
    tried.chain(skipped).collect()
}

/// A cell for each number of a gate in a variant: variant, gate, verdict, lived again, changed, largest change, newly broken.
pub(super) type Row = [String; 7];

/// One for each gate in each variant.
pub(super) fn rows(evidence: &Evidence) -> Vec<Row> {
    let variants = evidence.variants.iter().flat_map(|record| &record.variants);
    variants.flat_map(|variant| variant.gates.iter().map(|gate| row(evidence, &variant.id, gate))).collect()
}

fn row(evidence: &Evidence, variant: &str, gate: &VariedGateRecord) -> Row {
    let unit = evidence.gates.iter().find(|own| own.id == gate.gate).map_or("1", |own| own.unit.as_str());
    let change = gate.largest_change.zip(gate.largest_change_at).map_or_else(
        || "-".to_owned(),
        |(change, index)| {
            let sign = if change > 0.0 { "+" } else { "" };
            format!("{sign}{} in episode {index}", words::quantity(change, unit))
        },
    );
    let percent = |share: f64| format!("{} %", words::number(100.0 * share));
    let broken = match (gate.newly_broken, gate.newly_broken_share, gate.newly_broken_share_max) {
        (Some(count), Some(share), Some(most)) => {
            format!("{}: {} of all, at most {}", words::count(count), percent(share), percent(most))
        }
        _ => "-".to_owned(),
    };
    [
        variant.to_owned(),
        gate.gate.clone(),
        words::verdict_id(gate.verdict).to_owned(),
        words::count(gate.replayed),
        words::count(gate.changed),
        change,
        broken,
    ]
}

/// How much of each population was lived again, stratum by stratum: (population, text).
pub(super) fn subsets(evidence: &Evidence) -> Vec<(String, String)> {
    let subsets = evidence.variants.iter().flat_map(|record| &record.subsets);
    subsets
        .map(|subset| {
            let strata: Vec<String> = subset
                .strata
                .iter()
                .map(|s| format!("{} {} of {}", s.stratum, words::count(s.replayed), words::count(s.n)))
                .collect();
            (subset.population.clone(), strata.join(", "))
        })
        .collect()
}
