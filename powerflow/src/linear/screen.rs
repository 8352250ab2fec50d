//! Which single outages are worth an AC power flow, estimated from the one that is there.
//!
//! What a lost branch carried goes where the factors say, and reactive power stays as it is. For each outage the loading of
//! every rated branch is estimated at both its ends, and two numbers are kept: the highest, and the performance index
//! sum (loading)^(2n) of Ejebe and Wollenberg with all weights one.
//!
//! Source: G. C. Ejebe, B. F. Wollenberg, "Automatic contingency selection", IEEE Trans. PAS-98(1), 1979.

use super::factor::Work;
use super::model::LinearModel;
use super::outage::{Loading, OutageStatus, Worst, clear, special_rows};
use crate::diagnostic::Diagnostics;
use crate::index::{BranchIdx, Index};
use crate::lane::{self, Lane, WideWork, Work as Entry};
use crate::solution::Flows;

/// The exponent 2n of the performance index. With n = 4 one overload outweighs many branches that are merely busy, which n = 1
/// is known to mask.
pub const INDEX_EXPONENT: u32 = 8;

/// An outage that may overload something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The branch whose outage it is.
    pub branch: BranchIdx,
    /// Estimated highest loading after it. `None` where no estimate exists: the outage splits an island, or the factors
    /// lack digits. Such a candidate is always listed.
    pub worst: Option<Loading>,
    /// Performance index: sum over rated branches of loading to the power of [`INDEX_EXPONENT`]; `None` as `worst`.
    pub index: Option<f64>,
}

impl LinearModel {
    /// The outages among these whose estimated highest loading is at least `threshold` (1 is the rating), worst first,
    /// by loading, then by file order; before them those without an estimate. `flows` is the AC solution's before the
    /// outage. The model may be kept for other operating points of the same switches and taps. Branches that carry nothing
    /// are left out; without ratings only those without an estimate are listed.
    ///
    /// # Errors
    /// `linear.base-flows` where `flows` does not hold four numbers for each branch.
    pub fn rank(
        &self,
        flows: &Flows,
        outages: &[BranchIdx],
        threshold: f64,
    ) -> Result<Vec<Candidate>, Diagnostics> {
        for (what, column) in [
            ("active flows at from ends", &flows.p_from_pu),
            ("reactive flows at from ends", &flows.q_from_pu),
            ("active flows at to ends", &flows.p_to_pu),
            ("reactive flows at to ends", &flows.q_to_pu),
        ] {
            self.check_column(what, column.as_slice())?;
        }
        let mut candidates = Vec::new();
        let mut solvable = Vec::with_capacity(outages.len());
        for branch in outages {
            match self.foreseen(*branch) {
                OutageStatus::Connected => solvable.push(*branch),
                OutageStatus::Idle => {}
                _ => candidates.push(Candidate { branch: *branch, worst: None, index: None }),
            }
        }
        let rated = (0..self.ends.len()).filter(|row| self.inverse_rating_pu[*row] > 0.0);
        let monitored = rated.map(|row| Monitored::of(self, flows, row)).collect();
        lane::at_width(self.width, Ranking { model: self, flows, monitored, solvable, out: &mut candidates });
        // Written so that an estimate that is no number stays in.
        candidates.retain(|c| !c.worst.is_some_and(|worst| worst.loading < threshold));
        candidates.sort_by(|a, b| {
            let key = |c: &Candidate| c.worst.map_or(f64::INFINITY, |worst| worst.loading);
            key(b).total_cmp(&key(a)).then(a.branch.cmp(&b.branch))
        });
        Ok(candidates)
    }
}

/// A rated branch, and all that its loading after an outage takes: squares of reactive power stay as they are.
struct Monitored {
    row: u32,
    ends: [u32; 2],
    susceptance_pu: f64,
    p_from_pu: f64,
    p_to_pu: f64,
    q_from_square: f64,
    q_to_square: f64,
    inverse_rating_square: f64,
}

impl Monitored {
    fn of(model: &LinearModel, flows: &Flows, row: usize) -> Self {
        let branch = BranchIdx::from_row(row);
        let square = |x: f64| x * x;
        Monitored {
            row: row as u32,
            ends: model.ends[row],
            susceptance_pu: model.susceptance_pu[row],
            p_from_pu: flows.p_from_pu[branch],
            p_to_pu: flows.p_to_pu[branch],
            q_from_square: square(flows.q_from_pu[branch]),
            q_to_square: square(flows.q_to_pu[branch]),
            inverse_rating_square: square(model.inverse_rating_pu[row]),
        }
    }
}

struct Ranking<'a, 'o> {
    model: &'a LinearModel,
    flows: &'a Flows,
    monitored: Vec<Monitored>,
    solvable: Vec<BranchIdx>,
    out: &'o mut Vec<Candidate>,
}

struct RankingOf<'a, 'o, L>(Ranking<'a, 'o>, std::marker::PhantomData<L>);

impl WideWork for Ranking<'_, '_> {
    type Answer = ();
    fn run<L: Lane>(self) {
        L::dispatch(RankingOf::<L>(self, std::marker::PhantomData));
    }
}

impl<L: Lane> Entry for RankingOf<'_, '_, L> {
    type Answer = ();
    #[inline(always)]
    fn run(self) {
        let Ranking { model, flows, monitored, solvable, out } = self.0;
        let base: Vec<f64> =
            flows.p_from_pu.iter().map(|(branch, from)| 0.5 * (from - flows.p_to_pu[branch])).collect();
        let mut work = Work::<L>::new(model.factor.len());
        for block in solvable.chunks(L::WIDTH) {
            model.transfer(&mut work, block);
            let (scale, determined) = model.scale(&work, block, &base);
            let special = special_rows(block);
            let mut next = 0;
            let mut worst = Worst::<L>::nothing(model.first_rated());
            let mut index = L::splat(0.0);
            for branch in &monitored {
                let row = branch.row as usize;
                let more = work.across(branch.ends).mul(L::splat(branch.susceptance_pu)).mul(scale);
                let from = more.add(L::splat(branch.p_from_pu));
                let to = L::splat(branch.p_to_pu).sub(more);
                let from = from.mul_add(from, L::splat(branch.q_from_square));
                let to = to.mul_add(to, L::splat(branch.q_to_square));
                // Neither is negative, so the larger magnitude is the larger.
                let mut square = from.max_abs(to).mul(L::splat(branch.inverse_rating_square));
                while special[next] < row {
                    next += 1;
                }
                if special[next] == row {
                    next += clear(&mut square, row, block);
                }
                let fourth = square.mul(square);
                index = fourth.mul_add(fourth, index);
                worst.see(row, square);
            }
            for (lane, branch) in block.iter().enumerate() {
                let known = determined[lane];
                if known && monitored.is_empty() {
                    continue;
                }
                let found = worst.of(lane);
                let loading = Loading { loading: found.loading.sqrt(), ..found };
                out.push(Candidate {
                    branch: *branch,
                    worst: known.then_some(loading),
                    index: known.then(|| index.get(lane)),
                });
            }
        }
    }
}
