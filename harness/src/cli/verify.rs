//! `gridgate verify RUN`.

use std::path::PathBuf;

use clap::Args;

use super::{complain, exit, print, refuse};
use crate::run::folder;

/// Check every digest of a run folder.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The folder that `gridgate run` wrote.
    run: PathBuf,
}

impl Verify {
    pub(super) fn run(self) -> u8 {
        match reports::verify_other(&self.run) {
            Some(Ok((document, files))) => {
                print(&format!("{}: every digest holds ({files} files); {document}", self.run.display()));
                return exit::PASS;
            }
            Some(Err(problems)) => {
                complain(&format!("{}", folder::problems(problems)));
                return exit::INTEGRITY;
            }
            None => {}
        }
        if let Err(complaints) = folder::check_run(&self.run) {
            return refuse(&complaints);
        }
        match reports::verify(&self.run) {
            Ok(verified) => {
                print(&format!(
                    "{}: every digest holds ({} files, {} scenarios); verdict {}; evidence sha256 {}",
                    self.run.display(),
                    verified.files,
                    verified.scenarios,
                    serde_json::to_string(&verified.verdict).unwrap_or_default().trim_matches('"'),
                    verified.evidence.sha256
                ));
                for note in verified.notes {
                    print(&format!("note: {note}"));
                }
                exit::PASS
            }
            Err(problems) => {
                complain(&format!("{}", folder::problems(problems)));
                exit::INTEGRITY
            }
        }
    }
}
