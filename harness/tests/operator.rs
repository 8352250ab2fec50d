//! The operator in the closed loop: when it acts, and that what it does ends the alarm.

mod rows;

use std::sync::Arc;

use harness::Cohort;
use harness::action::Task;
use harness::candidate::Source;
use harness::candidate::operator::{Model, Operator, Settings};
use harness::grid::GridRules;
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::trajectory::Trajectory;
use powerflow::{Network, NewtonConfig, Solver};
use scenarios::Scenario;

use rows::case;

fn grid(buses: &str, units: &str, branches: &str) -> Arc<Network> {
    Network::build(case(buses, units, branches)).expect("a network")
}

/// Three equal lines in a ring: two thirds of what unit 1 sends to bus 3 flow over the direct one, and so do a third of what unit 2
/// sends over line 1-2 the other way. With 90 MW from bus 1 and 10 from bus 2, line 1-3 carries 63.3 MW; its rating is 60 MVA.
fn ring() -> Arc<Network> {
    grid(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 2 0 0 0 0 1 1 0 110 1 1.1 0.9;\n3 2 100 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 90 0 300 -300 1 100 1 200 0;\n2 10 0 300 -300 1 100 1 200 0;\n3 0 0 300 -300 1 100 1 0 0;\n",
        "1 2 0 0.05 0 60 0 0 0 0 1 -360 360;\n1 3 0 0.05 0 60 0 0 0 0 1 -360 360;\n2 3 0 0.05 0 60 0 0 0 0 1 -360 360;\n",
    )
}

/// A load between two units that hold low voltages, and takes reactive power: less than 0.94 pu.
fn sagging() -> Arc<Network> {
    grid(
        "1 3 0 0 0 0 1 1 0 110 1 1.06 0.94;\n2 1 50 20 0 0 1 1 0 110 1 1.06 0.94;\n3 2 20 0 0 0 1 1 0 110 1 1.06 0.94;\n",
        "1 70 0 300 -300 0.96 100 1 200 0;\n3 0 0 100 -100 0.942 100 1 10 0;\n",
        "1 2 0 0.2 0 0 0 0 0 0 1 -360 360;\n2 3 0 0.2 0 0 0 0 0 0 1 -360 360;\n",
    )
}

fn lives(network: &Arc<Network>, task: Task, model: Model, delay_s: f64) -> Trajectory {
    let config = LoopConfig {
        task,
        step_s: 60.0,
        steps: 15,
        newton: NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() },
        rules: Arc::new(GridRules::default()),
        looks: Looks::default(),
        sensing: None,
    };
    let nothing =
        Arc::new(Scenario { population: "p".into(), index: 0, timeline: Vec::new(), log_likelihood: None });
    let mut solver = Solver::new(network);
    let mut cohort = Cohort::new(&mut solver, &config, "operator", vec![(nothing, 1)], 4, true);
    let operator = Operator::new(model, task, network, Settings { delay_s });
    live(&mut cohort, operator.start().expect("it needs nothing").as_mut()).pop().expect("one rollout")
}

fn acting() -> impl Iterator<Item = Model> {
    Model::LIST.iter().copied().filter(|model| *model != Model::None)
}

#[test]
fn an_overload_is_redispatched_away_ten_minutes_after_the_alarm_and_not_before() {
    let network = ring();
    for model in acting() {
        let lived = lives(&network, Task::Redispatch, model, 600.0);
        let steps = &lived.record.as_ref().expect("recorded").steps;
        for step in steps {
            let loading = step.loading[1].expect("on");
            // 80 MW of angle differences this small: the linear flow is exact to a few per mille.
            let alarm = step.time_s < 600.0;
            assert_eq!(loading > 1.0, alarm, "{model:?} at {} s: {loading}", step.time_s);
            assert!(alarm || loading > 0.95, "{model:?} moves more than it must: {loading}");
        }
        assert_eq!(lived.episode.metric("overload.minutes"), Some(10.0), "{model:?}");
    }
    let nobody = lives(&network, Task::Redispatch, Model::None, 600.0);
    assert_eq!(nobody.episode.metric("overload.minutes"), Some(15.0));
    let quick = lives(&network, Task::Redispatch, Model::Greedy, 300.0);
    assert_eq!(quick.episode.metric("overload.minutes"), Some(5.0));
}

#[test]
fn a_voltage_is_brought_back_inside_its_limits() {
    let network = sagging();
    for model in acting() {
        let lived = lives(&network, Task::VoltVar, model, 600.0);
        let steps = &lived.record.as_ref().expect("recorded").steps;
        let lowest = |at: usize| steps[at].vm_pu.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        assert!(lowest(9) < 0.94, "{}", lowest(9));
        assert!(lowest(10) >= 0.94, "{model:?}: {}", lowest(10));
    }
}
