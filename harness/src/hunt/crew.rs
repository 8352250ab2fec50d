//! Instances of a candidate on threads that stay as long as a search goes on: starting one may take longer than an episode.

use std::sync::{Arc, Mutex, mpsc};

use powerflow::{Diagnostic, Diagnostics, Plan, Solver, Topology};
use scenarios::{Scenario, streams};

use crate::candidate::{self, Candidate, Source};
use crate::live::{COHORT, live};
use crate::run::Prepared;
use crate::run::local::cohort_of;
use crate::trajectory::Episode;

/// Scenarios that live together: a fixed number, so that the number of threads decides no byte, and small, so that a batch of a search
/// keeps several threads busy.
const TOGETHER: usize = 8;

/// Who lives through a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The candidate.
    Candidate,
    /// Somebody who asks nothing.
    Nobody,
}

struct Job {
    at: usize,
    who: Who,
    scenarios: Vec<Arc<Scenario>>,
}

type Lived = Result<(usize, Vec<Episode>), Diagnostics>;

/// The threads; see the module.
pub(crate) struct Crew {
    jobs: mpsc::Sender<Job>,
    lived: mpsc::Receiver<Lived>,
}

/// Does some work with a crew of so many threads.
///
/// # Errors
/// What the work answers.
pub(crate) fn with_crew<T>(
    prepared: &Prepared,
    threads: usize,
    work: impl FnOnce(&Crew) -> Result<T, Diagnostics>,
) -> Result<T, Diagnostics> {
    let nobody: Arc<dyn Source> =
        Arc::from(candidate::open("do_nothing", prepared.config.task, &prepared.network)?);
    let plan = Arc::new(Plan::new(&prepared.network, &Arc::new(Topology::unsplit())));
    std::thread::scope(|scope| {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let (done, lived) = mpsc::channel::<Lived>();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads.max(1) {
            let (waiting, done) = (Arc::clone(&waiting), done.clone());
            let (nobody, plan) = (&nobody, &plan);
            scope.spawn(move || {
                let mut worker = match Worker::new(prepared, nobody, plan) {
                    Ok(worker) => worker,
                    Err(complaints) => {
                        let _ = done.send(Err(complaints));
                        return;
                    }
                };
                loop {
                    // Nobody panics while waiting; a lock that is poisoned all the same ends the work.
                    let Ok(job) = waiting.lock().map(|waiting| waiting.recv()) else { return };
                    let Ok(job) = job else { return };
                    if done.send(Ok((job.at, worker.live(job.who, &job.scenarios)))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        // The crew goes home when the work drops its end of the queue.
        let crew = Crew { jobs, lived };
        work(&crew)
    })
}

impl Crew {
    /// Lives through scenarios; their episodes in the same order.
    ///
    /// # Errors
    /// Where the candidate cannot be started, or a thread is gone.
    pub(crate) fn live(&self, who: Who, scenarios: Vec<Scenario>) -> Result<Vec<Episode>, Diagnostics> {
        let gone = || {
            Diagnostics::from(
                Diagnostic::error("hunt.worker", "a thread of the search is gone")
                    .hint("run it again: it goes on where it was"),
            )
        };
        let scenarios: Vec<Arc<Scenario>> = scenarios.into_iter().map(Arc::new).collect();
        let groups: Vec<Vec<Arc<Scenario>>> = scenarios.chunks(TOGETHER).map(<[_]>::to_vec).collect();
        let mut episodes: Vec<Vec<Episode>> = vec![Vec::new(); groups.len()];
        let expected = groups.len();
        for (at, scenarios) in groups.into_iter().enumerate() {
            self.jobs.send(Job { at, who, scenarios }).map_err(|_| gone())?;
        }
        for _ in 0..expected {
            let (at, lived) = self.lived.recv().map_err(|_| gone())??;
            episodes[at] = lived;
        }
        Ok(episodes.into_iter().flatten().collect())
    }
}

/// What one thread works with.
struct Worker<'a> {
    prepared: &'a Prepared,
    solver: Solver,
    candidate: Box<dyn Candidate>,
    nobody: Box<dyn Candidate>,
    nobody_is: &'a Arc<dyn Source>,
}

impl<'a> Worker<'a> {
    fn new(
        prepared: &'a Prepared,
        nobody: &'a Arc<dyn Source>,
        plan: &Arc<Plan>,
    ) -> Result<Self, Diagnostics> {
        Ok(Worker {
            prepared,
            solver: Solver::with_plan(&prepared.network, Arc::clone(plan)),
            candidate: prepared.candidate.start()?,
            nobody: nobody.start()?,
            nobody_is: nobody,
        })
    }

    fn live(&mut self, who: Who, scenarios: &[Arc<Scenario>]) -> Vec<Episode> {
        let Worker { prepared, solver, candidate, nobody, nobody_is } = self;
        let (source, subject): (&Arc<dyn Source>, String) = match who {
            Who::Candidate => (&prepared.candidate, "candidate".to_owned()),
            Who::Nobody => (nobody_is, nobody_is.record().name),
        };
        let who = match who {
            Who::Candidate => candidate.as_mut(),
            Who::Nobody => nobody.as_mut(),
        };
        // The shape that a run gives a model, so that it answers with the same bytes there.
        let (rows, together) = if source.batched() { (COHORT, TOGETHER) } else { (1, 1) };
        let mut episodes = Vec::with_capacity(scenarios.len());
        for group in scenarios.chunks(together) {
            let seeded = |scenario: &Arc<Scenario>| {
                let own =
                    streams(prepared.seed(), &scenario.population, scenario.index).named("candidate").word();
                (Arc::clone(scenario), own)
            };
            let drawn = group.iter().map(seeded).collect();
            let mut cohort = cohort_of(prepared, solver, &subject, drawn, rows, false);
            episodes.extend(live(&mut cohort, who).into_iter().map(|lived| lived.episode));
        }
        episodes
    }
}
