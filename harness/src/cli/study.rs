//! `gridgate study SUITE`.

use std::path::PathBuf;

use clap::Args;

use super::bar::Bar;
use super::{Format, complain, exit, print, refuse};
use crate::study::{self, StormSettings};

/// Study what a population of storms does to a grid, with nobody acting.
#[derive(Debug, Args)]
pub(super) struct Study {
    /// The suite file: its grid, tables, populations and relays; candidate and gates have no say.
    suite: PathBuf,
    /// Storms of each population at most [default: as the suite says].
    #[arg(long, value_name = "COUNT")]
    storms: Option<u64>,
    /// Seed in the place of the suite's.
    #[arg(long)]
    seed: Option<u64>,
    /// Lines that are tried without failing, those with the largest even share of the unserved energy.
    #[arg(long, value_name = "COUNT", default_value_t = StormSettings::HARDENED)]
    harden: usize,
    /// Threads [default: all cores]. Changes no byte of the results.
    #[arg(long)]
    threads: Option<usize>,
    /// Folder for document, table and report; a study that was killed goes on there.
    #[arg(long)]
    out: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

impl Study {
    pub(super) fn run(self) -> u8 {
        let settings = StormSettings {
            storms: self.storms,
            seed: self.seed,
            hardened: self.harden,
            threads: self.threads,
            out: self.out,
        };
        let prepared = match study::prepare_storms(&self.suite, &settings) {
            Ok(prepared) => prepared,
            Err(complaints) => return refuse(&complaints),
        };
        let bar = Bar::new("storms", self.quiet);
        let studied = match prepared.run(&bar) {
            Ok(studied) => studied,
            Err(complaints) => {
                bar.abandon();
                complain(&complaints.to_string());
                return exit::INFRASTRUCTURE;
            }
        };
        bar.finish();
        if studied.resumed > 0 {
            let blocks = studied.resumed;
            complain(&format!("went on from an interrupted study: {blocks} blocks were done already"));
        }
        match self.format {
            Format::Text => {
                print(&reports::render::study::text(&studied.document));
                if let Some(out) = &settings.out {
                    print(&format!("report {}", out.join("report.html").display()));
                }
            }
            Format::Json => match reports::canonical_json(&studied.document) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        exit::PASS
    }
}
