//! The energised part of a grid in one state of switches and taps, as meters see it, and what is unknown in it.
//!
//! With voltages `V` and two-ports `y`, power into an end is `A + B`, `A = |V|^2 conj(y_own)`, `B = V conj(y_mutual V_other)`. Unknown
//! is the logarithm of each voltage, `dV / V = a + j b`: angle b in rad and relative magnitude a. Then `dA = 2 a A` and
//! `dB = (a + a_other + j (b - b_other)) B`, so every derivative is made of A and B themselves.

use super::meter::{End, MeterKind, MeterSet};
use crate::config::Slack;
use crate::index::{BranchIdx, BusIdx, Column, Index, NodeIdx};
use crate::network::Network;
use crate::network::admittance::TwoPort;
use crate::plan::{self, Plan};
use crate::problem::{NONE, Problem};
use crate::solution::Complex;
use crate::state::State;

/// One end of a branch that carries current.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// Node here and at the other end.
    pub(super) node: u32,
    pub(super) other: u32,
    /// Bus here.
    pub(super) bus: u32,
    pub(super) own: Complex,
    pub(super) mutual: Complex,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Circuit {
    pub(super) nodes: usize,
    pub(super) buses: usize,
    /// From and to end of every branch that carries current.
    pub(super) terminals: Vec<Terminal>,
    /// Place of its from end among them.
    pub(super) terminal_of: Column<BranchIdx, Option<u32>>,
    /// Admittance to ground of each node's shunts, pu.
    pub(super) shunt: Vec<Complex>,
    pub(super) bus_of: Vec<u32>,
    /// Nodes with a voltage.
    pub(super) live: Vec<bool>,
    /// Angle stored for the reference of each node's island, rad; zero where it is dead.
    pub(super) reference_rad: Vec<f64>,
    /// The reference of each node's island; none where it is dead.
    pub(super) reference: Vec<Option<usize>>,
    /// Unknown of each node's angle, and of its magnitude.
    pub(super) unknown: Vec<[Option<u32>; 2]>,
    pub(super) unknowns: usize,
}

impl Circuit {
    /// Of a state; an island without a phasor angle keeps its reference, at the angle stored in the file.
    pub(super) fn of(network: &Network, plan: &Plan, state: &State, set: &MeterSet) -> Self {
        let mut problem = Problem::default();
        problem.set(network, plan, state, Slack::Distributed);
        let nodes = plan.node_count();
        let live: Vec<bool> = problem.island.iter().map(|island| *island != NONE).collect();
        let mut has_angle = vec![false; problem.islands.len()];
        for meter in &set.meters {
            if let MeterKind::PhasorAngle(bus) = meter.kind
                && live[bus.row()]
            {
                has_angle[problem.island[bus.row()] as usize] = true;
            }
        }
        let mut held = vec![false; nodes];
        let mut island_rad = vec![0.0; problem.islands.len()];
        let reference_of = |island: &u32| -> Option<usize> {
            Some(problem.islands.get(*island as usize)?.references.first()?.row())
        };
        let reference = problem.island.iter().map(reference_of).collect();
        for (row, island) in problem.islands.iter().enumerate() {
            for node in &island.references {
                held[node.row()] = !has_angle[row];
                island_rad[row] = network.buses.stored_va_rad[plan.nodes.bus[*node]];
            }
        }
        let angle = |island: &u32| island_rad.get(*island as usize).copied().unwrap_or(0.0);
        let reference_rad = problem.island.iter().map(angle).collect();
        let mut terminals = Vec::new();
        let mut terminal_of = Column::filled(None, network.branches.from.len());
        for (branch, from) in plan.nodes.branch_from.iter() {
            let to = plan.nodes.branch_to[branch];
            if !Problem::branch_live(network, state, branch) || !live[from.row()] || from == &to {
                continue;
            }
            terminal_of[branch] = Some(terminals.len() as u32);
            let y = TwoPort::of(&network.branches, branch, state.tap_ratio[branch]);
            let (from, to) = (from.row() as u32, to.row() as u32);
            let bus = |node: u32| plan.nodes.bus[NodeIdx::from_row(node as usize)].row() as u32;
            let end = |node, other, own, mutual| Terminal { node, other, bus: bus(node), own, mutual };
            terminals.push(end(from, to, y.from_from, y.from_to));
            terminals.push(end(to, from, y.to_to, y.to_from));
        }
        let mut shunt = vec![Complex::default(); nodes];
        for (row, node) in plan.nodes.shunt.iter() {
            plan::add(&mut shunt[node.row()], plan::shunt_admittance(network, row, state.shunt_step[row]));
        }
        let mut unknowns = 0;
        let mut next = |is_unknown: bool| {
            is_unknown.then(|| {
                unknowns += 1;
                unknowns - 1
            })
        };
        let unknown: Vec<[Option<u32>; 2]> =
            (0..nodes).map(|node| [next(live[node] && !held[node]), next(live[node])]).collect();
        Circuit {
            nodes,
            buses: network.buses.id.len(),
            terminals,
            terminal_of,
            shunt,
            bus_of: plan.nodes.bus.as_slice().iter().map(|bus| bus.row() as u32).collect(),
            live,
            reference_rad,
            reference,
            unknown,
            unknowns: unknowns as usize,
        }
    }

    /// How many quantities there are; see [`Self::quantity`].
    pub(super) fn quantities(&self) -> usize {
        2 * (self.nodes + self.buses + self.terminals.len())
    }

    /// Place of a node's magnitude among the quantities; its angle follows all magnitudes.
    #[inline(always)]
    pub(super) fn magnitude(&self, node: usize) -> usize {
        node
    }

    /// Place of a node's angle.
    #[inline(always)]
    pub(super) fn angle(&self, node: usize) -> usize {
        self.nodes + node
    }

    /// Place of a bus's active injection; the reactive one is next.
    #[inline(always)]
    pub(super) fn injection(&self, bus: usize) -> usize {
        2 * self.nodes + 2 * bus
    }

    /// Place of the active power into a terminal; the reactive one is next.
    #[inline(always)]
    pub(super) fn flow(&self, terminal: usize) -> usize {
        2 * (self.nodes + self.buses) + 2 * terminal
    }

    /// Place of what a meter measures; `None` where that has no voltage or carries nothing.
    pub(super) fn quantity(&self, kind: MeterKind) -> Option<usize> {
        let bus = |row: BusIdx| self.live[row.row()].then_some(row.row());
        let terminal = |branch: BranchIdx, end: End| {
            self.terminal_of[branch].map(|from| from as usize + usize::from(end == End::To))
        };
        Some(match kind {
            MeterKind::Voltage(row) | MeterKind::PhasorVoltage(row) => self.magnitude(bus(row)?),
            MeterKind::PhasorAngle(row) => self.angle(bus(row)?),
            MeterKind::ActiveInjection(row) => self.injection(bus(row)?),
            MeterKind::ReactiveInjection(row) => self.injection(bus(row)?) + 1,
            MeterKind::ActiveFlow(branch, end) => self.flow(terminal(branch, end)?),
            MeterKind::ReactiveFlow(branch, end) => self.flow(terminal(branch, end)?) + 1,
        })
    }

    /// Derivatives of quantities at these voltages, pu, one row for each of the list.
    pub(super) fn derivatives(&self, quantities: &[usize], voltage: &[Complex]) -> Vec<Vec<(u32, f64)>> {
        let mut at_bus: Vec<Vec<usize>> = vec![Vec::new(); self.buses];
        for (at, terminal) in self.terminals.iter().enumerate() {
            at_bus[terminal.bus as usize].push(at);
        }
        let mut nodes_of: Vec<Vec<usize>> = vec![Vec::new(); self.buses];
        for (node, bus) in self.bus_of.iter().enumerate() {
            nodes_of[*bus as usize].push(node);
        }
        let row = |quantity: usize| {
            let mut row = Vec::new();
            let mut push =
                |unknown: Option<u32>, value: f64| row.extend(unknown.map(|unknown| (unknown, value)));
            if quantity < self.nodes {
                push(self.unknown[quantity][1], voltage[quantity].abs());
            } else if quantity < 2 * self.nodes {
                push(self.unknown[quantity - self.nodes][0], 1.0);
            } else if quantity < 2 * (self.nodes + self.buses) {
                let (bus, part) = ((quantity - 2 * self.nodes) / 2, quantity % 2);
                for terminal in &at_bus[bus] {
                    self.flow_derivatives(*terminal, part, voltage, &mut push);
                }
                for node in &nodes_of[bus] {
                    let (y, v) = (self.shunt[*node], voltage[*node].abs());
                    push(self.unknown[*node][1], 2.0 * v * v * if part == 0 { y.re } else { -y.im });
                }
            } else {
                let at = quantity - 2 * (self.nodes + self.buses);
                self.flow_derivatives(at / 2, at % 2, voltage, &mut push);
            }
            row
        };
        quantities.iter().map(|quantity| row(*quantity)).collect()
    }

    /// Derivatives of the active (`part` 0) or reactive power into a terminal.
    fn flow_derivatives(
        &self,
        terminal: usize,
        part: usize,
        voltage: &[Complex],
        push: &mut impl FnMut(Option<u32>, f64),
    ) {
        let end = &self.terminals[terminal];
        let (here, there) = (end.node as usize, end.other as usize);
        let (a, b) = end.power(voltage[here], voltage[there]);
        // The power itself, and the same turned by a quarter: what an angle changes.
        let (own, mutual, turned) = if part == 0 { (a.re, b.re, -b.im) } else { (a.im, b.im, b.re) };
        push(self.unknown[here][0], turned);
        push(self.unknown[there][0], -turned);
        push(self.unknown[here][1], 2.0 * own + mutual);
        push(self.unknown[there][1], mutual);
    }
}

impl Terminal {
    /// The two parts of the power into it; see the module.
    pub(super) fn power(&self, here: Complex, there: Complex) -> (Complex, Complex) {
        let square = here.re * here.re + here.im * here.im;
        let current = Complex {
            re: self.mutual.re * there.re - self.mutual.im * there.im,
            im: self.mutual.re * there.im + self.mutual.im * there.re,
        };
        let a = Complex { re: square * self.own.re, im: -square * self.own.im };
        let b = Complex {
            re: here.re * current.re + here.im * current.im,
            im: here.im * current.re - here.re * current.im,
        };
        (a, b)
    }
}
