//! `gridgate census CASE`.

use std::path::PathBuf;

use clap::Args;

use super::{Format, complain, exit, print, refuse};

/// Print what a case file holds, and what is wrong with it.
#[derive(Debug, Args)]
pub(super) struct Census {
    /// The case file (MATPOWER, PSS/E RAW, pandapower JSON, ...).
    case: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Census {
    pub(super) fn run(self) -> u8 {
        let case = match powerflow::case::read(&self.case) {
            Ok(case) => case,
            Err(complaints) => return refuse(&complaints),
        };
        let census = powerflow::case::census(&case);
        match self.format {
            Format::Text => print(&census.to_string()),
            Format::Json => match serde_json::to_string_pretty(&census) {
                Ok(json) => print(&json),
                Err(error) => {
                    complain(&format!("error[census.json]: {error}"));
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        let complaints = powerflow::case::check(&case);
        if complaints.has_errors() { exit::USAGE } else { exit::PASS }
    }
}
