//! What may stand between a candidate and the grid: a limiter with a fallback, and people who answer its advice.
//!
//! Layers around the candidate, in this order: it decides; the limiter keeps its requests within bounds, or the fallback decides in its
//! place; in advisory mode people answer what is new. What comes out is asked of the grid like any other request, recorded, and repeated by
//! a replay without any of the layers. A candidate that is supervised by nobody passes through none of this.

mod advisory;
mod limiter;

use std::path::PathBuf;
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics, Network};
use reports::{CandidateRecord, Handling};

use crate::action::{Asked, Task};
use crate::candidate::manifest::Mode;
use crate::candidate::operator::Operator;
use crate::candidate::request::{self, Request};
use crate::candidate::{Candidate, Decisions, Source};
use crate::fields::Fields;
use crate::observation::{Observations, Observed};
use crate::suite::Suite;
use advisory::Desk;
use limiter::Guard;

pub use advisory::{Advisory, DELAY_S_MAX};
pub use limiter::{BOUNDS, Limiter, RANGED, STEPPED, StandIn};

pub(crate) use advisory::read as read_advisory;
pub(crate) use limiter::read as read_limiter;

/// Puts what the suite wants between a candidate and the grid; the candidate itself where that is nothing.
///
/// # Errors
/// `candidate.mode` where its manifest declares another mode than the suite simulates: a candidate is judged as it will be used.
pub(crate) fn around(
    candidate: Arc<dyn Source>,
    suite: &Suite,
    network: &Arc<Network>,
) -> Result<Arc<dyn Source>, Diagnostics> {
    if suite.limiter.is_none() {
        let why = "counts what a limiter does, and the suite has none";
        suite.refuse_gates_on("limiter.", "suite.gate.limiter", why, "add a table [limiter] to the suite")?;
    }
    check_mode(candidate.as_ref(), suite)?;
    if suite.limiter.is_none() && suite.advisory.is_none() {
        return Ok(candidate);
    }
    let task = suite.loop_config.task;
    let operator = suite
        .operators
        .models
        .first()
        .map(|model| Operator::new(*model, task, network, suite.operators.settings));
    Ok(Arc::new(Supervised {
        candidate,
        limiter: suite.limiter.clone(),
        advisory: suite.advisory,
        operator,
        network: Arc::clone(network),
    }))
}

fn check_mode(candidate: &dyn Source, suite: &Suite) -> Result<(), Diagnostics> {
    // Without a manifest nothing is declared, and the suite's mode is taken.
    if candidate.home().is_none() {
        return Ok(());
    }
    let record = candidate.record();
    let advises = record.mode == Mode::Advisory.id();
    let (message, hint) = match (advises, suite.advisory.is_some()) {
        (true, false) => (
            "advises people, and the suite has nobody who answers",
            "add a table [advisory] to the suite, or write mode = \"closed_loop\" in the manifest",
        ),
        (false, true) => (
            "acts by itself, and the suite's [advisory] lets people answer it",
            "write mode = \"advisory\" in its manifest, or take [advisory] out of the suite",
        ),
        _ => return Ok(()),
    };
    Err(Diagnostic::error("candidate.mode", format!("the candidate `{}` {message}", record.name))
        .at(&suite.file, None)
        .hint(hint)
        .into())
}

/// Makes supervised instances of another source.
struct Supervised {
    candidate: Arc<dyn Source>,
    limiter: Option<Limiter>,
    advisory: Option<Advisory>,
    /// Who takes over where the fallback is the operator.
    operator: Option<Operator>,
    network: Arc<Network>,
}

impl Source for Supervised {
    fn record(&self) -> CandidateRecord {
        let record = self.candidate.record();
        match self.advisory {
            Some(_) => CandidateRecord { mode: Mode::Advisory.id().to_owned(), ..record },
            None => record,
        }
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        Ok(Box::new(OnDuty {
            candidate: self.candidate.start()?,
            guard: self
                .limiter
                .as_ref()
                .map(|limiter| Guard::new(limiter, self.operator.as_ref(), &self.network)),
            desk: self.advisory.map(Desk::new),
        }))
    }

    fn batched(&self) -> bool {
        self.candidate.batched()
    }

    fn home(&self) -> Option<PathBuf> {
        self.candidate.home()
    }

    fn known_by_digest(&self) -> bool {
        self.candidate.known_by_digest()
    }

    fn notes(&self) -> Vec<String> {
        self.candidate.notes()
    }
}

/// A candidate with whoever supervises it.
struct OnDuty {
    candidate: Box<dyn Candidate>,
    guard: Option<Guard>,
    desk: Option<Desk>,
}

impl Candidate for OnDuty {
    fn reset(&mut self, seeds: &[u64]) {
        self.candidate.reset(seeds);
        if let Some(guard) = &mut self.guard {
            guard.reset(seeds);
        }
        if let Some(desk) = &mut self.desk {
            desk.reset(seeds);
        }
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let mut decisions = self.candidate.decide_batch(seen);
        let mut rows = request::of_rows(&decisions, seen.rows);
        let mut handled = vec![Handling::default(); seen.rows];
        decisions.failed.resize(seen.rows, None);
        if let Some(guard) = &mut self.guard {
            guard.supervise(seen, &mut rows, &mut decisions.failed, &mut handled);
        }
        if let Some(desk) = &mut self.desk {
            desk.answer(seen, &mut rows, &decisions.failed, &mut handled);
        }
        Decisions { asked: request::tensors(&rows), failed: decisions.failed, handled }
    }
}

/// What holds now of a quantity that can be asked; `None` of what is not observed.
fn holds(seen: &Observations, row: usize, request: &Request) -> Option<f64> {
    let shown = match request.quantity {
        Asked::UnitVSet => Observed::UnitVSet,
        Asked::UnitPSet => Observed::UnitPSet,
        Asked::BranchTap => Observed::BranchTap,
        Asked::ShuntStep => Observed::ShuntStep,
        Asked::BranchStatus => Observed::BranchStatus,
        Asked::LoadShed => return None,
    };
    seen.of(shown).row(row).get(request.element as usize).copied()
}

/// Complains about what a suite's tables ask for in vain.
pub(crate) fn check(
    fields: &Fields<'_>,
    task: Option<Task>,
    limiter: Option<&Limiter>,
    advisory: Option<Advisory>,
) {
    let Some(task) = task else { return };
    if advisory.is_some() && task == Task::FrequencyResponse {
        let message =
            "people cannot answer advice on a frequency response: it is over before they have read it";
        fields.complain("advisory", Some("advisory"), message);
    }
    if let Some(asked) = limiter.and_then(|limiter| limiter::idle(limiter, task)) {
        let message = format!("[limiter] names {}, which the task {} always refuses", asked.id(), task.id());
        fields.complain("limiter", Some("limiter"), message);
    }
}
