//! Options about how to solve, the same for every verb that solves a case.

use clap::{Args, ValueEnum};
use powerflow::{NewtonConfig, ReactiveLimits, Slack, Start};

/// How to solve.
#[derive(Debug, Args)]
pub(super) struct Physics {
    /// Where Newton starts.
    #[arg(long, value_enum, default_value_t = StartArg::Case)]
    start: StartArg,
    /// Whether units' reactive ranges are respected.
    #[arg(long, value_enum, default_value_t = LimitsArg::Enforce)]
    reactive_limits: LimitsArg,
    /// Who provides what is missing: all units with headroom, or the reference bus alone.
    #[arg(long, value_enum, default_value_t = SlackArg::Distributed)]
    slack: SlackArg,
    /// Largest mismatch of a bus, pu.
    #[arg(long, default_value_t = 1e-8)]
    tolerance: f64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StartArg {
    Case,
    Flat,
    Dc,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LimitsArg {
    Enforce,
    Ignore,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SlackArg {
    Distributed,
    Single,
}

impl Physics {
    pub(super) fn config(&self) -> NewtonConfig {
        NewtonConfig {
            start: match self.start {
                StartArg::Case => Start::Case,
                StartArg::Flat => Start::Flat,
                StartArg::Dc => Start::Dc,
            },
            reactive_limits: match self.reactive_limits {
                LimitsArg::Enforce => ReactiveLimits::Enforce,
                LimitsArg::Ignore => ReactiveLimits::Ignore,
            },
            slack: match self.slack {
                SlackArg::Distributed => Slack::Distributed,
                SlackArg::Single => Slack::Single,
            },
            tolerance_pu: self.tolerance,
            ..NewtonConfig::default()
        }
    }
}

/// How a study is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum StudyFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// The table.
    Csv,
}
