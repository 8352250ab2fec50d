//! `gridgate latency record` and `gridgate latency margin`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use powerflow::Diagnostics;

use super::physics::StudyFormat;
use super::{Format, complain, exit, print, refuse};
use crate::latency::{self, MarginOptions};
use crate::run::{self, Contender};

/// Measure how long a candidate takes to decide, and how much delay it bears.
#[derive(Debug, Args)]
pub(super) struct Latency {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Time a candidate on what it sees in a suite, and write the recorded file that gates and runs read.
    Record(Record),
    /// Find the delay at which each scenario turns from safe to losing load. Each is lived some twenty times.
    Margin(Margin),
}

#[derive(Debug, Args)]
struct Record {
    /// The candidate: a candidate.toml, its folder, or `do_nothing`.
    candidate: String,
    /// The suite whose scenarios it sees (TOML, YAML or JSON).
    #[arg(long)]
    suite: PathBuf,
    /// Decisions to time, from 1000 to 10000; 50 before them are not counted.
    #[arg(long, default_value_t = 1000)]
    calls: usize,
    /// File to write.
    #[arg(long, default_value = "latency.json")]
    out: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
struct Margin {
    /// The suite file (TOML, YAML or JSON).
    suite: PathBuf,
    /// This candidate instead of the suite's: a candidate.toml, its folder, or `do_nothing`.
    #[arg(long)]
    candidate: Option<String>,
    /// Largest delay to try, ms [default: margin_max_ms of the suite, or 2000].
    #[arg(long, value_name = "MS")]
    max_ms: Option<u32>,
    /// Scenarios of each population, at most.
    #[arg(long, default_value_t = latency::SCENARIOS)]
    episodes: u64,
    /// Worker threads [default: all cores]. Changes no byte of the answer.
    #[arg(long)]
    threads: Option<usize>,
    /// Seed of every random stream, instead of the suite's.
    #[arg(long)]
    seed: Option<u64>,
    /// How to print: for people, the document, or one line a scenario.
    #[arg(long, value_enum, default_value_t)]
    format: StudyFormat,
}

impl Latency {
    pub(super) fn run(self) -> u8 {
        let done = match self.what {
            What::Record(record) => record.run(),
            What::Margin(margin) => margin.run(),
        };
        match done {
            Ok(text) => {
                print(&text);
                exit::PASS
            }
            Err(End::Input(complaints)) => refuse(&complaints),
            Err(End::Infrastructure(complaint)) => {
                complain(&complaint);
                exit::INFRASTRUCTURE
            }
        }
    }
}

/// Why there is no answer.
enum End {
    Input(Diagnostics),
    Infrastructure(String),
}

impl From<Diagnostics> for End {
    fn from(complaints: Diagnostics) -> Self {
        End::Input(complaints)
    }
}

fn json<T: serde::Serialize>(document: &T) -> Result<String, End> {
    let bytes =
        reports::canonical_json(document).map_err(|problem| End::Infrastructure(problem.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Record {
    fn run(self) -> Result<String, End> {
        // The suite may name the very file that is to be written, so its delays are not opened.
        let prepared = run::prepare_undelayed(&self.suite, Contender::Named(self.candidate))?;
        let file = latency::record(&prepared, self.calls)?;
        let text = json(&file)?;
        run::write_whole(&self.out, text.as_bytes())
            .map_err(|complaints| End::Infrastructure(complaints.to_string()))?;
        match self.format {
            Format::Json => Ok(text),
            Format::Text => {
                Ok(format!("{}written to {}", reports::render::latency::recorded(&file), self.out.display()))
            }
        }
    }
}

impl Margin {
    fn run(self) -> Result<String, End> {
        let contender = self.candidate.map_or(Contender::OfSuite, Contender::Named);
        let prepared = run::prepare(&self.suite, contender)?.with_seed(self.seed);
        let options = MarginOptions {
            max_ms: self.max_ms,
            episodes: self.episodes,
            threads: run::worker_threads(self.threads)?,
        };
        let study = latency::margins(&prepared, &options)?;
        match self.format {
            StudyFormat::Text => Ok(reports::render::latency::margins(&study)),
            StudyFormat::Json => json(&study),
            StudyFormat::Csv => Ok(study.csv()),
        }
    }
}
