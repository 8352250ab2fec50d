//! Double outages: two columns of the single outages and a system of two equations.
//!
//! Losing k and m together is sending a and c between their ends, where each has to carry what it is relieved of:
//!
//! ```text
//! (1 - phi_kk) a -      phi_km  c = f_k          flow of l afterwards = f_l + phi_lk a + phi_lm c
//!     - phi_mk a + (1 - phi_mm) c = f_m
//! ```
//!
//! with phi_lk the flow on l for one unit sent between the ends of k. Most pairs need no flows at all: with h_l what is left on
//! branch l to the limit, and reach_k the largest |phi_lk| / h_l, nothing is beyond the limit where
//! |a| reach_k + |c| reach_m <= 1. That costs a few operations for a pair, whatever the size of the grid. Two branches that
//! split their island together are known beforehand from the graph (`cuts.rs`), not from a determinant near zero.
//!
//! Source: T. Güler, G. Gross, M. Liu, "Generalized line outage distribution factors", IEEE Trans. Power Systems 22(2), 2007;
//! the bound after K. Turitsyn, P. Kaplunovich, "Fast algorithm for N-2 contingency problem", 46th Hawaii International
//! Conference on System Sciences, 2013.

use super::factor::Work;
use super::model::LinearModel;
use super::outage::{Block, Loading, OutageStatus, REMAINDER_MIN, Worst};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{BranchIdx, Index};
use crate::lane::{self, Lane, WideWork, Work as Entry};

/// A bound this close to the limit is not trusted: rounding.
const BOUND_MAX: f64 = 1.0 - 1e-6;

/// One double outage's flows, on loan to the visitor.
pub struct PairFlows<'a> {
    /// The branches that are out; the first comes first in the list that was asked for.
    pub branches: [BranchIdx; 2],
    /// [`OutageStatus::Connected`] with flows; [`OutageStatus::Splits`] or [`OutageStatus::Undetermined`] without.
    pub status: OutageStatus,
    /// The highest loading among rated branches; `None` without flows or ratings.
    pub worst: Option<Loading>,
    flows: Option<(&'a dyn Block, usize)>,
}

impl PairFlows<'_> {
    /// Active power from the from to the to end of a branch afterwards, pu; `None` where there are no flows.
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

impl std::fmt::Debug for PairFlows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PairFlows")
            .field("branches", &self.branches)
            .field("status", &self.status)
            .field("worst", &self.worst)
            .finish_non_exhaustive()
    }
}

/// What became of all pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairSummary {
    /// Pairs of branches that carry something and split nothing alone.
    pub pairs: u64,
    /// Of these, those that no branch can be beyond the limit after, by the bound; the visitor does not see them.
    pub harmless: u64,
    /// Those with flows.
    pub evaluated: u64,
    /// Those that split an island together.
    pub splitting: u64,
    /// Those that the factors lack digits for.
    pub undetermined: u64,
}

impl LinearModel {
    /// The flows after every two of these outages at once. Branches that split an island alone, or carry nothing, make no
    /// pairs: what follows them is not for factors to say, with or without a second outage. With a `limit` (1 is the
    /// rating) pairs after which nothing can be loaded beyond it are counted and passed over; with `None` every pair has its
    /// flows. The order of visits depends on the width, the answers do not. A base that is beyond the limit itself leaves
    /// nothing to pass over.
    ///
    /// # Errors
    /// `linear.base-flows` where `base_pu` does not hold one number for each branch; `linear.limit` where the limit is no
    /// positive number.
    pub fn outage_pairs(
        &self,
        base_pu: &[f64],
        outages: &[BranchIdx],
        limit: Option<f64>,
        visit: &mut dyn FnMut(&PairFlows<'_>),
    ) -> Result<PairSummary, Diagnostics> {
        self.check_column("base flows", base_pu)?;
        if limit.is_some_and(|limit| !(limit > 0.0 && limit.is_finite())) {
            return Err(Diagnostic::error(
                "linear.limit",
                "the limit of double outages is no positive number",
            )
            .hint("1 is the rating")
            .into());
        }
        let mut single: Vec<BranchIdx> = Vec::with_capacity(outages.len());
        let mut listed = vec![false; self.ends.len()];
        for branch in outages {
            let again = std::mem::replace(&mut listed[branch.row()], true);
            if !again && self.foreseen(*branch) == OutageStatus::Connected {
                single.push(*branch);
            }
        }
        let left = self.left_to_limit(base_pu, limit);
        let pairs = Pairs { model: self, base_pu, outages: &single, inverse_left: left.as_deref(), visit };
        Ok(lane::at_width(self.width, pairs))
    }

    /// One over what is left on each branch to the limit, pu, zero where there is no rating; `None` where there is no limit,
    /// or something is beyond it already.
    fn left_to_limit(&self, base_pu: &[f64], limit: Option<f64>) -> Option<Vec<f64>> {
        let limit = limit?;
        let left = |(inverse, base): (&f64, &f64)| {
            if *inverse == 0.0 {
                return Some(0.0);
            }
            let left = limit / inverse - base.abs();
            (left > 0.0).then_some(1.0 / left)
        };
        self.inverse_rating_pu.iter().zip(base_pu).map(left).collect()
    }
}

struct Pairs<'a, 'v> {
    model: &'a LinearModel,
    base_pu: &'a [f64],
    /// Distinct, connected alone.
    outages: &'a [BranchIdx],
    inverse_left: Option<&'a [f64]>,
    visit: &'v mut dyn FnMut(&PairFlows<'_>),
}

struct PairsOf<'a, 'v, L>(Pairs<'a, 'v>, std::marker::PhantomData<L>);

impl WideWork for Pairs<'_, '_> {
    type Answer = PairSummary;
    fn run<L: Lane>(self) -> PairSummary {
        L::dispatch(PairsOf::<L>(self, std::marker::PhantomData))
    }
}

/// What is known of each outage alone, by its number in the list.
struct Alone {
    flow_pu: f64,
    susceptance_pu: f64,
    /// 1 - phi_kk; zero where it has too few digits.
    remainder: f64,
    /// Largest |phi_lk| / h_l; infinite where the bound cannot be used.
    reach: f64,
    /// Equal for those that may split an island together; a small whole number.
    class: f64,
}

/// A first outage: the lane that holds its column, and its number in the list.
struct First<'a, L> {
    work: &'a Work<L>,
    lane: usize,
    number: usize,
}

/// Second outages side by side.
struct Seconds<'a, L> {
    work: &'a Work<L>,
    /// Flow on each branch for one unit sent between the ends of the outage in each lane.
    shares: &'a [L],
    /// Their numbers in the list.
    group: &'a [(u32, u8)],
    /// A bit for each that is wanted with the first.
    wanted: u8,
}

impl<L: Lane> Entry for PairsOf<'_, '_, L> {
    type Answer = PairSummary;
    #[inline(always)]
    fn run(mut self) -> PairSummary {
        let n = self.0.model.factor.len();
        let outages = self.0.outages;
        let mut summary = PairSummary::default();
        let (mut first, mut second) = (Work::<L>::new(n), Work::<L>::new(n));
        let alone = self.alone(&mut first);
        let mut shares = vec![L::splat(0.0); self.0.model.ends.len()];
        let mut flows = shares.clone();
        let mut open: Vec<(u32, u8)> = Vec::new();
        for start in (0..outages.len()).step_by(L::WIDTH) {
            let block = &outages[start..outages.len().min(start + L::WIDTH)];
            self.0.model.transfer(&mut first, block);
            self.bound(&first, &alone, start, block.len(), &mut open, &mut summary);
            // Those that the bound leaves open get their flows, several second outages side by side.
            let mut at = 0;
            while at < open.len() {
                let group = &open[at..open.len().min(at + L::WIDTH)];
                at += group.len();
                let mut seconds = [outages[0]; 8];
                for lane in 0..group.len() {
                    seconds[lane] = outages[group[lane].0 as usize];
                }
                self.0.model.transfer(&mut second, &seconds[..group.len()]);
                for row in 0..shares.len() {
                    let b = L::splat(self.0.model.susceptance_pu[row]);
                    shares[row] = second.across(self.0.model.ends[row]).mul(b);
                }
                for lane in 0..block.len() {
                    let mut wanted = 0u8;
                    for other in 0..group.len() {
                        wanted |= (group[other].1 >> lane & 1) << other;
                    }
                    if wanted != 0 {
                        let one = First { work: &first, lane, number: start + lane };
                        let others = Seconds { work: &second, shares: &shares, group, wanted };
                        self.evaluate(&one, &others, &alone, &mut flows, &mut summary);
                    }
                }
            }
        }
        summary
    }
}

impl<L: Lane> PairsOf<'_, '_, L> {
    #[inline(always)]
    fn alone(&self, work: &mut Work<L>) -> Vec<Alone> {
        let Pairs { model, base_pu, outages, inverse_left, .. } = &self.0;
        let classes = model.cuts.classes(outages);
        let mut alone = Vec::with_capacity(outages.len());
        for block in outages.chunks(L::WIDTH) {
            model.transfer(work, block);
            let mut reach = L::splat(f64::INFINITY);
            if let Some(inverse_left) = inverse_left {
                reach = L::splat(0.0);
                for row in 0..model.ends.len() {
                    let factor = L::splat(model.susceptance_pu[row] * inverse_left[row]);
                    let mut share = work.across(model.ends[row]).mul(factor);
                    for lane in 0..block.len() {
                        if block[lane].row() == row {
                            share.set(lane, 0.0);
                        }
                    }
                    reach = reach.max_abs(share);
                }
            }
            for (lane, branch) in block.iter().enumerate() {
                let remainder = model.remainder(work, branch.row(), lane);
                let digits = remainder.abs() > REMAINDER_MIN;
                alone.push(Alone {
                    flow_pu: base_pu[branch.row()],
                    susceptance_pu: model.susceptance_pu[branch.row()],
                    remainder: if digits { remainder } else { 0.0 },
                    reach: if digits { reach.get(lane) } else { f64::INFINITY },
                    class: f64::from(classes[alone.len()]),
                });
            }
        }
        alone
    }

    /// Which pairs of the outages in the lanes (numbers `start..`) with those behind them in the list are left open, as the
    /// number of the second and a bit for each lane.
    #[inline(always)]
    fn bound(
        &self,
        work: &Work<L>,
        alone: &[Alone],
        start: usize,
        lanes: usize,
        open: &mut Vec<(u32, u8)>,
        summary: &mut PairSummary,
    ) {
        let model = self.0.model;
        open.clear();
        let zero = L::splat(0.0);
        let [mut flow, mut b, mut remainder, mut reach, mut class] = [zero; 5];
        for lane in 0..lanes {
            let of = &alone[start + lane];
            flow.set(lane, of.flow_pu);
            b.set(lane, of.susceptance_pu);
            remainder.set(lane, of.remainder);
            reach.set(lane, of.reach);
            class.set(lane, of.class);
        }
        for (number, other) in alone.iter().enumerate().skip(start + 1) {
            let across = work.across(model.ends[self.0.outages[number].row()]);
            let [a, c] = pair(
                [flow, L::splat(other.flow_pu)],
                [remainder, L::splat(other.remainder)],
                [b, L::splat(other.susceptance_pu)],
                across,
            )
            .0;
            let a = a.max_abs(zero).mul(reach);
            let bound = c.max_abs(zero).mul_add(L::splat(other.reach), a);
            // Classes are whole numbers: their difference is at least one, or nothing.
            let apart = class.sub(L::splat(other.class)).max_abs(zero);
            let bound = apart.choose(bound, L::splat(f64::INFINITY));
            let mut bits = 0u8;
            for lane in 0..lanes.min(number - start) {
                // No number is no bound.
                let harmless = bound.get(lane) <= BOUND_MAX;
                bits |= u8::from(!harmless) << lane;
            }
            let pairs = lanes.min(number - start) as u64;
            summary.pairs += pairs;
            summary.harmless += pairs - u64::from(bits.count_ones());
            if bits != 0 {
                open.push((number as u32, bits));
            }
        }
    }

    /// The flows of one first outage with those second ones that have a bit in `wanted`.
    #[inline(always)]
    fn evaluate(
        &mut self,
        one: &First<'_, L>,
        others: &Seconds<'_, L>,
        alone: &[Alone],
        flows: &mut Vec<L>,
        summary: &mut PairSummary,
    ) {
        let Pairs { model, base_pu, outages, visit, .. } = &mut self.0;
        let First { work: first, lane, number } = *one;
        let Seconds { work: second, shares, group, wanted } = *others;
        let (k, of) = (outages[number], &alone[number]);
        let zero = L::splat(0.0);
        let [mut flow, mut remainder, mut b] = [zero; 3];
        let mut rows = [usize::MAX; 8];
        for at in 0..group.len() {
            let other = &alone[group[at].0 as usize];
            flow.set(at, other.flow_pu);
            remainder.set(at, other.remainder);
            b.set(at, other.susceptance_pu);
            rows[at] = outages[group[at].0 as usize].row();
        }
        let ([mut a, mut c], determinant) = pair(
            [L::splat(of.flow_pu), flow],
            [L::splat(of.remainder), remainder],
            [L::splat(of.susceptance_pu), b],
            second.across(model.ends[k.row()]),
        );
        let mut status = [OutageStatus::Connected; 8];
        for at in 0..group.len() {
            let other = &alone[group[at].0 as usize];
            if of.class == other.class && model.cuts.is_pair(k.row(), rows[at]) {
                status[at] = OutageStatus::Splits;
            } else if !enough_digits(determinant.get(at), of.remainder * other.remainder) {
                status[at] = OutageStatus::Undetermined;
            }
            if status[at] != OutageStatus::Connected {
                a.set(at, 0.0);
                c.set(at, 0.0);
            }
        }
        let first_rated = model.first_rated();
        let mut worst = Worst::nothing(first_rated);
        for row in 0..flows.len() {
            // The column of the first outage as it is in its own lane: the same whatever stands beside it.
            let share = first.across(model.ends[row]).get(lane) * model.susceptance_pu[row];
            let mut after = L::splat(share).mul_add(a, shares[row].mul_add(c, L::splat(base_pu[row])));
            if row == k.row() {
                after = zero;
            }
            for at in 0..group.len() {
                if rows[at] == row {
                    after.set(at, 0.0);
                }
            }
            flows[row] = after;
            worst.see(row, after.max_abs(zero).mul(L::splat(model.inverse_rating_pu[row])));
        }
        for at in (0..group.len()).filter(|at| wanted >> at & 1 == 1) {
            let connected = status[at] == OutageStatus::Connected;
            match status[at] {
                OutageStatus::Connected => summary.evaluated += 1,
                OutageStatus::Splits => summary.splitting += 1,
                _ => summary.undetermined += 1,
            }
            visit(&PairFlows {
                branches: [k, outages[group[at].0 as usize]],
                status: status[at],
                worst: (connected && first_rated.is_some()).then(|| worst.of(at)),
                flows: connected.then_some((flows as &dyn Block, at)),
            });
        }
    }
}

/// The two powers a and c, and the determinant. `across` is the difference of the angles at the ends of the one for one unit
/// sent between the ends of the other: the same either way.
#[inline(always)]
fn pair<L: Lane>(flow: [L; 2], remainder: [L; 2], b: [L; 2], across: L) -> ([L; 2], L) {
    let (on_first, on_second) = (b[0].mul(across), b[1].mul(across));
    let determinant = on_first.neg_mul_add(on_second, remainder[0].mul(remainder[1]));
    let a = on_first.mul_add(flow[1], flow[0].mul(remainder[1]));
    let c = on_second.mul_add(flow[0], flow[1].mul(remainder[0]));
    ([a.div(determinant), c.div(determinant)], determinant)
}

/// Whether a determinant can be divided by: it is a difference of terms as large as the product.
fn enough_digits(determinant: f64, product: f64) -> bool {
    product != 0.0 && determinant.abs() > REMAINDER_MIN * product.abs()
}
