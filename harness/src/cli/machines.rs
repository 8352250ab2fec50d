//! `gridgate frequency CASE.json`: machines, voltages and frequency on a network.

use std::path::Path;

use clap::{Args, ValueEnum};
use reports::machines::MachineStatus;

use super::physics::StudyFormat;
use super::{complain, exit, print, refuse};
use crate::frequency::machines::{Integrator, Question, answer};

/// What a case of machines is asked.
#[derive(Debug, Args)]
pub(super) struct Machines {
    /// What happens: `trip generator NAME at T`, `open line NAME at T`, `fault at bus NAME at T for D`, ...
    #[arg(long = "event", value_name = "EVENT")]
    events: Vec<String>,
    /// Longest step, s [default: 1/240 with the trapezoid, 0.002 with Runge-Kutta].
    #[arg(long)]
    step: Option<f64>,
    /// Spacing of the table, s [default: 0.02].
    #[arg(long)]
    sample: Option<f64>,
    /// How equations are carried over a step.
    #[arg(long, value_enum)]
    integrator: Option<IntegratorArg>,
    /// Machines as the file has them, or all as constant voltages behind their transient reactance.
    #[arg(long, value_enum)]
    machines: Option<MachinesArg>,
    /// Find how long this fault may last: `fault at bus NAME [r R] [x X] [at T] [then open line NAME]`.
    #[arg(long, value_name = "FAULT")]
    critical_clearing: Option<String>,
}

/// Simulated time where nobody says, s.
const HORIZON_S: f64 = 30.0;

/// Spacing of the table where nobody says, s: that of the reference tables.
const SAMPLE_S: f64 = 0.02;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MachinesArg {
    File,
    Classical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum IntegratorArg {
    Trapezoid,
    RungeKutta,
}

impl Machines {
    /// The options that were given, by their names.
    pub(super) fn given(&self) -> Vec<&'static str> {
        [
            ("--event", !self.events.is_empty()),
            ("--step", self.step.is_some()),
            ("--sample", self.sample.is_some()),
            ("--integrator", self.integrator.is_some()),
            ("--machines", self.machines.is_some()),
            ("--critical-clearing", self.critical_clearing.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }

    pub(super) fn run(self, case: &Path, horizon_s: Option<f64>, format: StudyFormat) -> u8 {
        let question = Question {
            events: self.events,
            horizon_s: horizon_s.unwrap_or(HORIZON_S),
            step_s: self.step,
            sample_s: self.sample.unwrap_or(SAMPLE_S),
            integrator: match self.integrator {
                None | Some(IntegratorArg::Trapezoid) => Integrator::Trapezoid,
                Some(IntegratorArg::RungeKutta) => Integrator::RungeKutta4,
            },
            classical: self.machines == Some(MachinesArg::Classical),
            critical_clearing: self.critical_clearing,
        };
        let document = match answer(case, &question) {
            Ok(document) => document,
            Err(complaints) => return refuse(&complaints),
        };
        match format {
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
