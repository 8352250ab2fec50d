//! The cheapest cut between two nodes of a graph, as the largest flow between them.
//!
//! Source: J. Edmonds, R. M. Karp, "Theoretical improvements in algorithmic efficiency for network flow problems", J. ACM 19(2), 1972.

/// A graph with what it costs to cut each edge.
#[derive(Debug)]
pub(super) struct Cut {
    /// By node: edges that leave it.
    leaving: Vec<Vec<usize>>,
    /// Edges in pairs, each beside its reverse: where it goes, and what still fits through.
    to: Vec<usize>,
    left: Vec<u32>,
}

impl Cut {
    /// The cost of an edge that no cut may take.
    pub(super) const NEVER: u32 = 1 << 24;

    /// So many nodes without edges.
    pub(super) fn new(nodes: usize) -> Self {
        Cut { leaving: vec![Vec::new(); nodes], to: Vec::new(), left: Vec::new() }
    }

    /// An edge with what it costs to have `a` on the near side and `b` on the far side, and the other way round.
    pub(super) fn join(&mut self, a: usize, b: usize, there: u32, back: u32) {
        for (from, to, cost) in [(a, b, there), (b, a, back)] {
            self.leaving[from].push(self.to.len());
            self.to.push(to);
            self.left.push(cost);
        }
    }

    /// The cost of the cheapest cut, and which nodes are on the side of `from`: the fewest that do.
    pub(super) fn between(mut self, from: usize, to: usize) -> (u32, Vec<bool>) {
        let mut cost = 0;
        loop {
            // The edge by which each node was reached, breadth first.
            let mut by: Vec<Option<usize>> = vec![None; self.leaving.len()];
            let mut queue = vec![from];
            let mut next = 0;
            while next < queue.len() && by[to].is_none() {
                for edge in &self.leaving[queue[next]] {
                    let node = self.to[*edge];
                    if self.left[*edge] > 0 && node != from && by[node].is_none() {
                        by[node] = Some(*edge);
                        queue.push(node);
                    }
                }
                next += 1;
            }
            if by[to].is_none() {
                let near = (0..self.leaving.len()).map(|node| node == from || by[node].is_some()).collect();
                return (cost, near);
            }
            let mut path = Vec::new();
            let mut node = to;
            while let Some(edge) = by[node] {
                path.push(edge);
                node = self.to[edge ^ 1];
            }
            let fits = path.iter().map(|edge| self.left[*edge]).min().unwrap_or(0);
            for edge in path {
                self.left[edge] -= fits;
                self.left[edge ^ 1] += fits;
            }
            cost += fits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every cut of a small graph tried out.
    #[test]
    fn no_cut_is_cheaper() {
        let edges = [(0, 1, 4), (0, 2, 3), (1, 2, 2), (1, 3, 2), (2, 4, 3), (3, 4, 1), (3, 5, 5), (4, 5, 2)];
        let mut cut = Cut::new(6);
        edges.iter().for_each(|(a, b, cost)| cut.join(*a, *b, *cost, *cost));
        let cost_of = |near: u32| -> u32 {
            let on = |node: usize| near >> node & 1 == 1;
            edges.iter().filter(|(a, b, _)| on(*a) != on(*b)).map(|(_, _, cost)| cost).sum()
        };
        let cheapest = (0..64).filter(|near| near & 1 == 1 && near >> 5 & 1 == 0).map(cost_of).min();
        let (cost, near) = cut.between(0, 5);
        assert_eq!(Some(cost), cheapest);
        let mask = (0..6).filter(|node| near[*node]).map(|node| 1u32 << node).sum();
        assert_eq!(cost_of(mask), cost);
    }
}
