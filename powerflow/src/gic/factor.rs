//! The factor of a symmetric positive definite matrix: `P A P' = L D L'` in the elimination order of the power flow's plans.
//!
//! Source: T. A. Davis, "Algorithm 849: A concise sparse Cholesky factorization package", ACM TOMS 31(4), 2005. The factor of the
//! power flow works on blocks of a plan's buses; neutrals and earth are no buses.

use crate::index::{Index, NodeIdx};
use crate::plan;

/// `L` by columns, unit diagonal left out, and `D`.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    node_at: Vec<NodeIdx>,
    start: Vec<usize>,
    row: Vec<usize>,
    value: Vec<f64>,
    diagonal: Vec<f64>,
}

/// A pivot is not positive: part of the graph has no way to earth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotPositive;

impl Factor {
    /// Factors the conductances of a graph: `edges` of (node, node, conductance) and each node's conductance to earth.
    ///
    /// Sums are taken in the order of the edges, so that the same network gives the same bytes.
    pub(super) fn of(edges: &[(usize, usize, f64)], earth: &[f64]) -> Result<Self, NotPositive> {
        let n = earth.len();
        let mut neighbours: Vec<Vec<u32>> = vec![Vec::new(); n];
        let mut own = earth.to_vec();
        for (a, b, conductance) in edges {
            neighbours[*a].push(*b as u32);
            neighbours[*b].push(*a as u32);
            own[*a] += conductance;
            own[*b] += conductance;
        }
        for row in &mut neighbours {
            row.sort_unstable();
            row.dedup();
        }
        let (position, node_at) = plan::order(&neighbours);

        // Entries above the diagonal, by column: (column, row, value), where several belong to parallel edges.
        let mut above: Vec<(u32, u32, f64)> = edges
            .iter()
            .map(|(a, b, conductance)| {
                let (a, b) = (position[*a], position[*b]);
                (a.max(b), a.min(b), -conductance)
            })
            .collect();
        above.sort_by_key(|(column, row, _)| (*column, *row));
        let mut column_start = vec![0; n + 1];
        for (column, ..) in &above {
            column_start[*column as usize + 1] += 1;
        }
        for column in 0..n {
            column_start[column + 1] += column_start[column];
        }
        let column = |k: usize| above[column_start[k]..column_start[k + 1]].iter();

        // The elimination tree and the number of entries of each column of L.
        let mut parent = vec![usize::MAX; n];
        let mut flag = vec![usize::MAX; n];
        let mut count = vec![0usize; n];
        for k in 0..n {
            flag[k] = k;
            for (_, row, _) in column(k) {
                let mut i = *row as usize;
                while flag[i] != k {
                    if parent[i] == usize::MAX {
                        parent[i] = k;
                    }
                    count[i] += 1;
                    flag[i] = k;
                    i = parent[i];
                }
            }
        }
        let mut start = vec![0; n + 1];
        for k in 0..n {
            start[k + 1] = start[k] + count[k];
        }

        let mut factor = Factor {
            row: vec![0; start[n]],
            value: vec![0.0; start[n]],
            diagonal: vec![0.0; n],
            start,
            node_at,
        };
        let mut filled = vec![0usize; n];
        let mut scratch = vec![0.0; n];
        let mut pattern = vec![0usize; n];
        flag.fill(usize::MAX);
        for k in 0..n {
            let mut top = n;
            flag[k] = k;
            for (_, row, value) in column(k) {
                let mut i = *row as usize;
                scratch[i] += value;
                let mut path = 0;
                while flag[i] != k {
                    pattern[path] = i;
                    path += 1;
                    flag[i] = k;
                    i = parent[i];
                }
                while path > 0 {
                    (top, path) = (top - 1, path - 1);
                    pattern[top] = pattern[path];
                }
            }
            let mut pivot = own[factor.node_at[k].row()];
            for i in pattern[top..].iter().copied() {
                let y = std::mem::take(&mut scratch[i]);
                let (from, to) = (factor.start[i], factor.start[i] + filled[i]);
                for slot in from..to {
                    scratch[factor.row[slot]] -= factor.value[slot] * y;
                }
                let l = y / factor.diagonal[i];
                pivot -= l * y;
                factor.row[to] = k;
                factor.value[to] = l;
                filled[i] += 1;
            }
            if !(pivot > 0.0 && pivot.is_finite()) {
                return Err(NotPositive);
            }
            factor.diagonal[k] = pivot;
        }
        Ok(factor)
    }

    /// Solves for one right-hand side, by node.
    pub(super) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = right.len();
        let mut x: Vec<f64> = self.node_at.iter().map(|node| right[node.row()]).collect();
        for k in 0..n {
            for slot in self.start[k]..self.start[k + 1] {
                x[self.row[slot]] -= self.value[slot] * x[k];
            }
        }
        for (x, pivot) in x.iter_mut().zip(&self.diagonal) {
            *x /= pivot;
        }
        for k in (0..n).rev() {
            for slot in self.start[k]..self.start[k + 1] {
                x[k] -= self.value[slot] * x[self.row[slot]];
            }
        }
        let mut by_node = vec![0.0; n];
        for (node, value) in self.node_at.iter().zip(x) {
            by_node[node.row()] = value;
        }
        by_node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring with chords and parallel edges: the product of the matrix and the answer is the right-hand side again.
    #[test]
    fn the_answer_solves_the_system() {
        let n = 40;
        let mut edges: Vec<(usize, usize, f64)> = (0..n).map(|i| (i, (i + 1) % n, 1.0 + i as f64)).collect();
        edges.extend((0..n).step_by(3).map(|i| (i, (7 * i + 11) % n, 0.5)).filter(|(a, b, _)| a != b));
        edges.push((0, 1, 3.0));
        let earth: Vec<f64> = (0..n).map(|i| if i % 5 == 0 { 0.2 } else { 0.0 }).collect();
        let right: Vec<f64> = (0..n).map(|i| (i as f64 * 1.7).sin()).collect();
        let x = Factor::of(&edges, &earth).expect("positive definite").solve(&right);
        let mut product: Vec<f64> = (0..n).map(|i| earth[i] * x[i]).collect();
        for (a, b, g) in &edges {
            product[*a] += g * (x[*a] - x[*b]);
            product[*b] += g * (x[*b] - x[*a]);
        }
        for i in 0..n {
            assert!((product[i] - right[i]).abs() < 1e-11, "{i}: {} {}", product[i], right[i]);
        }
    }

    #[test]
    fn a_graph_without_earth_has_no_factor() {
        assert_eq!(Factor::of(&[(0, 1, 1.0)], &[0.0, 0.0]).err(), Some(NotPositive));
    }
}
