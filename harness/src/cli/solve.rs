//! `gridgate solve CASE`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use powerflow::control::ControlConfig;

use super::physics::{Physics, StudyFormat};
use super::{complain, exit, print, refuse};
use crate::study::{self, DcLines, Question, SolutionDocument};

/// Solve the power flow of a case file.
#[derive(Debug, Args)]
pub(super) struct Solve {
    /// The case file (MATPOWER, PSS/E RAW, pandapower JSON, ...).
    case: PathBuf,
    #[command(flatten)]
    physics: Physics,
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
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: StudyFormat,
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

impl Solve {
    pub(super) fn run(self) -> u8 {
        let config = self.physics.config();
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
            StudyFormat::Json => match serde_json::to_string(document) {
                Ok(json) => print(&json),
                Err(error) => {
                    complain(&format!("error[solve.json]: {error}"));
                    return exit::INFRASTRUCTURE;
                }
            },
            StudyFormat::Csv => print(&buses_csv(document)),
            StudyFormat::Text => print(&document.to_string()),
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
