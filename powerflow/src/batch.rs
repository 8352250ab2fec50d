//! Many states of one network at once.
//!
//! One lane wide for now: a loop. Its callers already hand over everything that is pending, so wider lanes change this
//! file and no caller.

use crate::config::NewtonConfig;
use crate::solution::{Divergence, Flows, Solution};
use crate::solver::Solver;
use crate::state::State;

/// A pending power flow.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// What to solve.
    pub state: &'a State,
    /// Where to start; `None` starts as the configuration says.
    pub previous: Option<&'a Solution>,
}

impl Solver {
    /// Solves every job, grouped by topology so that each plan is fetched once; answers come in the order of the jobs.
    /// An answer's bytes depend on its own job alone, not on its neighbours or its place.
    pub fn solve_batch(
        &mut self,
        jobs: &[Job<'_>],
        config: &NewtonConfig,
    ) -> Vec<Result<(Solution, Flows), Divergence>> {
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        let plan_of: Vec<usize> = jobs.iter().map(|job| self.plan_number(&job.state.topology)).collect();
        order.sort_by_key(|job| plan_of[*job]);
        let mut answers: Vec<Option<Result<(Solution, Flows), Divergence>>> = vec![None; jobs.len()];
        for at in order {
            let job = &jobs[at];
            answers[at] = Some(self.solve(job.state, job.previous, config).map(|solution| {
                let flows = self.flows(job.state, &solution);
                (solution, flows)
            }));
        }
        answers.into_iter().flatten().collect()
    }
}
