//! Single outages: where the power of a branch goes when it is lost, for many branches side by side.
//!
//! Losing branch k is sending what it carried from its one end to its other through the rest of the grid. With phi_l the flow
//! on branch l for one unit of power sent between the ends of k while k is still there,
//!
//! ```text
//! flow of l afterwards = f_l + phi_l f_k / (1 - phi_k),    the factor phi_l / (1 - phi_k) being known as LODF
//! ```
//!
//! Phase shifts are inside f_k, and are lost with the branch. One sparse solve gives phi for all l; lanes hold outages.
//!
//! Source: Wood, Wollenberg, Sheblé, "Power Generation, Operation, and Control", 3rd edition, chapter 7.

use super::factor::Work;
use super::model::LinearModel;
use crate::diagnostic::Diagnostics;
use crate::index::{BranchIdx, Index};
use crate::lane::{self, Lane, WideWork, Work as Entry};

/// Below this, 1 - phi_k has too few digits left to divide by: nearly everything that a branch carries would come back
/// through it, and the outage wants a solve of its own.
pub(super) const REMAINDER_MIN: f64 = 1e-9;

/// What a linear model can say of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageStatus {
    /// The grid stays in one piece: there are flows.
    Connected,
    /// The outage splits an island. Who then provides what is not a question that factors answer: solve the state.
    Splits,
    /// The branch carries nothing in this state: its outage changes nothing.
    Idle,
    /// The factors lack digits (reactances that differ by many orders of magnitude): solve the state.
    Undetermined,
}

/// A branch and its loading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loading {
    /// The branch.
    pub branch: BranchIdx,
    /// 1 is its rating.
    pub loading: f64,
}

/// One outage's flows, on loan to the visitor.
pub struct OutageFlows<'a> {
    /// The branch that is out.
    pub branch: BranchIdx,
    /// What can be said of it. Flows exist only where it is [`OutageStatus::Connected`].
    pub status: OutageStatus,
    /// The highest loading among rated branches, the first in the file where they tie; `None` without flows or ratings.
    pub worst: Option<Loading>,
    pub(super) flows: Option<(&'a dyn Block, usize)>,
}

impl OutageFlows<'_> {
    /// Active power from the from to the to end of a branch after the outage, pu; `None` where there are no flows.
    pub fn flow_pu(&self, branch: BranchIdx) -> Option<f64> {
        self.flows.map(|(block, lane)| block.flow(branch.row(), lane))
    }

    /// All flows in file order, pu, into `out`, which is left as it is where there are none. Returns whether there are.
    pub fn copy_into(&self, out: &mut Vec<f64>) -> bool {
        if let Some((block, lane)) = self.flows {
            block.copy(lane, out);
        }
        self.flows.is_some()
    }
}

impl std::fmt::Debug for OutageFlows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutageFlows")
            .field("branch", &self.branch)
            .field("status", &self.status)
            .field("worst", &self.worst)
            .finish_non_exhaustive()
    }
}

/// Flows of several outages side by side, whatever the width.
pub(super) trait Block {
    fn flow(&self, row: usize, lane: usize) -> f64;
    fn copy(&self, lane: usize, out: &mut Vec<f64>);
}

impl<L: Lane> Block for Vec<L> {
    fn flow(&self, row: usize, lane: usize) -> f64 {
        self[row].get(lane)
    }

    fn copy(&self, lane: usize, out: &mut Vec<f64>) {
        out.clear();
        out.extend(self.iter().map(|flow| flow.get(lane)));
    }
}

impl LinearModel {
    /// What can be said of an outage before anything is solved.
    pub(super) fn foreseen(&self, branch: BranchIdx) -> OutageStatus {
        if !self.carries(branch) {
            OutageStatus::Idle
        } else if self.is_bridge(branch) {
            OutageStatus::Splits
        } else {
            OutageStatus::Connected
        }
    }

    /// The flows after each of these outages, one at a time. `base_pu` holds the active flow of every branch before, in file
    /// order (of [`super::solve_linear`], or the mean of both ends of an AC solution). The visitor is called once for each
    /// entry of `outages`, in order, with its number in the list; memory does not grow with the list.
    ///
    /// # Errors
    /// `linear.base-flows` where `base_pu` does not hold one number for each branch.
    pub fn outages(
        &self,
        base_pu: &[f64],
        outages: &[BranchIdx],
        visit: &mut dyn FnMut(usize, &OutageFlows<'_>),
    ) -> Result<(), Diagnostics> {
        self.check_column("base flows", base_pu)?;
        lane::at_width(self.width, Singles { model: self, base_pu, outages, visit });
        Ok(())
    }

    /// The line outage distribution factors of a branch: the share of its flow that appears on each branch, in file order,
    /// -1 on itself; `None` where the outage has no flows (it splits an island, or the branch carries nothing).
    pub fn outage_factors(&self, branch: BranchIdx) -> Option<Vec<f64>> {
        let mut base = vec![0.0; self.ends.len()];
        base[branch.row()] = 1.0;
        let mut factors = Vec::new();
        // One unit that the branch carries alone: the flows afterwards are the factors, but for itself.
        self.outages(&base, &[branch], &mut |_, outage| {
            outage.copy_into(&mut factors);
        })
        .ok()?;
        *factors.get_mut(branch.row())? = -1.0;
        Some(factors)
    }
}

/// The stream of single outages, at a width.
struct Singles<'a, 'v> {
    model: &'a LinearModel,
    base_pu: &'a [f64],
    outages: &'a [BranchIdx],
    visit: &'v mut dyn FnMut(usize, &OutageFlows<'_>),
}

impl WideWork for Singles<'_, '_> {
    type Answer = ();
    fn run<L: Lane>(self) {
        L::dispatch(SinglesOf::<L> { stream: self, lane: std::marker::PhantomData });
    }
}

struct SinglesOf<'a, 'v, L> {
    stream: Singles<'a, 'v>,
    lane: std::marker::PhantomData<L>,
}

impl<L: Lane> Entry for SinglesOf<'_, '_, L> {
    type Answer = ();
    #[inline(always)]
    fn run(self) {
        let Singles { model, base_pu, outages, visit } = self.stream;
        let rated = model.first_rated().is_some();
        let mut work = Work::<L>::new(model.factor.len());
        let mut flows = vec![L::splat(0.0); model.ends.len()];
        let mut start = 0;
        while start < outages.len() {
            // As many entries as fill the lanes with outages that have flows; what has none takes no lane.
            let mut branches = Vec::with_capacity(L::WIDTH);
            let mut end = start;
            while end < outages.len() && branches.len() < L::WIDTH {
                if model.foreseen(outages[end]) == OutageStatus::Connected {
                    branches.push(outages[end]);
                }
                end += 1;
            }
            model.transfer(&mut work, &branches);
            let (scale, determined) = model.scale(&work, &branches, base_pu);
            let worst = model.flows_after(&work, &branches, scale, base_pu, &mut flows);
            let mut lane = 0;
            for at in start..end {
                let branch = outages[at];
                let mut answer =
                    OutageFlows { branch, status: model.foreseen(branch), worst: None, flows: None };
                if answer.status == OutageStatus::Connected {
                    if determined[lane] {
                        answer.flows = Some((&flows, lane));
                        answer.worst = rated.then(|| worst.of(lane));
                    } else {
                        answer.status = OutageStatus::Undetermined;
                    }
                    lane += 1;
                }
                visit(at, &answer);
            }
            start = end;
        }
    }
}

/// The highest loading in each lane, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worst<L> {
    loading: L,
    row: L,
}

impl<L: Lane> Worst<L> {
    /// None yet: where no branch carries anything, the first that is rated is at nothing.
    #[inline(always)]
    pub(super) fn nothing(first_rated: Option<usize>) -> Self {
        Worst { loading: L::splat(0.0), row: L::splat(first_rated.unwrap_or(0) as f64) }
    }

    /// Looks at one more branch; the first of equals stays.
    #[inline(always)]
    pub(super) fn see(&mut self, row: usize, loading: L) {
        let more = loading.sub(self.loading);
        self.loading = more.choose(loading, self.loading);
        // A row is below 2^32, so a number holds it exactly.
        self.row = more.choose(L::splat(row as f64), self.row);
    }

    pub(super) fn of(&self, lane: usize) -> Loading {
        Loading { branch: BranchIdx::from_row(self.row.get(lane) as usize), loading: self.loading.get(lane) }
    }
}

impl LinearModel {
    /// `f_k / (1 - phi_k)` in each lane, and which lanes have the digits for it (zero in the others).
    #[inline(always)]
    pub(super) fn scale<L: Lane>(
        &self,
        work: &Work<L>,
        branches: &[BranchIdx],
        base_pu: &[f64],
    ) -> (L, [bool; 8]) {
        let (mut scale, mut determined) = (L::splat(0.0), [false; 8]);
        for lane in 0..branches.len() {
            let row = branches[lane].row();
            let remainder = self.remainder(work, row, lane);
            determined[lane] = remainder.abs() > REMAINDER_MIN;
            if determined[lane] {
                scale.set(lane, base_pu[row] / remainder);
            }
        }
        (scale, determined)
    }

    /// `1 - phi_k` for the branch that lane is about.
    #[inline(always)]
    pub(super) fn remainder<L: Lane>(&self, work: &Work<L>, row: usize, lane: usize) -> f64 {
        (-self.susceptance_pu[row]).mul_add(work.across(self.ends[row]).get(lane), 1.0)
    }

    /// Flows after the outages in the lanes, one row for each branch, and the highest loading of each lane.
    #[inline(always)]
    fn flows_after<L: Lane>(
        &self,
        work: &Work<L>,
        out: &[BranchIdx],
        scale: L,
        base_pu: &[f64],
        flows: &mut [L],
    ) -> Worst<L> {
        let zero = L::splat(0.0);
        let mut worst = Worst::nothing(self.first_rated());
        let rows = self.ends.len();
        let (ends, b) = (&self.ends[..rows], &self.susceptance_pu[..rows]);
        let (base, inverse, flows) = (&base_pu[..rows], &self.inverse_rating_pu[..rows], &mut flows[..rows]);
        let special = special_rows(out);
        let mut next = 0;
        for row in 0..rows {
            let share = work.across(ends[row]).mul(L::splat(b[row]));
            let mut flow = share.mul_add(scale, L::splat(base[row]));
            if row == special[next] {
                next += clear(&mut flow, row, out);
            }
            flows[row] = flow;
            worst.see(row, flow.max_abs(zero).mul(L::splat(inverse[row])));
        }
        worst
    }
}

/// Rows of these branches, ascending; behind them what is no row.
#[inline(always)]
pub(super) fn special_rows(out: &[BranchIdx]) -> [usize; 9] {
    let mut rows = [usize::MAX; 9];
    for lane in 0..out.len() {
        rows[lane] = out[lane].row();
    }
    rows.sort_unstable();
    rows
}

/// Zero in the lanes in which this row is out, and in how many it is.
#[inline(always)]
pub(super) fn clear<L: Lane>(value: &mut L, row: usize, out: &[BranchIdx]) -> usize {
    let mut lanes = 0;
    for lane in 0..out.len() {
        if out[lane].row() == row {
            value.set(lane, 0.0);
            lanes += 1;
        }
    }
    lanes
}
