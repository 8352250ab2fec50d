//! `gridgate check FILE...`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{exit, print, refuse};
use crate::candidate::manifest::Manifest;
use crate::run::{self, Contender};

/// Check suites and candidate manifests without running anything.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Suite files and candidate.toml files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Check suites with this candidate instead of theirs.
    #[arg(long)]
    candidate: Option<String>,
}

impl Check {
    pub(super) fn run(self) -> u8 {
        let mut code = exit::PASS;
        for file in &self.files {
            let checked = if is_manifest(file) {
                Manifest::read(file).map(|m| {
                    let summary = format!("candidate {} {}, task {}", m.name, m.version, m.task.id());
                    (summary, m.unenforced())
                })
            } else {
                let contender = match (&self.candidate, names_a_candidate(file)) {
                    (Some(name), _) => Contender::Named(name.clone()),
                    (None, true) => Contender::OfSuite,
                    // A suite may leave its candidate to the command line; the rest of it can be checked all the same.
                    (None, false) => Contender::Named("do_nothing".into()),
                };
                // Recorded times are of one candidate: where nobody is named there is nobody to compare them with.
                let named = self.candidate.is_some() || names_a_candidate(file);
                let prepare = if named { run::prepare } else { run::prepare_undelayed };
                prepare(file, contender).map(|p| {
                    let episodes =
                        p.populations.iter().fold(0_u64, |sum, p| sum.saturating_add(p.size_max));
                    let summary = format!(
                        "suite {}: {} populations, {} gates, at most {episodes} episodes of {} steps on {} buses",
                        p.suite.name,
                        p.populations.len(),
                        p.suite.gates.len(),
                        p.config.steps,
                        p.network.buses.id.len()
                    );
                    (summary, p.candidate.notes())
                })
            };
            match checked {
                Ok((summary, notes)) => {
                    print(&format!("{}: good ({summary})", file.display()));
                    for note in notes {
                        print(&format!("note: {note}"));
                    }
                }
                Err(complaints) => code = refuse(&complaints),
            }
        }
        code
    }
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

/// Whether a file says that it is a candidate, by schema or by name.
fn is_manifest(file: &Path) -> bool {
    text(file).contains("gridgate/candidate/") || file.file_name().is_some_and(|n| n == "candidate.toml")
}

fn names_a_candidate(file: &Path) -> bool {
    crate::suite::Suite::read(file).is_ok_and(|s| s.candidate.is_some())
}
