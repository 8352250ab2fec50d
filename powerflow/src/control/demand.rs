//! Demand that follows the voltage: every pass solves with the demand that belongs to the voltages of the pass before, until
//! the two agree within the tolerance of the power flow.
//!
//! The iteration contracts by the share of the demand that depends on the voltage, times what a pu of demand moves the
//! voltage: by about ten a pass where a grid is far from its limit.

use crate::control::Divergence;
use crate::index::{BusIdx, Index};
use crate::network::Network;
use crate::solution::{DivergenceReason, Solution};
use crate::state::State;

/// The loop over demand.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    /// Buses with a demand that follows, with the demand asked for at 1 pu, pu.
    asked_pu: Vec<(BusIdx, [f64; 2])>,
    /// What of it one pu of the file's demand is: an event that scales the demand scales its parts.
    scale: Vec<[f64; 2]>,
    base: crate::units::MvaBase,
    worst: Option<(crate::index::BusId, [f64; 2])>,
}

impl Demand {
    /// The demand of a state is that at 1 pu.
    pub(super) fn new(network: &Network, state: &State, on: bool) -> Self {
        let mut buses: Vec<BusIdx> =
            if on { network.controls.demand_parts.iter().map(|part| part.bus).collect() } else { Vec::new() };
        buses.sort_unstable();
        buses.dedup();
        let ratio = |asked: f64, file: f64| if file == 0.0 { 1.0 } else { asked / file };
        let asked = |bus: BusIdx| [state.demand_p_pu[bus], state.demand_q_pu[bus]];
        Demand {
            scale: buses
                .iter()
                .map(|bus| {
                    let [p, q] = asked(*bus);
                    [ratio(p, network.buses.demand_p_pu[*bus]), ratio(q, network.buses.demand_q_pu[*bus])]
                })
                .collect(),
            asked_pu: buses.iter().map(|bus| (*bus, asked(*bus))).collect(),
            base: network.base,
            worst: None,
        }
    }

    /// The demand at the voltages of a solution, pu; a dead bus keeps what was asked.
    fn at(&self, network: &Network, solution: &Solution) -> Vec<[f64; 2]> {
        let mut demand: Vec<[f64; 2]> = self.asked_pu.iter().map(|(_, asked)| *asked).collect();
        if demand.is_empty() {
            return demand;
        }
        for part in &network.controls.demand_parts {
            let Some(voltage) = solution.vm_pu(part.bus) else { continue };
            let Ok(row) = self.asked_pu.binary_search_by_key(&part.bus, |(bus, _)| *bus) else { continue };
            for (k, (power, exponent)) in [part.p, part.q].into_iter().enumerate() {
                demand[row][k] += self.scale[row][k] * power * (libm::pow(voltage, exponent) - 1.0);
            }
        }
        demand
    }

    /// How far the demand of a state is from the one at the voltages of its solution, pu.
    pub(super) fn gap_pu(&mut self, network: &Network, state: &State, solution: &Solution) -> f64 {
        let mut largest = 0.0f64;
        self.worst = None;
        for ((bus, _), [p, q]) in self.asked_pu.iter().zip(self.at(network, solution)) {
            let gap = [state.demand_p_pu[*bus] - p, state.demand_q_pu[*bus] - q];
            let size = gap[0].abs().max(gap[1].abs());
            if size > largest {
                largest = size;
                self.worst = Some((network.buses.id[*bus], gap));
            }
        }
        largest
    }

    /// Gives a state the demand at the voltages of a solution.
    pub(super) fn follow(&self, network: &Network, state: &mut State, solution: &Solution) {
        for ((bus, _), [p, q]) in self.asked_pu.iter().zip(self.at(network, solution)) {
            state.demand_p_pu[*bus] = p;
            state.demand_q_pu[*bus] = q;
        }
    }

    /// A demand that never settled.
    pub(super) fn divergence(&self, network: &Network, solution: &Solution) -> Divergence {
        let (worst_bus, gap) =
            self.worst.unwrap_or_else(|| (network.buses.id[BusIdx::from_row(0)], [0.0; 2]));
        Divergence {
            reason: DivergenceReason::IterationLimit,
            worst_bus,
            mismatch_mw: self.base.from_pu(gap[0]),
            mismatch_mvar: self.base.from_pu(gap[1]),
            iterations: solution.iterations,
            trend_pu: Vec::new(),
            tried: vec![solution.rung],
            largest_solvable_share: None,
            evidence: Vec::new(),
        }
    }
}
