//! Small grids whose steps can be followed by hand.

use super::*;
use powerflow::{Case, UnitIdx};

/// A demand behind three lines, with these ratings, MVA.
fn lines(p_mw: f64, ratings: [f64; 3]) -> Arc<Network> {
    let mut case = Case::two_bus_example();
    case.loads[0].p_mw = p_mw;
    case.loads[0].q_mvar = 0.0;
    case.units[0].p_mw = p_mw;
    let line = case.branches[0].clone();
    case.branches = ratings
        .iter()
        .map(|rating| powerflow::case::CaseBranch {
            r_pu: 0.0,
            from_shunt_pu: (0.0, 0.0),
            to_shunt_pu: (0.0, 0.0),
            rate_a_mva: Some(*rating),
            ..line.clone()
        })
        .collect();
    Network::build(case).expect("a sound case")
}

fn settings() -> Settings {
    Settings { flow: FlowModel::Dc, ..Settings::default() }
}

fn out(row: usize) -> Outage {
    Outage { branches: vec![BranchIdx::from_row(row)], ..Outage::default() }
}

/// Rows from 1, generations and times.
fn trips(told: &Told) -> Vec<(Tripped, u32, f64)> {
    told.cascade
        .trips
        .iter()
        .map(|trip| (trip.what, trip.generation, trip.time_s.unwrap_or_default()))
        .collect()
}

fn line(row: usize) -> Tripped {
    Tripped::Branch(BranchIdx::from_row(row))
}

#[test]
fn an_overload_is_borne_for_two_steps_and_trips_in_the_third() {
    // 60 MW each on two lines of three; one of them bears 50.
    let network = lines(120.0, [100.0, 50.0, 200.0]);
    let told = Steps::new(&network, &settings()).cascade(&out(0));
    assert_eq!(trips(&told), [(line(1), 1, 600.0)]);
    assert_eq!((told.cascade.trips[0].value, told.cascade.trips[0].limit), (Some(60.0), Some(50.0)));
    assert!(
        told.why[0].contains("3 steps in a row; overloaded since the outage went, 80.0 % before"),
        "{}",
        told.why[0]
    );
    assert_eq!((told.cascade.account.served_mw, told.cascade.solves), (120.0, 3));
    let soon = Steps::new(&network, &Settings { soft_steps: 0, ..settings() }).cascade(&out(0));
    assert_eq!(trips(&soon), [(line(1), 1, 0.0)]);
}

#[test]
fn a_heavy_overload_trips_at_once_and_the_next_is_judged_in_the_same_step() {
    // 60 MW on a line of 25: at once. Then 120 MW on one of 50: at once too, by the fault of the other; then all is dark.
    let network = lines(120.0, [100.0, 25.0, 50.0]);
    let ends = Steps::new(&network, &settings()).cascade(&out(0));
    assert_eq!(trips(&ends)[..2], [(line(1), 1, 0.0), (line(2), 2, 0.0)]);
    assert!(ends.why[0].contains("trips at once"), "{}", ends.why[0]);
    // It was above its limit since the outage; the other's trip made it too much.
    assert!(ends.why[1].contains("240.0 % of its limit"), "{}", ends.why[1]);
    assert!(
        ends.cascade.stopped.as_deref().is_some_and(|why| why.contains("bus 2")),
        "{:?}",
        ends.cascade.stopped
    );
    assert_eq!((ends.cascade.account.served_mw, ends.cascade.account.imbalance_mw()), (0.0, 0.0));
    let shed = Steps::new(&network, &Settings { isolation: Isolation::Shed, ..settings() }).cascade(&out(0));
    assert_eq!(shed.cascade.stopped, None);
    assert_eq!(shed.cascade.account.shed.island_dead_mw, 120.0);
    let last: Vec<Tripped> = trips(&shed).iter().skip(2).map(|(what, ..)| *what).collect();
    assert_eq!(last, [Tripped::Unit(UnitIdx::from_row(0)), Tripped::Bus(BusIdx::from_row(1))]);
}

#[test]
fn a_line_that_is_overloaded_because_another_went_says_which() {
    // 40 MW each; the second trips in the third step of its overload, and brings the third to 120 of 90 MW.
    let network = lines(120.0, [100.0, 45.0, 90.0]);
    let told = Steps::new(&network, &settings()).cascade(&out(0));
    assert_eq!(trips(&told)[..2], [(line(1), 1, 600.0), (line(2), 2, 1200.0)]);
    assert!(told.why[1].contains("overloaded since branch 2 (1-2) went, 66.7 % before"), "{}", told.why[1]);
}

#[test]
fn time_that_is_up_ends_without_a_trip() {
    let network = lines(120.0, [100.0, 50.0, 200.0]);
    let told = Steps::new(&network, &Settings { steps: 2, ..settings() }).cascade(&out(0));
    assert!(told.cascade.trips.is_empty() && told.cascade.stopped.is_none());
}

#[test]
fn an_overload_of_the_base_is_counted_from_the_first_step() {
    let network = lines(120.0, [30.0, 100.0, 200.0]);
    let told = Steps::new(&network, &settings()).cascade(&Outage::default());
    assert_eq!(trips(&told)[0], (line(0), 1, 600.0));
    assert!(told.why[0].contains("before the outage already"), "{}", told.why[0]);
}

#[test]
fn a_power_flow_without_a_solution_is_no_blackout_but_the_end() {
    // More than the maximum that a line of 0.1 pu can carry at 1 pu.
    let network = lines(900.0, [1e4, 1e4, 1e4]);
    let ac = Settings { flow: FlowModel::Ac, ..settings() };
    let mut case = (*network.case).clone();
    case.units[0].p_max_mw = 2000.0;
    case.units[0].q_max_mvar = 2000.0;
    let network = Network::build(case).expect("a sound case");
    let mut engine = Steps::new(&network, &ac);
    assert_eq!(engine.cascade(&Outage::default()).cascade.stopped, None);
    let told = engine.cascade(&Outage {
        branches: vec![BranchIdx::from_row(0), BranchIdx::from_row(1)],
        ..Outage::default()
    });
    assert!(told.cascade.numerically_doubtful);
    assert!(told.cascade.stopped.is_some_and(|why| why.contains("no solution found")));
    assert_eq!(told.cascade.account.shed.unsolved_mw, 900.0);
}

#[test]
fn generation_that_is_not_there_is_no_solution() {
    let network = lines(120.0, [200.0, 200.0, 200.0]);
    let mut case = (*network.case).clone();
    case.units.push(powerflow::case::CaseUnit { p_mw: 40.0, p_max_mw: 40.0, ..case.units[0].clone() });
    case.units[0].p_mw = 80.0;
    case.units[0].p_max_mw = 100.0;
    let network = Network::build(case).expect("a sound case");
    let told = Steps::new(&network, &settings())
        .cascade(&Outage { units: vec![UnitIdx::from_row(1)], ..Outage::default() });
    assert!(told.cascade.stopped.is_some_and(|why| why.contains("20.000 MW that no unit")));
}
