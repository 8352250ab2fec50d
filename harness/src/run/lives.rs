//! Episodes by one actor in one model of the world, and beside each its twin where a gate asks for what a disturbance did.

use std::sync::Arc;

use powerflow::Solver;
use scenarios::{Population, Scenario};

use super::Prepared;
use super::local::{delayed, drawn};
use crate::candidate::{Candidate, Source};
use crate::cohort::{Cohort, Envelope};
use crate::live::{COHORT, LoopConfig, live};
use crate::response;
use crate::trajectory::Episode;

/// Who lives them.
pub(crate) struct Actor<'a> {
    /// Its name in episodes.
    pub(crate) subject: &'a str,
    pub(crate) who: &'a mut dyn Candidate,
    /// Rollouts that it decides for at once, at least one.
    pub(crate) rows: usize,
}

impl<'a> Actor<'a> {
    /// One started from a source, which decides for a whole cohort where it takes batches, else for one after the other.
    pub(super) fn of(source: &dyn Source, who: &'a mut dyn Candidate, subject: &'a str) -> Self {
        Actor { subject, who, rows: if source.batched() { COHORT } else { 1 } }
    }
}

/// What an actor lived.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    /// In the order of their indices as they were given.
    pub(crate) episodes: Vec<Episode>,
    /// Of these episodes and their twins.
    pub(super) envelope: Envelope,
    /// Time of each batch of decisions, ns; those of twins are not among them.
    pub(super) decision_ns: Vec<u64>,
}

impl Lives {
    /// Lives these episodes of a population with the delays of the suite.
    pub(crate) fn of(
        prepared: &Prepared,
        config: &LoopConfig,
        solver: &mut Solver,
        population: &Population,
        indices: &[u64],
        actor: Actor<'_>,
    ) -> Self {
        let Actor { subject, who, rows } = actor;
        let responses = prepared.responses(&population.id);
        let mut all = Lives { episodes: Vec::with_capacity(indices.len()), ..Lives::default() };
        for group in indices.chunks(rows) {
            let scenarios = drawn(prepared, population, group);
            let of_twins = |(scenario, seed): &(Arc<Scenario>, u64)| (response::twin(scenario), *seed);
            let twins: Vec<_> = scenarios.iter().filter(|_| !responses.is_empty()).map(of_twins).collect();
            let mut cohort = delayed(prepared, Cohort::new(solver, config, subject, scenarios, rows, false));
            let mut lived: Vec<Episode> = live(&mut cohort, who).into_iter().map(|t| t.episode).collect();
            all.envelope.join(cohort.envelope());
            all.decision_ns.extend(cohort.decided_in().iter().map(|d| d.as_nanos() as u64));
            if !twins.is_empty() {
                let mut cohort = delayed(prepared, Cohort::new(solver, config, subject, twins, rows, false));
                for (episode, twin) in lived.iter_mut().zip(live(&mut cohort, who)) {
                    response::put(episode, &twin.episode, &responses);
                }
                all.envelope.join(cohort.envelope());
            }
            all.episodes.extend(lived);
        }
        all
    }
}
