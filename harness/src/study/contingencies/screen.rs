//! Which outages of a list are solved: all, or those that the linear model lets overload something.

use std::collections::BTreeMap;
use std::sync::Arc;

use powerflow::{
    BranchIdx, Diagnostic, Diagnostics, LinearModel, Network, OutageStatus, Plan, Slack, Solver, Sweep,
};
use reports::contingencies::ScreenRecord;

use super::list::{Outage, OutageList};

/// An outage that is solved.
#[derive(Clone, Debug)]
pub(super) struct Selected {
    /// Its number in the list, from 0.
    pub(super) at: u64,
    pub(super) outage: Outage,
    /// Highest loading that the linear model estimates, 1 = at the rating; `None` where it was not asked or cannot say.
    pub(super) estimate: Option<f64>,
}

/// Outages of a list, in its order.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    list: &'a OutageList,
    /// Number in the list and estimate of each outage that was picked; `None` for all.
    picked: Option<Vec<(u64, Option<f64>)>>,
}

impl<'a> Selection<'a> {
    pub(super) fn all(list: &'a OutageList) -> Self {
        Selection { list, picked: None }
    }

    pub(super) fn len(&self) -> u64 {
        self.picked.as_ref().map_or_else(|| self.list.len(), |picked| picked.len() as u64)
    }

    /// Outages `first` to `end` of the selection, without `end`.
    pub(super) fn range(&self, first: u64, end: u64) -> Vec<Selected> {
        let end = end.min(self.len());
        match &self.picked {
            None => (first..)
                .zip(self.list.range(first, end))
                .map(|(at, outage)| Selected { at, outage, estimate: None })
                .collect(),
            Some(picked) => picked[first as usize..end as usize]
                .iter()
                .flat_map(|&(at, estimate)| {
                    let outages = self.list.range(at, at + 1);
                    outages.into_iter().map(move |outage| Selected { at, outage, estimate })
                })
                .collect(),
        }
    }

    /// The outages after which the linear model estimates a loading of at least `threshold` (1 = at the rating), and those
    /// that it cannot estimate: what splits the grid, and lists of several branches. Of pairs, those with a branch that
    /// splits the grid or carries nothing alone are left out and counted.
    ///
    /// # Errors
    /// Where the linear model cannot be built (a branch without reactance); `outages.too-many` where more than
    /// `outages_max` are picked.
    pub(super) fn screened(
        network: &Arc<Network>,
        sweep: &Sweep,
        list: &'a OutageList,
        threshold: f64,
        slack: Slack,
        outages_max: u64,
    ) -> Result<(Self, ScreenRecord), Diagnostics> {
        let state = sweep.base_state();
        let plan = Arc::new(Plan::new(network, &state.topology));
        let model = LinearModel::new(network, &plan, state, slack)?;
        let flows = Solver::with_plan(network, plan).flows(state, sweep.base_solution());
        let (mut picked, mut left_out) = (Vec::new(), 0);
        match list {
            OutageList::Pairs(live) => {
                let base: Vec<f64> = flows
                    .p_from_pu
                    .iter()
                    .map(|(branch, from)| 0.5 * (from - flows.p_to_pu[branch]))
                    .collect();
                let place: BTreeMap<BranchIdx, u64> =
                    live.iter().enumerate().map(|(at, branch)| (*branch, at as u64)).collect();
                let mut found = 0u64;
                let summary = model.outage_pairs(&base, live, Some(threshold), &mut |pair| {
                    let estimate = pair.worst.map(|worst| worst.loading);
                    // Written so that an estimate that is no number stays in.
                    let low = estimate.is_some_and(|loading| loading < threshold)
                        || (estimate.is_none() && pair.status == OutageStatus::Connected);
                    let [a, b] = pair.branches.map(|branch| place.get(&branch).copied());
                    if let (false, Some(a), Some(b)) = (low, a, b) {
                        found += 1;
                        if found <= outages_max {
                            picked.push((list.number_of_pair(a.min(b), a.max(b)), estimate));
                        }
                    }
                })?;
                left_out = list.len() - summary.pairs;
                check(found, outages_max, threshold)?;
            }
            OutageList::Single(_) | OutageList::Listed(_) => {
                let alone: Vec<BranchIdx> = (0..list.len().div_ceil(1024))
                    .flat_map(|part| list.range(part * 1024, (part + 1) * 1024))
                    .filter_map(|outage| match outage.branches.as_slice() {
                        [only] => Some(*only),
                        _ => None,
                    })
                    .collect();
                let ranked = model.rank(&flows, &alone, threshold)?;
                let estimates: BTreeMap<BranchIdx, Option<f64>> =
                    ranked.iter().map(|c| (c.branch, c.worst.map(|worst| worst.loading))).collect();
                for at in 0..list.len() {
                    for outage in list.range(at, at + 1) {
                        match outage.branches.as_slice() {
                            [only] => picked.extend(estimates.get(only).map(|estimate| (at, *estimate))),
                            _ => picked.push((at, None)),
                        }
                    }
                }
                check(picked.len() as u64, outages_max, threshold)?;
            }
        }
        picked.sort_by_key(|(at, _)| *at);
        let record = ScreenRecord {
            threshold_pct: 100.0 * threshold,
            outages: list.len(),
            picked: picked.len() as u64,
            below: list.len() - left_out - picked.len() as u64,
            left_out,
        };
        Ok((Selection { list, picked: Some(picked) }, record))
    }
}

fn check(picked: u64, outages_max: u64, threshold: f64) -> Result<(), Diagnostics> {
    if picked <= outages_max {
        return Ok(());
    }
    let message =
        format!("the screen at {:.0} % leaves {picked} outages, more than {outages_max}", 100.0 * threshold);
    Err(Diagnostic::error("outages.too-many", message)
        .hint("screen at a higher loading with --screen=PERCENT, or allow more with --outages-max")
        .into())
}
