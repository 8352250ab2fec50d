//! Waivers: somebody with a name lets a candidate pass although a gate fails, for a reason and until a day.
//!
//! A waiver changes no verdict. The gate stays failed in every document; what changes is the exit code, and only where every
//! required gate that failed is waived by a signature that holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attest::signature::PublicKey;
use crate::evidence::{CandidateRecord, GateRecord, Severity, Verdict};

/// Schema of the file that holds waivers.
pub const WAIVER_SCHEMA: &str = "gridgate/waiver/1";

/// Type of the signed bytes.
pub const WAIVER_TYPE: &str = "application/vnd.gridgate.waiver.1+json";

/// What is signed: permission for one candidate to fail one gate of one suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Name of the suite.
    pub suite: String,
    /// Id of the gate.
    pub gate: String,
    /// Name of the candidate.
    pub candidate: String,
    /// Its version, where the waiver is for a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its digest (SHA-256, 64 hexadecimal digits), where the waiver is for exactly these bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Why the candidate may pass all the same.
    pub reason: String,
    /// Who answers for it.
    pub who: String,
    /// Last day on which it holds, `YYYY-MM-DD`, UTC.
    pub expires: String,
}

/// What became of a waiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WaiverStatus {
    /// It holds, and the gate failed: the failure does not count for the exit code.
    Applied,
    /// It holds, and the gate did not fail.
    Unused,
    /// It does not hold; `why` says what is wrong with it.
    Refused,
}

/// A waiver that was presented to a run, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WaiverRecord {
    /// What was signed.
    pub waiver: Waiver,
    /// Its signature, 128 hexadecimal digits; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The public key that the run was given, 64 hexadecimal digits.
    pub key: String,
    /// The day on which it was presented, `YYYY-MM-DD`: it decides, so it is evidence.
    pub today: String,
    /// What became of it.
    pub status: WaiverStatus,
    /// Why, in one sentence.
    pub why: String,
}

impl Waiver {
    /// The bytes that are signed: the waiver as JSON in the form of RFC 8785. Its values are texts and its keys ASCII, for which that form
    /// is sorted keys without white space.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut fields = BTreeMap::from([
            ("suite", self.suite.as_str()),
            ("gate", &self.gate),
            ("candidate", &self.candidate),
            ("reason", &self.reason),
            ("who", &self.who),
            ("expires", &self.expires),
        ]);
        fields.extend(self.version.as_deref().map(|version| ("version", version)));
        fields.extend(self.digest.as_deref().map(|digest| ("digest", digest)));
        serde_json::to_vec(&fields).unwrap_or_default()
    }

    /// What keeps the waiver from holding on a day for this suite and candidate; `None` where it holds. Nothing of it is believed before
    /// its signature was checked.
    fn wrong(
        &self,
        signature: Option<&str>,
        key: &PublicKey,
        suite: &str,
        candidate: &CandidateRecord,
        today: &str,
    ) -> Option<String> {
        let Some(signature) = signature else { return Some("it is not signed".to_owned()) };
        if !key.signed(WAIVER_TYPE, &self.signed_bytes(), signature) {
            return Some("its signature is not that of the given key over these words".to_owned());
        }
        if self.suite != suite {
            return Some(format!("it is for the suite \"{}\", this is \"{suite}\"", self.suite));
        }
        if self.candidate != candidate.name {
            let (theirs, ours) = (&self.candidate, &candidate.name);
            return Some(format!("it is for the candidate \"{theirs}\", this is \"{ours}\""));
        }
        let other_version = self.version.as_ref().filter(|version| **version != candidate.version);
        if let Some(version) = other_version {
            return Some(format!("it is for version \"{version}\", this is \"{}\"", candidate.version));
        }
        let other_digest = self.digest.as_ref().filter(|digest| **digest != candidate.digest.sha256);
        if let Some(digest) = other_digest {
            return Some(format!(
                "it is for the candidate with digest {digest}, this one has {}",
                candidate.digest.sha256
            ));
        }
        if self.version.is_none() && self.digest.is_none() {
            return Some("it names neither version nor digest of the candidate".to_owned());
        }
        // The form YYYY-MM-DD sorts as days do.
        match (is_day(&self.expires), is_day(today)) {
            (true, true) if today <= self.expires.as_str() => None,
            (true, true) => Some(format!("it expired on {}, and today is {today}", self.expires)),
            _ => Some(format!("`{}` or `{today}` is no day", self.expires)),
        }
    }

    /// What becomes of the waiver in a run with these gates.
    pub fn present(
        &self,
        signature: Option<&str>,
        key: &PublicKey,
        today: &str,
        suite: &str,
        candidate: &CandidateRecord,
        gates: &[GateRecord],
    ) -> WaiverRecord {
        let gate = gates.iter().find(|gate| gate.id == self.gate);
        let (status, why) = match (self.wrong(signature, key, suite, candidate, today), gate) {
            (Some(wrong), _) => (WaiverStatus::Refused, wrong),
            (None, None) => (WaiverStatus::Refused, format!("the suite has no gate \"{}\"", self.gate)),
            (None, Some(gate)) => match gate.verdict {
                Verdict::Fail => (
                    WaiverStatus::Applied,
                    format!("waived by {} until {}: {}", self.who, self.expires, self.reason),
                ),
                Verdict::Pass => (WaiverStatus::Unused, "the gate passed without it".to_owned()),
                // What is not known cannot be excused.
                Verdict::Undecided | Verdict::Error | Verdict::Skipped => (
                    WaiverStatus::Refused,
                    "only a gate that failed can be waived, and this one has no answer".to_owned(),
                ),
            },
        };
        WaiverRecord {
            waiver: self.clone(),
            signature: signature.map(str::to_owned),
            key: key.hex(),
            today: today.to_owned(),
            status,
            why,
        }
    }
}

impl WaiverRecord {
    /// Whether it lets a gate fail.
    pub fn applies_to(&self, gate: &str) -> bool {
        self.status == WaiverStatus::Applied && self.waiver.gate == gate
    }

    /// What is wrong with the record itself, where it claims to have been applied: a stranger asks, who has the evidence and nothing else.
    pub fn contradiction(&self, suite: &str, candidate: &CandidateRecord) -> Option<String> {
        if self.status != WaiverStatus::Applied {
            return None;
        }
        let Some(key) = PublicKey::from_hex(&self.key) else { return Some("its key is none".to_owned()) };
        self.waiver.wrong(self.signature.as_deref(), &key, suite, candidate, &self.today)
    }
}

/// The verdicts of required gates as they count when waived failures are excused, in order.
pub fn excused(gates: &[GateRecord], waivers: &[WaiverRecord]) -> Vec<(Severity, Verdict)> {
    let waived = |gate: &GateRecord| waivers.iter().any(|waiver| waiver.applies_to(&gate.id));
    let counts = |gate: &GateRecord| match gate.verdict {
        Verdict::Fail if waived(gate) => Verdict::Pass,
        other => other,
    };
    gates.iter().map(|gate| (gate.severity, counts(gate))).collect()
}

/// Whether a text is a day of the Gregorian calendar, `YYYY-MM-DD` (RFC 3339, full-date).
pub fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(at, b)| match at {
            4 | 7 => *b == b'-',
            _ => b.is_ascii_digit(),
        });
    if !shape {
        return false;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(0);
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attest::signature::PrivateKey;
    use crate::evidence::Digest;

    /// RFC 8410, 10.3.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

    fn waiver() -> Waiver {
        Waiver {
            suite: "release".into(),
            gate: "voltage".into(),
            candidate: "sound".into(),
            version: Some("7".into()),
            digest: None,
            reason: "the limit moves in spring \"\u{e9}\"\n".into(),
            who: "A. Person".into(),
            expires: "2026-12-31".into(),
        }
    }

    fn candidate() -> CandidateRecord {
        let digest = Digest { sha256: "ab".repeat(32) };
        CandidateRecord { name: "sound".into(), version: "7".into(), digest, ..CandidateRecord::default() }
    }

    #[test]
    fn the_signed_bytes_are_the_form_of_the_standard() {
        // RFC 8785, 3.2.2.2: control characters by their short escapes, everything above ASCII as it is.
        let expected = "{\"candidate\":\"sound\",\"expires\":\"2026-12-31\",\"gate\":\"voltage\",\"reason\":\"the limit moves in spring \
                        \\\"\u{e9}\\\"\\n\",\"suite\":\"release\",\"version\":\"7\",\"who\":\"A. Person\"}";
        assert_eq!(String::from_utf8(waiver().signed_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_waiver_holds_for_what_was_signed_and_nothing_else() {
        let private = PrivateKey::from_pem(KEY).unwrap();
        let key = private.public();
        let sign = |waiver: &Waiver| private.sign(WAIVER_TYPE, &waiver.signed_bytes());
        let good = sign(&waiver());
        let wrong = |waiver: &Waiver, signature: Option<&str>, today: &str| {
            waiver.wrong(signature, &key, "release", &candidate(), today)
        };
        assert_eq!(wrong(&waiver(), Some(&good), "2026-11-21"), None);
        // The last day counts; the next does not.
        assert_eq!(wrong(&waiver(), Some(&good), "2026-12-31"), None);
        assert!(wrong(&waiver(), Some(&good), "2027-01-01").unwrap().contains("expired on 2026-12-31"));
        assert!(wrong(&waiver(), Some(&good), "tomorrow").is_some());
        assert_eq!(wrong(&waiver(), None, "2026-11-21").unwrap(), "it is not signed");
        // Every field is under the signature: changing one breaks it, and signing the change names what does not fit.
        type Change = fn(&mut Waiver);
        let changes: [(Change, &str); 8] = [
            (|w| w.suite = "other".into(), "for the suite \"other\""),
            (|w| w.candidate = "flawed".into(), "for the candidate \"flawed\""),
            (|w| w.version = Some("8".into()), "for version \"8\""),
            (|w| w.digest = Some("cd".repeat(32)), "with digest cdcd"),
            (|w| w.version = None, "neither version nor digest"),
            (|w| w.expires = "2026-02-30".into(), "is no day"),
            (|w| w.reason.push('!'), ""),
            (|w| w.who = "B. Person".into(), ""),
        ];
        for (change, words) in changes {
            let mut other = waiver();
            change(&mut other);
            let broken = wrong(&other, Some(&good), "2026-11-21").unwrap();
            assert!(broken.contains("signature"), "{broken}");
            let said = wrong(&other, Some(&sign(&other)), "2026-11-21");
            match words {
                "" => assert_eq!(said, None),
                words => assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{said:?}"),
            }
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for day in ["2026-11-21", "2028-02-29", "2000-02-29", "0001-01-01"] {
            assert!(is_day(day), "{day}");
        }
        for other in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-11-31",
            "2026-1-1",
            "21.11.2026",
            "",
        ] {
            assert!(!is_day(other), "{other}");
        }
    }
}
