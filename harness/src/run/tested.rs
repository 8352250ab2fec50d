//! Where a candidate was tested, and what stood between it and the grid.

use std::collections::BTreeMap;

use reports::envelope::Region;
use reports::{ENVELOPE_SCHEMA, Envelope, SupervisionRecord};

use super::Prepared;
use super::local::{Simulated, SimulatedPopulation};
use crate::latency;

/// The extremes of its numbers, as evidence lists them.
pub(super) fn extremes(region: &Region) -> BTreeMap<String, (f64, f64)> {
    let bounds = &region.bounds;
    [
        ("demand_share_of_case", bounds.demand),
        ("branches_out", bounds.branches_out),
        ("units_out", bounds.units_out),
        ("voltage_pu", bounds.voltage_pu),
        ("frequency_hz", bounds.frequency_hz),
    ]
    .into_iter()
    .filter_map(|(name, range)| range.map(|range| (name.to_owned(), range)))
    .collect()
}

/// The tested region, for whoever asks later whether a state lies inside. `longest_ns` is the longest time from a measurement to its effect.
pub(super) fn envelope(prepared: &Prepared, simulated: &Simulated, longest_ns: u64) -> Envelope {
    let mut region = simulated.envelope.region.clone();
    // The shortest time to an effect is not recorded; less delay than was tested is taken to be inside.
    region.bounds.delay_ms = Some((0.0, latency::milliseconds(longest_ns)));
    let mut untested = vec!["forecasts: a candidate sees none".to_owned()];
    if region.bounds.frequency_hz.is_none() {
        untested.push("frequencies: they were nominal throughout".to_owned());
    }
    Envelope {
        schema: ENVELOPE_SCHEMA.into(),
        suite: prepared.suite.name.clone(),
        seed: prepared.suite.seed,
        candidate: prepared.candidate.record(),
        inputs: prepared.inputs(),
        region,
        untested,
    }
}

/// What became of the candidate's decisions before they were asked, where something stands between.
pub(super) fn supervision(prepared: &Prepared, simulated: &Simulated) -> Vec<SupervisionRecord> {
    if prepared.suite.limiter.is_none() && prepared.suite.advisory.is_none() {
        return Vec::new();
    }
    let record = |(population, own): (&scenarios::Population, &SimulatedPopulation)| {
        let mut record =
            SupervisionRecord { population: population.id.clone(), ..SupervisionRecord::default() };
        for tally in own.candidate.iter().filter_map(|episode| episode.supervision.as_ref()) {
            record.tally.add(tally);
            record.episodes_limited += u64::from(tally.limited > 0);
            record.episodes_fallback += u64::from(tally.fell_back() > 0);
        }
        record
    };
    prepared.populations.iter().zip(&simulated.populations).map(record).collect()
}
