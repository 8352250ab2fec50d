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
    /// Leave the network out, and rename its elements with the key in this file (at least 16 bytes that stay secret): for readers who may
    /// know the verdict only.
    #[arg(long, value_name = "KEYFILE")]
    redact: Option<PathBuf>,
    /// Folder for the redacted report [default: the run's, with `-redacted`].
    #[arg(long, value_name = "DIR", requires = "redact")]
    out: Option<PathBuf>,
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
        let redactor = match self.redact.as_deref().map(folder::redactor).transpose() {
            Ok(redactor) => redactor,
            Err(complaints) => return refuse(&complaints),
        };
        let report = match &redactor {
            None => folder::reread(&self.run),
            Some(redactor) => folder::reread_redacted(&self.run, redactor),
        };
        let report = match report {
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
        if matches!(self.format, Rendering::Html) && redactor.is_some() {
            let out = self.out.unwrap_or_else(|| beside(&self.run));
            return match folder::write_redacted(&report, &out) {
                Ok(()) => {
                    print(&out.join("report.html").display().to_string());
                    exit::PASS
                }
                Err(complaints) => refuse(&complaints),
            };
        }
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

/// The folder of the redacted report of a run: `gate-redacted` beside `gate`.
pub(super) fn beside(run: &std::path::Path) -> PathBuf {
    let mut name = run.file_name().unwrap_or_default().to_os_string();
    name.push("-redacted");
    run.with_file_name(name)
}
