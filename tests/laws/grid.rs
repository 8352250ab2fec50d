//! Grids to hold laws against: random ones, the cases in `tests/data`, and what is compared on them.

use std::path::Path;
use std::sync::Arc;

pub(crate) use gridgate_tests::Dice;
use powerflow::case::{BusKind, Case, CaseBranch, CaseBus, CaseLoad, CaseShunt, CaseUnit, read};
use powerflow::{
    BranchIdx, BusId, Flows, Index, Network, NewtonConfig, ReactiveLimits, Slack, Solution, Solver, State,
    UnitIdx,
};
use proptest::prelude::*;

/// Settings of every property: the same grids every day.
pub(crate) fn cases(n: u32) -> ProptestConfig {
    ProptestConfig {
        cases: n * 3,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_261_121),
        ..ProptestConfig::default()
    }
}

/// What a random grid is drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) buses: usize,
    pub(crate) chords: usize,
    pub(crate) ring: bool,
    pub(crate) seed: u64,
}

/// Recipes of 3 to 40 buses.
pub(crate) fn recipe() -> impl Strategy<Value = Recipe> {
    (3usize..=40, 0usize..12, any::<bool>(), any::<u64>()).prop_map(|(buses, chords, ring, seed)| Recipe {
        buses,
        chords,
        ring,
        seed,
    })
}

/// Number of a bus: neither dense nor ascending.
fn id(row: usize) -> BusId {
    BusId(((row * 37) % 101) as u64 * 10 + 3)
}

impl Recipe {
    /// A connected grid of ordinary lines, transformers, shunts and units, loaded to 0.5 to 2 pu in all.
    pub(crate) fn case(self) -> Case {
        let mut dice = Dice(self.seed);
        let pattern = Case::two_bus_example();
        let n = self.buses;
        let mut case = Case { name: "random".into(), buses: Vec::new(), ..pattern.clone() };
        (case.loads, case.branches, case.units) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..n {
            case.buses.push(CaseBus {
                id: id(row),
                va_deg: if row == 0 { dice.between(-30.0, 30.0) } else { 0.0 },
                kind: if row == 0 { BusKind::Reference } else { BusKind::Pq },
                ..pattern.buses[0].clone()
            });
        }
        // The stored angles of a real file fit together.
        let angle = case.buses[0].va_deg;
        case.buses.iter_mut().for_each(|b| b.va_deg = angle);
        for row in 1..n {
            let near = if self.ring { row - 1 } else { row - 1 - dice.below(row.min(6)) };
            case.branches.push(branch(&mut dice, &pattern, near, row));
        }
        if self.ring {
            case.branches.push(branch(&mut dice, &pattern, n - 1, 0));
        }
        for _ in 0..self.chords {
            let (a, b) = (dice.below(n), dice.below(n));
            if a != b {
                case.branches.push(branch(&mut dice, &pattern, a, b));
            }
        }
        let total = dice.between(50.0, 200.0);
        for row in 0..n {
            if dice.chance(0.7) {
                let p_mw = total / n as f64 * dice.between(0.2, 2.0);
                let q_mvar = p_mw * dice.between(-0.1, 0.4);
                case.loads.push(CaseLoad { bus: id(row), p_mw, q_mvar, in_service: true });
            }
            if dice.chance(0.15) {
                let b_mvar = dice.between(0.5, 6.0);
                case.shunts.push(CaseShunt {
                    bus: id(row),
                    g_mw: dice.between(0.0, 1.0),
                    b_mvar,
                    in_service: dice.chance(0.8),
                    steps_mvar: vec![b_mvar / 2.0, b_mvar],
                });
            }
        }
        let mut at: Vec<usize> = (1..n).filter(|_| dice.chance(0.25)).collect();
        at.insert(0, 0);
        let demand: f64 = case.loads.iter().map(|l| l.p_mw).sum();
        let share = demand / at.len() as f64;
        for row in at {
            if row > 0 && dice.chance(0.85) {
                case.buses[row].kind = BusKind::Pv;
            }
            let v_set_pu = dice.between(0.99, 1.04);
            let count = 1 + dice.below(3);
            for _ in 0..count {
                let p_mw = share / count as f64 * dice.between(0.6, 1.4);
                case.units.push(CaseUnit {
                    bus: id(row),
                    p_mw,
                    q_mvar: dice.between(-2.0, 5.0),
                    p_min_mw: p_mw * dice.between(0.0, 0.95),
                    p_max_mw: p_mw * dice.between(1.0, 2.0) + dice.between(0.0, 20.0),
                    q_min_mvar: -share * dice.between(0.0, 0.7),
                    q_max_mvar: share * dice.between(0.1, 1.0),
                    v_set_pu,
                    in_service: row == 0 || dice.chance(0.9),
                    ..pattern.units[0].clone()
                });
            }
        }
        case
    }
}

/// A line, or one time in five a transformer.
fn branch(dice: &mut Dice, pattern: &Case, from: usize, to: usize) -> CaseBranch {
    let x_pu = dice.between(0.01, 0.12);
    let charging = dice.between(0.0, 0.006);
    let transformer = dice.chance(0.2);
    CaseBranch {
        from: id(from),
        to: id(to),
        r_pu: x_pu * dice.between(0.0, 0.4),
        x_pu,
        from_shunt_pu: (0.0, charging),
        to_shunt_pu: (dice.between(0.0, 0.001), charging),
        tap: if transformer { dice.between(0.94, 1.06) } else { 1.0 },
        shift_deg: if transformer && dice.chance(0.4) { dice.between(-5.0, 5.0) } else { 0.0 },
        transformer,
        ..pattern.branches[0].clone()
    }
}

/// The cases in `tests/data/cases`, by name.
pub(crate) fn stored_cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cases");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("a folder of a case").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    assert!(names.len() >= 3, "cases are missing in {}", folder.display());
    names
        .iter()
        .map(|name| read(&folder.join(format!("{name}/{name}.m"))).unwrap_or_else(|e| panic!("{e}")))
        .collect()
}

pub(crate) fn build(case: Case) -> Arc<Network> {
    Network::build(case).unwrap_or_else(|complaints| panic!("{complaints}"))
}

/// Without limits, one slack: every power flow has one neighbourhood.
pub(crate) fn textbook() -> NewtonConfig {
    NewtonConfig {
        reactive_limits: ReactiveLimits::Ignore,
        slack: Slack::Single,
        tolerance_pu: 1e-10,
        ..NewtonConfig::default()
    }
}

/// With limits and a distributed slack: what the product solves.
pub(crate) fn operated() -> NewtonConfig {
    NewtonConfig { tolerance_pu: 1e-10, ..NewtonConfig::default() }
}

/// A grid, a moment of it, and the answer, with everything by file ids and in engineering units.
pub(crate) struct Solved {
    pub(crate) network: Arc<Network>,
    pub(crate) state: State,
    pub(crate) solution: Solution,
    pub(crate) flows: Flows,
}

impl Solved {
    /// `None` where there is no solution.
    pub(crate) fn of(network: &Arc<Network>, state: State, config: &NewtonConfig) -> Option<Self> {
        let mut solver = Solver::new(network);
        let solution = solver.solve(&state, None, config).ok()?;
        let flows = solver.flows(&state, &solution);
        Some(Solved { network: Arc::clone(network), state, solution, flows })
    }

    /// The operating point of a case.
    pub(crate) fn initial(case: Case, config: &NewtonConfig) -> Option<Self> {
        let network = build(case);
        let state = network.initial_state();
        Self::of(&network, state, config)
    }

    /// Voltage by bus number, and flows (P, Q from, P, Q to) of a branch in MW.
    pub(crate) fn flow_mw(&self, branch: usize) -> [f64; 4] {
        let b = BranchIdx::from_row(branch);
        let f = &self.flows;
        [f.p_from_pu[b], f.q_from_pu[b], f.p_to_pu[b], f.q_to_pu[b]].map(|s| self.network.base.from_pu(s))
    }

    /// Active and reactive power of a unit in MW and Mvar.
    pub(crate) fn unit_mw(&self, unit: usize) -> [f64; 2] {
        let u = UnitIdx::from_row(unit);
        [self.solution.unit_p_pu[u], self.solution.unit_q_pu[u]].map(|s| self.network.base.from_pu(s))
    }

    /// Magnitude in pu and angle in rad of a bus by number; `None` where it is dead.
    pub(crate) fn voltage(&self, bus: BusId) -> Option<(f64, f64)> {
        let row = self.network.bus(bus).unwrap_or_else(|e| panic!("{e}"));
        self.solution.vm_pu(row).zip(self.solution.va_rad(row))
    }
}

/// Two answers that should be one. Without limits either both exist or none; near the edge of what reactive limits allow,
/// rounding may decide whether the way to a solution is found, and which bus is left at its limit because it turns to and
/// fro, so there only settled pairs count.
pub(crate) fn pair(
    a: Option<Solved>,
    b: Option<Solved>,
    config: &NewtonConfig,
) -> Result<Option<(Solved, Solved)>, TestCaseError> {
    let enforced = config.reactive_limits == ReactiveLimits::Enforce;
    prop_assert!(enforced || a.is_some() == b.is_some(), "{} but {}", a.is_some(), b.is_some());
    let settled = |s: &Solved| s.solution.unsettled.is_empty();
    Ok(a.zip(b).filter(|(a, b)| settled(a) && settled(b)))
}

/// Every bus has the same voltage in both answers, by number: both are solved to 1e-10 pu, and another elimination order
/// rounds differently.
pub(crate) fn assert_same_voltages(a: &Solved, b: &Solved) -> Result<(), TestCaseError> {
    for bus in a.network.buses.id.as_slice() {
        match (a.voltage(*bus), b.voltage(*bus)) {
            (None, None) => {}
            (Some((va, angle_a)), Some((vb, angle_b))) => {
                prop_assert!((va - vb).abs() < 1e-7, "bus {bus}: {va} against {vb} pu");
                let turn = (angle_a - angle_b).rem_euclid(std::f64::consts::TAU);
                let turn = turn.min(std::f64::consts::TAU - turn);
                prop_assert!(turn < 1e-7, "bus {bus}: {angle_a} against {angle_b} rad");
            }
            (va, vb) => prop_assert!(false, "bus {bus}: {va:?} against {vb:?}"),
        }
    }
    Ok(())
}

/// Both powers are equal to rounding, MW.
pub(crate) fn assert_same_mw(what: &str, a: &[f64], b: &[f64]) -> Result<(), TestCaseError> {
    for (a, b) in a.iter().zip(b) {
        prop_assert!((a - b).abs() < 1e-5, "{what}: {a} against {b} MW");
    }
    Ok(())
}

/// The same grid with every flow and every unit in the same row.
pub(crate) fn assert_same(a: &Solved, b: &Solved) -> Result<(), TestCaseError> {
    assert_same_voltages(a, b)?;
    for row in 0..a.network.branches.from.len() {
        assert_same_mw(&format!("branch {}", row + 1), &a.flow_mw(row), &b.flow_mw(row))?;
    }
    for row in 0..a.network.units.bus.len() {
        assert_same_mw(&format!("unit {}", row + 1), &a.unit_mw(row), &b.unit_mw(row))?;
    }
    Ok(())
}
