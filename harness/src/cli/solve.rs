//! `gridgate solve CASE`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::physics::{Physics, StudyFormat};
use super::{complain, exit, print, refuse};
use crate::study::{self, SolutionDocument};

/// Solve the power flow of a case file.
#[derive(Debug, Args)]
pub(super) struct Solve {
    /// The case file (MATPOWER, PSS/E RAW, pandapower JSON, ...).
    case: PathBuf,
    #[command(flatten)]
    physics: Physics,
    /// Solve the linear (DC) power flow instead.
    #[arg(long)]
    linear: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: StudyFormat,
}

impl Solve {
    pub(super) fn run(self) -> u8 {
        let config = self.physics.config();
        let solved = match study::solve(&self.case, &config, self.linear) {
            Ok(solved) => solved,
            Err(complaints) => return refuse(&complaints),
        };
        let document = &solved.document;
        match self.format {
            StudyFormat::Json => match serde_json::to_string(document) {
                Ok(json) => print(&json),
                Err(error) => {
                    complain(&format!("error[solve.json]: {error}"));
                    return exit::INFRASTRUCTURE;
                }
            },
            StudyFormat::Csv => print(&buses_csv(document)),
            StudyFormat::Text => print(&document.to_string()),
        }
        if document.status == "solved" { exit::PASS } else { exit::FAIL }
    }
}

fn buses_csv(document: &SolutionDocument) -> String {
    let mut csv = String::from("bus,status,vm_pu,va_deg\n");
    for bus in &document.buses {
        let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
        let status = match bus.status {
            powerflow::BusStatus::Live => "live",
            powerflow::BusStatus::Dead => "dead",
            powerflow::BusStatus::Isolated => "isolated",
        };
        let _ = writeln!(csv, "{},{status},{},{}", bus.id, number(bus.vm_pu), number(bus.va_deg));
    }
    csv
}
