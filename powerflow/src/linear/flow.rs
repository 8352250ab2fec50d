//! The linear power flow: angles from active power alone, magnitudes one.
//!
//! Source: MATPOWER User's Manual, section 3.7, DC modelling: `b = 1 / (x tap)`, phase shifts as injections.

use super::factor::{Factor, Work};
use crate::config::Slack;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::index::{Index, NodeIdx};
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{IslandProblem, NONE, Problem, Share};
use crate::state::State;

/// Susceptance of each branch, pu, by row; zero where it carries nothing.
pub(super) fn susceptances(network: &Network, plan: &Plan, state: &State, problem: &Problem) -> Vec<f64> {
    plan.nodes
        .branch_from
        .iter()
        .map(|(branch, from)| {
            let live = Problem::branch_live(network, state, branch) && problem.island[from.row()] != NONE;
            if live { 1.0 / (network.branches.reactance_pu[branch] * state.tap_ratio[branch]) } else { 0.0 }
        })
        .collect()
}

/// The angle of each node that is known beforehand, rad, by elimination position: that stored for a reference, and zero
/// where there is no voltage, which nobody reads.
pub(super) fn known_angles(network: &Network, plan: &Plan, problem: &Problem) -> Vec<Option<f64>> {
    let known = |node: &NodeIdx| {
        let island = problem.island[node.row()];
        if island == NONE {
            return Some(0.0);
        }
        let held = problem.islands[island as usize].references.contains(node);
        held.then(|| network.buses.stored_va_rad[plan.nodes.bus[*node]])
    };
    plan.node_at.iter().map(known).collect()
}

/// Angle of each node, rad, relative to the stored angles of the references; zero on nodes without voltage.
pub(crate) fn angles(network: &Network, plan: &Plan, state: &State, problem: &Problem) -> Vec<f64> {
    let susceptance_pu = susceptances(network, plan, state, problem);
    let known = known_angles(network, plan, problem);
    let grounded: Vec<bool> = known.iter().map(Option::is_some).collect();
    let factor = Factor::new(plan, &susceptance_pu, &grounded);
    solved(network, plan, state, problem, &susceptance_pu, &known, &factor)
}

/// The same with a factor at hand.
fn solved(
    network: &Network,
    plan: &Plan,
    state: &State,
    problem: &Problem,
    susceptance_pu: &[f64],
    known: &[Option<f64>],
    factor: &Factor,
) -> Vec<f64> {
    let n = plan.node_count();
    let mut rhs = vec![0.0; n];
    for node in plan.nodes.bus.indices() {
        rhs[plan.position[node] as usize] = problem.fixed_p_pu[node.row()];
    }
    for (unit, node) in plan.nodes.unit.iter() {
        let island = problem.island[node.row()];
        if island != NONE && problem.running[unit.row()] && problem.shares[unit.row()] != Share::No {
            rhs[plan.position[*node] as usize] += problem.unit_p_pu(state, unit, island);
        }
    }
    for (shunt, node) in plan.nodes.shunt.iter() {
        let y = crate::plan::shunt_admittance(network, shunt, state.shunt_step[shunt]);
        rhs[plan.position[*node] as usize] -= y.re;
    }
    for (branch, slots) in plan.branch_slots.iter() {
        let b = susceptance_pu[branch.row()];
        let shifted = b * network.branches.shift_rad[branch];
        let (from, to) = (slots.from as usize, slots.to as usize);
        // What a known angle contributes to its neighbours is on their right-hand side.
        rhs[from] += b.mul_add(known[to].unwrap_or(0.0), shifted);
        rhs[to] += b.mul_add(known[from].unwrap_or(0.0), -shifted);
    }
    let mut work = Work::<f64>::new(n);
    for (at, (rhs, known)) in rhs.iter().zip(known).enumerate() {
        work.inject(at, 0, known.unwrap_or(*rhs));
    }
    factor.solve(&mut work);
    plan.position.as_slice().iter().map(|at| work.x[*at as usize]).collect()
}

/// A reactance below this is as good as none, pu: the susceptance and what is made of it would run out of numbers.
pub(super) const SMALLEST_PU: f64 = 1e-100;

/// A complaint for each branch in service whose flow a linear model cannot tell.
pub(crate) fn without_reactance(network: &Network, state: &State) -> Diagnostics {
    let mut complaints = Diagnostics::default();
    for (branch, x) in network.branches.reactance_pu.iter() {
        if x.abs() < SMALLEST_PU && Problem::branch_live(network, state, branch) {
            complaints.push(
                Diagnostic::error(
                    "linear.no-reactance",
                    format!(
                        "{} has no reactance, so the linear power flow cannot see it",
                        network.branch_name(branch)
                    ),
                )
                .hint("solve without --linear, or give the branch a small reactance"),
            );
        }
    }
    complaints
}

/// A complaint where a factor lacks a pivot: the reactances around a node cancel.
pub(super) fn undetermined(network: &Network, plan: &Plan, factor: &Factor) -> Diagnostics {
    let mut complaints = Diagnostics::default();
    if let Some(at) = factor.singular {
        let bus = network.buses.id[plan.nodes.bus[plan.node_at[at]]];
        complaints.push(
            Diagnostic::error(
                "linear.singular",
                format!("the linear power flow does not determine the angle of bus {bus}"),
            )
            .hint("reactances of both signs cancel around it; solve without --linear"),
        );
    }
    complaints
}

/// What the linear power flow answers, in file order.
#[derive(Clone, Debug)]
pub struct LinearFlow {
    /// Angle of each bus, rad; `None` where it is not energised.
    pub angle_rad: Vec<Option<f64>>,
    /// Active power from the from to the to end of each branch, pu.
    pub branch_p_pu: Vec<f64>,
    /// Active power of each unit, pu.
    pub unit_p_pu: Vec<f64>,
    /// Which buses are energised.
    pub status: Vec<crate::BusStatus>,
    /// What no unit could provide, pu, summed over islands.
    pub unmet_pu: f64,
}

/// The linear power flow of a state. It has an answer wherever an island has a source.
///
/// # Errors
/// A diagnostic naming the branches in service without reactance: their flow is not determined.
pub fn solve_linear(
    network: &Network,
    state: &State,
    config: &crate::NewtonConfig,
) -> Result<LinearFlow, Diagnostics> {
    let plan = Plan::new(network, &state.topology);
    let mut problem = Problem::default();
    problem.set(network, &plan, state, config.slack);
    without_reactance(network, state).into_result(())?;
    let susceptance_pu = susceptances(network, &plan, state, &problem);
    let known = known_angles(network, &plan, &problem);
    let grounded: Vec<bool> = known.iter().map(Option::is_some).collect();
    let factor = Factor::new(&plan, &susceptance_pu, &grounded);
    undetermined(network, &plan, &factor).into_result(())?;

    // Lossless: what is missing is known before anything is solved.
    let mut missing = vec![0.0; problem.islands.len()];
    for (node, island) in plan.nodes.bus.indices().zip(&problem.island) {
        if *island != NONE {
            missing[*island as usize] -= problem.fixed_p_pu[node.row()];
        }
    }
    for (shunt, node) in plan.nodes.shunt.iter() {
        if problem.island[node.row()] != NONE {
            let y = crate::plan::shunt_admittance(network, shunt, state.shunt_step[shunt]);
            missing[problem.island[node.row()] as usize] += y.re;
        }
    }
    for (unit, node) in plan.nodes.unit.iter() {
        let island = problem.island[node.row()];
        if island != NONE && problem.shares[unit.row()] != Share::No {
            missing[island as usize] -= state.unit_p_pu[unit];
        }
    }
    for (island, missing) in problem.islands.iter_mut().zip(&missing) {
        if island.weight > 0.0 {
            island.moved_pu = *missing;
        }
    }
    let nothing = vec![0.0; problem.islands.len()];
    while crate::distributed_slack::clip(&mut problem, &plan, state, &nothing) {}
    let angle = solved(network, &plan, state, &problem, &susceptance_pu, &known, &factor);

    let mut flow = LinearFlow {
        angle_rad: Vec::new(),
        branch_p_pu: Vec::new(),
        unit_p_pu: Vec::new(),
        status: problem.status[..network.buses.id.len()].to_vec(),
        unmet_pu: 0.0,
    };
    for bus in network.buses.id.indices() {
        let row = bus.row();
        flow.angle_rad.push((problem.island[row] != NONE).then_some(angle[row]));
    }
    for (branch, from) in plan.nodes.branch_from.iter() {
        let (from, to) = (from.row(), plan.nodes.branch_to[branch].row());
        let across = angle[from] - angle[to] - network.branches.shift_rad[branch];
        flow.branch_p_pu.push(susceptance_pu[branch.row()] * across);
    }
    for (unit, node) in plan.nodes.unit.iter() {
        let island = problem.island[node.row()];
        flow.unit_p_pu.push(if island == NONE { 0.0 } else { problem.unit_p_pu(state, unit, island) });
    }
    for (island, missing) in problem.islands.iter().zip(&missing) {
        if config.slack == Slack::Distributed {
            // What is still to be moved when nobody shares any more is unmet.
            let unmet =
                if island.weight > 0.0 { 0.0 } else { missing - clipped(&problem, &plan, state, island) };
            flow.unmet_pu += unmet.abs();
            continue;
        }
        for node in &island.references {
            let leaving: f64 = plan
                .branch_slots
                .iter()
                .map(|(branch, _)| {
                    let p = flow.branch_p_pu[branch.row()];
                    let out = if plan.nodes.branch_from[branch] == *node { p } else { 0.0 };
                    out - if plan.nodes.branch_to[branch] == *node { p } else { 0.0 }
                })
                .sum();
            let shunts: f64 = plan
                .nodes
                .shunt
                .iter()
                .filter(|(_, at)| *at == node)
                .map(|(shunt, _)| crate::plan::shunt_admittance(network, shunt, state.shunt_step[shunt]).re)
                .sum();
            let first = plan.nodes.unit.iter().find(|(u, at)| *at == node && problem.running[u.row()]);
            if let Some((unit, _)) = first {
                flow.unit_p_pu[unit.row()] += leaving + shunts - problem.fixed_p_pu[node.row()];
            }
        }
    }
    Ok(flow)
}

/// What the clipped units of an island have moved, pu.
fn clipped(problem: &Problem, plan: &Plan, state: &State, island: &IslandProblem) -> f64 {
    let in_island = |node: &NodeIdx| {
        let at = problem.island[node.row()];
        at != NONE && std::ptr::eq(&problem.islands[at as usize], island)
    };
    plan.nodes
        .unit
        .iter()
        .filter(|(_, node)| in_island(node))
        .filter_map(|(unit, _)| match problem.shares[unit.row()] {
            Share::Clipped { at_pu, .. } => Some(at_pu - state.unit_p_pu[unit]),
            _ => None,
        })
        .sum()
}
