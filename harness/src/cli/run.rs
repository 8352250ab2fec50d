//! `gridgate run SUITE`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use powerflow::Diagnostics;
use reports::{Report, WaiverStatus};

use super::bar::Bar;
use super::{complain, exit, github, print, refuse};
use crate::gate::{self, Undecided};
use crate::run::{self, Completed, Contender, Prepared, RunOptions, folder};
use crate::waiver::Presented;

/// Judge a candidate by a suite.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The suite file (TOML, YAML or JSON).
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
    /// Run a tier of the suite instead of all of it: change, nightly or release, as its tables [tier.NAME] say.
    #[arg(long, value_name = "NAME")]
    tier: Option<String>,
    /// Folder in which episodes are kept for later runs, and looked for; changes no byte of the evidence. Candidates run as programs use
    /// it only where it is named here: what their program does need not follow from the files of the candidate. Others also use the folder
    /// that the variable GRIDGATE_CACHE names.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Permissions to fail a gate, signed (TOML). The exit code is 0 only where every required gate that fails is validly waived.
    #[arg(long, value_name = "FILE", requires = "waiver_key")]
    waivers: Option<PathBuf>,
    /// Public Ed25519 key in PEM that waivers have to be signed with.
    #[arg(long, value_name = "FILE", requires = "waivers")]
    waiver_key: Option<PathBuf>,
    /// The day that waivers are held against, such as 2026-11-21 [default: the clock's, UTC].
    #[arg(long, value_name = "DAY", requires = "waivers")]
    today: Option<String>,
    /// Throw away what another unfinished run has left in the place of the results.
    #[arg(long)]
    restart: bool,
    /// Leave the network out of all that is printed, and rename its elements with the key in this file; a redacted report is written beside
    /// the results, whose own folder holds everything.
    #[arg(long, value_name = "KEYFILE")]
    redact: Option<PathBuf>,
    /// Print annotations for GitHub; by itself where GITHUB_ACTIONS is set. Outputs and the step summary are written wherever
    /// GITHUB_OUTPUT and GITHUB_STEP_SUMMARY are set.
    #[arg(long)]
    github: bool,
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

/// The report to show and the folder that its page lies in.
fn redacted(key: Option<&Path>, completed: &Completed) -> Result<(Report, PathBuf), Diagnostics> {
    let Some(key) = key else { return Ok((completed.report.clone(), completed.out.clone())) };
    let report = folder::reread_redacted(&completed.out, &folder::redactor(key)?)?;
    let out = super::report::beside(&completed.out);
    folder::write_redacted(&report, &out)?;
    Ok((report, out))
}

impl Run {
    /// Everything that is looked at before anything runs.
    fn prepare(&mut self) -> Result<(Prepared, RunOptions), Diagnostics> {
        let contender = self.candidate.take().map_or(Contender::OfSuite, Contender::Named);
        // A key that cannot be used is found now, and not after an hour.
        self.redact.as_deref().map(folder::redactor).transpose()?;
        let waivers = match (self.waivers.take(), self.waiver_key.take()) {
            (Some(file), Some(key)) => Some(Presented { file, key, today: self.today.take() }.read()?),
            _ => None,
        };
        let prepared =
            run::prepare(&self.suite, contender)?.with_seed(self.seed).with_tier(self.tier.as_deref())?;
        if self.restart {
            run::discard_unfinished(&prepared.out(self.out.clone()))?;
        }
        let options = prepared.options(self.out.take(), self.threads)?;
        // A program may read a clock or a network, or be another one than yesterday's under the same name: only who names the cache
        // answers for that.
        let standing = || {
            let by_itself = prepared.candidate.record().adapter != "process";
            std::env::var_os("GRIDGATE_CACHE")
                .filter(|folder| by_itself && !folder.is_empty())
                .map(PathBuf::from)
        };
        let options = RunOptions {
            cache: self.cache.take().or_else(standing),
            waivers,
            suite_path: github::path_in_repository(&self.suite),
            ..options
        };
        Ok((prepared, options))
    }

    pub(super) fn run(mut self) -> u8 {
        let (prepared, options) = match self.prepare() {
            Ok(ready) => ready,
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
        let (report, page) = match redacted(self.redact.as_deref(), &completed) {
            Ok(shown) => shown,
            Err(complaints) => {
                complain(&complaints.to_string());
                return exit::INFRASTRUCTURE;
            }
        };
        if completed.resumed_blocks > 0 {
            complain(&format!(
                "went on from an interrupted run: {} blocks were done already",
                completed.resumed_blocks
            ));
        }
        match self.format {
            super::Format::Text => {
                let colour = std::io::IsTerminal::is_terminal(&std::io::stdout());
                print(&reports::render::text::render(&report, colour));
                print(&format!(
                    "{} episodes/s on {} threads; report {}",
                    completed.run.episodes_per_s.round(),
                    options.threads,
                    page.join("report.html").display()
                ));
            }
            super::Format::Json => match reports::render::json::render(&report) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        if !completed.warnings.0.is_empty() {
            complain(&completed.warnings.to_string());
        }
        for waiver in completed.evidence.waivers.iter().filter(|w| w.status == WaiverStatus::Refused) {
            complain(&format!(
                "warning[run.waiver]: the waiver of gate `{}` is refused: {}",
                waiver.waiver.gate, waiver.why
            ));
        }
        let undecided = match self.undecided {
            UndecidedArg::Report => Undecided::Report,
            UndecidedArg::Fail => Undecided::Fail,
            UndecidedArg::Pass => Undecided::Pass,
        };
        let code = gate::exit_code(completed.evidence.verdict_for_exit(), undecided);
        // In CI a finding belongs beside the line of the suite that it is about.
        if self.github || github::is_here() {
            for annotation in reports::render::markdown::annotations(&report) {
                // The runner reads both streams; whoever asked for JSON gets nothing else on the first.
                match self.format {
                    super::Format::Text => print(&annotation),
                    super::Format::Json => complain(&annotation),
                }
            }
        }
        github::tell(&report, &page, code);
        code
    }
}
