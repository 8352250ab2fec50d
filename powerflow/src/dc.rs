//! The linear power flow: angles from active power alone, magnitudes one.
//!
//! Source: MATPOWER User's Manual, section 3.7, DC modelling: `b = 1 / (x tap)`, phase shifts as injections.

use crate::config::Slack;
use crate::index::{BranchIdx, Index};
use crate::network::Network;
use crate::plan::Plan;
use crate::problem::{IslandProblem, NONE, Problem, Share};
use crate::state::State;

/// Susceptance of a branch, pu.
fn susceptance(network: &Network, state: &State, branch: BranchIdx) -> f64 {
    1.0 / (network.branches.reactance_pu[branch] * state.tap_ratio[branch])
}

/// Angle of each node, rad, relative to the stored angles of the references; zero on nodes without voltage.
pub(crate) fn angles(network: &Network, plan: &Plan, state: &State, problem: &Problem) -> Vec<f64> {
    let n = plan.node_count();
    let mut diagonal = vec![0.0; n];
    let mut off_diagonal = vec![0.0; plan.column.len()];
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
        if !Problem::branch_live(network, state, branch) {
            continue;
        }
        let b = susceptance(network, state, branch);
        let shifted = b * network.branches.shift_rad[branch];
        let (from, to) = (slots.from as usize, slots.to as usize);
        diagonal[from] += b;
        diagonal[to] += b;
        off_diagonal[slots.from_to as usize] -= b;
        off_diagonal[slots.to_from as usize] -= b;
        rhs[from] += shifted;
        rhs[to] -= shifted;
    }
    // Rows that are known become identity rows, and what they contribute elsewhere moves to the right-hand side.
    let mut known = vec![None; n];
    for node in plan.nodes.bus.indices() {
        let at = plan.position[node] as usize;
        let island = problem.island[node.row()];
        if island == NONE {
            known[at] = Some(0.0);
        } else if problem.islands[island as usize].references.contains(&node) {
            known[at] = Some(network.buses.stored_va_rad[plan.nodes.bus[node]]);
        }
    }
    for i in 0..n {
        for slot in plan.row_start[i] as usize..plan.row_start[i + 1] as usize {
            if let Some(angle) = known[plan.column[slot] as usize] {
                rhs[i] -= off_diagonal[slot] * angle;
                off_diagonal[slot] = 0.0;
            }
            if known[i].is_some() {
                off_diagonal[slot] = 0.0;
            }
        }
        if let Some(angle) = known[i] {
            (diagonal[i], rhs[i]) = (1.0, angle);
        }
    }
    solve(plan, &diagonal, &off_diagonal, rhs).into_iter().zip(plan.node_at.iter()).fold(
        vec![0.0; n],
        |mut by_node, (angle, node)| {
            by_node[node.row()] = angle;
            by_node
        },
    )
}

/// Solves a system with the pattern of the plan, one number per slot. By elimination position.
fn solve(plan: &Plan, diagonal: &[f64], off_diagonal: &[f64], mut x: Vec<f64>) -> Vec<f64> {
    let n = plan.node_count();
    let mut upper = vec![0.0; plan.upper.len()];
    let mut pivot = vec![0.0; n];
    let mut scratch = vec![0.0; plan.scratch_len];
    let mut next_target = 0;
    for i in 0..n {
        let lower = &plan.lower[plan.lower_start[i] as usize..plan.lower_start[i + 1] as usize];
        let upper_row = plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize;
        let row = &mut scratch[..lower.len() + 1 + upper_row.len()];
        row.fill(0.0);
        row[lower.len()] = diagonal[i];
        for slot in plan.row_start[i] as usize..plan.row_start[i + 1] as usize {
            row[plan.slot_scratch[slot] as usize] = off_diagonal[slot];
        }
        for (at, j) in lower.iter().enumerate() {
            let j = *j as usize;
            let l = row[at] / pivot[j];
            let range = plan.upper_start[j] as usize..plan.upper_start[j + 1] as usize;
            for u in &upper[range] {
                row[plan.targets[next_target] as usize] -= l * u;
                next_target += 1;
            }
            x[i] -= l * x[j];
        }
        pivot[i] = row[lower.len()];
        upper[upper_row].copy_from_slice(&row[lower.len() + 1..]);
    }
    for i in (0..n).rev() {
        for k in plan.upper_start[i] as usize..plan.upper_start[i + 1] as usize {
            x[i] -= upper[k] * x[plan.upper[k] as usize];
        }
        x[i] /= pivot[i];
    }
    x
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
) -> Result<LinearFlow, crate::Diagnostics> {
    let plan = Plan::new(network, &state.topology);
    let mut problem = Problem::default();
    problem.set(network, &plan, state, config.slack);
    let mut complaints = crate::Diagnostics::default();
    for (branch, x) in network.branches.reactance_pu.iter() {
        if *x == 0.0 && Problem::branch_live(network, state, branch) {
            complaints.push(
                crate::Diagnostic::error(
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
    complaints.into_result(())?;

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
    let angle = angles(network, &plan, state, &problem);

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
        let live = Problem::branch_live(network, state, branch) && problem.island[from] != NONE;
        let across = angle[from] - angle[to] - network.branches.shift_rad[branch];
        flow.branch_p_pu.push(if live { susceptance(network, state, branch) * across } else { 0.0 });
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
    let in_island = |node: &crate::NodeIdx| {
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
