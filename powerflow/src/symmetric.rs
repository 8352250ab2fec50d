//! The factor of a symmetric sparse matrix whose pattern stays while its values change: `P A P' = L D L'`.
//!
//! For matrices that are no admittances of a plan's buses: neutrals and earth of a quasi-dc network, the gain matrix of an
//! estimator. Positive definite, or quasi-definite (positive and negative unknowns whose own diagonals say which): both have a
//! factor in any order without pivoting.
//!
//! Sources: T. A. Davis, "Algorithm 849: A concise sparse Cholesky factorization package", ACM TOMS 31(4), 2005;
//! R. J. Vanderbei, "Symmetric quasidefinite matrices", SIAM J. Optimization 5(1), 1995; for entries of the inverse
//! K. Takahashi, J. Fagan, M.-S. Chen, "Formation of a sparse bus impedance matrix and its application to short circuit study",
//! PICA Conference, 1973.

use std::sync::Arc;

use crate::index::Index;
use crate::lane::{Lane, Work};
use crate::plan;

/// Order and pattern, made once.
///
/// Values of a matrix are a list: the diagonal by elimination position, then what is above it, see [`Pattern::slot`].
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    position: Vec<u32>,
    variable_at: Vec<u32>,
    /// Entries above the diagonal by column, rows ascending.
    above_start: Vec<u32>,
    above: Vec<u32>,
    /// The elimination tree; the root of a tree is its own parent.
    parent: Vec<u32>,
    /// L by columns, unit diagonal left out, rows ascending.
    start: Vec<u32>,
    row: Vec<u32>,
}

impl Pattern {
    /// Of a graph: the neighbours of each variable, in any order and any number.
    pub(crate) fn of(mut neighbours: Vec<Vec<u32>>) -> Self {
        let n = neighbours.len();
        for row in &mut neighbours {
            row.sort_unstable();
            row.dedup();
        }
        let (position, at) = plan::order(&neighbours);
        let variable_at: Vec<u32> = at.iter().map(|variable| variable.row() as u32).collect();
        let mut above_start = vec![0];
        let mut above: Vec<u32> = Vec::new();
        for (column, variable) in at.iter().enumerate() {
            let begin = above.len();
            let rows = neighbours[variable.row()].iter().map(|other| position[*other as usize]);
            above.extend(rows.filter(|row| (*row as usize) < column));
            above[begin..].sort_unstable();
            above_start.push(above.len() as u32);
        }

        // Row k of L has what column k has above the diagonal, and the way from each of these up the tree.
        let mut parent: Vec<u32> = (0..n as u32).collect();
        let mut flag = vec![u32::MAX; n];
        let mut columns: Vec<Vec<u32>> = vec![Vec::new(); n];
        for k in 0..n {
            flag[k] = k as u32;
            for row in &above[above_start[k] as usize..above_start[k + 1] as usize] {
                let mut i = *row as usize;
                while flag[i] != k as u32 {
                    if parent[i] as usize == i {
                        parent[i] = k as u32;
                    }
                    columns[i].push(k as u32);
                    flag[i] = k as u32;
                    i = parent[i] as usize;
                }
            }
        }
        let mut start = vec![0];
        for column in &columns {
            start.push(start[start.len() - 1] + column.len() as u32);
        }
        let row = columns.concat();
        Pattern { position, variable_at, above_start, above, parent, start, row }
    }

    /// Number of variables.
    pub(crate) fn len(&self) -> usize {
        self.position.len()
    }

    /// Variable at each elimination position.
    pub(crate) fn variable_at(&self) -> &[u32] {
        &self.variable_at
    }

    /// How many values a matrix has.
    pub(crate) fn values(&self) -> usize {
        self.len() + self.above.len()
    }

    /// Where the value of two variables is kept, or of one with itself.
    ///
    /// # Panics
    /// Where they are no neighbours.
    pub(crate) fn slot(&self, a: u32, b: u32) -> usize {
        let (a, b) = (self.position[a as usize], self.position[b as usize]);
        if a == b {
            return a as usize;
        }
        let (row, column) = (a.min(b), a.max(b) as usize);
        let (from, to) = (self.above_start[column] as usize, self.above_start[column + 1] as usize);
        self.len() + from + self.above[from..to].binary_search(&row).expect("they are neighbours")
    }
}

/// `L` and `D` of one matrix.
#[derive(Clone, Debug)]
pub(crate) struct Factor {
    pattern: Arc<Pattern>,
    /// As `row` of the pattern.
    value: Vec<f64>,
    /// Infinite where a pivot is missing: that variable is then zero in every answer.
    diagonal: Vec<f64>,
    /// Elimination positions without a pivot, ascending.
    missing: Vec<u32>,
}

impl Factor {
    /// Of a matrix with these values. A pivot counts as missing unless it has the sign of its own diagonal and more than the
    /// share `smallest` of its magnitude.
    pub(crate) fn of(pattern: &Arc<Pattern>, values: &[f64], smallest: f64) -> Self {
        f64::dispatch(Elimination { pattern, values, smallest })
    }

    /// Of the conductances of a graph: `edges` of (node, node, conductance) and each node's conductance to earth.
    ///
    /// Sums are taken in the order of the edges, so that the same network gives the same bytes.
    pub(crate) fn of_graph(edges: &[(usize, usize, f64)], earth: &[f64]) -> Self {
        let mut neighbours: Vec<Vec<u32>> = vec![Vec::new(); earth.len()];
        for (a, b, _) in edges {
            neighbours[*a].push(*b as u32);
            neighbours[*b].push(*a as u32);
        }
        let pattern = Arc::new(Pattern::of(neighbours));
        let mut values = vec![0.0; pattern.values()];
        for (node, conductance) in earth.iter().enumerate() {
            values[pattern.slot(node as u32, node as u32)] = *conductance;
        }
        for (a, b, conductance) in edges {
            let (a, b) = (*a as u32, *b as u32);
            values[pattern.slot(a, a)] += conductance;
            values[pattern.slot(b, b)] += conductance;
            values[pattern.slot(a, b)] -= conductance;
        }
        Factor::of(&pattern, &values, 0.0)
    }

    /// Whether every pivot is there.
    pub(crate) fn is_regular(&self) -> bool {
        self.missing.is_empty()
    }

    /// Solves for one right-hand side, by variable.
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> =
            self.pattern.variable_at.iter().map(|variable| right[*variable as usize]).collect();
        f64::dispatch(Substitution { factor: self, x: &mut x });
        self.by_variable(&x)
    }

    /// Solves in place, by elimination position; every lane a right-hand side of its own.
    #[inline(always)]
    pub(crate) fn substitute<L: Lane>(&self, x: &mut [L]) {
        let Pattern { start, row, .. } = &*self.pattern;
        let n = self.diagonal.len();
        for k in 0..n {
            let (from, to) = (start[k] as usize, start[k + 1] as usize);
            let (rows, values, own) = (&row[from..to], &self.value[from..to], x[k]);
            for slot in 0..rows.len() {
                let to = rows[slot] as usize;
                x[to] = L::splat(values[slot]).neg_mul_add(own, x[to]);
            }
        }
        for k in (0..n).rev() {
            let (from, to) = (start[k] as usize, start[k + 1] as usize);
            let (rows, values) = (&row[from..to], &self.value[from..to]);
            let mut own = x[k].div(L::splat(self.diagonal[k]));
            for slot in 0..rows.len() {
                own = L::splat(values[slot]).neg_mul_add(x[rows[slot] as usize], own);
            }
            x[k] = own;
        }
    }

    /// A basis of what the matrix takes to zero, one vector for each missing pivot, by variable.
    pub(crate) fn null_vectors(&self) -> impl Iterator<Item = Vec<f64>> {
        self.missing.iter().map(|k| {
            let Pattern { start, row, .. } = &*self.pattern;
            let mut x = vec![0.0; self.pattern.len()];
            x[*k as usize] = 1.0;
            for j in (0..*k as usize).rev() {
                for slot in start[j] as usize..start[j + 1] as usize {
                    x[j] -= self.value[slot] * x[row[slot] as usize];
                }
            }
            self.by_variable(&x)
        })
    }

    /// The entries of the inverse at the pattern of L, and so at every entry of the matrix: a list as of values.
    pub(crate) fn inverse(&self) -> Inverse<'_> {
        let Pattern { start, row, .. } = &*self.pattern;
        let n = self.pattern.len();
        let range = |column: usize| start[column] as usize..start[column + 1] as usize;
        let mut diagonal = vec![0.0; n];
        let mut below = vec![0.0; row.len()];
        let mut slot_of = vec![u32::MAX; n];
        for j in (0..n).rev() {
            for slot in range(j) {
                slot_of[row[slot] as usize] = slot as u32;
            }
            for slot in range(j) {
                let k = row[slot] as usize;
                let l = self.value[slot];
                below[slot] -= l * diagonal[k];
                for other in range(k) {
                    let at = slot_of[row[other] as usize];
                    if at != u32::MAX {
                        below[at as usize] -= l * below[other];
                        below[slot] -= self.value[at as usize] * below[other];
                    }
                }
            }
            diagonal[j] = 1.0 / self.diagonal[j];
            for slot in range(j) {
                diagonal[j] -= self.value[slot] * below[slot];
                slot_of[row[slot] as usize] = u32::MAX;
            }
        }
        Inverse { pattern: &self.pattern, diagonal, below }
    }

    fn by_variable(&self, x: &[f64]) -> Vec<f64> {
        let mut by_variable = vec![0.0; x.len()];
        for (variable, value) in self.pattern.variable_at.iter().zip(x) {
            by_variable[*variable as usize] = *value;
        }
        by_variable
    }
}

/// See [`Factor::inverse`].
#[derive(Clone, Debug)]
pub(crate) struct Inverse<'a> {
    pattern: &'a Pattern,
    diagonal: Vec<f64>,
    below: Vec<f64>,
}

impl Inverse<'_> {
    /// The entry of two variables that share an entry of the matrix.
    pub(crate) fn of(&self, a: u32, b: u32) -> f64 {
        let (a, b) = (self.pattern.position[a as usize] as usize, self.pattern.position[b as usize]);
        if a == b as usize {
            return self.diagonal[a];
        }
        let (column, row) = (a.min(b as usize), (a as u32).max(b));
        let (from, to) = (self.pattern.start[column] as usize, self.pattern.start[column + 1] as usize);
        let at = self.pattern.row[from..to].binary_search(&row).expect("they are neighbours");
        self.below[from + at]
    }
}

/// Row after row of L, each from those that the tree says.
struct Elimination<'a> {
    pattern: &'a Arc<Pattern>,
    values: &'a [f64],
    smallest: f64,
}

impl Work for Elimination<'_> {
    type Answer = Factor;

    #[inline(always)]
    fn run(self) -> Factor {
        let Elimination { pattern, values, smallest } = self;
        let Pattern { above_start, above, parent, start, row, .. } = &**pattern;
        let n = pattern.len();
        let mut value = vec![0.0; row.len()];
        let mut diagonal = vec![0.0; n];
        let mut missing = Vec::new();
        let mut filled = vec![0usize; n];
        let mut scratch = vec![0.0; n];
        let mut path = vec![0usize; n];
        let mut flag = vec![u32::MAX; n];
        for k in 0..n {
            let mut top = n;
            flag[k] = k as u32;
            for at in above_start[k] as usize..above_start[k + 1] as usize {
                let mut i = above[at] as usize;
                scratch[i] += values[n + at];
                let mut steps = 0;
                while flag[i] != k as u32 {
                    path[steps] = i;
                    steps += 1;
                    flag[i] = k as u32;
                    i = parent[i] as usize;
                }
                while steps > 0 {
                    (top, steps) = (top - 1, steps - 1);
                    path[top] = path[steps];
                }
            }
            let mut pivot = values[k];
            for i in path[top..].iter().copied() {
                let y = std::mem::take(&mut scratch[i]);
                let (from, to) = (start[i] as usize, start[i] as usize + filled[i]);
                for slot in from..to {
                    let target = row[slot] as usize;
                    scratch[target] = f64::mul_add(-value[slot], y, scratch[target]);
                }
                let l = y / diagonal[i];
                pivot = f64::mul_add(-l, y, pivot);
                value[to] = l;
                filled[i] += 1;
            }
            let kept = pivot * values[k].signum();
            let found = kept > smallest * values[k].abs() && kept.is_finite();
            if !found {
                missing.push(k as u32);
            }
            diagonal[k] = if found { pivot } else { f64::INFINITY };
        }
        Factor { pattern: Arc::clone(pattern), value, diagonal, missing }
    }
}

struct Substitution<'a> {
    factor: &'a Factor,
    x: &'a mut [f64],
}

impl Work for Substitution<'_> {
    type Answer = ();

    #[inline(always)]
    fn run(self) {
        self.factor.substitute(self.x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring with chords and parallel edges, partly grounded.
    fn ring() -> (Vec<(usize, usize, f64)>, Vec<f64>) {
        let n = 40;
        let mut edges: Vec<(usize, usize, f64)> = (0..n).map(|i| (i, (i + 1) % n, 1.0 + i as f64)).collect();
        edges.extend((0..n).step_by(3).map(|i| (i, (7 * i + 11) % n, 0.5)).filter(|(a, b, _)| a != b));
        edges.push((0, 1, 3.0));
        (edges, (0..n).map(|i| if i % 5 == 0 { 0.2 } else { 0.0 }).collect())
    }

    fn product(edges: &[(usize, usize, f64)], earth: &[f64], x: &[f64]) -> Vec<f64> {
        let mut product: Vec<f64> = earth.iter().zip(x).map(|(g, x)| g * x).collect();
        for (a, b, g) in edges {
            product[*a] += g * (x[*a] - x[*b]);
            product[*b] += g * (x[*b] - x[*a]);
        }
        product
    }

    /// The product of the matrix and the answer is the right-hand side again.
    #[test]
    fn the_answer_solves_the_system() {
        let (edges, earth) = ring();
        let right: Vec<f64> = (0..earth.len()).map(|i| (i as f64 * 1.7).sin()).collect();
        let factor = Factor::of_graph(&edges, &earth);
        assert!(factor.is_regular());
        let found = product(&edges, &earth, &factor.solve(&right));
        for (found, right) in found.iter().zip(&right) {
            assert!((found - right).abs() < 1e-11, "{found} {right}");
        }
    }

    /// Each entry of the inverse is that of the solution for a unit vector.
    #[test]
    fn entries_of_the_inverse_are_those_of_solutions() {
        let (edges, earth) = ring();
        let factor = Factor::of_graph(&edges, &earth);
        let inverse = factor.inverse();
        let unit = |i: usize| (0..earth.len()).map(|k| f64::from(u8::from(k == i))).collect::<Vec<f64>>();
        let mut entries: Vec<(usize, usize)> = edges.iter().map(|(a, b, _)| (*a, *b)).collect();
        entries.extend((0..earth.len()).map(|i| (i, i)));
        for (a, b) in entries {
            let (found, solved) = (inverse.of(a as u32, b as u32), factor.solve(&unit(a))[b]);
            assert!((found - solved).abs() < 1e-11, "{a} {b}: {found} {solved}");
        }
    }

    #[test]
    fn a_graph_without_earth_lacks_one_pivot_and_moves_as_a_whole() {
        let (edges, earth) = ring();
        let nothing = vec![0.0; earth.len()];
        let factor = Factor::of_graph(&edges, &nothing);
        let free: Vec<Vec<f64>> = factor.null_vectors().collect();
        // Rounding may leave a small pivot where exact numbers leave none: a threshold says what counts.
        let (pattern, two) = (Arc::new(Pattern::of(vec![vec![1], vec![0]])), [1.0, 1.0, -1.0]);
        assert!(!Factor::of(&pattern, &two, 1e-12).is_regular());
        assert!(free.len() <= 1);
        for x in free {
            assert!(product(&edges, &nothing, &x).iter().all(|y| y.abs() < 1e-9));
        }
    }

    /// `[2 1; 1 -d]` has the inverse `[d 1; 1 -2] / (2 d + 1)`.
    #[test]
    fn a_quasi_definite_matrix_has_a_factor() {
        let pattern = Arc::new(Pattern::of(vec![vec![1], vec![0]]));
        let mut values = vec![0.0; pattern.values()];
        values[pattern.slot(0, 0)] = 2.0;
        values[pattern.slot(1, 1)] = -1e-4;
        values[pattern.slot(0, 1)] = 1.0;
        let factor = Factor::of(&pattern, &values, 1e-12);
        assert!(factor.is_regular());
        let x = factor.solve(&[1.0, 0.0]);
        assert!((x[0] - 1e-4 / 1.0002).abs() < 1e-12 && (x[1] - 1.0 / 1.0002).abs() < 1e-12, "{x:?}");
    }
}
