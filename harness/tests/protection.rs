//! Relays in the closed loop: what operates, when, and what it costs. Expected times are computed here from the standards' formulas.

mod rows;

use std::sync::Arc;

use harness::Cohort;
use harness::action::Task;
use harness::candidate::Source;
use harness::candidate::do_nothing::DoNothing;
use harness::cascade::protection::{Engine, cascade, scenario};
use harness::cascade::{Cascade, Cause, Outage, Trip, Tripped};
use harness::grid::GridRules;
use harness::grid::protection::frequency::Balance;
use harness::grid::protection::overload::Curve;
use harness::grid::protection::{Protection, Settings, thermal};
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::trajectory::Trajectory;
use powerflow::{BranchIdx, Index, Network, NewtonConfig, Rescue, Solver};
use scenarios::{Event, Moment, Scenario, TimedEvent};

use rows::case;

fn grid(buses: &str, units: &str, branches: &str) -> Arc<Network> {
    Network::build(case(buses, units, branches)).expect("a network")
}

/// Two circuits of 120 MVA feed 100 MW: with one out the other carries more than its rating.
fn two_circuits(rating_mva: f64) -> Arc<Network> {
    let line = format!("1 2 0 0.1 0 {rating_mva} 0 0 0 0 1 -360 360;\n");
    grid(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 1 100 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 100 0 300 -300 1 100 1 400 0;\n",
        &line.repeat(2),
    )
}

fn branches(rows: &[usize]) -> Outage {
    Outage { branches: rows.iter().map(|row| BranchIdx::from_row(row - 1)).collect(), ..Outage::default() }
}

fn sets_off(network: &Arc<Network>, settings: &Settings, outage: &Outage) -> Cascade {
    let cascade = cascade(network, settings, outage, 60.0, 1);
    assert!(cascade.account.imbalance_mw().abs() < 1e-6, "{:?}", cascade.account);
    cascade
}

fn by(cascade: &Cascade, cause: Cause) -> Vec<&Trip> {
    cascade.trips.iter().filter(|trip| trip.cause == cause).collect()
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

/// 100 MW over x = 0.1 pu from 1 pu: V^2 (1 - V^2) = 0.01, so V^2 = 0.989897949, and the current is 1 / V.
const CURRENT_PU: f64 = 1.005_089_6;

#[test]
fn an_overloaded_circuit_trips_when_the_standard_says() {
    let network = two_circuits(50.0);
    let found = sets_off(&network, &Settings::of(60.0), &branches(&[1]));
    let trip = by(&found, Cause::Overload)[0];
    close(trip.value.expect("a current"), 100.0 * CURRENT_PU, 1e-3);
    close(trip.limit.expect("a pick-up"), 75.0, 1e-12);
    let multiple = trip.value.expect("a current") / 75.0;
    close(trip.time_s.expect("a time"), 19.61 / (multiple * multiple - 1.0) + 0.491, 1e-8);
    assert_eq!((trip.what, trip.generation), (Tripped::Branch(BranchIdx::from_row(1)), 1));
    // Nothing feeds bus 2 any more.
    close(found.account.shed.island_dead_mw, 100.0, 1e-9);
    assert_eq!(by(&found, Cause::IslandDead).len(), 1);
    close(by(&found, Cause::IslandDead)[0].lost_mw, 100.0, 1e-9);
}

#[test]
fn nothing_trips_below_the_loadability_floor() {
    // 149 % of the rating of what is left.
    let network = two_circuits(100.0 * CURRENT_PU / 1.49);
    let found = sets_off(&network, &Settings::of(60.0), &branches(&[1]));
    assert!(found.trips.is_empty(), "{:?}", found.trips);
    let network = two_circuits(100.0 * CURRENT_PU / 1.51);
    // M = 1.0067: 19.61 / 0.01338 s is twenty-four minutes.
    assert!(sets_off(&network, &Settings::of(60.0), &branches(&[1])).trips.is_empty());
    assert_eq!(cascade(&network, &Settings::of(60.0), &branches(&[1]), 3000.0, 1).account.served_mw, 0.0);
}

#[test]
fn a_line_that_heats_up_trips_at_its_temperature() {
    let network = two_circuits(70.0);
    let mut settings = Settings::of(60.0);
    settings.thermal = Some(thermal::Settings { time_constant_s: 30.0, ..thermal::Settings::default() });
    let found = sets_off(&network, &settings, &branches(&[1]));
    let trip = by(&found, Cause::Thermal)[0];
    // Before: half the current in each circuit; the other circuit's voltage is a little higher, so take it from the flow.
    let mut solver = Solver::new(&network);
    let state = network.initial_state();
    let base = solver.solve(&state, None, &NewtonConfig::default()).expect("a base");
    let vm_pu = base.vm_pu(network.bus(powerflow::BusId(2)).expect("a bus")).expect("live");
    let at = |current_pu: f64| 40.0 + 35.0 * (current_pu / 0.7).powi(2);
    let (before, after) = (at(0.5 / vm_pu), at(CURRENT_PU));
    let expected_s = 30.0 * ((after - before) / (after - 100.0)).ln();
    close(trip.time_s.expect("a time"), expected_s, 1e-2);
}

/// A far bus behind one line, with a voltage between the stages.
fn weak(mw: f64, mvar: f64) -> Arc<Network> {
    grid(
        &format!("1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 1 {mw} {mvar} 0 0 1 1 0 110 1 1.1 0.9;\n"),
        "1 100 0 300 -300 1 100 1 400 0;\n",
        &"1 2 0 0.2 0 0 0 0 0 0 1 -360 360;\n".repeat(2),
    )
}

#[test]
fn under_voltage_stages_shed_at_their_times() {
    // One circuit of x = 0.2 pu is left. With P = 1.5 and Q = 0.14 pu, V^4 - (1 - 2 Q x) V^2 + x^2 S^2 = 0 has V = 0.9139 pu; at 95 %
    // of both it is 0.9222 pu, above the stages at 0.92 pu.
    let network = weak(150.0, 14.0);
    let found = sets_off(&network, &Settings::of(60.0), &branches(&[1]));
    let sheds = by(&found, Cause::Uvls);
    assert_eq!(sheds.len(), 1, "{found:?}");
    close(sheds[0].value.expect("a voltage"), 0.9139, 1e-4);
    close(sheds[0].time_s.expect("a time"), 5.0, 0.0);
    close(sheds[0].lost_mw, 7.5, 1e-9);
    close(found.account.shed.uvls_mw, 7.5, 1e-9);
    close(found.account.served_mw, 142.5, 1e-9);
}

#[test]
fn a_unit_leaves_when_its_voltage_was_low_for_too_long() {
    // Unit 2 has no reactive power to hold its bus, which one of two circuits leaves at about 0.85 pu.
    let network = grid(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 2 200 60 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 100 0 300 -300 1 100 1 400 0;\n2 50 0 1 -1 1 100 1 50 0;\n",
        &"1 2 0 0.2 0 0 0 0 0 0 1 -360 360;\n".repeat(2),
    );
    let mut settings = Settings::of(60.0);
    settings.undervoltage = None;
    let found = sets_off(&network, &settings, &branches(&[1]));
    let trips = by(&found, Cause::UnderVoltage);
    let vm_pu = trips[0].value.expect("a voltage");
    assert!((0.75..0.90).contains(&vm_pu), "{vm_pu}");
    close(trips[0].time_s.expect("a time"), 3.0, 0.0);
    assert_eq!(trips[0].what, Tripped::Unit(powerflow::UnitIdx::from_row(1)));
}

/// Two units of 100 MW serve 150 MW; the second is lost.
fn short_of_power() -> Arc<Network> {
    grid(
        "1 3 75 0 0 0 1 1 0 110 1 1.1 0.9;\n2 2 75 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 75 0 300 -300 1 100 1 100 0;\n2 75 0 300 -300 1 100 1 100 0;\n",
        "1 2 0 0.02 0 0 0 0 0 0 1 -360 360;\n",
    )
}

#[test]
fn frequency_sheds_stage_by_stage_until_units_can_carry_the_rest() {
    let network = short_of_power();
    let outage = Outage { units: vec![powerflow::UnitIdx::from_row(1)], ..Outage::default() };
    let found = sets_off(&network, &Settings::of(60.0), &outage);
    // 100 MW for 150: f = 60 (1 - 50/150) to begin with. Four stages of 7 % leave 108 MW, the fifth of 2 % leaves 105: units
    // cannot carry that, and load damping lets the frequency settle at 60 (1 - 5/105) = 57.14 Hz, where the unit leaves.
    let mut times: Vec<f64> = by(&found, Cause::Ufls).iter().filter_map(|trip| trip.time_s).collect();
    times.dedup();
    for (time, expected) in times.iter().zip([0.3, 0.6, 0.9, 1.2, 11.2]) {
        close(*time, expected, 1e-9);
    }
    close(by(&found, Cause::Ufls)[0].value.expect("a frequency"), 40.0, 1e-6);
    let left = by(&found, Cause::UnderFrequency);
    close(left[0].value.expect("a frequency"), 60.0 * (1.0 - 5.0 / 105.0), 1e-6);
    close(found.account.shed.ufls_mw, 45.0, 1e-9);
    close(found.account.shed.island_dead_mw, 105.0, 1e-9);

    let mut ramped = Settings::of(60.0);
    ramped.frequency.as_mut().expect("on").balance = Balance::RampLimited;
    let found = sets_off(&network, &ramped, &outage);
    // One minute of 5 % of 100 MW from 75 MW: 70 MW are missing, and shed at once with a margin of 5 %.
    close(found.account.shed.ufls_mw, 70.0 * 1.05, 1e-6);
    assert!(by(&found, Cause::UnderFrequency).is_empty());
}

#[test]
fn droop_alone_may_reach_the_first_stage() {
    // 25 of 200 MW more: every unit moves by 12.5 %, and R = 0.05 makes that 60 * 0.05 * 0.125 = 0.375 Hz: 59.625.
    let network = grid(
        "1 3 75 0 0 0 1 1 0 110 1 1.1 0.9;\n2 2 75 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 50 0 300 -300 1 100 1 100 0;\n2 50 0 300 -300 1 100 1 100 0;\n2 50 0 300 -300 1 100 1 100 0;\n",
        "1 2 0 0.02 0 0 0 0 0 0 1 -360 360;\n",
    );
    let outage = Outage { units: vec![powerflow::UnitIdx::from_row(2)], ..Outage::default() };
    let mut settings = Settings::of(60.0);
    let frequency = settings.frequency.as_mut().expect("on");
    frequency.balance = Balance::Droop;
    frequency.stages[0].below_hz = 59.6;
    // 150 MW on two units of 100 MW that were to deliver 50: each moves by 25 %, 0.75 Hz.
    let found = sets_off(&network, &settings, &outage);
    close(by(&found, Cause::Ufls)[0].value.expect("a frequency"), 59.25, 1e-6);
    let mut settings = settings.clone();
    settings.frequency.as_mut().expect("on").droop = 0.02;
    assert!(sets_off(&network, &settings, &outage).trips.is_empty());
}

#[test]
fn what_has_no_power_flow_is_shed_to_what_has() {
    // One circuit of x = 0.2 pu from 1 pu carries at most 250 MW; 280 are asked for.
    let network = weak(280.0, 0.0);
    let mut settings = Settings::of(60.0);
    settings.undervoltage = None;
    settings.ride_through = None;
    let found = sets_off(&network, &settings, &branches(&[1]));
    assert!(found.numerically_doubtful);
    close(found.account.served_mw, 0.99 * 250.0, 0.5);
    close(found.account.shed.collapse_mw, 280.0 - found.account.served_mw, 1e-9);
    assert_eq!(by(&found, Cause::Collapse).len(), 1);
}

#[test]
fn a_bus_goes_with_all_that_is_on_it() {
    let network = short_of_power();
    let outage = Outage { buses: vec![powerflow::BusIdx::from_row(1)], ..Outage::default() };
    let found = sets_off(&network, &Settings::of(60.0), &outage);
    close(found.account.shed.bus_outage_mw, 75.0, 1e-9);
    close(found.account.served_mw, 75.0, 1e-9);
    assert!(found.trips.is_empty());
}

#[test]
fn hidden_failures_take_every_neighbour_where_they_are_certain_and_none_where_they_are_not() {
    let network = grid(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 1 10 0 0 0 1 1 0 110 1 1.1 0.9;\n3 1 10 0 0 0 1 1 0 110 1 1.1 0.9;\n\
         4 1 10 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 30 0 300 -300 1 100 1 400 0;\n",
        "1 2 0 0.1 0 0 0 0 0 0 1 -360 360;\n2 3 0 0.1 0 0 0 0 0 0 1 -360 360;\n3 4 0 0.1 0 0 0 0 0 0 1 -360 360;\n\
         1 4 0 0.1 0 0 0 0 0 0 1 -360 360;\n",
    );
    let certain = Settings { hidden_failure_probability: 1.0, ..Settings::of(60.0) };
    let found = sets_off(&network, &certain, &branches(&[1]));
    assert_eq!(by(&found, Cause::HiddenFailure).len(), 3);
    let mut engine = Engine::new(&network, certain, 60.0, 1);
    let grids = engine.grids(&[branches(&[1])]);
    assert_eq!(grids[0].log_likelihood(), Some(0.0));
    let none = sets_off(&network, &Settings::of(60.0), &branches(&[1]));
    assert!(by(&none, Cause::HiddenFailure).is_empty());
}

fn lives(network: &Arc<Network>, settings: &Settings, scenario: Arc<Scenario>, steps: u32) -> Trajectory {
    let newton =
        NewtonConfig { unsolved_islands_die: true, rescue: Rescue::Quick, ..NewtonConfig::default() };
    let protection = Some(Arc::new(Protection::new(network, settings.clone(), &newton)));
    let config = LoopConfig {
        task: Task::VoltVar,
        step_s: 60.0 / f64::from(steps),
        steps,
        newton,
        rules: Arc::new(GridRules { protection, ..GridRules::default() }),
        looks: Looks::default(),
        sensing: None,
    };
    let mut solver = Solver::new(network);
    let mut cohort = Cohort::new(&mut solver, &config, "candidate", vec![(scenario, 1)], 1, true);
    let mut candidate = DoNothing::new(Task::VoltVar).start().expect("it needs nothing");
    live(&mut cohort, candidate.as_mut()).pop().expect("one rollout")
}

#[test]
fn a_relay_keeps_what_it_has_travelled_when_the_load_changes() {
    let network = two_circuits(50.0);
    let factor = |at: f64, factor: f64| TimedEvent {
        at: Moment::from_seconds(at),
        event: Event::DemandRamp { until: Moment::from_seconds(at), factor: vec![factor; 2] },
    };
    let mut events = scenario(&branches(&[1]), 0).timeline.clone();
    events.push(factor(4.0, 1.2));
    let scenario =
        Arc::new(Scenario { population: "p".into(), index: 0, timeline: events, log_likelihood: None });
    let episode = lives(&network, &Settings::of(60.0), scenario, 1).episode;
    let trip = &episode.trips[0];
    // 120 MW: V^2 (1 - V^2) = 0.0144.
    let current = |p: f64| p / (0.5 + (0.25 - 0.01 * p * p).sqrt()).sqrt();
    let time_s = |p: f64| 19.61 / ((current(p) / 0.75).powi(2) - 1.0) + 0.491;
    close(trip.time_s, 4.0 + (1.0 - 4.0 / time_s(1.0)) * time_s(1.2), 1e-6);
    close(trip.value.expect("a current"), 100.0 * current(1.2), 1e-4);
}

#[test]
fn steps_do_not_matter_to_relays_and_energy_is_counted_to_the_moment() {
    let network = two_circuits(50.0);
    let of = |steps| lives(&network, &Settings::of(60.0), scenario(&branches(&[1]), 0), steps);
    let (whole, many) = (of(1), of(60));
    assert_eq!(whole.episode.trips, many.episode.trips);
    let at_s = whole.episode.trips[0].time_s;
    let metric = |t: &Trajectory, id: &str| t.episode.metric(id).expect("known");
    for lived in [&whole, &many] {
        close(metric(lived, "ens_mwh"), 100.0 * (60.0 - at_s) / 3600.0, 1e-9);
        close(metric(lived, "shed.island_dead_mwh"), metric(lived, "ens_mwh"), 1e-12);
        close(metric(lived, "overload.minutes"), at_s / 60.0, 1e-9);
        close(metric(lived, "shed.first_s"), at_s, 1e-12);
        assert_eq!((metric(lived, "trips"), metric(lived, "cascade.size")), (1.0, 1.0));
        assert_eq!(metric(lived, "blackout"), 1.0);
    }
    let record = whole.record.expect("recorded");
    let states: Vec<(f64, bool)> = record.steps.iter().map(|step| (step.time_s, step.between)).collect();
    assert_eq!(states, [(0.0, false), (at_s, true)]);
    assert_eq!(record.trips, whole.episode.trips);
}

#[test]
fn what_is_wrong_in_the_file_already_is_blocked_and_named() {
    // 100 MW over two circuits of 30 MVA: 167 % before anything happens; with one out, they are far beyond.
    let network = two_circuits(30.0);
    let mut settings = Settings::of(60.0);
    settings.overload.as_mut().expect("on").curve = Curve::Definite { delay_s: 1.0 };
    let mut engine = Engine::new(&network, settings, 60.0, 1);
    assert_eq!(engine.blocked().len(), 2, "{:?}", engine.blocked());
    assert!(engine.blocked()[0].contains("branch 1 (1-2)"));
    let found = engine.cascade(&branches(&[1]));
    assert!(found.trips.is_empty(), "{:?}", found.trips);
}
