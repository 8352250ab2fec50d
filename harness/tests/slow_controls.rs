//! Slow controls, generation control, remedial schemes and kinds of units in the closed loop. Expected times come from the settings,
//! expected voltages from the two-bus power flow in closed form.

mod rows;

use std::sync::Arc;

use harness::Cohort;
use harness::action::Task;
use harness::candidate::Source;
use harness::candidate::do_nothing::DoNothing;
use harness::grid::autonomous::{Autonomous, Settings};
use harness::grid::device::Act;
use harness::grid::protection::frequency::Balance;
use harness::grid::protection::{self, Protection};
use harness::grid::remedial::{Scheme, Trigger};
use harness::grid::slow::{self, load_recovery};
use harness::grid::units::{self, Kind, ReactiveMode, UnitSettings};
use harness::grid::{GridRules, agc};
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::trajectory::Trajectory;
use powerflow::case::{Case, CaseShuntControl, CaseTapControl};
use powerflow::{BranchIdx, BusId, BusIdx, Index, Network, NewtonConfig, Solver, UnitIdx};
use scenarios::{Event, Moment, Scenario, Seed, TimedEvent, streams};

use rows::case;

const UNIT: &str = "1 40 0 300 -300 1 100 1 400 0;\n";

/// 40 MW behind one branch of 0.4 pu, a transformer where `ratio` is not zero.
fn radial(ratio: f64, shunt_mvar: f64) -> Case {
    case(
        &format!("1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 1 40 0 0 {shunt_mvar} 1 1 0 110 1 1.1 0.9;\n"),
        UNIT,
        &format!("1 2 0 0.4 0 0 0 0 {ratio} 0 1 -360 360;\n"),
    )
}

/// Voltage behind a reactance: `V^2 (E^2 - V^2) = (P X)^2`.
fn behind(e: f64, x: f64, p: f64) -> f64 {
    ((e * e + (e.powi(4) - 4.0 * x * x * p * p).sqrt()) / 2.0).sqrt()
}

fn demand(at_s: f64, factor: f64) -> (f64, Event) {
    (at_s, Event::DemandRamp { until: Moment::from_seconds(at_s), factor: vec![factor; 2] })
}

struct World {
    network: Arc<Network>,
    settings: Settings,
    relays: Option<protection::Settings>,
    step_s: f64,
    steps: u32,
}

impl World {
    fn of(case: Case, settings: Settings) -> Self {
        let network = Network::build(case).expect("a network");
        World { network, settings, relays: None, step_s: 60.0, steps: 2 }
    }

    fn lives(&self, events: Vec<(f64, Event)>) -> Trajectory {
        let newton = NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() };
        let autonomous = Autonomous::new(&self.network, self.settings.clone(), self.relays.as_ref(), &newton);
        let by_kind = autonomous.has_ride_through();
        let protection = self.relays.clone().map(|relays| {
            let protection = Protection::new(&self.network, relays, &newton);
            Arc::new(if by_kind { protection.without_ride_through() } else { protection })
        });
        let autonomous = Some(Arc::new(autonomous));
        let config = LoopConfig {
            task: Task::VoltVar,
            step_s: self.step_s,
            steps: self.steps,
            newton,
            rules: Arc::new(GridRules { protection, autonomous, ..GridRules::default() }),
            looks: Looks::default(),
            sensing: None,
        };
        let timeline = events
            .into_iter()
            .map(|(at, event)| TimedEvent { at: Moment::from_seconds(at), event })
            .collect();
        let scenario =
            Arc::new(Scenario { population: "p".into(), index: 0, timeline, log_likelihood: None });
        let mut solver = Solver::new(&self.network);
        let mut cohort = Cohort::new(&mut solver, &config, "candidate", vec![(scenario, 1)], 1, true);
        let mut nobody = DoNothing::new(Task::VoltVar).start().expect("it needs nothing");
        live(&mut cohort, nobody.as_mut()).pop().expect("one rollout")
    }
}

/// When each recorded state began, and the voltage of the second bus in it.
fn states(lived: &Trajectory) -> Vec<(f64, f64)> {
    let steps = &lived.record.as_ref().expect("recorded").steps;
    steps.iter().map(|step| (step.time_s, step.vm_pu[1].unwrap_or(0.0))).collect()
}

fn notes(lived: &Trajectory) -> String {
    let steps = &lived.record.as_ref().expect("recorded").steps;
    steps.iter().flat_map(|step| step.notes.iter()).fold(String::new(), |all, note| all + note + "\n")
}

#[track_caller]
fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

fn with_tap(positions: u32) -> Case {
    let mut case = radial(1.0, 0.0);
    case.branches[0].transformer = true;
    case.branches[0].tap_range = Some((0.9, 1.1, positions));
    let (low_pu, high_pu) = (0.97, 1.03);
    case.controls.taps.push(CaseTapControl { branch: 0, bus: BusId(2), low_pu, high_pu, from_side: false });
    case
}

#[test]
fn a_tap_changer_waits_half_a_minute_and_then_moves_every_five_seconds_until_the_voltage_is_inside() {
    let world = World::of(with_tap(17), Settings::default());
    // 80 MW from 10 s on: 0.940 pu at ratio 1, 0.956 at 0.9875, 0.971 at 0.975.
    let lived = world.lives(vec![demand(10.0, 2.0)]);
    let found = states(&lived);
    let expected = [
        (0.0, behind(1.0, 0.4, 0.4)),
        (10.0, behind(1.0, 0.4, 0.8)),
        (40.0, behind(1.0 / 0.9875, 0.4, 0.8)),
        (45.0, behind(1.0 / 0.975, 0.4, 0.8)),
        (60.0, behind(1.0 / 0.975, 0.4, 0.8)),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.into_iter().zip(expected) {
        close(found.0, expected.0, 1e-9);
        close(found.1, expected.1, 1e-6);
    }
    assert!(notes(&lived).contains("moves from 1.0000 to 0.9875"), "{}", notes(&lived));
    // Controls at work are no cascade.
    assert!(lived.episode.trips.is_empty());
    assert_eq!(lived.episode.metric("cascade.size"), Some(0.0));
}

#[test]
fn a_voltage_that_comes_back_in_time_moves_nothing() {
    let world = World::of(with_tap(17), Settings::default());
    let lived = world.lives(vec![demand(10.0, 2.0), demand(39.0, 1.0), demand(50.0, 2.0)]);
    // The timer starts anew at 50 s.
    let times: Vec<f64> = states(&lived).into_iter().map(|state| state.0).collect();
    assert_eq!(times, [0.0, 10.0, 39.0, 50.0, 60.0, 80.0, 85.0]);
}

#[test]
fn a_tap_changer_that_is_off_or_not_in_the_file_does_nothing() {
    let off =
        Settings { slow: slow::Settings { taps: None, ..slow::Settings::default() }, ..Settings::default() };
    let plain = World::of(radial(1.0, 0.0), Settings::default());
    for world in [World::of(with_tap(17), off), plain] {
        assert_eq!(states(&world.lives(vec![demand(10.0, 2.0)])).len(), 3);
    }
}

#[test]
fn a_band_narrower_than_a_position_does_not_make_a_tap_hunt() {
    let mut case = with_tap(5);
    case.controls.taps[0].low_pu = 0.985;
    case.controls.taps[0].high_pu = 0.987;
    // One position is 0.05: the band is 0.075 wide, and 0.9868 pu of the file is inside it.
    let world = World { steps: 10, ..World::of(case, Settings::default()) };
    assert_eq!(states(&world.lives(Vec::new())).len(), 10);
}

#[test]
fn a_switched_shunt_waits_and_rests_after_it_was_switched_out() {
    let mut case = radial(0.0, 20.0);
    case.shunts[0].steps_mvar = vec![20.0];
    case.shunts[0].in_service = false;
    case.controls.shunts.push(CaseShuntControl { shunt: 0, bus: BusId(2), low_pu: 0.96, high_pu: 1.05 });
    let world = World { steps: 12, ..World::of(case, Settings::default()) };
    // In at 10 + 45 s; out 45 s after 100 s, when hardly any demand is left; at 200 s it is wanted again, but rests until 445 s.
    let lived = world.lives(vec![demand(10.0, 2.0), demand(100.0, 0.01), demand(200.0, 2.0)]);
    let steps = &lived.record.as_ref().expect("recorded").steps;
    let switched: Vec<f64> = steps
        .iter()
        .filter(|step| step.notes.iter().any(|note| note.contains("switches")))
        .map(|step| step.time_s)
        .collect();
    assert_eq!(switched, [55.0, 145.0, 445.0], "{}", notes(&lived));
}

#[test]
fn demand_falls_with_the_voltage_at_once_and_comes_back_within_minutes() {
    let load_recovery = Some(load_recovery::Settings::default());
    let slow = slow::Settings { load_recovery, ..slow::Settings::default() };
    let case = case(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 1 100 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 100 0 300 -300 1 100 1 400 0;\n",
        &"1 2 0 0.4 0 0 0 0 0 0 1 -360 360;\n".repeat(2),
    );
    let world = World { steps: 10, ..World::of(case, Settings { slow, ..Settings::default() }) };
    let calm = world.lives(Vec::new());
    assert_eq!(states(&calm).len(), 10, "nothing happens where nothing changes");
    let out = (30.0, Event::BranchOut { branch: BranchIdx::from_row(0) });
    let lived = world.lives(vec![out]);
    let found = states(&lived);
    let before = behind(1.0, 0.2, 1.0);
    close(found[0].1, before, 1e-9);
    // With P = P0 V / V0 the angle is that of `sin d = P0 X / V0`, and V its cosine.
    let at_once = (1.0 - (0.4 / before).powi(2)).sqrt();
    let last_at_30 = found.iter().rfind(|state| state.0 == 30.0).expect("a state at 30 s");
    close(last_at_30.1, at_once, 2e-4);
    // In the end it draws what it drew before.
    close(found.last().expect("a state").1, behind(1.0, 0.4, 1.0), 1e-3);
    assert!(
        found.iter().filter(|state| state.0 >= 30.0).is_sorted_by(|a, b| b.1 <= a.1 + 1e-9 || a.0 == b.0)
    );
    // A tenth of a time constant after another, but no endless updates.
    assert!(found.len() < 80, "{}", found.len());
    assert_eq!(lived.episode.metric("ens_mwh"), Some(0.0));
}

/// Two areas of one bus each; the second sends 20 MW over a tie of 100 MVA. The first loses 50 MW.
fn two_areas() -> Case {
    case(
        "1 3 120 0 0 0 1 1 0 110 1 1.1 0.9;\n2 2 100 0 0 0 2 1 0 110 1 1.1 0.9;\n",
        "1 50 0 300 -300 1 100 1 60 0;\n1 50 0 300 -300 1 100 1 200 0;\n2 120 0 300 -300 1 100 1 200 0;\n",
        "1 2 0 0.01 0 100 0 0 0 0 1 -360 360;\n",
    )
}

fn with_droop() -> protection::Settings {
    let mut relays = protection::Settings::of(60.0);
    let frequency = relays.frequency.as_mut().expect("on");
    frequency.balance = Balance::Droop;
    frequency.stages.clear();
    (relays.overload, relays.undervoltage, relays.ride_through) = (None, None, None);
    relays
}

#[test]
fn an_area_makes_up_for_its_own_loss_and_the_exchange_comes_back() {
    let agc = agc::Settings { contingency: 0.2, ..agc::Settings::default() };
    let settings = Settings { agc: Some(agc), ..Settings::default() };
    let relays = Some(with_droop());
    let world = World { steps: 15, relays, ..World::of(two_areas(), settings) };
    let lived = world.lives(vec![(30.0, Event::UnitOut { unit: UnitIdx::from_row(0) })]);
    let steps = &lived.record.as_ref().expect("recorded").steps;
    let tie = |at_s: f64| {
        let step = steps.iter().rfind(|step| step.time_s <= at_s).expect("a state");
        step.loading[0].expect("the tie is on")
    };
    close(tie(29.0), 0.2, 1e-3);
    // Both units have 200 MW: each gives half of the 50 MW at once.
    close(tie(31.0), 0.45, 1e-3);
    close(tie(899.0), 0.2, 5e-3);
    // Commands come at whole cycles of four seconds.
    let between = steps.iter().filter(|step| step.between && step.time_s > 30.0);
    assert!(between.clone().count() > 10);
    assert!(between.clone().all(|step| (step.time_s / 4.0).fract().abs() < 1e-9), "commands between cycles");
    // Without it, nothing comes back.
    let left = World { settings: Settings::default(), relays: Some(with_droop()), ..world };
    let lived = left.lives(vec![(30.0, Event::UnitOut { unit: UnitIdx::from_row(0) })]);
    let steps = &lived.record.as_ref().expect("recorded").steps;
    close(steps.last().expect("a state").loading[0].expect("on"), 0.45, 1e-3);
}

#[test]
fn a_storage_leaves_when_it_is_empty() {
    let storage = vec![agc::Storage { unit: UnitIdx::from_row(0), energy_mwh: 10.0, initial_mwh: 5.0 }];
    let settings =
        Settings { agc: Some(agc::Settings { storage, ..Default::default() }), ..Settings::default() };
    let world = World { steps: 10, relays: Some(with_droop()), ..World::of(two_areas(), settings) };
    let lived = world.lives(Vec::new());
    // 5 MWh at 50 MW last six minutes.
    let trip = &lived.episode.trips[0];
    assert_eq!((trip.cause.as_str(), trip.row), ("energy_limit", 1));
    close(trip.time_s, 360.0, 1e-3);
}

/// Two circuits of which one alone carries 201 % of its rating.
fn two_circuits() -> Case {
    case(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 1 100 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 100 0 300 -300 1 100 1 400 0;\n",
        &"1 2 0 0.1 0 50 0 0 0 0 1 -360 360;\n".repeat(2),
    )
}

#[test]
fn a_remedial_scheme_acts_before_the_relay_once() {
    let scheme = Scheme {
        id: "circuit".into(),
        when: vec![
            Trigger::BranchOut(BranchIdx::from_row(0)),
            Trigger::LoadingAbove(BranchIdx::from_row(1), 1.0),
        ],
        delay_s: 0.2,
        then: vec![Act::Shed(BusIdx::from_row(1), 0.6)],
    };
    let settings = Settings { remedial: vec![scheme.clone()], ..Settings::default() };
    let mut relays = protection::Settings::of(60.0);
    relays.frequency = None;
    let world = World { relays: Some(relays.clone()), ..World::of(two_circuits(), settings) };
    let out = || vec![(10.0, Event::BranchOut { branch: BranchIdx::from_row(0) })];
    let lived = world.lives(out());
    let trips = &lived.episode.trips;
    assert_eq!(trips.len(), 1, "{trips:?}");
    assert_eq!((trips[0].cause.as_str(), trips[0].kind.as_str()), ("remedial", "bus"));
    close(trips[0].time_s, 10.2, 1e-9);
    close(trips[0].lost_mw, 60.0, 1e-9);
    close(lived.episode.metric("shed.manual_mwh").expect("known"), 60.0 * 109.8 / 3600.0, 1e-9);
    // Without it the relay takes the other circuit too, and all is dark.
    let without = World { settings: Settings::default(), ..world };
    assert!(without.lives(out()).episode.trips.iter().any(|trip| trip.cause == "overload"));
    // Half of its trigger is not enough.
    let other = (10.0, Event::BranchOut { branch: BranchIdx::from_row(1) });
    let settings = Settings { remedial: vec![scheme], ..Settings::default() };
    let world = World { settings, relays: None, ..without };
    assert!(world.lives(vec![other]).episode.trips.is_empty());
}

fn follower(kind: Kind, cessation_pu: Option<f64>) -> UnitSettings {
    let unit = UnitIdx::from_row(1);
    UnitSettings { unit, kind, mode: ReactiveMode::File, cessation_pu, resume_s: 1.0 }
}

/// 100 MW and a small unit without voltage control behind one or two branches: with one out, 0.85 pu.
fn weak() -> Case {
    case(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 1 100 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 100 0 300 -300 1 100 1 400 0;\n2 1 0 0 0 1 100 1 1 0;\n",
        &"1 2 0 0.45 0 0 0 0 0 0 1 -360 360;\n".repeat(2),
    )
}

#[test]
fn machines_and_converters_ride_through_for_as_long_as_their_kind_must() {
    let out = || vec![(10.0, Event::BranchOut { branch: BranchIdx::from_row(0) })];
    let mut relays = protection::Settings::of(60.0);
    (relays.frequency, relays.undervoltage) = (None, None);
    for (kind, held_s) in [(Kind::Synchronous, 3.0), (Kind::GridFollowing, 6.0), (Kind::GridForming, 6.0)] {
        let units = units::Settings { units: vec![follower(kind, None)], trip_margin: 1.0 };
        let settings = Settings { units, ..Settings::default() };
        let world = World { relays: Some(relays.clone()), ..World::of(weak(), settings) };
        let lived = world.lives(out());
        let trip = &lived.episode.trips[0];
        assert_eq!((trip.kind.as_str(), trip.row, trip.cause.as_str()), ("gen", 2, "under_voltage"));
        close(trip.time_s, 10.0 + held_s, 1e-9);
    }
    // A margin keeps it longer, by what its scenario draws.
    let units = units::Settings { units: vec![follower(Kind::Synchronous, None)], trip_margin: 2.0 };
    let drawn = |index| units::trip_factors(&units, 2, &streams(Seed(0), "p", index)).expect("drawn");
    assert!(drawn(0) == drawn(0) && drawn(0) != drawn(1));
    assert!((0..50).all(|index| drawn(index).iter().all(|(_, factor)| (1.0..2.0).contains(factor))));
    let factor = drawn(0)[UnitIdx::from_row(1)];
    let world =
        World { relays: Some(relays), ..World::of(weak(), Settings { units, ..Settings::default() }) };
    close(world.lives(out()).episode.trips[0].time_s, 10.0 + 3.0 * factor, 1e-8);
}

#[test]
fn a_converter_stops_its_current_and_comes_back_after_the_voltage() {
    let units = units::Settings { units: vec![follower(Kind::GridFollowing, Some(0.9))], trip_margin: 1.0 };
    let world = World::of(weak(), Settings { units, ..Settings::default() });
    let out = (10.0, Event::BranchOut { branch: BranchIdx::from_row(0) });
    let back = (70.0, Event::BranchBack { branch: BranchIdx::from_row(0) });
    let lived = world.lives(vec![out, back]);
    let trip = &lived.episode.trips[0];
    assert_eq!(
        (trip.cause.as_str(), trip.time_s, lived.episode.trips.len()),
        ("momentary_cessation", 10.0, 1)
    );
    assert!(states(&lived).iter().any(|state| state.0 == 71.0));
    assert!(notes(&lived).contains("unit 2 at bus 2 is back"), "{}", notes(&lived));
}

#[test]
fn a_unit_may_hold_its_reactive_power_instead_of_its_voltage() {
    let network = Network::build(two_areas()).expect("a network");
    let hold = |mode| units::Settings {
        units: vec![UnitSettings { unit: UnitIdx::from_row(2), mode, ..follower(Kind::default(), None) }],
        trip_margin: 1.0,
    };
    let q = |mode| {
        let changed = units::with_modes(&network, &hold(mode));
        let solution = powerflow::solve(&changed, &NewtonConfig::default()).expect("a solution");
        solution.unit_q_pu[UnitIdx::from_row(2)]
    };
    close(q(ReactiveMode::Reactive(12.0)), 0.12, 1e-9);
    close(q(ReactiveMode::PowerFactor(0.1)), 0.12, 1e-9);
    assert!((q(ReactiveMode::File) - 0.12).abs() > 1e-3);
    assert_eq!(q(ReactiveMode::File), q(ReactiveMode::Voltage));
}
