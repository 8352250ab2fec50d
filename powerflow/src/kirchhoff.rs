//! Kirchhoff's law, recomputed from the case by code that shares no admittance with the solver: branch currents from the
//! file's r, x, b and taps, by division and with complex turns ratios; sums by bus; no admittance matrix, no patches,
//! no elimination order.

use std::collections::HashSet;

use crate::case::{BusKind, Case, CaseBranch};
use crate::index::{BranchIdx, BusId, BusIdx, Index, NodeIdx, ShuntIdx, UnitIdx};
use crate::network::Network;
use crate::plan::Plan;
use crate::solution::{Complex, Solution};
use crate::state::State;

/// The auditor of one case.
#[derive(Clone, Debug)]
pub(crate) struct Kirchhoff {
    branches: Vec<Branch>,
}

/// What the file says of a branch, as the audit needs it.
#[derive(Clone, Debug)]
struct Branch {
    /// Whether an end of it is out of service (type 4).
    isolated: bool,
    /// Series admittance, pu: one over the file's r + jx.
    series: Complex,
    /// Phase shift as a turns ratio of unit magnitude, `exp(j shift)`; `None` where there is none.
    turn: Option<Complex>,
    /// Charging at the from and at the to end, pu.
    charging: [Complex; 2],
}

/// What an audit found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Audit {
    /// Largest apparent power that does not balance at a live bus, pu.
    pub(crate) mismatch_pu: f64,
    /// The bus that is furthest beyond what it may be out of balance, with its active and reactive gap, pu.
    pub(crate) failed: Option<(NodeIdx, Complex)>,
}

/// What the sum of a bus's terms may lose to rounding, as a share of their sum of magnitudes: a few units in the last
/// place, as the audit adds the solver's terms in another order with other operations.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// Power into each node, and the sum of its magnitudes.
struct Books {
    sum: Vec<Complex>,
    scale: Vec<f64>,
}

impl Books {
    fn book(&mut self, node: usize, power: Complex, sign: f64) {
        self.sum[node].re += sign * power.re;
        self.sum[node].im += sign * power.im;
        self.scale[node] += power.re.abs() + power.im.abs();
    }
}

impl Kirchhoff {
    pub(crate) fn new(case: &Case) -> Self {
        let out: HashSet<BusId> =
            case.buses.iter().filter(|bus| bus.kind == BusKind::Isolated).map(|bus| bus.id).collect();
        let of_file = |b: &CaseBranch| {
            let angle = b.shift_deg.to_radians();
            Branch {
                isolated: out.contains(&b.from) || out.contains(&b.to),
                series: over(Complex { re: 1.0, im: 0.0 }, Complex { re: b.r_pu, im: b.x_pu }),
                turn: (angle != 0.0).then(|| Complex { re: libm::cos(angle), im: libm::sin(angle) }),
                charging: [b.from_shunt_pu, b.to_shunt_pu].map(|(g, b)| Complex { re: g, im: b }),
            }
        };
        Kirchhoff { branches: case.branches.iter().map(of_file).collect() }
    }

    /// Balances every live bus: units + unmet - demand - shunts - what flows into branches. A bus fails whose gap is
    /// beyond `allowed_pu` and beyond rounding.
    pub(crate) fn audit(
        &self,
        network: &Network,
        plan: &Plan,
        state: &State,
        solution: &Solution,
        allowed_pu: f64,
    ) -> Audit {
        let books = self.books(network, plan, state, solution);
        let mut audit = Audit { mismatch_pu: 0.0, failed: None };
        let mut furthest = 1.0;
        for node in plan.nodes.bus.indices() {
            if !solution.is_live(node) {
                continue;
            }
            let gap = books.sum[node.row()];
            // A gap that is no number is infinitely wrong; `f64::max` would drop it.
            let size = if gap.abs().is_nan() { f64::INFINITY } else { gap.abs() };
            audit.mismatch_pu = audit.mismatch_pu.max(size);
            // By bus: a branch of tiny impedance somewhere must not excuse the others.
            let times_allowed = size / allowed_pu.max(books.scale[node.row()] * ROUNDING);
            if times_allowed > furthest {
                furthest = times_allowed;
                audit.failed = Some((node, gap));
            }
        }
        audit
    }

    /// What does not balance at every node: units + unmet - demand - shunts - what flows into branches, pu; nothing at nodes
    /// that are not live.
    pub(crate) fn gaps(
        &self,
        network: &Network,
        plan: &Plan,
        state: &State,
        solution: &Solution,
    ) -> Vec<(BusIdx, Complex)> {
        let books = self.books(network, plan, state, solution);
        let live = plan.nodes.bus.iter().filter(|(_, bus)| solution.voltage(**bus).is_some());
        live.map(|(node, bus)| (*bus, books.sum[node.row()])).collect()
    }

    fn books(&self, network: &Network, plan: &Plan, state: &State, solution: &Solution) -> Books {
        let case = &network.case;
        let n = plan.node_count();
        let mut books = Books { sum: vec![Complex::default(); n], scale: vec![0.0; n] };
        for (i, branch) in self.branches.iter().enumerate() {
            let idx = BranchIdx::from_row(i);
            if !state.branch_on[idx] || branch.isolated {
                continue;
            }
            let (from, to) = (plan.nodes.branch_from[idx], plan.nodes.branch_to[idx]);
            let (vf, vt) = (solution.voltage[from], solution.voltage[to]);
            let ratio = Complex { re: state.tap_ratio[idx], im: 0.0 };
            let ratio = branch.turn.map_or(ratio, |turn| times(turn, ratio));
            let plain = ratio == Complex { re: 1.0, im: 0.0 };
            let behind = if plain { vf } else { over(vf, ratio) };
            let current = times(Complex { re: behind.re - vt.re, im: behind.im - vt.im }, branch.series);
            let (at_from, at_to) = (times(behind, branch.charging[0]), times(vt, branch.charging[1]));
            let sum = Complex { re: current.re + at_from.re, im: current.im + at_from.im };
            // An ideal transformer divides the current by the conjugate of its ratio.
            let into_from = if plain { sum } else { over(sum, Complex { re: ratio.re, im: -ratio.im }) };
            let into_to = Complex { re: at_to.re - current.re, im: at_to.im - current.im };
            let (s_from, s_to) = (power(vf, into_from), power(vt, into_to));
            books.book(from.row(), s_from, -1.0);
            books.book(to.row(), s_to, -1.0);
            // A branch of tiny impedance carries the difference of two nearly equal voltages.
            let size = branch.series.re.abs() + branch.series.im.abs();
            books.scale[from.row()] += square(vf) * size;
            books.scale[to.row()] += square(vt) * size;
        }
        for (i, _) in case.buses.iter().enumerate() {
            let bus = BusIdx::from_row(i);
            let demand = Complex { re: state.demand_p_pu[bus], im: state.demand_q_pu[bus] };
            books.book(plan.nodes.demand[bus].row(), demand, -1.0);
        }
        for (i, shunt) in case.shunts.iter().enumerate() {
            let idx = ShuntIdx::from_row(i);
            let step = state.shunt_step[idx];
            if step == 0 {
                continue;
            }
            let node = plan.nodes.shunt[idx];
            let square = square(solution.voltage[node]);
            let g = shunt.g_mw / case.base_mva.0;
            let b = network.shunts.steps_pu[idx][step as usize];
            books.book(node.row(), Complex { re: g * square, im: -b * square }, -1.0);
        }
        for (bus, b) in state.susceptance_pu.iter().flat_map(|column| column.iter()) {
            let node = plan.nodes.demand[bus];
            books.book(node.row(), Complex { re: 0.0, im: -b * square(solution.voltage[node]) }, -1.0);
        }
        for (i, _) in case.units.iter().enumerate() {
            let unit = UnitIdx::from_row(i);
            let power = Complex { re: solution.unit_p_pu[unit], im: solution.unit_q_pu[unit] };
            books.book(plan.nodes.unit[unit].row(), power, 1.0);
        }
        for island in &solution.islands {
            books.book(island.reference.row(), Complex { re: island.unmet_pu, im: 0.0 }, 1.0);
        }
        books
    }
}

fn times(a: Complex, b: Complex) -> Complex {
    Complex { re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re }
}

fn over(a: Complex, b: Complex) -> Complex {
    let square = b.re * b.re + b.im * b.im;
    Complex { re: (a.re * b.re + a.im * b.im) / square, im: (a.im * b.re - a.re * b.im) / square }
}

/// Squared magnitude.
fn square(a: Complex) -> f64 {
    a.re * a.re + a.im * a.im
}

/// `v conj(i)`.
fn power(v: Complex, i: Complex) -> Complex {
    Complex { re: v.re * i.re + v.im * i.im, im: v.im * i.re - v.re * i.im }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Column, NewtonConfig, Plan, State};

    /// The stored cases of the workspace's tests, solved to 1e-10 pu.
    fn solved() -> Vec<(std::sync::Arc<Network>, Plan, State, Solution)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/cases");
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder of cases")
            .map(|entry| entry.expect("a folder").path())
            .collect();
        names.sort();
        assert!(names.len() >= 3);
        let config = NewtonConfig { tolerance_pu: 1e-10, ..NewtonConfig::default() };
        let read = |path: &Path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let case = crate::case::read(&path.join(format!("{name}.m"))).expect("a case");
            let network = Network::build(case).expect("a sound case");
            let solution = crate::solve(&network, &config).expect("a solution");
            let state = network.initial_state();
            let plan = Plan::new(&network, &state.topology);
            (network, plan, state, solution)
        };
        names.iter().map(|path| read(path)).collect()
    }

    #[test]
    fn a_wrong_voltage_or_power_fails_and_is_named() {
        for (network, plan, state, solution) in solved() {
            let auditor = Kirchhoff::new(&network.case);
            let audit = |solution: &Solution| auditor.audit(&network, &plan, &state, solution, 1e-9);
            assert_eq!(audit(&solution).failed, None, "{}", network.name);
            for node in plan.nodes.bus.indices() {
                let mut wrong = solution.clone();
                wrong.voltage[node].re += 1e-5;
                let failed = audit(&wrong).failed.map(|(at, _)| at);
                let near = |(branch, from): (BranchIdx, &NodeIdx)| {
                    let to = plan.nodes.branch_to[branch];
                    [(*from, to), (to, *from)].contains(&(node, failed.unwrap_or(node)))
                };
                let found = failed == Some(node) || plan.nodes.branch_from.iter().any(near);
                assert!(failed.is_some() && found, "{}: 1e-5 pu at {node:?}, {failed:?}", network.name);
            }
            let unit = network.units.in_service.iter().find(|(_, on)| **on).map(|(u, _)| u).expect("a unit");
            let mut wrong = solution.clone();
            wrong.unit_q_pu[unit] += 1e-7;
            assert_eq!(audit(&wrong).failed.map(|(at, _)| at), Some(plan.nodes.unit[unit]));
        }
    }

    #[test]
    fn a_number_that_is_none_fails() {
        let (network, plan, state, mut solution) = solved().swap_remove(0);
        solution.unit_p_pu = Column::filled(f64::NAN, solution.unit_p_pu.len());
        let audit = Kirchhoff::new(&network.case).audit(&network, &plan, &state, &solution, 1e-9);
        assert!(audit.failed.is_some() && audit.mismatch_pu == f64::INFINITY);
    }
}
