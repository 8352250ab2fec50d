//! The recorded file: how long a candidate took to decide.

use std::path::Path;

use powerflow::{Diagnostic, Diagnostics};
use reports::{CandidateRecord, Digest, LatencyFile, LatencySample};

use super::milliseconds;

/// Fewest calls that a record may hold: of fewer, a 99 % quantile is the word of ten calls.
pub const CALLS_MIN: usize = 1000;
/// Most calls that a record may hold.
pub const CALLS_MAX: usize = 10_000;
/// Fewest decisions before the first that is timed.
pub const WARM_UP_MIN: u32 = 50;
/// Longest time that can be one, ns: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// A recorded file that was read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Name as the suite gives it.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it says.
    pub document: LatencyFile,
}

impl Recorded {
    /// Reads a file; `name` is how documents call it. `of` is who it must be about.
    ///
    /// # Errors
    /// `latency.file.read`, `document.*` where it is no such document, and everything that is wrong with it: `latency.file.few`, `.many`,
    /// `.order`, `.range`, `.digest`, `.batch`, `.warm-up`, `.candidate`.
    pub fn read(name: &str, path: &Path, of: Option<&CandidateRecord>) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| {
            Diagnostic::error("latency.file.read", format!("the recorded times cannot be read: {error}"))
                .at(&file, None)
                .hint("write them with `gridgate latency record CANDIDATE --suite SUITE --out FILE`")
        })?;
        let document: LatencyFile = reports::read(&bytes)
            .map_err(|problem| crate::run::folder::problems(vec![problem.at(file.clone())]))?;
        let wrong = complaints(&document, of);
        let wrong = wrong.into_iter().map(|(code, message, hint)| {
            Diagnostic::error(format!("latency.file.{code}"), message).at(&file, None).hint(hint)
        });
        Diagnostics(wrong.collect()).into_result(Recorded { name: name.to_owned(), bytes, document })
    }

    /// The times, ms, ascending.
    pub fn times_ms(&self) -> impl Iterator<Item = f64> {
        self.document.samples_ns.iter().map(|ns| milliseconds(*ns))
    }

    /// What evidence says of it.
    pub fn in_short(&self) -> Option<LatencySample> {
        let document = &self.document;
        let ms = |q| document.quantile_ns(q).map(milliseconds);
        Some(LatencySample {
            name: self.name.clone(),
            digest: Digest::of(&self.bytes),
            adapter: document.candidate.adapter.clone(),
            calls: document.samples_ns.len() as u64,
            p50_ms: ms(0.5)?,
            p99_ms: ms(0.99)?,
            max_ms: ms(1.0)?,
            pinned: document.pinned.is_some(),
            machine: document.machine.clone(),
        })
    }
}

/// All that is wrong: code, message, hint.
fn complaints(
    document: &LatencyFile,
    of: Option<&CandidateRecord>,
) -> Vec<(&'static str, String, &'static str)> {
    const AGAIN: &str = "record it again with `gridgate latency record`";
    let times = &document.samples_ns;
    let mut wrong = Vec::new();
    if times.len() < CALLS_MIN {
        let message = format!("it holds {} calls, at least {CALLS_MIN} are needed", times.len());
        wrong.push(("few", message, AGAIN));
    }
    if times.len() > CALLS_MAX {
        wrong.push(("many", format!("it holds {} calls, at most {CALLS_MAX} are read", times.len()), AGAIN));
    }
    if !times.is_sorted() {
        wrong.push(("order", "its times are not ascending".into(), AGAIN));
    }
    if let Some(ns) = times.iter().find(|ns| !(1..=LONGEST_NS).contains(*ns)) {
        let message = format!("it holds a time of {ns} ns; each should be from 1 ns to an hour");
        wrong.push(("range", message, AGAIN));
    }
    if LatencyFile::digest(times) != document.samples {
        let message = "its times do not have the digest that it gives: they were changed".into();
        wrong.push(("digest", message, AGAIN));
    }
    if document.batch != 1 {
        let message =
            format!("it was recorded with {} rows a call, and one decision is one row", document.batch);
        wrong.push(("batch", message, AGAIN));
    }
    if document.warm_up < WARM_UP_MIN {
        let message = format!(
            "{} calls came before the first timed one, at least {WARM_UP_MIN} should",
            document.warm_up
        );
        wrong.push(("warm-up", message, AGAIN));
    }
    if let Some(of) = of
        && of.digest != document.candidate.digest
    {
        let who = &document.candidate;
        let message = format!(
            "it was recorded of {} {} (sha256 {:.12}), and {} {} (sha256 {:.12}) is judged",
            who.name, who.version, who.digest.sha256, of.name, of.version, of.digest.sha256
        );
        wrong.push(("candidate", message, "record the candidate that is judged"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(times: Vec<u64>) -> LatencyFile {
        LatencyFile {
            schema: reports::LATENCY_SCHEMA.into(),
            candidate: CandidateRecord::default(),
            inputs: Vec::new(),
            warm_up: 50,
            batch: 1,
            failed: 0,
            clock: "monotonic".into(),
            pinned: None,
            machine: Default::default(),
            samples: LatencyFile::digest(&times),
            samples_ns: times,
        }
    }

    fn codes(document: &LatencyFile, of: Option<&CandidateRecord>) -> Vec<&'static str> {
        complaints(document, of).into_iter().map(|(code, ..)| code).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let sound = document((1..=1000).collect());
        assert!(codes(&sound, Some(&CandidateRecord::default())).is_empty());
        assert_eq!(codes(&document(vec![]), None), ["few"]);
        assert_eq!(codes(&document(vec![5; 10_001]), None), ["many"]);
        assert_eq!(codes(&document((0..1000).rev().collect()), None), ["order", "range"]);
        let other = CandidateRecord { digest: Digest::of("another"), ..CandidateRecord::default() };
        let changed = LatencyFile { samples_ns: (2..=1001).collect(), batch: 256, warm_up: 0, ..sound };
        assert_eq!(codes(&changed, Some(&other)), ["digest", "batch", "warm-up", "candidate"]);
    }

    #[test]
    fn a_file_that_is_none_is_told_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latency.json");
        let code = |path: &Path| Recorded::read("l", path, None).unwrap_err().0[0].code.to_string();
        assert_eq!(code(&path), "latency.file.read");
        std::fs::write(&path, "{\"schema\": \"gridgate/latency/2\"}").unwrap();
        assert!(code(&path).starts_with("document."), "{}", code(&path));
        std::fs::write(&path, reports::canonical_json(&document((1..=1000).collect())).unwrap()).unwrap();
        let read = Recorded::read("l", &path, None).unwrap();
        let short = read.in_short().unwrap();
        assert_eq!((short.calls, short.p50_ms, short.p99_ms, short.max_ms), (1000, 5e-4, 9.9e-4, 1e-3));
    }
}
