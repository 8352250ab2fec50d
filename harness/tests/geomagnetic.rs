//! What transformers take in a geomagnetic storm, in the closed loop, against the two-bus power flow.

mod rows;

use std::sync::Arc;

use harness::Cohort;
use harness::action::Task;
use harness::candidate::Source;
use harness::candidate::do_nothing::DoNothing;
use harness::grid::GridRules;
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::trajectory::{Outcome, Trajectory};
use powerflow::{Network, NewtonConfig, Solver};
use scenarios::{Event, Moment, Scenario, TimedEvent};

use rows::case;

const P_PU: f64 = 0.4;
const X_PU: f64 = 0.4;

/// Three steps of a storm that lasts for the second, in which the transformers at the far bus take so much at 1 pu.
fn lives(loss_mvar: f64) -> Trajectory {
    let case = case(
        "1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;\n2 1 40 0 0 0 1 1 0 110 1 1.1 0.9;\n",
        "1 40 0 300 -300 1 100 1 400 0;\n",
        "1 2 0 0.4 0 0 0 0 0 0 1 -360 360;\n",
    );
    let network = Network::build(case).expect("a network");
    let config = LoopConfig {
        task: Task::VoltVar,
        step_s: 60.0,
        steps: 3,
        newton: NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() },
        rules: Arc::new(GridRules::default()),
        looks: Looks::default(),
        sensing: None,
    };
    let storm = |at_s: f64, loss_mvar: f64| TimedEvent {
        at: Moment::from_seconds(at_s),
        event: Event::Saturation { loss_mvar: vec![0.0, loss_mvar] },
    };
    let timeline = vec![storm(60.0, loss_mvar), storm(120.0, 0.0)];
    let scenario = Scenario { population: "p".into(), index: 0, timeline, log_likelihood: None };
    let mut solver = Solver::new(&network);
    let mut cohort = Cohort::new(&mut solver, &config, "do_nothing", vec![(Arc::new(scenario), 1)], 1, true);
    let mut nobody = DoNothing::new(Task::VoltVar).start().expect("it needs nothing");
    live(&mut cohort, nobody.as_mut()).remove(0)
}

/// The higher voltage behind a reactance that feeds P and c V: `(P X)^2 + V^2 (V + c X)^2 = V^2`, by bisection from its upper end.
fn behind(c: f64) -> Option<f64> {
    let gap = |v: f64| (P_PU * X_PU).powi(2) + v * v * (v + c * X_PU).powi(2) - v * v;
    let below = (1..1000).map(|step| 1.0 - 1e-3 * f64::from(step)).find(|v| gap(*v) < 0.0)?;
    let (mut low, mut high) = (below, below + 1e-3);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if gap(middle) < 0.0 { low = middle } else { high = middle }
    }
    Some(0.5 * (low + high))
}

#[test]
fn the_loss_is_proportional_to_the_voltage_and_ends_with_the_storm() {
    // The nose is at 136.6 Mvar.
    for loss_mvar in [0.0, 5.0, 20.0, 50.0, 100.0, 130.0] {
        let lived = lives(loss_mvar);
        assert_eq!(lived.episode.outcome, Outcome::Survived);
        let steps = lived.record.expect("it was recorded").steps;
        let voltage: Vec<f64> = steps.iter().map(|step| step.vm_pu[1].expect("energised")).collect();
        let (calm, storm) = (behind(0.0).expect("a voltage"), behind(0.01 * loss_mvar).expect("a voltage"));
        assert_eq!(voltage.len(), 3);
        for (ours, wanted) in voltage.iter().zip([calm, storm, calm]) {
            assert!((ours - wanted).abs() < 1e-6, "{loss_mvar} Mvar: {voltage:?}, {wanted} wanted");
        }
    }
}

#[test]
fn a_storm_beyond_the_nose_does_not_leave_the_grid_alive() {
    assert!(behind(2.0).is_none(), "this test tests nothing");
    assert_ne!(lives(200.0).episode.outcome, Outcome::Survived);
}
