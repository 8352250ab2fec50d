//! `gridgate nose CASE`.

use std::path::PathBuf;

use clap::Args;
use reports::nose::NoseStatus;

use super::physics::{Physics, StudyFormat};
use super::{complain, exit, print, refuse};
use crate::study;

/// Find how far a grid can be loaded: scale all demand and generation together until there is no solution.
#[derive(Debug, Args)]
pub(super) struct Nose {
    /// The case file (MATPOWER, PSS/E RAW, pandapower JSON, ...).
    case: PathBuf,
    #[command(flatten)]
    physics: Physics,
    /// How to print: for people, the document, or the curve as a table.
    #[arg(long, value_enum, default_value_t)]
    format: StudyFormat,
}

impl Nose {
    pub(super) fn run(self) -> u8 {
        let document = match study::nose(&self.case, &self.physics.config()) {
            Ok(document) => document,
            Err(complaints) => return refuse(&complaints),
        };
        match self.format {
            StudyFormat::Text => print(&reports::render::nose::text(&document)),
            StudyFormat::Json => match reports::canonical_json(&document) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
            StudyFormat::Csv => {
                // Without a nose there is no curve, and a table of its beginning would read as one.
                if document.nose.is_some() {
                    print(&document.csv());
                }
            }
        }
        if document.status == NoseStatus::Found {
            return exit::PASS;
        }
        let (code, hint) = match document.status {
            NoseStatus::NoBase => ("study.no-base", "`gridgate solve` says more"),
            _ => ("study.no-nose", "see whether --slack single or --reactive-limits ignore finds one"),
        };
        let why = document.why.as_deref().unwrap_or_default();
        complain(&format!("error[{code}]: {}: {why}\nhint: {hint}", document.case));
        exit::FAIL
    }
}
