//! What a cascade of this model changes, and the islands it falls into.

use powerflow::case::BusKind;
use powerflow::{BranchIdx, BusIdx, Column, Index, Network, Solution, UnitIdx};

/// What a bus is in the power flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Its units give the reactive power that they gave last.
    Load,
    /// Its running units hold the voltage.
    Voltage,
    /// The same, and its angle is held.
    Reference,
    /// Not there.
    Out,
}

/// Demand, schedules and switches of the whole network.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) role: Column<BusIdx, Role>,
    /// Demand, MW, positive consumes; negative where a file says so.
    pub(super) demand_mw: Column<BusIdx, f64>,
    /// Reactive demand, Mvar.
    pub(super) demand_mvar: Column<BusIdx, f64>,
    /// Steps of under-voltage load shedding that were used.
    pub(super) uvls_steps: Column<BusIdx, u32>,
    pub(super) unit_on: Column<UnitIdx, bool>,
    /// Active power of each unit, MW. A unit that the file or the outage has off keeps its last one until its island is
    /// solved: so its loss is no change of generation to the frequency judgement, as in the published program.
    pub(super) unit_mw: Column<UnitIdx, f64>,
    /// Reactive power of each unit, Mvar.
    pub(super) unit_mvar: Column<UnitIdx, f64>,
    /// Voltage set-point of each unit, pu.
    pub(super) unit_v_set_pu: Column<UnitIdx, f64>,
    pub(super) branch_on: Column<BranchIdx, bool>,
}

impl Grid {
    /// The operating point in the file.
    pub(super) fn of(network: &Network) -> Self {
        let case = &network.case;
        let role: Column<BusIdx, Role> = network
            .buses
            .kind
            .iter()
            .map(|(_, kind)| match kind {
                BusKind::Pq => Role::Load,
                BusKind::Pv => Role::Voltage,
                BusKind::Reference => Role::Reference,
                BusKind::Isolated => Role::Out,
            })
            .collect();
        let n = case.buses.len();
        let (mut demand_mw, mut demand_mvar) = (Column::filled(0.0, n), Column::filled(0.0, n));
        for load in case.loads.iter().filter(|load| load.in_service) {
            // A load whose bus is unknown does not get past the check of a case.
            if let Ok(bus) = network.bus(load.bus)
                && role[bus] != Role::Out
            {
                demand_mw[bus] += load.p_mw;
                demand_mvar[bus] += load.q_mvar;
            }
        }
        let is_in = |unit: UnitIdx| role[network.units.bus[unit]] != Role::Out;
        let runs = |unit: UnitIdx| network.units.in_service[unit] && is_in(unit);
        let power = |power: f64, unit: UnitIdx| if is_in(unit) { power } else { 0.0 };
        let units = || network.units.bus.indices();
        let joins = |branch: BranchIdx| {
            let ends = [network.branches.from[branch], network.branches.to[branch]];
            network.branches.in_service[branch] && ends.iter().all(|bus| role[*bus] != Role::Out)
        };
        Grid {
            demand_mw,
            demand_mvar,
            uvls_steps: Column::filled(0, n),
            unit_on: units().map(runs).collect(),
            unit_mw: units().map(|unit| power(case.units[unit.row()].p_mw, unit)).collect(),
            unit_mvar: units().map(|unit| power(case.units[unit.row()].q_mvar, unit)).collect(),
            unit_v_set_pu: network.units.v_set_pu.clone(),
            branch_on: network.branches.from.indices().map(joins).collect(),
            role,
        }
    }

    /// Takes a unit out.
    pub(super) fn trip_unit(&mut self, unit: UnitIdx) {
        self.unit_on[unit] = false;
        self.unit_mw[unit] = 0.0;
        self.unit_mvar[unit] = 0.0;
    }

    /// Connected components of some buses over closed branches, each in file order; by their first bus.
    pub(super) fn components(&self, network: &Network, buses: &[BusIdx]) -> Vec<Vec<BusIdx>> {
        let mut parent: Column<BusIdx, BusIdx> = self.role.indices().collect();
        let mut inside: Column<BusIdx, bool> = Column::filled(false, self.role.len());
        for bus in buses {
            inside[*bus] = true;
        }
        for (branch, from) in network.branches.from.iter() {
            let to = network.branches.to[branch];
            if self.branch_on[branch] && inside[*from] && inside[to] {
                let (a, b) = (root(&mut parent, *from), root(&mut parent, to));
                let (low, high) = (a.min(b), a.max(b));
                parent[high] = low;
            }
        }
        let mut number: Column<BusIdx, Option<usize>> = Column::filled(None, self.role.len());
        let mut components: Vec<Vec<BusIdx>> = Vec::new();
        for bus in buses {
            let root = root(&mut parent, *bus);
            let at = *number[root].get_or_insert_with(|| {
                components.push(Vec::new());
                components.len() - 1
            });
            components[at].push(*bus);
        }
        components
    }

    /// Takes over what a power flow found: reactive power of units that hold a voltage, and the reference unit's power.
    pub(super) fn take(&mut self, network: &Network, island: &Island, reference: BusIdx, found: &Solution) {
        for unit in &island.units {
            if !self.unit_on[*unit] {
                (self.unit_mw[*unit], self.unit_mvar[*unit]) = (0.0, 0.0);
            } else if self.role[network.units.bus[*unit]] != Role::Load {
                self.unit_mvar[*unit] = network.base.from_pu(found.unit_q_pu[*unit]);
            }
        }
        if let Some(slack) = island.first_running(self, network, reference) {
            self.unit_mw[slack] = network.base.from_pu(found.unit_p_pu[slack]);
        }
    }
}

fn root(parent: &mut Column<BusIdx, BusIdx>, mut bus: BusIdx) -> BusIdx {
    while parent[bus] != bus {
        parent[bus] = parent[parent[bus]];
        bus = parent[bus];
    }
    bus
}

/// The elements of a connected part.
#[derive(Clone, Debug)]
pub(super) struct Island {
    /// In file order.
    pub(super) buses: Vec<BusIdx>,
    /// Units there, off ones included, in file order.
    pub(super) units: Vec<UnitIdx>,
    /// Closed branches, in file order.
    pub(super) branches: Vec<BranchIdx>,
}

impl Island {
    pub(super) fn of(network: &Network, grid: &Grid, buses: Vec<BusIdx>) -> Self {
        let mut inside: Column<BusIdx, bool> = Column::filled(false, grid.role.len());
        for bus in &buses {
            inside[*bus] = true;
        }
        let units = network.units.bus.iter().filter(|(_, bus)| inside[**bus]).map(|(unit, _)| unit).collect();
        let branches = network
            .branches
            .from
            .iter()
            .filter(|(branch, from)| {
                grid.branch_on[*branch] && inside[**from] && inside[network.branches.to[*branch]]
            })
            .map(|(branch, _)| branch)
            .collect();
        Island { buses, units, branches }
    }

    /// Units that run, in file order.
    pub(super) fn running(&self, grid: &Grid) -> impl Iterator<Item = UnitIdx> {
        self.units.iter().copied().filter(|unit| grid.unit_on[*unit])
    }

    /// The first unit that runs at a bus.
    pub(super) fn first_running(&self, grid: &Grid, network: &Network, bus: BusIdx) -> Option<UnitIdx> {
        self.running(grid).find(|unit| network.units.bus[*unit] == bus)
    }

    /// Demand, MW.
    pub(super) fn demand_mw(&self, grid: &Grid) -> f64 {
        self.buses.iter().map(|bus| grid.demand_mw[*bus]).sum()
    }

    /// Generation of the units that run, MW.
    pub(super) fn generation_mw(&self, grid: &Grid) -> f64 {
        self.running(grid).map(|unit| grid.unit_mw[unit]).sum()
    }

    /// Gives the voltage back to every bus with a unit, running or not: what an island does that was split off.
    pub(super) fn regain(buses: &[BusIdx], network: &Network, grid: &mut Grid) {
        for (_, bus) in network.units.bus.iter() {
            if grid.role[*bus] == Role::Load && buses.binary_search(bus).is_ok() {
                grid.role[*bus] = Role::Voltage;
            }
        }
    }

    /// Makes one bus the reference: the present one where it is alone and a unit runs there, else the bus with the largest sum of
    /// upper limits of running units among those that hold a voltage. With `any`, or after a reference without a unit, also
    /// among those that do not. `None` where there is no such bus.
    pub(super) fn choose_reference(&self, network: &Network, grid: &mut Grid, any: bool) -> Option<BusIdx> {
        let mut references = self.buses.iter().copied().filter(|bus| grid.role[*bus] == Role::Reference);
        let present = (references.next(), references.next());
        let mut any = any || self.buses.len() == 1;
        match present {
            (Some(alone), None) if self.first_running(grid, network, alone).is_some() => return Some(alone),
            (Some(alone), None) => {
                grid.role[alone] = Role::Load;
                any = true;
            }
            (Some(_), Some(_)) => {
                for bus in &self.buses {
                    if grid.role[*bus] == Role::Reference {
                        grid.role[*bus] = Role::Voltage;
                    }
                }
            }
            (None, _) => {}
        }
        let mut capability: Column<BusIdx, Option<f64>> = Column::filled(None, grid.role.len());
        for unit in self.running(grid) {
            let bus = network.units.bus[unit];
            if any || grid.role[bus] == Role::Voltage {
                *capability[bus].get_or_insert(0.0) += network.case.units[unit.row()].p_max_mw;
            }
        }
        let mut best: Option<(f64, BusIdx)> = None;
        for bus in &self.buses {
            let Some(capability) = capability[*bus] else { continue };
            // Where they tie, the smaller number in the file.
            let is_better = best.is_none_or(|(largest, at)| {
                let id = &network.buses.id;
                capability > largest || capability == largest && id[*bus] < id[at]
            });
            if is_better {
                best = Some((capability, *bus));
            }
        }
        let (_, bus) = best?;
        grid.role[bus] = Role::Reference;
        Some(bus)
    }
}
