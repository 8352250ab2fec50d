//! Which branches hold a grid together: a graph of live buses and branches in service.

use powerflow::case::BusKind;
use powerflow::{BranchIdx, BusIdx, Index, Network};

/// The graph that the file describes: branches in service between buses that are not isolated in the file.
#[derive(Debug)]
pub(crate) struct Graph {
    buses: usize,
    edges: Vec<(BranchIdx, BusIdx, BusIdx)>,
}

impl Graph {
    /// Of a network.
    pub(crate) fn of(network: &Network) -> Self {
        let branches = &network.branches;
        let edges = branches
            .from
            .indices()
            .filter(|branch| in_use(network, *branch))
            .map(|branch| (branch, branches.from[branch], branches.to[branch]))
            .collect();
        Graph { buses: network.buses.id.len(), edges }
    }

    /// Branches without which some bus loses its connection to some other, ascending.
    pub(crate) fn bridges(&self) -> Vec<BranchIdx> {
        let mut neighbours: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.buses];
        for (edge, (_, from, to)) in self.edges.iter().enumerate() {
            neighbours[from.row()].push((to.row(), edge));
            neighbours[to.row()].push((from.row(), edge));
        }
        // Tarjan's low points, depth first with a stack of our own: grids can be long chains.
        let mut reached = vec![0usize; self.buses];
        let mut low = vec![0usize; self.buses];
        let mut clock = 0;
        let mut bridges = Vec::new();
        for root in 0..self.buses {
            if reached[root] != 0 {
                continue;
            }
            clock += 1;
            (reached[root], low[root]) = (clock, clock);
            let mut path = vec![(root, usize::MAX, 0)];
            while let Some((bus, entered_by, next)) = path.last_mut() {
                let (bus, entered_by) = (*bus, *entered_by);
                if let Some(&(other, edge)) = neighbours[bus].get(*next) {
                    *next += 1;
                    // By edge, not by bus: a second circuit beside the first is a way back.
                    if edge == entered_by {
                        continue;
                    }
                    if reached[other] == 0 {
                        clock += 1;
                        (reached[other], low[other]) = (clock, clock);
                        path.push((other, edge, 0));
                    } else {
                        low[bus] = low[bus].min(reached[other]);
                    }
                } else {
                    path.pop();
                    if let Some((parent, _, _)) = path.last() {
                        low[*parent] = low[*parent].min(low[bus]);
                        if low[bus] > reached[*parent] {
                            bridges.push(self.edges[entered_by].0);
                        }
                    }
                }
            }
        }
        bridges.sort_unstable();
        bridges
    }

    /// Size of a spanning forest of the branches that `used` lets through: buses less connected parts.
    pub(crate) fn rank(&self, used: impl Fn(BranchIdx) -> bool) -> usize {
        let mut parts = Parts::new(self.buses);
        self.edges.iter().filter(|(branch, from, to)| used(*branch) && parts.join(*from, *to)).count()
    }

    /// The branches of `order`, in that order, each of which may be taken out with those before it while every bus keeps
    /// its connections: greedy, and as many as can be taken out of `order` at all.
    pub(crate) fn removable(&self, order: &[BranchIdx]) -> Vec<BranchIdx> {
        let mut place = vec![0usize; self.edges.last().map_or(0, |(branch, _, _)| branch.row() + 1)];
        for (at, branch) in order.iter().enumerate() {
            place[branch.row()] = at + 1;
        }
        // What greedy removal leaves is the spanning forest that prefers branches outside the order, then the latest.
        let mut latest_first: Vec<_> = self.edges.iter().collect();
        latest_first.sort_by_key(|(branch, _, _)| match place[branch.row()] {
            0 => 0,
            at => usize::MAX - at,
        });
        let mut parts = Parts::new(self.buses);
        let mut kept = vec![false; place.len()];
        for (branch, from, to) in latest_first {
            kept[branch.row()] = parts.join(*from, *to);
        }
        order.iter().copied().filter(|branch| !kept[branch.row()]).collect()
    }
}

/// Whether the file connects a branch between two buses that it does not isolate.
pub(crate) fn in_use(network: &Network, branch: BranchIdx) -> bool {
    let branches = &network.branches;
    branches.in_service[branch]
        && [branches.from[branch], branches.to[branch]]
            .iter()
            .all(|bus| network.buses.kind[*bus] != BusKind::Isolated)
}

/// Disjoint sets of buses.
struct Parts {
    parent: Vec<usize>,
}

impl Parts {
    fn new(buses: usize) -> Self {
        Parts { parent: (0..buses).collect() }
    }

    fn root(&mut self, mut bus: usize) -> usize {
        while self.parent[bus] != bus {
            self.parent[bus] = self.parent[self.parent[bus]];
            bus = self.parent[bus];
        }
        bus
    }

    /// Whether the two were apart.
    fn join(&mut self, from: BusIdx, to: BusIdx) -> bool {
        let (from, to) = (self.root(from.row()), self.root(to.row()));
        self.parent[from] = to;
        from != to
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(branches: &[BranchIdx]) -> Vec<usize> {
        branches.iter().map(|branch| branch.row()).collect()
    }

    /// A graph by hand: a case need not be solvable, nor free of loops from a bus to itself.
    fn graph(buses: usize, edges: &[(usize, usize)]) -> Graph {
        let edge = |(row, (from, to)): (usize, &(usize, usize))| {
            (BranchIdx::from_row(row), BusIdx::from_row(*from), BusIdx::from_row(*to))
        };
        Graph { buses, edges: edges.iter().enumerate().map(edge).collect() }
    }

    #[test]
    fn a_ring_with_a_tail_hangs_on_its_tail() {
        let graph = graph(5, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (3, 4)]);
        assert_eq!(rows(&graph.bridges()), [3]);
        assert_eq!(graph.rank(|_| true), 4);
    }

    proptest! {
        #[test]
        fn bridges_are_the_branches_whose_loss_lowers_the_rank(
            edges in proptest::collection::vec((0usize..8, 0usize..8), 0..16)
        ) {
            let graph = graph(8, &edges);
            let whole = graph.rank(|_| true);
            let expected: Vec<usize> =
                (0..edges.len()).filter(|row| graph.rank(|branch| branch.row() != *row) < whole).collect();
            prop_assert_eq!(rows(&graph.bridges()), expected);
        }

        #[test]
        fn removable_is_greedy_removal(
            edges in proptest::collection::vec((0usize..7, 0usize..7), 1..14),
            pick in any::<u64>(),
        ) {
            let graph = graph(7, &edges);
            let whole = graph.rank(|_| true);
            let mut order: Vec<BranchIdx> = (0..edges.len()).map(BranchIdx::from_row).collect();
            crate::seed::streams(crate::Seed(pick), "", 0).named("order").shuffle(&mut order);
            order.truncate(1 + pick as usize % edges.len());
            let mut gone: Vec<BranchIdx> = Vec::new();
            for branch in &order {
                if graph.rank(|other| other != *branch && !gone.contains(&other)) == whole {
                    gone.push(*branch);
                }
            }
            prop_assert_eq!(graph.removable(&order), gone);
        }
    }
}
