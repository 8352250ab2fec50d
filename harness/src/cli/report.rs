//! `gridgate report RUN`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{complain, exit, print, refuse};
use crate::run::folder;

/// Render the report of a run again, from its evidence alone.
#[derive(Debug, Args)]
pub(super) struct Report {
    /// The folder that `gridgate run` wrote.
    run: PathBuf,
    /// What to print; `html` rewrites every derived file in the folder and prints where.
    #[arg(long, value_enum, default_value_t = Rendering::Html)]
    format: Rendering,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rendering {
    Html,
    Text,
    Markdown,
    Junit,
    Sarif,
    Json,
}

impl Report {
    pub(super) fn run(self) -> u8 {
        if let Err(complaints) = folder::check_run(&self.run) {
            return refuse(&complaints);
        }
        let report = match folder::reread(&self.run) {
            Ok(report) => report,
            Err(complaints) => {
                complain(&complaints.to_string());
                return exit::INTEGRITY;
            }
        };
        let broken = |complaints: powerflow::Diagnostics| {
            complain(&complaints.to_string());
            exit::INFRASTRUCTURE
        };
        if matches!(self.format, Rendering::Html) {
            return match folder::render_again(&self.run) {
                Ok(_) => {
                    print(&self.run.join("report.html").display().to_string());
                    exit::PASS
                }
                Err(complaints) => broken(complaints),
            };
        }
        let bytes = match self.format {
            Rendering::Html | Rendering::Text => {
                Ok(reports::render::text::render(&report, false).into_bytes())
            }
            Rendering::Markdown => Ok(reports::render::markdown::render(&report).into_bytes()),
            Rendering::Junit => reports::render::junit::render(&report).map(String::into_bytes),
            Rendering::Sarif => reports::render::sarif::render(&report),
            Rendering::Json => reports::render::json::render(&report),
        };
        match bytes {
            Ok(bytes) => {
                print(&String::from_utf8_lossy(&bytes));
                exit::PASS
            }
            Err(problem) => broken(folder::problems(vec![problem])),
        }
    }
}
