//! `gridgate run SUITE`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::bar::Bar;
use super::{complain, exit, print, refuse};
use crate::gate::{self, Undecided};
use crate::run::{self, Contender};

/// Judge a candidate by a suite.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The suite file (TOML or JSON).
    suite: PathBuf,
    /// Judge this candidate instead of the suite's: a candidate.toml, its folder, or `do_nothing`.
    #[arg(long)]
    candidate: Option<String>,
    /// Folder for the results [default: runs/SUITE-CANDIDATE].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Worker threads [default: all cores]. Changes no byte of the evidence.
    #[arg(long)]
    threads: Option<usize>,
    /// Seed of every random stream, instead of the suite's.
    #[arg(long)]
    seed: Option<u64>,
    /// What an undecided verdict means for the exit code: 3, 1 or 0.
    #[arg(long, value_enum, default_value_t = UndecidedArg::Report)]
    undecided: UndecidedArg,
    /// How to print the summary.
    #[arg(long, value_enum, default_value_t)]
    format: super::Format,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum UndecidedArg {
    Report,
    Fail,
    Pass,
}

impl Run {
    pub(super) fn run(self) -> u8 {
        let contender = self.candidate.map_or(Contender::OfSuite, Contender::Named);
        let prepared = match run::prepare(&self.suite, contender) {
            Ok(prepared) => prepared.with_seed(self.seed),
            Err(complaints) => return refuse(&complaints),
        };
        let options = match prepared.options(self.out, self.threads) {
            Ok(options) => options,
            Err(complaints) => return refuse(&complaints),
        };
        let bar = Bar::new("episodes", self.quiet);
        let completed = match run::run(&prepared, &options, &bar) {
            Ok(completed) => completed,
            Err(complaints) => {
                bar.abandon();
                complain(&complaints.to_string());
                return exit::INFRASTRUCTURE;
            }
        };
        bar.finish();
        if completed.resumed_blocks > 0 {
            complain(&format!(
                "went on from an interrupted run: {} blocks were done already",
                completed.resumed_blocks
            ));
        }
        match self.format {
            super::Format::Text => {
                let colour = std::io::IsTerminal::is_terminal(&std::io::stdout());
                print(&reports::render::text::render(&completed.report, colour));
                print(&format!(
                    "{} episodes/s on {} threads; report {}",
                    completed.run.episodes_per_s.round(),
                    options.threads,
                    completed.out.join("report.html").display()
                ));
            }
            super::Format::Json => match reports::render::json::render(&completed.report) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        // In CI a finding belongs beside the line of the suite that it is about.
        if std::env::var_os("GITHUB_ACTIONS").is_some() {
            for annotation in reports::render::markdown::annotations(&completed.report) {
                print(&annotation);
            }
        }
        append_step_summary(&completed.report);
        let undecided = match self.undecided {
            UndecidedArg::Report => Undecided::Report,
            UndecidedArg::Fail => Undecided::Fail,
            UndecidedArg::Pass => Undecided::Pass,
        };
        gate::exit_code(completed.evidence.verdict, undecided)
    }
}

/// Adds the summary to the page of a GitHub job, where there is one. A summary that cannot be written changes no verdict.
fn append_step_summary(report: &reports::Report) {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY") else { return };
    let summary = reports::render::markdown::render(report);
    let append = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    if let Err(error) = append.and_then(|mut file| std::io::Write::write_all(&mut file, summary.as_bytes())) {
        complain(&format!("warning[run.step-summary]: the job summary cannot be written: {error}"));
    }
}
