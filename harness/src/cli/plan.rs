//! `gridgate plan SUITE`.

use std::path::PathBuf;

use clap::Args;

use super::{complain, exit, print, refuse};
use crate::run::{self, Contender};
use crate::study;
use crate::suite::Suite;

/// Say what a suite will run, and how its gates will end, without running it.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The suite file (TOML, YAML or JSON).
    suite: PathBuf,
    /// Plan for this candidate instead of the suite's; for nobody (`do_nothing`) where neither is named.
    #[arg(long)]
    candidate: Option<String>,
    /// Plan a tier of the suite instead of all of it.
    #[arg(long, value_name = "NAME")]
    tier: Option<String>,
    /// Time a few episodes to estimate how long a run takes. Without it the same suite gives the same bytes.
    #[arg(long)]
    probe: bool,
    /// How to print the plan.
    #[arg(long, value_enum, default_value_t)]
    format: super::Format,
}

impl Plan {
    pub(super) fn run(self) -> u8 {
        let contender = match self.candidate {
            Some(name) => Contender::Named(name),
            None if Suite::read(&self.suite).is_ok_and(|suite| suite.candidate.is_none()) => {
                Contender::Named("do_nothing".into())
            }
            None => Contender::OfSuite,
        };
        let prepared = run::prepare(&self.suite, contender);
        let plan = prepared
            .and_then(|prepared| prepared.with_tier(self.tier.as_deref()))
            .and_then(|prepared| study::plan(&prepared, self.probe));
        let plan = match plan {
            Ok(plan) => plan,
            Err(complaints) => return refuse(&complaints),
        };
        match self.format {
            super::Format::Text => print(&reports::render::plan::text(&plan)),
            super::Format::Json => match reports::canonical_json(&plan) {
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
