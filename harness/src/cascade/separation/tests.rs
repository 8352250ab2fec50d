//! Small grids whose cascades can be followed by hand.

use super::*;
use powerflow::Case;
use powerflow::case::{CaseBranch, CaseUnit};

/// A demand of 120 MW behind two lines of 80 MW each.
fn two_lines() -> Case {
    let mut case = Case::two_bus_example();
    case.loads[0].p_mw = 120.0;
    case.units[0] = CaseUnit { p_mw: 120.0, ..case.units[0].clone() };
    case.branches[0].rate_b_mva = Some(80.0);
    case.branches.push(case.branches[0].clone());
    case
}

fn engine(case: Case) -> Separation {
    let network = Network::build(case).expect("a sound case");
    Separation::new(&network, &Settings::default()).expect("reactances")
}

fn branch(row: usize) -> Outage {
    Outage { branches: vec![BranchIdx::from_row(row)], ..Outage::default() }
}

#[test]
fn the_second_line_follows_fifteen_seconds_after_the_first_and_the_demand_with_it() {
    let mut engine = engine(two_lines());
    let told = engine.cascade(&branch(0));
    let [line, unit, bus] = told.cascade.trips.as_slice() else { panic!("{:?}", told.cascade.trips) };
    // 40 MW above 80 MW is half of it too much; the clock begins at 1 s.
    assert_eq!((line.what, line.cause), (Tripped::Branch(BranchIdx::from_row(1)), Cause::Overload));
    assert!(line.time_s.is_some_and(|time_s| (time_s - 16.0).abs() < 1e-9));
    assert_eq!((line.generation, line.limit), (1, Some(80.0)));
    assert!(line.value.is_some_and(|value| (value - 120.0).abs() < 1e-9));
    assert_eq!(
        (unit.what, unit.cause, unit.generation),
        (Tripped::Unit(UnitIdx::from_row(0)), Cause::Surplus, 2)
    );
    assert_eq!(
        (bus.what, bus.cause, bus.lost_mw),
        (Tripped::Bus(BusIdx::from_row(1)), Cause::IslandDead, 120.0)
    );
    let account = &told.cascade.account;
    assert_eq!((account.served_mw, account.shed.island_dead_mw, account.imbalance_mw()), (0.0, 120.0, 0.0));
    assert!(told.islands.is_empty() && told.cascade.stopped.is_none());
    assert_eq!(told.why.len(), 3);
}

#[test]
fn nothing_follows_where_nothing_is_beyond_its_rating() {
    let mut case = two_lines();
    case.branches[1].rate_b_mva = Some(125.0);
    let told = engine(case).cascade(&branch(0));
    assert!(told.cascade.trips.is_empty() && told.cascade.account.shed.total_mw() == 0.0);
    assert_eq!((told.cascade.solves, told.islands.len()), (1, 1));
}

#[test]
fn a_branch_without_an_emergency_rating_carries_anything() {
    let mut case = two_lines();
    case.branches[1].rate_b_mva = None;
    let mut engine = engine(case);
    assert_eq!(engine.unlimited(), 1);
    assert!(engine.cascade(&branch(0)).cascade.trips.is_empty());
}

/// Two grids on one line that carries 40 MW: each has a minute of ramp, 5 % of its largest power, when it opens.
fn two_grids() -> Case {
    let mut case = Case::two_bus_example();
    case.branches = vec![CaseBranch { rate_b_mva: Some(100.0), ..case.branches[0].clone() }];
    let unit = case.units[0].clone();
    let on = |row: usize, p_mw: f64, p_max_mw: f64| CaseUnit {
        bus: case.buses[row].id,
        p_mw,
        p_max_mw,
        ..unit.clone()
    };
    case.units = vec![on(0, 100.0, 200.0), on(0, 30.0, 60.0), on(1, 60.0, 100.0)];
    let mut load = case.loads[0].clone();
    load.p_mw = 100.0;
    case.loads.push(load.clone());
    case.loads[0] = powerflow::case::CaseLoad { bus: case.buses[0].id, p_mw: 90.0, ..load };
    case
}

#[test]
fn a_separation_costs_what_ramps_cannot_follow() {
    let mut engine = engine(two_grids());
    let told = engine.cascade(&branch(0));
    // 130 MW for 90: ramps take 10 + 3 MW back, so the smaller unit goes, and 27 MW of it were needed after all: the larger one
    // comes back up to 90. On the other side 60 + 5 MW for 100.
    let trips = &told.cascade.trips;
    let [unit, demand] = trips.as_slice() else { panic!("{trips:?}") };
    assert_eq!((unit.what, unit.cause), (Tripped::Unit(UnitIdx::from_row(1)), Cause::Surplus));
    assert_eq!((demand.what, demand.cause), (Tripped::Bus(BusIdx::from_row(1)), Cause::Ufls));
    let shed = told.cascade.account.shed;
    assert!((shed.ufls_mw - 35.0).abs() < 1e-4, "{shed:?}");
    assert_eq!(shed.total_mw(), shed.ufls_mw);
    assert_eq!(told.islands.len(), 2);
    assert!((told.islands[0].generation_mw - 90.0).abs() <= BALANCED_MW, "{:?}", told.islands);
}

#[test]
fn the_loss_of_a_bus_takes_its_demand_and_the_loss_of_a_unit_is_made_good_by_ramps() {
    let mut engine = engine(two_grids());
    let bus = engine.cascade(&Outage { buses: vec![BusIdx::from_row(1)], ..Outage::default() });
    assert_eq!(bus.cascade.account.shed.bus_outage_mw, 100.0);
    assert_eq!(bus.cascade.account.imbalance_mw(), 0.0);
    // 30 MW are missing of 190, and 10 + 5 MW of ramp are there.
    let unit = engine.cascade(&Outage { units: vec![UnitIdx::from_row(1)], ..Outage::default() });
    assert!((unit.cascade.account.shed.ufls_mw - 15.0).abs() < 1e-4, "{:?}", unit.cascade.account);
}

#[test]
fn schedules_that_hold_losses_meet_the_demand_before_anything_happens() {
    let mut case = two_lines();
    case.units[0].p_mw = 123.0;
    let mut engine = engine(case);
    assert!((engine.base_redispatch_mw() + 3.0).abs() < 1e-9);
    let none = engine.cascade(&Outage::default());
    assert_eq!((none.cascade.trips.len(), none.cascade.solves), (0, 1));
    assert_eq!(none.cascade.account.served_mw, 120.0);
}

#[test]
fn what_is_not_followed_is_not_served() {
    let network = Network::build(two_grids()).expect("a sound case");
    let settings = Settings { stop_served_share: 0.95, ..Settings::default() };
    let mut engine = Separation::new(&network, &settings).expect("reactances");
    let told = engine.cascade(&branch(0));
    assert!(told.cascade.stopped.is_some_and(|why| why.contains("stop_served_share")));
    let account = told.cascade.account;
    assert_eq!(account.served_mw, 0.0);
    assert!((account.shed.unsolved_mw - 155.0).abs() < 1e-4 && account.imbalance_mw().abs() < 1e-9);
}

/// Where reactances cancel there is no flow, and nobody may take one for it.
#[test]
fn angles_that_are_not_determined_are_no_end() {
    let mut case = two_lines();
    case.branches[1].x_pu = -case.branches[0].x_pu;
    case.branches[1].rate_b_mva = None;
    case.branches[0].rate_b_mva = None;
    let told = engine(case.clone()).cascade(&Outage::default());
    assert!(told.cascade.numerically_doubtful);
    assert!(told.cascade.stopped.is_some_and(|why| why.contains("does not determine")));
    assert_eq!((told.cascade.account.served_mw, told.cascade.account.shed.unsolved_mw), (0.0, 120.0));
    assert!(engine(case.clone()).base_flow().is_none());
    // With one of them gone there is a flow again.
    assert_eq!(engine(case).cascade(&branch(1)).cascade.account.served_mw, 120.0);
}
