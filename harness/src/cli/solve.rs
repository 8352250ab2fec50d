//! `gridgate solve CASE`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use powerflow::control::ControlConfig;
use powerflow::{NewtonConfig, ReactiveLimits, Slack, Start};

use super::{complain, exit, print, refuse};
use crate::study::{self, DcLines, Question, SolutionDocument};

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
    /// What the grid's own devices may move until they are content: taps, shunts, remote voltages, interchange of areas.
    #[arg(long, value_enum, value_delimiter = ',')]
    control: Vec<ControlArg>,
    /// Whether demand follows the voltage where the file says so, or is constant.
    #[arg(long, value_enum, default_value_t = DemandArg::File)]
    demand: DemandArg,
    /// Whether DC lines run: as the file's own program does (off in MATPOWER, on elsewhere), on or off.
    #[arg(long, value_enum, default_value_t = DcLinesArg::File)]
    dc_lines: DcLinesArg,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ControlArg {
    Taps,
    Shunts,
    Remote,
    Interchange,
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DemandArg {
    File,
    Constant,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DcLinesArg {
    File,
    On,
    Off,
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
        let asked = |what| self.control.contains(&what) || self.control.contains(&ControlArg::All);
        let question = Question {
            dc_lines: match self.dc_lines {
                DcLinesArg::File => DcLines::File,
                DcLinesArg::On => DcLines::On,
                DcLinesArg::Off => DcLines::Off,
            },
            control: ControlConfig {
                taps: asked(ControlArg::Taps),
                shunts: asked(ControlArg::Shunts),
                remote_voltage: asked(ControlArg::Remote),
                interchange: asked(ControlArg::Interchange),
                demand: matches!(self.demand, DemandArg::File),
                ..ControlConfig::default()
            },
        };
        let solved = match study::solve_question(&self.case, &config, self.linear, &question) {
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
            SolutionFormat::Text => print(&document.to_string()),
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
