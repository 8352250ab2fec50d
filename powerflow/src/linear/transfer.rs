//! Power transfer distribution factors: what a branch carries more for power injected at a node and taken out elsewhere.
//!
//! The factor of branch l for node n is b_l (x_f - x_t) with B x = e_n; B is symmetric, so the factors of l for all nodes are
//! b_l x with B x = e_f - e_t: a row costs one solve, like a column.
//!
//! Source: Wood, Wollenberg, Sheblé, "Power Generation, Operation, and Control", 3rd edition, chapter 7.

use super::factor::Work;
use super::model::LinearModel;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{BranchIdx, Index, NodeIdx};
use crate::lane::{self, Lane, WideWork, Work as Entry};
use crate::problem::NONE;

/// Where power that is injected is taken out.
#[derive(Clone, Copy, Debug)]
pub enum Balance<'a> {
    /// At the node of the island whose angle is held.
    Reference,
    /// At all nodes of the island in proportion to these weights, one for each node of the plan, none negative. An island
    /// whose weights are all zero balances at its reference.
    Shared(&'a [f64]),
}

/// Weights by elimination position that sum to one in each island, or to zero.
fn shares(model: &LinearModel, balance: Balance<'_>) -> Result<Option<Vec<f64>>, Diagnostics> {
    let Balance::Shared(weights) = balance else { return Ok(None) };
    let n = model.factor.len();
    if weights.len() != n || weights.iter().any(|w| !(*w >= 0.0 && w.is_finite())) {
        return Err(Diagnostic::error(
            "linear.weights",
            format!("{} weights for {n} nodes, or one that is negative or no number", weights.len()),
        )
        .hint("give each node a weight of zero or more")
        .into());
    }
    let by_position: Vec<f64> = model.plan.node_at.iter().map(|node| weights[node.row()]).collect();
    let mut sum = vec![0.0; model.islands];
    for (weight, island) in by_position.iter().zip(&model.island) {
        if *island != NONE {
            sum[*island as usize] += weight;
        }
    }
    let share = |(weight, island): (&f64, &u32)| match *island {
        NONE => 0.0,
        island if sum[island as usize] > 0.0 => weight / sum[island as usize],
        _ => 0.0,
    };
    Ok(Some(by_position.iter().zip(&model.island).map(share).collect()))
}

impl LinearModel {
    /// Factors of these branches for every node: the visitor is called for each entry of `branches`, in order, with one
    /// number for each node of the plan, pu per pu; zero for nodes of other islands and for dead ones, where nothing can be
    /// injected that reaches the branch. Without split buses a node's row is its bus's.
    ///
    /// # Errors
    /// `linear.weights` where the weights of the balance are not one number, zero or more, for each node.
    pub fn transfer_rows(
        &self,
        branches: &[BranchIdx],
        balance: Balance<'_>,
        visit: &mut dyn FnMut(BranchIdx, &[f64]),
    ) -> Result<(), Diagnostics> {
        let shares = shares(self, balance)?;
        lane::at_width(self.width, Rows { model: self, branches, shares: shares.as_deref(), visit });
        Ok(())
    }

    /// Factors of every branch for these nodes: the visitor is called for each entry of `nodes`, in order, with one number
    /// for each branch in file order, pu per pu; zero for branches of other islands.
    ///
    /// # Errors
    /// As [`Self::transfer_rows`].
    pub fn transfer_columns(
        &self,
        nodes: &[NodeIdx],
        balance: Balance<'_>,
        visit: &mut dyn FnMut(NodeIdx, &[f64]),
    ) -> Result<(), Diagnostics> {
        let shares = shares(self, balance)?;
        lane::at_width(self.width, Columns { model: self, nodes, shares: shares.as_deref(), visit });
        Ok(())
    }
}

struct Rows<'a, 'v> {
    model: &'a LinearModel,
    branches: &'a [BranchIdx],
    shares: Option<&'a [f64]>,
    visit: &'v mut dyn FnMut(BranchIdx, &[f64]),
}

struct RowsOf<'a, 'v, L>(Rows<'a, 'v>, std::marker::PhantomData<L>);

impl WideWork for Rows<'_, '_> {
    type Answer = ();
    fn run<L: Lane>(self) {
        L::dispatch(RowsOf::<L>(self, std::marker::PhantomData));
    }
}

impl<L: Lane> Entry for RowsOf<'_, '_, L> {
    type Answer = ();
    #[inline(always)]
    fn run(self) {
        let Rows { model, branches, shares, visit } = self.0;
        let n = model.factor.len();
        let mut work = Work::<L>::new(n);
        let mut row = vec![0.0; n];
        for block in branches.chunks(L::WIDTH) {
            model.transfer(&mut work, block);
            for (lane, branch) in block.iter().enumerate() {
                let b = model.susceptance_pu[branch.row()];
                let island = model.island[model.ends[branch.row()][0] as usize];
                let mut taken = 0.0;
                if let Some(shares) = shares {
                    for position in 0..n {
                        if model.island[position] == island {
                            taken = shares[position].mul_add(work.x[position].get(lane), taken);
                        }
                    }
                }
                for position in 0..n {
                    let reached = model.live(position) && model.island[position] == island;
                    let factor = if reached { b * (work.x[position].get(lane) - taken) } else { 0.0 };
                    row[model.plan.node_at[position].row()] = factor;
                }
                visit(*branch, &row);
            }
        }
    }
}

struct Columns<'a, 'v> {
    model: &'a LinearModel,
    nodes: &'a [NodeIdx],
    shares: Option<&'a [f64]>,
    visit: &'v mut dyn FnMut(NodeIdx, &[f64]),
}

struct ColumnsOf<'a, 'v, L>(Columns<'a, 'v>, std::marker::PhantomData<L>);

impl WideWork for Columns<'_, '_> {
    type Answer = ();
    fn run<L: Lane>(self) {
        L::dispatch(ColumnsOf::<L>(self, std::marker::PhantomData));
    }
}

impl<L: Lane> Entry for ColumnsOf<'_, '_, L> {
    type Answer = ();
    #[inline(always)]
    fn run(self) {
        let Columns { model, nodes, shares, visit } = self.0;
        let mut work = Work::<L>::new(model.factor.len());
        // What all islands do when each takes out one unit by its shares: superposed on every column of the island.
        let mut taken = vec![0.0; model.ends.len()];
        if let Some(shares) = shares {
            for (position, share) in shares.iter().enumerate() {
                if *share > 0.0 && !model.factor.is_grounded(position as u32) {
                    work.inject(position, 0, *share);
                }
            }
            model.factor.solve(&mut work);
            for (row, taken) in taken.iter_mut().enumerate() {
                *taken = model.susceptance_pu[row] * work.across(model.ends[row]).get(0);
            }
        }
        let mut column = vec![0.0; model.ends.len()];
        for block in nodes.chunks(L::WIDTH) {
            for (lane, node) in block.iter().enumerate() {
                let position = model.plan.position[*node];
                if !model.factor.is_grounded(position) {
                    work.inject(position as usize, lane, 1.0);
                }
            }
            model.factor.solve(&mut work);
            for (lane, node) in block.iter().enumerate() {
                let island = model.island[model.plan.position[*node] as usize];
                for row in 0..column.len() {
                    let ends = model.ends[row];
                    let reached = island != NONE && model.island[ends[0] as usize] == island;
                    let b = model.susceptance_pu[row];
                    let factor = b.mul_add(work.across(ends).get(lane), -taken[row]);
                    column[row] = if reached { factor } else { 0.0 };
                }
                visit(*node, &column);
            }
        }
    }
}
