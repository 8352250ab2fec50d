//! What a candidate is shown instead of the truth: perfect telemetry is the truth, errors are those of the scenario and nobody's, an
//! estimate is nearer than its readings, and what happened stays what happened.

#[allow(dead_code)]
mod small_grid;

use std::sync::Arc;

use harness::Cohort;
use harness::action::{Asked, AskedTensor, Task};
use harness::candidate::Decisions;
use harness::grid::GridRules;
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::observation::{Observations, Observed, Tensor};
use harness::sensing::{Observe, Sensing, Settings};
use harness::trajectory::Episode;
use powerflow::estimation::Sigmas;
use powerflow::{BranchIdx, Index, NewtonConfig, Solver};
use scenarios::{Event, Moment, Scenario, TimedEvent};
use small_grid::Scripted;

const STEPS: usize = 12;

/// Everything measured without error.
fn perfect() -> Settings {
    Settings {
        sigmas: Sigmas {
            voltage_pu: 0.0,
            injection_pu: 0.0,
            flow_pu: 0.0,
            phasor_voltage_pu: 0.0,
            phasor_angle_rad: 0.0,
        },
        phasor_tve: 0.0,
        phasor_clock_s: 0.0,
        ..Settings::default()
    }
}

/// What is seen step by step, all quantities one after another, and the episode: a ring that is opened on the way, watched by who asks for a
/// voltage in the end, or for nothing.
fn seen(sensing: Option<(Observe, Settings)>, index: u64, asks: bool) -> (Vec<Vec<Tensor>>, Episode) {
    let network = small_grid::network();
    let newton = NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() };
    let config = LoopConfig {
        task: Task::VoltVar,
        step_s: 2.0,
        steps: STEPS as u32,
        rules: Arc::new(GridRules::default()),
        looks: Looks::default(),
        sensing: sensing
            .map(|(observe, settings)| Arc::new(Sensing::new(&network, observe, settings, &newton))),
        newton,
    };
    let branch = BranchIdx::from_row(0);
    let event = |at: f64, event| TimedEvent { at: Moment::from_seconds(at), event };
    let ramp = Event::DemandRamp { until: Moment::from_seconds(20.0), factor: vec![1.2; 5] };
    let timeline = vec![event(0.0, ramp), event(9.0, Event::BranchOut { branch })];
    let scenario = Scenario { population: "p".into(), index, timeline, log_likelihood: None };
    let mut rows = Vec::new();
    let mut candidate = Scripted(|seen: &Observations| {
        rows.push(seen.tensors.clone());
        let mut decisions = Decisions::none(seen.rows);
        if asks {
            let values = Tensor { rows: seen.rows, cols: 1, data: vec![1.02; seen.rows] };
            decisions.asked.push(AskedTensor {
                quantity: Asked::UnitVSet,
                elements: vec![0],
                values,
                given: None,
            });
        }
        decisions
    });
    let mut solver = Solver::new(&network);
    let mut cohort = Cohort::new(&mut solver, &config, "candidate", vec![(Arc::new(scenario), 1)], 1, false);
    let lived = live(&mut cohort, &mut candidate).pop().expect("one rollout");
    (rows, lived.episode)
}

fn of(rows: &[Vec<Tensor>], step: usize, quantity: Observed) -> &[f64] {
    rows[step][quantity as usize].row(0)
}

/// Without noise, band, loss and age: bit for bit. Telemetry has no angles.
#[test]
fn perfect_telemetry_and_perfect_phasors_are_the_truth() {
    let (truth, lived) = seen(None, 0, false);
    for observe in [Observe::Scada, Observe::Pmu] {
        // A scan every step: at 4 s every second step would show the one before.
        let (found, episode) = seen(Some((observe, Settings { scan_s: 2.0, ..perfect() })), 0, false);
        for step in 0..STEPS {
            for quantity in Observed::LIST {
                let bits = |row: &[f64]| row.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
                let found = of(&found, step, *quantity);
                if observe == Observe::Scada && *quantity == Observed::BusVa {
                    assert!(found.iter().all(|angle| *angle == 0.0));
                    continue;
                }
                assert_eq!(bits(found), bits(of(&truth, step, *quantity)), "{observe:?} {step} {quantity:?}");
            }
        }
        assert_eq!((episode.trajectory, &episode.metrics), (lived.trajectory.clone(), &lived.metrics));
    }
}

#[test]
fn between_scans_the_last_is_shown_and_its_age_is_told() {
    let (truth, _) = seen(None, 0, false);
    let (found, _) =
        seen(Some((Observe::Scada, Settings { scan_s: 4.0, age_s: 2.0, ..perfect() })), 0, false);
    for step in 1..STEPS {
        // Scans at steps 0, 2, 4 ...; shown a step later and held for another.
        let shown = (step - 1) / 2 * 2;
        assert_eq!(of(&found, step, Observed::BusPd), of(&truth, shown, Observed::BusPd), "{step}");
        assert_eq!(
            of(&found, step, Observed::BranchStatus),
            of(&truth, shown, Observed::BranchStatus),
            "{step}"
        );
        assert_eq!(of(&found, step, Observed::Age), [2.0 * (step - shown) as f64], "{step}");
        assert_eq!(of(&found, step, Observed::UnitVSet), of(&truth, step, Observed::UnitVSet), "{step}");
    }
}

/// Errors belong to the scenario: the same for whoever decides, others in another scenario; metrics stay those of the truth.
#[test]
fn errors_are_the_same_for_everybody() {
    let scada = Settings { scan_s: 2.0, ..Settings::default() };
    let error = |asks: bool, index: u64| {
        let (truth, lived) = seen(None, index, asks);
        let (found, episode) = seen(Some((Observe::Scada, scada)), index, asks);
        assert_eq!(episode.trajectory, lived.trajectory, "what is seen changes nothing by itself");
        let of_step = |step: usize| {
            let (found, truth) = (of(&found, step, Observed::BusVm), of(&truth, step, Observed::BusVm));
            found.iter().zip(truth).map(|(found, truth)| found - truth).collect::<Vec<f64>>()
        };
        (0..STEPS).flat_map(of_step).collect::<Vec<f64>>()
    };
    let (idle, busy, other) = (error(false, 3), error(true, 3), error(false, 4));
    assert!(idle.iter().zip(&busy).all(|(a, b)| (a - b).abs() < 1e-12), "the candidate moved an error");
    assert!(idle.iter().zip(&other).any(|(a, b)| (a - b).abs() > 1e-3));
    let deviation = (idle.iter().map(|e| e * e).sum::<f64>() / idle.len() as f64).sqrt();
    // 60 errors of 0.4 %: the deviation of their root mean square is a tenth of it.
    assert!((0.0025..0.0055).contains(&deviation), "{deviation}");
}

/// A clock error turns a bus for good; its total vector error is the published 2 sin of half the angle.
#[test]
fn clocks_turn_phasors() {
    let clocks = Settings { phasor_clock_s: 1e-4, ..perfect() };
    let (truth, _) = seen(None, 0, false);
    let (found, _) = seen(Some((Observe::Pmu, clocks)), 0, false);
    let turned = |step: usize, bus: usize| {
        of(&found, step, Observed::BusVa)[bus] - of(&truth, step, Observed::BusVa)[bus]
    };
    for bus in 0..5 {
        let first = turned(0, bus);
        assert!(first != 0.0 && first.abs() < 10.0, "{first}");
        assert!((1..STEPS).all(|step| (turned(step, bus) - first).abs() < 1e-9));
        assert!(bus == 0 || (first - turned(0, 0)).abs() > 1e-6, "each bus has a clock of its own");
    }
    assert_eq!(of(&found, 5, Observed::BusVm), of(&truth, 5, Observed::BusVm));
}

/// An estimate is nearer to the truth than what it is made of, follows a branch that opens, and is told by metrics that telemetry has not.
#[test]
fn an_estimate_is_nearer_than_its_readings() {
    let settings = Settings { scan_s: 2.0, ..Settings::default() };
    let (truth, _) = seen(None, 1, false);
    let off = |rows: &[Vec<Tensor>]| -> f64 {
        let squares = (0..STEPS).map(|step| {
            let (found, truth) =
                (of(rows, step, Observed::BranchPFrom), of(&truth, step, Observed::BranchPFrom));
            found.iter().zip(truth).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
        });
        squares.sum::<f64>().sqrt()
    };
    let (scada, plain) = seen(Some((Observe::Scada, settings)), 1, false);
    let (estimated, episode) = seen(Some((Observe::Estimated, settings)), 1, false);
    assert!(off(&estimated) < 0.8 * off(&scada), "{} {}", off(&estimated), off(&scada));
    assert_eq!(of(&estimated, STEPS - 1, Observed::BranchPFrom)[0], 0.0, "an open branch carries nothing");
    let metric = |id: &str| episode.metrics[id].expect("a number");
    assert_eq!(metric("estimation.missing"), 0.0);
    assert!(metric("estimation.alarms") <= 2.0, "noise alone alarms in one of a hundred steps");
    assert!((1e-5..0.02).contains(&metric("estimation.error_pu")), "{}", metric("estimation.error_pu"));
    assert!(!plain.metrics.contains_key("estimation.alarms"));
}
