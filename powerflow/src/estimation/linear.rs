//! The DC estimator: angles from active power alone, magnitudes one, no losses.
//!
//! `z = H theta + c + e`, where c is what held angles and phase shifts contribute. It is linear, so the least-squares answer is one
//! solve: `G = H' W H`, `G x = H' W (z - c)`.

use super::circuit::Circuit;
use super::estimate::Unestimated;
use super::estimator;
use super::gain::{Gain, Rows};
use super::meter::{End, MeterKind, MeterSet};
use super::observability::{self, Observability};
use super::residual::{self, ResidualTest};
use crate::diagnostic::Diagnostics;
use crate::index::{BranchIdx, BusIdx, Column, Index};
use crate::linear;
use crate::network::Network;
use crate::plan::Plan;
use crate::state::State;
use crate::symmetric::Factor;

/// A pivot of the gain below this share of its diagonal is none.
const PIVOT_MIN: f64 = 1e-12;

/// See the module. Of one state of switches and taps; of a set it sees the meters of active power, and knows no constraints.
#[derive(Clone, Debug)]
pub struct LinearEstimator {
    circuit: Circuit,
    /// Unknown of each bus's angle, and the angle of those that are held, rad.
    unknown: Vec<Option<u32>>,
    held_rad: Vec<f64>,
    sight_of: Vec<Option<u32>>,
    rows: Rows,
    /// The same for susceptances between one and two, each divided by its length: see [`even`].
    directions: Rows,
    weight: Vec<f64>,
    /// What each sight reads where all unknown angles are zero, pu.
    offset: Vec<f64>,
    gain: Gain,
    factor: Factor,
    observability: Observability,
}

/// What readings of active power say.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearEstimate {
    /// Angle of each bus, rad; `None` where it has no voltage.
    pub angle_rad: Column<BusIdx, Option<f64>>,
    /// Reading less estimate of each meter, pu; `None` where nothing was read.
    pub residual: Vec<Option<f64>>,
    /// Sum of squared residuals, each over its sigma: J.
    pub objective: f64,
    /// Readings less unknowns.
    pub degrees_of_freedom: usize,
}

impl LinearEstimator {
    /// For a state of switches and taps. `plan` is that of its topology, which splits no bus.
    ///
    /// # Errors
    /// `estimation.sigma` for each meter whose standard deviation is not above zero, `linear.no-reactance` for each branch in service
    /// without one.
    pub fn new(network: &Network, plan: &Plan, state: &State, set: &MeterSet) -> Result<Self, Diagnostics> {
        estimator::check(network, set)?;
        linear::without_reactance(network, state).into_result(())?;
        // Phasors see nothing here, so that every island keeps its reference.
        let power = MeterSet {
            meters: set.meters.iter().copied().filter(|meter| meter.kind.is_active_power()).collect(),
            ..MeterSet::default()
        };
        let circuit = Circuit::of(network, plan, state, &power);
        let buses = circuit.buses;
        let mut unknowns = 0;
        let unknown: Vec<Option<u32>> = (0..buses)
            .map(|bus| {
                circuit.unknown[bus][0].map(|_| {
                    unknowns += 1;
                    unknowns - 1
                })
            })
            .collect();
        let held_rad: Vec<f64> = (0..buses)
            .map(|bus| if unknown[bus].is_none() { circuit.reference_rad[bus] } else { 0.0 })
            .collect();
        let susceptance =
            |branch: BranchIdx| 1.0 / (network.branches.reactance_pu[branch] * state.tap_ratio[branch]);

        let mut flows_at: Vec<Vec<(BranchIdx, f64)>> = vec![Vec::new(); buses];
        for (branch, terminal) in circuit.terminal_of.iter() {
            if terminal.is_some() {
                flows_at[network.branches.from[branch].row()].push((branch, 1.0));
                flows_at[network.branches.to[branch].row()].push((branch, -1.0));
            }
        }
        let mut offset = Vec::new();
        let mut rows = Vec::new();
        let mut directions = Vec::new();
        let mut weight = Vec::new();
        let mut sight_of = Vec::new();
        for meter in &set.meters {
            let flows: &[(BranchIdx, f64)] = match meter.kind {
                MeterKind::ActiveInjection(bus) => &flows_at[bus.row()],
                MeterKind::ActiveFlow(branch, End::From) => &[(branch, 1.0)],
                MeterKind::ActiveFlow(branch, End::To) => &[(branch, -1.0)],
                _ => &[],
            };
            let sees = meter.kind.is_active_power() && circuit.quantity(meter.kind).is_some();
            sight_of.push(sees.then_some(rows.len() as u32));
            if !sees {
                continue;
            }
            let (mut row, mut direction) = (Vec::new(), Vec::new());
            let mut constant = 0.0;
            if let MeterKind::ActiveInjection(bus) = meter.kind {
                constant += circuit.shunt[bus.row()].re;
            }
            for (branch, sign) in flows {
                let (b, even) = (sign * susceptance(*branch), sign * even(*branch));
                constant -= b * network.branches.shift_rad[*branch];
                let (from, to) = (network.branches.from[*branch], network.branches.to[*branch]);
                for (bus, b, even) in [(from, b, even), (to, -b, -even)] {
                    match unknown[bus.row()] {
                        Some(unknown) => {
                            row.push((unknown, b));
                            direction.push((unknown, even));
                        }
                        None => constant += b * held_rad[bus.row()],
                    }
                }
            }
            rows.push(row);
            directions.push(direction);
            offset.push(constant);
            weight.push(1.0 / (meter.sigma * meter.sigma));
        }
        let rows = Rows::of(rows);
        let gain = Gain::of(&rows, 0, unknowns as usize);
        let mut estimator = LinearEstimator {
            factor: gain.factor(&rows, &weight, PIVOT_MIN),
            circuit,
            unknown,
            held_rad,
            sight_of,
            directions: Rows::of(directions).normalised(),
            rows,
            weight,
            offset,
            gain,
            observability: Observability::default(),
        };
        estimator.observability = estimator.observed_by(&|_| true);
        Ok(estimator)
    }

    /// Meters that see something: m.
    pub fn meters(&self) -> usize {
        self.weight.len()
    }

    /// Angles that nobody holds: n.
    pub fn unknowns(&self) -> usize {
        self.gain.unknowns()
    }

    /// Whether a meter of the set, by its place, sees anything.
    pub fn sees(&self, meter: usize) -> bool {
        self.sight_of[meter].is_some()
    }

    /// Derivatives of what a meter reads, pu per rad: entries of (bus, derivative), held angles left out; none where it sees nothing.
    pub fn incidence(&self, meter: usize) -> Vec<(BusIdx, f64)> {
        let bus_of = |unknown: u32| self.unknown.iter().position(|of| *of == Some(unknown));
        let entry = |(unknown, value): (u32, f64)| Some((BusIdx::from_row(bus_of(unknown)?), value));
        let rows = self.sight_of[meter].into_iter().flat_map(|sight| self.rows.row(sight as usize));
        rows.filter_map(entry).collect()
    }

    /// What those meters determine that are used.
    pub fn observed_by(&self, used: &dyn Fn(usize) -> bool) -> Observability {
        let meter_of: Vec<usize> =
            (0..self.sight_of.len()).filter(|meter| self.sight_of[*meter].is_some()).collect();
        let directions = (&self.directions, &self.gain);
        observability::of_angles(&self.circuit, &self.unknown, directions, &|sight| used(meter_of[sight]))
    }

    /// What all meters together determine.
    pub fn observability(&self) -> &Observability {
        &self.observability
    }

    /// What the meters would read without error at these angles, rad, one for each bus; `None` where they see nothing.
    pub fn readings(&self, angle_rad: &[f64]) -> Vec<Option<f64>> {
        let mut x = vec![0.0; self.unknowns()];
        for (unknown, angle) in self.unknown.iter().zip(angle_rad) {
            unknown.iter().for_each(|unknown| x[*unknown as usize] = *angle);
        }
        let read = |sight: &u32| self.rows.times(*sight as usize, &x) + self.offset[*sight as usize];
        self.sight_of.iter().map(|sight| sight.as_ref().map(read)).collect()
    }

    /// The estimate of one set of readings, one for each meter of the set; `None` is a reading that did not come. Those of other meters
    /// than of active power are passed over.
    ///
    /// # Errors
    /// [`Unestimated`], but for divergence.
    pub fn estimate(&self, readings: &[Option<f64>]) -> Result<LinearEstimate, Unestimated> {
        let (count, meters) = (readings.len(), self.sight_of.len());
        if count != meters {
            return Err(Unestimated::Misread { readings: count, meters });
        }
        let mut weight = self.weight.clone();
        let mut left: Vec<f64> = self.offset.iter().map(|offset| -offset).collect();
        for (meter, (sight, reading)) in self.sight_of.iter().zip(readings).enumerate() {
            match (sight.map(|sight| sight as usize), reading) {
                (None, _) => {}
                (Some(sight), Some(reading)) if reading.is_finite() => left[sight] += reading,
                (Some(_), Some(_)) => return Err(Unestimated::NoNumber(meter)),
                (Some(sight), None) => weight[sight] = 0.0,
            }
        }
        let complete = weight == self.weight;
        let observed = if complete {
            self.observability.clone()
        } else {
            self.observed_by(&|meter| readings[meter].is_some())
        };
        if !observed.is_complete() {
            return Err(Unestimated::Unobservable(observed));
        }
        let pulled: Vec<f64> = left.iter().zip(&weight).map(|(left, weight)| left * weight).collect();
        let right = self.rows.transposed_times(&pulled, self.unknowns());
        let own = (!complete).then(|| self.gain.factor(&self.rows, &weight, PIVOT_MIN));
        let x = own.as_ref().unwrap_or(&self.factor).solve(&right);
        let residual = |sight: u32| {
            let sight = sight as usize;
            (weight[sight] > 0.0).then(|| left[sight] - self.rows.times(sight, &x))
        };
        let residual: Vec<Option<f64>> = self.sight_of.iter().map(|sight| sight.and_then(residual)).collect();
        let mut objective = 0.0;
        for (sight, residual) in self.sight_of.iter().zip(&residual) {
            if let (Some(sight), Some(residual)) = (sight, residual) {
                objective = (residual * residual).mul_add(weight[*sight as usize], objective);
            }
        }
        let angle = |bus: usize| {
            let held = || self.circuit.live[bus].then_some(self.held_rad[bus]);
            self.unknown[bus].map_or_else(held, |unknown| Some(x[unknown as usize]))
        };
        Ok(LinearEstimate {
            angle_rad: (0..self.unknown.len()).map(angle).collect(),
            degrees_of_freedom: residual.iter().flatten().count() - self.unknowns(),
            residual,
            objective,
        })
    }

    /// Residuals over their own standard deviation, at an estimate of this estimator.
    pub fn residual_test(&self, estimate: &LinearEstimate) -> ResidualTest {
        let mut weight = self.weight.clone();
        for (sight, residual) in self.sight_of.iter().zip(&estimate.residual) {
            if let (Some(sight), None) = (sight, residual) {
                weight[*sight as usize] = 0.0;
            }
        }
        let factor = self.gain.factor(&self.rows, &weight, PIVOT_MIN);
        residual::test(&self.rows, &weight, &factor, &self.sight_of, &estimate.residual)
    }
}

/// A susceptance between one and two in the place of a branch's own. What is determined does not depend on susceptances, but for
/// coincidences that equal ones would make; and where short lines meet long ones, those of the file would leave no digits to tell a small
/// pivot from none. Multiples of the golden ratio, of which no two are alike.
fn even(branch: BranchIdx) -> f64 {
    let turns = (branch.row() + 1) as f64 * 0.618_033_988_749_894_9;
    1.0 + turns - libm::floor(turns)
}
