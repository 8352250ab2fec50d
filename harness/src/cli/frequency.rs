//! `gridgate frequency STUDY.toml`, `gridgate frequency CASE.json`: each kind of file has the engine that it describes.

use std::path::PathBuf;

use clap::Args;
use powerflow::{Diagnostic, Diagnostics};

use super::machines::Machines;
use super::physics::StudyFormat;
use super::{complain, exit, print, refuse};
use crate::study;

/// Follow frequency after events: of islands (STUDY.toml, one swing equation each), or of machines on a network (CASE.json).
#[derive(Debug, Args)]
pub(super) struct Frequency {
    /// A study of islands (TOML), or a case of machines (JSON, docs/formats/machines-case.md).
    input: PathBuf,
    /// End of the simulation, s [default: the study's; 30 for a case of machines].
    #[arg(long, value_name = "SECONDS")]
    horizon: Option<f64>,
    /// How to print: for people, the document, or the curves as a table.
    #[arg(long, value_enum, default_value_t)]
    format: StudyFormat,
    #[command(flatten, next_help_heading = "Of a case of machines")]
    machines: Machines,
}

impl Frequency {
    pub(super) fn run(self) -> u8 {
        match self.input.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => self.islands(),
            Some("json") => self.machines.run(&self.input, self.horizon, self.format),
            other => {
                let kind = other
                    .map_or_else(|| "without an ending".to_owned(), |other| format!("ending in .{other}"));
                let error =
                    Diagnostic::error("usage.study", format!("a file {kind} is no study of the frequency"));
                let hint = "give a study of islands (STUDY.toml) or a case of machines (CASE.json)";
                refuse(&Diagnostics::from(error.at(self.input.display().to_string(), None).hint(hint)))
            }
        }
    }

    fn islands(&self) -> u8 {
        let foreign = self.machines.given();
        if !foreign.is_empty() {
            let message = format!("{} is for cases of machines", foreign.join(", "));
            let hint = "what happens to islands is written in the study, in its tables [[event]]";
            return refuse(&Diagnostics::from(Diagnostic::error("usage.study", message).hint(hint)));
        }
        let document = match study::frequency(&self.input, self.horizon) {
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
}
