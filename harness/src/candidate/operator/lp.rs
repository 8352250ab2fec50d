//! The correction as a linear programme: least movement, violations at a price, by clarabel's interior-point method on one thread.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT};

use super::correction::{Correction, VIOLATION_COST};

/// Entries of a sparse matrix by column.
struct Columns(Vec<Vec<(usize, f64)>>);

/// The moves of the cheapest correction; `None` where the solver finds none, and then nobody acts.
///
/// Variables: up and down of each move, the violation of each limit; all at least zero.
pub(super) fn solve(correction: &Correction) -> Option<Vec<f64>> {
    let (moves, limits) = (correction.units.len(), correction.limits.len());
    let variables = 2 * moves + limits;
    let mut columns = Columns(vec![Vec::new(); variables]);
    let mut right = Vec::new();
    let zeros = usize::from(correction.balanced);
    if correction.balanced {
        for at in 0..moves {
            columns.0[at].push((0, 1.0));
            columns.0[moves + at].push((0, -1.0));
        }
        right.push(0.0);
    }
    for (number, limit) in correction.limits.iter().enumerate() {
        let row = right.len();
        for (at, effect) in limit.effect.iter().enumerate().filter(|(_, effect)| **effect != 0.0) {
            columns.0[at].push((row, *effect));
            columns.0[moves + at].push((row, -effect));
        }
        columns.0[2 * moves + number].push((row, -1.0));
        right.push(limit.room);
    }
    for at in 0..moves {
        let (down, up) = correction.reach[at];
        for (variable, most) in [(at, up), (moves + at, -down)] {
            columns.0[variable].push((right.len(), 1.0));
            right.push(most.max(0.0));
        }
    }
    for column in &mut columns.0 {
        column.push((right.len(), -1.0));
        right.push(0.0);
    }
    let rows = right.len();
    let a = columns.matrix(rows);
    let cost: Vec<f64> = (0..variables).map(|at| if at < 2 * moves { 1.0 } else { VIOLATION_COST }).collect();
    let cones = [SupportedConeT::ZeroConeT(zeros), SupportedConeT::NonnegativeConeT(rows - zeros)];
    let settings = DefaultSettingsBuilder::default().verbose(false).max_iter(200).build().ok()?;
    let p = CscMatrix::zeros((variables, variables));
    let mut solver = DefaultSolver::new(&p, &cost, &a, &right, &cones, settings).ok()?;
    solver.solve();
    let x = &solver.solution.x;
    let answered = matches!(solver.solution.status, SolverStatus::Solved | SolverStatus::AlmostSolved);
    if !answered || x.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let within = |at: usize| {
        let (down, up) = correction.reach[at];
        (x[at] - x[moves + at]).max(down).min(up)
    };
    Some((0..moves).map(within).collect())
}

impl Columns {
    fn matrix(&self, rows: usize) -> CscMatrix<f64> {
        let mut starts = vec![0];
        let (mut row_of, mut values) = (Vec::new(), Vec::new());
        for column in &self.0 {
            for (row, value) in column {
                row_of.push(*row);
                values.push(*value);
            }
            starts.push(row_of.len());
        }
        CscMatrix::new(rows, self.0.len(), starts, row_of, values)
    }
}

#[cfg(test)]
mod tests {
    use super::super::correction::tests::pair;
    use super::*;

    #[test]
    fn the_programme_finds_what_a_hand_finds() {
        // With room on the second branch: 0.3 / 0.6 from one unit to the other.
        let moves = solve(&pair(1.0)).expect("an answer");
        assert!((moves[0] + 0.5).abs() < 1e-6 && (moves[1] - 0.5).abs() < 1e-6, "{moves:?}");
        // With none, moving 0.5 costs 0.5 on the second for 0.3 on the first: nothing is worth doing.
        let moves = solve(&pair(0.0)).expect("an answer");
        assert!(moves.iter().all(|by| by.abs() < 1e-6), "{moves:?}");
        // Nothing wrong, nothing done.
        let mut calm = pair(1.0);
        calm.limits[0].room = 0.1;
        assert!(solve(&calm).expect("an answer").iter().all(|by| by.abs() < 1e-6));
    }
}
