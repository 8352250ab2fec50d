//! Service as reliability engineers count it: customers without supply, the trapezoid, hours of lost load; against numbers worked out by hand
//! from what was lost when.

#[allow(dead_code)]
mod small_grid;

use std::sync::Arc;

use harness::Cohort;
use harness::action::Task;
use harness::candidate::Source;
use harness::candidate::do_nothing::DoNothing;
use harness::grid::GridRules;
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::service::Customers;
use harness::trajectory::Trajectory;
use powerflow::case::PrimeMover;
use powerflow::security::Depth;
use powerflow::{BranchIdx, Index, Network, NewtonConfig, Solver};
use scenarios::{Event, Moment, Scenario, TimedEvent};

/// Bus 20 loses both its branches after ten minutes, the second a minute after the first, and has one back after an hour and ten; three hours in all.
fn an_island_without_a_source() -> Vec<TimedEvent> {
    let branch = BranchIdx::from_row;
    let at = |minutes: f64, event| TimedEvent { at: Moment::from_seconds(60.0 * minutes), event };
    vec![
        at(9.0, Event::BranchOut { branch: branch(0) }),
        at(10.0, Event::BranchOut { branch: branch(1) }),
        at(70.0, Event::BranchBack { branch: branch(0) }),
    ]
}

fn lives(timeline: Vec<TimedEvent>, looks: Looks) -> Trajectory {
    lives_on(&small_grid::network(), timeline, looks)
}

fn lives_on(network: &Arc<Network>, timeline: Vec<TimedEvent>, looks: Looks) -> Trajectory {
    let config = LoopConfig {
        task: Task::Redispatch,
        step_s: 60.0,
        steps: 180,
        newton: NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() },
        rules: Arc::new(GridRules::default()),
        looks,
        sensing: None,
    };
    let scenario = Scenario { population: "p".into(), index: 0, timeline, log_likelihood: None };
    let mut solver = Solver::new(network);
    let mut cohort = Cohort::new(&mut solver, &config, "candidate", vec![(Arc::new(scenario), 1)], 1, false);
    let mut nobody = DoNothing::new(Task::Redispatch).start().expect("it needs nothing");
    live(&mut cohort, nobody.as_mut()).pop().expect("one rollout")
}

#[test]
fn customers_demand_and_branches_are_counted_from_what_was_lost_when() {
    let network = small_grid::network();
    let mw = |row: usize| network.base.from_pu(*network.buses.demand_p_pu.iter().nth(row).expect("a bus").1);
    let (lost_mw, all_mw) = (mw(1), mw(1) + mw(3));
    let customers = Some(Arc::new(Customers::assumed(&network)));
    let lived = lives(an_island_without_a_source(), Looks { customers, security: Some(Depth::Screened) });
    let of = |id: &str| lived.episode.metric(id).unwrap_or_else(|| panic!("{id}"));
    let share = lost_mw / all_mw;
    for (id, by_hand) in [
        // An hour for the customers of bus 20, who are as many as it has demand.
        ("ens_mwh", lost_mw),
        ("loss_of_load", 1.0),
        ("loss_of_load.hours", 1.0),
        ("saifi", share),
        ("saidi_min", 60.0 * share),
        ("caidi_min", 60.0),
        ("asai", 1.0 - share / 3.0),
        ("maifi", 0.0),
        ("resilience.served.depth", lost_mw),
        ("resilience.served.low_h", 1.0),
        // One branch after nine minutes, two for an hour, one to the end: 1/60 + 2 + 110/60 branch hours.
        ("resilience.branches.depth", 2.0),
        ("resilience.branches.low_h", 1.0),
        ("resilience.branches.fall_per_h", 2.0 * 60.0),
        ("resilience.branches.lost_h", 1.0 / 60.0 + 2.0 + 110.0 / 60.0),
        // At the end the ring is open beside bus 20. Of four branches that to bus 20 takes the voltage from demand, and that from 30 to 40
        // leaves all 50 MW and the losses to one unit of 50 MW.
        ("n1.secure_share", 0.5),
    ] {
        assert!((of(id) - by_hand).abs() < 1e-9, "{id}: {} is not {by_hand}", of(id));
    }
    // All of it falls and returns at once: that has no speed.
    assert_eq!(lived.episode.metric("resilience.served.fall_per_h"), None);
    let service = lived.service.expect("it was looked at");
    assert_eq!(service.lost.served_mw, service.served.served_mw, "nothing is in doubt");
    let lost: Vec<usize> = service.lost.lost().map(Index::row).collect();
    assert_eq!(lost, [0, 1]);
    assert!((service.lost.unserved_mwh() - lost_mw).abs() < 1e-9);
}

#[test]
fn a_calm_day_interrupts_nobody_and_has_no_duration_of_an_interruption() {
    let customers = Some(Arc::new(Customers::assumed(&small_grid::network())));
    let lived = lives(Vec::new(), Looks { customers, security: None });
    for id in ["saifi", "saidi_min", "maifi", "loss_of_load", "resilience.branches.depth"] {
        assert_eq!(lived.episode.metric(id), Some(0.0), "{id}");
    }
    assert_eq!(lived.episode.metric("asai"), Some(1.0));
    assert_eq!(lived.episode.metric("caidi_min"), None);
    // Nobody looks where nobody asks.
    let blind = lives(Vec::new(), Looks::default());
    assert!(blind.service.is_none() && blind.episode.metric("saifi").is_none());
}

/// Unit 1 of 50 MW is driven by wind, which leaves it all for an hour, half of it for the next, and none of it in the third.
#[test]
fn what_the_wind_leaves_and_nobody_takes_is_curtailed() {
    let mut case = small_grid::case();
    case.prime_movers = vec![Some(PrimeMover::Wind), Some(PrimeMover::Steam), None];
    let network = Network::build(case).expect("a sound grid");
    let blows = |hour: f64, share: f64| TimedEvent {
        at: Moment::from_seconds(3600.0 * hour),
        event: Event::Capability { factor: vec![share, 1.0, 1.0] },
    };
    let delivered = |timeline: Vec<TimedEvent>| {
        lives_on(&network, timeline, Looks::default())
            .episode
            .metric("curtailment_mwh")
            .expect("there is wind")
    };
    // The balance takes from the unit what it needs, alike in every hour in which the unit has room.
    let full = delivered(Vec::new());
    assert!(full > 0.0 && full < 150.0);
    let less = delivered(vec![blows(1.0, 0.5), blows(2.0, 0.0)]);
    let delivers_mw = 50.0 - full / 3.0;
    assert!(delivers_mw < 25.0, "it has room in the second hour");
    assert!((less - (50.0 - delivers_mw) - (25.0 - delivers_mw)).abs() < 1e-6, "{less} {delivers_mw}");
    let calm = lives(Vec::new(), Looks::default());
    assert_eq!(calm.episode.metric("curtailment_mwh"), None, "nobody says that a unit is one");
}
