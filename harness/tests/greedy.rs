//! The look-ahead comparator on grids whose answer a hand finds.

mod rows;

use std::sync::Arc;

use harness::Cohort;
use harness::action::{Asked, Task};
use harness::candidate::Source;
use harness::candidate::greedy::Greedy;
use harness::grid::GridRules;
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use powerflow::{Network, NewtonConfig, Solver};
use reports::StepRecord;
use scenarios::Scenario;

use rows::case;

fn grid(buses: &str, units: &str, branches: &str) -> Arc<Network> {
    Network::build(case(buses, units, branches)).expect("a network")
}

fn lives(network: &Arc<Network>, task: Task) -> Vec<StepRecord> {
    let config = LoopConfig {
        task,
        step_s: 60.0,
        steps: 8,
        newton: NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() },
        rules: Arc::new(GridRules::default()),
        looks: Looks::default(),
        sensing: None,
    };
    let nothing =
        Arc::new(Scenario { population: "p".into(), index: 0, timeline: Vec::new(), log_likelihood: None });
    let mut solver = Solver::new(network);
    let mut cohort = Cohort::new(&mut solver, &config, "greedy", vec![(nothing, 1)], 4, true);
    let mut greedy = Greedy::new(task, network).start().expect("it needs nothing");
    live(&mut cohort, greedy.as_mut()).pop().expect("one rollout").record.expect("recorded").steps
}

fn asked(step: &StepRecord, quantity: Asked) -> Vec<(usize, f64)> {
    let row = step.asked.get(quantity.id()).into_iter().flatten().enumerate();
    row.filter_map(|(at, value)| value.map(|value| (at, value))).collect()
}

/// Three equal lines in a ring, 90 MW from bus 1 and 10 MW from bus 2 for 100 MW at bus 3: line 1-3 carries two thirds of the first and one
/// third of the second, 63.3 MW of 60. Either unit moved by its minute of ramp, 10 MW, is shared alike by both, so of two equal
/// actions the first of the list is asked: unit 1 down.
#[test]
fn an_overload_is_relieved_by_the_first_of_the_best_moves() {
    let ring = grid(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 2 0 0 0 0 1 1 0 110 1 1.1 0.9;\n3 2 100 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 90 0 300 -300 1 100 1 200 0;\n2 10 0 300 -300 1 100 1 200 0;\n3 0 0 300 -300 1 100 1 0 0;\n",
        "1 2 0 0.05 0 60 0 0 0 0 1 -360 360;\n1 3 0 0.05 0 60 0 0 0 0 1 -360 360;\n2 3 0 0.05 0 60 0 0 0 0 1 -360 360;\n",
    );
    let steps = lives(&ring, Task::Redispatch);
    let first = asked(&steps[0], Asked::UnitPSet);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].0 == 0 && (first[0].1 - 80.0).abs() < 1e-6, "{first:?}");
    let last = steps.last().expect("steps");
    // What is less than 1e-4 pu above is none.
    let loading = last.loading[1].expect("a rating");
    assert!(loading < 1.0 + 1e-3, "{loading}");
    // Nothing is broken any more, and nothing is asked.
    assert_eq!(last.asked, std::collections::BTreeMap::new());
}

/// A bus between two units that hold too low a voltage: set-points rise by hundredths, one a step, until it is inside.
#[test]
fn low_voltages_are_raised_and_then_left_alone() {
    let sagging = grid(
        "1 3 0 0 0 0 1 1 0 110 1 1.06 0.94;\n2 1 50 20 0 0 1 1 0 110 1 1.06 0.94;\n3 2 20 0 0 0 1 1 0 110 1 1.06 0.94;\n",
        "1 70 0 300 -300 0.96 100 1 200 0;\n3 0 0 100 -100 0.942 100 1 10 0;\n",
        "1 2 0 0.2 0 0 0 0 0 0 1 -360 360;\n2 3 0 0.2 0 0 0 0 0 0 1 -360 360;\n",
    );
    let steps = lives(&sagging, Task::VoltVar);
    let first = asked(&steps[0], Asked::UnitVSet);
    assert_eq!(first.len(), 1, "{first:?}");
    let before = [0.96, 0.942][first[0].0];
    assert!((first[0].1 - before - 0.01).abs() < 1e-9, "{first:?}");
    let last = steps.last().expect("steps");
    assert!(
        last.vm_pu.iter().flatten().all(|vm| (0.94 - 1e-3..=1.06 + 1e-3).contains(vm)),
        "{:?}",
        last.vm_pu
    );
    assert_eq!(last.asked, std::collections::BTreeMap::new());
}
