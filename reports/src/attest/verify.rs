//! Seals a run folder and checks it: every listed byte is covered by a digest.
//!
//! `manifest.json` covers every other file; `run.json` covers `evidence.json`; `evidence.json` covers the results beside
//! it and, by population, the scenarios that the episodes lived through. One changed byte breaks at least one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::document::{Document, canonical_json, read};
use crate::evidence::{
    Digest, Evidence, MANIFEST_SCHEMA, Manifest, PopulationRecord, RunRecord, Severity, Verdict,
};
use crate::problem::Problem;
use crate::waiver::{WaiverStatus, excused};

/// Name of the sealing file of a run folder.
pub const MANIFEST_FILE: &str = "manifest.json";
const EVIDENCE_FILE: &str = "evidence.json";
const RUN_FILE: &str = "run.json";
const EPISODES_FILE: &str = "episodes.jsonl";

/// A run folder whose every digest holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Digest of `evidence.json`.
    pub evidence: Digest,
    /// The suite's verdict, as the evidence states it.
    pub verdict: Verdict,
    /// Files whose digests were checked.
    pub files: usize,
    /// Scenario digests that were combined again into the digests of their populations.
    pub scenarios: u64,
    /// What is worth knowing and breaks nothing: files that no digest covers, checks that the folder gives no data for.
    pub notes: Vec<String>,
}

/// Digest of a population: SHA-256 over the digests of its scenarios in index order, each as 64 lower-case hexadecimal
/// digits followed by a newline.
pub fn population_digest<'a>(scenarios: impl IntoIterator<Item = &'a Digest>) -> Digest {
    let mut lines = String::new();
    for scenario in scenarios {
        lines.push_str(&scenario.sha256);
        lines.push('\n');
    }
    Digest::of(lines)
}

/// Writes `manifest.json` over all files in the folder. The last act of a run.
///
/// # Errors
/// `run.file.unreadable` and `run.file.unwritable`, with the file.
pub fn seal(run_dir: &Path) -> Result<Manifest, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut manifest = Manifest { schema: MANIFEST_SCHEMA.into(), files: BTreeMap::new() };
    for name in walk(run_dir, &mut problems) {
        if name == MANIFEST_FILE {
            continue;
        }
        match fs::read(run_dir.join(&name)) {
            Ok(bytes) => drop(manifest.files.insert(name, Digest::of(bytes))),
            Err(error) => problems.push(unreadable(&name, &error)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let bytes = canonical_json(&manifest).map_err(|problem| vec![problem.at(MANIFEST_FILE)])?;
    let (draft, path) = (run_dir.join("manifest.json.tmp"), run_dir.join(MANIFEST_FILE));
    fs::write(&draft, bytes)
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|error| vec![Problem::new("run.file.unwritable", error.to_string()).at(MANIFEST_FILE)])?;
    Ok(manifest)
}

/// Files in a run folder that its manifest does not list: what somebody put there after it was sealed.
///
/// # Errors
/// Where there is no manifest that can be read.
pub fn unlisted(run_dir: &Path) -> Result<Vec<String>, Vec<Problem>> {
    let mut check = Check { run_dir, problems: Vec::new(), covered: BTreeSet::new(), notes: Vec::new() };
    let Some((_, manifest)) = check.document::<Manifest>(MANIFEST_FILE) else { return Err(check.problems) };
    let present = walk(run_dir, &mut check.problems);
    let strange = |name: &String| name != MANIFEST_FILE && !manifest.files.contains_key(name);
    if check.problems.is_empty() {
        Ok(present.into_iter().filter(strange).collect())
    } else {
        Err(check.problems)
    }
}

/// Documents of sealed folders that are no runs.
const OTHERS: [&str; 3] = ["contingencies.json", "hunt.json", "study.json"];

/// Checks every digest of a sealed folder that holds another document than a run's: its name, and how many files hold. `None` where the
/// folder says of itself that it is a run, or nothing.
///
/// # Errors
/// All problems that were found.
pub fn verify_other(folder: &Path) -> Option<Result<(&'static str, usize), Vec<Problem>>> {
    let mut check =
        Check { run_dir: folder, problems: Vec::new(), covered: BTreeSet::new(), notes: Vec::new() };
    let (bytes, manifest) = check.document::<Manifest>(MANIFEST_FILE)?;
    let is_run = manifest.files.contains_key(EVIDENCE_FILE) || folder.join(EVIDENCE_FILE).exists();
    let document = OTHERS.into_iter().find(|name| !is_run && manifest.files.contains_key(*name))?;
    if canonical_json(&manifest).ok().as_ref() != Some(&bytes) {
        let message = "the manifest is not written the way sealing writes it";
        check.problems.push(Problem::new("run.manifest.not-canonical", message).at(MANIFEST_FILE));
    }
    check.listed(&manifest.files, MANIFEST_FILE);
    Some(if check.problems.is_empty() { Ok((document, check.covered.len())) } else { Err(check.problems) })
}

/// Checks every digest of a run folder.
///
/// # Errors
/// All problems that were found, not only the first: missing, changed or unreadable files, documents of another version,
/// scenarios that do not add up to their population.
pub fn verify(run_dir: &Path) -> Result<Verified, Vec<Problem>> {
    let mut check = Check { run_dir, problems: Vec::new(), covered: BTreeSet::new(), notes: Vec::new() };
    let present = walk(run_dir, &mut check.problems);

    if let Some((bytes, manifest)) = check.document::<Manifest>(MANIFEST_FILE) {
        // Nothing else covers the manifest, so it has to be exactly what sealing would write.
        if canonical_json(&manifest).ok().as_ref() != Some(&bytes) {
            check.problems.push(
                Problem::new(
                    "run.manifest.not-canonical",
                    "the manifest is not written the way sealing writes it",
                )
                .at(MANIFEST_FILE),
            );
        }
        check.listed(&manifest.files, MANIFEST_FILE);
        for name in [EVIDENCE_FILE, RUN_FILE] {
            if !manifest.files.contains_key(name) {
                check.problems.push(
                    Problem::new("run.manifest.incomplete", format!("{MANIFEST_FILE} does not list {name}"))
                        .at(MANIFEST_FILE),
                );
            }
        }
    }
    let evidence = check.document::<Evidence>(EVIDENCE_FILE);
    let run = check.document::<RunRecord>(RUN_FILE);
    let mut scenarios = 0;
    if let Some((bytes, evidence)) = &evidence {
        let digest = Digest::of(bytes);
        if let Some((_, run)) = &run {
            check.covered.insert(EVIDENCE_FILE.into());
            if run.evidence != digest {
                check.problems.push(changed(EVIDENCE_FILE, RUN_FILE, &run.evidence, &digest));
            }
        }
        check.listed(&evidence.files, EVIDENCE_FILE);
        check.waivers(evidence);
        scenarios = check.populations(evidence);
    }
    for name in present {
        if name != MANIFEST_FILE && !check.covered.contains(&name) {
            check.notes.push(format!("{name} is not listed by any digest"));
        }
    }
    match evidence {
        Some((bytes, evidence)) if check.problems.is_empty() => Ok(Verified {
            evidence: Digest::of(bytes),
            verdict: evidence.verdict,
            files: check.covered.len(),
            scenarios,
            notes: check.notes,
        }),
        _ => Err(check.problems),
    }
}

struct Check<'a> {
    run_dir: &'a Path,
    problems: Vec<Problem>,
    covered: BTreeSet<String>,
    notes: Vec<String>,
}

impl Check<'_> {
    fn document<T: Document>(&mut self, name: &str) -> Option<(Vec<u8>, T)> {
        let bytes = match fs::read(self.run_dir.join(name)) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.problems.push(unreadable(name, &error));
                return None;
            }
        };
        match read::<T>(&bytes) {
            Ok(document) => Some((bytes, document)),
            Err(problem) => {
                self.problems.push(problem.at(name));
                None
            }
        }
    }

    /// Compares every file that `by` lists with the digest given there.
    fn listed(&mut self, files: &BTreeMap<String, Digest>, by: &str) {
        for (name, digest) in files {
            if !is_inside(name) {
                self.problems.push(
                    Problem::new("run.file.outside", format!("{by} lists {name:?}, outside the run folder"))
                        .at(by),
                );
                continue;
            }
            self.covered.insert(name.clone());
            match fs::read(self.run_dir.join(name)) {
                Ok(bytes) => {
                    let found = Digest::of(bytes);
                    if found != *digest {
                        self.problems.push(changed(name, by, digest, &found));
                    }
                }
                Err(error) => self.problems.push(unreadable(name, &error)),
            }
        }
    }

    /// Checks the signature and the day of every waiver that was applied, and that they excuse what the evidence says they do.
    fn waivers(&mut self, evidence: &Evidence) {
        for record in &evidence.waivers {
            if let Some(wrong) = record.contradiction(&evidence.suite, &evidence.candidate) {
                let message = format!("the waiver of gate {:?} does not hold: {wrong}", record.waiver.gate);
                self.problems.push(Problem::new("run.waiver", message).at(EVIDENCE_FILE));
            } else if record.status == WaiverStatus::Applied {
                self.notes.push(format!(
                    "gate {:?} is waived by {} until {}; signed with the key {}: compare it with the one you trust",
                    record.waiver.gate, record.waiver.who, record.waiver.expires, record.key
                ));
            }
        }
        let excused = excused(&evidence.gates, &evidence.waivers);
        let open = excused
            .iter()
            .any(|&(severity, verdict)| severity == Severity::Required && verdict != Verdict::Pass);
        if evidence.verdict_as_waived == Some(Verdict::Pass) && open {
            let message =
                "the evidence says that every failure is waived, and its waivers do not excuse every one";
            self.problems.push(Problem::new("run.waiver", message).at(EVIDENCE_FILE));
        }
    }

    /// Combines the scenario digests of the episodes again; answers how many there were.
    fn populations(&mut self, evidence: &Evidence) -> u64 {
        if !evidence.files.contains_key(EPISODES_FILE) {
            self.notes
                .push(format!("no {EPISODES_FILE}: the digests of the populations were not recomputed"));
            return 0;
        }
        // Unreadable is already a problem of the list above.
        let Ok(bytes) = fs::read(self.run_dir.join(EPISODES_FILE)) else { return 0 };
        let Some(episodes) = self.episodes(&bytes) else { return 0 };
        if episodes.is_empty() {
            self.notes
                .push(format!("the lines of {EPISODES_FILE} name no scenarios: populations not recomputed"));
            return 0;
        }
        let mut total = 0;
        for population in &evidence.populations {
            let empty = BTreeMap::new();
            let scenarios = episodes.get(&population.id).unwrap_or(&empty);
            self.population(population, scenarios);
            total += scenarios.len() as u64;
        }
        for id in episodes.keys() {
            if evidence.populations.iter().all(|population| population.id != *id) {
                let message = format!("episodes of population {id:?}, which the evidence does not name");
                self.problems
                    .push(Problem::new("run.episodes.unknown-population", message).at(EPISODES_FILE));
            }
        }
        total
    }

    fn population(&mut self, population: &PopulationRecord, scenarios: &BTreeMap<u64, Digest>) {
        let id = &population.id;
        let whole = scenarios.len() as u64 == population.n && scenarios.keys().copied().eq(0..population.n);
        if !whole {
            let message = format!(
                "population {id:?} is episodes 0 to n-1 with n = {}, but the file holds {} of them",
                population.n,
                scenarios.keys().filter(|&&index| index < population.n).count(),
            );
            self.problems.push(Problem::new("run.episodes.incomplete", message).at(EPISODES_FILE));
            return;
        }
        let found = population_digest(scenarios.values());
        if found != population.digest {
            let message = format!(
                "the scenarios of population {id:?} combine to {}, the evidence says {}",
                found.sha256, population.digest.sha256
            );
            self.problems.push(Problem::new("run.episodes.other-scenarios", message).at(EPISODES_FILE));
        }
    }

    /// Population -> index -> scenario digest, of the lines that name one.
    fn episodes(&mut self, bytes: &[u8]) -> Option<BTreeMap<String, BTreeMap<u64, Digest>>> {
        let mut episodes: BTreeMap<String, BTreeMap<u64, Digest>> = BTreeMap::new();
        let before = self.problems.len();
        for (line, text) in
            bytes.split(|&byte| byte == b'\n').enumerate().filter(|(_, text)| !text.is_empty())
        {
            let place = format!("{EPISODES_FILE}:{}", line + 1);
            let episode = match serde_json::from_slice::<EpisodeLine>(text) {
                Ok(episode) => episode,
                Err(error) => {
                    self.problems.push(Problem::new("run.episodes.malformed", error.to_string()).at(place));
                    continue;
                }
            };
            let Some(scenario) = episode.scenario else { continue };
            let scenario = scenario.digest();
            if !scenario.is_well_formed() {
                let message = format!("{:?} is not a SHA-256 digest", scenario.sha256);
                self.problems.push(Problem::new("run.episodes.malformed", message).at(place));
                continue;
            }
            let of_population = episodes.entry(episode.population).or_default();
            // Candidate and comparator may each have a line, but they live through the same scenario.
            if *of_population.entry(episode.index).or_insert_with(|| scenario.clone()) != scenario {
                let message = format!("index {} stands for two different scenarios", episode.index);
                self.problems.push(Problem::new("run.episodes.ambiguous", message).at(place));
            }
        }
        (self.problems.len() == before).then_some(episodes)
    }
}

/// What verification reads of a line of `episodes.jsonl`; the line holds more.
#[derive(serde::Deserialize)]
struct EpisodeLine {
    population: String,
    index: u64,
    scenario: Option<ScenarioName>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum ScenarioName {
    Digest(Digest),
    Hexadecimal(String),
}

impl ScenarioName {
    fn digest(self) -> Digest {
        match self {
            Self::Digest(digest) => digest,
            Self::Hexadecimal(sha256) => Digest { sha256 },
        }
    }
}

fn changed(name: &str, by: &str, expected: &Digest, found: &Digest) -> Problem {
    let message = format!("{by} says sha256 {}, the file has {}", expected.sha256, found.sha256);
    Problem::new("run.file.changed", message).at(name)
}

fn unreadable(name: &str, error: &std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            Problem::new("run.file.missing", format!("{name} is missing")).at(name)
        }
        _ => Problem::new("run.file.unreadable", error.to_string()).at(name),
    }
}

/// Whether a listed name stays inside the folder: relative, `/` between plain names.
fn is_inside(name: &str) -> bool {
    !name.contains(['\\', ':']) && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Paths of all files below the folder, with `/`, sorted.
fn walk(run_dir: &Path, problems: &mut Vec<Problem>) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(run_dir.join(&folder)) {
            Ok(entries) => entries,
            Err(error) => {
                problems.push(unreadable(if folder.is_empty() { "." } else { &folder }, &error));
                continue;
            }
        };
        for entry in entries.flatten() {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                let message = format!("the name {:?} is not UTF-8", entry.file_name());
                problems.push(Problem::new("run.file.unreadable", message));
                continue;
            };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else {
                files.insert(path);
            }
        }
    }
    files
}
