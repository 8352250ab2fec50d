//! New failures since the champion, scenario by scenario: what breaks a gate's limit with the candidate and not with the comparator.

use reports::{ChallengeRecord, Digest, PairRecord};

use super::Prepared;
use super::local::Simulated;
use crate::suite::SuiteGate;
use crate::trajectory::Episode;

/// Scenarios that are listed of each kind.
const SHOWN: usize = 5;

/// A record for every gate with a limit that one episode can break, and every comparator, in their order.
pub(super) fn challenges(prepared: &Prepared, simulated: &Simulated) -> Vec<ChallengeRecord> {
    let mut records = Vec::new();
    for gate in &prepared.suite.gates {
        let at = prepared.populations.iter().position(|population| population.id == gate.population);
        let Some(own) = at.and_then(|at| simulated.populations.get(at)) else { continue };
        for (champion, theirs) in prepared.champions.iter().zip(&own.champions) {
            records.extend(challenge(gate, &champion.record().name, &own.candidate, theirs));
        }
    }
    records
}

/// Every scenario once; `None` where the gate says nothing of a single episode.
fn challenge(
    gate: &SuiteGate,
    champion: &str,
    own: &[Episode],
    theirs: &[Episode],
) -> Option<ChallengeRecord> {
    let mut record = ChallengeRecord {
        gate: gate.id.clone(),
        population: gate.population.clone(),
        champion: champion.to_owned(),
        ..ChallengeRecord::default()
    };
    for (own, theirs) in own.iter().zip(theirs) {
        // As gates read them: what is in doubt counts against the candidate, and for the comparator.
        let (candidate, compared) = (own.metric(&gate.metric), theirs.metric_as_served(&gate.metric));
        let broken = gate.gate.is_broken_by(candidate, None)?;
        let known = compared.is_some() && gate.gate.is_broken_by(compared, None)?;
        let (count, shown) = match (broken, known) {
            (true, false) => (&mut record.new, Some(&mut record.first_new)),
            (false, true) => (&mut record.cured, Some(&mut record.first_cured)),
            (true, true) => (&mut record.both, None),
            (false, false) => (&mut record.neither, None),
        };
        *count += 1;
        if let Some(shown) = shown.filter(|shown| shown.len() < SHOWN) {
            shown.push(PairRecord {
                index: own.index,
                scenario: Digest { sha256: own.scenario.clone() },
                candidate,
                champion: compared,
                replay: format!(
                    "gridgate replay RUN {}/{} --candidate CANDIDATE",
                    gate.population, own.index
                ),
            });
        }
    }
    Some(record)
}
