//! The AC estimator: the voltages that explain what meters read best.
//!
//! Least squares, `J = sum ((z - h(x)) / sigma)^2`, by Gauss-Newton: `G dx = H' W (z - h(x))`, `G = H' W H`. The gain is made once, at the
//! base, and shared by all states; the right-hand side is always that of the present voltages, so the answer is the least-squares one
//! whatever the gain (Source: F. C. Schweppe, E. J. Handschin, "Static state estimation in electric power systems", Proc. IEEE
//! 62(7), 1974). Where that does not settle, it is made anew at every step. Injections that are certainly zero are constraints with
//! multipliers, not heavy weights (Source: A. Gjelsvik, S. Aam, L. Holten, "Hachtel's augmented matrix method", IEEE Trans. PAS-104(11),
//! 1985).

use super::circuit::Circuit;
use super::estimate::{Estimate, Unestimated};
use super::gain::{Gain, Rows};
use super::meter::{MeterKind, MeterSet};
use super::observability::{self, Observability};
use super::pass::Board;
use super::residual::{self, ResidualTest};
use super::settle::{Reading, Residual, SideBySide, Step};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{BusIdx, Column, Index, NodeIdx};
use crate::lane::{Lane, Width, at_width};
use crate::network::Network;
use crate::plan::Plan;
use crate::solution::{Complex, Flows, Solution};
use crate::state::State;
use crate::symmetric::Factor;

/// A step this small ends the iterations, rad and relative magnitude: with a gain of its own, what is left is the square of it.
pub(super) const STEP_MAX: f64 = 1e-6;
/// With the shared gain what is left is a share of the last step.
pub(super) const SHARED_STEP_MAX: f64 = 1e-8;
/// Power that a constraint may leave then, pu.
pub(super) const LEFT_MAX: f64 = 1e-8;
/// Iterations with the shared gain, and with one of its own.
pub(super) const SHARED_ITERATIONS_MAX: u32 = 30;
const OWN_ITERATIONS_MAX: u32 = 25;
/// A pivot of the gain below this share of its diagonal is none: the readings do not say what is unknown there.
const PIVOT_MIN: f64 = 1e-12;

/// Estimates of any number of states of one network with one state of switches and taps. Immutable: share it between threads.
#[derive(Clone, Debug)]
pub struct Estimator {
    pub(super) circuit: Circuit,
    /// Sight of each meter: place among those that see anything.
    pub(super) sight_of: Vec<Option<u32>>,
    /// Quantity of each sight, those of meters first, then constraints; and `1 / sigma^2`.
    pub(super) quantity: Vec<usize>,
    pub(super) weight: Vec<f64>,
    /// Sights that measure an angle.
    pub(super) angles: Vec<usize>,
    pub(super) constraints: usize,
    gain: Gain,
    /// Place on the board of each elimination position.
    pub(super) place: Vec<u32>,
    pub(super) base: Vec<Complex>,
    /// At the base.
    pub(super) shared: Factor,
    observability: Observability,
    width: Width,
}

impl Estimator {
    /// For a state of switches and taps; what is injected in it does not matter. `plan` is that of its topology. The gain is made, and
    /// iterations begin, at the voltages of `base`; `None` is one pu everywhere at the angle of the reference.
    ///
    /// # Errors
    /// `estimation.sigma` for each meter whose standard deviation is not above zero.
    pub fn new(
        network: &Network,
        plan: &Plan,
        state: &State,
        set: &MeterSet,
        base: Option<&Solution>,
    ) -> Result<Self, Diagnostics> {
        check(network, set)?;
        let circuit = Circuit::of(network, plan, state, set);
        let (mut sight_of, mut quantity, mut weight, mut angles) = (vec![], vec![], vec![], vec![]);
        for meter in &set.meters {
            let seen = circuit.quantity(meter.kind);
            sight_of.push(seen.map(|_| quantity.len() as u32));
            if let Some(seen) = seen {
                if matches!(meter.kind, MeterKind::PhasorAngle(_)) {
                    angles.push(quantity.len());
                }
                quantity.push(seen);
                weight.push(1.0 / (meter.sigma * meter.sigma));
            }
        }
        let meters = quantity.len();
        for bus in &set.zero_injections {
            for kind in [MeterKind::ActiveInjection(*bus), MeterKind::ReactiveInjection(*bus)] {
                quantity.extend(circuit.quantity(kind));
            }
        }
        let constraints = quantity.len() - meters;
        // A constraint weighs like a meter, so that the gain is definite with it; its multiplier makes it exact.
        let usual = weight.iter().copied().fold(1.0, f64::max);
        weight.resize(quantity.len(), usual);
        let flat = |node: usize| Complex {
            re: libm::cos(circuit.reference_rad[node]),
            im: libm::sin(circuit.reference_rad[node]),
        };
        let solved = |node: usize| {
            base.and_then(|base| base.voltage.get(NodeIdx::from_row(node)).copied()).filter(|v| !v.is_zero())
        };
        // Turned as a whole until its reference is where the file has it: an island that has come off had another reference before.
        let turned = |node: usize, voltage: Complex| {
            let Some(of_reference) = circuit.reference[node].and_then(solved) else { return voltage };
            let (to, size) = (flat(node), of_reference.abs());
            let (re, im) = (
                (to.re * of_reference.re + to.im * of_reference.im) / size,
                (to.im * of_reference.re - to.re * of_reference.im) / size,
            );
            Complex { re: voltage.re * re - voltage.im * im, im: voltage.re * im + voltage.im * re }
        };
        let base: Vec<Complex> = (0..circuit.nodes)
            .map(|node| match solved(node) {
                _ if !circuit.live[node] => Complex::default(),
                Some(voltage) => turned(node, voltage),
                None => flat(node),
            })
            .collect();
        let rows = Rows::of(circuit.derivatives(&quantity, &base));
        let gain = Gain::of(&rows, constraints, circuit.unknowns);
        let mut place_of = vec![0; circuit.unknowns];
        for (node, unknown) in circuit.unknown.iter().enumerate() {
            for (part, unknown) in unknown.iter().enumerate() {
                unknown.iter().for_each(|unknown| place_of[*unknown as usize] = (2 * node + part) as u32);
            }
        }
        let multiplier = |of: u32| (2 * circuit.nodes + of as usize - circuit.unknowns) as u32;
        let place = gain.pattern().variable_at().iter();
        let place = place.map(|of| place_of.get(*of as usize).copied().unwrap_or_else(|| multiplier(*of)));
        Ok(Estimator {
            place: place.collect(),
            shared: gain.factor(&rows, &weight, PIVOT_MIN),
            observability: observability::of_circuit(&circuit, rows, &|_| true),
            circuit,
            sight_of,
            quantity,
            weight,
            angles,
            constraints,
            gain,
            base,
            width: Width::best(),
        })
    }

    /// At another width; the bytes of the answers are the same.
    #[must_use]
    pub fn with_width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Meters that see something in this state of switches.
    pub fn meters(&self) -> usize {
        self.quantity.len() - self.constraints
    }

    /// Numbers that an estimate determines: the angles that nobody holds, and the magnitudes.
    pub fn unknowns(&self) -> usize {
        self.circuit.unknowns
    }

    /// What all meters together determine.
    pub fn observability(&self) -> &Observability {
        &self.observability
    }

    /// What the meters would read without error at a solution of the same topology; `None` where they see nothing.
    pub fn readings(&self, solution: &Solution) -> Vec<Option<f64>> {
        self.readings_at(solution.voltage.as_slice())
    }

    /// The same at an estimate.
    pub fn readings_of(&self, estimate: &Estimate) -> Vec<Option<f64>> {
        self.readings_at(estimate.voltage.as_slice())
    }

    fn readings_at(&self, voltage: &[Complex]) -> Vec<Option<f64>> {
        let mut board = self.board::<f64>();
        board.begin(voltage);
        f64::dispatch(Reading { circuit: &self.circuit, board: &mut board });
        let mut read: Vec<f64> = self.quantity.iter().map(|quantity| board.quantity[*quantity]).collect();
        for sight in &self.angles {
            let v = voltage[self.quantity[*sight] - self.circuit.nodes];
            read[*sight] = libm::atan2(v.im, v.re);
        }
        self.sight_of.iter().map(|sight| sight.map(|sight| read[sight as usize])).collect()
    }

    /// Power into the branches at an estimate, and what each bus's units inject less its demand, pu.
    pub fn flows(&self, estimate: &Estimate) -> (Flows, Column<BusIdx, Complex>) {
        let mut board = self.board::<f64>();
        board.begin(estimate.voltage.as_slice());
        f64::dispatch(Reading { circuit: &self.circuit, board: &mut board });
        let branches = self.circuit.terminal_of.len();
        let mut columns = [0; 4].map(|_| Column::filled(0.0, branches));
        for (branch, terminal) in self.circuit.terminal_of.iter() {
            let Some(from) = terminal else { continue };
            let at = self.circuit.flow(*from as usize);
            for (k, column) in columns.iter_mut().enumerate() {
                column[branch] = board.quantity[at + k];
            }
        }
        let [p_from_pu, q_from_pu, p_to_pu, q_to_pu] = columns;
        let injection = (0..self.circuit.buses).map(|bus| {
            let at = self.circuit.injection(bus);
            Complex { re: board.quantity[at], im: board.quantity[at + 1] }
        });
        (Flows { p_from_pu, q_from_pu, p_to_pu, q_to_pu }, injection.collect())
    }

    /// The estimate of one set of readings, one for each meter of the set; `None` is a reading that did not come. What a meter reads
    /// that sees nothing is passed over.
    ///
    /// # Errors
    /// [`Unestimated`].
    pub fn estimate(&self, readings: &[Option<f64>]) -> Result<Estimate, Unestimated> {
        let (count, meters) = (readings.len(), self.sight_of.len());
        if count != meters {
            return Err(Unestimated::Misread { readings: count, meters });
        }
        let mut read = vec![0.0; self.quantity.len()];
        let mut weight = self.weight.clone();
        for (meter, (sight, reading)) in self.sight_of.iter().zip(readings).enumerate() {
            match (sight, reading) {
                (None, _) => {}
                (Some(sight), Some(reading)) if reading.is_finite() => read[*sight as usize] = *reading,
                (Some(_), Some(_)) => return Err(Unestimated::NoNumber(meter)),
                (Some(sight), None) => weight[*sight as usize] = 0.0,
            }
        }
        let observed = if weight == self.weight {
            self.observability.clone()
        } else {
            let rows = Rows::of(self.circuit.derivatives(&self.quantity, &self.base));
            observability::of_circuit(&self.circuit, rows, &|sight| weight[sight] > 0.0)
        };
        if !observed.is_complete() {
            return Err(Unestimated::Unobservable(observed));
        }
        let mut board = self.board::<f64>();
        board.reading.copy_from_slice(&read);
        let complete = weight == self.weight && self.shared.is_regular();
        if complete && let Some(iterations) = self.settle(&mut board, &weight)[0] {
            return Ok(self.taken(&board, 0, &weight, iterations));
        }
        self.with_own_gain(&mut board, &weight)
    }

    /// Estimates of many sets of readings, side by side in lanes; the bytes of each are those of [`Self::estimate`].
    pub fn estimates(&self, sets: &[&[Option<f64>]]) -> Vec<Result<Estimate, Unestimated>> {
        let whole = |set: &[Option<f64>]| {
            let seen =
                |(sight, z): (&Option<u32>, &Option<f64>)| sight.is_none() || z.is_some_and(f64::is_finite);
            set.len() == self.sight_of.len() && self.sight_of.iter().zip(set).all(seen)
        };
        let mut answers: Vec<Option<Estimate>> = vec![None; sets.len()];
        if self.shared.is_regular() && self.observability.is_complete() {
            let whole: Vec<usize> = (0..sets.len()).filter(|set| whole(sets[*set])).collect();
            at_width(self.width, SideBySide { estimator: self, sets, whole: &whole, answers: &mut answers });
        }
        let ended = sets.iter().zip(answers);
        ended.map(|(set, answer)| answer.map_or_else(|| self.estimate(set), Ok)).collect()
    }

    /// Residuals over their own standard deviation, at an estimate of this estimator.
    pub fn residual_test(&self, estimate: &Estimate) -> ResidualTest {
        let weight = self.weights_of(estimate);
        let rows = Rows::of(self.circuit.derivatives(&self.quantity, estimate.voltage.as_slice()));
        let factor = self.gain.factor(&rows, &weight, PIVOT_MIN);
        residual::test(&rows, &weight, &factor, &self.sight_of, &estimate.residual)
    }

    /// What the meters would read without error at an estimate whose voltages are moved, bus by bus, by an angle in rad and a magnitude
    /// in pu; each `None` where it sees nothing, and none at all where there is not one move for each bus.
    pub fn readings_moved(&self, estimate: &Estimate, moves: &[(f64, f64)]) -> Option<Vec<Option<f64>>> {
        if moves.len() != self.circuit.buses {
            return None;
        }
        let turned = |(v, bus): (&Complex, &u32)| {
            let (angle, magnitude) = moves[*bus as usize];
            let abs = v.abs();
            let scale = if abs > 0.0 { (abs + magnitude) / abs } else { 0.0 };
            let (cos, sin) = (scale * libm::cos(angle), scale * libm::sin(angle));
            Complex { re: v.re * cos - v.im * sin, im: v.re * sin + v.im * cos }
        };
        let voltage: Vec<Complex> =
            estimate.voltage.as_slice().iter().zip(&self.circuit.bus_of).map(turned).collect();
        Some(self.readings_at(&voltage))
    }

    fn weights_of(&self, estimate: &Estimate) -> Vec<f64> {
        let mut weight = self.weight.clone();
        for (sight, residual) in self.sight_of.iter().zip(&estimate.residual) {
            if let (Some(sight), None) = (sight, residual) {
                weight[*sight as usize] = 0.0;
            }
        }
        weight
    }

    pub(super) fn board<L: Lane>(&self) -> Board<L> {
        let meters = self.meters();
        Board::new(&self.circuit, meters, self.constraints, self.gain.len())
    }

    /// Gauss-Newton from the base with a gain made at every step.
    fn with_own_gain(&self, board: &mut Board<f64>, weight: &[f64]) -> Result<Estimate, Unestimated> {
        board.begin(&self.base);
        let mut last_step = None;
        for iteration in 1..=OWN_ITERATIONS_MAX {
            let voltage: Vec<Complex> =
                board.voltage.iter().map(|v| Complex { re: v[0], im: v[1] }).collect();
            let rows = Rows::of(self.circuit.derivatives(&self.quantity, &voltage));
            let factor = self.gain.factor(&rows, weight, PIVOT_MIN);
            let diverged = Unestimated::Diverged { iterations: iteration, last_step };
            if !factor.is_regular() {
                return Err(diverged);
            }
            let step = f64::dispatch(Step {
                estimator: self,
                weight,
                factor: &factor,
                board,
                moving: 1.0,
                accelerated: false,
            });
            if !step.is_finite() {
                return Err(Unestimated::Diverged { iterations: iteration, last_step: None });
            }
            if step < STEP_MAX {
                f64::dispatch(Residual { estimator: self, weight, board });
                return Ok(self.taken(board, 0, weight, iteration));
            }
            last_step = Some(step);
        }
        Err(Unestimated::Diverged { iterations: OWN_ITERATIONS_MAX, last_step })
    }

    /// The estimate on the board.
    pub(super) fn taken<L: Lane>(
        &self,
        board: &Board<L>,
        lane: usize,
        weight: &[f64],
        iterations: u32,
    ) -> Estimate {
        let read = |sight: &u32| weight[*sight as usize] > 0.0;
        let residual =
            |sight: &Option<u32>| sight.filter(read).map(|sight| board.residual[sight as usize].get(lane));
        let meters = self.meters();
        let mut objective = 0.0;
        for (residual, weight) in board.residual[..meters].iter().zip(weight) {
            let residual = residual.get(lane);
            objective = (residual * residual).mul_add(*weight, objective);
        }
        let used = weight[..meters].iter().filter(|weight| **weight > 0.0).count() + self.constraints;
        Estimate {
            voltage: board
                .voltage
                .iter()
                .map(|v| Complex { re: v[0].get(lane), im: v[1].get(lane) })
                .collect(),
            residual: self.sight_of.iter().map(residual).collect(),
            objective,
            degrees_of_freedom: used - self.circuit.unknowns,
            iterations,
        }
    }
}

/// Complains of meters without a standard deviation.
pub(super) fn check(network: &Network, set: &MeterSet) -> Result<(), Diagnostics> {
    let mut complaints = Diagnostics::default();
    let usable = |sigma: f64| sigma > 0.0 && (1.0 / (sigma * sigma)).is_normal();
    for meter in set.meters.iter().filter(|meter| !usable(meter.sigma)) {
        let message = format!("the meter of {} has the sigma {}", meter.kind.name(network), meter.sigma);
        complaints.push(
            Diagnostic::error("estimation.sigma", message)
                .hint("give it a standard deviation above zero; what is certain is a constraint"),
        );
    }
    complaints.into_result(())
}
