//! Sensitivities are derivatives: central differences of whole solves say the same, forwards and backwards agree, and on a
//! lossless grid at flat voltages they are the linear model's transfer factors.

use std::path::Path;
use std::sync::Arc;

use powerflow::{
    Balance, BranchIdx, BusIdx, Case, Index, Injection, LinearModel, Network, NewtonConfig, Plan, Quantity,
    ReactiveLimits, Slack, Solution, Solver, State,
};

fn case(name: &str) -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cases").join(name);
    powerflow::case::read(&folder.join(format!("{name}.m"))).expect("a case")
}

fn configs() -> [NewtonConfig; 3] {
    // Differences divide the error of a solve by twice the step.
    let config = |slack, reactive_limits| NewtonConfig {
        slack,
        reactive_limits,
        tolerance_pu: 1e-12,
        ..NewtonConfig::default()
    };
    [
        config(Slack::Single, ReactiveLimits::Ignore),
        config(Slack::Distributed, ReactiveLimits::Ignore),
        config(Slack::Distributed, ReactiveLimits::Enforce),
    ]
}

fn read(solver: &mut Solver, state: &State, solution: &Solution, of: Quantity) -> f64 {
    let flows = solver.flows(state, solution);
    match of {
        Quantity::Vm(bus) => solution.vm_pu(bus).expect("a live bus"),
        Quantity::Va(bus) => solution.va_rad(bus).expect("a live bus"),
        Quantity::PFrom(branch) => flows.p_from_pu[branch],
        Quantity::QFrom(branch) => flows.q_from_pu[branch],
        Quantity::PTo(branch) => flows.p_to_pu[branch],
        Quantity::QTo(branch) => flows.q_to_pu[branch],
    }
}

#[test]
fn gradients_are_central_differences_of_whole_solves() {
    const STEP: f64 = 1e-4;
    for name in ["case14", "pglib_opf_case30_ieee"] {
        let network = Network::build(case(name)).expect("a network");
        let mut solver = Solver::new(&network);
        for config in configs() {
            let mut state = network.initial_state();
            // In the file some units are just at the end of their range, where there is no derivative.
            let demands = state.demand_p_pu.as_mut_slice().iter_mut().chain(state.demand_q_pu.as_mut_slice());
            demands.for_each(|power| *power *= 1.03);
            let solution = solver.solve(&state, None, &config).expect("a solution");
            let sensitivities = solver.sensitivities(&state, &solution, &config).expect("a solved state");
            let (bus, branch) = (BusIdx::from_row, BranchIdx::from_row);
            let quantities = [
                Quantity::Vm(bus(13)),
                Quantity::Vm(bus(2)),
                Quantity::Va(bus(9)),
                Quantity::PFrom(branch(3)),
                Quantity::QFrom(branch(8)),
                Quantity::PTo(branch(9)),
                Quantity::QTo(branch(10)),
            ];
            for of in quantities {
                let gradient = sensitivities.gradient(of).expect("it is live");
                let mut difference = |change: &dyn Fn(&mut State, f64)| {
                    let [ahead, behind] = [STEP, -STEP].map(|step| {
                        let mut moved = state.clone();
                        change(&mut moved, step);
                        let solved = solver.solve(&moved, Some(&solution), &config).expect("a solution");
                        assert_eq!(solved.at_limit, solution.at_limit, "the step crosses a limit");
                        read(&mut solver, &moved, &solved, of)
                    });
                    (ahead - behind) / (2.0 * STEP)
                };
                for at in network.buses.id.indices() {
                    let p = difference(&|state, step| state.demand_p_pu[at] -= step);
                    assert!(
                        (gradient.p[at] - p).abs() < 1e-6,
                        "{name} {of:?} P at {at:?}: {} {p}",
                        gradient.p[at]
                    );
                    let q = difference(&|state, step| state.demand_q_pu[at] -= step);
                    assert!(
                        (gradient.q[at] - q).abs() < 1e-6,
                        "{name} {of:?} Q at {at:?}: {} {q}",
                        gradient.q[at]
                    );
                    let v = difference(&|state, step| {
                        for (unit, _) in network.units.bus.iter().filter(|(_, of)| **of == at) {
                            state.unit_v_set_pu[unit] += step;
                        }
                    });
                    assert!(
                        (gradient.v_set[at] - v).abs() < 1e-5,
                        "{name} {of:?} V at {at:?}: {} {v}",
                        gradient.v_set[at]
                    );
                }
            }
        }
    }
}

#[test]
fn forwards_and_backwards_say_the_same() {
    let network = Network::build(case("pglib_opf_case118_ieee")).expect("a network");
    let mut solver = Solver::new(&network);
    for config in configs() {
        let state = network.initial_state();
        let solution = solver.solve(&state, None, &config).expect("a solution");
        let sensitivities = solver.sensitivities(&state, &solution, &config).expect("a solved state");
        for row in (0..118).step_by(13) {
            let bus = BusIdx::from_row(row);
            let [p, q] = [Injection::Active(bus), Injection::Reactive(bus)]
                .map(|to| sensitivities.response(to).expect("a live bus"));
            for other in (0..118).step_by(7).map(BusIdx::from_row) {
                let vm = sensitivities.gradient(Quantity::Vm(other)).expect("a live bus");
                let va = sensitivities.gradient(Quantity::Va(other)).expect("a live bus");
                for (a, b) in [
                    (vm.p[bus], p.vm[other]),
                    (vm.q[bus], q.vm[other]),
                    (va.p[bus], p.va[other]),
                    (va.q[bus], q.va[other]),
                ] {
                    assert!((a - b).abs() < 1e-11, "{bus:?} {other:?}: {a} {b}");
                }
            }
        }
    }
}

/// Without losses, charging, taps or loads all voltages are one and all angles zero: the Jacobian is the linear model's.
#[test]
fn at_flat_voltages_they_are_transfer_factors() {
    let mut case = case("case14");
    for branch in &mut case.branches {
        (branch.r_pu, branch.tap, branch.shift_deg) = (0.0, 1.0, 0.0);
        (branch.from_shunt_pu, branch.to_shunt_pu) = ((0.0, 0.0), (0.0, 0.0));
    }
    case.loads.clear();
    case.shunts.clear();
    for unit in &mut case.units {
        (unit.p_mw, unit.v_set_pu) = (0.0, 1.0);
    }
    let network: Arc<Network> = Network::build(case).expect("a network");
    let config = NewtonConfig {
        slack: Slack::Single,
        reactive_limits: ReactiveLimits::Ignore,
        start: powerflow::Start::Flat,
        ..NewtonConfig::default()
    };
    let mut solver = Solver::new(&network);
    let state = network.initial_state();
    let solution = solver.solve(&state, None, &config).expect("a solution");
    let sensitivities = solver.sensitivities(&state, &solution, &config).expect("a solved state");
    let plan = Arc::new(Plan::new(&network, &state.topology));
    let model = LinearModel::new(&network, &plan, &state, Slack::Single).expect("a linear model");
    let mut compared = 0;
    let mut compare = |branch: BranchIdx, factors: &[f64]| {
        let gradient = sensitivities.gradient(Quantity::PFrom(branch)).expect("it carries current");
        for (bus, ours) in gradient.p.iter() {
            assert!((ours - factors[bus.row()]).abs() < 1e-10, "{branch:?} {bus:?}");
            compared += 1;
        }
    };
    model.transfer_rows(&model.in_service(), Balance::Reference, &mut compare).expect("no weights");
    assert_eq!(compared, 20 * 14);
}
