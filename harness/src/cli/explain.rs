//! `gridgate explain RUN EPISODE`.

use std::path::PathBuf;

use clap::Args;

use super::bar::Bar;
use super::{Format, complain, exit, print, refuse};
use crate::explain::{self, Options};
use crate::run;

/// Explain why an episode of a run broke a gate, by living it again with parts of it left out.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The folder that `gridgate run` wrote.
    run: PathBuf,
    /// The episode: population/index, as the report names it.
    episode: String,
    /// The gate to explain [default: the first that the episode broke].
    #[arg(long)]
    gate: Option<String>,
    /// The candidate, where it is not where the suite says: a candidate.toml, its folder, or `do_nothing`.
    #[arg(long, conflicts_with = "open_loop")]
    candidate: Option<String>,
    /// Repeat what the candidate asked, instead of asking it again.
    #[arg(long)]
    open_loop: bool,
    /// Pairs of orders to draw where there are more than 12 events.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pairs: u32,
    /// Write an HTML page to this file.
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Worker threads [default: all cores]. Changes no byte of the answer.
    #[arg(long)]
    threads: Option<usize>,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Explain {
    pub(super) fn run(self) -> u8 {
        let bar = Bar::new("episodes", self.quiet);
        let explained = run::worker_threads(self.threads).and_then(|threads| {
            let options = Options {
                gate: self.gate.as_deref(),
                candidate: self.candidate.as_deref(),
                open_loop: self.open_loop,
                pairs: self.pairs,
                threads,
            };
            explain::explain(&self.run, &self.episode, &options, &bar)
        });
        bar.finish();
        let explained = match explained {
            Ok(explained) => explained,
            Err(complaints) if complaints.0.iter().any(|complaint| complaint.code == explain::DIFFERS) => {
                complain(&complaints.to_string());
                return exit::INTEGRITY;
            }
            Err(complaints) => return refuse(&complaints),
        };
        let explain::Explained { explanation, record, network } = &explained;
        if let Some(out) = &self.out {
            let page = reports::render::explanation_html::render(explanation, record, network);
            let page = page.map_err(|problem| problem.to_string());
            let written = page.and_then(|page| {
                run::write_whole(out, page.as_bytes()).map_err(|complaints| complaints.to_string())
            });
            if let Err(complaint) = written {
                complain(&complaint);
                return exit::INFRASTRUCTURE;
            }
        }
        match self.format {
            Format::Text => print(&reports::render::explanation::text(explanation)),
            Format::Json => match reports::canonical_json(explanation) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
        }
        if let Some(out) = &self.out {
            complain(&format!("written to {}", out.display()));
        }
        exit::PASS
    }
}
