//! Controls on grids small enough to know the answer.

use std::sync::Arc;

use super::*;
use crate::case::{
    BusKind, Case, CaseArea, CaseBranch, CaseBus, CaseDemandPart, CaseLoad, CaseRemoteControl, CaseShunt,
    CaseShuntControl, CaseTapControl, CaseUnit,
};
use crate::index::{BusId, BusIdx, Index};
use crate::{ReactiveLimits, Slack};

fn config() -> NewtonConfig {
    NewtonConfig {
        slack: Slack::Single,
        reactive_limits: ReactiveLimits::Ignore,
        tolerance_pu: 1e-10,
        ..NewtonConfig::default()
    }
}

fn run(case: Case, control: &ControlConfig) -> (Arc<Network>, Controlled) {
    let network = Network::build(case).expect("a sound case");
    let mut solver = Solver::new(&network);
    let state = network.initial_state();
    let answer = solve_controlled(&mut solver, &state, None, &config(), control).expect("a solution");
    (network, answer)
}

fn vm(answer: &Controlled, row: usize) -> f64 {
    answer.solution.vm_pu(BusIdx::from_row(row)).expect("a live bus")
}

/// Bus 1 feeds bus 2 through a transformer with 33 positions from 0.9 to 1.1 that keeps bus 2 in a band.
fn transformer(band: (f64, f64)) -> Case {
    let mut case = Case::two_bus_example();
    case.branches[0].transformer = true;
    case.branches[0].tap_range = Some((0.9, 1.1, 33));
    case.controls.taps.push(CaseTapControl {
        branch: 0,
        bus: BusId(2),
        low_pu: band.0,
        high_pu: band.1,
        from_side: false,
    });
    case
}

#[test]
fn nothing_moves_unless_it_is_told_to() {
    let (_, answer) = run(transformer((1.04, 1.06)), &ControlConfig::default());
    assert!(answer.moved.is_empty() && answer.left.is_empty());
    assert_eq!(answer.passes, 1);
}

#[test]
fn a_tap_brings_its_voltage_into_the_band_and_then_rests() {
    let only = ControlConfig { taps: true, ..ControlConfig::default() };
    let (network, answer) = run(transformer((1.035, 1.045)), &only);
    assert!((1.035..=1.045).contains(&vm(&answer, 1)), "{}", vm(&answer, 1));
    let [made] = answer.moved[..] else { panic!("{:?}", answer.moved) };
    assert_eq!((made.element, made.from), (Element::Tap(BranchIdx::from_row(0)), 1.0));
    // Bus 2 is on the to side: a smaller ratio raises it. A position is 0.2/32.
    let positions = (made.to - 0.9) / 0.00625;
    assert!(made.to < 1.0 && (positions - positions.round()).abs() < 1e-9, "{made:?}");
    assert!(answer.left.is_empty());
    let mut solver = Solver::new(&network);
    let again =
        solve_controlled(&mut solver, &answer.state, Some(&answer.solution), &config(), &only).unwrap();
    assert!(again.moved.is_empty());
    assert_eq!(again.passes, 1);
}

#[test]
fn a_band_narrower_than_a_position_ends_at_the_nearest_and_says_so() {
    let only = ControlConfig { taps: true, ..ControlConfig::default() };
    let (network, answer) = run(transformer((1.0399, 1.0401)), &only);
    assert_eq!(answer.left.len(), 1);
    assert_eq!(answer.left[0].reason, LeftReason::NoPosition);
    assert!(answer.passes < 20, "{}", answer.passes);
    // No neighbouring position is nearer to the middle.
    let branch = BranchIdx::from_row(0);
    let off = |ratio: f64| {
        let mut state = answer.state.clone();
        state.tap_ratio[branch] = ratio;
        let solution = Solver::new(&network).solve(&state, None, &config()).unwrap();
        (solution.vm_pu(BusIdx::from_row(1)).unwrap() - 1.04).abs()
    };
    let ratio = answer.state.tap_ratio[branch];
    assert!(off(ratio) <= off(ratio + 0.00625) && off(ratio) <= off(ratio - 0.00625));
}

#[test]
fn a_tap_stops_at_the_end_of_its_range() {
    let only = ControlConfig { taps: true, ..ControlConfig::default() };
    let (_, answer) = run(transformer((1.25, 1.26)), &only);
    assert_eq!(answer.state.tap_ratio[BranchIdx::from_row(0)], 0.9);
    assert_eq!(answer.left[0].reason, LeftReason::EndOfRange);
}

#[test]
fn a_larger_ratio_raises_the_side_of_the_tap() {
    let mut case = transformer((1.035, 1.045));
    (case.branches[0].from, case.branches[0].to) = (BusId(2), BusId(1));
    case.controls.taps[0].from_side = true;
    let (_, answer) = run(case, &ControlConfig::all());
    assert!((1.035..=1.045).contains(&vm(&answer, 1)), "{}", vm(&answer, 1));
    assert!(answer.state.tap_ratio[BranchIdx::from_row(0)] > 1.0);
}

#[test]
fn two_transformers_that_hold_one_voltage_move_alike() {
    let mut case = transformer((1.035, 1.045));
    case.branches.push(case.branches[0].clone());
    let control = CaseTapControl { branch: 1, ..case.controls.taps[0].clone() };
    case.controls.taps.push(control);
    let (_, answer) = run(case, &ControlConfig::all());
    assert!((1.035..=1.045).contains(&vm(&answer, 1)));
    assert_eq!(answer.moved.len(), 2);
    assert_eq!(answer.moved[0].to, answer.moved[1].to);
}

#[test]
fn a_shunt_brings_its_voltage_into_the_band() {
    let mut case = Case::two_bus_example();
    let steps_mvar = (1..=10).map(|k| f64::from(k) * 10.0).collect();
    case.shunts.push(CaseShunt { bus: BusId(2), g_mw: 0.0, b_mvar: 0.0, in_service: true, steps_mvar });
    case.controls.shunts.push(CaseShuntControl { shunt: 0, bus: BusId(2), low_pu: 1.01, high_pu: 1.02 });
    let only = ControlConfig { shunts: true, ..ControlConfig::default() };
    let (network, answer) = run(case, &only);
    assert!((1.01..=1.02).contains(&vm(&answer, 1)), "{}", vm(&answer, 1));
    let [made] = answer.moved[..] else { panic!("{:?}", answer.moved) };
    assert_eq!(made.element, Element::Shunt(ShuntIdx::from_row(0)));
    assert!(answer.left.is_empty());
    // Without it the voltage is below the band.
    let alone = Solver::new(&network).solve(&network.initial_state(), None, &config()).unwrap();
    assert!(alone.vm_pu(BusIdx::from_row(1)).unwrap() < 1.01);
}

/// The two-bus example with its demand in parts.
fn following(p_exponent: f64) -> Case {
    let mut case = Case::two_bus_example();
    let (p_mw, q_mvar) = (case.loads[0].p_mw, case.loads[0].q_mvar);
    case.demand_parts.push(CaseDemandPart { load: 0, p_mw, p_exponent, q_mvar, q_exponent: p_exponent });
    case
}

#[test]
fn a_demand_of_constant_impedance_is_a_shunt() {
    let (_, answer) = run(following(2.0), &ControlConfig::all());
    let mut shunt = Case::two_bus_example();
    let load = shunt.loads.remove(0);
    shunt.shunts.push(CaseShunt {
        bus: load.bus,
        g_mw: load.p_mw,
        b_mvar: -load.q_mvar,
        in_service: true,
        steps_mvar: Vec::new(),
    });
    let (_, exact) = run(shunt, &ControlConfig::default());
    assert!((vm(&answer, 1) - vm(&exact, 1)).abs() < 1e-9, "{} {}", vm(&answer, 1), vm(&exact, 1));
    assert!(
        (answer.flows.p_from_pu[BranchIdx::from_row(0)] - exact.flows.p_from_pu[BranchIdx::from_row(0)])
            .abs()
            < 1e-9
    );
}

#[test]
fn a_demand_of_constant_current_is_proportional_to_the_voltage() {
    let (_, answer) = run(following(1.0), &ControlConfig::all());
    let v = vm(&answer, 1);
    assert!(v < 0.99);
    // What arrives over the line is the demand: 80 MW and 20 Mvar at 1 pu.
    assert!((-answer.flows.p_to_pu[BranchIdx::from_row(0)] - 0.8 * v).abs() < 1e-9);
    assert!((-answer.flows.q_to_pu[BranchIdx::from_row(0)] - 0.2 * v).abs() < 1e-9);
}

#[test]
fn a_scaled_demand_scales_its_parts() {
    let network = Network::build(following(1.0)).unwrap();
    let mut state = network.initial_state();
    let bus = BusIdx::from_row(1);
    state.demand_p_pu[bus] *= 0.5;
    state.demand_q_pu[bus] = 0.0;
    let mut solver = Solver::new(&network);
    let answer = solve_controlled(&mut solver, &state, None, &config(), &ControlConfig::all()).unwrap();
    assert!((answer.state.demand_p_pu[bus] - 0.4 * vm(&answer, 1)).abs() < 1e-9);
    assert_eq!(answer.state.demand_q_pu[bus], 0.0);
}

#[test]
fn a_unit_holds_the_bus_that_it_is_told_to_hold() {
    let mut case = Case::two_bus_example();
    case.controls.remote.push(CaseRemoteControl { unit: 0, bus: BusId(2) });
    let (_, answer) = run(case, &ControlConfig::all());
    assert!((vm(&answer, 1) - 1.02).abs() < 1e-7, "{}", vm(&answer, 1));
    assert!(vm(&answer, 0) > 1.03);
    assert!(answer.passes < 8);
}

/// Areas 1 (bus 1) and 2 (buses 2 and 3); a unit at bus 3.
fn two_areas(export_mw: f64) -> Case {
    let mut case = Case::two_bus_example();
    let bus = CaseBus { id: BusId(3), kind: BusKind::Pv, ..case.buses[0].clone() };
    case.buses.push(bus);
    case.buses[1].area = 2;
    case.buses[2].area = 2;
    let line = CaseBranch { from: BusId(2), to: BusId(3), ..case.branches[0].clone() };
    case.branches.push(line);
    let unit = CaseUnit { bus: BusId(3), p_mw: 10.0, p_max_mw: 60.0, ..case.units[0].clone() };
    case.units.push(unit);
    case.controls.areas = vec![
        CaseArea { number: 1, slack_bus: BusId(1), export_mw: -export_mw, tolerance_mw: 0.001 },
        CaseArea { number: 2, slack_bus: BusId(3), export_mw, tolerance_mw: 0.001 },
    ];
    case
}

#[test]
fn an_area_holds_its_exchange() {
    let (_, answer) = run(two_areas(-50.0), &ControlConfig::all());
    // Into area 2 over its own end of the only tie.
    let into = -answer.flows.p_to_pu[BranchIdx::from_row(0)];
    assert!((into - 0.5).abs() < 1e-5, "{into}");
    assert!(answer.left.is_empty());
}

#[test]
fn an_area_holds_its_exchange_while_all_units_share_the_balance() {
    let network = Network::build(two_areas(-50.0)).expect("a sound case");
    let mut solver = Solver::new(&network);
    let state = network.initial_state();
    let config = NewtonConfig { slack: Slack::Distributed, ..config() };
    let answer = solve_controlled(&mut solver, &state, None, &config, &ControlConfig::all()).unwrap();
    let into = -answer.flows.p_to_pu[BranchIdx::from_row(0)];
    assert!((into - 0.5).abs() < 1e-5, "{into}");
    assert!(answer.passes < 30, "{}", answer.passes);
}

#[test]
fn an_area_that_cannot_hold_its_exchange_says_so() {
    let (_, answer) = run(two_areas(10.0), &ControlConfig::all());
    let left = Left { element: Element::Schedule(UnitIdx::from_row(1)), reason: LeftReason::EndOfRange };
    assert_eq!(answer.left, [left]);
    assert_eq!(answer.state.unit_p_pu[UnitIdx::from_row(1)], 0.6);
}

#[test]
fn a_move_without_a_solution_is_taken_back() {
    // A heavy load behind a long line: with the voltage at bus 2 held down the transfer is impossible.
    let mut case = transformer((0.45, 0.55));
    case.branches[0].tap_range = Some((0.5, 3.0, 6));
    case.branches[0].x_pu = 0.25;
    let (_, answer) = run(case, &ControlConfig { tap_positions_max: 5, ..ControlConfig::all() });
    assert!(answer.left.iter().any(|l| l.reason == LeftReason::NoSolution), "{:?}", answer.left);
    assert!(vm(&answer, 1) > 0.55);
    assert!(answer.moved.is_empty() && answer.state.tap_ratio[BranchIdx::from_row(0)] == 1.0);
}

#[test]
fn an_answer_does_not_depend_on_its_neighbours() {
    let network = Network::build(transformer((1.035, 1.045))).unwrap();
    let mut solver = Solver::new(&network);
    let states: Vec<State> = [0.2, 0.7, 1.0, 1.4]
        .map(|scale| {
            let mut state = network.initial_state();
            state.demand_p_pu[BusIdx::from_row(1)] *= scale;
            state
        })
        .to_vec();
    let jobs: Vec<Job<'_>> = states.iter().map(|state| Job { state, previous: None }).collect();
    let all = solve_controlled_batch(&mut solver, &jobs, &config(), &ControlConfig::all());
    for (state, together) in states.iter().zip(all) {
        let together = together.unwrap();
        let alone = solve_controlled(&mut solver, state, None, &config(), &ControlConfig::all()).unwrap();
        assert_eq!(vm(&alone, 1).to_bits(), vm(&together, 1).to_bits());
        assert_eq!((alone.moved, alone.passes), (together.moved, together.passes));
    }
}

#[test]
fn loads_are_read_into_the_case() {
    let load = CaseLoad { bus: BusId(2), p_mw: 1.0, q_mvar: 0.0, in_service: false };
    let mut case = following(2.0);
    case.loads.push(load);
    case.demand_parts.push(CaseDemandPart {
        load: 1,
        p_mw: 1.0,
        p_exponent: 2.0,
        q_mvar: 0.0,
        q_exponent: 0.0,
    });
    // A part of a demand that is out of service is no demand.
    let network = Network::build(case).unwrap();
    assert_eq!(network.controls.demand_parts.len(), 1);
}
