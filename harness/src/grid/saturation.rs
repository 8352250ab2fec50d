//! Transformers that a direct current saturates by halves: what they take of reactive power is proportional to the voltage.
//!
//! A power flow knows constant power and constant admittance. The loss `c V` at each bus is therefore its tangent at a voltage V0,
//!
//! ```text
//! c V ~ c V0 / 2 + (c / (2 V0)) V^2        exact at V0 in value and slope; beside it too much by c (V - V0)^2 / (2 V0)
//! ```
//!
//! a constant demand and a susceptance, laid again where the voltage has come to be, until that is within the tolerance of the power flow.

use std::sync::Arc;

use powerflow::{BusIdx, Column, Index, Solution, State};

/// Passes in which tangents settle; near the collapse of voltages they do not.
const PASSES_MAX: u32 = 20;
/// What a tangent may be beside the loss, pu.
const TOLERANCE_PU: f64 = 1e-8;

/// The reactive losses of a storm at every bus, and their tangents.
#[derive(Clone, Debug)]
pub(super) struct Saturation {
    /// Reactive power at 1 pu of voltage, pu.
    loss_pu: Vec<f64>,
    /// Where the tangents touch, pu.
    touch_pu: Vec<f64>,
    passes: u32,
}

/// How tangents fit a solution.
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
    /// Losses that touch where the voltages are.
    pub(super) fn of(loss_pu: Vec<f64>, solution: Option<&Solution>) -> Self {
        let touch_pu = (0..loss_pu.len()).map(|row| at(solution, row).unwrap_or(1.0)).collect();
        Saturation { loss_pu, touch_pu, passes: 0 }
    }

    /// The constant part of the loss at a bus, pu.
    pub(super) fn constant_pu(&self, bus: BusIdx) -> f64 {
        0.5 * self.loss_pu[bus.row()] * self.touch_pu[bus.row()]
    }

    /// Writes the susceptances into a state.
    pub(super) fn enter(&self, state: &mut State) {
        let of = |(loss, touch): (&f64, &f64)| -0.5 * loss / touch;
        let b: Column<BusIdx, f64> = self.loss_pu.iter().zip(&self.touch_pu).map(of).collect();
        state.susceptance_pu = Some(Arc::new(b));
    }

    /// Looks at a solution, and lays the tangents again where they do not fit.
    pub(super) fn fit(&mut self, solution: &Solution) -> Fit {
        let beside = |row: usize| {
            let apart = at(Some(solution), row).map_or(0.0, |v| v - self.touch_pu[row]);
            self.loss_pu[row] * apart * apart / (2.0 * self.touch_pu[row])
        };
        let worst = (0..self.loss_pu.len()).map(beside).fold(0.0, f64::max);
        if worst <= TOLERANCE_PU {
            self.passes = 0;
            return Fit::Settled;
        }
        if self.passes == PASSES_MAX {
            self.passes = 0;
            return Fit::Lost;
        }
        self.passes += 1;
        for (row, touch) in self.touch_pu.iter_mut().enumerate() {
            *touch = at(Some(solution), row).unwrap_or(*touch);
        }
        Fit::Again
    }
}

/// Voltage of a bus, pu, where it is energised.
fn at(solution: Option<&Solution>, row: usize) -> Option<f64> {
    solution?.vm_pu(BusIdx::from_row(row)).filter(|v| *v > 0.0)
}
