//! Relays that misoperate when a neighbour trips: every branch that shares a bus with one that just went out is exposed once, and
//! trips too with a small probability.
//!
//! Source: the hidden-failure models of OPA and CRISP; the literature has 1e-3 to 1e-2 for each exposed relay. What is drawn for the
//! k-th exposure of a branch depends on the scenario and on nothing else, so that two candidates meet the same bad luck.

use powerflow::{BranchIdx, BusIdx, Index, Network, State};
use scenarios::{Seed, Stream, streams};

/// The misoperations of one grid.
#[derive(Debug)]
pub struct HiddenFailures {
    probability: f64,
    seed: Seed,
    population: String,
    index: u64,
    /// Streams of the branches that were exposed, ascending by branch.
    exposed: Vec<(BranchIdx, Stream)>,
    /// Natural logarithm of the likelihood of all that was drawn.
    log_likelihood: f64,
}

impl HiddenFailures {
    /// Those of a scenario; none where the probability is zero.
    pub fn new(probability: f64, seed: Seed, population: &str, index: u64) -> Option<Self> {
        (probability > 0.0).then(|| HiddenFailures {
            probability,
            seed,
            population: population.to_owned(),
            index,
            exposed: Vec::new(),
            log_likelihood: 0.0,
        })
    }

    /// Which of the closed neighbours of a branch that just went out go with it, ascending.
    pub fn expose(&mut self, network: &Network, state: &State, out: BranchIdx) -> Vec<BranchIdx> {
        let branches = &network.branches;
        let ends = (branches.from[out], branches.to[out]);
        let touches = |bus: BusIdx| bus == ends.0 || bus == ends.1;
        let neighbours = branches.from.iter().filter(|(branch, from)| {
            *branch != out && state.branch_on[*branch] && (touches(**from) || touches(branches.to[*branch]))
        });
        let neighbours: Vec<BranchIdx> = neighbours.map(|(branch, _)| branch).collect();
        neighbours.into_iter().filter(|branch| self.draw(*branch)).collect()
    }

    fn draw(&mut self, branch: BranchIdx) -> bool {
        let at = match self.exposed.binary_search_by_key(&branch, |(branch, _)| *branch) {
            Ok(at) => at,
            Err(at) => {
                let all = streams(self.seed, &self.population, self.index).within("grid/hidden_failure");
                self.exposed.insert(at, (branch, all.named(&branch.row().to_string())));
                at
            }
        };
        let fails = self.exposed[at].1.uniform() < self.probability;
        let likelihood = if fails { self.probability } else { 1.0 - self.probability };
        self.log_likelihood += libm::log(likelihood);
        fails
    }

    /// Natural logarithm of the likelihood of all that was drawn.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }
}
