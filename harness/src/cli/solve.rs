//! `gridgate solve CASE`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use powerflow::{NewtonConfig, ReactiveLimits, Slack, Start};

use super::{complain, exit, print, refuse};
use crate::study::{self, SolutionDocument};

/// Solve the power flow of a case file.
#[derive(Debug, Args)]
pub(super) struct Solve {
    /// The case file (MATPOWER, PSS/E RAW, pandapower JSON, ...).
    case: PathBuf,
    /// Where Newton starts.
    #[arg(long, value_enum, default_value_t = StartArg::Case)]
    start: StartArg,
    /// Whether units' reactive ranges are respected.
    #[arg(long, value_enum, default_value_t = LimitsArg::Enforce)]
    reactive_limits: LimitsArg,
    /// Who provides what is missing: all units with headroom, or the reference bus alone.
    #[arg(long, value_enum, default_value_t = SlackArg::Distributed)]
    slack: SlackArg,
    /// Solve the linear (DC) power flow instead.
    #[arg(long)]
    linear: bool,
    /// Largest mismatch of a bus, pu.
    #[arg(long, default_value_t = 1e-8)]
    tolerance: f64,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: SolutionFormat,
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

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum SolutionFormat {
    #[default]
    Text,
    Json,
    Csv,
}

impl Solve {
    pub(super) fn run(self) -> u8 {
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            complain(&format!(
                "error[usage.tolerance]: --tolerance {} is not between 0 and 1\nhint: it is the largest mismatch of a \
                 bus in per unit; 1e-8 is usual",
                self.tolerance
            ));
            return exit::USAGE;
        }
        let config = NewtonConfig {
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
        };
        let solved = match study::solve(&self.case, &config, self.linear) {
            Ok(solved) => solved,
            Err(complaints) => return refuse(&complaints),
        };
        let document = &solved.document;
        match self.format {
            SolutionFormat::Json => match serde_json::to_string(document) {
                Ok(json) => print(&json),
                Err(error) => {
                    complain(&format!("error[solve.json]: {error}"));
                    return exit::INFRASTRUCTURE;
                }
            },
            SolutionFormat::Csv => print(&buses_csv(document)),
            SolutionFormat::Text => print(&text(document)),
        }
        if document.status == "solved" { exit::PASS } else { exit::FAIL }
    }
}

fn buses_csv(document: &SolutionDocument) -> String {
    let mut csv = String::from("bus,status,vm_pu,va_deg\n");
    for bus in &document.buses {
        let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
        let status = match bus.status {
            powerflow::BusStatus::Live => "live",
            powerflow::BusStatus::Dead => "dead",
            powerflow::BusStatus::Isolated => "isolated",
        };
        let _ = writeln!(csv, "{},{status},{},{}", bus.id, number(bus.vm_pu), number(bus.va_deg));
    }
    csv
}

/// A page for a person: the answer first, then the extremes.
fn text(document: &SolutionDocument) -> String {
    let mut page = String::new();
    if document.status == "solved" {
        let _ = writeln!(
            page,
            "{}: solved in {} iterations ({}), largest mismatch {:.1e} pu",
            document.case,
            document.iterations,
            document.rung.as_deref().unwrap_or("newton"),
            document.mismatch_pu
        );
        let generation: f64 = document.generators.iter().map(|g| g.p_mw).sum();
        let losses = document.losses_mw.unwrap_or_default();
        let _ = writeln!(page, "generation {generation:.3} MW, losses {losses:.3} MW");
        let mut by_voltage: Vec<(f64, u64)> =
            document.buses.iter().filter_map(|b| b.vm_pu.map(|vm| (vm, b.id))).collect();
        by_voltage.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if let (Some(low), Some(high)) = (by_voltage.first(), by_voltage.last()) {
            let _ = writeln!(
                page,
                "voltages {:.4} pu at bus {} to {:.4} pu at bus {}",
                low.0, low.1, high.0, high.1
            );
        }
        if !document.at_reactive_limit.is_empty() {
            let shown: Vec<String> = document.at_reactive_limit.iter().take(12).map(u64::to_string).collect();
            let more = document.at_reactive_limit.len().saturating_sub(12);
            let _ = writeln!(
                page,
                "at a reactive limit: {} buses ({}{})",
                document.at_reactive_limit.len(),
                shown.join(", "),
                if more > 0 { format!(" and {more} more") } else { String::new() }
            );
        }
    } else {
        let _ = writeln!(page, "{}: no solution", document.case);
    }
    for diagnostic in &document.diagnostics {
        let _ = writeln!(page, "\n{diagnostic}");
    }
    page
}
