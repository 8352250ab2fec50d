//! Grids that live through events and actions: what is granted, what is measured, and that neighbours change nothing.
//!
//! Expected numbers are computed here from the rules (demand times time, limits of the case), never by the code under test.

#[allow(dead_code)]
mod small_grid;

use std::collections::BTreeMap;
use std::sync::Arc;

use harness::Cohort;
use harness::action::{Asked, AskedTensor, Refusal, Task};
use harness::candidate::{Candidate, Cause, Decisions, Failure};
use harness::grid::GridRules;
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::observation::{Observations, Observed, Tensor};
use harness::trajectory::{Episode, Outcome, Trajectory};
use powerflow::security::Depth;
use powerflow::{BranchIdx, Index, NewtonConfig, Solver, UnitIdx};
use reports::EpisodeRecord;
use scenarios::{Event, Moment, Scenario, TimedEvent};
use small_grid::Scripted;

fn nothing() -> impl Candidate {
    Scripted(|seen: &Observations| Decisions::none(seen.rows))
}

/// Asks one value for one element in every row.
fn ask(seen: &Observations, quantity: Asked, element: u32, value: f64) -> Decisions {
    let mut decisions = Decisions::none(seen.rows);
    let values = Tensor { rows: seen.rows, cols: 1, data: vec![value; seen.rows] };
    decisions.asked.push(AskedTensor { quantity, elements: vec![element], values, given: None });
    decisions
}

fn looks(security: Option<Depth>) -> Looks {
    Looks { security, ..Looks::default() }
}

fn config(task: Task) -> LoopConfig {
    LoopConfig {
        task,
        step_s: 60.0,
        steps: 10,
        newton: NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() },
        rules: Arc::new(GridRules { ramp_share_per_min: Some(0.1), ..GridRules::default() }),
        looks: Looks::default(),
        sensing: None,
    }
}

fn scenario(events: Vec<(f64, Event)>) -> Arc<Scenario> {
    let timeline =
        events.into_iter().map(|(at, event)| TimedEvent { at: Moment::from_seconds(at), event }).collect();
    Arc::new(Scenario { population: "p".into(), index: 0, timeline, log_likelihood: None })
}

fn lives(
    config: &LoopConfig,
    scenario: Arc<Scenario>,
    candidate: &mut dyn Candidate,
) -> (Episode, EpisodeRecord) {
    let mut solver = Solver::new(&small_grid::network());
    let mut cohort = Cohort::new(&mut solver, config, "candidate", vec![(scenario, 1)], 1, true);
    let Trajectory { episode, record, .. } = live(&mut cohort, candidate).pop().expect("one rollout");
    (episode, record.expect("recorded"))
}

fn branch_out(row: usize) -> Event {
    Event::BranchOut { branch: BranchIdx::from_row(row) }
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

#[test]
fn an_event_takes_effect_at_the_first_step_that_begins_after_it_and_the_branch_returns() {
    let back = Event::BranchBack { branch: BranchIdx::from_row(0) };
    let mut seen_status = Vec::new();
    let mut candidate = Scripted(|seen: &Observations| {
        seen_status.push(seen.of(Observed::BranchStatus).row(0)[0]);
        Decisions::none(seen.rows)
    });
    lives(&config(Task::VoltVar), scenario(vec![(90.0, branch_out(0)), (240.0, back)]), &mut candidate);
    assert_eq!(seen_status, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
}

#[test]
fn demand_moves_in_a_straight_line_between_knots() {
    let ramp = |until: f64, factor: f64| Event::DemandRamp {
        until: Moment::from_seconds(until),
        factor: vec![factor; 5],
    };
    let (_, record) = lives(
        &config(Task::VoltVar),
        scenario(vec![(0.0, ramp(0.0, 0.8)), (0.0, ramp(300.0, 1.3)), (300.0, ramp(600.0, 1.3))]),
        &mut nothing(),
    );
    for (step, record) in record.steps.iter().enumerate() {
        let factor = 0.8 + 0.5 * (step as f64 / 5.0).min(1.0);
        close(record.demand_mw, 50.0 * factor, 1e-9);
        assert_eq!(record.served_mw, Some(record.demand_mw));
    }
}

#[test]
fn a_ring_that_is_open_is_not_secure_and_nobody_looks_where_nobody_asks() {
    // Open at branch 1, the ring is a chain from bus 20 to bus 10: of its four branches only that to bus 20 carries demand
    // that no unit behind it serves. It is open from 120 s to 360 s.
    let events = || {
        let back = Event::BranchBack { branch: BranchIdx::from_row(0) };
        scenario(vec![(120.0, branch_out(0)), (360.0, back)])
    };
    let unhurried = Arc::new(GridRules { ramp_share_per_min: None, ..GridRules::default() });
    let asked = |security| LoopConfig {
        looks: looks(security),
        rules: Arc::clone(&unhurried),
        ..config(Task::VoltVar)
    };
    let (episode, record) = lives(&asked(Some(Depth::Screened)), events(), &mut nothing());
    assert_eq!(episode.metric("n1.insecure_minutes"), Some(4.0));
    assert_eq!(episode.metric("n1.violations"), Some(1.0));
    let noted = |step: &reports::StepRecord| step.notes.iter().any(|note| note.contains("branch 2 (20-30)"));
    let when: Vec<bool> = record.steps.iter().map(noted).collect();
    assert_eq!(when, [false, false, true, true, true, true, false, false, false, false]);

    let (episode, _) = lives(&asked(Some(Depth::First)), events(), &mut nothing());
    assert_eq!(episode.metric("n1.insecure_minutes"), Some(4.0));
    assert!(!episode.metrics.contains_key("n1.violations"), "one outage is not a count");

    // With 5 MW a minute, of 16.7 MW that each unit delivers, no part of a chain that is cut finds its balance in a step.
    let ramping = LoopConfig { looks: looks(Some(Depth::Screened)), ..config(Task::VoltVar) };
    let (episode, _) = lives(&ramping, events(), &mut nothing());
    assert_eq!(episode.metric("n1.violations"), Some(4.0));

    let (episode, _) = lives(&asked(None), events(), &mut nothing());
    assert!(!episode.metrics.keys().any(|id| id.starts_with("n1.")));
}

#[test]
fn a_dark_grid_is_insecure_to_the_end() {
    let lost = |row| (180.0, Event::UnitOut { unit: UnitIdx::from_row(row) });
    let asked = LoopConfig { looks: looks(Some(Depth::First)), ..config(Task::VoltVar) };
    let (episode, _) = lives(&asked, scenario(vec![lost(0), lost(1), lost(2)]), &mut nothing());
    assert_eq!(episode.metric("n1.insecure_minutes"), Some(7.0));
}

/// Between 120 s and 360 s every branch may carry a hundredth of its 100 MVA.
#[test]
fn ratings_move_and_all_that_reads_them_follows() {
    let ratings = |share: f64| Event::Ratings { factor: vec![share; 5] };
    let (mut rating, mut loading) = (Vec::new(), Vec::new());
    let mut candidate = Scripted(|seen: &Observations| {
        rating.push(seen.of(Observed::BranchRating).row(0)[0]);
        loading.push(seen.of(Observed::BranchLoading).row(0).to_vec());
        Decisions::none(seen.rows)
    });
    let events = scenario(vec![(120.0, ratings(0.01)), (360.0, ratings(1.0))]);
    let asked = LoopConfig { looks: looks(Some(Depth::First)), ..config(Task::VoltVar) };
    let (episode, record) = lives(&asked, events, &mut candidate);
    assert_eq!(rating, [100.0, 100.0, 1.0, 1.0, 1.0, 1.0, 100.0, 100.0, 100.0, 100.0]);
    // No flow changes: the same current is a hundred times the share.
    for (before, then) in loading[1].iter().zip(&loading[3]) {
        close(*then, 100.0 * before, 1e-6);
    }
    let over = loading[3].iter().filter(|loading| **loading > 1.001).count();
    assert!(over > 1 && loading[1].iter().all(|loading| *loading < 0.5));
    assert_eq!(episode.metric("overload.minutes"), Some(4.0 * over as f64));
    let shown = |step: usize| record.steps[step].loading[0].expect("a rating");
    close(shown(3), 100.0 * shown(1), 1e-6);
    // A flow that may already be too much is no violation of an outage, unless the outage makes it worse: here each does.
    assert_eq!(episode.metric("n1.insecure_minutes"), Some(4.0));
}

/// Unit 1 is scheduled at 20 MW and can deliver 10 of its 50 for four minutes.
#[test]
fn what_a_unit_cannot_deliver_is_withheld_and_comes_back_unless_it_is_asked_for_less() {
    let capability = |share: f64| Event::Capability { factor: vec![share, 1.0, 1.0] };
    let events = || scenario(vec![(120.0, capability(0.2)), (360.0, capability(1.0))]);
    let lived = |asks: Option<f64>| {
        let (mut set, mut most, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
        let mut candidate = Scripted(|seen: &Observations| {
            let of = |quantity: Observed| seen.of(quantity).row(0)[0];
            set.push(of(Observed::UnitPSet));
            most.push(of(Observed::UnitPMax));
            delivered.push(of(Observed::UnitP));
            match asks.filter(|_| of(Observed::TimeS) == 180.0) {
                Some(mw) => ask(seen, Asked::UnitPSet, 0, mw),
                None => Decisions::none(seen.rows),
            }
        });
        let (episode, _) = lives(&config(Task::Redispatch), events(), &mut candidate);
        (set, most, delivered, episode)
    };
    let (set, most, delivered, _) = lived(None);
    let limited = |inside: f64, outside: f64| -> Vec<f64> {
        (0..10).map(|step| if (2..6).contains(&step) { inside } else { outside }).collect()
    };
    assert_eq!(most, limited(10.0, 50.0));
    for (ours, expected) in set.iter().zip(limited(10.0, 20.0)) {
        close(*ours, expected, 1e-12);
    }
    assert!(delivered[2..6].iter().all(|mw| *mw <= 10.0 + 1e-6), "{delivered:?}");
    assert!(delivered[1] > 15.0, "{delivered:?}");

    // More than it can is clipped to what it can; and what was asked for then stands.
    let (set, _, _, episode) = lived(Some(15.0));
    close(set[9], 10.0, 1e-12);
    assert_eq!(episode.refusals.get(&Refusal::Range), Some(&1));
}

#[test]
fn a_dead_bus_is_energy_not_served_and_a_blackout() {
    // Bus 20 hangs on branches 1 and 2: 25 of 50 MW are dark from 120 s to 600 s.
    let (episode, record) = lives(
        &config(Task::VoltVar),
        scenario(vec![(120.0, branch_out(0)), (120.0, branch_out(1))]),
        &mut nothing(),
    );
    close(episode.metric("ens_mwh").expect("known"), 25.0 * 480.0 / 3600.0, 1e-9);
    assert_eq!(episode.metric("blackout"), Some(1.0));
    assert_eq!(episode.metric("collapse"), Some(0.0));
    assert_eq!(episode.outcome, Outcome::Blackout);
    assert!(record.steps[1].vm_pu[1].is_some());
    assert_eq!(record.steps[2].vm_pu[1], None, "a dead bus has no voltage");
}

#[test]
fn losing_every_unit_is_dark_for_the_rest_of_the_episode() {
    let lost = |row| (180.0, Event::UnitOut { unit: UnitIdx::from_row(row) });
    let (episode, record) =
        lives(&config(Task::VoltVar), scenario(vec![lost(0), lost(1), lost(2)]), &mut nothing());
    close(episode.metric("ens_mwh").expect("known"), 50.0 * 420.0 / 3600.0, 1e-9);
    assert_eq!(episode.metric("collapse"), Some(1.0));
    assert_eq!(episode.outcome, Outcome::Collapse);
    assert_eq!((episode.steps, record.steps.len()), (4, 4), "nothing is lived through after the end");
}

#[test]
fn what_no_unit_can_provide_is_unmet_and_never_absorbed() {
    // 200 MW of demand, 150 MW of units.
    let event = Event::DemandRamp { until: Moment(0), factor: vec![4.0; 5] };
    let (episode, _) = lives(&config(Task::VoltVar), scenario(vec![(0.0, event)]), &mut nothing());
    let (unmet, losses) = (episode.metric("balance.unmet_mw").expect("known"), episode.metric("losses_mwh"));
    // Losses of every step are the same: ten minutes of them.
    close(unmet, 50.0 + losses.expect("known") * 6.0, 1e-4);
}

#[test]
fn a_ramp_binds_the_balance_from_step_to_step() {
    // Unit 1 (20 MW scheduled) is lost: the others (20 of 50 MW each) may move by 5 MW a minute, so 10 of 20 MW are
    // missing at once, and nothing after two steps.
    let event = Event::UnitOut { unit: UnitIdx::from_row(0) };
    let (episode, record) = lives(&config(Task::VoltVar), scenario(vec![(60.0, event)]), &mut nothing());
    let unmet = |step: usize| record.steps[step].notes.iter().any(|n| n.contains("unmet"));
    let when: Vec<usize> = (0..10).filter(|step| unmet(*step)).collect();
    assert_eq!(when, [1], "{:?}", record.steps[1].notes);
    let unmet = episode.metric("balance.unmet_mw").expect("known");
    assert!(unmet > 2.0 && unmet < 10.0, "{unmet}");
}

/// One step's request and what became of it.
fn grant(task: Task, quantity: Asked, element: u32, value: f64) -> (Option<f64>, BTreeMap<Refusal, u64>) {
    let mut once = config(task);
    once.steps = 1;
    let mut candidate = Scripted(|seen: &Observations| ask(seen, quantity, element, value));
    let (episode, record) = lives(&once, scenario(vec![(0.0, branch_out(4))]), &mut candidate);
    let granted = record.steps[0].granted.get(quantity.id()).and_then(|v| v[element as usize]);
    (granted, episode.refusals)
}

#[test]
fn requests_are_granted_clipped_or_refused_with_their_reason() {
    let only = |reason: Refusal| BTreeMap::from([(reason, 1)]);
    for (task, quantity, element, asked, granted, refusals) in [
        (Task::VoltVar, Asked::UnitVSet, 0, 1.05, Some(1.05), BTreeMap::new()),
        (Task::VoltVar, Asked::UnitVSet, 0, 1.25, Some(1.1), only(Refusal::Range)),
        (Task::VoltVar, Asked::UnitVSet, 0, 0.2, Some(0.9), only(Refusal::Range)),
        (Task::VoltVar, Asked::ShuntStep, 0, 1.0, Some(1.0), BTreeMap::new()),
        (Task::VoltVar, Asked::ShuntStep, 0, 3.0, None, only(Refusal::UnknownStep)),
        (Task::VoltVar, Asked::ShuntStep, 0, 0.5, None, only(Refusal::UnknownStep)),
        (Task::VoltVar, Asked::BranchTap, 0, 1.05, None, only(Refusal::Unknown)),
        (Task::VoltVar, Asked::UnitPSet, 0, 25.0, None, only(Refusal::NotInTask)),
        (Task::Redispatch, Asked::UnitVSet, 0, 1.0, None, only(Refusal::NotInTask)),
        (Task::Redispatch, Asked::UnitPSet, 0, 24.0, Some(24.0), BTreeMap::new()),
        // 10 % of 50 MW a minute, and a step is a minute.
        (Task::Redispatch, Asked::UnitPSet, 0, 40.0, Some(25.0), only(Refusal::Ramp)),
        (Task::Redispatch, Asked::UnitPSet, 0, -40.0, Some(15.0), only(Refusal::Ramp)),
        (Task::Redispatch, Asked::BranchStatus, 0, 0.0, Some(0.0), BTreeMap::new()),
        (Task::Redispatch, Asked::BranchStatus, 0, 0.5, None, only(Refusal::Unknown)),
        // Branch 5 was taken out by the event.
        (Task::Redispatch, Asked::BranchStatus, 4, 1.0, None, only(Refusal::OutOfService)),
    ] {
        let (now, why) = grant(task, quantity, element, asked);
        assert_eq!(why, refusals, "{} {asked}", quantity.id());
        match (now, granted) {
            (Some(now), Some(granted)) => close(now, granted, 1e-12),
            (now, granted) => assert_eq!(now, granted, "{} {asked}", quantity.id()),
        }
    }
}

#[test]
fn a_switched_branch_must_be_left_alone_for_a_while() {
    let mut state = 1.0;
    let mut candidate = Scripted(|seen: &Observations| {
        state = 1.0 - state;
        ask(seen, Asked::BranchStatus, 0, state)
    });
    let (episode, _) = lives(&config(Task::Redispatch), scenario(Vec::new()), &mut candidate);
    // Opened at once; five times asked to close within 900 s; asking for what is already so is no switching.
    assert_eq!(episode.metric("switching.count"), Some(1.0));
    assert_eq!(episode.refusals, BTreeMap::from([(Refusal::Cooldown, 5)]));
}

#[test]
fn a_failing_candidate_fails_the_episode_and_leaves_no_number() {
    let mut calls = 0;
    let mut candidate = Scripted(|seen: &Observations| {
        calls += 1;
        let mut decisions = Decisions::none(seen.rows);
        if calls == 4 {
            decisions.failed[0] = Some(Failure { cause: Cause::NotFinite, message: "y[3] is NaN".into() });
        }
        decisions
    });
    let (episode, _) = lives(&config(Task::VoltVar), scenario(Vec::new()), &mut candidate);
    assert_eq!((episode.outcome, episode.cause), (Outcome::CandidateFailed, Some(Cause::NotFinite)));
    assert_eq!(episode.steps, 3);
    assert!(episode.metrics.values().all(Option::is_none) && !episode.metrics.is_empty());
}

#[test]
fn metrics_are_what_the_recorded_steps_say() {
    // 110 MW at bus 20, which hangs on one branch of 100 MVA from 120 s on.
    let event = Event::DemandRamp { until: Moment(0), factor: vec![1.0, 4.4, 1.0, 1.0, 1.0] };
    let mut candidate = Scripted(|seen: &Observations| ask(seen, Asked::UnitVSet, 0, 0.9));
    let (episode, record) =
        lives(&config(Task::VoltVar), scenario(vec![(0.0, event), (120.0, branch_out(1))]), &mut candidate);
    let (mut violation, mut worst, mut minutes, mut most) = (0.0, 0.0f64, 0.0, 0.0f64);
    for step in &record.steps {
        for vm in step.vm_pu.iter().flatten() {
            let beyond = (vm - 1.1).max(0.9 - vm);
            if beyond > 1e-4 {
                violation += beyond;
                worst = worst.max(beyond);
            }
        }
        for loading in step.loading.iter().flatten() {
            most = most.max(*loading);
            minutes += if *loading > 1.001 { 1.0 } else { 0.0 };
        }
    }
    assert!(violation > 0.0 && minutes > 0.0, "the scenario is meant to hurt");
    let metric = |id: &str| episode.metric(id).expect("known");
    close(metric("voltage.violation_pu_min"), violation, 1e-12);
    close(metric("voltage.worst_pu"), worst, 1e-15);
    close(metric("overload.minutes"), minutes, 1e-12);
    close(metric("overload.worst"), most, 1e-12);
}

#[test]
fn neighbours_padding_and_order_change_no_byte() {
    let config = config(Task::VoltVar);
    let network = small_grid::network();
    let of = |i: u64| {
        let factor = vec![0.5 + 0.2 * i as f64; 5];
        let mut events = vec![(0.0, Event::DemandRamp { until: Moment(0), factor })];
        if i % 2 == 1 {
            events.push((60.0 * i as f64, branch_out(i as usize % 5)));
        }
        let mut scenario = scenario(events).as_ref().clone();
        scenario.index = i;
        (Arc::new(scenario), i)
    };
    let controller = || {
        Scripted(|seen: &Observations| {
            let mut decisions = Decisions::none(seen.rows);
            let values: Vec<f64> = (0..seen.rows).map(|r| 2.0 - seen.of(Observed::BusVm).row(r)[1]).collect();
            let values = Tensor { rows: seen.rows, cols: 1, data: values };
            decisions.asked.push(AskedTensor {
                quantity: Asked::UnitVSet,
                elements: vec![0],
                values,
                given: None,
            });
            decisions
        })
    };
    let together = |order: &[u64], rows: usize| {
        let mut solver = Solver::new(&network);
        let drawn = order.iter().map(|i| of(*i)).collect();
        let mut cohort = Cohort::new(&mut solver, &config, "candidate", drawn, rows, false);
        let mut lived: Vec<Episode> =
            live(&mut cohort, &mut controller()).into_iter().map(|t| t.episode).collect();
        lived.sort_by_key(|e| e.index);
        lived
    };
    let all = together(&[0, 1, 2, 3, 4, 5, 6, 7], 8);
    assert_eq!(all, together(&[6, 2, 7, 0, 3, 1, 5, 4], 20));
    for i in 0..8 {
        assert_eq!(all[i as usize..][..1], together(&[i], 1)[..]);
    }
}
