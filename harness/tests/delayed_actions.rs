//! Commands that take effect later than they were decided: when, on what they were decided, and in which order with everything else.
//!
//! Times are computed here from the delays, never by the code under test.

#[allow(dead_code)]
mod small_grid;

use std::sync::Arc;

use harness::Cohort;
use harness::action::{Asked, AskedTensor, Task};
use harness::candidate::{Candidate, Decisions};
use harness::grid::GridRules;
use harness::latency::{Delay, Late, Queue, Timing};
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::observation::{Observations, Observed, Tensor};
use harness::trajectory::{Episode, Trajectory};
use powerflow::{BranchIdx, Index, NewtonConfig, Solver};
use proptest::prelude::*;
use reports::{EpisodeRecord, StepRecord};
use scenarios::{Event, Moment, Scenario, TimedEvent};
use small_grid::Scripted;

const S: u64 = 1_000_000_000;

/// Asks for each row a value that it makes of the row's number and the time.
fn asking(quantity: Asked, element: u32, value: impl Fn(&Observations, usize) -> f64) -> impl Candidate {
    Scripted(move |seen: &Observations| {
        let mut decisions = Decisions::none(seen.rows);
        let data = (0..seen.rows).map(|row| value(seen, row)).collect();
        let values = Tensor { rows: seen.rows, cols: 1, data };
        decisions.asked.push(AskedTensor { quantity, elements: vec![element], values, given: None });
        decisions
    })
}

/// Ten steps of a minute.
fn config(task: Task) -> LoopConfig {
    LoopConfig {
        task,
        step_s: 60.0,
        steps: 10,
        newton: NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() },
        rules: Arc::new(GridRules::default()),
        looks: Looks::default(),
        sensing: None,
    }
}

fn scenario(index: u64, events: Vec<(f64, Event)>) -> Arc<Scenario> {
    let timed = |(at, event)| TimedEvent { at: Moment::from_seconds(at), event };
    let timeline = events.into_iter().map(timed).collect();
    Arc::new(Scenario { population: "p".into(), index, timeline, log_likelihood: None })
}

fn lives(
    config: &LoopConfig,
    timing: Option<Timing>,
    scenario: Arc<Scenario>,
    candidate: &mut dyn Candidate,
) -> (Episode, EpisodeRecord) {
    let mut solver = Solver::new(&small_grid::network());
    let mut cohort = Cohort::new(&mut solver, config, "candidate", vec![(scenario, 1)], 1, true);
    if let Some(timing) = timing {
        cohort = cohort.delayed(&Arc::new(timing));
    }
    let Trajectory { episode, record, .. } = live(&mut cohort, candidate).pop().expect("one rollout");
    (episode, record.expect("recorded"))
}

fn branch_out(row: usize) -> Event {
    Event::BranchOut { branch: BranchIdx::from_row(row) }
}

/// When something was granted, and what: of one quantity and element.
fn granted(record: &EpisodeRecord, quantity: Asked, element: usize) -> Vec<(f64, Option<f64>)> {
    let of = |step: &StepRecord| Some((step.time_s, *step.granted.get(quantity.id())?.get(element)?));
    record.steps.iter().filter_map(of).collect()
}

/// The time as a schedule: 10 MW and a hundredth for each second.
fn schedule(seen: &Observations, row: usize) -> f64 {
    10.0 + seen.of(Observed::TimeS).row(row)[0] / 100.0
}

#[test]
fn no_delay_at_all_is_the_loop_without_delays() {
    let events = || vec![(30.0, branch_out(0)), (120.0, branch_out(2)), (150.0, branch_out(3))];
    let live = |timing| {
        let mut candidate = asking(Asked::UnitPSet, 0, schedule);
        lives(&config(Task::Redispatch), timing, scenario(0, events()), &mut candidate)
    };
    let bytes = |(episode, record): &(Episode, EpisodeRecord)| {
        [reports::canonical_line(episode).expect("JSON"), reports::canonical_json(record).expect("JSON")]
    };
    let before = live(None);
    for timing in [
        Timing::default(),
        Timing::default().with(Delay::Fixed(0)),
        Timing { deadline_ns: Some(0), late: Late::Fallback, ..Timing::default() },
        Timing { queue: Queue::Preempt, ..Timing::default().with(Delay::Quantile { q: 0.99, ns: 0 }) },
    ] {
        let now = live(Some(timing));
        assert_eq!(now, before);
        assert!(bytes(&now) == bytes(&before));
    }
}

/// 2 s to the candidate, 10 s to decide, 3 s back: what is measured at 0 takes effect at 15, and so on.
#[test]
fn a_command_takes_effect_between_steps() {
    let timing = Timing {
        measurement_ns: 2 * S,
        command_ns: S,
        actuation_ns: 2 * S,
        ..Timing::default().with(Delay::Fixed(10 * S))
    };
    let mut ages = Vec::new();
    let mut candidate = Scripted(|seen: &Observations| {
        ages.push(seen.of(Observed::Age).row(0)[0]);
        let mut decisions = Decisions::none(1);
        let values = Tensor { rows: 1, cols: 1, data: vec![schedule(seen, 0)] };
        let quantity = Asked::UnitPSet;
        decisions.asked.push(AskedTensor { quantity, elements: vec![0], values, given: None });
        decisions
    });
    let (episode, record) =
        lives(&config(Task::Redispatch), Some(timing), scenario(0, Vec::new()), &mut candidate);
    let done = granted(&record, Asked::UnitPSet, 0);
    assert_eq!(done.len(), 10);
    for (k, (at_s, mw)) in done.into_iter().enumerate() {
        assert_eq!(at_s, 60.0 * k as f64 + 15.0);
        assert!(mw.is_some_and(|mw| (mw - 10.0 - 0.6 * k as f64).abs() < 1e-9), "{mw:?}");
    }
    assert!(record.steps.iter().all(|step| step.between == (step.time_s % 60.0 != 0.0)));
    assert_eq!(ages, [2.0; 10]);
    let tally = episode.latency.expect("delays");
    assert_eq!((tally.decisions, tally.landed, tally.pending), (10, 10, 0));
    assert_eq!((tally.age_max_ns, tally.effect_max_ns), (2 * S, 15 * S));
    assert_eq!(record.decisions.len(), 10);
    assert_eq!((record.decisions[3].lands_s, record.decisions[3].inference_ns), (195.0, 10 * S));
    assert_eq!(record.decisions[3].asked[Asked::UnitPSet.id()], [(0, 11.8)]);
}

/// A delay of exactly a step: what is measured at the moment a command arrives does not see it yet.
#[test]
fn a_measurement_comes_before_a_command_of_the_same_moment() {
    let mut seen_mw = Vec::new();
    let mut candidate = Scripted(|seen: &Observations| {
        seen_mw.push(seen.of(Observed::UnitPSet).row(0)[0]);
        let mut decisions = Decisions::none(1);
        let values = Tensor { rows: 1, cols: 1, data: vec![schedule(seen, 0)] };
        let quantity = Asked::UnitPSet;
        decisions.asked.push(AskedTensor { quantity, elements: vec![0], values, given: None });
        decisions
    });
    let timing = Timing::default().with(Delay::Fixed(60 * S));
    let (_, record) = lives(&config(Task::Redispatch), Some(timing), scenario(0, Vec::new()), &mut candidate);
    // The file schedules 20 MW. At 60 s the command of 0 s arrives, and is seen at 120 s.
    let wanted: Vec<f64> =
        (0..10).map(|k| if k < 2 { 20.0 } else { 10.0 + 0.6 * f64::from(k - 2) }).collect();
    for (seen, wanted) in seen_mw.iter().zip(&wanted) {
        assert!((seen - wanted).abs() < 1e-12, "{seen} {wanted}");
    }
    assert_eq!(granted(&record, Asked::UnitPSet, 0)[0], (60.0, Some(10.0)));
    assert_eq!(granted(&record, Asked::UnitPSet, 0).len(), 9);
}

/// The branch is lost at 15 s, when the command to open it arrives: it finds it out of service.
#[test]
fn what_befalls_the_grid_comes_before_a_command_of_the_same_moment() {
    let live = |lost_s: f64| {
        let mut opens = asking(Asked::BranchStatus, 1, |_, _| 1.0);
        let timing = Timing::default().with(Delay::Fixed(15 * S));
        let (episode, _) = lives(
            &config(Task::Redispatch),
            Some(timing),
            scenario(0, vec![(lost_s, branch_out(1))]),
            &mut opens,
        );
        episode.refusals.values().sum::<u64>()
    };
    // Commands of 0, 60, ... 540 s arrive 15 s later; those after the loss cannot close the branch.
    assert_eq!((live(15.0), live(15.1), live(14.9)), (10, 9, 10));
}

/// With times of 90 s, every other observation finds the candidate busy; it is not asked about it.
#[test]
fn who_is_busy_is_not_asked() {
    let mut asked_at = Vec::new();
    let mut candidate = Scripted(|seen: &Observations| {
        asked_at.push(seen.of(Observed::TimeS).row(0)[0]);
        Decisions::none(1)
    });
    let timing = Timing::default().with(Delay::Fixed(90 * S));
    let (episode, _) = lives(&config(Task::VoltVar), Some(timing), scenario(0, Vec::new()), &mut candidate);
    assert_eq!(asked_at, [0.0, 120.0, 240.0, 360.0, 480.0]);
    assert_eq!(episode.latency.map(|tally| tally.skipped), Some(5));
}

/// Every command takes 50 s where 40 are allowed.
#[test]
fn a_command_that_is_always_late_is_dropped_or_late() {
    let live = |late| {
        let mut candidate = asking(Asked::UnitPSet, 0, schedule);
        let timing = Timing {
            deadline_ns: Some(40 * S),
            late,
            queue: Queue::Preempt,
            ..Timing::default().with(Delay::Fixed(50 * S))
        };
        let (episode, record) =
            lives(&config(Task::Redispatch), Some(timing), scenario(0, Vec::new()), &mut candidate);
        (granted(&record, Asked::UnitPSet, 0), episode.latency.expect("delays"))
    };
    let (done, tally) = live(Late::Drop);
    assert_eq!((done.len(), tally.missed, tally.dropped, tally.landed), (0, 10, 10, 0));
    let (done, tally) = live(Late::Fallback);
    // Nothing was ever moved, so nothing is brought back.
    assert_eq!((done.len(), tally.missed, tally.fell_back), (0, 10, 0));
    let (done, tally) = live(Late::LateApply);
    assert_eq!((done.len(), tally.missed, tally.landed), (10, 10, 10));
    assert_eq!(done[0], (50.0, Some(10.0)));
}

fn together(timing: &Timing, order: &[u64], rows: usize) -> Vec<Episode> {
    let network = small_grid::network();
    let config = config(Task::VoltVar);
    let mut solver = Solver::new(&network);
    let drawn = order
        .iter()
        .map(|i| (scenario(*i, vec![(70.0 + 10.0 * *i as f64, branch_out(*i as usize % 5))]), *i))
        .collect();
    let mut cohort =
        Cohort::new(&mut solver, &config, "candidate", drawn, rows, false).delayed(&Arc::new(timing.clone()));
    let mut candidate = asking(Asked::UnitVSet, 0, |seen, row| 2.0 - seen.of(Observed::BusVm).row(row)[1]);
    let mut lived: Vec<Episode> = live(&mut cohort, &mut candidate).into_iter().map(|t| t.episode).collect();
    lived.sort_by_key(|episode| episode.index);
    lived
}

/// Recorded times of 1 to 140 s, of which each scenario and observation draws its own.
#[test]
fn a_replay_does_not_depend_on_neighbours_or_order() {
    let times: Arc<[u64]> = (1..=140).map(|s| s * S).collect();
    for queue in [Queue::Skip, Queue::Queue, Queue::Preempt] {
        let timing = Timing {
            queue,
            deadline_ns: Some(80 * S),
            late: Late::HoldLast,
            measurement_ns: S / 3,
            ..Timing::default().with(Delay::Replay(Arc::clone(&times)))
        };
        let all = together(&timing, &[0, 1, 2, 3, 4, 5], 6);
        assert_eq!(all, together(&timing, &[4, 2, 5, 0, 3, 1], 16));
        for i in 0..6 {
            assert_eq!(all[i as usize..][..1], together(&timing, &[i], 1)[..]);
        }
        let of = |episode: &Episode| episode.latency.expect("delays").effect_sum_ns;
        assert!(all.windows(2).any(|pair| of(&pair[0]) != of(&pair[1])), "all drew the same");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// With a queue, in which no observation is lost, a longer delay makes no command arrive earlier.
    #[test]
    fn a_longer_delay_makes_no_command_earlier(
        shorter in 0u64..200, longer in 0u64..100, measurement in 0u64..80, actuation in 0u64..80,
    ) {
        let lands = |delay_s: u64| {
            let timing = Timing {
                queue: Queue::Queue,
                measurement_ns: measurement * S,
                actuation_ns: actuation * S,
                ..Timing::default().with(Delay::Fixed(delay_s * S))
            };
            let mut candidate = asking(Asked::UnitPSet, 0, schedule);
            let (_, record) =
                lives(&config(Task::Redispatch), Some(timing), scenario(0, Vec::new()), &mut candidate);
            granted(&record, Asked::UnitPSet, 0)
        };
        let (early, late) = (lands(shorter), lands(shorter + longer));
        prop_assert!(late.len() <= early.len());
        for (early, late) in early.iter().zip(&late) {
            prop_assert!(early.0 <= late.0 && early.1 == late.1);
        }
    }
}
