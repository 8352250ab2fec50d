//! Which branches, and which pairs of branches, hold a grid together.
//!
//! Bridges by low points (R. Tarjan, "A note on finding the bridges of a graph", Information Processing Letters 2(6), 1974).
//! Pairs by labels: every branch outside a spanning forest gets a number of its own, every branch inside the exclusive or of
//! those whose cycles pass it. Two branches that are no bridges split their island together exactly if every cycle through one
//! passes the other, and then their labels are equal; branches with equal labels are confirmed one by one.
//! Source: D. Pritchard, R. Thurimella, "Fast computation of small cuts via cycle space sampling", ACM Transactions on
//! Algorithms 7(4), 2011.

use crate::index::{BranchIdx, Index};

/// The branches that carry anything, as edges between nodes. Row numbers are those of the caller's list.
#[derive(Clone, Debug)]
pub(crate) struct Cuts {
    ends: Vec<Option<[u32; 2]>>,
    neighbours: Vec<Vec<(u32, u32)>>,
    bridge: Vec<bool>,
    label: Vec<u64>,
}

impl Cuts {
    /// Of a graph of `nodes` nodes; a row without ends is no edge.
    pub(crate) fn new(nodes: usize, ends: Vec<Option<[u32; 2]>>) -> Self {
        let mut neighbours: Vec<Vec<(u32, u32)>> = vec![Vec::new(); nodes];
        for (row, ends) in ends.iter().enumerate() {
            if let Some([from, to]) = *ends {
                neighbours[from as usize].push((to, row as u32));
                neighbours[to as usize].push((from, row as u32));
            }
        }
        let rows = ends.len();
        let mut cuts = Cuts { ends, neighbours, bridge: vec![false; rows], label: vec![0; rows] };
        cuts.search();
        cuts
    }

    /// Depth first, with a stack of our own: grids can be long chains.
    fn search(&mut self) {
        let nodes = self.neighbours.len();
        let mut reached = vec![0u32; nodes];
        let mut low = vec![0u32; nodes];
        // Exclusive or of the labels of the cycles that begin or end at or below a node.
        let mut cycles = vec![0u64; nodes];
        let mut clock = 0;
        for root in 0..nodes {
            if reached[root] != 0 {
                continue;
            }
            clock += 1;
            (reached[root], low[root]) = (clock, clock);
            let mut path = vec![(root, u32::MAX, 0)];
            while let Some((node, entered_by, next)) = path.last_mut() {
                let (node, entered_by) = (*node, *entered_by);
                if let Some(&(other, row)) = self.neighbours[node].get(*next) {
                    *next += 1;
                    let other = other as usize;
                    // By row, not by node: a second circuit beside the first is a way back.
                    if row == entered_by {
                        continue;
                    }
                    if reached[other] == 0 {
                        clock += 1;
                        (reached[other], low[other]) = (clock, clock);
                        path.push((other, row, 0));
                    } else if self.label[row as usize] == 0 {
                        // The first of the two looks along a branch that closes a cycle.
                        low[node] = low[node].min(reached[other]);
                        let label = mixed(u64::from(row));
                        self.label[row as usize] = label;
                        cycles[node] ^= label;
                        cycles[other] ^= label;
                    }
                } else {
                    path.pop();
                    if let Some((parent, _, _)) = path.last() {
                        low[*parent] = low[*parent].min(low[node]);
                        self.label[entered_by as usize] = cycles[node];
                        self.bridge[entered_by as usize] = low[node] > reached[*parent];
                        cycles[*parent] ^= cycles[node];
                    }
                }
            }
        }
    }

    /// Whether the loss of a branch splits its island.
    pub(crate) fn is_bridge(&self, row: usize) -> bool {
        self.bridge[row]
    }

    /// A number for each of these branches, equal for those that have the same label.
    pub(crate) fn classes(&self, branches: &[BranchIdx]) -> Vec<u32> {
        let mut labels: Vec<u64> = branches.iter().map(|branch| self.label[branch.row()]).collect();
        labels.sort_unstable();
        labels.dedup();
        let class = |branch: &BranchIdx| labels.partition_point(|l| *l < self.label[branch.row()]) as u32;
        branches.iter().map(class).collect()
    }

    /// Whether two different branches, neither of them a bridge, split their island together.
    pub(crate) fn is_pair(&self, a: usize, b: usize) -> bool {
        self.label[a] == self.label[b] && self.splits(&[a, b])
    }

    /// Whether any of these branches has its ends apart without all of them.
    pub(crate) fn split_by(&self, out: &[BranchIdx]) -> bool {
        let mut rows: Vec<usize> = out.iter().map(|branch| branch.row()).collect();
        (0..rows.len()).any(|_| {
            rows.rotate_left(1);
            self.splits(&rows)
        })
    }

    /// Whether the ends of the first of these branches are apart without all of them.
    fn splits(&self, out: &[usize]) -> bool {
        let Some([from, to]) = self.ends[out[0]] else { return false };
        let mut seen = vec![false; self.neighbours.len()];
        let mut stack = vec![from];
        seen[from as usize] = true;
        while let Some(node) = stack.pop() {
            if node == to {
                return false;
            }
            for (other, row) in &self.neighbours[node as usize] {
                if !out.contains(&(*row as usize)) && !seen[*other as usize] {
                    seen[*other as usize] = true;
                    stack.push(*other);
                }
            }
        }
        true
    }
}

/// A number that looks random, never zero for the rows of a network, and the same every day (splitmix64).
fn mixed(row: u64) -> u64 {
    let mut z = (row + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(nodes: usize, edges: &[(u32, u32)]) -> Cuts {
        Cuts::new(nodes, edges.iter().map(|(a, b)| Some([*a, *b])).collect())
    }

    /// Connected parts without the edges in `out`, by joining sets: nothing shared with the search.
    fn parts(nodes: usize, edges: &[(u32, u32)], out: &[usize]) -> usize {
        let mut part: Vec<u32> = (0..nodes as u32).collect();
        for (row, (a, b)) in edges.iter().enumerate() {
            if !out.contains(&row) {
                let (keep, drop) = (part[*a as usize], part[*b as usize]);
                part.iter_mut().filter(|p| **p == drop).for_each(|p| *p = keep);
            }
        }
        part.sort_unstable();
        part.dedup();
        part.len()
    }

    #[test]
    fn a_ring_with_a_tail_and_a_double_circuit() {
        let cuts = graph(5, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (3, 4)]);
        let bridges: Vec<usize> = (0..6).filter(|row| cuts.is_bridge(*row)).collect();
        assert_eq!(bridges, [3]);
        assert!(cuts.is_pair(0, 1) && cuts.is_pair(1, 2) && cuts.is_pair(4, 5));
        assert!(!cuts.is_pair(0, 4));
    }

    proptest! {
        #[test]
        fn cuts_are_what_raises_the_number_of_parts(
            edges in proptest::collection::vec((0u32..8, 0u32..8), 0..18)
        ) {
            let cuts = graph(8, &edges);
            let whole = parts(8, &edges, &[]);
            let alone: Vec<bool> = (0..edges.len()).map(|row| parts(8, &edges, &[row]) > whole).collect();
            for a in 0..edges.len() {
                prop_assert_eq!(cuts.is_bridge(a), alone[a], "{}", a);
                for b in 0..a {
                    if !alone[a] && !alone[b] {
                        prop_assert_eq!(cuts.is_pair(a, b), parts(8, &edges, &[a, b]) > whole, "{} {}", a, b);
                    }
                }
            }
        }
    }
}
