//! The AC cascade model: books, order, ends.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use gridgate_tests::Dice;
use harness::cascade::acfm::{Acfm, Run, Settings, Status, csv_row};
use harness::cascade::{Cause, Outage, Tripped};
use powerflow::{BranchIdx, BusIdx, Case, Index, Network, UnitIdx};
use proptest::prelude::*;

fn case(name: &str) -> Case {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cases").join(name);
    powerflow::case::read(&folder.join(format!("{name}.m"))).expect("a case")
}

/// A stored case with other ratings, so that some outages cascade.
fn strained(name: &str, ratings: f64) -> Case {
    let mut case = case(name);
    for branch in &mut case.branches {
        branch.rate_a_mva = branch.rate_a_mva.map(|rate| rate * ratings);
    }
    case
}

fn run(network: &Arc<Network>, outage: &Outage) -> Run {
    Acfm::new(network, &Settings::default()).cascade(outage)
}

fn drawn(case: &Case, seed: u64) -> Outage {
    let mut dice = Dice(seed);
    let mut outage = Outage::default();
    for _ in 0..1 + dice.below(3) {
        outage.branches.push(BranchIdx::from_row(dice.below(case.branches.len())));
    }
    if dice.chance(0.3) {
        outage.units.push(UnitIdx::from_row(dice.below(case.units.len())));
    }
    if dice.chance(0.2) {
        outage.buses.push(BusIdx::from_row(dice.below(case.buses.len())));
    }
    outage.in_order()
}

const CASES: [&str; 2] = ["pglib_opf_case30_ieee", "case14"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn books_close_and_nothing_comes_back(seed: u64, which in 0usize..2, ratings in 0.5f64..1.5) {
        let case = strained(CASES[which], ratings);
        let outage = drawn(&case, seed);
        let settings = Settings::default();
        let network = Network::build(case).expect("a network");
        let run = run(&network, &outage);
        let account = &run.cascade.account;
        prop_assert!(account.imbalance_mw().abs() < 1e-6, "{account:?}");
        prop_assert!(account.served_mw >= 0.0 && account.served_mw <= account.initial_load_mw + 1e-9);
        // No cause loses a negative amount where no demand is negative, at any generation, and the events explain the account.
        let lost: f64 = run.cascade.trips.iter().map(|trip| trip.lost_mw).sum();
        prop_assert!(run.cascade.trips.iter().all(|trip| trip.lost_mw >= 0.0));
        prop_assert!((lost + account.shed.bus_outage_mw - account.shed.total_mw()).abs() < 1e-6);
        // Branches, units and buses go once; a unit's reactive limit and a step of demand are no trips.
        let mut gone = BTreeSet::new();
        for trip in &run.cascade.trips {
            let is_loss = match trip.what {
                Tripped::Branch(_) => true,
                Tripped::Unit(_) => trip.cause != Cause::ExcitationLimit,
                Tripped::Bus(_) => [Cause::IslandDead, Cause::Unsolved].contains(&trip.cause),
            };
            prop_assert!(!is_loss || gone.insert(trip.what), "{:?} went twice", trip.what);
        }
        prop_assert!(outage.branches.iter().all(|branch| !gone.contains(&Tripped::Branch(*branch))));
        // It ends, by itself or by the limit that it says.
        prop_assert!(2 * run.depth <= settings.max_recursion_depth * (1 + run.counts.islands));
        prop_assert_eq!(run.status == Status::DepthLimit, run.cascade.stopped.is_some());
    }

    /// A model that has lived through other cascades gives the same bytes as a new one.
    #[test]
    fn a_run_does_not_know_what_was_run_before(seed: u64, which in 0usize..2) {
        let case = strained(CASES[which], 0.8);
        let (first, second) = (drawn(&case, seed), drawn(&case, seed ^ 1));
        let network = Network::build(case).expect("a network");
        let mut used = Acfm::new(&network, &Settings::default());
        used.cascade(&second);
        let (used, new) = (used.cascade(&first), run(&network, &first));
        prop_assert_eq!(csv_row(&first, &used), csv_row(&first, &new));
        prop_assert_eq!(used, new);
    }

    /// Buses and branches in another order: the same elements trip in the same generations.
    #[test]
    fn the_order_of_rows_changes_nothing_else(seed: u64) {
        let case = strained("pglib_opf_case30_ieee", 0.8);
        let outage = Outage { buses: Vec::new(), ..drawn(&case, seed) };
        let mut other = case.clone();
        let mut dice = Dice(seed ^ 7);
        for at in (1..other.buses.len()).rev() {
            other.buses.swap(at, dice.below(at + 1));
        }
        let mut rows: Vec<usize> = (0..case.branches.len()).collect();
        for at in (1..rows.len()).rev() {
            rows.swap(at, dice.below(at + 1));
        }
        other.branches = rows.iter().map(|row| case.branches[*row].clone()).collect();
        let moved = |branch: &BranchIdx| {
            BranchIdx::from_row(rows.iter().position(|row| *row == branch.row()).expect("a row"))
        };
        let elsewhere = Outage {
            branches: outage.branches.iter().map(moved).collect(),
            units: outage.units.clone(),
            buses: Vec::new(),
        }
        .in_order();
        let here = run(&Network::build(case).expect("a network"), &outage);
        let there = run(&Network::build(other).expect("a network"), &elsewhere);
        // Where a quantity stands on its threshold rounding decides, and a search for the largest demand magnifies it.
        let margins = here.margins;
        prop_assume!(margins.line > 1e-6 && margins.voltage_pu > 1e-6 && margins.reactive_mvar > 1e-5);
        prop_assume!(here.first_collapse.is_none());
        let trips = |run: &Run, id: &dyn Fn(Tripped) -> Tripped| -> BTreeSet<(u32, Tripped)> {
            let no_bus = |what: &Tripped| !matches!(what, Tripped::Bus(_));
            let trips = run.cascade.trips.iter().filter(|trip| no_bus(&trip.what));
            trips.map(|trip| (trip.generation, id(trip.what))).collect()
        };
        let back = |what: Tripped| match what {
            Tripped::Branch(branch) => Tripped::Branch(BranchIdx::from_row(rows[branch.row()])),
            other => other,
        };
        prop_assert_eq!(trips(&here, &|what| what), trips(&there, &back));
        let lost = |run: &Run| {
            let mut lost = run.buses_lost.clone();
            lost.sort_unstable();
            lost
        };
        prop_assert_eq!(lost(&here), lost(&there));
        let gap = here.cascade.account.served_mw - there.cascade.account.served_mw;
        prop_assert!(gap.abs() < 1e-6, "{gap} MW");
    }

    /// What is out already can be lost again.
    #[test]
    fn a_dead_element_is_no_loss(seed: u64) {
        let mut case = strained("pglib_opf_case30_ieee", 0.8);
        let mut dice = Dice(seed);
        let dead = dice.below(case.branches.len());
        case.branches[dead].in_service = false;
        let outage = drawn(&case, seed);
        let mut with_dead = outage.clone();
        with_dead.branches.push(BranchIdx::from_row(dead));
        let network = Network::build(case).expect("a network");
        prop_assert_eq!(run(&network, &outage), run(&network, &with_dead.in_order()));
    }
}

/// A line of two buses that its rating does not allow: it trips, the load is on an island of its own, and so is the unit.
#[test]
fn an_overloaded_line_takes_its_load_with_it() {
    let mut case = Case::two_bus_example();
    case.branches[0].rate_a_mva = Some(70.0);
    let network = Network::build(case).expect("a network");
    let run = run(&network, &Outage::default());
    let account = &run.cascade.account;
    assert_eq!((account.initial_load_mw, account.served_mw), (80.0, 0.0));
    assert_eq!(account.shed.island_dead_mw, 80.0);
    let overload = &run.cascade.trips[0];
    assert_eq!((overload.cause, overload.generation), (Cause::Overload, 1));
    // More than the demand of 82.5 MVA flows, above 1.01 times the rating.
    assert!(overload.value > Some(80.0) && (overload.limit.expect("a limit") - 70.7).abs() < 1e-12);
    assert_eq!((run.counts.islands, run.depth, run.pf_count), (2, 2, 1));
}

#[test]
fn nothing_happens_where_nothing_is_wrong() {
    let network = Network::build(Case::two_bus_example()).expect("a network");
    let run = run(&network, &Outage::default());
    assert_eq!((run.cascade.trips.len(), run.pf_count, run.depth), (0, 1, 0));
    assert_eq!(run.cascade.account.shed.total_mw(), 0.0);
    assert!(!run.cascade.numerically_doubtful);
}

/// A bus takes its demand with it, under a cause of its own.
#[test]
fn a_bus_outage_is_booked_as_one() {
    let network = Network::build(Case::two_bus_example()).expect("a network");
    let outage = Outage { buses: vec![BusIdx::from_row(1)], ..Outage::default() };
    let account = run(&network, &outage).cascade.account;
    assert_eq!((account.shed.bus_outage_mw, account.served_mw), (80.0, 0.0));
}

/// A line that cannot carry its load (at most V^2 / 2X less what its reactive part takes): demand is given up, and what is left has a
/// power flow.
#[test]
fn a_demand_without_a_power_flow_is_given_up_in_part() {
    let mut case = Case::two_bus_example();
    (case.loads[0].p_mw, case.loads[0].q_mvar) = (700.0, 0.0);
    case.units[0].p_mw = 700.0;
    (case.units[0].p_max_mw, case.units[0].q_max_mvar, case.units[0].q_min_mvar) = (2000.0, 2000.0, -2000.0);
    case.branches[0].rate_a_mva = None;
    (case.branches[0].r_pu, case.branches[0].from_shunt_pu, case.branches[0].to_shunt_pu) =
        (0.0, (0.0, 0.0), (0.0, 0.0));
    let (highest_pu, x_pu) = (case.buses[0].vm_max_pu, case.branches[0].x_pu);
    let most_mw = case.base_mva.from_pu(highest_pu * highest_pu / (2.0 * x_pu));
    let network = Network::build(case).expect("a network");
    let run = run(&network, &Outage::default());
    let (shed, first) = (run.cascade.account.shed, run.cascade.trips[0]);
    assert!(run.cascade.numerically_doubtful);
    assert_eq!((first.cause, first.generation, run.counts.unsolved), (Cause::Collapse, 1, 0));
    // To the resolution of the search, of the largest demand that any voltage of the source allows.
    let least_mw = 700.0 - most_mw;
    assert!(shed.collapse_mw >= least_mw && shed.collapse_mw < least_mw + 10.0, "{shed:?} {least_mw}");
}

/// With a single slack the buses that a state names take up what is lacking, not the file's reference.
#[test]
fn a_state_names_its_reference() {
    let network = Network::build(case("case14")).expect("a network");
    let config = powerflow::NewtonConfig {
        reactive_limits: powerflow::ReactiveLimits::Ignore,
        slack: powerflow::Slack::Single,
        ..powerflow::NewtonConfig::default()
    };
    let mut solver = powerflow::Solver::new(&network);
    let mut state = network.initial_state();
    for unit in network.units.bus.indices() {
        let bus = network.units.bus[unit];
        state.references = vec![bus];
        let solution = solver.solve(&state, None, &config).expect("a solution");
        assert_eq!(solution.islands.len(), 1);
        assert_eq!(solution.islands[0].reference, bus);
        for (other, p_pu) in solution.unit_p_pu.iter().filter(|(other, _)| *other != unit) {
            assert_eq!(*p_pu, state.unit_p_pu[other]);
        }
        assert_ne!(solution.unit_p_pu[unit], state.unit_p_pu[unit]);
    }
    // A bus that holds no voltage cannot be one: the file's is.
    state.references = vec![network.bus(powerflow::BusId(4)).expect("a load bus")];
    let solution = solver.solve(&state, None, &config).expect("a solution");
    assert_eq!(solution.islands[0].reference, network.bus(powerflow::BusId(1)).expect("the reference"));
}
