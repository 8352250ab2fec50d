//! Reactive limits: a bus whose units reach the end of their range stops holding its voltage (PV to PQ), and takes it
//! up again when the voltage has crossed the set-point (PQ to PV). All buses at once, each a bounded number of times; where
//! there is no solution after that, half of them, those that are furthest beyond, and so on.

use crate::index::{Index, NodeIdx, UnitIdx};
use crate::kernel::Arena;
use crate::lane::Lane;
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{NONE, Problem};
use crate::solution::{BusStatus, LimitSide, Solution};

/// Beyond a reactive limit from here on, pu: well above the solver's noise, well below anybody's meter.
const Q_TOLERANCE_PU: f64 = 1e-7;
/// Voltage crossed the set-point from here on, pu. Apart from the one above, this is the hysteresis.
const V_TOLERANCE_PU: f64 = 1e-7;
/// A bus that has turned this often stays at the limit that it reaches next.
const SWITCHES_MAX: u8 = 8;

/// Begins with the limits that an earlier solution ended with.
pub(crate) fn resume(problem: &mut Problem, plan: &Plan, previous: &Solution, hold_references: bool) {
    for (bus, side) in &previous.at_limit {
        let row = bus.row();
        let island = problem.island[row];
        if island == NONE || !problem.holds[row] {
            continue;
        }
        let node = plan.nodes.demand[*bus];
        if !(hold_references && problem.islands[island as usize].references.contains(&node)) {
            problem.at_limit[row] = Some(*side);
        }
    }
}

/// A bus that is to turn: to that limit, or back to its set-point.
pub(crate) struct Turn {
    beyond: f64,
    node: NodeIdx,
    to: Option<LimitSide>,
}

/// Buses whose units are beyond a limit, or need not stay at one: at most `at_most` of them, those first that may hold their
/// voltage again, then by how far they are beyond. `injections` are those of the present voltages; with `hold_references` the
/// reference buses provide without limit.
pub(crate) fn turns<L: Lane>(
    problem: &Problem,
    arena: &Arena<L>,
    lane: usize,
    plan: &Plan,
    injections: &[[L; 2]],
    hold_references: bool,
    at_most: usize,
) -> Vec<Turn> {
    let mut turns = Vec::new();
    for node in &problem.holding {
        let (row, node) = (node.row(), *node);
        let island = problem.island[row];
        if island == NONE || (hold_references && problem.islands[island as usize].references.contains(&node))
        {
            continue;
        }
        let at = plan.position[node] as usize;
        let q = injections[at][1].get(lane) - problem.fixed_q_pu[row];
        let (low, high) = (problem.q_min_pu[row], problem.q_max_pu[row]);
        match problem.at_limit[row] {
            None if q > high + Q_TOLERANCE_PU => {
                turns.push(Turn { beyond: q - high, node, to: Some(LimitSide::High) });
            }
            None if q < low - Q_TOLERANCE_PU => {
                turns.push(Turn { beyond: low - q, node, to: Some(LimitSide::Low) });
            }
            None => {}
            Some(side) => {
                let magnitude = arena.voltage_of(at, lane).abs();
                if problem.switches[row] < SWITCHES_MAX
                    && on_the_wrong_side(side, magnitude, problem.v_set_pu[row])
                {
                    turns.push(Turn { beyond: f64::INFINITY, node, to: None });
                }
            }
        }
    }
    if turns.len() > at_most {
        // Stable: where two are equally far beyond, the first in the file comes first.
        turns.sort_by(|a, b| b.beyond.total_cmp(&a.beyond));
        turns.truncate(at_most);
    }
    turns
}

/// Turns buses.
pub(crate) fn turn<L: Lane>(
    problem: &mut Problem,
    arena: &mut Arena<L>,
    lane: usize,
    plan: &Plan,
    turns: &[Turn],
) {
    for Turn { node, to, .. } in turns {
        let (row, at) = (node.row(), plan.position[*node] as usize);
        problem.at_limit[row] = *to;
        problem.switches[row] = problem.switches[row].saturating_add(1);
        if to.is_none() {
            arena.set_magnitude(at, lane, problem.v_set_pu[row]);
            arena.free[at][1].set(lane, 0.0);
        } else {
            arena.free[at][1].set(lane, 1.0);
        }
    }
}

/// Where a solve stood before some buses switched.
#[derive(Debug)]
pub(crate) struct Before {
    at_limit: Vec<Option<LimitSide>>,
    switches: Vec<u8>,
    moved_pu: Vec<f64>,
    voltage: Vec<[f64; 2]>,
    free: Vec<[f64; 2]>,
}

impl Before {
    /// Remembers the present.
    pub(crate) fn of<L: Lane>(problem: &Problem, arena: &Arena<L>, lane: usize) -> Self {
        Before {
            at_limit: problem.at_limit.clone(),
            switches: problem.switches.clone(),
            moved_pu: problem.islands.iter().map(|island| island.moved_pu).collect(),
            voltage: arena.voltage.iter().map(|v| [v[0].get(lane), v[1].get(lane)]).collect(),
            free: arena.free.iter().map(|f| [f[0].get(lane), f[1].get(lane)]).collect(),
        }
    }

    /// Goes back to it.
    pub(crate) fn restore<L: Lane>(self, problem: &mut Problem, arena: &mut Arena<L>, lane: usize) {
        problem.at_limit = self.at_limit;
        problem.switches = self.switches;
        for (island, moved_pu) in problem.islands.iter_mut().zip(self.moved_pu) {
            island.moved_pu = moved_pu;
        }
        for at in 0..self.voltage.len() {
            for k in 0..2 {
                arena.voltage[at][k].set(lane, self.voltage[at][k]);
                arena.free[at][k].set(lane, self.free[at][k]);
            }
        }
    }
}

/// Whether a bus at a limit could take up its voltage again.
fn on_the_wrong_side(side: LimitSide, magnitude_pu: f64, set_pu: f64) -> bool {
    match side {
        LimitSide::High => magnitude_pu > set_pu + V_TOLERANCE_PU,
        LimitSide::Low => magnitude_pu < set_pu - V_TOLERANCE_PU,
    }
}

/// Writes into a solution which buses are at a limit, and which of them should not be but turned too often.
pub(crate) fn report(problem: &Problem, solution: &mut Solution) {
    for (bus, status) in solution.status.iter() {
        let row = bus.row();
        if let (BusStatus::Live, Some(side)) = (*status, problem.at_limit[row]) {
            solution.at_limit.push((bus, side));
            let magnitude = solution.voltage[NodeIdx::from_row(row)].abs();
            if on_the_wrong_side(side, magnitude, problem.v_set_pu[row]) {
                solution.unsettled.push(bus);
            }
        }
    }
}

/// Writes every unit's reactive power into a solution: units that hold one voltage share in proportion to their ranges
/// (equally where all are empty). An infinite limit counts as one far enough to leave every finite one alone.
///
/// Source: MATPOWER, `pfsoln`, which puts the same proxies in the place of infinite limits.
pub(crate) fn dispatch<L: Lane>(
    problem: &Problem,
    plan: &Plan,
    network: &Network,
    injections: &[[L; 2]],
    lane: usize,
    solution: &mut Solution,
) {
    let units = &network.units;
    let n = plan.node_count();
    let holding = |unit: UnitIdx| problem.running[unit.row()] && units.regulates[unit];
    let total = |node: NodeIdx| {
        injections[plan.position[node] as usize][1].get(lane) - problem.fixed_q_pu[node.row()]
    };
    let mut count = vec![0.0f64; n];
    for (_, node) in plan.nodes.unit.iter().filter(|(unit, _)| holding(*unit)) {
        count[node.row()] += 1.0;
    }
    let mut proxy = vec![0.0f64; n];
    for (unit, node) in plan.nodes.unit.iter().filter(|(unit, _)| holding(*unit)) {
        for limit in [units.q_min_pu[unit], units.q_max_pu[unit], total(*node) / count[node.row()]] {
            proxy[node.row()] += if limit.is_finite() { limit.abs() } else { 0.0 };
        }
    }
    let range_of = |unit: UnitIdx, node: NodeIdx| {
        let far = proxy[node.row()];
        let limit = |q: f64| if q.is_finite() { q } else { far.copysign(q) };
        (limit(units.q_min_pu[unit]), limit(units.q_max_pu[unit]))
    };
    let (mut low, mut range) = (vec![0.0f64; n], vec![0.0f64; n]);
    for (unit, node) in plan.nodes.unit.iter().filter(|(unit, _)| holding(*unit)) {
        let (row, (own_low, own_high)) = (node.row(), range_of(unit, *node));
        low[row] += own_low;
        range[row] += own_high - own_low;
    }
    for (unit, node) in plan.nodes.unit.iter() {
        let row = node.row();
        if problem.island[row] == NONE || !problem.running[unit.row()] {
            continue;
        }
        solution.unit_q_pu[unit] = if !units.regulates[unit] {
            units.q_pu[unit]
        } else {
            let (own_low, own_high) = range_of(unit, *node);
            let beyond = total(*node) - low[row];
            if range[row] > 0.0 {
                ((own_high - own_low) / range[row]).mul_add(beyond, own_low)
            } else {
                own_low + beyond / count[row]
            }
        };
    }
}
