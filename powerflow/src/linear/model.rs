//! What every question to the linear model starts from: susceptances, factor, islands, cuts.

use std::sync::Arc;

use super::cuts::Cuts;
use super::factor::{Factor, Work};
use super::flow;
use crate::config::Slack;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{BranchIdx, Index};
use crate::lane::{Lane, Width};
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{NONE, Problem};
use crate::state::State;

/// The linear model of one state of switches and taps; what is injected does not matter to it. Immutable: share it
/// between threads.
#[derive(Clone, Debug)]
pub struct LinearModel {
    pub(super) plan: Arc<Plan>,
    pub(super) width: Width,
    /// By branch row, pu; zero where a branch carries nothing.
    pub(super) susceptance_pu: Vec<f64>,
    /// Elimination positions of the ends, by branch row.
    pub(super) ends: Vec<[u32; 2]>,
    /// One over the rating, by branch row, pu; zero where there is none.
    pub(super) inverse_rating_pu: Vec<f64>,
    first_rated: Option<usize>,
    pub(super) factor: Factor,
    /// Island of each elimination position, [`NONE`] where dead, and how many there are.
    pub(super) island: Vec<u32>,
    pub(super) islands: usize,
    pub(super) cuts: Cuts,
}

impl LinearModel {
    /// The model of a state. `plan` is that of the state's topology; `slack` decides, as in a power flow, which reference
    /// buses of an island hold their angle.
    ///
    /// # Errors
    /// `linear.no-reactance` for each branch in service without one, `linear.singular` where reactances of both signs
    /// cancel so that angles are not determined.
    pub fn new(
        network: &Network,
        plan: &Arc<Plan>,
        state: &State,
        slack: Slack,
    ) -> Result<Self, Diagnostics> {
        flow::without_reactance(network, state).into_result(())?;
        let mut problem = Problem::default();
        problem.set(network, plan, state, slack);
        let susceptance_pu = flow::susceptances(network, plan, state, &problem);
        let known = flow::known_angles(network, plan, &problem);
        let grounded: Vec<bool> = known.iter().map(Option::is_some).collect();
        let factor = Factor::new(plan, &susceptance_pu, &grounded);
        flow::undetermined(network, plan, &factor).into_result(())?;
        let ends: Vec<[u32; 2]> =
            plan.branch_slots.as_slice().iter().map(|slots| [slots.from, slots.to]).collect();
        let edges = ends.iter().zip(&susceptance_pu).map(|(ends, b)| (*b != 0.0).then_some(*ends)).collect();
        let rating = |rating: &Option<f64>| rating.filter(|r| *r > 0.0).map_or(0.0, |r| 1.0 / r);
        let inverse_rating_pu: Vec<f64> = network.branches.rating_pu.as_slice().iter().map(rating).collect();
        Ok(LinearModel {
            width: Width::best(),
            first_rated: inverse_rating_pu.iter().position(|inverse| *inverse > 0.0),
            inverse_rating_pu,
            cuts: Cuts::new(plan.node_count(), edges),
            island: plan.node_at.iter().map(|node| problem.island[node.row()]).collect(),
            islands: problem.islands.len(),
            plan: Arc::clone(plan),
            susceptance_pu,
            ends,
            factor,
        })
    }

    /// At another width; the bytes of the answers are the same.
    #[must_use]
    pub fn with_width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Whether a branch carries current in this state: closed, both ends energised.
    pub fn carries(&self, branch: BranchIdx) -> bool {
        self.susceptance_pu[branch.row()] != 0.0
    }

    /// Whether the loss of a branch splits its island. Parallel branches split nothing.
    pub fn is_bridge(&self, branch: BranchIdx) -> bool {
        self.cuts.is_bridge(branch.row())
    }

    /// Whether two branches, neither of which splits its island alone, split it together.
    pub fn is_cut_pair(&self, a: BranchIdx, b: BranchIdx) -> bool {
        a != b
            && self.carries(a)
            && self.carries(b)
            && !self.is_bridge(a)
            && !self.is_bridge(b)
            && self.cuts.is_pair(a.row(), b.row())
    }

    /// The branches that carry current, in file order: every single outage there is.
    pub fn in_service(&self) -> Vec<BranchIdx> {
        (0..self.ends.len()).map(BranchIdx::from_row).filter(|branch| self.carries(*branch)).collect()
    }

    /// Row of the first branch with a rating.
    #[inline(always)]
    pub(super) fn first_rated(&self) -> Option<usize> {
        self.first_rated
    }

    /// Complains unless there is one finite number for each branch.
    pub(super) fn check_column(&self, what: &str, column: &[f64]) -> Result<(), Diagnostics> {
        let complaint = if column.len() != self.ends.len() {
            format!("{} {what} for {} branches", column.len(), self.ends.len())
        } else if let Some(row) = column.iter().position(|x| !x.is_finite()) {
            format!("{what}: that of branch {} is no number", row + 1)
        } else {
            return Ok(());
        };
        Err(Diagnostic::error("linear.base-flows", complaint)
            .hint("give the active flow of every branch in file order, zero where it carries nothing")
            .into())
    }

    /// Solves for one unit of power from the from end to the to end of a branch in each lane; lanes without one stay empty.
    #[inline(always)]
    pub(super) fn transfer<L: Lane>(&self, work: &mut Work<L>, branches: &[BranchIdx]) {
        for lane in 0..branches.len() {
            let [from, to] = self.ends[branches[lane].row()];
            // A grounded or dead node keeps its angle whatever is injected.
            if !self.factor.is_grounded(from) {
                work.inject(from as usize, lane, 1.0);
            }
            if !self.factor.is_grounded(to) {
                work.inject(to as usize, lane, -1.0);
            }
        }
        self.factor.solve(work);
    }

    /// Whether an elimination position is energised.
    pub(super) fn live(&self, position: usize) -> bool {
        self.island[position] != NONE
    }
}
