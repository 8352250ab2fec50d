//! Levels B and C: machines and their governors on the reduced network.
//!
//! Machines are constant voltages behind their transient reactance, or round rotors with field and damper circuits and an
//! exciter; demand is constant admittance, governors are TGOV1.
//! What is computed, and what is left out: `docs/physics/frequency-machines.md`. The case format:
//! `docs/formats/machines-case.md`.

mod base;
mod case;
mod circuits;
mod clearing;
mod events;
mod exciter;
mod field;
mod lu;
mod model;
mod network;
mod phasor;
mod run;
mod sections;
mod start;
mod watch;

use std::collections::BTreeMap;
use std::path::Path;

use powerflow::{Diagnostic, Diagnostics};
use reports::InputRecord;
use reports::machines::{MACHINES_SCHEMA, MachineBaseRecord, MachineStatus, MachineStudy, MachineTable};

use crate::study::{digest_of, file_name};

use case::{MachineCase, SYSTEM_BASE_MVA};
use clearing::Fault;
use run::{Outcome, Settings};
use start::{NoStart, Start};

pub use model::Integrator;

/// Longest step of the implicit trapezoid, s: half a cycle at 60 Hz.
const TRAPEZOID_STEP_S_MAX: f64 = 1.0 / 120.0;
/// Longest step of the Runge-Kutta method, s.
const RUNGE_KUTTA_STEP_S_MAX: f64 = 2e-3;
/// Rows that a table may have: more is a slip of the pen.
const ROWS_MAX: f64 = 1e7;

/// What is asked of a case.
#[derive(Clone, Debug)]
pub struct Question {
    /// Events as people write them: `trip generator GENROU_2 at 1.0`.
    pub events: Vec<String>,
    /// Simulated time, s.
    pub horizon_s: f64,
    /// Longest step, s; `None` for that of the integrator: 1/240 s for the trapezoid, 2 ms for Runge and Kutta.
    pub step_s: Option<f64>,
    /// Spacing of the table, s.
    pub sample_s: f64,
    /// How equations are carried over a step.
    pub integrator: Integrator,
    /// Whether machines with circuits are taken as constant voltages behind their transient reactance too.
    pub classical: bool,
    /// A fault whose critical clearing time is looked for: `fault at bus 7`.
    pub critical_clearing: Option<String>,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            horizon_s: 30.0,
            step_s: None,
            sample_s: 0.02,
            integrator: Integrator::Trapezoid,
            classical: false,
            critical_clearing: None,
        }
    }
}

/// Reads a case and simulates what was asked.
///
/// # Errors
/// Everything that is wrong with the case, its events or the settings. A case without a power flow, or equations that were
/// not solved to the end, are no error but a document that says so.
pub fn answer(path: &Path, question: &Question) -> Result<MachineStudy, Diagnostics> {
    let settings = settings(question)?;
    let case = MachineCase::read(path, question.classical)?;
    let events = events::read(&case, &question.events, settings.horizon_ns)?;
    let mut study = MachineStudy {
        schema: MACHINES_SCHEMA.into(),
        case: case.name.clone(),
        engine: BTreeMap::from([
            ("program".to_owned(), "gridgate".to_owned()),
            ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ]),
        inputs: vec![InputRecord { role: "case".into(), name: file_name(path), digest: digest_of(path)? }],
        settings: described(&settings, question),
        status: MachineStatus::Completed,
        why: None,
        nominal_hz: case.frequency_hz,
        simulated_s: 0.0,
        base: None,
        key_figures: None,
        synchronism: None,
        angles: Vec::new(),
        events: Vec::new(),
        islands: Vec::new(),
        dead: Vec::new(),
        clearing: None,
        warnings: case.warnings.clone(),
        table: MachineTable::default(),
    };
    let mut start = match Start::of(&case) {
        Ok(start) => start,
        Err(NoStart::Wrong(wrong)) => return Err(wrong),
        Err(NoStart::Diverged(divergence)) => {
            study.status = MachineStatus::NoBase;
            study.why = Some(divergence.to_string());
            return Ok(study);
        }
    };
    let demand = |(load, y): (&case::Load, &phasor::Phasor)| {
        start.base.voltage[load.bus].map_or(0.0, |voltage| voltage.square() * y.re)
    };
    study.base = Some(MachineBaseRecord {
        demand_mw: SYSTEM_BASE_MVA * case.loads.iter().zip(&start.topology.load).map(demand).sum::<f64>(),
        generation_mw: SYSTEM_BASE_MVA * start.base.injection.iter().map(|s| s.re).sum::<f64>(),
        mismatch_pu: start.base.mismatch_pu,
    });
    study.warnings.append(&mut start.warnings);
    let outcome = match &question.critical_clearing {
        None => run::run(&mut start, &events, &settings),
        Some(fault) => {
            let fault = Fault::read(&start, fault)?;
            let found = clearing::search(&mut start, &fault, &events, &settings);
            study.clearing = Some(found.record);
            found.outcome
        }
    };
    fill(&mut study, outcome);
    Ok(study)
}

fn fill(study: &mut MachineStudy, outcome: Outcome) {
    if let Some(why) = outcome.stopped {
        study.status = MachineStatus::Stopped;
        study.why = Some(why);
    }
    study.simulated_s = outcome.simulated_s;
    study.key_figures = outcome.key_figures;
    study.synchronism = Some(outcome.synchronism);
    study.angles = outcome.angles;
    study.events = outcome.events;
    study.dead = outcome.dead;
    study.table = outcome.table;
    study.warnings.extend(outcome.warnings);
    let mut starts: Vec<f64> = outcome.islands.iter().map(|island| island.from_s).collect();
    starts.dedup();
    let several = starts
        .iter()
        .any(|t| outcome.islands.iter().filter(|island| island.from_s <= *t && *t < island.to_s).count() > 1);
    if several {
        study.warnings.push(
            "there were several islands at once: the frequency of the table is the mean of all machines, each island's own is \
             in the list of islands"
                .to_owned(),
        );
    }
    study.islands = outcome.islands;
}

/// Checks what was asked.
fn settings(question: &Question) -> Result<Settings, Diagnostics> {
    let mut wrong = Diagnostics::default();
    let mut refuse = |message: String, hint: &str| {
        wrong.push(Diagnostic::error("machines.settings.range", message).hint(hint));
    };
    let (longest_s, default_s) = match question.integrator {
        Integrator::Trapezoid => (TRAPEZOID_STEP_S_MAX, 1.0 / 240.0),
        Integrator::RungeKutta4 => (RUNGE_KUTTA_STEP_S_MAX, RUNGE_KUTTA_STEP_S_MAX),
    };
    let step_s = question.step_s.unwrap_or(default_s);
    // A nanosecond of rounding is nobody's mistake: 1/120 is not a decimal.
    if !(1e-6..=longest_s + 1e-9).contains(&step_s) {
        let message = format!("the step is {step_s} s, it should be from 1e-6 s to {longest_s:.6} s");
        refuse(message, "the trapezoid takes at most half a cycle, Runge-Kutta at most 2 ms");
    }
    let horizon_ns = events::nanoseconds(question.horizon_s);
    if horizon_ns.is_none_or(|ns| ns == 0) {
        let message =
            format!("the horizon is {} s, it should be above 0 s and at most a day", question.horizon_s);
        refuse(message, "give --horizon 30");
    }
    let sample_ns = events::nanoseconds(question.sample_s).filter(|ns| *ns > 0);
    if sample_ns.is_none() || question.horizon_s / question.sample_s > ROWS_MAX {
        let message =
            format!("the table's spacing is {} s, which is no spacing of a table", question.sample_s);
        refuse(message, "give --sample 0.02");
    }
    let settings = Settings {
        integrator: question.integrator,
        step_s,
        sample_ns: sample_ns.unwrap_or(1),
        horizon_ns: horizon_ns.unwrap_or(0),
        until_lost: false,
    };
    wrong.into_result(settings)
}

/// Settings as text.
fn described(settings: &Settings, question: &Question) -> BTreeMap<String, String> {
    let word = |name: &str, value: String| (name.to_owned(), value);
    let integrator = match settings.integrator {
        Integrator::Trapezoid => "implicit trapezoid",
        Integrator::RungeKutta4 => "Runge-Kutta of order four",
    };
    let machines = if question.classical {
        "all as constant voltages behind their transient reactance"
    } else {
        "GENCLS as constant voltages behind their transient reactance, GENROU with field and damper circuits"
    };
    BTreeMap::from([
        word("machines", machines.into()),
        word("demand", "constant power at the start, constant impedance afterwards".into()),
        word("integrator", format!("{integrator}, steps of at most {} s, cut at events", settings.step_s)),
        word("table", format!("every {} s", question.sample_s)),
        word("start", "power flow of the case, reactive limits ignored, one reference".into()),
    ])
}
