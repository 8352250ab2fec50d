//! The equations of the curve at one point: power flow with lambda as one more unknown, Newton with one unknown held.

use crate::continuation::Direction;
use crate::desk::Desk;
use crate::index::Index;
use crate::kernel;
use crate::kernel::adjoint::JacobianRow;
use crate::kernel::shared::Factor;
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{NONE, Share};
use crate::solution::LimitSide;
use crate::state::State;

/// Newton stops here, pu; where rounding does not allow it, where it no longer falls below the tolerance asked for.
const TIGHT_PU: f64 = 1e-11;
/// Iterations of a corrector.
const ITERATIONS_MAX: u32 = 12;
/// A correction larger than this (rad or relative) leads to another curve.
const WILD: f64 = 1.0;

/// Which unknown a corrector holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Lambda.
    Lambda,
    /// The angle (0) or the magnitude (1) of a row.
    Unknown(usize, usize),
}

/// A point of the curve.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) voltage: Vec<[f64; 2]>,
    pub(super) lambda: f64,
    /// Power moved by the units that share, by island, pu.
    pub(super) moved_pu: Vec<f64>,
}

/// A change of all unknowns.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// By elimination position: angle, rad, and relative magnitude.
    pub(super) step: Vec<[f64; 2]>,
    pub(super) lambda: f64,
    pub(super) moved_pu: Vec<f64>,
}

impl Change {
    /// Largest change of an angle or magnitude, and where; the first of equals.
    pub(super) fn largest(&self) -> (f64, Held) {
        let mut largest = (0.0, Held::Lambda);
        for (row, step) in self.step.iter().enumerate() {
            for (k, x) in step.iter().enumerate() {
                if x.abs() > largest.0 {
                    largest = (x.abs(), Held::Unknown(row, k));
                }
            }
        }
        largest
    }

    pub(super) fn scale(&mut self, by: f64) {
        self.step.iter_mut().flatten().for_each(|x| *x *= by);
        self.moved_pu.iter_mut().for_each(|x| *x *= by);
        self.lambda *= by;
    }

    /// The same change seen from other references, whose angles do not move.
    pub(super) fn seen_from(&self, references: &[(usize, Vec<usize>)]) -> Self {
        let mut seen = self.clone();
        for (reference, rows) in references {
            for row in rows {
                seen.step[*row][0] -= self.step[*reference][0];
            }
        }
        seen
    }

    /// Cosine of the angle between two changes of the voltages.
    pub(super) fn cosine(&self, other: &Self) -> f64 {
        let dot = |a: &Self, b: &Self| {
            a.step.iter().zip(&b.step).fold(0.0, |sum, (x, y)| sum + x[0] * y[0] + x[1] * y[1])
        };
        dot(self, other) / (dot(self, self) * dot(other, other)).sqrt()
    }
}

/// A lane of a desk, used as the place where the curve is.
pub(super) struct Curve<'a> {
    pub(super) network: &'a Network,
    pub(super) plan: &'a Plan,
    pub(super) desk: &'a mut Desk<f64>,
    /// The state at lambda zero; with single slack a unit that stops being the reference keeps what it provided.
    pub(super) state: State,
    pub(super) direction: Direction,
    pub(super) lambda: f64,
    pub(super) tolerance_pu: f64,
    /// Power leaving every row, pu, at the present voltages.
    pub(super) injections: Vec<[f64; 2]>,
    /// What is injected whatever units do, at lambda zero, by node.
    pub(super) fixed_pu: Vec<[f64; 2]>,
    /// Schedule at lambda zero and nothing moved, and what a unit of lambda adds, by elimination position.
    origin: Vec<[f64; 2]>,
    along: Vec<[f64; 2]>,
}

impl<'a> Curve<'a> {
    /// At the solved state in the first lane of a desk.
    pub(super) fn new(
        network: &'a Network,
        plan: &'a Plan,
        desk: &'a mut Desk<f64>,
        state: &State,
        direction: &Direction,
        tolerance_pu: f64,
    ) -> Self {
        let n = plan.node_count();
        let problem = desk.problem(0);
        let fixed_pu = (0..n).map(|row| [problem.fixed_p_pu[row], problem.fixed_q_pu[row]]).collect();
        let mut curve = Curve {
            network,
            plan,
            desk,
            state: state.clone(),
            direction: direction.clone(),
            lambda: 0.0,
            tolerance_pu,
            injections: Vec::new(),
            fixed_pu,
            origin: vec![[0.0; 2]; n],
            along: vec![[0.0; 2]; n],
        };
        curve.rebuild();
        curve.look();
        curve
    }

    /// Schedules anew, after limits changed.
    pub(super) fn rebuild(&mut self) {
        let Curve { plan, desk, state, direction, .. } = self;
        let problem = desk.problem(0);
        let mut share = vec![0.0; plan.node_count()];
        for node in plan.nodes.bus.indices() {
            let (row, at) = (node.row(), plan.position[node] as usize);
            let q = match problem.at_limit[row] {
                Some(LimitSide::Low) => problem.q_min_pu[row],
                Some(LimitSide::High) => problem.q_max_pu[row],
                None => 0.0,
            };
            self.origin[at] = [self.fixed_pu[row][0], self.fixed_pu[row][1] + q];
            self.along[at] = [0.0; 2];
        }
        for (bus, node) in plan.nodes.demand.iter() {
            let along = &mut self.along[plan.position[*node] as usize];
            along[0] -= direction.demand_p_pu[bus];
            along[1] -= direction.demand_q_pu[bus];
        }
        for (unit, node) in plan.nodes.unit.iter() {
            let island = problem.island[node.row()];
            if island == NONE || !problem.running[unit.row()] {
                continue;
            }
            let at = plan.position[*node] as usize;
            match problem.shares[unit.row()] {
                Share::No => self.along[at][0] += direction.unit_p_pu[unit],
                Share::Clipped { at_pu, .. } => self.origin[at][0] += at_pu,
                Share::Weight(weight) => {
                    self.origin[at][0] += state.unit_p_pu[unit];
                    self.along[at][0] += direction.unit_p_pu[unit];
                    share[at] += weight / problem.islands[island as usize].weight;
                }
            }
        }
        desk.arena.share.copy_from_slice(&share);
    }

    /// Writes the schedule of now, and the injections at the present voltages.
    pub(super) fn look(&mut self) {
        let problem = self.desk.problem(0);
        let moved: Vec<f64> = problem.islands.iter().map(|island| island.moved_pu).collect();
        let island_at: Vec<u32> = self.plan.node_at.iter().map(|node| problem.island[node.row()]).collect();
        let arena = &mut self.desk.arena;
        for (at, scheduled) in arena.schedule.iter_mut().enumerate() {
            let moved = if island_at[at] == NONE { 0.0 } else { moved[island_at[at] as usize] };
            let [origin, along] = [self.origin[at], self.along[at]];
            let p = arena.share[at].mul_add(moved, along[0].mul_add(self.lambda, origin[0]));
            *scheduled = [p, along[1].mul_add(self.lambda, origin[1])];
        }
        kernel::injections(self.plan.uniform(), &self.desk.arena, &mut self.injections);
    }

    pub(super) fn point(&self) -> Point {
        Point {
            voltage: self.desk.arena.voltage.clone(),
            lambda: self.lambda,
            moved_pu: self.desk.problem(0).islands.iter().map(|island| island.moved_pu).collect(),
        }
    }

    pub(super) fn go_to(&mut self, point: &Point) {
        self.desk.arena.voltage.copy_from_slice(&point.voltage);
        self.lambda = point.lambda;
        for (island, moved_pu) in self.desk.problem_mut(0).islands.iter_mut().zip(&point.moved_pu) {
            island.moved_pu = *moved_pu;
        }
        self.look();
    }

    /// Moves along a change.
    fn advance(&mut self, change: &Change, scale: f64) {
        let arena = &mut self.desk.arena;
        arena.steps.copy_from_slice(&change.step);
        kernel::advance(arena, scale);
        self.lambda += scale * change.lambda;
        for (island, moved_pu) in self.desk.problem_mut(0).islands.iter_mut().zip(&change.moved_pu) {
            island.moved_pu += scale * moved_pu;
        }
        self.look();
    }

    /// Rows whose active equation determines what an island moves, with the island.
    fn balances(&self) -> Vec<(usize, u32)> {
        let problem = self.desk.problem(0);
        let of = |(number, island): (usize, &crate::problem::IslandProblem)| {
            let reference = island.references.first().filter(|_| island.weight > 0.0)?;
            Some((self.plan.position[*reference] as usize, number as u32))
        };
        problem.islands.iter().enumerate().filter_map(of).collect()
    }

    /// The row that holds the angle of each island, and the island's rows.
    pub(super) fn references(&self) -> Vec<(usize, Vec<usize>)> {
        let problem = self.desk.problem(0);
        let of = |(number, island): (usize, &crate::problem::IslandProblem)| {
            let reference = self.plan.position[*island.references.first()?] as usize;
            let rows = self.plan.node_at.iter().enumerate();
            let mine = rows.filter(|(_, node)| problem.island[node.row()] == number as u32);
            Some((reference, mine.map(|(at, _)| at).collect()))
        };
        problem.islands.iter().enumerate().filter_map(of).collect()
    }

    /// What is missing in the equations that hold, pu.
    fn worst_pu(&self, balances: &[(usize, u32)]) -> f64 {
        let arena = &self.desk.arena;
        let gap = |at: usize, k: usize| (arena.schedule[at][k] - self.injections[at][k]).abs();
        let mut worst = 0.0;
        for (at, free) in arena.free.iter().enumerate() {
            for k in (0..2).filter(|k| free[*k] > 0.0) {
                let gap = gap(at, k);
                // A gap that is no number must not get lost in a comparison.
                worst = if gap <= worst { worst } else { gap };
            }
        }
        balances.iter().fold(worst, |worst, (at, _)| {
            let gap = gap(*at, 0);
            if gap <= worst { worst } else { gap }
        })
    }

    /// The change that the linearised equations ask for, where the held unknown changes by `push`: towards zero mismatch,
    /// or along the curve. `None` where they are singular.
    pub(super) fn change(&mut self, held: Held, residual: bool, push: f64) -> Option<Change> {
        let schedule = self.plan.uniform();
        let balances = self.balances();
        let free = self.desk.arena.free.clone();
        if let Held::Unknown(row, k) = held {
            self.desk.arena.free[row][k] = 0.0;
        }
        let factor = Factor::masked(schedule, &mut self.desk.arena);
        let masks = std::mem::replace(&mut self.desk.arena.free, free);
        let arena = &self.desk.arena;
        let problem = self.desk.problem(0);
        let n = masks.len();
        let gap = |at: usize, k: usize| {
            if residual { arena.schedule[at][k] - self.injections[at][k] } else { 0.0 }
        };
        let solved = |of: &dyn Fn(usize, usize) -> f64| {
            let mut x: Vec<[f64; 2]> =
                (0..n).map(|at| std::array::from_fn(|k| masks[at][k] * of(at, k))).collect();
            factor.solve(schedule, &mut x);
            x
        };
        let mut step: Vec<[f64; 2]> =
            (0..n).map(|at| std::array::from_fn(|k| masks[at][k] * gap(at, k))).collect();
        let pushed_lambda = match held {
            Held::Lambda => push,
            Held::Unknown(row, k) => {
                step[row][k] = push;
                0.0
            }
        };
        for (at, x) in step.iter_mut().enumerate() {
            for k in 0..2 {
                x[k] += masks[at][k] * self.along[at][k] * pushed_lambda;
            }
        }
        factor.solve(schedule, &mut step);

        // The border: what is moved in each island, and lambda where it is not held.
        let in_island = |at: usize, island: u32| problem.island[self.plan.node_at[at].row()] == island;
        let share = |at: usize, k: usize, island: u32| {
            if k == 0 && in_island(at, island) { arena.share[at] } else { 0.0 }
        };
        let mut responses: Vec<Vec<[f64; 2]>> =
            balances.iter().map(|(_, island)| solved(&|at, k| share(at, k, *island))).collect();
        let mut equations: Vec<(usize, usize)> = balances.iter().map(|(at, _)| (*at, 0)).collect();
        if let Held::Unknown(row, k) = held {
            responses.push(solved(&|at, k| self.along[at][k]));
            equations.push((row, k));
        }
        let mut matrix = Vec::with_capacity(equations.len());
        let mut rhs = Vec::with_capacity(equations.len());
        for (at, k) in &equations {
            let row = JacobianRow::at(schedule, arena, *at);
            let direct = |column: usize| match balances.get(column) {
                Some((_, island)) => share(*at, *k, *island),
                None => self.along[*at][*k],
            };
            let entry =
                |(column, response): (usize, &Vec<[f64; 2]>)| row.along(*k, response) - direct(column);
            matrix.push(responses.iter().enumerate().map(entry).collect::<Vec<f64>>());
            rhs.push(self.along[*at][*k].mul_add(pushed_lambda, gap(*at, *k)) - row.along(*k, &step));
        }
        let amounts = dense_solve(matrix, rhs)?;
        for (response, amount) in responses.iter().zip(&amounts) {
            for (x, z) in step.iter_mut().zip(response) {
                *x = [amount.mul_add(z[0], x[0]), amount.mul_add(z[1], x[1])];
            }
        }
        let mut moved_pu = vec![0.0; problem.islands.len()];
        for ((_, island), amount) in balances.iter().zip(&amounts) {
            moved_pu[*island as usize] = *amount;
        }
        let lambda = amounts.get(balances.len()).copied().unwrap_or(pushed_lambda);
        let finite = lambda.is_finite() && step.iter().flatten().all(|x| x.is_finite());
        finite.then_some(Change { step, lambda, moved_pu })
    }

    /// Newton with one unknown held. Returns the iterations; `None` where it does not end.
    pub(super) fn correct(&mut self, held: Held) -> Option<u32> {
        let balances = self.balances();
        let mut before = f64::INFINITY;
        for iteration in 0..=ITERATIONS_MAX {
            let worst = self.worst_pu(&balances);
            if !worst.is_finite() {
                return None;
            }
            if worst <= TIGHT_PU || (worst <= self.tolerance_pu && worst > 0.3 * before) {
                return Some(iteration);
            }
            before = worst;
            let change = self.change(held, true, 0.0)?;
            if change.largest().0 > WILD {
                return None;
            }
            self.advance(&change, 1.0);
        }
        None
    }

    /// From a point along its tangent, and back to the curve. Returns the iterations of the corrector.
    pub(super) fn step(&mut self, from: &Point, tangent: &Change, length: f64) -> Option<u32> {
        self.go_to(from);
        let held = tangent.largest().1;
        self.advance(tangent, length);
        self.correct(held)
    }

    /// The state at the present lambda.
    pub(super) fn state_now(&self) -> State {
        let mut state = self.state.clone();
        let Direction { demand_p_pu, demand_q_pu, unit_p_pu } = &self.direction;
        for (column, along) in [
            (state.demand_p_pu.as_mut_slice(), demand_p_pu.as_slice()),
            (state.demand_q_pu.as_mut_slice(), demand_q_pu.as_slice()),
            (state.unit_p_pu.as_mut_slice(), unit_p_pu.as_slice()),
        ] {
            for (value, along) in column.iter_mut().zip(along) {
                *value = along.mul_add(self.lambda, *value);
            }
        }
        state
    }

    /// Brings the desk's problem to the present lambda, so that it can be finished like any solved state.
    pub(super) fn settle(&mut self) {
        let problem = self.desk.problem_mut(0);
        for (row, fixed) in self.fixed_pu.iter().enumerate() {
            problem.fixed_q_pu[row] = fixed[1];
        }
        for (bus, node) in self.plan.nodes.demand.iter() {
            problem.fixed_q_pu[node.row()] -= self.lambda * self.direction.demand_q_pu[bus];
        }
        self.desk.look(self.plan);
    }
}

/// Gaussian elimination with row pivoting, for the few unknowns of a border.
fn dense_solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs()))?;
        a.swap(k, pivot);
        b.swap(k, pivot);
        if a[k][k] == 0.0 {
            return None;
        }
        let (top, below) = a.split_at_mut(k + 1);
        for (i, row) in below.iter_mut().enumerate() {
            let factor = row[k] / top[k][k];
            for (x, y) in row.iter_mut().zip(&top[k]).skip(k) {
                *x -= factor * y;
            }
            b[k + 1 + i] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    Some(b)
}
