//! Transformers that a direct current saturates by halves: what they take of reactive power is proportional to the voltage.
//!
//! A power flow knows constant power and constant admittance. The loss `c V` at a bus is a susceptance `-c / V0` there, which takes `c V^2 / V0`: exact
//! where the voltage comes out as V0, and laid again until it does. From above it asks for less than the loss, so that no pass fails where there is
//! a power flow with the whole of it; a tangent would ask for more. Demand is left alone: whoever sheds it sheds no loss.
//!
//! The next V0 is Aitken's extrapolation at each bus, which turns the linear convergence of the passes into a few of them.

use std::sync::Arc;

use powerflow::{BusIdx, Column, Index, Solution, State};

/// Passes after which there is no telling: near the collapse of the voltages they settle slowly.
const PASSES_MAX: u32 = 60;
/// How far the reactive power of a susceptance may be from the loss, pu.
const TOLERANCE_PU: f64 = 1e-8;
/// A higher voltage is another root of the equations, in which line charging feeds the losses, pu.
const VOLTAGE_MAX_PU: f64 = 1.5;
/// How much of a difference between two passes is expected to come again, at most: beyond it an extrapolation goes too far.
const AGAIN_MAX: f64 = 0.9;

/// The reactive losses of a storm at every bus, and where their susceptances are exact.
#[derive(Clone, Debug)]
pub(super) struct Saturation {
    /// Reactive power at 1 pu of voltage, pu.
    loss_pu: Vec<f64>,
    /// Where the susceptances are exact, pu.
    exact_at_pu: Vec<f64>,
    /// Where they were before, and the voltages that came out, pu.
    before: Option<(Vec<f64>, Vec<f64>)>,
    passes: u32,
}

/// How susceptances fit a solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// Within the tolerance.
    Settled,
    /// They were laid again: another power flow is pending.
    Again,
    /// They do not settle.
    Lost,
}

impl Saturation {
    /// Losses that are exact where the voltages are.
    pub(super) fn of(loss_pu: Vec<f64>, solution: Option<&Solution>) -> Self {
        let exact_at_pu = (0..loss_pu.len()).map(|row| at(solution, row).unwrap_or(1.0)).collect();
        Saturation { loss_pu, exact_at_pu, before: None, passes: 0 }
    }

    /// Writes the susceptances into a state.
    pub(super) fn enter(&self, state: &mut State) {
        let of = |(loss, exact): (&f64, &f64)| -loss / exact;
        let b: Column<BusIdx, f64> = self.loss_pu.iter().zip(&self.exact_at_pu).map(of).collect();
        state.susceptance_pu = Some(Arc::new(b));
    }

    /// Looks at a solution, and lays the susceptances again where they do not fit.
    pub(super) fn fit(&mut self, solution: &Solution) -> Fit {
        let came_out: Vec<f64> = self
            .exact_at_pu
            .iter()
            .enumerate()
            .map(|(row, exact)| at(Some(solution), row).unwrap_or(*exact))
            .collect();
        let beside = |row: usize| {
            let (v, exact) = (came_out[row], self.exact_at_pu[row]);
            (self.loss_pu[row] * v * (v - exact) / exact).abs()
        };
        let worst = (0..self.loss_pu.len()).map(beside).fold(0.0, f64::max);
        let highest = came_out.iter().copied().fold(0.0, f64::max);
        if worst <= TOLERANCE_PU && highest <= VOLTAGE_MAX_PU {
            (self.before, self.passes) = (None, 0);
            return Fit::Settled;
        }
        if self.passes == PASSES_MAX || highest > VOLTAGE_MAX_PU {
            (self.before, self.passes) = (None, 0);
            return Fit::Lost;
        }
        self.passes += 1;
        let next: Vec<f64> = (0..came_out.len()).map(|row| self.next(row, came_out[row])).collect();
        let exact_at_pu = std::mem::replace(&mut self.exact_at_pu, next);
        self.before = Some((exact_at_pu, came_out));
        Fit::Again
    }

    /// Where the susceptance at a bus is exact next.
    fn next(&self, row: usize, v: f64) -> f64 {
        let exact = self.exact_at_pu[row];
        let again = self.before.as_ref().map_or(0.0, |(exacts, vs)| {
            let moved = exact - exacts[row];
            if moved == 0.0 { 0.0 } else { ((v - vs[row]) / moved).clamp(0.0, AGAIN_MAX) }
        });
        let next = v + again / (1.0 - again) * (v - exact);
        if next > 0.0 { next } else { v }
    }
}

/// Voltage of a bus, pu, where it is energised.
fn at(solution: Option<&Solution>, row: usize) -> Option<f64> {
    solution?.vm_pu(BusIdx::from_row(row)).filter(|v| *v > 0.0)
}
