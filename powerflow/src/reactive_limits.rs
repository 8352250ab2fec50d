//! Reactive limits: a bus whose units reach the end of their range stops holding its voltage (PV to PQ), and takes it
//! up again when the voltage has crossed the set-point (PQ to PV). All buses at once, each a bounded number of times.

use crate::index::Index;
use crate::kernel::Arena;
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{NONE, Problem};
use crate::solution::{LimitSide, Solution};
use crate::solver::set_magnitude;

/// Beyond a reactive limit from here on, pu: well above the solver's noise, well below anybody's meter.
const Q_TOLERANCE_PU: f64 = 1e-7;
/// Voltage crossed the set-point from here on, pu. Apart from the one above, this is the hysteresis.
const V_TOLERANCE_PU: f64 = 1e-7;
/// A bus that has turned this often stays at its limit, and is reported as unsettled.
pub(crate) const SWITCHES_MAX: u8 = 8;

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

/// Switches every bus whose units are beyond a limit, or need not stay at one. `injections` are those of the present
/// voltages; with `hold_references` the reference buses provide without limit. Returns whether anything changed.
pub(crate) fn switch(
    problem: &mut Problem,
    arena: &mut Arena<f64>,
    plan: &Plan,
    injections: &[[f64; 2]],
    hold_references: bool,
) -> bool {
    let mut changed = false;
    for node in plan.nodes.bus.indices() {
        let row = node.row();
        let island = problem.island[row];
        if island == NONE || !problem.holds[row] || problem.switches[row] >= SWITCHES_MAX {
            continue;
        }
        if hold_references && problem.islands[island as usize].references.contains(&node) {
            continue;
        }
        let at = plan.position[node] as usize;
        let v = arena.voltage[at];
        let magnitude = (v[0] * v[0] + v[1] * v[1]).sqrt();
        let q = injections[at][1] - problem.fixed_q_pu[row];
        let set = problem.v_set_pu[row];
        let next = match problem.at_limit[row] {
            None if q > problem.q_max_pu[row] + Q_TOLERANCE_PU => Some(LimitSide::High),
            None if q < problem.q_min_pu[row] - Q_TOLERANCE_PU => Some(LimitSide::Low),
            Some(LimitSide::High) if magnitude > set + V_TOLERANCE_PU => None,
            Some(LimitSide::Low) if magnitude < set - V_TOLERANCE_PU => None,
            same => same,
        };
        if next != problem.at_limit[row] {
            problem.at_limit[row] = next;
            problem.switches[row] += 1;
            changed = true;
            if next.is_none() {
                set_magnitude(&mut arena.voltage[at], set);
                arena.free[at][1] = 0.0;
            } else {
                arena.free[at][1] = 1.0;
            }
        }
    }
    changed
}

/// Writes every unit's reactive power into a solution: units that hold one voltage share in proportion to their ranges
/// (equally where a range is infinite or all are empty).
pub(crate) fn dispatch(
    problem: &Problem,
    plan: &Plan,
    network: &Network,
    injections: &[[f64; 2]],
    solution: &mut Solution,
) {
    let units = &network.units;
    let n = plan.node_count();
    let (mut count, mut low, mut range) = (vec![0.0f64; n], vec![0.0f64; n], vec![0.0f64; n]);
    let holding = |row: usize| problem.running[row] && units.regulates.as_slice()[row];
    for (unit, node) in plan.nodes.unit.iter().filter(|(u, _)| holding(u.row())) {
        let row = node.row();
        count[row] += 1.0;
        low[row] += units.q_min_pu[unit];
        range[row] += units.q_max_pu[unit] - units.q_min_pu[unit];
    }
    for (unit, node) in plan.nodes.unit.iter() {
        let row = node.row();
        if problem.island[row] == NONE || !problem.running[unit.row()] {
            continue;
        }
        solution.unit_q_pu[unit] = if !units.regulates[unit] {
            units.q_pu[unit]
        } else {
            let total = injections[plan.position[*node] as usize][1] - problem.fixed_q_pu[row];
            let own = units.q_max_pu[unit] - units.q_min_pu[unit];
            if range[row] > 0.0 && range[row].is_finite() && low[row].is_finite() {
                units.q_min_pu[unit] + (total - low[row]) * (own / range[row])
            } else {
                total / count[row]
            }
        };
    }
}
