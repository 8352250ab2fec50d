//! `gridgate hunt SUITE`.

use std::path::PathBuf;

use clap::Args;

use super::bar::Bar;
use super::{complain, exit, print, refuse};
use crate::hunt::{self, HuntOptions, Keep, Method};
use crate::run::{self, Contender};

const EXIT_CODES: &str =
    "Exit codes: 0 nothing was found, 1 failures were found, 2 wrong usage or input, 4 infrastructure.

Nothing found is no proof that there is nothing: the document says what was tried.";

/// Search for the smallest and likeliest events that a candidate does not live through.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Hunt {
    /// The suite file (TOML, YAML or JSON).
    suite: PathBuf,
    /// Hunt this candidate instead of the suite's: a candidate.toml, its folder, or `do_nothing`.
    #[arg(long)]
    candidate: Option<String>,
    /// Population whose losses are combined [default: the first that loses anything].
    #[arg(long, value_name = "ID")]
    population: Option<String>,
    /// Gate whose limit is to be broken in an episode [default: every required one that puts a limit on each episode].
    #[arg(long, value_name = "ID")]
    gate: Option<String>,
    /// Episodes that may be tried.
    #[arg(long, value_name = "EPISODES", default_value_t = hunt::BUDGET)]
    budget: u64,
    /// How to search.
    #[arg(long, value_enum, default_value_t)]
    method: Method,
    /// Largest set of losses that is kept [default: as many as a scenario of the population has at most].
    #[arg(long, value_name = "K")]
    size_max: Option<u32>,
    /// Scenarios of the population that lend their demand and the dates of the losses, from index 0 on.
    #[arg(long, value_name = "N", default_value_t = hunt::BACKGROUNDS)]
    backgrounds: u64,
    /// What goes into the suite that replays what was found.
    #[arg(long, value_enum, default_value_t)]
    keep: Keep,
    /// Folder for the document and for a suite that replays what was found [default: hunts/SUITE-CANDIDATE].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Worker threads [default: all cores]. Changes no byte of the results.
    #[arg(long)]
    threads: Option<usize>,
    /// Seed of every random stream, instead of the suite's.
    #[arg(long)]
    seed: Option<u64>,
    /// How to print what was found.
    #[arg(long, value_enum, default_value_t)]
    format: super::Format,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

impl Hunt {
    pub(super) fn run(self) -> u8 {
        let contender = self.candidate.map_or(Contender::OfSuite, Contender::Named);
        let prepared = match run::prepare(&self.suite, contender) {
            Ok(prepared) => prepared.with_seed(self.seed),
            Err(complaints) => return refuse(&complaints),
        };
        let options = HuntOptions {
            population: self.population,
            gate: self.gate,
            method: self.method,
            budget: self.budget,
            size_max: self.size_max,
            backgrounds: self.backgrounds,
            keep: self.keep,
            out: self.out,
            threads: self.threads,
        };
        let hunt = match hunt::prepare_hunt(&prepared, &options) {
            Ok(hunt) => hunt,
            Err(complaints) => return refuse(&complaints),
        };
        let bar = Bar::new("episodes", self.quiet);
        let hunted = match hunt.run(&bar) {
            Ok(hunted) => hunted,
            Err(complaints) => {
                bar.abandon();
                complain(&complaints.to_string());
                return exit::INFRASTRUCTURE;
            }
        };
        bar.finish();
        if hunted.resumed > 0 {
            complain(&format!(
                "went on from an interrupted hunt: {} batches were done already",
                hunted.resumed
            ));
        }
        match self.format {
            super::Format::Text => {
                print(&reports::render::hunt::text(&hunted.document));
                let suite = hunted.out.join("suite.toml");
                if hunted.document.files.contains_key("suite.toml") {
                    print(&format!("every later candidate has to pass {}", suite.display()));
                }
            }
            super::Format::Json => match reports::canonical_json(&hunted.document) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        if hunted.document.found.is_empty() { exit::PASS } else { exit::FAIL }
    }
}
