//! Blocks of episodes kept for later runs, under a digest of everything that decides them.
//!
//! The key of a block is a SHA-256 over the program (version, numeric mode, sources), what the suite says about how an episode goes, the
//! grid's bytes, the seed, who acts (digest and adapter), and the digest of each of its scenarios. An entry that is not what was written, or
//! not what was asked for, is a miss with a warning; the run relives a sample of all episodes afterwards, as always.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use powerflow::{Diagnostic, Diagnostics};
use scenarios::{Population, scenario};
use serde::{Deserialize, Serialize};

use super::journal::sound;
use super::{ENGINE, Prepared};
use crate::candidate::Source;
use crate::cohort::Envelope;
use crate::metric;
use crate::trajectory::Episode;

const CACHE_SCHEMA: &str = "gridgate/cache/2";

/// Warnings that are kept: a broken disk would tell the same of every block.
const WARNINGS: usize = 4;

/// The folder, and what was wrong in it.
#[derive(Debug)]
pub(super) struct Cache {
    root: PathBuf,
    warnings: Mutex<Vec<Diagnostic>>,
}

/// One actor's episodes of a block.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    schema: String,
    /// The key again: a file that was renamed or copied is none.
    key: String,
    pub(super) episodes: Vec<Episode>,
    pub(super) envelope: Envelope,
}

impl Cache {
    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), warnings: Mutex::default() }
    }

    /// What was wrong, for the caller.
    pub(super) fn warnings(self) -> Diagnostics {
        Diagnostics(self.warnings.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn warn(&self, path: &Path, message: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < WARNINGS {
            let warning = Diagnostic::warning("run.cache", message).at(path.display().to_string(), None);
            warnings.push(
                warning.hint("the block was simulated instead; the verdict does not depend on the cache"),
            );
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(&key[..2]).join(format!("{key}.json"))
    }

    /// The entry under a key, where there is one that is what was written and holds these episodes.
    pub(super) fn get(&self, key: &str, population: &str, indices: &[u64]) -> Option<Entry> {
        let path = self.path(key);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.warn(&path, format!("a cached block cannot be read: {error}"));
                return None;
            }
        };
        let entry = sound(&bytes).and_then(|content| serde_json::from_slice::<Entry>(content).ok());
        let fits = |entry: &Entry| {
            entry.schema == CACHE_SCHEMA
                && entry.key == key
                && entry
                    .episodes
                    .iter()
                    .map(|e| (e.population.as_str(), e.index))
                    .eq(indices.iter().map(|index| (population, *index)))
        };
        let entry = entry.filter(fits);
        if entry.is_none() {
            self.warn(&path, "a cached block is damaged".to_owned());
        }
        entry
    }

    /// Keeps episodes under a key. What a time-out decided is the clock's doing and is not kept.
    pub(super) fn put(&self, key: String, episodes: &[Episode], envelope: &Envelope) {
        if episodes.iter().any(Episode::depends_on_the_clock) {
            return;
        }
        let path = self.path(&key);
        let entry = Entry {
            schema: CACHE_SCHEMA.to_owned(),
            key,
            episodes: episodes.to_vec(),
            envelope: envelope.clone(),
        };
        if let Err(error) = write(&path, &entry) {
            self.warn(&path, format!("a block cannot be kept: {error}"));
        }
    }
}

/// Written beside its place and renamed, so that two runs at once may share a cache.
fn write(path: &Path, entry: &Entry) -> std::io::Result<()> {
    let mut content = serde_json::to_vec(entry)?;
    content.push(b'\n');
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let digest = reports::Digest::of(&content).sha256;
    std::io::Write::write_all(&mut file, &[digest.as_bytes(), b" ", &content].concat())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The part of every key that is the same for all blocks of a run.
pub(super) fn world(prepared: &Prepared) -> String {
    let metrics: Vec<&str> = metric::ids();
    let mut text = format!(
        "{CACHE_SCHEMA}\n{ENGINE}\nmetrics {metrics:?}\nsecurity {:?}\nseed {}\ngrid {}\n{}",
        prepared.config.looks.security,
        prepared.suite.seed,
        reports::Digest::of(&prepared.grid_bytes).sha256,
        prepared.suite.world
    );
    // Of the tables scenarios tell the rest.
    if let Some(customers) = &prepared.config.looks.customers {
        text.push_str(&format!("customers {:?}\n", customers.of_bus));
    }
    if let Some(recorded) = prepared.latency.as_ref().and_then(|latency| latency.recorded.as_ref()) {
        text.push_str(&format!("latency {}\n", reports::Digest::of(&recorded.bytes).sha256));
    }
    text
}

/// The key of one actor's block, where it may be kept: not of a candidate that changes without its digest, nor where the clock decides.
pub(super) fn key(
    prepared: &Prepared,
    world: &str,
    population: &Population,
    indices: &[u64],
    subject: &str,
    source: &dyn Source,
    margin_max_ms: Option<u32>,
) -> Option<String> {
    if !source.known_by_digest() || prepared.by_the_clock() {
        return None;
    }
    let who = source.record();
    // As whom: only who is judged passes through a limiter and people, and the same model may be both.
    let mut text = format!(
        "{world}population {}\nas {subject:?} who {:?} {} {} margin {margin_max_ms:?}\n",
        population.id, who.name, who.adapter, who.digest.sha256
    );
    for metric in prepared.responses(&population.id) {
        text.push_str(&format!("response {}\n", metric.id));
    }
    for index in indices {
        let drawn = scenario(prepared.seed(), population, &prepared.world(), *index);
        text.push_str(&format!("{index} {}\n", drawn.digest()));
    }
    Some(reports::Digest::of(text).sha256)
}
