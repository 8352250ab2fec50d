//! Who provides the difference between schedule and demand plus losses: running units in proportion to their largest
//! power, each clipped to its range and ramp. What nobody can provide is unmet, and reported.
//!
//! One unknown per island (the power moved) and one equation (the active balance of the bus whose angle is held) border
//! Newton's system; the border is eliminated by one more right-hand side of the same factorisation.

use crate::config::Slack;
use crate::desk::Frame;
use crate::index::Index;
use crate::kernel::Arena;
use crate::lane::Lane;
use crate::plan::Plan;
use crate::problem::{NONE, Problem, Share};
use crate::solution::{Island, Solution};
use crate::state::State;

/// A unit is beyond its range from here on, pu.
const RANGE_TOLERANCE_PU: f64 = 1e-9;

/// Clips units that left their range, and lets those share again that have room. `unmet_pu` is what the reference of each
/// island provides beyond everybody's schedule. Returns whether anything changed.
pub(crate) fn clip(problem: &mut Problem, plan: &Plan, state: &State, unmet_pu: &[f64]) -> bool {
    let mut turned = vec![false; problem.islands.len()];
    for (unit, node) in plan.nodes.unit.iter() {
        let island = problem.island[node.row()];
        if island == NONE {
            continue;
        }
        let of = &problem.islands[island as usize];
        let p = problem.unit_p_pu(state, unit, island);
        turned[island as usize] |= match problem.shares[unit.row()] {
            Share::No => false,
            Share::Weight(_) => {
                p > state.unit_p_high_pu[unit] + RANGE_TOLERANCE_PU
                    || p < state.unit_p_low_pu[unit] - RANGE_TOLERANCE_PU
            }
            Share::Clipped { high, weight, .. } => {
                let wanted = if of.weight > 0.0 {
                    (weight / of.weight).mul_add(of.moved_pu, state.unit_p_pu[unit]) - p
                } else {
                    unmet_pu[island as usize]
                };
                if high { wanted < -RANGE_TOLERANCE_PU } else { wanted > RANGE_TOLERANCE_PU }
            }
        };
    }
    for island in (0..turned.len()).filter(|island| turned[*island]) {
        share_out(problem, plan, state, island as u32, unmet_pu[island]);
    }
    turned.contains(&true)
}

/// Shares what an island's units move now, and what is unmet, out anew: every unit at its schedule plus its weight times
/// one level, clipped to its range. Exact, so that no unit turns twice for the same balance.
///
/// Source: G. R. Bitran, A. C. Hax, "Disaggregation and resource allocation using convex knapsack problems with bounded
/// variables", Management Science 27(4), 1981: fix the side that is further beyond its bounds, repeat.
fn share_out(problem: &mut Problem, plan: &Plan, state: &State, island: u32, unmet_pu: f64) {
    let units: Vec<_> = plan
        .nodes
        .unit
        .iter()
        .filter(|(unit, node)| {
            problem.island[node.row()] == island && problem.shares[unit.row()] != Share::No
        })
        .map(|(unit, _)| unit)
        .collect();
    let of = &problem.islands[island as usize];
    let mut left_pu = if of.weight > 0.0 { of.moved_pu } else { unmet_pu };
    for unit in &units {
        if let Share::Clipped { at_pu, weight, .. } = problem.shares[unit.row()] {
            left_pu += at_pu - state.unit_p_pu[*unit];
            problem.shares[unit.row()] = Share::Weight(weight);
        }
    }
    loop {
        let weight = units.iter().fold(0.0, |sum, unit| match problem.shares[unit.row()] {
            Share::Weight(weight) => sum + weight,
            _ => sum,
        });
        problem.islands[island as usize].weight = weight;
        problem.islands[island as usize].moved_pu = if weight > 0.0 { left_pu } else { 0.0 };
        let (mut above, mut below) = (0.0, 0.0);
        for unit in &units {
            if let Share::Weight(own) = problem.shares[unit.row()] {
                let p = (own / weight).mul_add(left_pu, state.unit_p_pu[*unit]);
                above += (p - state.unit_p_high_pu[*unit]).max(0.0);
                below += (state.unit_p_low_pu[*unit] - p).max(0.0);
            }
        }
        if above == 0.0 && below == 0.0 {
            return;
        }
        let high = above >= below;
        // Judged at one level: a unit that is clipped must not change it for those behind it in the file.
        let shared_pu = left_pu;
        for unit in &units {
            let Share::Weight(own) = problem.shares[unit.row()] else { continue };
            let p = (own / weight).mul_add(shared_pu, state.unit_p_pu[*unit]);
            let at_pu = if high { state.unit_p_high_pu[*unit] } else { state.unit_p_low_pu[*unit] };
            let beyond = if high { p > at_pu } else { p < at_pu };
            if beyond {
                problem.shares[unit.row()] = Share::Clipped { at_pu, high, weight: own };
                left_pu -= at_pu - state.unit_p_pu[*unit];
            }
        }
    }
}

/// What the reference buses of each island inject beyond what is scheduled there, pu.
pub(crate) fn unmet<L: Lane>(
    problem: &Problem,
    plan: &Plan,
    arena: &Arena<L>,
    injections: &[[L; 2]],
    lane: usize,
) -> Vec<f64> {
    let beyond = |island: &crate::problem::IslandProblem| {
        island.references.iter().fold(0.0, |sum, node| {
            let at = plan.position[*node] as usize;
            sum + injections[at][0].get(lane) - arena.schedule[at][0].get(lane)
        })
    };
    problem.islands.iter().map(beyond).collect()
}

/// Writes every unit's active power, and what is unmet, into a solution.
pub(crate) fn dispatch<L: Lane>(
    problem: &Problem,
    frame: &Frame<'_>,
    state: &State,
    arena: &Arena<L>,
    injections: &[[L; 2]],
    lane: usize,
    solution: &mut Solution,
) {
    let plan = frame.plan;
    for (unit, node) in plan.nodes.unit.iter() {
        let island = problem.island[node.row()];
        if island != NONE {
            solution.unit_p_pu[unit] = problem.unit_p_pu(state, unit, island);
        }
    }
    let unmet = unmet(problem, plan, arena, injections, lane);
    for (island, unmet_pu) in problem.islands.iter().zip(unmet) {
        let Some(reference) = island.references.first() else { continue };
        let bus = plan.nodes.bus[*reference];
        if frame.config.slack == Slack::Distributed {
            // While somebody shares, what is left is the rounding of the last iteration.
            let unmet_pu = if island.weight > 0.0 { 0.0 } else { unmet_pu };
            solution.islands.push(Island { reference: bus, unmet_pu });
            continue;
        }
        for node in &island.references {
            let at = plan.position[*node] as usize;
            let first = plan.nodes.unit.iter().find(|(u, n)| *n == node && problem.running[u.row()]);
            if let Some((unit, _)) = first {
                solution.unit_p_pu[unit] += injections[at][0].get(lane) - arena.schedule[at][0].get(lane);
            }
        }
        solution.islands.push(Island { reference: bus, unmet_pu: 0.0 });
    }
}
