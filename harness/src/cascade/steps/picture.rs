//! One solved moment, as the rules of the steps look at it.

use powerflow::{
    BranchIdx, BusIdx, BusStatus, DivergenceReason, Flows, Index, Network, NewtonConfig, Rung, Solution,
    Solver, State, UnitIdx, solve_linear,
};

use super::settings::FlowModel;
use crate::cascade::IslandAtEnd;

/// Power that no unit provides and that is still taken for rounding, pu.
const UNMET_PU: f64 = 1e-6;

/// A solved moment.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// Current in shares of the rating, by branch row; `None` without a rating, zero where it carries nothing.
    pub(super) loading: Vec<Option<f64>>,
    /// Whether each bus has a voltage, by row.
    pub(super) live: Vec<bool>,
    /// Power of each unit, MW, by row.
    pub(super) unit_mw: Vec<f64>,
    /// Where the next power flow begins.
    pub(super) solution: Option<Box<Solution>>,
    pub(super) rung: Option<Rung>,
}

/// Solves a state; or says why that is the end.
pub(super) fn solve(
    solver: &mut Solver,
    state: &State,
    previous: Option<&Picture>,
    flow: FlowModel,
) -> Result<Picture, String> {
    let config = NewtonConfig::default();
    let network = std::sync::Arc::clone(solver.network());
    let unmet = |unmet_pu: f64| {
        let mw = network.base.from_pu(unmet_pu);
        format!("{:.3} MW that no unit in service can provide or take back", mw.abs())
    };
    match flow {
        FlowModel::Dc => {
            let found = solve_linear(&network, state, &config).map_err(|why| why.to_string())?;
            if found.unmet_pu.abs() > UNMET_PU {
                return Err(unmet(found.unmet_pu));
            }
            let current = |branch: BranchIdx| found.branch_p_pu[branch.row()].abs();
            Ok(Picture {
                loading: loadings(&network, current),
                live: found.status.iter().map(|status| *status == BusStatus::Live).collect(),
                unit_mw: found.unit_p_pu.iter().map(|p| network.base.from_pu(*p)).collect(),
                solution: None,
                rung: None,
            })
        }
        FlowModel::Ac => {
            let previous = previous.and_then(|picture| picture.solution.as_deref());
            let solution = match solver.solve(state, previous, &config) {
                Ok(solution) => solution,
                Err(divergence) if divergence.reason == DivergenceReason::NoSource => {
                    return Ok(Picture::dark(&network));
                }
                Err(divergence) => return Err(divergence.to_string()),
            };
            if solution.unmet_pu() > UNMET_PU {
                return Err(unmet(solution.unmet_pu()));
            }
            let flows = solver.flows(state, &solution);
            let current = |branch: BranchIdx| current_pu(&network, &flows, &solution, branch);
            Ok(Picture {
                loading: loadings(&network, current),
                live: solution.status.iter().map(|(_, status)| *status == BusStatus::Live).collect(),
                unit_mw: solution.unit_p_pu.iter().map(|(_, p)| network.base.from_pu(*p)).collect(),
                rung: Some(solution.rung),
                solution: Some(Box::new(solution)),
            })
        }
    }
}

impl Picture {
    /// Without any voltage.
    fn dark(network: &Network) -> Self {
        Picture {
            loading: loadings(network, |_| 0.0),
            live: vec![false; network.buses.id.len()],
            unit_mw: vec![0.0; network.units.bus.len()],
            solution: None,
            rung: None,
        }
    }
}

fn loadings(network: &Network, current_pu: impl Fn(BranchIdx) -> f64) -> Vec<Option<f64>> {
    let rating = network.branches.rating_pu.iter();
    rating.map(|(branch, rating)| rating.filter(|r| *r > 0.0).map(|r| current_pu(branch) / r)).collect()
}

/// Current at the more loaded end, pu: apparent power over voltage.
fn current_pu(network: &Network, flows: &Flows, solution: &Solution, branch: BranchIdx) -> f64 {
    let at = |bus: BusIdx, p: f64, q: f64| -> f64 {
        solution.vm_pu(bus).filter(|vm| *vm > 0.0).map_or(0.0, |vm| (p * p + q * q).sqrt() / vm)
    };
    let branches = &network.branches;
    let from = at(branches.from[branch], flows.p_from_pu[branch], flows.q_from_pu[branch]);
    from.max(at(branches.to[branch], flows.p_to_pu[branch], flows.q_to_pu[branch]))
}

/// Island of each bus row: connected by closed branches; its number is the row of its first bus.
pub(super) fn islands(network: &Network, state: &State) -> Vec<usize> {
    let mut island: Vec<usize> = (0..network.buses.id.len()).collect();
    fn root(island: &mut [usize], mut bus: usize) -> usize {
        while island[bus] != bus {
            island[bus] = island[island[bus]];
            bus = island[bus];
        }
        bus
    }
    for (branch, on) in state.branch_on.iter() {
        if *on {
            let from = root(&mut island, network.branches.from[branch].row());
            let to = root(&mut island, network.branches.to[branch].row());
            island[from.max(to)] = from.min(to);
        }
    }
    (0..island.len()).map(|bus| root(&mut island, bus)).collect()
}

/// Islands that serve demand, by their first bus.
pub(super) fn at_end(network: &Network, state: &State, picture: &Picture) -> Vec<IslandAtEnd> {
    let island = islands(network, state);
    let mut found = Vec::new();
    for first in (0..island.len()).filter(|bus| island[*bus] == *bus) {
        let members: Vec<usize> = (first..island.len()).filter(|bus| island[*bus] == first).collect();
        let demand: f64 = members.iter().map(|bus| state.demand_p_pu[BusIdx::from_row(*bus)]).sum();
        if demand == 0.0 || !members.iter().any(|bus| picture.live[*bus]) {
            continue;
        }
        let is_here = |unit: &UnitIdx| island[network.units.bus[*unit].row()] == first;
        let units = network.units.bus.indices().filter(is_here);
        found.push(IslandAtEnd {
            first_bus: BusIdx::from_row(first),
            buses: members.len(),
            generation_mw: units.map(|unit| picture.unit_mw[unit.row()]).sum(),
            demand_mw: network.base.from_pu(demand),
        });
    }
    found
}
