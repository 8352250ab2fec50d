//! The folder of a run: written beside its final place, renamed when it is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use powerflow::{Diagnostic, Diagnostics, Index, Network, ReactiveLimits, Slack};
use reports::{
    CandidateRecord, Digest, EVIDENCE_SCHEMA, EpisodeRecord, Evidence, LatencyTally, NETWORK_SCHEMA,
    NetworkRecord, PopulationRecord, Problem, RUN_SCHEMA, RunRecord, Verdict, WaiverRecord, WaiverStatus,
};

use super::assumed::{assumptions, gave_up};
use super::journal::{BLOCKS, partial_folder};
use super::judge;
use super::local::{Simulated, cannot_write};
use super::recorded::{Kept, trajectory_name};
use super::tested;
use super::{Completed, ListedFile, Prepared, RunOptions};
use crate::gate;
use crate::trajectory::Episode;
use reports::evidence::TechniqueRecord;
use reports::redact::Redactor;
use reports::waiver::excused;
use scenarios::hazard;
use scenarios::technique::{self, Technique};

/// Name of the copied case inside a run folder, without its extension.
pub(super) const GRID_COPY: &str = "inputs/grid";
/// Name of the copied suite inside a run folder, without its extension.
pub(crate) const SUITE_COPY: &str = "inputs/suite";
/// Name of the copied record of times inside a run folder, without its extension.
pub(super) const LATENCY_COPY: &str = "inputs/latency";
/// The candidate's episodes.
pub(super) const EPISODES: &str = "episodes.jsonl";
/// The tested region.
const ENVELOPE: &str = "envelope.json";
/// The comparator's episodes.
const CHAMPION_EPISODES: &str = "champion_episodes.jsonl";

/// Refuses a place for results where something would be lost that is not of an earlier run of the same kind: `document` is what such a
/// run leaves there.
///
/// # Errors
/// `run.out` where the folder exists and holds anything that no earlier run wrote, or where an unfinished run would keep
/// its record in a folder that is not one's own.
pub fn check_out(out: &Path, document: &str) -> Result<(), Diagnostics> {
    let refuse = |at: &Path, message: String| {
        Err(Diagnostic::error("run.out", message)
            .at(at.display().to_string(), None)
            .hint("choose another folder with --out")
            .into())
    };
    // `.`, `..` and `/` cannot be replaced by a finished run, which is how results appear.
    if out.file_name().is_none() {
        return refuse(out, "the folder for the results needs a name of its own".into());
    }
    let partial = partial_folder(out);
    let empty = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if partial.exists() && !partial.join(BLOCKS).is_file() && !empty(&partial) {
        return refuse(
            &partial,
            "an unfinished run keeps its record here, and something else is here".into(),
        );
    }
    match fs::read_dir(out) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => refuse(out, format!("the folder for the results cannot be used: {error}")),
        Ok(_) if empty(out) => Ok(()),
        Ok(_) => match reports::unlisted(out) {
            Err(_) => refuse(out, "the folder for the results holds something that is not a run".into()),
            Ok(strange) if strange.is_empty() && out.join(document).exists() => Ok(()),
            Ok(strange) if strange.is_empty() => {
                refuse(out, format!("the folder holds results of another kind: there is no {document} in it"))
            }
            Ok(strange) => refuse(
                out,
                format!(
                    "the folder for the results holds what no run wrote and the next one would remove: {}",
                    strange.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ")
                ),
            ),
        },
    }
}

/// Refuses results inside the candidate's own folder: they would change its digest, so that no second run would be about
/// the same candidate.
///
/// # Errors
/// `run.out`.
pub fn check_apart(out: &Path, candidate: &dyn crate::candidate::Source) -> Result<(), Diagnostics> {
    let Some(home) = candidate.home() else { return Ok(()) };
    // The nearest folder above the results that exists: the rest will be made below it.
    let real = out.ancestors().skip(1).find_map(|above| {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        above.canonicalize().ok()
    });
    if real.is_some_and(|real| real.starts_with(&home)) {
        let message = "the results would lie in the candidate's folder, all of which is part of its digest";
        return Err(Diagnostic::error("run.out", message)
            .at(out.display().to_string(), None)
            .hint("choose another folder with --out, or give the candidate.toml and its files a folder of their own")
            .into());
    }
    Ok(())
}

pub(super) fn write(
    prepared: &Prepared,
    options: &RunOptions,
    simulated: &Simulated,
    kept: Kept,
) -> Result<Completed, Diagnostics> {
    let partial = partial_folder(&options.out);
    let staging = partial.join("complete");
    remove(&staging)?;
    let mut folder = Staged { root: staging.clone(), files: BTreeMap::new() };
    folder.put(&copy_name(SUITE_COPY, Path::new(&prepared.suite.file)), &prepared.suite_bytes)?;
    folder.put(&copy_name(GRID_COPY, &prepared.suite.grid_path), &prepared.grid_bytes)?;
    for beside in &prepared.beside {
        folder.put(&format!("inputs/{}", beside.file.copy_name()), &beside.bytes)?;
    }
    if let Some(recorded) = prepared.latency.as_ref().and_then(|latency| latency.recorded.as_ref()) {
        folder.put(&format!("{LATENCY_COPY}.json"), &recorded.bytes)?;
    }
    for file in &prepared.listed {
        folder.put(&format!("inputs/{}", ListedFile::copy_name(&file.population)), &file.bytes)?;
    }
    let network = network_record(&prepared.network);
    folder.put("network.json", &json(&network)?)?;
    folder.put(EPISODES, &lines(simulated.populations.iter().flat_map(|p| &p.candidate))?)?;
    if !prepared.champions.is_empty() {
        let champion = lines(simulated.populations.iter().flat_map(|p| p.champions.iter().flatten()))?;
        folder.put(CHAMPION_EPISODES, &champion)?;
    }
    for episode in &kept.episodes {
        folder.put(&trajectory_name(&episode.population, episode.index), &json(episode)?)?;
    }
    folder.put(ENVELOPE, &json(&tested::envelope(prepared, simulated, tally(simulated).effect_max_ns))?)?;
    let presented = options.waivers.as_ref().map(|waivers| {
        waivers.present(&prepared.suite.name, &prepared.candidate.record(), &kept.verdicts.gates)
    });
    let evidence = evidence(prepared, simulated, &kept, folder.files.clone(), presented.unwrap_or_default());
    let evidence_bytes = json(&evidence)?;
    folder.put("evidence.json", &evidence_bytes)?;
    let run = run_record(prepared, options, simulated, Digest::of(&evidence_bytes));
    folder.put("run.json", &json(&run)?)?;

    let report = reports::compose(evidence.clone(), Some(run.clone()), Some(network), kept.episodes);
    derived(&mut folder, &report)?;
    reports::seal(&staging).map_err(problems)?;
    publish(&staging, &options.out, &partial.join("replaced"))?;
    remove(&partial)?;
    Ok(Completed {
        evidence,
        run,
        report,
        out: options.out.clone(),
        resumed_blocks: simulated.resumed_blocks,
        warnings: simulated.warnings.clone(),
    })
}

/// Everything that is rendered from the evidence.
fn derived(folder: &mut Staged, report: &reports::Report) -> Result<(), Diagnostics> {
    let of = |p: Problem| problems(vec![p]);
    folder.put("report.html", reports::render::html::render(report).map_err(of)?.as_bytes())?;
    folder.put("summary.txt", reports::render::text::render(report, false).as_bytes())?;
    folder.put("summary.md", reports::render::markdown::render(report).as_bytes())?;
    folder.put("junit.xml", reports::render::junit::render(report).map_err(of)?.as_bytes())?;
    folder.put("results.sarif", &reports::render::sarif::render(report).map_err(of)?)
}

/// Refuses a folder that is no run, as opposed to a run in which something is missing.
///
/// # Errors
/// `run.folder`.
pub fn check_run(run_dir: &Path) -> Result<(), Diagnostics> {
    let what = if !run_dir.is_dir() {
        "there is no such folder"
    } else if !run_dir.join("manifest.json").exists() && !run_dir.join("evidence.json").exists() {
        // Where neither is left nothing says that this was ever a run.
        "the folder holds no run"
    } else if reports::verify_other(run_dir).is_some() {
        "the folder holds a study, and no run"
    } else {
        return Ok(());
    };
    Err(Diagnostic::error("run.folder", what)
        .at(run_dir.display().to_string(), None)
        .hint("name the folder that `gridgate run` wrote, such as runs/NAME")
        .into())
}

/// Names of the files that [`derived`] writes.
const DERIVED: [&str; 5] = ["report.html", "summary.txt", "summary.md", "junit.xml", "results.sarif"];

/// Builds the report of a run folder again, from its evidence alone.
///
/// # Errors
/// Where a document is missing, malformed or of another version, or where a digest of what the report is made of does
/// not hold: a report must not repeat, and sealing anew not bless, what somebody changed.
pub fn reread(run_dir: &Path) -> Result<reports::Report, Diagnostics> {
    let (evidence, run, network, episodes) = reread_parts(run_dir)?;
    Ok(reports::compose(evidence, Some(run), Some(network), episodes))
}

/// The same for readers who may not know the network.
///
/// # Errors
/// As [`reread`].
pub fn reread_redacted(run_dir: &Path, redactor: &Redactor) -> Result<reports::Report, Diagnostics> {
    let (evidence, run, network, episodes) = reread_parts(run_dir)?;
    Ok(redactor.report(evidence, Some(run), Some(&network), episodes))
}

/// Reads the key that elements are renamed with.
///
/// # Errors
/// `redact.read`, `redact.key`.
pub fn redactor(key: &Path) -> Result<Redactor, Diagnostics> {
    let bytes = fs::read(key).map_err(|error| {
        Diagnostic::error("redact.read", format!("the key cannot be read: {error}"))
            .at(key.display().to_string(), None)
    })?;
    Redactor::new(&bytes).map_err(|problem| problems(vec![problem.at(key.display().to_string())]))
}

/// Writes a redacted report into a folder of its own: everything that [`derived`] writes, and the evidence without its grid. It is an
/// extract, so it is not sealed.
///
/// # Errors
/// `run.out` where the folder holds anything else, `run.write` where it cannot be written.
pub fn write_redacted(report: &reports::Report, out: &Path) -> Result<(), Diagnostics> {
    let ours = |name: &str| DERIVED.contains(&name) || name == "evidence.json";
    let strange = fs::read_dir(out)
        .into_iter()
        .flatten()
        .flatten()
        .find(|entry| entry.file_name().to_str().is_none_or(|name| !ours(name)));
    if let Some(entry) = strange {
        let message = "the folder for the redacted report holds something else";
        return Err(Diagnostic::error("run.out", message)
            .at(entry.path().display().to_string(), None)
            .hint("choose another folder with --out")
            .into());
    }
    let mut folder = Staged { root: out.to_owned(), files: BTreeMap::new() };
    derived(&mut folder, report)?;
    folder.put("evidence.json", &json(&report.evidence)?)
}

fn reread_parts(
    run_dir: &Path,
) -> Result<(Evidence, RunRecord, NetworkRecord, Vec<EpisodeRecord>), Diagnostics> {
    if let Err(mut found) = reports::verify(run_dir) {
        found.retain(|p| !p.file.as_deref().is_some_and(|file| DERIVED.contains(&file)));
        if !found.is_empty() {
            return Err(problems(found));
        }
    }
    let evidence: Evidence = document(run_dir, "evidence.json")?;
    let run: RunRecord = document(run_dir, "run.json")?;
    let network: NetworkRecord = document(run_dir, "network.json")?;
    let mut episodes: Vec<EpisodeRecord> = Vec::new();
    for name in evidence.files.keys().filter(|n| n.starts_with("trajectories/")) {
        episodes.push(document(run_dir, name)?);
    }
    Ok((evidence, run, network, episodes))
}

/// Renders a run folder's report again, into its files, and seals it anew.
///
/// # Errors
/// As [`reread`], and where the folder cannot be written.
pub fn render_again(run_dir: &Path) -> Result<reports::Report, Diagnostics> {
    let report = reread(run_dir)?;
    let mut folder = Staged { root: run_dir.to_owned(), files: BTreeMap::new() };
    derived(&mut folder, &report)?;
    reports::seal(run_dir).map_err(problems)?;
    Ok(report)
}

/// Reads a document of a run folder.
pub(crate) fn document<T: reports::Document>(run_dir: &Path, name: &str) -> Result<T, Diagnostics> {
    let path = run_dir.join(name);
    let bytes = fs::read(&path).map_err(|error| {
        Diagnostics::from(
            Diagnostic::error("run.folder", format!("{name} cannot be read: {error}"))
                .at(path.display().to_string(), None)
                .hint("name the folder that `gridgate run` wrote, such as runs/NAME"),
        )
    })?;
    reports::read(&bytes).map_err(|problem| problems(vec![problem.at(path.display().to_string())]))
}

/// Complaints of the reports crate as ours.
pub fn problems(found: Vec<Problem>) -> Diagnostics {
    Diagnostics(
        found
            .into_iter()
            .map(|p| {
                let mut diagnostic = Diagnostic::error(p.code, p.message);
                if let Some(file) = p.file {
                    diagnostic = diagnostic.at(file, None);
                }
                if let Some(hint) = p.hint {
                    diagnostic = diagnostic.hint(hint);
                }
                diagnostic
            })
            .collect(),
    )
}

/// Files on their way into a folder, with their digests.
pub(crate) struct Staged {
    pub(crate) root: PathBuf,
    pub(crate) files: BTreeMap<String, Digest>,
}

impl Staged {
    /// Writes to a temporary name, then renames: a name in the folder is always a whole file.
    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Diagnostics> {
        let path = self.root.join(name);
        let put = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            std::io::Write::write_all(&mut file, bytes)?;
            file.as_file().sync_all()?;
            // Temporary files are private; results are for everybody who may read the folder.
            #[cfg(unix)]
            fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            file.persist(&path).map_err(|e| e.error)?;
            Ok(())
        };
        put().map_err(|error| cannot_write(&path, &error))?;
        self.files.insert(name.to_owned(), Digest::of(bytes));
        Ok(())
    }
}

pub(crate) fn remove(folder: &Path) -> Result<(), Diagnostics> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot_write(folder, &error)),
        _ => Ok(()),
    }
}

/// Puts the new folder in the place of the old one. Between the two renames a reader finds no folder, never half a one.
pub(crate) fn publish(staging: &Path, out: &Path, replaced: &Path) -> Result<(), Diagnostics> {
    remove(replaced)?;
    if out.exists() {
        fs::rename(out, replaced).map_err(|error| cannot_write(out, &error))?;
    }
    fs::rename(staging, out).map_err(|error| cannot_write(out, &error))
}

/// `inputs/suite.toml` and the like: the copy keeps the extension, by which formats are told apart.
fn copy_name(stem: &str, original: &Path) -> String {
    match original.extension() {
        Some(extension) => format!("{stem}.{}", extension.to_string_lossy()),
        None => stem.to_owned(),
    }
}

pub(crate) fn json<T: serde::Serialize>(document: &T) -> Result<Vec<u8>, Diagnostics> {
    reports::canonical_json(document).map_err(|problem| problems(vec![problem]))
}

fn lines<'a>(episodes: impl Iterator<Item = &'a Episode>) -> Result<Vec<u8>, Diagnostics> {
    let mut bytes = Vec::new();
    for episode in episodes {
        bytes.extend(reports::canonical_line(episode).map_err(|problem| problems(vec![problem]))?);
    }
    Ok(bytes)
}

fn evidence(
    prepared: &Prepared,
    simulated: &Simulated,
    kept: &Kept,
    files: BTreeMap<String, Digest>,
    waivers: Vec<WaiverRecord>,
) -> Evidence {
    let suite = &prepared.suite;
    let verdict = kept.verdicts.suite;
    Evidence {
        schema: EVIDENCE_SCHEMA.into(),
        suite: suite.name.clone(),
        seed: suite.seed,
        verdict,
        reason: reason(kept, prepared.by_the_clock(), simulated.out_of_time),
        claim: suite.claim_sentence(),
        candidate: prepared.candidate.record(),
        champion: prepared.champions.first().map(|c| -> CandidateRecord { c.record() }),
        other_champions: prepared.champions.iter().skip(1).map(|c| c.record()).collect(),
        engine: BTreeMap::from([
            ("program".into(), "gridgate".into()),
            ("version".into(), env!("CARGO_PKG_VERSION").into()),
            ("numeric".into(), "f64, fused multiply-add, fixed order".into()),
        ]),
        inputs: prepared.inputs(),
        settings: settings(prepared),
        populations: populations(prepared, simulated),
        gates: kept.verdicts.gates.clone(),
        measurements: judge::measurements(prepared, simulated),
        files,
        covers: crate::covers::of(&prepared.config, prepared.latency.as_deref()),
        assumptions: assumptions(prepared, simulated, kept),
        variants: kept.verdicts.variants.clone(),
        fidelity: fidelity(prepared, simulated),
        envelope: tested::extremes(&simulated.envelope.region),
        limits: limits(prepared, simulated, kept),
        latency: prepared.latency.as_ref().map(|latency| latency.record(tally(simulated))),
        supervision: tested::supervision(prepared, simulated),
        challenges: super::challenge::challenges(prepared, simulated),
        tier: prepared.tier.as_ref().map(|tier| tier.name.to_owned()),
        verdict_as_waived: as_waived(kept, &waivers, prepared.by_the_clock() || simulated.out_of_time),
        waivers,
    }
}

/// The verdict with waived failures counted as passed, where a waiver was applied. A pass is held to what every pass is held to: it must be
/// repeatable, and no clock may have decided it.
fn as_waived(kept: &Kept, waivers: &[WaiverRecord], by_the_clock: bool) -> Option<Verdict> {
    waivers.iter().any(|waiver| waiver.status == WaiverStatus::Applied).then(|| {
        match gate::suite_verdict(&excused(&kept.verdicts.gates, waivers)) {
            Verdict::Pass if by_the_clock || !kept.unrepeatable.is_empty() => Verdict::Undecided,
            verdict => verdict,
        }
    })
}

/// What became of all of the candidate's decisions.
fn tally(simulated: &Simulated) -> LatencyTally {
    let mut all = LatencyTally::default();
    for episode in simulated.populations.iter().flat_map(|population| &population.candidate) {
        all.add(&episode.latency.unwrap_or_default());
    }
    all
}

fn reason(kept: &Kept, by_the_clock: bool, out_of_time: bool) -> String {
    let ids = |verdict: Verdict| -> Vec<&str> {
        let of = |g: &&reports::GateRecord| g.verdict == verdict && g.severity == reports::Severity::Required;
        kept.verdicts.gates.iter().filter(of).map(|g| g.id.as_str()).collect()
    };
    let required = kept.verdicts.gates.iter().filter(|g| g.severity == reports::Severity::Required).count();
    match kept.verdicts.suite {
        Verdict::Pass => format!("all {required} required gates hold"),
        Verdict::Fail => format!("required gates fail: {}", ids(Verdict::Fail).join(", ")),
        Verdict::Undecided if out_of_time && ids(Verdict::Undecided).is_empty() => {
            "all required gates hold, but the time of the tier was over before its episodes were run".into()
        }
        Verdict::Undecided if by_the_clock && ids(Verdict::Undecided).is_empty() => {
            "all required gates hold, but delays are those of this run's clock: nobody could verify it".into()
        }
        Verdict::Undecided if ids(Verdict::Undecided).is_empty() => {
            "all required gates hold, but the candidate does not repeat itself: nobody could verify it".into()
        }
        Verdict::Undecided => {
            format!("required gates are undecided: {}", ids(Verdict::Undecided).join(", "))
        }
        Verdict::Error | Verdict::Skipped => {
            let mut broken = ids(Verdict::Error);
            broken.extend(ids(Verdict::Skipped));
            format!("gates that could not be evaluated: {}", broken.join(", "))
        }
    }
}

fn settings(prepared: &Prepared) -> BTreeMap<String, String> {
    let (suite, config) = (&prepared.suite, &prepared.config);
    let mut settings = BTreeMap::from([
        ("task".to_owned(), config.task.id().to_owned()),
        ("step_s".into(), config.step_s.to_string()),
        ("steps".into(), config.steps.to_string()),
        ("observe".into(), suite.loop_config.observe.id().into()),
        ("alpha".into(), suite.alpha.to_string()),
        ("tolerance_pu".into(), config.newton.tolerance_pu.to_string()),
        (
            "reactive_limits".into(),
            match config.newton.reactive_limits {
                ReactiveLimits::Enforce => "enforce".into(),
                ReactiveLimits::Ignore => "ignore".into(),
            },
        ),
        (
            "slack".into(),
            match config.newton.slack {
                Slack::Distributed => "distributed".into(),
                Slack::Single => "single".into(),
            },
        ),
        ("cooldown_s".into(), config.rules.cooldown_s.to_string()),
        ("screening".into(), suite.screening.to_string()),
    ]);
    if let Some(tier) = &prepared.tier {
        let whole = || "as the suite says".to_owned();
        settings.insert("tier.size_max".into(), tier.size_max.map_or_else(whole, |n| n.to_string()));
        settings.extend(tier.minutes.map(|minutes| ("tier.minutes".to_owned(), minutes.to_string())));
    }
    if let Some(share) = config.rules.ramp_share_per_min {
        settings.insert("ramp_share_per_min".into(), share.to_string());
    }
    match &config.rules.protection {
        None => drop(settings.insert("protection".into(), "none".into())),
        Some(protection) => {
            settings.insert("protection".into(), "protection".into());
            settings.extend(protection.settings.in_words());
        }
    }
    match &config.rules.frequency {
        None => drop(settings.insert("frequency".into(), "static".into())),
        Some(elements) => {
            settings.insert("frequency".into(), "dynamic".into());
            settings.extend(elements.in_words());
        }
    }
    if let Some(autonomous) = &config.rules.autonomous {
        settings.extend(autonomous.settings.in_words());
    }
    settings.extend(config.sensing.iter().flat_map(|sensing| sensing.settings.in_words(sensing.observe)));
    settings.extend(suite.limiter.iter().flat_map(|limiter| limiter.in_words()));
    settings.extend(suite.advisory.iter().flat_map(|advisory| advisory.in_words()));
    if suite.champion == Some(crate::suite::Champion::Operator) {
        let models: Vec<&str> = suite.operators.models.iter().map(|model| model.id()).collect();
        settings.insert("operator".into(), models.join(", "));
        settings.insert("operator_delay_s".into(), suite.operators.settings.delay_s.to_string());
    }
    settings
}

/// What attackers among the hazards of a population do: each technique once, by number.
fn techniques(population: &scenarios::Population) -> Vec<TechniqueRecord> {
    let kinds = population.hazards.iter().map(|hazard| hazard.kind());
    let entries = kinds.filter_map(|kind| hazard::LIST.iter().find(|entry| entry.name == kind));
    let ids: BTreeSet<&str> = entries.flat_map(|entry| entry.techniques.iter().copied()).collect();
    let record = |technique: &Technique| TechniqueRecord {
        id: technique.id.into(),
        id_v18: technique.id_v18.map(str::to_owned),
        name: technique.name.into(),
    };
    ids.into_iter().filter_map(technique::find).map(record).collect()
}

fn populations(prepared: &Prepared, simulated: &Simulated) -> Vec<PopulationRecord> {
    let record = |(population, own): (&scenarios::Population, &super::local::SimulatedPopulation)| {
        let digests: Vec<Digest> =
            own.candidate.iter().map(|e| Digest { sha256: e.scenario.clone() }).collect();
        let mut outcomes = BTreeMap::new();
        for episode in &own.candidate {
            *outcomes.entry(episode.outcome.id().to_owned()).or_insert(0) += 1;
        }
        PopulationRecord {
            id: population.id.clone(),
            digest: reports::population_digest(&digests),
            n: own.candidate.len() as u64,
            size_max: population.size_max,
            listed: population.listed(&prepared.world()).is_some(),
            hazards: population.hazards.iter().map(|h| h.describe()).collect(),
            techniques: techniques(population),
            outcomes,
        }
    };
    prepared.populations.iter().zip(&simulated.populations).map(record).collect()
}

fn fidelity(prepared: &Prepared, simulated: &Simulated) -> BTreeMap<String, String> {
    let envelope = &simulated.envelope;
    let episodes = simulated.populations.iter().flat_map(|p| &p.candidate);
    let doubtful = episodes.filter(|e| e.numerically_doubtful).count();
    BTreeMap::from([
        ("power_flow".to_owned(), "Newton, polar-equivalent 2x2 blocks, f64".to_owned()),
        ("tolerance_pu".into(), prepared.config.newton.tolerance_pu.to_string()),
        ("power_flows".into(), envelope.solves.to_string()),
        ("power_flows_from_another_start".into(), envelope.rescued.to_string()),
        ("largest_mismatch_pu".into(), format!("{:.1e}", envelope.mismatch_pu)),
        (
            "audit".into(),
            "every solution was balanced again, bus by bus, from the rows of the case by code apart from the solver"
                .into(),
        ),
        ("episodes_the_solver_gave_up".into(), gave_up(simulated).to_string()),
        ("episodes_numerically_doubtful".into(), doubtful.to_string()),
        ("power_flows_with_unsettled_limits".into(), envelope.unsettled.to_string()),
    ])
}

/// Blocked relays that are named.
const BLOCKED_SHOWN: usize = 8;

fn limits(prepared: &Prepared, simulated: &Simulated, kept: &Kept) -> Vec<String> {
    let mut limits = prepared.candidate.notes();
    if prepared.suite.screening {
        limits.push("this suite is a screening: its physics is too simple to release a candidate".into());
    }
    let rules = &prepared.config.rules;
    let relays = rules.protection.iter().flat_map(|protection| &protection.blocked);
    let schemes = rules.autonomous.iter().flat_map(|autonomous| &autonomous.blocked);
    let blocked: Vec<&str> = relays.chain(schemes).map(String::as_str).collect();
    if !blocked.is_empty() {
        limits.push(format!(
            "{} relays would have acted before anything happened, and are blocked until what they see has been inside its limits \
             once: {}{}",
            blocked.len(),
            blocked[..blocked.len().min(BLOCKED_SHOWN)].join(", "),
            if blocked.len() > BLOCKED_SHOWN { ", and others" } else { "" }
        ));
    }
    if prepared.by_the_clock() {
        limits.push("delays are those of this run's clock (source = \"wallclock\"): for exploration, never for a release".into());
    }
    if prepared.populations.iter().any(|population| prepared.margin_max_ms(&population.id).is_some()) {
        limits.push("in the search for latency margins an episode in which the solver gives up counts as one that loses load".into());
    }
    if !kept.unrepeatable.is_empty() {
        limits.push(format!(
            "the candidate did not decide the same again in {} of the episodes that were repeated ({}): its verdict \
             cannot be reproduced",
            kept.unrepeatable.len(),
            kept.unrepeatable.join(", ")
        ));
    }
    if let (true, Some(minutes)) =
        (simulated.out_of_time, prepared.tier.as_ref().and_then(|tier| tier.minutes))
    {
        limits.push(format!(
            "the {minutes} minutes of the tier were over before its episodes were run: another run may cover others"
        ));
    }
    if clock_dependent(simulated) {
        limits.push("a time-out of the candidate makes this run depend on the clock".into());
    }
    limits
}

fn clock_dependent(simulated: &Simulated) -> bool {
    simulated.populations.iter().flat_map(|p| &p.candidate).any(Episode::depends_on_the_clock)
}

fn run_record(
    prepared: &Prepared,
    options: &RunOptions,
    simulated: &Simulated,
    evidence: Digest,
) -> RunRecord {
    let mut timings_ms = BTreeMap::new();
    let mut ns = simulated.decision_ns.clone();
    ns.sort_unstable();
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        if !ns.is_empty() {
            let rank = ((share * ns.len() as f64).ceil() as usize).clamp(1, ns.len());
            timings_ms.insert(format!("latency.compute_ms.batch.{name}"), ns[rank - 1] as f64 / 1e6);
        }
    }
    RunRecord {
        schema: RUN_SCHEMA.into(),
        evidence,
        elapsed_s: simulated.elapsed_s,
        threads: options.threads as u32,
        episodes_per_s: simulated.simulated_now as f64 / simulated.elapsed_s.max(1e-9),
        solves: simulated.envelope.solves,
        timings_ms,
        started: started(simulated.elapsed_s),
        clock_dependent: clock_dependent(simulated) || prepared.by_the_clock() || simulated.out_of_time,
        cached_episodes: simulated.cached,
        suite_path: options.suite_path.clone(),
        today: options.waivers.as_ref().map(|waivers| waivers.today().to_owned()),
    }
}

/// When the run began, RFC 3339 in UTC.
fn started(elapsed_s: f64) -> String {
    let seconds = now_s().saturating_sub(elapsed_s as u64);
    let rest = seconds % 86_400;
    format!("{}T{:02}:{:02}:{:02}Z", day(seconds), rest / 3600, rest / 60 % 60, rest % 60)
}

/// The day that it is, UTC: `YYYY-MM-DD`.
pub(crate) fn today() -> String {
    day(now_s())
}

fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The day of a moment, s since 1970.
fn day(seconds: u64) -> String {
    let days = seconds / 86_400;
    // Days to a civil date: Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    let z = days as i64 + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The network as pictures need it.
pub(crate) fn network_record(network: &Network) -> NetworkRecord {
    let buses = &network.buses;
    let branches = &network.branches;
    let mut unit_buses: Vec<u32> = network.units.bus.iter().map(|(_, bus)| bus.row() as u32).collect();
    unit_buses.sort_unstable();
    unit_buses.dedup();
    NetworkRecord {
        schema: NETWORK_SCHEMA.into(),
        name: network.name.clone(),
        bus_ids: buses.id.iter().map(|(_, id)| id.0).collect(),
        limits_pu: buses.id.indices().map(|b| (buses.voltage_pu_min[b], buses.voltage_pu_max[b])).collect(),
        base_kv: buses.base_kv.as_slice().to_vec(),
        location: buses.location.as_slice().to_vec(),
        branches: branches
            .from
            .iter()
            .map(|(i, from)| (from.row() as u32, branches.to[i].row() as u32))
            .collect(),
        unit_buses,
    }
}
