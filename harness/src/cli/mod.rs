//! The command line: one file per verb.

mod bar;
mod cascade;
mod census;
mod check;
mod contingencies;
mod explain;
mod frequency;
mod gic;
mod github;
mod hunt;
mod latency;
mod machines;
mod nose;
mod physics;
mod plan;
mod rating;
mod replay;
mod report;
mod run;
mod solve;
mod study;
mod verify;
mod waiver;

use clap::{Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str =
    "Exit codes: 0 pass, solved or study completed, 1 a required gate failed or no solution, 2 wrong usage or input,
3 undecided, 4 infrastructure, 5 a digest does not match.";

/// The gate between a trained model and the power grid.
#[derive(Debug, Parser)]
#[command(name = "gridgate", version, about, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print what a case file holds, and what is wrong with it.
    Census(census::Census),
    /// Solve the power flow of a case file.
    Solve(solve::Solve),
    /// Study what becomes of a grid when its branches fail.
    Contingencies(contingencies::Contingencies),
    /// Find how far a grid can be loaded.
    Nose(nose::Nose),
    /// Find the direct currents that a geomagnetic storm drives through a grid.
    Gic(gic::Gic),
    /// Study what a population of storms does to a grid, with nobody acting.
    Study(study::Study),
    /// Follow what an outage sets off.
    Cascade(cascade::Cascade),
    /// Follow the frequency of islands, or of machines on a network, after events.
    Frequency(frequency::Frequency),
    /// Find what an overhead conductor may carry, and how warm a current makes it.
    Rating(rating::Rating),
    /// Measure how long a candidate takes to decide, and how much delay it bears.
    Latency(latency::Latency),
    /// Check suites and candidate manifests without running anything.
    Check(check::Check),
    /// Say what a suite will run, and how its gates will end, without running it.
    Plan(plan::Plan),
    /// Judge a candidate by a suite.
    Run(run::Run),
    /// Search for the smallest and likeliest events that a candidate does not live through.
    Hunt(hunt::Hunt),
    /// Repeat one episode of a run, step by step.
    Replay(replay::Replay),
    /// Explain why an episode broke a gate.
    Explain(explain::Explain),
    /// Render the report of a run again, from its evidence alone.
    Report(report::Report),
    /// Check every digest of a run folder.
    Verify(verify::Verify),
    /// Sign permissions to fail a gate.
    Waiver(waiver::Waiver),
}

/// How a document is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Exit codes, as `gridgate --help` lists them.
pub mod exit {
    /// Pass, solved, or study completed.
    pub const PASS: u8 = 0;
    /// A required gate failed, or there is no solution.
    pub const FAIL: u8 = 1;
    /// Wrong usage or input.
    pub const USAGE: u8 = 2;
    /// Undecided.
    pub const UNDECIDED: u8 = 3;
    /// Infrastructure: the disk is full, a worker died.
    pub const INFRASTRUCTURE: u8 = 4;
    /// A digest does not match.
    pub const INTEGRITY: u8 = 5;
}

/// Parses the command line, runs the verb and returns the exit code.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; a closed pipe while printing them is nobody's fault.
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE } else { exit::PASS };
        }
    };
    match cli.verb {
        Verb::Census(verb) => verb.run(),
        Verb::Solve(verb) => verb.run(),
        Verb::Contingencies(verb) => verb.run(),
        Verb::Nose(verb) => verb.run(),
        Verb::Gic(verb) => verb.run(),
        Verb::Study(verb) => verb.run(),
        Verb::Cascade(verb) => verb.run(),
        Verb::Frequency(verb) => verb.run(),
        Verb::Rating(verb) => verb.run(),
        Verb::Latency(verb) => verb.run(),
        Verb::Check(verb) => verb.run(),
        Verb::Plan(verb) => verb.run(),
        Verb::Run(verb) => verb.run(),
        Verb::Hunt(verb) => verb.run(),
        Verb::Replay(verb) => verb.run(),
        Verb::Explain(verb) => verb.run(),
        Verb::Report(verb) => verb.run(),
        Verb::Verify(verb) => verb.run(),
        Verb::Waiver(verb) => verb.run(),
    }
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
fn print(text: &str) {
    write_line(&mut std::io::stdout().lock(), text);
}

/// Prints to standard error, where `eprintln!` would panic once the reader is gone (`2>&1 | head`).
fn complain(text: &str) {
    write_line(&mut std::io::stderr().lock(), text);
}

fn write_line(out: &mut dyn std::io::Write, text: &str) {
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
}

/// Prints complaints to standard error and returns the exit code for wrong input.
fn refuse(complaints: &powerflow::Diagnostics) -> u8 {
    complain(&complaints.to_string());
    exit::USAGE
}
