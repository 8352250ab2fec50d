//! `gridgate frequency STUDY.toml`, `gridgate frequency CASE.json`.

use std::path::PathBuf;

use clap::Args;
use powerflow::{Diagnostic, Diagnostics};
use reports::FrequencyStudy;

use super::physics::StudyFormat;
use super::{complain, exit, print, refuse};
use crate::study;

/// Follow the frequency of islands after an event: load shedding, ride-through, fast frequency response.
#[derive(Debug, Args)]
pub(super) struct Frequency {
    /// The study (TOML: one swing equation for each island).
    study: PathBuf,
    /// End of the simulation, s, instead of the study's.
    #[arg(long, value_name = "SECONDS")]
    horizon: Option<f64>,
    /// How to print: for people, the document, or the curves as a table.
    #[arg(long, value_enum, default_value_t)]
    format: StudyFormat,
}

impl Frequency {
    pub(super) fn run(self) -> u8 {
        let document = match self.answer() {
            Ok(document) => document,
            Err(complaints) => return refuse(&complaints),
        };
        match self.format {
            StudyFormat::Text => print(&reports::render::frequency::text(&document)),
            StudyFormat::Json => match reports::canonical_json(&document) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
            StudyFormat::Csv => print(&document.csv()),
        }
        exit::PASS
    }

    /// Each kind of file has the engine that it describes.
    fn answer(&self) -> Result<FrequencyStudy, Diagnostics> {
        match self.study.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => study::frequency(&self.study, self.horizon),
            other => {
                let kind = other
                    .map_or_else(|| "without an ending".to_owned(), |other| format!("ending in .{other}"));
                let error =
                    Diagnostic::error("usage.study", format!("a file {kind} is no study of the frequency"));
                Err(error
                    .at(self.study.display().to_string(), None)
                    .hint("give a study in TOML: STUDY.toml")
                    .into())
            }
        }
    }
}
