//! Iterations of several states side by side: steps with a gain at hand, until each has settled.

use super::circuit::Circuit;
use super::estimate::Estimate;
use super::estimator::{Estimator, LEFT_MAX, SHARED_ITERATIONS_MAX, SHARED_STEP_MAX, STEP_MAX};
use super::pass::{self, Board};
use crate::lane::{Lane, WideWork, Work};
use crate::symmetric::Factor;

impl Estimator {
    /// Steps with the shared gain until every lane has settled or is given up; how many each took that has.
    pub(super) fn settle<L: Lane>(&self, board: &mut Board<L>, weight: &[f64]) -> Vec<Option<u32>> {
        board.begin(&self.base);
        let mut settled = vec![None; L::WIDTH];
        let mut moving = L::splat(1.0);
        for iteration in 1..=SHARED_ITERATIONS_MAX {
            let factor = &self.shared;
            let step =
                L::dispatch(Step { estimator: self, weight, factor, board, moving, accelerated: true });
            for (lane, settled) in settled.iter_mut().enumerate() {
                if settled.is_none() && step.get(lane) < SHARED_STEP_MAX {
                    *settled = Some(iteration);
                    moving.set(lane, 0.0);
                }
            }
            let gone = |lane: usize| !step.get(lane).is_finite();
            if (0..L::WIDTH).all(|lane| settled[lane].is_some() || gone(lane)) {
                break;
            }
        }
        L::dispatch(Residual { estimator: self, weight, board });
        settled
    }
}

/// One step of all lanes: how far it went, at most.
pub(super) struct Step<'a, L> {
    pub(super) estimator: &'a Estimator,
    pub(super) weight: &'a [f64],
    pub(super) factor: &'a Factor,
    pub(super) board: &'a mut Board<L>,
    /// One where a lane moves, else zero.
    pub(super) moving: L,
    /// Whether steps learn from the one before.
    pub(super) accelerated: bool,
}

impl<L: Lane> Work for Step<'_, L> {
    type Answer = L;

    #[inline(always)]
    fn run(self) -> L {
        let Step { estimator, weight, factor, board, moving, accelerated } = self;
        let (circuit, places) = (&estimator.circuit, 2 * estimator.circuit.nodes);
        let mut worst = left(estimator, weight, board);
        pass::descend(circuit, board);
        for at in 0..estimator.place.len() {
            board.step[at] = board.gradient[estimator.place[at] as usize];
        }
        factor.substitute(&mut board.step);
        let share = if accelerated { learnt(estimator, board) } else { L::splat(0.0) };
        for at in 0..estimator.place.len() {
            let (place, step) = (estimator.place[at] as usize, board.step[at]);
            let turned = step.sub(board.proposed[at]).add(board.change[place]);
            board.change[place] = share.neg_mul_add(turned, step).mul(moving);
            board.proposed[at] = step;
            if place < places {
                worst = worst.max_abs(step.mul(moving));
            }
        }
        for node in 0..circuit.nodes {
            let (angle, relative) = (board.change[2 * node], board.change[2 * node + 1]);
            board.voltage[node] = pass::moved(board.voltage[node], angle, relative);
        }
        for k in 0..estimator.constraints {
            board.multiplier[k] = board.multiplier[k].add(board.change[places + k]);
        }
        worst
    }
}

/// How much of the change from the last step to this one would have made this one smallest: zero at first.
///
/// A gain that is not that of the present voltages is wrong in much the same way at every step. Source: D. G. Anderson, "Iterative procedures
/// for nonlinear integral equations", J. ACM 12(4), 1965, with one step remembered.
#[inline(always)]
fn learnt<L: Lane>(estimator: &Estimator, board: &Board<L>) -> L {
    let places = 2 * estimator.circuit.nodes;
    let (mut along, mut square) = (L::splat(0.0), L::splat(0.0));
    let mut before = L::splat(0.0);
    for at in 0..board.step.len() {
        // Multipliers are no voltages, and many times as large.
        if estimator.place[at] as usize >= places {
            continue;
        }
        let turned = board.step[at].sub(board.proposed[at]);
        along = turned.mul_add(board.step[at], along);
        square = turned.mul_add(turned, square);
        before = board.proposed[at].mul_add(board.proposed[at], before);
    }
    let share = square.choose(along.div(square), L::splat(0.0));
    before.choose(share, L::splat(0.0))
}

/// What is left of the readings at the present voltages, and how it pulls at the quantities. Returns what constraints leave, as a step.
#[inline(always)]
fn left<L: Lane>(estimator: &Estimator, weight: &[f64], board: &mut Board<L>) -> L {
    let circuit = &estimator.circuit;
    pass::read(circuit, board);
    for pull in &mut board.pull {
        *pull = L::splat(0.0);
    }
    for sight in &estimator.angles {
        turn(circuit, estimator.quantity[*sight], *sight, board);
    }
    let meters = estimator.quantity.len() - estimator.constraints;
    for sight in 0..meters {
        let quantity = estimator.quantity[sight];
        let residual = board.reading[sight].sub(board.quantity[quantity]);
        board.residual[sight] = residual;
        board.pull[quantity] = L::splat(weight[sight]).mul_add(residual, board.pull[quantity]);
    }
    let places = 2 * circuit.nodes;
    let mut worst = L::splat(0.0);
    for k in 0..estimator.constraints {
        let sight = meters + k;
        let quantity = estimator.quantity[sight];
        let residual = L::splat(0.0).sub(board.quantity[quantity]);
        board.residual[sight] = residual;
        board.gradient[places + k] = residual;
        let pulled = L::splat(weight[sight]).mul_add(residual, board.pull[quantity]);
        board.pull[quantity] = pulled.sub(board.multiplier[k]);
        worst = worst.max_abs(residual.mul(L::splat(STEP_MAX / LEFT_MAX)));
    }
    worst
}

/// Writes the angle of a node among the quantities, within half a turn of what is read of it.
#[inline(always)]
fn turn<L: Lane>(circuit: &Circuit, quantity: usize, sight: usize, board: &mut Board<L>) {
    let v = board.voltage[quantity - circuit.nodes];
    for lane in 0..L::WIDTH {
        let read = board.reading[sight].get(lane);
        let angle = libm::atan2(v[1].get(lane), v[0].get(lane));
        let turns = libm::round((read - angle) / std::f64::consts::TAU);
        board.quantity[quantity].set(lane, turns.mul_add(std::f64::consts::TAU, angle));
    }
}

pub(super) struct Residual<'a, L> {
    pub(super) estimator: &'a Estimator,
    pub(super) weight: &'a [f64],
    pub(super) board: &'a mut Board<L>,
}

impl<L: Lane> Work for Residual<'_, L> {
    type Answer = ();

    #[inline(always)]
    fn run(self) {
        left(self.estimator, self.weight, self.board);
    }
}

pub(super) struct Reading<'a> {
    pub(super) circuit: &'a Circuit,
    pub(super) board: &'a mut Board<f64>,
}

impl Work for Reading<'_> {
    type Answer = ();

    #[inline(always)]
    fn run(self) {
        pass::read(self.circuit, self.board);
    }
}

pub(super) struct SideBySide<'a> {
    pub(super) estimator: &'a Estimator,
    pub(super) sets: &'a [&'a [Option<f64>]],
    pub(super) whole: &'a [usize],
    pub(super) answers: &'a mut [Option<Estimate>],
}

impl WideWork for SideBySide<'_> {
    type Answer = ();

    fn run<L: Lane>(self) {
        let SideBySide { estimator, sets, whole, answers } = self;
        let mut board = estimator.board::<L>();
        for group in whole.chunks(L::WIDTH) {
            for lane in 0..L::WIDTH {
                // Lanes that would stay empty repeat the last.
                let set = sets[group[lane.min(group.len() - 1)]];
                for (sight, reading) in estimator.sight_of.iter().zip(set) {
                    if let (Some(sight), Some(reading)) = (sight, reading) {
                        board.reading[*sight as usize].set(lane, *reading);
                    }
                }
            }
            let settled = estimator.settle(&mut board, &estimator.weight);
            for (lane, set) in group.iter().enumerate() {
                answers[*set] = settled[lane]
                    .map(|iterations| estimator.taken(&board, lane, &estimator.weight, iterations));
            }
        }
    }
}
