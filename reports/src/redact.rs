//! A report without the grid: for readers who may know the verdict and may not know the network.
//!
//! Elements keep an identity, so that two reports of one key can be compared, but not their numbers: each is a truncated HMAC-SHA256 of what it
//! is (RFC 2104; 64 bits, so that two of 70,000 elements share one with a probability below 10^-9). A plain hash would be no secret: bus
//! numbers can be tried out. Left out altogether: the network and its picture, the steps, what the candidate or the solver said in words, the
//! case's name, path and digest.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::document::canonical_json;
use crate::evidence::{Digest, EpisodeRecord, Evidence, NetworkRecord, RunRecord};
use crate::problem::Problem;
use crate::report::{Report, compose};

/// Shortest key, bytes.
const KEY_MIN: usize = 16;

/// Settings whose values name elements.
const NAMING: [&str; 3] = ["remedial.", "units.", "agc"];

/// Whoever holds the key can say which element is which.
pub struct Redactor {
    mac: Hmac<Sha256>,
}

impl Redactor {
    /// # Errors
    /// `redact.key` where the key is shorter than 16 bytes.
    pub fn new(key: &[u8]) -> Result<Self, Problem> {
        // A line break at the end is the editor's.
        let key = key.trim_ascii_end();
        match Hmac::new_from_slice(key) {
            Ok(mac) if key.len() >= KEY_MIN => Ok(Self { mac }),
            _ => Err(Problem::new(
                "redact.key",
                format!("a key has at least {KEY_MIN} bytes, this one {}", key.len()),
            )
            .hint("openssl rand -hex 32 > redact.key")),
        }
    }

    /// What stands in the place of an element: `#` and 16 hexadecimal digits.
    pub fn name(&self, element: &str) -> String {
        format!("#{}", &self.digest(element)[..16])
    }

    fn digest(&self, text: &str) -> String {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A text with its elements under other names: `branch 9 (8-30)`, `unit 5 at bus 10`, `bus 10`, `shunt 2`. The ends of a branch and the bus
    /// of a unit go, since together they would tell who is whose neighbour.
    pub fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        'next: while let Some(character) = rest.chars().next() {
            let inside_word = out.chars().next_back().is_some_and(|c| c.is_alphanumeric());
            for (singular, plural) in
                [("branch", "branches"), ("unit", "units"), ("bus", "buses"), ("shunt", "shunts")]
            {
                let after = rest.strip_prefix(plural).or_else(|| rest.strip_prefix(singular));
                let Some(after) = after.filter(|_| !inside_word) else { continue };
                let Some((number, mut behind)) = numbered(after) else { continue };
                behind = without(behind, singular);
                out.push_str(&format!("{singular} {}", self.name(&format!("{singular} {number}"))));
                // `buses 4, 5 and 6`: every number of the list.
                while let Some((joint, number, more)) = listed(behind) {
                    behind = without(more, singular);
                    out.push_str(&format!("{joint}{}", self.name(&format!("{singular} {number}"))));
                }
                rest = behind;
                continue 'next;
            }
            out.push(character);
            rest = &rest[character.len_utf8()..];
        }
        out
    }

    /// The report of a run for readers who may not know its network.
    pub fn report(
        &self,
        mut evidence: Evidence,
        run: Option<RunRecord>,
        network: Option<&NetworkRecord>,
        episodes: Vec<EpisodeRecord>,
    ) -> Report {
        // What is shown is an extract; what it is an extract of can still be named.
        let original = canonical_json(&evidence).ok().map(Digest::of);
        self.evidence(&mut evidence, network.map_or("", |network| network.name.as_str()));
        let episodes = episodes.into_iter().map(|episode| self.episode(episode)).collect();
        let mut report = compose(evidence, run, None, episodes);
        report.evidence_digest = original;
        report
    }

    fn evidence(&self, evidence: &mut Evidence, case: &str) {
        for input in evidence.inputs.iter_mut().filter(|input| input.role == "grid") {
            input.name = self.name("grid");
            // The digest of a published case would name it.
            input.digest = Digest { sha256: self.digest(&input.digest.sha256) };
        }
        // They lie in the run's folder, not beside this copy; the digest of the copied case would name it, and that of its network.
        evidence.files.clear();
        evidence.settings.retain(|name, _| !NAMING.iter().any(|naming| name.starts_with(naming)));
        for population in &mut evidence.populations {
            population.hazards.iter_mut().for_each(|hazard| *hazard = self.text(hazard));
        }
        for gate in &mut evidence.gates {
            gate.reason = self.text(&gate.reason);
            for worst in &mut gate.worst {
                worst.outcome = without_words(&worst.outcome);
                worst.scenario = Digest { sha256: self.digest(&worst.scenario.sha256) };
            }
        }
        let variants = evidence.variants.iter_mut().flat_map(|record| &mut record.variants);
        for gate in variants.flat_map(|variant| &mut variant.gates) {
            gate.reason = self.text(&gate.reason);
        }
        evidence.reason = self.text(&evidence.reason);
        evidence.assumptions.retain(|assumption| !assumption.starts_with("left out of the case"));
        for text in evidence.assumptions.iter_mut().chain(&mut evidence.limits) {
            *text = self.text(text);
        }
        evidence.limits.retain(|limit| case.is_empty() || !limit.contains(case));
        evidence.limits.push(
            "this copy is redacted: elements have keyed names, and network, steps, messages and the case are left out".into(),
        );
    }

    fn episode(&self, episode: EpisodeRecord) -> EpisodeRecord {
        let trips = episode
            .trips
            .iter()
            .map(|trip| (trip.time_s, format!("{} is lost by {}", self.text(&trip.name), trip.cause)));
        let mut events: Vec<(f64, String)> =
            episode.events.iter().map(|(time_s, text)| (*time_s, self.text(text))).chain(trips).collect();
        events.sort_by(|a, b| a.0.total_cmp(&b.0));
        EpisodeRecord {
            schema: episode.schema,
            population: episode.population,
            index: episode.index,
            outcome: without_words(&episode.outcome),
            events,
            metrics: episode.metrics,
            ..EpisodeRecord::default()
        }
    }
}

/// How an episode ended, without what was said about it: messages name elements in the words of their author.
fn without_words(outcome: &str) -> String {
    outcome.split(':').next().unwrap_or_default().to_owned()
}

/// The number after a noun, and what follows it.
fn numbered(after: &str) -> Option<(&str, &str)> {
    let digits = after.strip_prefix(' ')?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    (end > 0).then(|| digits.split_at(end))
}

/// A further number of a list, with what joins it to the one before.
fn listed(after: &str) -> Option<(&str, &str, &str)> {
    let joint = [", ", " and ", ", and "]
        .into_iter()
        .find(|joint| after.starts_with(joint) && numbered(&after[joint.len() - 1..]).is_some())?;
    let (number, behind) = numbered(&after[joint.len() - 1..])?;
    Some((joint, number, behind))
}

/// What follows an element without the part that tells where it is.
fn without<'a>(behind: &'a str, singular: &str) -> &'a str {
    let ends = || {
        let (inside, after) = behind.strip_prefix(" (")?.split_once(')')?;
        inside.chars().all(|c| c.is_ascii_digit() || c == '-').then_some(after)
    };
    let bus = || numbered(behind.strip_prefix(" at bus")?).map(|(_, after)| after);
    match singular {
        "branch" => ends().unwrap_or(behind),
        "unit" => bus().unwrap_or(behind),
        _ => behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_code_of_the_standard() {
        // RFC 4231, test case 1: key of 20 bytes 0x0b, data "Hi There".
        let redactor = Redactor::new(&[0x0b; 20]).unwrap();
        assert_eq!(
            redactor.digest("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(redactor.name("Hi There"), "#b0344c61d8db3853");
        assert_eq!(Redactor::new(b"too short\n").err().map(|problem| problem.code), Some("redact.key"));
    }

    #[test]
    fn elements_lose_their_numbers_and_neighbours_and_keep_an_identity() {
        let redactor = Redactor::new(&[1; 32]).unwrap();
        let name = |element: &str| redactor.name(element);
        let (branch, unit, bus) = (name("branch 77"), name("unit 5"), name("bus 10"));
        for (text, expected) in [
            ("branch 77 (812-930) trips", format!("branch {branch} trips")),
            ("unit 5 at bus 10 returns; bus 10 is lost", format!("unit {unit} returns; bus {bus} is lost")),
            ("buses 10, 11 and 12", format!("bus {bus}, {} and {}", name("bus 11"), name("bus 12"))),
            ("the branch 77 (812-930), branch 77", format!("the branch {branch}, branch {branch}")),
            ("3 buses are dead, 12.5 MW; omnibus 7", "3 buses are dead, 12.5 MW; omnibus 7".to_owned()),
            ("demand is 0.93..1.08 of the file's", "demand is 0.93..1.08 of the file's".to_owned()),
        ] {
            assert_eq!(redactor.text(text), expected);
        }
        assert_ne!(Redactor::new(&[2; 32]).unwrap().name("bus 10"), bus);
    }
}
