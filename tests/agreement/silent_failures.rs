//! Files on which other programs answer without a word, and answer another question. Here each is either answered as the
//! file means it, with a note that names the element, or refused with its place.

use gridgate_tests::Unpacked;
use powerflow::case::read;
use powerflow::{
    BranchIdx, BusId, BusStatus, Diagnostics, DivergenceReason, Index, Network, NewtonConfig, ReactiveLimits,
    Rescue, RowStatus, Rung, Severity, Slack, Solution, Solver, Sweep,
};
use std::sync::Arc;

/// Fourteen buses; see `tests/data/cases/case14/SOURCE.md`.
const CASE14: &str = include_str!("../data/cases/case14/case14.m");

fn textbook() -> NewtonConfig {
    NewtonConfig {
        reactive_limits: ReactiveLimits::Ignore,
        slack: Slack::Single,
        tolerance_pu: 1e-10,
        ..NewtonConfig::default()
    }
}

fn network(text: &str) -> Result<Arc<Network>, Diagnostics> {
    let unpacked = Unpacked::new();
    Network::build(read(&unpacked.put("grid.m", text.as_bytes()))?)
}

fn solve(network: &Arc<Network>) -> Solution {
    powerflow::solve(network, &textbook()).expect("a solution")
}

/// The message of the one complaint with this code.
#[track_caller]
fn told(diagnostics: &Diagnostics, code: &str) -> (Severity, String) {
    let found: Vec<_> = diagnostics.0.iter().filter(|d| d.code == code).collect();
    assert_eq!(found.len(), 1, "{code} in\n{diagnostics}");
    assert!(found[0].place.is_some(), "{code} has no place");
    (found[0].severity, found[0].message.clone())
}

/// One edit that must hit.
#[track_caller]
fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

/// A reader that lets every generator hold its bus solves another grid.
#[test]
fn a_generator_on_a_pq_bus_injects_and_holds_nothing() {
    // Costs are a table with a row for each unit, and no part of a power flow.
    let case = CASE14.split("mpc.gencost").next().expect("a text");
    let unit = edited(
        case,
        "mpc.gen = [\n",
        "mpc.gen = [\n\t14\t30\t5\t24\t-6\t1.06\t100\t1\t100\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0;\n",
    );
    let demand = edited(case, "\t14\t1\t14.9\t5\t", "\t14\t1\t-15.1\t0\t");
    let (unit, demand) = (network(&unit).expect("a network"), network(&demand).expect("a network"));
    let (severity, message) = told(&unit.diagnostics, "case.unit.pq-bus");
    assert!(severity == Severity::Note && message.contains("unit 1 at bus 14"), "{message}");
    let (one, other) = (solve(&unit), solve(&demand));
    for bus in unit.buses.id.indices() {
        let (a, b) = (one.voltage(bus).expect("live"), other.voltage(bus).expect("live"));
        assert!((a.re - b.re).hypot(a.im - b.im) < 1e-9, "bus {}", unit.buses.id[bus]);
    }
    let bus = unit.bus(BusId(14)).expect("bus 14");
    assert!((one.vm_pu(bus).expect("live") - 1.06).abs() > 1e-3, "its set-point is held");
}

/// A feeder in kW and ohms converts itself in statements: who reads the matrices alone is wrong by a thousand.
#[test]
fn a_feeder_that_converts_its_own_units_is_refused_at_the_statement() {
    let statements = "Vbase = mpc.bus(1, 10) * 1e3;\nmpc.bus(:, [3, 4]) = mpc.bus(:, [3, 4]) / 1e3;\n";
    let complaints = network(&format!("{CASE14}\n{statements}")).expect_err("a refusal");
    assert!(complaints.has_errors());
    let line = CASE14.lines().count();
    let named = complaints.0.iter().find(|d| d.severity == Severity::Error && d.message.contains("mpc.bus"));
    let place = named.and_then(|d| d.place.as_ref()).expect("a place");
    assert!(place.line.is_some_and(|at| at as usize > line), "{complaints}");
}

/// Newton finds a root of the equations near 0 pu as readily as the one where grids operate.
#[test]
fn a_collapsed_root_is_no_answer() {
    // A load of P at the end of a reactance x from 1 pu: its voltage squared is a root of u^2 - u + (P x)^2 = 0.
    let (p, x) = (1.0_f64, 0.1_f64);
    let root = (1.0 - 4.0 * (p * x).powi(2)).sqrt();
    let (low, high) = (((1.0 - root) / 2.0).sqrt(), f64::midpoint(1.0, root).sqrt());
    let angle = |v: f64| -(p * x / v).asin().to_degrees();
    let angle_low = angle(low);
    let two = format!(
        "function mpc = two\nmpc.version = '2';\nmpc.baseMVA = 100;\nmpc.bus = [\n1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n\
         7 1 100 0 0 0 1 {low} {angle_low} 110 1 1.1 0.9;\n];\nmpc.gen = [1 0 0 999 -999 1 100 1 999 0];\n\
         mpc.branch = [1 7 0 0.1 0 0 0 0 0 0 1 -360 360];\n"
    );
    let network = network(&two).expect("a network");
    let bus = network.bus(BusId(7)).expect("bus 7");
    assert!(low < 0.2, "the root is not a collapsed one");
    let solution = solve(&network);
    assert!((solution.vm_pu(bus).expect("live") - high).abs() < 1e-8);
    assert_ne!(solution.rung, Rung::Newton, "the lower root was not found: this test tests nothing");
    // Without another start there is no answer, and the bus is named.
    let alone = NewtonConfig { rescue: Rescue::No, ..textbook() };
    let divergence = powerflow::solve(&network, &alone).expect_err("no solution");
    assert_eq!((divergence.reason, divergence.worst_bus), (DivergenceReason::LowVoltage, BusId(7)));
}

#[test]
fn a_number_that_is_none_is_refused_by_name() {
    for (from, to, element) in [
        ("\t14\t1\t14.9\t5\t", "\t14\t1\tNaN\t5\t", "bus 14"),
        ("\t14\t1\t14.9\t5\t", "\t14\t1\t14.9\tInf\t", "bus 14"),
        ("\t4\t5\t0.01335\t0.04211\t", "\t4\t5\t0.01335\tNaN\t", "branch 7"),
    ] {
        let complaints = network(&edited(CASE14, from, to)).expect_err("a refusal");
        let (severity, message) = told(&complaints, "case.number.not-finite");
        assert!(severity == Severity::Error && message.contains(element), "{message}");
    }
}

/// A part of the grid that nothing feeds has no voltage: neither zero nor NaN nor the voltage of its set-point.
#[test]
fn an_island_without_a_source_is_dead_and_named() {
    // Bus 14 hangs on branches 17 (9-14) and 20 (13-14).
    let mut text = CASE14.to_owned();
    for branch in [
        "\t9\t14\t0.12711\t0.27038\t0\t0\t0\t0\t0\t0\t1\t",
        "\t13\t14\t0.17093\t0.34802\t0\t0\t0\t0\t0\t0\t1\t",
    ] {
        let out = format!("{}0\t", branch.strip_suffix("1\t").expect("in service"));
        text = edited(&text, branch, &out);
    }
    let network = network(&text).expect("a network");
    let (severity, message) = told(&network.diagnostics, "case.island.no-source");
    assert!(
        severity == Severity::Warning && message.contains("bus 14") && message.contains("14.9"),
        "{message}"
    );
    let bus = network.bus(BusId(14)).expect("bus 14");
    let solution = solve(&network);
    assert_eq!((solution.status[bus], solution.voltage(bus)), (BusStatus::Dead, None));

    // The same in a sweep: from the whole grid, by outages.
    let whole = self::network(CASE14).expect("a network");
    let mut sweep = Sweep::new(&whole, whole.initial_state(), &textbook()).expect("a base");
    let mut seen = 0;
    sweep.outages(&[vec![BranchIdx::from_row(16), BranchIdx::from_row(19)]], &mut |_, answer| {
        seen += 1;
        assert_eq!(answer.status, RowStatus::Islanded);
        assert_eq!((answer.bus_status(bus), answer.voltage(bus)), (Some(BusStatus::Dead), None));
        for other in whole.buses.id.indices().filter(|other| *other != bus) {
            let (a, b) = (answer.voltage(other).expect("live"), solution.voltage(other).expect("live"));
            assert!((a.re - b.re).hypot(a.im - b.im) < 1e-8, "bus {}", whole.buses.id[other]);
        }
    });
    assert_eq!(seen, 1);
}

/// A base that has no solution ends a sweep before its first row, with the bus where the power is missing.
#[test]
fn a_sweep_of_a_grid_that_cannot_be_names_a_bus() {
    let network = network(&edited(CASE14, "\t14\t1\t14.9\t5\t", "\t14\t1\t1490\t500\t")).expect("a network");
    let divergence = Sweep::new(&network, network.initial_state(), &textbook()).expect_err("no base");
    assert!(network.bus(divergence.worst_bus).is_ok() && divergence.mismatch_mw.abs() > 1.0, "{divergence}");
    assert!(Solver::new(&network).solve(&network.initial_state(), None, &textbook()).is_err());
}
