//! Ordering, pattern and elimination schedule of one topology: made once, shared by every thread and every state.
//!
//! The pattern holds **all** branches, in service or not, and no bus is removed: a branch that is out is a patch on
//! four values, a dead bus an identity row. Only splitting a bus makes another plan.
//!
//! Source of the method: up-looking LU without pivoting on 2x2 bus blocks, rows in AMD order of the bus graph
//! (Amestoy, Davis, Duff, "Algorithm 837: AMD", ACM TOMS 30(3), 2004).

use std::sync::{Arc, OnceLock};

use crate::case::BusKind;
use crate::index::{BranchIdx, BusIdx, Column, Index, NodeIdx, ShuntIdx, UnitIdx};
use crate::network::Network;
use crate::network::admittance::TwoPort;
use crate::problem::Problem;
use crate::schedule::Schedule;
use crate::solution::Complex;
use crate::state::{Busbar, Topology};

/// Where every element of a network is connected in one topology. Node rows below the number of buses are the first
/// busbars, in bus order; second busbars in use follow, in bus order.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    /// Node of each branch's from end.
    pub branch_from: Column<BranchIdx, NodeIdx>,
    /// Node of each branch's to end.
    pub branch_to: Column<BranchIdx, NodeIdx>,
    /// Node of each unit.
    pub unit: Column<UnitIdx, NodeIdx>,
    /// Node of each bus's demand.
    pub demand: Column<BusIdx, NodeIdx>,
    /// Node of each shunt.
    pub shunt: Column<ShuntIdx, NodeIdx>,
    /// Bus of each node.
    pub bus: Column<NodeIdx, BusIdx>,
}

impl Nodes {
    fn of(network: &Network, topology: &Topology) -> Self {
        let buses = network.buses.id.len();
        let mut second: Vec<Option<NodeIdx>> = vec![None; buses];
        let mut bus: Vec<BusIdx> = network.buses.id.indices().collect();
        for row in topology.second_busbars(network) {
            second[row.row()] = Some(NodeIdx::from_row(bus.len()));
            bus.push(row);
        }
        let node = |bus: BusIdx, busbar: Busbar| match (busbar, second[bus.row()]) {
            (Busbar::Two, Some(node)) => node,
            _ => NodeIdx::from_row(bus.row()),
        };
        let branches = &network.branches;
        Nodes {
            branch_from: branches.from.iter().map(|(i, b)| node(*b, topology.branch_ends(i).0)).collect(),
            branch_to: branches.to.iter().map(|(i, b)| node(*b, topology.branch_ends(i).1)).collect(),
            unit: network.units.bus.iter().map(|(i, b)| node(*b, topology.unit(i))).collect(),
            demand: network.buses.id.indices().map(|b| node(b, topology.demand(b))).collect(),
            shunt: network.shunts.bus.iter().map(|(i, b)| node(*b, topology.shunt(i))).collect(),
            bus: bus.into(),
        }
    }
}

/// The slots of one branch in the admittance values of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BranchSlots {
    /// Elimination position of the from and the to node.
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// Off-diagonal slot of row `from`, column `to`, and the reverse.
    pub(crate) from_to: u32,
    pub(crate) to_from: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Plan {
    /// Where elements are connected.
    pub nodes: Nodes,
    /// Topology it belongs to.
    pub topology: Arc<Topology>,
    /// Elimination position of each node.
    pub(crate) position: Column<NodeIdx, u32>,
    /// Node at each elimination position.
    pub(crate) node_at: Vec<NodeIdx>,
    /// Off-diagonal admittances by row: slots `row_start[i]..row_start[i + 1]`, columns with most unknowns first.
    pub(crate) row_start: Vec<u32>,
    pub(crate) column: Vec<u32>,
    pub(crate) off_diagonal: Vec<Complex>,
    /// Position of each slot's column in the scratch of its row.
    pub(crate) slot_scratch: Vec<u32>,
    pub(crate) diagonal: Vec<Complex>,
    pub(crate) branch_slots: Column<BranchIdx, BranchSlots>,
    /// The two-port that the shared admittances hold for each branch; zero for one that the file leaves out.
    pub(crate) base: Column<BranchIdx, TwoPort>,
    /// Columns of row i left of its diagonal, after fill: `lower_start[i]..`. Their scratch positions are 0, 1, 2 ...
    pub(crate) lower_start: Vec<u32>,
    pub(crate) lower: Vec<u32>,
    /// Columns of row i right of its diagonal, after fill. Their scratch positions follow the diagonal's.
    pub(crate) upper_start: Vec<u32>,
    pub(crate) upper: Vec<u32>,
    /// For every lower entry (i, j), in order: scratch positions in row i of the upper columns of row j.
    pub(crate) targets: Vec<u32>,
    /// Longest row, in blocks.
    pub(crate) scratch_len: usize,
    /// Unknowns of each row in the network as its file has it: two, one where a unit holds the magnitude, none at a reference
    /// and on a bus that is out of service.
    pub(crate) unknowns: Vec<u8>,
    uniform: OnceLock<Schedule>,
    of_base: OnceLock<Schedule>,
}

impl Plan {
    /// The plan of a network in one topology.
    pub fn new(network: &Network, topology: &Arc<Topology>) -> Self {
        let nodes = Nodes::of(network, topology);
        let n = nodes.bus.len();
        let neighbours = neighbours(&nodes, n);
        let (position, node_at) = order(&neighbours);
        let unknowns = unknowns(network, &nodes, &node_at);

        let mut row_start = vec![0u32];
        let mut column = Vec::new();
        for node in &node_at {
            let mut row: Vec<u32> = neighbours[node.row()].iter().map(|m| position[*m as usize]).collect();
            row.sort_unstable_by_key(|col| (std::cmp::Reverse(unknowns[*col as usize]), *col));
            column.extend_from_slice(&row);
            row_start.push(column.len() as u32);
        }
        let (upper_start, upper, lower_start, lower) = fill(n, &row_start, &column);

        let mut slot_scratch = vec![0u32; column.len()];
        let mut targets = Vec::new();
        let mut scratch_of = vec![u32::MAX; n];
        let mut scratch_len = 0;
        for i in 0..n {
            let left = &lower[lower_start[i] as usize..lower_start[i + 1] as usize];
            let right = &upper[upper_start[i] as usize..upper_start[i + 1] as usize];
            let row = left.iter().copied().chain([i as u32]).chain(right.iter().copied());
            for (at, col) in row.enumerate() {
                scratch_of[col as usize] = at as u32;
                scratch_len = scratch_len.max(at + 1);
            }
            for slot in row_start[i] as usize..row_start[i + 1] as usize {
                slot_scratch[slot] = scratch_of[column[slot] as usize];
            }
            for j in left {
                let j = *j as usize;
                let row_j = &upper[upper_start[j] as usize..upper_start[j + 1] as usize];
                targets.extend(row_j.iter().map(|k| scratch_of[*k as usize]));
            }
        }

        let slot = |row: u32, col: u32| {
            let (start, end) = (row_start[row as usize] as usize, row_start[row as usize + 1] as usize);
            start + column[start..end].iter().position(|c| *c == col).expect("every branch is in the pattern")
        };
        let mut off_diagonal = vec![Complex::default(); column.len()];
        let mut diagonal = vec![Complex::default(); n];
        let branches = &network.branches;
        let planned = |branch: BranchIdx| {
            if Problem::planned(network, branch) {
                TwoPort::of(branches, branch, branches.tap_ratio[branch])
            } else {
                TwoPort::default()
            }
        };
        let base: Column<BranchIdx, TwoPort> = branches.from.indices().map(planned).collect();
        let mut slots = Vec::with_capacity(base.len());
        for (branch, two_port) in base.iter() {
            let from = position[nodes.branch_from[branch].row()];
            let to = position[nodes.branch_to[branch].row()];
            let (from_to, to_from) = (slot(from, to), slot(to, from));
            add(&mut diagonal[from as usize], two_port.from_from);
            add(&mut diagonal[to as usize], two_port.to_to);
            add(&mut off_diagonal[from_to], two_port.from_to);
            add(&mut off_diagonal[to_from], two_port.to_from);
            slots.push(BranchSlots { from, to, from_to: from_to as u32, to_from: to_from as u32 });
        }
        for (shunt, step) in network.shunts.step.iter() {
            let at = position[nodes.shunt[shunt].row()] as usize;
            add(&mut diagonal[at], shunt_admittance(network, shunt, *step));
        }
        Plan {
            nodes,
            topology: Arc::clone(topology),
            position: position.into(),
            node_at,
            row_start,
            column,
            off_diagonal,
            slot_scratch,
            diagonal,
            branch_slots: slots.into(),
            base,
            lower_start,
            lower,
            upper_start,
            upper,
            targets,
            scratch_len,
            unknowns,
            uniform: OnceLock::new(),
            of_base: OnceLock::new(),
        }
    }

    /// The first row that elimination of a row changes, where there is one: its parent in the elimination tree.
    pub(crate) fn parent(&self, row: usize) -> Option<usize> {
        let (start, end) = (self.upper_start[row], self.upper_start[row + 1]);
        (start < end).then(|| self.upper[start as usize] as usize)
    }

    /// The schedule for any state.
    pub(crate) fn uniform(&self) -> &Schedule {
        self.uniform.get_or_init(|| Schedule::uniform(self))
    }

    /// The schedule for states with the unknowns of the base.
    pub(crate) fn of_base(&self) -> &Schedule {
        self.of_base.get_or_init(|| Schedule::of_base(self))
    }

    /// Number of electrical nodes.
    pub fn node_count(&self) -> usize {
        self.node_at.len()
    }

    /// Blocks right of the diagonal after fill: what one factorisation stores.
    pub fn upper_blocks(&self) -> usize {
        self.upper.len()
    }
}

/// What is unknown in each row in the network as its file has it.
fn unknowns(network: &Network, nodes: &Nodes, node_at: &[NodeIdx]) -> Vec<u8> {
    let mut held = vec![false; node_at.len()];
    for (unit, node) in nodes.unit.iter() {
        held[node.row()] |= network.units.in_service[unit] && network.units.regulates[unit];
    }
    let of = |node: &NodeIdx| match network.buses.kind[nodes.bus[*node]] {
        BusKind::Isolated => 0,
        BusKind::Reference if held[node.row()] => 0,
        BusKind::Pv if held[node.row()] => 1,
        _ => 2,
    };
    node_at.iter().map(of).collect()
}

/// Admittance to ground of a shunt at a step, pu; step 0 is out and has no conductance either.
pub(crate) fn shunt_admittance(network: &Network, shunt: ShuntIdx, step: u32) -> Complex {
    if step == 0 {
        return Complex::default();
    }
    Complex { re: network.shunts.g_pu[shunt], im: network.shunts.steps_pu[shunt][step as usize] }
}

pub(crate) fn add(sum: &mut Complex, term: Complex) {
    sum.re += term.re;
    sum.im += term.im;
}

/// Distinct neighbours of each node, ascending.
fn neighbours(nodes: &Nodes, n: usize) -> Vec<Vec<u32>> {
    let mut neighbours = vec![Vec::new(); n];
    for (branch, from) in nodes.branch_from.iter() {
        let (from, to) = (from.row(), nodes.branch_to[branch].row());
        neighbours[from].push(to as u32);
        neighbours[to].push(from as u32);
    }
    for row in &mut neighbours {
        row.sort_unstable();
        row.dedup();
    }
    neighbours
}

/// Elimination position of each node of a graph, and the node at each position: approximate minimum degree.
pub(crate) fn order(neighbours: &[Vec<u32>]) -> (Vec<u32>, Vec<NodeIdx>) {
    let n = neighbours.len();
    let mut starts = vec![0i64];
    let mut entries: Vec<i64> = Vec::new();
    for (node, row) in neighbours.iter().enumerate() {
        // With its diagonal, which is passed over: without, the crate's own checks fail on a graph of few branches.
        let (before, after) = row.split_at(row.partition_point(|c| (*c as usize) < node));
        entries.extend(before.iter().map(|c| i64::from(*c)));
        entries.push(node as i64);
        entries.extend(after.iter().filter(|c| **c as usize != node).map(|c| i64::from(*c)));
        starts.push(entries.len() as i64);
    }
    let permutation = match amd::order(n as i64, &starts, &entries, &amd::Control::default()) {
        Ok((permutation, _, _)) => permutation,
        // The pattern is valid by construction; the file's order is still a correct answer, only a slower one.
        Err(_) => (0..n as i64).collect(),
    };
    let node_at: Vec<NodeIdx> = permutation.iter().map(|node| NodeIdx::from_row(*node as usize)).collect();
    let mut position = vec![0u32; n];
    for (at, node) in node_at.iter().enumerate() {
        position[node.row()] = at as u32;
    }
    (position, node_at)
}

/// Symbolic elimination: (upper_start, upper, lower_start, lower).
///
/// Row i of U is what row i of the matrix has right of the diagonal, joined with the rows of its children in the
/// elimination tree. The pattern is symmetric, so L is the transpose of U.
fn fill(n: usize, row_start: &[u32], column: &[u32]) -> (Vec<u32>, Vec<u32>, Vec<u32>, Vec<u32>) {
    let mut upper_start = vec![0u32];
    let mut upper: Vec<u32> = Vec::new();
    let mut children: Vec<Vec<u32>> = vec![Vec::new(); n];
    let mut row: Vec<u32> = Vec::new();
    let mut seen = vec![u32::MAX; n];
    let mut lower_count = vec![0u32; n];
    for i in 0..n {
        row.clear();
        let own = column[row_start[i] as usize..row_start[i + 1] as usize].iter().copied();
        let inherited = children[i].iter().flat_map(|child| {
            let child = *child as usize;
            upper[upper_start[child] as usize..upper_start[child + 1] as usize].iter().copied()
        });
        for col in own.chain(inherited) {
            if col as usize > i && seen[col as usize] != i as u32 {
                seen[col as usize] = i as u32;
                row.push(col);
            }
        }
        row.sort_unstable();
        if let Some(parent) = row.first() {
            children[*parent as usize].push(i as u32);
        }
        for col in &row {
            lower_count[*col as usize] += 1;
        }
        upper.extend_from_slice(&row);
        upper_start.push(upper.len() as u32);
    }
    let mut lower_start = vec![0u32];
    for count in &lower_count {
        lower_start.push(lower_start[lower_start.len() - 1] + count);
    }
    let mut next: Vec<u32> = lower_start[..n].to_vec();
    let mut lower = vec![0u32; upper.len()];
    for i in 0..n {
        for col in &upper[upper_start[i] as usize..upper_start[i + 1] as usize] {
            lower[next[*col as usize] as usize] = i as u32;
            next[*col as usize] += 1;
        }
    }
    (upper_start, upper, lower_start, lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pattern right of the diagonal that eliminating one row after the other in a dense matrix of marks leaves.
    fn dense_fill(n: usize, edges: &[(usize, usize)]) -> Vec<Vec<u32>> {
        let mut marked = vec![vec![false; n]; n];
        for (a, b) in edges {
            (marked[*a][*b], marked[*b][*a]) = (true, true);
        }
        for k in 0..n {
            let right: Vec<usize> = (k + 1..n).filter(|j| marked[k][*j]).collect();
            for i in &right {
                for j in &right {
                    marked[*i][*j] |= i != j;
                }
            }
        }
        (0..n).map(|i| (i + 1..n).filter(|j| marked[i][*j]).map(|j| j as u32).collect()).collect()
    }

    #[test]
    fn fill_is_that_of_dense_elimination() {
        let n = 24;
        for step in [1, 5, 7, 11] {
            // A ring, and chords that depend on the step: no pattern of a special kind.
            let mut edges: Vec<(usize, usize)> = (0..n).map(|i| (i, (i + 1) % n)).collect();
            edges.extend((0..n).step_by(3).map(|i| (i, (i * step + 9) % n)).filter(|(a, b)| a != b));
            let mut rows = vec![Vec::new(); n];
            for (a, b) in &edges {
                rows[*a].push(*b as u32);
                rows[*b].push(*a as u32);
            }
            let (mut row_start, mut column) = (vec![0u32], Vec::new());
            for row in &mut rows {
                row.sort_unstable();
                row.dedup();
                column.extend_from_slice(row);
                row_start.push(column.len() as u32);
            }
            let (upper_start, upper, lower_start, lower) = fill(n, &row_start, &column);
            let expected = dense_fill(n, &edges);
            for i in 0..n {
                let ours = &upper[upper_start[i] as usize..upper_start[i + 1] as usize];
                assert_eq!(ours, expected[i], "row {i}, step {step}");
                let left: Vec<u32> =
                    (0..i).filter(|j| expected[*j].contains(&(i as u32))).map(|j| j as u32).collect();
                assert_eq!(&lower[lower_start[i] as usize..lower_start[i + 1] as usize], left, "row {i}");
            }
        }
    }
}
