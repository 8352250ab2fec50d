//! Switched shunts that keep a voltage in its band by their step. A bus moves one shunt at a pass: the first in the file that
//! can go on in the right direction; one step while its effect is unknown, then as many as the voltage needs, at most three.
//!
//! Sources: PSS/E Data Formats, Switched Shunt Data, mode 1; OpenLoadFlow's incremental shunt voltage control.

use crate::control::steps::{Memory, outside};
use crate::control::{ControlConfig, Element, Left, LeftReason, Proposal};
use crate::index::Index;
use crate::network::{Network, ShuntControl};
use crate::solution::Solution;
use crate::state::State;

/// Steps that a shunt moves at most in one pass.
const STEPS_MAX: usize = 3;

/// One pu of susceptance moves a voltage by about the reactance that feeds its bus: between these, pu.
const FEEDING_X_PU: (f64, f64) = (1e-5, 10.0);

/// The loop over shunts.
#[derive(Clone, Debug)]
pub(super) struct Shunts {
    memory: Vec<Memory>,
    reversals_max: u8,
}

impl Shunts {
    /// A loop over the first `count` controls of the network: all, or none.
    pub(super) fn new(count: usize, control: &ControlConfig) -> Self {
        Shunts { memory: vec![Memory::default(); count], reversals_max: control.reversals_max }
    }

    /// The moves that bring voltages towards their bands.
    pub(super) fn propose(&mut self, network: &Network, state: &State, solution: &Solution) -> Vec<Proposal> {
        let mut moves = vec![false; network.buses.id.len()];
        let mut proposals = Vec::new();
        for (memory, control) in self.memory.iter_mut().zip(&network.controls.shunts) {
            memory.stuck = None;
            let Some(voltage) = solution.vm_pu(control.bus) else { continue };
            let (order, at) = ladder(network, state, control);
            let susceptance = |at: usize| network.shunts.steps_pu[control.shunt][order[at] as usize];
            let now = susceptance(at);
            memory.learn(now, voltage, FEEDING_X_PU);
            let Some(wanted) = outside(voltage, control.band_pu) else { continue };
            memory.stuck = Some(LeftReason::NoPosition);
            if memory.blocked.is_some() || moves[control.bus.row()] {
                continue;
            }
            let up = wanted > 0.0;
            let reachable = if up {
                at + 1..order.len().min(at + STEPS_MAX + 1)
            } else {
                at.saturating_sub(STEPS_MAX)..at
            };
            let next = match memory.gain {
                _ if reachable.is_empty() => {
                    memory.stuck = Some(LeftReason::EndOfRange);
                    continue;
                }
                None => {
                    if up {
                        at + 1
                    } else {
                        at - 1
                    }
                }
                Some(gain) => {
                    let goal = now + wanted / gain;
                    let distance = |to: usize| (susceptance(to) - goal).abs();
                    let best =
                        reachable.fold(at, |best, to| if distance(to) < distance(best) { to } else { best });
                    if best == at {
                        continue;
                    }
                    best
                }
            };
            if memory.may_move(if up { 1 } else { -1 }, self.reversals_max) {
                memory.leaves(now, voltage);
                moves[control.bus.row()] = true;
                proposals
                    .push(Proposal { element: Element::Shunt(control.shunt), to: f64::from(order[next]) });
            }
        }
        proposals
    }

    /// An element whose move had no solution moves no more.
    pub(super) fn block(&mut self, network: &Network, element: Element) {
        for (memory, control) in self.memory.iter_mut().zip(&network.controls.shunts) {
            if element == Element::Shunt(control.shunt) {
                memory.blocked = Some(LeftReason::NoSolution);
            }
        }
    }

    /// Those that are not content.
    pub(super) fn left(&self, network: &Network) -> Vec<Left> {
        let controls = self.memory.iter().zip(&network.controls.shunts);
        controls
            .filter_map(|(memory, control)| {
                Some(Left { element: Element::Shunt(control.shunt), reason: memory.left()? })
            })
            .collect()
    }
}

/// The steps of a shunt by rising susceptance, and the place of its present one among them. Of steps with one susceptance
/// (out, and in with nothing switched) the present one counts, else the first.
fn ladder(network: &Network, state: &State, control: &ShuntControl) -> (Vec<u32>, usize) {
    let steps = &network.shunts.steps_pu[control.shunt];
    let present = state.shunt_step[control.shunt];
    let susceptance = |step: u32| steps[step as usize];
    let mut order: Vec<u32> = (0..steps.len() as u32).collect();
    order.sort_by(|a, b| {
        let (first, second) = ((*a != present, *a), (*b != present, *b));
        susceptance(*a).total_cmp(&susceptance(*b)).then(first.cmp(&second))
    });
    order.dedup_by(|a, b| susceptance(*a) == susceptance(*b));
    let at = order.iter().position(|step| *step == present).unwrap_or(0);
    (order, at)
}
