//! `gridgate frequency CASE.json`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use reports::machines::MachineStatus;

use super::physics::StudyFormat;
use super::{complain, exit, print, refuse};
use crate::frequency::machines::{Integrator, Question, answer};

/// Simulate machines, voltages and frequency after events.
#[derive(Debug, Args)]
pub(super) struct Frequency {
    /// The case file: network, machines and governors as JSON (docs/formats/machines-case.md).
    case: PathBuf,
    /// What happens: `trip generator NAME at T`, `open line NAME at T`, `fault at bus NAME at T for D`, ...
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// Simulated time, s.
    #[arg(long, default_value_t = 30.0)]
    horizon: f64,
    /// Longest step, s [default: 1/240 with the trapezoid, 0.002 with Runge-Kutta].
    #[arg(long)]
    step: Option<f64>,
    /// Spacing of the table, s.
    #[arg(long, default_value_t = 0.02)]
    sample: f64,
    /// How equations are carried over a step.
    #[arg(long, value_enum, default_value_t)]
    integrator: IntegratorArg,
    /// Machines as the file has them, or all as constant voltages behind their transient reactance.
    #[arg(long, value_enum, default_value_t)]
    machines: MachinesArg,
    /// Find how long this fault may last: `fault at bus NAME [r R] [x X] [at T] [then open line NAME]`.
    #[arg(long, value_name = "FAULT")]
    critical_clearing: Option<String>,
    /// How to print: for people, the document, or the table.
    #[arg(long, value_enum, default_value_t)]
    format: StudyFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum MachinesArg {
    #[default]
    File,
    Classical,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum IntegratorArg {
    #[default]
    Trapezoid,
    RungeKutta,
}

impl Frequency {
    pub(super) fn run(self) -> u8 {
        let question = Question {
            events: self.events,
            horizon_s: self.horizon,
            step_s: self.step,
            sample_s: self.sample,
            integrator: match self.integrator {
                IntegratorArg::Trapezoid => Integrator::Trapezoid,
                IntegratorArg::RungeKutta => Integrator::RungeKutta4,
            },
            classical: self.machines == MachinesArg::Classical,
            critical_clearing: self.critical_clearing,
        };
        let document = match answer(&self.case, &question) {
            Ok(document) => document,
            Err(complaints) => return refuse(&complaints),
        };
        match self.format {
            StudyFormat::Text => print(&reports::render::machines::text(&document)),
            StudyFormat::Json => match reports::canonical_json(&document) {
                Ok(json) => print(&String::from_utf8_lossy(&json)),
                Err(problem) => {
                    complain(&problem.to_string());
                    return exit::INFRASTRUCTURE;
                }
            },
            StudyFormat::Csv => {
                // A table of nothing, or of the time before the equations failed, would read as an answer.
                if document.status == MachineStatus::Completed {
                    print(&document.csv());
                }
                for warning in &document.warnings {
                    complain(&format!("warning: {warning}"));
                }
            }
        }
        if document.status == MachineStatus::Completed {
            return exit::PASS;
        }
        let (code, hint) = match document.status {
            MachineStatus::NoBase => ("machines.no-base", "look at the power flow of the case first"),
            _ => ("machines.stopped", "the document tells what was simulated until then"),
        };
        let why = document.why.as_deref().unwrap_or_default();
        complain(&format!("error[{code}]: {}: {why}\nhint: {hint}", document.case));
        exit::FAIL
    }
}
