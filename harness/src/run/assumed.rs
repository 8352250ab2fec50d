//! Modelling assumptions in sentences, and whether the verdict depends on them.

use super::Prepared;
use super::local::Simulated;
use super::recorded::Kept;
use crate::assumption;
use crate::service::AVERAGE_DEMAND_KW;
use crate::trajectory::Outcome;

fn follows_voltage(prepared: &Prepared) -> bool {
    let autonomous = prepared.config.rules.autonomous.as_ref();
    autonomous.is_some_and(|autonomous| autonomous.settings.slow.load_recovery.is_some())
}

/// What the verdict rests on, each a sentence.
pub(super) fn assumptions(prepared: &Prepared, simulated: &Simulated, kept: &Kept) -> Vec<String> {
    let network = &prepared.network;
    let mut all = vec![
        match follows_voltage(prepared) {
            false => "demand is constant power, and keeps its power factor when it swings".to_owned(),
            true => "demand follows the voltage and recovers; what it draws less for that is not counted as unserved".into(),
        },
        "an imbalance is shared by running units in proportion to their largest power, within range and ramp"
            .into(),
        match prepared.suite.advisory {
            None => "a candidate's action takes effect at once, and holds until it is replaced".into(),
            Some(_) => "people answer all that is new in a candidate's advice at one moment alike, whatever it is, and the same in a \
                        scenario whoever advises"
                .into(),
        },
        prepared.config.sensing.as_ref().map_or("a candidate sees the true state", |sensing| sensing.in_words()).into(),
    ];
    if let Some(elements) = &prepared.config.rules.frequency {
        let settings = &elements.settings;
        all.push(format!(
            "sudden imbalances up to {} % of an island's demand, slow ones and redispatch are followed by dispatch and move no frequency",
            100.0 * settings.smallest_share
        ));
        all.push(format!(
            "{} s after the last disturbance an island that units can supply is back at its nominal frequency",
            settings.restored_after_s
        ));
        all.push("flows are those after an imbalance has been shared, also in the seconds in which rotors provide it".into());
    }
    if prepared.config.looks.customers.as_ref().is_some_and(|customers| customers.assumed) {
        all.push(format!(
            "there is a customer for every {AVERAGE_DEMAND_KW} kW of the demand in the case: the suite names no table of `customers`"
        ));
    }
    for population in &prepared.suite.populations {
        if let Some(per_year) = population.per_year {
            all.push(format!(
                "scenarios of {} happen {per_year} times a year, as the suite says, each independently of the others",
                population.id
            ));
        }
    }
    let without_ramp = network.units.ramp_pu_per_min.iter().filter(|(_, r)| r.is_none()).count();
    if without_ramp > 0 {
        all.push(match prepared.config.rules.ramp_share_per_min {
            None => format!("{without_ramp} units have no ramp in the case and are limited by their range alone"),
            Some(share) => format!(
                "{without_ramp} units have no ramp in the case and are given {} % of their largest power per minute",
                share * 100.0
            ),
        });
    }
    let rating = &network.branches.rating_pu;
    let unrated = rating.iter().filter(|(_, r)| r.is_none()).count();
    if unrated > 0 {
        all.push(format!("{unrated} of {} branches have no rating and cannot be overloaded", rating.len()));
    }
    all.extend(network.case.ignored.iter().map(|what| format!("left out of the case: {what}")));
    let gave_up = gave_up(simulated);
    if gave_up > 0 {
        all.push(format!(
            "where the solver gave up nobody knows how it went on: {gave_up} episodes were counted as lost and as served, and a gate that \
             depends on it is undecided"
        ));
    }
    all.extend(in_other_worlds(kept));
    all
}

/// Whether the verdict depends on these assumptions.
fn in_other_worlds(kept: &Kept) -> Vec<String> {
    let Some(record) = &kept.verdicts.variants else {
        return vec!["whether a verdict depends on these assumptions was not tried".into()];
    };
    let ids: Vec<&str> = record.variants.iter().map(|variant| variant.id.as_str()).collect();
    if ids.is_empty() {
        return vec![
            "whether a verdict depends on these assumptions was not tried: no variant could be".into(),
        ];
    }
    let mut all: Vec<String> = record
        .subsets
        .iter()
        .map(|subset| {
            let sum = |of: fn(&reports::StratumRecord) -> u64| subset.strata.iter().map(of).sum();
            format!(
                "{} of {} were lived again in {} variants, which change one assumption each: {}",
                assumption::part_in_words(sum(|s| s.replayed), sum(|s| s.n)),
                subset.population,
                ids.len(),
                ids.join(", ")
            )
        })
        .collect();
    for variant in &record.variants {
        let gates = kept.verdicts.gates.iter().filter(|gate| gate.depends_on.contains(&variant.id));
        let gates: Vec<&str> = gates.map(|gate| gate.id.as_str()).collect();
        if !gates.is_empty() {
            all.push(format!(
                "verdicts that depend on it: {} ({}): {}",
                variant.id,
                variant.changes,
                gates.join(", ")
            ));
        }
    }
    all
}

/// Episodes in which the solver gave up.
pub(super) fn gave_up(simulated: &Simulated) -> usize {
    let episodes = simulated.populations.iter().flat_map(|population| &population.candidate);
    episodes.filter(|episode| episode.outcome == Outcome::SolverGaveUp).count()
}
