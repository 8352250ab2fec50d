//! Limits along the curve: how far units are beyond them, and what changes where one is reached.

use crate::config::{NewtonConfig, ReactiveLimits, Slack};
use crate::continuation::curve::{Change, Curve};
use crate::continuation::{Limit, LimitEvent};
use crate::index::{Index, NodeIdx, UnitIdx};
use crate::kernel::adjoint::JacobianRow;
use crate::problem::{NONE, Share};
use crate::solution::LimitSide;

/// A bus or unit that has turned this often stays at the limit that it reaches next, as in a power flow.
const SWITCHES_MAX: u8 = 8;

/// A limit that may be reached or left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event {
    /// The units that hold a node's voltage reach this limit, or leave the one that they are at.
    Reactive(NodeIdx, Option<LimitSide>),
    /// A unit that shares what is missing reaches the upper (true) or lower end of its range, or shares again.
    Active(UnitIdx, Option<bool>),
}

/// What an event did to the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Effect {
    /// It goes on.
    Goes,
    /// Nobody is left to be the reference of an island.
    NoVoltageHeld,
    /// Nobody is left to share what is missing in an island.
    NoActivePower,
}

/// Which limits hold.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    reactive: bool,
    single: bool,
    releases: bool,
    /// How often each unit has turned.
    turns: Vec<u8>,
}

impl Rules {
    pub(super) fn new(config: &NewtonConfig, releases: bool, units: usize) -> Self {
        Rules {
            reactive: config.reactive_limits == ReactiveLimits::Enforce,
            single: config.slack == Slack::Single,
            releases,
            turns: vec![0; units],
        }
    }

    /// Whether a reference that reaches a limit hands its part on.
    pub(super) fn passes_on(&self) -> bool {
        self.single
    }

    /// Every limit that may be reached or left, with how far it is beyond that, pu.
    pub(super) fn distances(&self, curve: &Curve<'_>) -> Vec<(Event, f64)> {
        let mut distances = Vec::new();
        let (plan, problem) = (curve.plan, curve.desk.problem(0));
        let nodes = plan.nodes.bus.indices().filter(|_| self.reactive);
        for node in nodes {
            let row = node.row();
            if problem.island[row] == NONE || !problem.holds[row] {
                continue;
            }
            let at = plan.position[node] as usize;
            let Some(side) = problem.at_limit[row] else {
                let q = curve.injections[at][1] - self.given_q(curve, node);
                distances.push((Event::Reactive(node, Some(LimitSide::High)), q - problem.q_max_pu[row]));
                distances.push((Event::Reactive(node, Some(LimitSide::Low)), problem.q_min_pu[row] - q));
                continue;
            };
            if self.releases && problem.switches[row] < SWITCHES_MAX {
                let above = curve.desk.arena.voltage_of(at, 0).abs() - problem.v_set_pu[row];
                let beyond = if side == LimitSide::High { above } else { -above };
                distances.push((Event::Reactive(node, None), beyond));
            }
        }
        for (unit, node) in plan.nodes.unit.iter() {
            let island = problem.island[node.row()];
            if island == NONE {
                continue;
            }
            let scheduled =
                curve.direction.unit_p_pu[unit].mul_add(curve.lambda, curve.state.unit_p_pu[unit]);
            let of = &problem.islands[island as usize];
            let (low, high) = (curve.state.unit_p_low_pu[unit], curve.state.unit_p_high_pu[unit]);
            match problem.shares[unit.row()] {
                Share::No => {}
                Share::Weight(weight) => {
                    let p = (weight / of.weight).mul_add(of.moved_pu, scheduled);
                    distances.push((Event::Active(unit, Some(true)), p - high));
                    distances.push((Event::Active(unit, Some(false)), low - p));
                }
                Share::Clipped { at_pu, high, weight } => {
                    if self.turns[unit.row()] < SWITCHES_MAX {
                        let wanted = (weight / of.weight).mul_add(of.moved_pu, scheduled);
                        let beyond = if high { at_pu - wanted } else { wanted - at_pu };
                        distances.push((Event::Active(unit, None), beyond));
                    }
                }
            }
        }
        distances
    }

    /// Reactive power that is injected at a node whatever its units do, pu.
    fn given_q(&self, curve: &Curve<'_>, node: NodeIdx) -> f64 {
        // Second busbars have no demand of their own unless it was moved there, which the plan knows.
        let at = curve.plan.nodes.bus[node];
        let demand = if curve.plan.nodes.demand[at] == node { curve.direction.demand_q_pu[at] } else { 0.0 };
        (-demand).mul_add(curve.lambda, curve.fixed_pu[node.row()][1])
    }

    /// What an event is to people.
    pub(super) fn limit_of(curve: &Curve<'_>, event: Event) -> LimitEvent {
        let problem = curve.desk.problem(0);
        let lambda = curve.lambda;
        match event {
            Event::Reactive(node, next) => {
                let side = next.or(problem.at_limit[node.row()]).unwrap_or(LimitSide::High);
                let limit = Limit::Reactive(curve.plan.nodes.bus[node], side);
                LimitEvent { lambda, limit, reached: next.is_some() }
            }
            Event::Active(unit, next) => {
                let now = match problem.shares[unit.row()] {
                    Share::Clipped { high, .. } => high,
                    _ => true,
                };
                let side = if next.unwrap_or(now) { LimitSide::High } else { LimitSide::Low };
                LimitEvent { lambda, limit: Limit::Active(unit, side), reached: next.is_some() }
            }
        }
    }

    /// Lets an event happen where the curve is.
    pub(super) fn apply(&mut self, curve: &mut Curve<'_>, event: Event) -> Effect {
        let effect = match event {
            Event::Reactive(node, next) => self.turn_bus(curve, node, next),
            Event::Active(unit, next) => self.turn_unit(curve, unit, next),
        };
        curve.rebuild();
        curve.look();
        effect
    }

    fn turn_bus(&self, curve: &mut Curve<'_>, node: NodeIdx, next: Option<LimitSide>) -> Effect {
        let plan = curve.plan;
        let (row, at) = (node.row(), plan.position[node] as usize);
        let problem = curve.desk.problem_mut(0);
        problem.at_limit[row] = next;
        problem.switches[row] = problem.switches[row].saturating_add(1);
        if next.is_none() {
            let v_set_pu = problem.v_set_pu[row];
            curve.desk.arena.set_magnitude(at, 0, v_set_pu);
            curve.desk.arena.free[at][1] = 0.0;
            return Effect::Goes;
        }
        curve.desk.arena.free[at][1] = 1.0;
        let island = curve.desk.problem(0).island[row] as usize;
        if self.single && curve.desk.problem(0).islands[island].references.contains(&node) {
            return pass_on(curve, node, island);
        }
        Effect::Goes
    }

    fn turn_unit(&mut self, curve: &mut Curve<'_>, unit: UnitIdx, next: Option<bool>) -> Effect {
        self.turns[unit.row()] = self.turns[unit.row()].saturating_add(1);
        let plan = curve.plan;
        let island = curve.desk.problem(0).island[plan.nodes.unit[unit].row()];
        let (low, high) = (curve.state.unit_p_low_pu[unit], curve.state.unit_p_high_pu[unit]);
        let problem = curve.desk.problem_mut(0);
        problem.shares[unit.row()] = match (problem.shares[unit.row()], next) {
            (Share::Weight(weight), Some(upper)) => {
                Share::Clipped { at_pu: if upper { high } else { low }, high: upper, weight }
            }
            (Share::Clipped { weight, .. }, None) => Share::Weight(weight),
            (share, _) => share,
        };
        let mut weight = 0.0;
        for (other, node) in plan.nodes.unit.iter() {
            if let (Share::Weight(own), true) =
                (problem.shares[other.row()], problem.island[node.row()] == island)
            {
                weight += own;
            }
        }
        let of = &mut problem.islands[island as usize];
        if weight == 0.0 {
            of.weight = 0.0;
            of.moved_pu = 0.0;
            return Effect::NoActivePower;
        }
        // The others stay where they are: each moves its share of one level.
        of.moved_pu *= weight / of.weight;
        of.weight = weight;
        Effect::Goes
    }

    /// Whether a change leads from an event into where its limit holds; `None` where that says nothing.
    pub(super) fn leads_inside(curve: &Curve<'_>, event: Event, change: &Change) -> Option<bool> {
        let Event::Reactive(node, next) = event else { return None };
        let at = curve.plan.position[node] as usize;
        let magnitude = change.step[at][1];
        let inside = match (next, curve.desk.problem(0).at_limit[node.row()]) {
            // At the upper limit the voltage falls below its set-point, at the lower it rises above.
            (Some(LimitSide::High), _) => -magnitude,
            (Some(LimitSide::Low), _) => magnitude,
            _ => return None,
        };
        (inside != 0.0).then_some(inside > 0.0)
    }
}

/// The reference of an island with single slack is at a limit: the first bus in file order that still holds its voltage is
/// the reference from here on. The unit that was keeps the power that it provides; where that is in the base, it follows
/// the direction from there. Source: MATPOWER, `cpf_qlim_event_cb` and `runcpf`.
fn pass_on(curve: &mut Curve<'_>, node: NodeIdx, island: usize) -> Effect {
    let plan = curve.plan;
    let at = plan.position[node] as usize;
    let problem = curve.desk.problem(0);
    let next = plan.nodes.bus.indices().find(|other| {
        let row = other.row();
        problem.island[row] == island as u32
            && problem.holds[row]
            && problem.at_limit[row].is_none()
            && !problem.islands[island].references.contains(other)
    });
    let Some(next) = next else { return Effect::NoVoltageHeld };
    let provided = curve.injections[at][0] - curve.desk.arena.schedule[at][0];
    let problem = curve.desk.problem_mut(0);
    for reference in &mut problem.islands[island].references {
        if *reference == node {
            *reference = next;
        }
    }
    let units = plan.nodes.unit.iter();
    let here: Vec<UnitIdx> = units
        .filter(|(unit, of)| **of == node && problem.running[unit.row()])
        .map(|(unit, _)| unit)
        .collect();
    for (number, unit) in here.into_iter().enumerate() {
        let problem = curve.desk.problem_mut(0);
        // What the bus provided beyond its schedule is the first unit's.
        let more = if number == 0 { provided } else { 0.0 };
        let now = curve.direction.unit_p_pu[unit].mul_add(curve.lambda, more);
        if curve.lambda > 0.0 {
            curve.direction.unit_p_pu[unit] = 0.0;
        }
        curve.state.unit_p_pu[unit] += now;
        curve.fixed_pu[node.row()][0] += now;
        problem.fixed_p_pu[node.row()] += now;
    }
    let there = plan.position[next] as usize;
    curve.desk.arena.free[at][0] = 1.0;
    curve.desk.arena.free[there][0] = 0.0;
    Effect::Goes
}

/// Whether the reactive power of units that hold a node again stays inside their limits along a change.
pub(super) fn reactive_power_leads_inside(
    curve: &Curve<'_>,
    node: NodeIdx,
    side: LimitSide,
    change: &Change,
) -> bool {
    let at = curve.plan.position[node] as usize;
    let row = JacobianRow::at(curve.plan.uniform(), &curve.desk.arena, at);
    let bus = curve.plan.nodes.bus[node];
    let demand = if curve.plan.nodes.demand[bus] == node { curve.direction.demand_q_pu[bus] } else { 0.0 };
    let q = row.along(1, &change.step) + demand * change.lambda;
    if side == LimitSide::High { q < 0.0 } else { q > 0.0 }
}
