//! Many states of one network at once, side by side in lanes.
//!
//! A lane that is finished takes the next state at once, so a hard state costs its own iterations and nobody else's. What
//! the lanes cannot solve climbs the ladder alone. Bytes are those of solving one state after the other.

use std::any::Any;

use crate::config::NewtonConfig;
use crate::desk::{Beginning, Desk, Frame};
use crate::lane::{Lane, WideWork, Width, at_width};
use crate::solution::{Divergence, Flows, Rung, Solution};
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

/// The working memory of the width that was used last.
#[derive(Debug, Default)]
pub(crate) struct SideBySide(Option<Box<dyn Any + Send + Sync>>);

impl SideBySide {
    /// What works at a width, new where another width was used last.
    pub(crate) fn of_width<D: Any + Default + Send + Sync + std::fmt::Debug>(&mut self) -> &mut D {
        if !self.0.as_ref().is_some_and(|desk| desk.is::<D>()) {
            self.0 = Some(Box::new(D::default()));
        }
        let desk = self.0.as_mut().and_then(|desk| desk.downcast_mut());
        desk.expect("it has just been made of this width")
    }
}

type Answer = Result<(Solution, Flows), Divergence>;

impl Solver {
    /// The width of [`Solver::solve_batch`]; the bytes of its answers do not depend on it.
    pub fn set_width(&mut self, width: Width) {
        self.width = width;
    }

    /// Solves every job, grouped by topology so that each plan is fetched once; answers come in the order of the jobs.
    /// An answer's bytes depend on its own job alone, not on its neighbours or its place.
    pub fn solve_batch(&mut self, jobs: &[Job<'_>], config: &NewtonConfig) -> Vec<Answer> {
        self.forget_plans();
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        let plan_of: Vec<usize> = jobs.iter().map(|job| self.plan_number(&job.state.topology)).collect();
        order.sort_by_key(|job| plan_of[*job]);
        let mut answers: Vec<Option<Answer>> = vec![None; jobs.len()];
        for group in order.chunk_by(|a, b| plan_of[*a] == plan_of[*b]) {
            // Lanes that would stay empty cost as much as the others.
            let enough =
                |width: &Width| width.lanes() <= self.width.lanes() && width.lanes() < 2 * group.len();
            let width = Width::available().into_iter().rfind(enough).unwrap_or(Width::One);
            if group.len() > 1 {
                at_width(width, Group { solver: self, jobs, group, config, answers: &mut answers });
            }
        }
        for (job, answer) in jobs.iter().zip(&mut answers) {
            if answer.is_none() {
                *answer = Some(self.solve(job.state, job.previous, config).map(|solution| {
                    let flows = self.flows(job.state, &solution);
                    (solution, flows)
                }));
            }
        }
        answers.into_iter().flatten().collect()
    }
}

/// The jobs of one topology.
struct Group<'a, 'b> {
    solver: &'a mut Solver,
    jobs: &'a [Job<'b>],
    group: &'a [usize],
    config: &'a NewtonConfig,
    answers: &'a mut [Option<Answer>],
}

impl WideWork for Group<'_, '_> {
    type Answer = ();

    fn run<L: Lane>(self) {
        let Group { solver, jobs, group, config, answers } = self;
        let plan = solver.plan(&jobs[group[0]].state.topology);
        let (network, kirchhoff, side_by_side) = solver.parts();
        let frame = Frame { network, plan: &plan, kirchhoff, config };
        let desk = side_by_side.of_width::<Desk<L>>();
        desk.open(&plan);
        let mut waiting = group.iter().copied();
        let mut job_of: Vec<Option<usize>> = vec![None; L::WIDTH];
        loop {
            for (lane, slot) in job_of.iter_mut().enumerate() {
                while slot.is_none() {
                    let Some(number) = waiting.next() else { break };
                    let job = &jobs[number];
                    let begin = Beginning {
                        state: job.state,
                        previous: job.previous,
                        start: config.start,
                        killed: &[],
                        trend: false,
                    };
                    // A state without any source is left to the ladder, which says so.
                    if desk.seat(lane, &frame, &begin).is_ok() {
                        *slot = Some(number);
                    }
                }
            }
            let busy = job_of.iter().flatten().count();
            if busy == 0 {
                return;
            }
            desk.newton(&plan, busy - 1, false);
            for (lane, slot) in job_of.iter_mut().enumerate() {
                let Some(number) = *slot else { continue };
                let Some(ended) = desk.settle(lane, &frame, jobs[number].state) else { continue };
                *slot = None;
                if ended.is_ok()
                    && let Ok(solution) = desk.finish(lane, &frame, jobs[number].state, Rung::Newton, false)
                {
                    let flows = Flows::of(network, &plan, jobs[number].state, &solution);
                    answers[number] = Some(Ok((solution, flows)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Case, Network};

    #[test]
    fn a_solver_can_be_sent_to_a_thread() {
        let network = Network::build(Case::two_bus_example()).expect("a sound case");
        let mut solver = Solver::new(&Arc::clone(&network));
        let state = network.initial_state();
        let config = NewtonConfig::default();
        let jobs = [Job { state: &state, previous: None }; 9];
        let together = std::thread::scope(|scope| {
            let thread = scope.spawn(|| solver.solve_batch(&jobs, &config));
            thread.join().expect("no panic")
        });
        let alone = crate::solve(&network, &config).expect("a solution");
        for answer in together {
            let (solution, _) = answer.expect("a solution");
            assert_eq!(solution.voltage.as_slice(), alone.voltage.as_slice());
        }
    }
}
