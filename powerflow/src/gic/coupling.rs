//! Reactive losses of saturated transformers in the power flow, and how far a field can grow before the voltages collapse.
//!
//! A loss is drawn at the transformer's high bus and is proportional to the voltage there: `Q = q V`. The engine knows constant
//! power and constant admittance, so every pass solves with the tangent of `q V` in `V^2` at the voltages `V_0` of the pass
//! before, `q V_0 / 2 + q V^2 / (2 V_0)`. Value and slope are those of `q V`, so the passes converge as Newton's own iterations do,
//! to the equations with `Q = q V` in the Jacobian. Direct currents do not depend on the alternating voltages: they are solved once.

use std::sync::Arc;

use crate::case::{BusKind, Case, CaseLoad, CaseShunt};
use crate::config::{NewtonConfig, ReactiveLimits, Rescue};
use crate::diagnostic::Diagnostics;
use crate::gic::{GicNetwork, GicSolution, reactive_loss_mvar};
use crate::index::{BusId, Index};
use crate::network::Network;
use crate::solution::{Divergence, Solution};
use crate::solver::Solver;

/// Passes of tangents at most; five are many.
const PASSES_MAX: u32 = 20;
/// Multiples of a field are tried up to this one.
const MULTIPLIER_MAX: f64 = 1024.0;
/// The largest multiple is known to this share of it.
const RESOLUTION: f64 = 0.01;
/// Reactive power beyond the ranges of units that a multiple may need more than the grid without a storm, pu.
const BORROWED_PU: f64 = 1e-6;

/// Reactive power that the transformers at a bus take, where the voltage is 1 pu.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReactiveLoss {
    /// Where it is drawn.
    pub bus: BusId,
    /// Mvar per pu of voltage.
    pub mvar_per_pu: f64,
}

/// Losses of all transformers of a solution, each at its high bus; `None` where the core of one with an effective current is not
/// known. The case and the network have the same buses.
pub fn reactive_losses(network: &GicNetwork, solution: &GicSolution) -> Option<Vec<ReactiveLoss>> {
    let mut losses = Vec::new();
    for (transformer, currents) in network.transformers.iter().zip(&solution.transformers) {
        let Some(effective_a) = currents.effective_a else { continue };
        let bus = &network.buses[network.high_and_low(transformer).0];
        let mvar_per_pu = reactive_loss_mvar(transformer.k_mvar_per_a?, 1.0, effective_a, bus.kv);
        losses.push(ReactiveLoss { bus: bus.id, mvar_per_pu });
    }
    Some(losses)
}

/// A power flow with reactive losses.
#[derive(Clone, Debug)]
pub struct LossFlow {
    /// The network, with each loss as a constant part and a shunt.
    pub network: Arc<Network>,
    /// Its solution.
    pub solution: Solution,
    /// Losses at the solved voltages, Mvar, as they were given; 0 at a bus that is not energised.
    pub losses_mvar: Vec<f64>,
    /// Power flows that it took.
    pub passes: u32,
}

impl LossFlow {
    /// Reactive power that the running units give or take beyond their ranges, pu, summed over buses: the last unit that holds an
    /// island's voltage holds it whatever that takes.
    pub fn reactive_beyond_pu(&self) -> f64 {
        let units = &self.network.units;
        let mut balance = vec![[0.0; 3]; self.network.buses.id.len()];
        for (unit, bus) in units.bus.iter().filter(|(unit, _)| units.in_service[*unit]) {
            let of = &mut balance[bus.row()];
            of[0] += self.solution.unit_q_pu[unit];
            of[1] += units.q_min_pu[unit];
            of[2] += units.q_max_pu[unit];
        }
        balance.iter().map(|[q, low, high]| (q - high).max(low - q).max(0.0)).sum()
    }
}

/// Why there is no power flow with losses.
#[derive(Clone, Debug)]
pub enum LossFlowFailure {
    /// The case cannot be solved at all.
    Case(Diagnostics),
    /// There is no solution.
    Flow(Box<Divergence>),
    /// The passes did not settle: near the collapse of the voltages.
    Passes,
}

/// Solves a case with the reactive losses of its transformers, from the voltages of `start` (its solution with other losses, or
/// with none).
///
/// # Errors
/// [`LossFlowFailure`].
pub fn solve_with_losses(
    case: &Case,
    losses: &[ReactiveLoss],
    start: &LossFlow,
    config: &NewtonConfig,
) -> Result<LossFlow, LossFlowFailure> {
    let base_mva = case.base_mva.from_pu(1.0);
    let voltage = |flow: &LossFlow, bus: BusId| {
        flow.network.bus(bus).ok().and_then(|bus| flow.solution.vm_pu(bus)).unwrap_or(0.0)
    };
    let mut before: Vec<f64> = losses.iter().map(|loss| voltage(start, loss.bus)).collect();
    let mut warm = start.solution.clone();
    for passes in 1..=PASSES_MAX {
        let network = Network::build(with_tangents(case, losses, &before)).map_err(LossFlowFailure::Case)?;
        let solution = Solver::new(&network)
            .solve(&network.initial_state(), Some(&warm), config)
            .map_err(|divergence| LossFlowFailure::Flow(Box::new(divergence)))?;
        let mut flow = LossFlow { network, solution, losses_mvar: Vec::new(), passes };
        let after: Vec<f64> = losses.iter().map(|loss| voltage(&flow, loss.bus)).collect();
        let gap_pu = losses.iter().zip(before.iter().zip(&after)).fold(0.0, |worst: f64, (loss, (v0, v))| {
            let tangent = if *v0 > 0.0 { 0.5 * (v0 + v * v / v0) } else { 0.0 };
            worst.max((loss.mvar_per_pu * (v - tangent) / base_mva).abs())
        });
        if gap_pu <= config.tolerance_pu {
            flow.losses_mvar = losses.iter().zip(&after).map(|(loss, v)| loss.mvar_per_pu * v).collect();
            return Ok(flow);
        }
        (before, warm) = (after, flow.solution);
    }
    Err(LossFlowFailure::Passes)
}

/// The case without losses, to start from.
///
/// # Errors
/// [`LossFlowFailure`].
pub fn solve_without_losses(case: &Case, config: &NewtonConfig) -> Result<LossFlow, LossFlowFailure> {
    let network = Network::build(case.clone()).map_err(LossFlowFailure::Case)?;
    let solution = Solver::new(&network)
        .solve(&network.initial_state(), None, config)
        .map_err(|divergence| LossFlowFailure::Flow(Box::new(divergence)))?;
    Ok(LossFlow { network, solution, losses_mvar: Vec::new(), passes: 1 })
}

/// The case with every loss as its tangent at these voltages.
fn with_tangents(case: &Case, losses: &[ReactiveLoss], voltage: &[f64]) -> Case {
    let mut with = case.clone();
    for (loss, v0) in losses.iter().zip(voltage) {
        let energised = case.buses.iter().any(|bus| bus.id == loss.bus && bus.kind != BusKind::Isolated);
        if *v0 <= 0.0 || !energised {
            continue;
        }
        let q_mvar = 0.5 * loss.mvar_per_pu * v0;
        with.loads.push(CaseLoad { bus: loss.bus, p_mw: 0.0, q_mvar, in_service: true });
        with.shunts.push(CaseShunt {
            bus: loss.bus,
            g_mw: 0.0,
            b_mvar: -0.5 * loss.mvar_per_pu / v0,
            in_service: true,
            steps_mvar: Vec::new(),
        });
    }
    with
}

/// How far a field can grow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collapse {
    /// Largest multiple that was solved.
    pub solved: f64,
    /// Smallest multiple that was tried in vain, within 1 % of the largest solved; `None` where every one up to 1024 was solved.
    pub unsolved: Option<f64>,
}

/// The largest multiple of these losses with a power flow, by doubling and halving, each attempt from the solution nearest below.
/// Where reactive limits count, a power flow in which a unit gives more than its range is none. Active power that no unit has does
/// not end the search: it is no collapse of voltages.
///
/// Source: the definition of the voltage-collapse margin of a storm in `docs/physics/gic.md`.
pub fn collapse_multiplier(
    case: &Case,
    losses: &[ReactiveLoss],
    base: &LossFlow,
    config: &NewtonConfig,
) -> Collapse {
    // The rungs that cost much search for reasons; here one more failure only halves the step.
    let config = NewtonConfig { rescue: Rescue::Quick, ..config.clone() };
    let attempt = |multiple: f64, start: &LossFlow| {
        let scaled: Vec<ReactiveLoss> = losses
            .iter()
            .map(|loss| ReactiveLoss { mvar_per_pu: multiple * loss.mvar_per_pu, ..*loss })
            .collect();
        let flow = solve_with_losses(case, &scaled, start, &config).ok()?;
        let borrowed = flow.reactive_beyond_pu() > base.reactive_beyond_pu() + BORROWED_PU;
        (config.reactive_limits == ReactiveLimits::Ignore || !borrowed).then_some(flow)
    };
    let mut nearest = base.clone();
    let (mut solved, mut unsolved) = (0.0, None);
    let mut next = 1.0;
    loop {
        match attempt(next, &nearest) {
            Some(flow) => (solved, nearest) = (next, flow),
            None => unsolved = Some(next),
        }
        next = match unsolved {
            None if solved >= MULTIPLIER_MAX => return Collapse { solved, unsolved },
            None => 2.0 * solved,
            Some(high) if high - solved <= RESOLUTION * high || high < RESOLUTION * RESOLUTION => {
                return Collapse { solved, unsolved };
            }
            Some(high) => 0.5 * (solved + high),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReactiveLimits, Slack};

    /// A stiff source of 1 pu behind a reactance of 0.1 pu, without load.
    fn behind_a_reactance() -> Case {
        let mut case = Case::two_bus_example();
        let line = &mut case.branches[0];
        (line.r_pu, line.x_pu, line.from_shunt_pu, line.to_shunt_pu) = (0.0, 0.1, (0.0, 0.0), (0.0, 0.0));
        case.units[0].v_set_pu = 1.0;
        (case.loads[0].p_mw, case.loads[0].q_mvar) = (0.0, 0.0);
        case
    }

    fn config() -> NewtonConfig {
        NewtonConfig {
            slack: Slack::Single,
            reactive_limits: ReactiveLimits::Ignore,
            ..NewtonConfig::default()
        }
    }

    /// `V = E - X q` for a reactive current q that does not depend on the voltage.
    #[test]
    fn a_reactive_current_lowers_the_voltage_in_proportion() {
        let case = behind_a_reactance();
        let base_mva = case.base_mva.from_pu(1.0);
        let start = solve_without_losses(&case, &config()).expect("a solution");
        for current_pu in [0.0, 1.0, 4.0] {
            let loss = ReactiveLoss { bus: BusId(2), mvar_per_pu: current_pu * base_mva };
            let flow = solve_with_losses(&case, &[loss], &start, &config()).expect("a solution");
            let bus = flow.network.bus(BusId(2)).expect("the bus");
            let v = flow.solution.vm_pu(bus).expect("live");
            assert!((v - (1.0 - 0.1 * current_pu)).abs() < 1e-7, "{current_pu}: {v}");
            assert!((flow.losses_mvar[0] - loss.mvar_per_pu * v).abs() < 1e-4);
        }
    }

    /// With a demand P at unity power factor besides, `E = |V + X q + i X P / V|`: V exists up to the q at which
    /// `V (E^2 - (V + X q)^2)^0.5` no longer reaches `X P`.
    #[test]
    fn the_multiple_at_which_the_voltage_collapses() {
        let mut case = behind_a_reactance();
        let base_mva = case.base_mva.from_pu(1.0);
        let p_pu = 2.0;
        case.loads[0].p_mw = p_pu * base_mva;
        case.units[0].p_max_mw = 10.0 * base_mva;
        let reach = |q: f64| {
            (1..10_000)
                .map(|v| f64::from(v) / 10_000.0)
                .map(|v| v * (1.0 - (v + 0.1 * q) * (v + 0.1 * q)).max(0.0).sqrt())
                .fold(0.0, f64::max)
        };
        let (mut low, mut high) = (0.0, 10.0);
        while high - low > 1e-6 {
            let middle = 0.5 * (low + high);
            if reach(middle) >= 0.1 * p_pu { low = middle } else { high = middle }
        }
        let start = solve_without_losses(&case, &config()).expect("a solution");
        let loss = ReactiveLoss { bus: BusId(2), mvar_per_pu: base_mva };
        let found = collapse_multiplier(&case, &[loss], &start, &config());
        let unsolved = found.unsolved.expect("an end");
        assert!(found.solved <= low * 1.0001 && low <= unsolved * 1.01, "{found:?} {low}");
        assert!(found.solved > 0.97 * low, "{found:?} {low}");

        let calm = ReactiveLoss { mvar_per_pu: 0.0, ..loss };
        assert_eq!(collapse_multiplier(&case, &[calm], &start, &config()).unsolved, None);
    }
}
