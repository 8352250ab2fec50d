//! What a state asks of the solver: islands, who holds which voltage, what is scheduled, who shares the slack.

use std::sync::Arc;

use crate::case::BusKind;
use crate::config::Slack;
use crate::index::{BranchIdx, BusIdx, Column, Index, NodeIdx, UnitIdx};
use crate::network::Network;
use crate::plan::{Plan, shunt_admittance};
use crate::solution::{BusStatus, LimitSide};
use crate::state::{State, Topology};

/// No island.
pub(crate) const NONE: u32 = u32::MAX;

/// One energised island.
#[derive(Clone, Debug)]
pub(crate) struct IslandProblem {
    /// Nodes whose angle is held: one, or with a single slack every reference bus of the file.
    pub(crate) references: Vec<NodeIdx>,
    /// Power moved so far by the units that still share, pu.
    pub(crate) moved_pu: f64,
    /// Sum of the weights of the units that still share; zero where nobody can.
    pub(crate) weight: f64,
}

/// How a unit takes part in the balance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Share {
    /// Not at all.
    No,
    /// In proportion to this weight.
    Weight(f64),
    /// It has reached the end of its range: at this power until the balance turns. The weight is kept.
    Clipped {
        /// Power it is held at, pu.
        at_pu: f64,
        /// Whether that is the upper end.
        high: bool,
        /// Its weight while it shared.
        weight: f64,
    },
}

/// Per node and per unit, rebuilt for every state in place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problem {
    pub(crate) status: Vec<BusStatus>,
    pub(crate) island: Vec<u32>,
    pub(crate) islands: Vec<IslandProblem>,
    /// Whether a running unit wants to hold the voltage of the node.
    pub(crate) holds: Vec<bool>,
    pub(crate) v_set_pu: Vec<f64>,
    pub(crate) q_min_pu: Vec<f64>,
    pub(crate) q_max_pu: Vec<f64>,
    /// Limit at which the node's units are held, if they are.
    pub(crate) at_limit: Vec<Option<LimitSide>>,
    /// How often that has changed.
    pub(crate) switches: Vec<u8>,
    /// Injection without units that share and without reactive power of units that hold voltage.
    pub(crate) fixed_p_pu: Vec<f64>,
    pub(crate) fixed_q_pu: Vec<f64>,
    /// How each unit takes part in the balance.
    pub(crate) shares: Vec<Share>,
    pub(crate) running: Vec<bool>,
    /// Nodes whose island was given up.
    pub(crate) killed: Vec<bool>,
    /// Nodes of islands whose voltage a running unit wants to hold, in file order.
    pub(crate) holding: Vec<NodeIdx>,
    parent: Vec<u32>,
    capability: Vec<f64>,
    /// What the islands were found for; `None` where they have been changed since.
    found_for: Option<Connections>,
}

/// All of a state that decides which islands there are and where their references lie.
#[derive(Clone, Debug)]
struct Connections {
    topology: Arc<Topology>,
    branch_on: Column<BranchIdx, bool>,
    unit_on: Column<UnitIdx, bool>,
    references: Vec<BusIdx>,
    slack: Slack,
}

impl Connections {
    fn of(state: &State, slack: Slack) -> Self {
        Connections {
            topology: Arc::clone(&state.topology),
            branch_on: state.branch_on.clone(),
            unit_on: state.unit_on.clone(),
            references: state.references.clone(),
            slack,
        }
    }

    fn are(&self, state: &State, slack: Slack) -> bool {
        Arc::ptr_eq(&self.topology, &state.topology)
            && self.branch_on == state.branch_on
            && self.unit_on == state.unit_on
            && self.references == state.references
            && self.slack == slack
    }
}

impl Problem {
    /// Whether a branch carries current: closed, and neither end out of service.
    pub(crate) fn branch_live(network: &Network, state: &State, branch: BranchIdx) -> bool {
        let kind = &network.buses.kind;
        state.branch_on[branch]
            && kind[network.branches.from[branch]] != BusKind::Isolated
            && kind[network.branches.to[branch]] != BusKind::Isolated
    }

    /// Whether the plan's admittances hold a branch: in service in the file, and neither end out of service.
    pub(crate) fn planned(network: &Network, branch: BranchIdx) -> bool {
        let kind = &network.buses.kind;
        network.branches.in_service[branch]
            && kind[network.branches.from[branch]] != BusKind::Isolated
            && kind[network.branches.to[branch]] != BusKind::Isolated
    }

    /// Sets everything for a state of the network and topology that the plan is of.
    pub(crate) fn set(&mut self, network: &Network, plan: &Plan, state: &State, slack: Slack) {
        // From one moment to the next mostly the demand changes, and the islands are what they were.
        let same = self.found_for.as_ref().is_some_and(|found| found.are(state, slack));
        self.schedule(network, plan, state, slack);
        if same {
            self.islands.iter_mut().for_each(|island| island.moved_pu = 0.0);
        } else {
            self.find_islands(network, plan, state);
            self.choose_references(network, plan, state, slack);
            let nodes = plan.nodes.bus.indices();
            let holds = |node: &NodeIdx| self.holds[node.row()] && self.island[node.row()] != NONE;
            self.holding = nodes.filter(holds).collect();
            self.found_for = Some(Connections::of(state, slack));
        }
        self.weigh(plan);
    }

    /// What is scheduled at every node, who would hold its voltage, and who shares.
    fn schedule(&mut self, network: &Network, plan: &Plan, state: &State, slack: Slack) {
        let n = plan.node_count();
        let units = &network.units;
        reset(&mut self.holds, n, false);
        reset(&mut self.v_set_pu, n, 1.0);
        reset(&mut self.q_min_pu, n, 0.0);
        reset(&mut self.q_max_pu, n, 0.0);
        reset(&mut self.at_limit, n, None);
        reset(&mut self.switches, n, 0);
        reset(&mut self.fixed_p_pu, n, 0.0);
        reset(&mut self.fixed_q_pu, n, 0.0);
        reset(&mut self.capability, n, 0.0);
        reset(&mut self.shares, units.bus.len(), Share::No);
        reset(&mut self.running, units.bus.len(), false);
        reset(&mut self.killed, n, false);

        for (bus, node) in plan.nodes.demand.iter() {
            self.fixed_p_pu[node.row()] -= state.demand_p_pu[bus];
            self.fixed_q_pu[node.row()] -= state.demand_q_pu[bus];
        }
        for (unit, node) in plan.nodes.unit.iter() {
            let node = node.row();
            if !state.unit_on[unit] || network.buses.kind[units.bus[unit]] == BusKind::Isolated {
                continue;
            }
            self.running[unit.row()] = true;
            if units.regulates[unit] {
                self.holds[node] = true;
                // Several units on a bus: the last one in the file counts, as MATPOWER has it.
                self.v_set_pu[node] = state.unit_v_set_pu[unit];
                self.q_min_pu[node] += units.q_min_pu[unit];
                self.q_max_pu[node] += units.q_max_pu[unit];
                self.capability[node] += units.p_max_pu[unit].clamp(0.0, 1e6);
            } else {
                self.fixed_q_pu[node] += units.q_pu[unit];
            }
            // A unit without an upper limit in its file takes part as if its schedule were its limit.
            let p_max = units.p_max_pu[unit];
            let weight = if p_max.is_finite() { p_max } else { state.unit_p_pu[unit].abs().max(1.0) };
            if slack == Slack::Distributed && weight > 0.0 {
                self.shares[unit.row()] = Share::Weight(weight);
            } else {
                self.fixed_p_pu[node] += state.unit_p_pu[unit];
            }
        }
    }

    /// Sums the weights of the units that share, in file order.
    fn weigh(&mut self, plan: &Plan) {
        for island in &mut self.islands {
            island.weight = 0.0;
        }
        for (unit, node) in plan.nodes.unit.iter() {
            if let (Share::Weight(weight), island) = (self.shares[unit.row()], self.island[node.row()])
                && island != NONE
            {
                self.islands[island as usize].weight += weight;
            }
        }
    }

    /// Connected components over live branches; a component without a unit that holds voltage is dead.
    fn find_islands(&mut self, network: &Network, plan: &Plan, state: &State) {
        let n = plan.node_count();
        self.islands.clear();
        reset(&mut self.island, n, NONE);
        reset(&mut self.status, n, BusStatus::Dead);
        self.parent.clear();
        self.parent.extend(0..n as u32);
        for (branch, from) in plan.nodes.branch_from.iter() {
            if Self::branch_live(network, state, branch) {
                join(&mut self.parent, from.row() as u32, plan.nodes.branch_to[branch].row() as u32);
            }
        }
        for (node, bus) in plan.nodes.bus.iter() {
            if network.buses.kind[*bus] == BusKind::Isolated {
                self.status[node.row()] = BusStatus::Isolated;
                self.holds[node.row()] = false;
            } else if self.holds[node.row()] {
                let root = root(&mut self.parent, node.row() as u32);
                if self.island[root as usize] == NONE {
                    self.island[root as usize] = self.islands.len() as u32;
                    self.islands.push(IslandProblem { references: Vec::new(), moved_pu: 0.0, weight: 0.0 });
                }
            }
        }
        for node in 0..n {
            if self.status[node] != BusStatus::Isolated {
                let root = root(&mut self.parent, node as u32) as usize;
                self.island[node] = self.island[root];
                if self.island[node] != NONE {
                    self.status[node] = BusStatus::Live;
                }
            }
        }
    }

    fn choose_references(&mut self, network: &Network, plan: &Plan, state: &State, slack: Slack) {
        for bus in &state.references {
            // The first busbar of a bus has the bus's row.
            let node = NodeIdx::from_row(bus.row());
            let island = self.island[node.row()];
            if island != NONE && self.holds[node.row()] {
                let references = &mut self.islands[island as usize].references;
                if references.is_empty() {
                    references.push(node);
                }
            }
        }
        let chosen: Vec<bool> = self.islands.iter().map(|island| !island.references.is_empty()).collect();
        for (node, bus) in plan.nodes.bus.iter() {
            let island = self.island[node.row()];
            if island != NONE && chosen[island as usize] {
                continue;
            }
            if island != NONE && self.holds[node.row()] && network.buses.kind[*bus] == BusKind::Reference {
                let references = &mut self.islands[island as usize].references;
                if references.is_empty() || slack == Slack::Single {
                    references.push(node);
                }
            }
        }
        // An island without its own: the bus with the largest capability among those that hold voltage, first in
        // the file where they tie. With a single slack the choice shows in every flow, and a textbook (MATPOWER)
        // takes the first in the file.
        let mut best: Vec<Option<(f64, NodeIdx)>> = vec![None; self.islands.len()];
        for node in plan.nodes.bus.indices() {
            let island = self.island[node.row()];
            if island == NONE || !self.holds[node.row()] {
                continue;
            }
            let capability = if slack == Slack::Single { 0.0 } else { self.capability[node.row()] };
            let best = &mut best[island as usize];
            if best.is_none_or(|(largest, _)| capability > largest) {
                *best = Some((capability, node));
            }
        }
        for (island, best) in self.islands.iter_mut().zip(best) {
            if let (true, Some((_, node))) = (island.references.is_empty(), best) {
                island.references.push(node);
            }
        }
    }

    /// The islands are about to be changed by hand: the next state finds its own.
    pub(crate) fn forget_islands(&mut self) {
        self.found_for = None;
    }

    /// Takes the voltage from an island that has no solution.
    pub(crate) fn kill(&mut self, plan: &Plan, island: u32) {
        self.forget_islands();
        for node in 0..plan.node_count() {
            if self.island[node] == island {
                self.island[node] = NONE;
                self.status[node] = BusStatus::Dead;
                self.killed[node] = true;
            }
        }
        self.islands[island as usize].references.clear();
    }

    /// Present active power of a unit, pu.
    pub(crate) fn unit_p_pu(&self, state: &State, unit: UnitIdx, island: u32) -> f64 {
        match self.shares[unit.row()] {
            _ if !self.running[unit.row()] => 0.0,
            Share::No => state.unit_p_pu[unit],
            Share::Clipped { at_pu, .. } => at_pu,
            Share::Weight(weight) => {
                let island = &self.islands[island as usize];
                (weight / island.weight).mul_add(island.moved_pu, state.unit_p_pu[unit])
            }
        }
    }
}

fn reset<T: Clone>(column: &mut Vec<T>, len: usize, value: T) {
    column.clear();
    column.resize(len, value);
}

/// The smallest member of a set.
pub(crate) fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}

/// Makes two sets one.
pub(crate) fn join(parent: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parent, a), root(parent, b));
    // The smaller number wins, so that the root does not depend on the order of branches.
    let (low, high) = (a.min(b), a.max(b));
    parent[high as usize] = low;
}

/// What a state's admittances differ in from the plan's, sorted by row.
pub(crate) fn patches(
    network: &Network,
    plan: &Plan,
    state: &State,
    lane: u32,
    out: &mut Vec<crate::kernel::Patch>,
) {
    use crate::kernel::Patch;
    use crate::network::admittance::TwoPort;
    let mut push = |row: u32, slot: u32, now: crate::Complex, base: crate::Complex| {
        out.push(Patch { row, slot, lane, g: now.re - base.re, b: now.im - base.im });
    };
    for (branch, base) in plan.base.iter() {
        let (on, ratio) = (state.branch_on[branch], state.tap_ratio[branch]);
        let as_in_file =
            on == network.branches.in_service[branch] && (!on || ratio == network.branches.tap_ratio[branch]);
        if as_in_file {
            continue;
        }
        let live = Problem::branch_live(network, state, branch);
        let unchanged = live == Problem::planned(network, branch)
            && (!live || ratio == network.branches.tap_ratio[branch]);
        if unchanged {
            continue;
        }
        let now = if live { TwoPort::of(&network.branches, branch, ratio) } else { TwoPort::default() };
        let slots = plan.branch_slots[branch];
        push(slots.from, Patch::DIAGONAL, now.from_from, base.from_from);
        push(slots.from, slots.from_to, now.from_to, base.from_to);
        push(slots.to, slots.to_from, now.to_from, base.to_from);
        push(slots.to, Patch::DIAGONAL, now.to_to, base.to_to);
    }
    for (shunt, step) in state.shunt_step.iter() {
        let base = network.shunts.step[shunt];
        if *step != base {
            let row = plan.position[plan.nodes.shunt[shunt]];
            let (now, base) =
                (shunt_admittance(network, shunt, *step), shunt_admittance(network, shunt, base));
            push(row, Patch::DIAGONAL, now, base);
        }
    }
    for (bus, b) in state.susceptance_pu.iter().flat_map(|column| column.iter()).filter(|(_, b)| **b != 0.0) {
        let row = plan.position[plan.nodes.demand[bus]];
        push(row, Patch::DIAGONAL, crate::Complex { re: 0.0, im: *b }, crate::Complex::default());
    }
    out.sort_by_key(|p| (p.row, p.slot, p.lane));
}
