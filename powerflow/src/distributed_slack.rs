//! Who provides the difference between schedule and demand plus losses: running units in proportion to their largest
//! power, each clipped to its range and ramp. What nobody can provide is unmet, and reported.
//!
//! One unknown per island (the power moved) and one equation (the active balance of the bus whose angle is held) border
//! Newton's system; the border is eliminated by one more right-hand side of the same factorisation.

use crate::config::Slack;
use crate::index::Index;
use crate::kernel::{self, Arena};
use crate::plan::Plan;
use crate::problem::{NONE, Problem, Share};
use crate::solution::{Island, Solution};
use crate::state::State;

/// A unit is beyond its range from here on, pu.
const RANGE_TOLERANCE_PU: f64 = 1e-9;

/// How often a unit may turn between sharing and clipped.
const TURNS_MAX: u8 = 4;

/// Completes a Newton step: how much more each island moves, and what that adds to the step. `balanced` lists islands
/// and the row that holds each one's angle.
#[inline(always)]
pub(crate) fn border(problem: &mut Problem, arena: &mut Arena<f64>, plan: &Plan, balanced: &[(u32, u32)]) {
    for (island, row) in balanced {
        let row = *row as usize;
        let (gap, along_step, along_response) = kernel::slack_equation(plan, arena, row, 0);
        let more = (gap - along_step) / (along_response - arena.share[row]);
        problem.islands[*island as usize].moved_pu += more;
        for (node, position) in plan.position.iter() {
            if problem.island[node.row()] != *island {
                continue;
            }
            let at = *position as usize;
            let response = arena.response[at];
            arena.step[at][0] = response[0].mul_add(more, arena.step[at][0]);
            arena.step[at][1] = response[1].mul_add(more, arena.step[at][1]);
            arena.schedule[at][0] = arena.share[at].mul_add(more, arena.schedule[at][0]);
        }
    }
}

/// Takes units that left their range out of the balance, and lets those back in that have room again. `unmet_pu` is what
/// the reference of each island provides beyond everybody's schedule. Returns whether anything changed.
pub(crate) fn clip(problem: &mut Problem, plan: &Plan, state: &State, unmet_pu: &[f64]) -> bool {
    let mut delivered: Vec<f64> = vec![0.0; problem.islands.len()];
    let mut changed = false;
    for (unit, node) in plan.nodes.unit.iter() {
        let island = problem.island[node.row()];
        let row = unit.row();
        if island == NONE || problem.turns[row] >= TURNS_MAX {
            continue;
        }
        let (low, high) = (state.unit_p_low_pu[unit], state.unit_p_high_pu[unit]);
        match problem.shares[row] {
            Share::No => {}
            Share::Weight(weight) => {
                let p = problem.unit_p_pu(state, unit, island);
                let beyond = if p > high + RANGE_TOLERANCE_PU {
                    Some((high, true))
                } else if p < low - RANGE_TOLERANCE_PU {
                    Some((low, false))
                } else {
                    None
                };
                if let Some((at_pu, high)) = beyond {
                    problem.next_shares.push((row, Share::Clipped { at_pu, high, weight }));
                    delivered[island as usize] += at_pu - state.unit_p_pu[unit];
                    changed = true;
                }
            }
            Share::Clipped { at_pu, high, weight } => {
                let of = &problem.islands[island as usize];
                let turned = if of.weight > 0.0 {
                    let wanted = (weight / of.weight).mul_add(of.moved_pu, state.unit_p_pu[unit]);
                    if high {
                        wanted < at_pu - RANGE_TOLERANCE_PU
                    } else {
                        wanted > at_pu + RANGE_TOLERANCE_PU
                    }
                } else {
                    let unmet = unmet_pu[island as usize];
                    if high { unmet < -RANGE_TOLERANCE_PU } else { unmet > RANGE_TOLERANCE_PU }
                };
                if turned {
                    problem.next_shares.push((row, Share::Weight(weight)));
                    delivered[island as usize] -= at_pu - state.unit_p_pu[unit];
                    changed = true;
                }
            }
        }
    }
    if changed {
        for (row, share) in std::mem::take(&mut problem.next_shares) {
            problem.shares[row] = share;
            problem.turns[row] += 1;
        }
        for (island, delivered) in problem.islands.iter_mut().zip(delivered) {
            island.moved_pu -= delivered;
        }
        problem.weigh(plan);
    }
    changed
}

/// What the reference buses of each island inject beyond what is scheduled there, pu.
pub(crate) fn unmet(problem: &Problem, plan: &Plan, arena: &Arena<f64>, injections: &[[f64; 2]]) -> Vec<f64> {
    let beyond = |island: &crate::problem::IslandProblem| {
        island.references.iter().fold(0.0, |sum, node| {
            let at = plan.position[*node] as usize;
            sum + injections[at][0] - arena.schedule[at][0]
        })
    };
    problem.islands.iter().map(beyond).collect()
}

/// Writes every unit's active power, and what is unmet, into a solution.
pub(crate) fn dispatch(
    problem: &Problem,
    plan: &Plan,
    state: &State,
    arena: &Arena<f64>,
    injections: &[[f64; 2]],
    slack: Slack,
    solution: &mut Solution,
) {
    for (unit, node) in plan.nodes.unit.iter() {
        let island = problem.island[node.row()];
        if island != NONE {
            solution.unit_p_pu[unit] = problem.unit_p_pu(state, unit, island);
        }
    }
    let unmet = unmet(problem, plan, arena, injections);
    for (island, unmet_pu) in problem.islands.iter().zip(unmet) {
        let Some(reference) = island.references.first() else { continue };
        let bus = plan.nodes.bus[*reference];
        if slack == Slack::Distributed {
            // While somebody shares, what is left is the rounding of the last iteration.
            let unmet_pu = if island.weight > 0.0 { 0.0 } else { unmet_pu };
            solution.islands.push(Island { reference: bus, unmet_pu });
            continue;
        }
        for node in &island.references {
            let at = plan.position[*node] as usize;
            let first = plan.nodes.unit.iter().find(|(u, n)| *n == node && problem.running[u.row()]);
            if let Some((unit, _)) = first {
                solution.unit_p_pu[unit] += injections[at][0] - arena.schedule[at][0];
            }
        }
        solution.islands.push(Island { reference: bus, unmet_pu: 0.0 });
    }
}
