//! The command line: one file per verb.

mod census;
mod solve;

use clap::{Parser, Subcommand, ValueEnum};

/// The gate between a trained model and the power grid.
#[derive(Debug, Parser)]
#[command(name = "gridgate", version, about, propagate_version = true)]
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

/// Exit codes (`gridgate --help` and the book list them).
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
    }
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
}

/// Prints complaints to standard error and returns the exit code for wrong input.
fn refuse(complaints: &powerflow::Diagnostics) -> u8 {
    eprintln!("{complaints}");
    exit::USAGE
}
