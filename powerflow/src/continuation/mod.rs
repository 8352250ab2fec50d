//! How far a grid can be loaded: the curve of solutions along a direction of loading, followed to where it turns back (the
//! nose), with every limit that units reach on the way.
//!
//! Source of the method: V. Ajjarapu, C. Christy, "The continuation power flow: a tool for steady state voltage stability
//! analysis", IEEE Trans. Power Systems 7(1), 1992 (tangent, then Newton with one unknown held). Of limits that end the
//! curve: I. Dobson, L. Lu, "Voltage collapse precipitated by the immediate change in stability when generator reactive
//! power limits are encountered", IEEE Trans. Circuits and Systems I 39(9), 1992.

mod curve;
mod limits;
mod share;
mod trace;

use crate::config::NewtonConfig;
use crate::index::{BusIdx, Column, UnitIdx};
use crate::solution::{Divergence, LimitSide, Solution};
use crate::state::State;

/// What one unit of lambda adds to a state: at `lambda` every demand and schedule is that of the state plus `lambda` times
/// this, pu.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    /// Active demand of each bus, pu, positive consumes.
    pub demand_p_pu: Column<BusIdx, f64>,
    /// Reactive demand of each bus, pu, positive consumes.
    pub demand_q_pu: Column<BusIdx, f64>,
    /// Scheduled active power of each unit, pu. That of a unit which provides single slack does not matter.
    pub unit_p_pu: Column<UnitIdx, f64>,
}

impl Direction {
    /// All demand and all schedules grow in proportion: at `lambda` they are `1 + lambda` times those of the state.
    pub fn uniform(state: &State) -> Self {
        Direction {
            demand_p_pu: state.demand_p_pu.clone(),
            demand_q_pu: state.demand_q_pu.clone(),
            unit_p_pu: state.unit_p_pu.clone(),
        }
    }
}

/// How to follow the curve.
#[derive(Clone, Debug, PartialEq)]
pub struct NoseConfig {
    /// How to solve the base, and which limits hold: with [`crate::ReactiveLimits::Enforce`] units leave their voltage at
    /// the exact point where they reach a limit; with [`crate::Slack::Distributed`] units share what is missing, each up to
    /// its largest power.
    pub newton: NewtonConfig,
    /// Whether a unit takes up its voltage again where it could, as [`crate::Solver::solve`] does, so that at an upper limit
    /// a voltage is never above its set-point for long. Without it a reactive limit is never left, as in MATPOWER's
    /// continuation power flow.
    pub releases: bool,
    /// Largest change of an angle (rad) or of a magnitude (relative) in one step.
    pub step_max: f64,
    /// Steps before it gives up.
    pub steps_max: u32,
    /// How many of the weakest buses the curve shows.
    pub watched: usize,
}

impl Default for NoseConfig {
    fn default() -> Self {
        NoseConfig {
            newton: NewtonConfig::default(),
            releases: true,
            step_max: 0.1,
            steps_max: 2000,
            watched: 10,
        }
    }
}

/// Why the curve ends where it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoseCause {
    /// The curve turns back by itself: a saddle-node bifurcation.
    Fold,
    /// It turns back because these units reached a limit: a limit-induced bifurcation.
    LimitInduced(Limit),
    /// With this limit the last bus of an island gave up its voltage, and with single slack nobody is left to be the
    /// reference.
    NoVoltageHeld(Limit),
    /// With this limit the last unit of an island that shared what is missing reached its largest power.
    NoActivePower(Limit),
}

/// A limit of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Reactive: the sum of the units that hold the voltage of a bus.
    Reactive(BusIdx, LimitSide),
    /// Active: a unit that shares what is missing.
    Active(UnitIdx, LimitSide),
}

/// A limit that was reached, or left, on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitEvent {
    /// Where on the curve.
    pub lambda: f64,
    /// Which.
    pub limit: Limit,
    /// Reached, or left again.
    pub reached: bool,
}

/// A point of the curve.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    /// How far along the direction.
    pub lambda: f64,
    /// Magnitudes of the watched buses, pu, in the order of [`Nose::weakest`].
    pub vm_pu: Vec<f64>,
}

/// A bus that falls with the collapse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeakBus {
    /// Which.
    pub bus: BusIdx,
    /// Its magnitude in the base, pu.
    pub vm_base_pu: f64,
    /// At the nose, pu.
    pub vm_nose_pu: f64,
    /// How its magnitude changes with lambda in the base, pu.
    pub slope_base_pu: f64,
    /// The same at the nose, approaching it; `None` at a fold, where it is infinite.
    pub slope_nose_pu: Option<f64>,
    /// Its fall along the curve at the nose, where that of the bus which falls fastest is one.
    pub fall: f64,
}

/// How far a grid can be loaded.
#[derive(Clone, Debug)]
pub struct Nose {
    /// The first largest lambda of the curve from the base on.
    pub lambda: f64,
    /// Why it is the largest.
    pub cause: NoseCause,
    /// The base, lambda zero.
    pub base: Solution,
    /// The grid at the nose, audited against Kirchhoff's law like every solution.
    pub solution: Solution,
    /// What it solves: demands and schedules at [`Self::lambda`].
    pub state: State,
    /// Points from the base to the nose.
    pub curve: Vec<CurvePoint>,
    /// Buses that fall fastest at the nose, first those that lead; in file order where they fall alike.
    pub weakest: Vec<WeakBus>,
    /// Limits in the order in which they were reached or left.
    pub events: Vec<LimitEvent>,
    /// Buses that were at a reactive limit in the base already.
    pub at_limit_in_base: Vec<(BusIdx, LimitSide)>,
}

/// Why no nose was found.
#[derive(Clone, Debug, PartialEq)]
pub enum NoseFailure {
    /// The base has no solution.
    NoBase(Box<Divergence>),
    /// In the base there is power that no unit can provide or take back, pu.
    UnmetBase(f64),
    /// The direction adds nothing that is energised, or has not one number for each bus and unit.
    NoDirection,
    /// The curve was lost beyond this lambda: no point nearby was found however short the step.
    Lost(f64),
    /// The steps allowed ended at this lambda, before any nose.
    StepsMax(f64),
    /// What was found at this lambda does not balance by Kirchhoff's law recomputed from the case.
    FailedAudit(f64, Box<Divergence>),
}

impl std::fmt::Display for NoseFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoseFailure::NoBase(divergence) => write!(f, "the base has no solution: {divergence}"),
            NoseFailure::UnmetBase(unmet) => {
                write!(f, "in the base no unit can provide or take back {unmet:.6} pu")
            }
            NoseFailure::NoDirection => write!(f, "the direction of loading changes nothing"),
            NoseFailure::Lost(lambda) => write!(f, "the curve was lost beyond lambda {lambda:.6}"),
            NoseFailure::StepsMax(lambda) => {
                write!(f, "no nose within the steps allowed; the last point is at lambda {lambda:.6}")
            }
            NoseFailure::FailedAudit(lambda, divergence) => {
                write!(f, "the point found at lambda {lambda:.6} fails the audit: {divergence}")
            }
        }
    }
}

impl std::error::Error for NoseFailure {}
