//! What speaks for "there is no solution", what for "the solver gave up", what for "the data is odd".
//!
//! Nothing here changes an answer. A finding speaks for its explanation; where it proves it, the message says so.

use crate::config::{ReactiveLimits, Rescue, Slack};
use crate::desk::Frame;
use crate::index::{BranchIdx, BusId, BusIdx, Index, NodeIdx};
use crate::network::admittance::TwoPort;
use crate::plan::{add, shunt_admittance};
use crate::problem::{NONE, Problem};
use crate::solution::{Complex, Divergence, DivergenceReason, Evidence, EvidenceKind, Rung, Solution};
use crate::state::State;

/// Findings of one sort that are listed; the others are as many more lines that say the same.
const LISTED: usize = 4;

/// Impedances outside this range are rarely what somebody built, pu.
const IMPEDANCE_PU: (f64, f64) = (1e-5, 10.0);

/// Resistance beyond so many times the reactance is no overhead line and no transformer.
const RESISTIVE: f64 = 20.0;

/// Set-points outside this range are not what a unit is told, pu.
const SET_POINT_PU: (f64, f64) = (0.8, 1.2);

/// Turns ratios outside this range are no tap position.
const RATIO: (f64, f64) = (0.5, 2.0);

/// Below this distance from the whole load, continuation cannot tell which side of the edge a state is on.
const EDGE: f64 = 2e-3;

/// A mismatch that falls below this when the iterations end was on its way to a solution, pu.
const STILL_FALLING_PU: f64 = 1e-2;

/// Which buses lack reactive power where only their limits stand between a state and its solution `free` without limits.
pub(crate) fn lacking(frame: &Frame<'_>, state: &State, free: &Solution) -> Option<String> {
    let Frame { network, .. } = *frame;
    let units = &network.units;
    let mut beyond = vec![(0.0, 0.0); network.buses.id.len()];
    for (unit, bus) in units.bus.iter() {
        if state.unit_on[unit] && units.regulates[unit] && free.voltage(*bus).is_some() {
            let (q, of) = (free.unit_q_pu[unit], &mut beyond[bus.row()]);
            of.0 += q - units.q_max_pu[unit];
            of.1 += units.q_min_pu[unit] - q;
        }
    }
    let mut worst: Vec<(f64, &str, BusIdx)> = network
        .buses
        .id
        .indices()
        .map(|bus| {
            let (above, below) = beyond[bus.row()];
            if above >= below { (above, "beyond", bus) } else { (below, "below", bus) }
        })
        .filter(|(size, ..)| *size > 0.0)
        .collect();
    // Stable: the first in the file where they tie.
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    let named: Vec<String> = worst
        .iter()
        .take(LISTED)
        .map(|(size, side, bus)| {
            format!("bus {} {:.3} Mvar {side} its limit", network.buses.id[*bus], network.base.from_pu(*size))
        })
        .collect();
    let held = named.join(", ");
    (!named.is_empty()).then(|| format!("there is a solution without reactive limits, with {held}"))
}

/// All that is found, strongest kind first.
pub(crate) fn gather(
    frame: &Frame<'_>,
    state: &State,
    problem: &Problem,
    lacking: Option<String>,
    divergence: &Divergence,
) -> Vec<Evidence> {
    let case = Scene { frame, state, problem };
    let mut found: Vec<Evidence> = Vec::new();
    let mut say = |kind, message| found.push(Evidence { kind, message });
    case.capability(&mut |message| say(EvidenceKind::NoSolution, message));
    case.last_branches(&mut |message| say(EvidenceKind::NoSolution, message));
    if let Some(message) = lacking {
        say(EvidenceKind::NoSolution, message);
    }
    case.attempts(divergence, &mut say);
    case.oddities(divergence.worst_bus, &mut |message| say(EvidenceKind::OddData, message));
    if divergence.reason == DivergenceReason::RoundOff {
        case.smallest_impedance(divergence.worst_bus, &mut |message| say(EvidenceKind::OddData, message));
    }
    // Stable: within a kind in the order of finding.
    found.sort_by_key(|evidence| evidence.kind);
    found
}

/// What is looked at.
struct Scene<'a> {
    frame: &'a Frame<'a>,
    state: &'a State,
    problem: &'a Problem,
}

impl Scene<'_> {
    fn bus_of(&self, node: NodeIdx) -> BusId {
        self.frame.network.buses.id[self.frame.plan.nodes.bus[node]]
    }

    fn mw(&self, pu: f64) -> f64 {
        self.frame.network.base.from_pu(pu)
    }

    fn live_branches(&self) -> impl Iterator<Item = BranchIdx> + '_ {
        let Frame { network, .. } = *self.frame;
        network.branches.from.indices().filter(|branch| Problem::branch_live(network, self.state, *branch))
    }

    /// How a branch is named in a message.
    fn branch(&self, branch: BranchIdx) -> String {
        let Frame { network, .. } = *self.frame;
        let id = |bus: BusIdx| network.buses.id[bus];
        let branches = &network.branches;
        format!("branch {} ({} to {})", branch.row() + 1, id(branches.from[branch]), id(branches.to[branch]))
    }

    /// Islands whose demand is beyond what their running units can provide.
    fn capability(&self, say: &mut dyn FnMut(String)) {
        let Frame { plan, config, .. } = *self.frame;
        if config.slack == Slack::Single {
            return;
        }
        let islands = self.problem.islands.len();
        let (mut demand, mut highest) = (vec![0.0; islands], vec![0.0; islands]);
        for (bus, node) in plan.nodes.demand.iter() {
            if let Some(sum) = demand.get_mut(self.problem.island[node.row()] as usize) {
                *sum += self.state.demand_p_pu[bus];
            }
        }
        for (unit, node) in plan.nodes.unit.iter().filter(|(unit, _)| self.problem.running[unit.row()]) {
            if let Some(sum) = highest.get_mut(self.problem.island[node.row()] as usize) {
                *sum += self.state.unit_p_high_pu[unit];
            }
        }
        for (number, island) in self.problem.islands.iter().enumerate() {
            if let (true, Some(reference)) = (demand[number] > highest[number], island.references.first()) {
                say(format!(
                    "the island of bus {} has {:.3} MW of demand, and its running units can provide {:.3} MW at most",
                    self.bus_of(*reference),
                    self.mw(demand[number]),
                    self.mw(highest[number])
                ));
            }
        }
    }

    /// Buses without units whose demand is beyond what their only connection can carry.
    ///
    /// A load S behind a source V and an impedance Z = r + jx has a voltage where `V^2 >= 2 (r P + x Q) + 2 |Z| |S|`; all
    /// shunts of the bus and its branches are in V and Z, so this is exact for the voltage at the other end.
    /// Source: C. W. Taylor, "Power System Voltage Stability", 1994, chapter 2; T. Van Cutsem, C. Vournas, 1998, section 2.2.
    fn last_branches(&self, say: &mut dyn FnMut(String)) {
        let Frame { network, plan, config, .. } = *self.frame;
        let n = plan.node_count();
        let mut only: Vec<Option<(NodeIdx, BranchIdx)>> = vec![None; n];
        let mut several = vec![false; n];
        let (mut own, mut toward) = (vec![Complex::default(); n], vec![Complex::default(); n]);
        for branch in self.live_branches() {
            let (from, to) = (plan.nodes.branch_from[branch], plan.nodes.branch_to[branch]);
            let y = TwoPort::of(&network.branches, branch, self.state.tap_ratio[branch]);
            for (here, there, yy, yt) in [(from, to, y.from_from, y.from_to), (to, from, y.to_to, y.to_from)]
            {
                let row = here.row();
                several[row] |= only[row].is_some_and(|(other, _)| other != there);
                only[row].get_or_insert((there, branch));
                add(&mut own[row], yy);
                add(&mut toward[row], yt);
            }
        }
        for (shunt, node) in plan.nodes.shunt.iter() {
            add(&mut own[node.row()], shunt_admittance(network, shunt, self.state.shunt_step[shunt]));
        }
        for (bus, b) in self.state.susceptance_pu.iter().flat_map(|column| column.iter()) {
            add(&mut own[plan.nodes.demand[bus].row()], Complex { re: 0.0, im: *b });
        }
        let mut has_unit = vec![false; n];
        for (unit, node) in plan.nodes.unit.iter() {
            has_unit[node.row()] |= self.problem.running[unit.row()];
        }
        let mut highest = 1.0f64;
        for (row, v_set) in self.problem.v_set_pu.iter().enumerate() {
            if self.problem.holds[row] {
                highest = highest.max(*v_set);
            }
        }
        let mut listed = 0;
        for (bus, node) in plan.nodes.demand.iter() {
            let row = node.row();
            let Some((feeder, branch)) = only[row] else { continue };
            if several[row] || has_unit[row] || self.problem.island[row] == NONE || listed == LISTED {
                continue;
            }
            let held = self.problem.holds[feeder.row()];
            let v = if held { self.problem.v_set_pu[feeder.row()] } else { highest };
            let square = own[row].re * own[row].re + own[row].im * own[row].im;
            let behind = toward[row].abs() * v / square.sqrt();
            let (r, x) = (own[row].re / square, -own[row].im / square);
            let (p, q) = (self.state.demand_p_pu[bus], self.state.demand_q_pu[bus]);
            let need = 2.0 * (r * p + x * q) + 2.0 * r.hypot(x) * p.hypot(q);
            let share = behind * behind / need;
            if !(need > 0.0 && share < 1.0) {
                continue;
            }
            listed += 1;
            let reference = self.problem.islands.iter().any(|island| island.references.contains(&feeder));
            let proven = held
                && (config.reactive_limits == ReactiveLimits::Ignore
                    || reference && config.slack == Slack::Single);
            say(format!(
                "bus {} draws {:.3} MW and {:.3} Mvar through {} alone, which can carry {:.3} MW of that at most while \
                 bus {} is not above {v:.3} pu{}",
                self.bus_of(*node),
                self.mw(p),
                self.mw(q),
                self.branch(branch),
                self.mw(p * share),
                self.bus_of(feeder),
                if proven { ", where it is held: a proof that there is no solution" } else { "" }
            ));
        }
    }

    /// What the attempts themselves say.
    fn attempts(&self, divergence: &Divergence, say: &mut dyn FnMut(EvidenceKind, String)) {
        let tried = |rung| divergence.tried.contains(&rung);
        match divergence.largest_solvable_share {
            Some(share) if share > 1.0 - EDGE => say(
                EvidenceKind::GaveUp,
                format!(
                    "{:.2} % of demand and schedules have a solution: too near to the edge to say on which side of it \
                     the whole is",
                    100.0 * share
                ),
            ),
            Some(share) => say(
                EvidenceKind::NoSolution,
                format!(
                    "{:.1} % of demand and schedules, scaled alike, have a solution, and none was found a step beyond",
                    100.0 * share
                ),
            ),
            None if tried(Rung::Continuation) => say(
                EvidenceKind::GaveUp,
                "no solution was found without any demand and schedules either, where grids have one".into(),
            ),
            None => {}
        }
        if self.frame.config.rescue < Rescue::Full && divergence.reason != DivergenceReason::RoundOff {
            say(
                EvidenceKind::GaveUp,
                "relaxed limits, a pivoted factorisation and continuation in load were not tried".into(),
            );
        }
        if let (DivergenceReason::IterationLimit, [.., first, before, last]) =
            (divergence.reason, &divergence.trend_pu[..])
            && *last < STILL_FALLING_PU.min(0.5 * before)
            && *before < 0.5 * first
        {
            say(
                EvidenceKind::GaveUp,
                format!(
                    "the mismatch of the first attempt was still falling, to {last:.1e} pu, when its iterations ended"
                ),
            );
        }
        if divergence.reason == DivergenceReason::FailedAudit {
            say(EvidenceKind::GaveUp, "the solver believed in voltages that the audit refused".into());
        }
        if divergence.reason == DivergenceReason::LowVoltage {
            say(
                EvidenceKind::NoSolution,
                format!("the equations were solved, at a collapsed voltage of bus {}", divergence.worst_bus),
            );
        }
    }

    /// Data near a bus that is rarely meant.
    fn oddities(&self, worst: BusId, say: &mut dyn FnMut(String)) {
        let Frame { network, .. } = *self.frame;
        let Ok(worst) = network.bus(worst) else { return };
        let branches = &network.branches;
        let mut near = vec![false; network.buses.id.len()];
        near[worst.row()] = true;
        for branch in self.live_branches() {
            let (from, to) = (branches.from[branch], branches.to[branch]);
            if from == worst || to == worst {
                near[from.row()] = true;
                near[to.row()] = true;
            }
        }
        let touches =
            |branch: &BranchIdx| near[branches.from[*branch].row()] || near[branches.to[*branch].row()];
        let mut listed = 0;
        for branch in self.live_branches().filter(touches) {
            let (r, x) = (branches.resistance_pu[branch], branches.reactance_pu[branch]);
            let ratio = self.state.tap_ratio[branch];
            let what = if r.hypot(x) < IMPEDANCE_PU.0 {
                format!("an impedance of only {:.1e} pu", r.hypot(x))
            } else if r.hypot(x) > IMPEDANCE_PU.1 {
                format!("an impedance of {:.3} pu", r.hypot(x))
            } else if x < 0.0 {
                format!("a negative reactance, {x} pu")
            } else if r.abs() > RESISTIVE * x {
                format!("{r} pu of resistance and {x} pu of reactance")
            } else if r < 0.0 {
                format!("a negative resistance, {r} pu")
            } else if !(RATIO.0..=RATIO.1).contains(&ratio) {
                format!("a turns ratio of {ratio}")
            } else {
                continue;
            };
            if listed < LISTED {
                say(format!("{} near bus {} has {what}", self.branch(branch), network.buses.id[worst]));
            }
            listed += 1;
        }
        for (unit, bus) in network.units.bus.iter() {
            let v_set = self.state.unit_v_set_pu[unit];
            let acts = self.problem.running[unit.row()] && network.units.regulates[unit];
            if acts && near[bus.row()] && !(SET_POINT_PU.0..=SET_POINT_PU.1).contains(&v_set) {
                let (row, id) = (unit.row() + 1, network.buses.id[*bus]);
                say(format!("unit {row} at bus {id} is told to hold {v_set} pu"));
            }
        }
    }

    /// The impedance that makes rounding matter at a bus.
    fn smallest_impedance(&self, worst: BusId, say: &mut dyn FnMut(String)) {
        let Frame { network, .. } = *self.frame;
        let branches = &network.branches;
        let size = |branch: BranchIdx| branches.resistance_pu[branch].hypot(branches.reactance_pu[branch]);
        let at_worst = |branch: &BranchIdx| {
            [branches.from[*branch], branches.to[*branch]].iter().any(|bus| network.buses.id[*bus] == worst)
        };
        let smallest = self.live_branches().filter(at_worst).min_by(|a, b| size(*a).total_cmp(&size(*b)));
        if let Some(branch) = smallest {
            say(format!(
                "{} has an impedance of {:.1e} pu, the smallest at bus {worst}: a difference of voltages that double \
                 precision cannot hold is a current there; merge its buses",
                self.branch(branch),
                size(branch)
            ));
        }
    }
}
