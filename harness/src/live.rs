//! The closed loop, one screen: a cohort of grids lives through its scenarios together.

use std::sync::Arc;

use powerflow::NewtonConfig;

use crate::action::Task;
use crate::candidate::Candidate;
use crate::cohort::Cohort;
use crate::grid::GridRules;
use crate::metric::Looks;
use crate::sensing::Sensing;
use crate::trajectory::Trajectory;

/// Number of consecutive scenario indices that live together; never a function of threads or shards.
pub const COHORT: usize = 256;

/// Settings of the loop.
#[derive(Clone, Debug)]
pub struct LoopConfig {
    /// What candidates control.
    pub task: Task,
    /// Length of a step, s.
    pub step_s: f64,
    /// Steps of an episode.
    pub steps: u32,
    /// How states are solved.
    pub newton: NewtonConfig,
    /// Rules of the simulated grid.
    pub rules: Arc<GridRules>,
    /// What is looked at beyond the state of every step, because somebody asks for it.
    pub looks: Looks,
    /// What stands between the truth and a candidate; `None` where it sees the truth.
    pub sensing: Option<Arc<Sensing>>,
}

/// Lets a candidate live through a cohort's scenarios. The order of a step is: events, settle, sense, decide, grant,
/// settle, and then time passes: relays operate, events befall the grid, delayed commands take effect, each at its own moment, and
/// all is measured.
pub fn live(cohort: &mut Cohort<'_>, candidate: &mut dyn Candidate) -> Vec<Trajectory> {
    candidate.reset(cohort.seeds());
    while let Some(now) = cohort.next_moment() {
        cohort.apply_events(now);
        cohort.settle();
        cohort.sense(candidate, now);
        let asked = cohort.ask(candidate);
        cohort.grant(&asked, now);
        cohort.settle();
        cohort.pass_time();
    }
    cohort.finish()
}
