//! The linear flow of a network whose branches open one after another, and which falls apart on the way.
//!
//! The pattern of elimination is that of all branches and never changes. When a branch opens, only the rows are eliminated
//! again that depend on its two ends: their ancestors in the elimination tree. The result is, bit for bit, that of an
//! elimination from scratch, whatever opened before; nothing is down-dated, so nothing drifts. The last node of an island in
//! the order of elimination has no equation of its own: its angle is zero there, and an island that splits off changes the
//! pivot of one node.
//!
//! Source: T. A. Davis, "Direct Methods for Sparse Linear Systems", SIAM, 2006, chapter 4 (elimination trees, up-looking
//! factorisation); A. J. Wood, B. F. Wollenberg, G. B. Sheblé, "Power Generation, Operation, and Control", 3rd edition, Wiley,
//! 2014, chapter 7 (linear flow).

use std::sync::Arc;

use super::flow::SMALLEST_PU;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{BranchIdx, BusIdx, Index};
use crate::network::Network;
use crate::plan::Plan;
use crate::state::Topology;

/// A pivot this small against the susceptances that meet at its node is rounding: the angles are not determined.
const PIVOT_MIN: f64 = 1e-14;

/// What changes when branches open.
#[derive(Clone, Debug)]
struct Moment {
    /// By branch row.
    closed: Vec<bool>,
    /// By elimination position and by off-diagonal slot of the plan, pu.
    diagonal: Vec<f64>,
    off_diagonal: Vec<f64>,
    /// Rows of L^T right of the diagonal, as the plan's `upper`.
    upper: Vec<f64>,
    /// Zero where the angle is.
    inverse_pivot: Vec<f64>,
    /// Island of each bus row, numbered by their first bus.
    island: Vec<u32>,
    islands: usize,
    /// By elimination position: the last of its island.
    last: Vec<bool>,
    /// Rows without a usable pivot.
    singular: Vec<u32>,
}

/// Flows by `(angle at the from end - angle at the to end) / x`: ratios, shifts and resistances are ignored. See the module.
#[derive(Clone, Debug)]
pub struct SwitchedFlow {
    plan: Arc<Plan>,
    /// By branch row, pu.
    susceptance_pu: Arc<[f64]>,
    /// Branches at each elimination position: `incident[incident_start[i]..incident_start[i + 1]]`, in file order.
    incident_start: Arc<[u32]>,
    incident: Arc<[u32]>,
    /// Where the targets of a row begin in those of the plan.
    target_start: Arc<[u32]>,
    base: Arc<Moment>,
    now: Moment,
    /// Rows to be eliminated again.
    stale: Vec<bool>,
    is_stale: bool,
    scratch: Vec<f64>,
    angle: Vec<f64>,
    parent_of_bus: Vec<u32>,
}

impl SwitchedFlow {
    /// With these branches of a network closed.
    ///
    /// # Errors
    /// `linear.no-reactance` for each of them that has none.
    pub fn new(network: &Network, closed: &[bool]) -> Result<Self, Diagnostics> {
        let plan = Arc::new(Plan::new(network, &Arc::new(Topology::unsplit())));
        let reactance_pu = network.branches.reactance_pu.as_slice();
        let mut complaints = Diagnostics::default();
        for (row, x) in reactance_pu.iter().enumerate() {
            if closed[row] && x.abs() < SMALLEST_PU {
                let name = network.branch_name(BranchIdx::from_row(row));
                let message = format!("{name} has no reactance, so the linear power flow cannot see it");
                complaints.push(
                    Diagnostic::error("linear.no-reactance", message)
                        .hint("give the branch a small reactance"),
                );
            }
        }
        complaints.into_result(())?;
        // A branch that is open from the beginning stays open, and what it would carry is never asked.
        let susceptance = |(row, x): (usize, &f64)| if closed[row] { 1.0 / x } else { 0.0 };
        let susceptance_pu: Arc<[f64]> = reactance_pu.iter().enumerate().map(susceptance).collect();
        let n = plan.node_count();
        let mut at: Vec<Vec<u32>> = vec![Vec::new(); n];
        for (branch, slots) in plan.branch_slots.iter() {
            if slots.from != slots.to {
                at[slots.from as usize].push(branch.row() as u32);
                at[slots.to as usize].push(branch.row() as u32);
            }
        }
        let mut incident_start = vec![0u32];
        let mut incident = Vec::new();
        for branches in &at {
            incident.extend_from_slice(branches);
            incident_start.push(incident.len() as u32);
        }
        let mut target_start = vec![0u32];
        let mut targets = 0;
        for i in 0..n {
            for j in &plan.lower[plan.lower_start[i] as usize..plan.lower_start[i + 1] as usize] {
                targets += plan.upper_start[*j as usize + 1] - plan.upper_start[*j as usize];
            }
            target_start.push(targets);
        }
        let now = Moment {
            closed: closed.to_vec(),
            diagonal: vec![0.0; n],
            off_diagonal: vec![0.0; plan.column.len()],
            upper: vec![0.0; plan.upper.len()],
            inverse_pivot: vec![0.0; n],
            island: vec![0; n],
            islands: 0,
            last: vec![false; n],
            singular: Vec::new(),
        };
        let mut flow = SwitchedFlow {
            susceptance_pu,
            incident_start: incident_start.into(),
            incident: incident.into(),
            target_start: target_start.into(),
            base: Arc::new(now.clone()),
            now,
            stale: vec![true; n],
            is_stale: true,
            scratch: vec![0.0; plan.scratch_len],
            angle: vec![0.0; n],
            parent_of_bus: vec![0; n],
            plan,
        };
        for row in 0..reactance_pu.len() {
            flow.assemble(row);
        }
        flow.settle();
        flow.base = Arc::new(flow.now.clone());
        Ok(flow)
    }

    /// As it was made.
    pub fn restore(&mut self) {
        self.now.clone_from(&self.base);
        self.stale.fill(false);
        self.is_stale = false;
    }

    /// Opens a branch; one that is open stays so.
    pub fn open(&mut self, branch: BranchIdx) {
        let row = branch.row();
        if !std::mem::replace(&mut self.now.closed[row], false) {
            return;
        }
        self.assemble(row);
        self.is_stale = true;
    }

    /// Whether a branch is closed.
    pub fn is_closed(&self, branch: BranchIdx) -> bool {
        self.now.closed[branch.row()]
    }

    /// Island of each bus row, numbered by their first bus; a bus without a closed branch is one of its own.
    pub fn islands(&mut self) -> (&[u32], usize) {
        self.settle();
        (&self.now.island, self.now.islands)
    }

    /// Flow of every branch from its from to its to end, by row, in the unit of the injections (by bus row); zero where it is
    /// open. What an island's injections lack of their balance is taken to come from its last node.
    ///
    /// # Errors
    /// The buses whose angles are not determined: reactances of both signs cancel around them.
    pub fn flows(&mut self, injection: &[f64], flow: &mut [f64]) -> Result<(), Vec<BusIdx>> {
        self.settle();
        let plan = &*self.plan;
        if !self.now.singular.is_empty() {
            let bus = |at: &u32| plan.nodes.bus[plan.node_at[*at as usize]];
            return Err(self.now.singular.iter().map(bus).collect());
        }
        let n = plan.node_count();
        let x = &mut self.angle[..n];
        for (at, node) in plan.node_at.iter().enumerate() {
            x[at] = injection[node.row()];
        }
        for i in 0..n {
            let range = plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize;
            let from = x[i];
            for (column, u) in plan.upper[range.clone()].iter().zip(&self.now.upper[range]) {
                let to = *column as usize;
                x[to] -= u * from;
            }
        }
        for i in (0..n).rev() {
            let range = plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize;
            let mut sum = x[i] * self.now.inverse_pivot[i];
            for (column, u) in plan.upper[range.clone()].iter().zip(&self.now.upper[range]) {
                sum -= u * x[*column as usize];
            }
            x[i] = sum;
        }
        for (row, slots) in plan.branch_slots.as_slice().iter().enumerate() {
            flow[row] = if self.now.closed[row] {
                self.susceptance_pu[row] * (x[slots.from as usize] - x[slots.to as usize])
            } else {
                0.0
            };
        }
        Ok(())
    }

    /// Writes what meets at the two ends of a branch, summed in file order: parallel branches share their slots.
    fn assemble(&mut self, row: usize) {
        let slots = self.plan.branch_slots.as_slice()[row];
        if slots.from == slots.to {
            return;
        }
        let mut between = 0.0;
        for end in [slots.from, slots.to] {
            let mut sum = 0.0;
            let (a, b) = (self.incident_start[end as usize], self.incident_start[end as usize + 1]);
            for other in &self.incident[a as usize..b as usize] {
                let other = *other as usize;
                if !self.now.closed[other] {
                    continue;
                }
                sum += self.susceptance_pu[other];
                let ends = &self.plan.branch_slots.as_slice()[other];
                if end == slots.from && (ends.from == slots.to || ends.to == slots.to) {
                    between -= self.susceptance_pu[other];
                }
            }
            self.now.diagonal[end as usize] = sum;
            self.stale[end as usize] = true;
        }
        self.now.off_diagonal[slots.from_to as usize] = between;
        self.now.off_diagonal[slots.to_from as usize] = between;
    }

    /// Finds the islands and eliminates again what depends on a change.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        self.find_islands();
        let plan = &*self.plan;
        let n = plan.node_count();
        let now = &mut self.now;
        now.singular.retain(|at| !self.stale[*at as usize]);
        for i in 0..n {
            if !std::mem::take(&mut self.stale[i]) {
                continue;
            }
            if let Some(parent) = plan.parent(i) {
                self.stale[parent] = true;
            }
            let lower = &plan.lower[plan.lower_start[i] as usize..plan.lower_start[i + 1] as usize];
            let right = plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize;
            let row = &mut self.scratch[..lower.len() + 1 + right.len()];
            row.fill(0.0);
            row[lower.len()] = now.diagonal[i];
            for slot in plan.row_start[i] as usize..plan.row_start[i + 1] as usize {
                row[plan.slot_scratch[slot] as usize] = now.off_diagonal[slot];
            }
            let mut next_target = self.target_start[i] as usize;
            for (at, j) in lower.iter().enumerate() {
                let j = *j as usize;
                let range = plan.upper_start[j] as usize..plan.upper_start[j + 1] as usize;
                let targets = &plan.targets[next_target..next_target + range.len()];
                next_target += range.len();
                let eliminated = row[at];
                if eliminated == 0.0 {
                    continue;
                }
                for (u, target) in now.upper[range].iter().zip(targets) {
                    let target = *target as usize;
                    row[target] -= eliminated * u;
                }
            }
            let pivot = row[lower.len()];
            now.inverse_pivot[i] = if now.last[i] {
                0.0
            } else {
                let (a, b) = (self.incident_start[i] as usize, self.incident_start[i + 1] as usize);
                let closed = self.incident[a..b].iter().filter(|branch| now.closed[**branch as usize]);
                let met: f64 = closed.map(|branch| self.susceptance_pu[*branch as usize].abs()).sum();
                if !(pivot.abs() > PIVOT_MIN * met) {
                    now.singular.push(i as u32);
                }
                1.0 / pivot
            };
            for (to, value) in right.zip(&row[lower.len() + 1..]) {
                now.upper[to] = value * now.inverse_pivot[i];
            }
        }
        now.singular.sort_unstable();
    }

    /// Labels the islands by their first bus; rows whose island ends with another node are stale.
    fn find_islands(&mut self) {
        fn root(parent: &mut [u32], mut bus: u32) -> u32 {
            while parent[bus as usize] != bus {
                parent[bus as usize] = parent[parent[bus as usize] as usize];
                bus = parent[bus as usize];
            }
            bus
        }
        let plan = &*self.plan;
        let parent = &mut self.parent_of_bus;
        for (bus, parent) in parent.iter_mut().enumerate() {
            *parent = bus as u32;
        }
        for (branch, from) in plan.nodes.branch_from.iter() {
            if self.now.closed[branch.row()] {
                let from = root(parent, from.row() as u32);
                let to = root(parent, plan.nodes.branch_to[branch].row() as u32);
                // The lower row stays the root, so that islands are numbered in file order below.
                parent[from.max(to) as usize] = from.min(to);
            }
        }
        let mut last = vec![0u32; 0];
        for bus in 0..parent.len() {
            let first = root(parent, bus as u32) as usize;
            let position = plan.position.as_slice()[bus];
            if first == bus {
                self.now.island[bus] = last.len() as u32;
                last.push(position);
            } else {
                let island = self.now.island[first];
                self.now.island[bus] = island;
                last[island as usize] = last[island as usize].max(position);
            }
        }
        self.now.islands = last.len();
        let mut is_last = vec![false; parent.len()];
        for position in last {
            is_last[position as usize] = true;
        }
        for (at, now) in is_last.iter().enumerate() {
            if *now != self.now.last[at] {
                self.stale[at] = true;
            }
        }
        self.now.last = is_last;
    }
}
