//! The tested region: every state that was lived through lies inside, and one step beyond any of its bounds does not.
//!
//! What a state is is computed here from observations and records by itself, not by the code under test.

#[allow(dead_code)]
mod small_grid;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use harness::Cohort;
use harness::action::Task;
use harness::candidate::{Candidate, Decisions};
use harness::grid::GridRules;
use harness::live::{LoopConfig, live};
use harness::metric::Looks;
use harness::observation::{Observations, Observed};
use harness::situation;
use powerflow::{BranchIdx, Index, NewtonConfig, Solver, UnitIdx};
use reports::envelope::{Region, Situation};
use scenarios::{Event, Moment, Scenario, TimedEvent};

/// Asks nothing, and keeps what it saw.
struct Witness(Arc<Mutex<Vec<Observations>>>);

impl Candidate for Witness {
    fn reset(&mut self, _seeds: &[u64]) {}
    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        self.0.lock().expect("one thread").push(seen.clone());
        Decisions::none(seen.rows)
    }
}

/// Lives four scenarios: outages of a branch and of a unit at different times, each alone.
fn lived() -> (Region, Vec<Observations>, Vec<Vec<f64>>) {
    let network = small_grid::network();
    let config = LoopConfig {
        task: Task::VoltVar,
        step_s: 60.0,
        steps: 5,
        newton: NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() },
        rules: Arc::new(GridRules::default()),
        looks: Looks::default(),
        sensing: None,
    };
    let scenario = |index: u64| {
        let event = match index {
            0 => None,
            1 => Some(Event::UnitOut { unit: UnitIdx::from_row(2) }),
            row => Some(Event::BranchOut { branch: BranchIdx::from_row(row as usize) }),
        };
        // Between steps as well: what nobody was asked about was lived through all the same.
        let at = Moment::from_seconds(90.0 * index as f64);
        let timeline = event.into_iter().map(|event| TimedEvent { at, event }).collect();
        (Arc::new(Scenario { population: "p".into(), index, timeline, log_likelihood: None }), index)
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut solver = Solver::new(&network);
    let mut cohort = Cohort::new(&mut solver, &config, "candidate", (0..4).map(scenario).collect(), 4, true);
    let lived = live(&mut cohort, &mut Witness(Arc::clone(&seen)));
    let region = cohort.envelope().region.clone();
    let steps = lived.into_iter().flat_map(|trajectory| trajectory.record.expect("recorded").steps);
    let voltages = steps.map(|step| step.vm_pu.into_iter().flatten().collect()).collect();
    let seen = std::mem::take(&mut *seen.lock().expect("one thread"));
    (region, seen, voltages)
}

#[test]
fn every_state_that_was_seen_or_recorded_lies_inside() {
    let (region, seen, voltages) = lived();
    let network = small_grid::network();
    let mut asked = 0;
    for (seen, row) in seen.iter().flat_map(|seen| (0..seen.rows).map(move |row| (seen, row))) {
        assert_eq!(region.left(&of(seen, row)), []);
        // The library says of an observation what the region was made of, but for a frequency that does not move and is not bounded.
        let told = situation::of_observation(seen, row, &network);
        assert_eq!(region.left(&told), []);
        assert_eq!(Situation { frequency_hz: None, ..told }, of(seen, row));
        asked += 1;
    }
    assert_eq!(asked, 5 * 4);
    let (low, high) = region.bounds.voltage_pu.expect("voltages");
    assert!(voltages.iter().flatten().all(|vm| (low..=high).contains(vm)));
    // Nothing but these was lived through: one branch or one unit at once.
    assert_eq!((region.bounds.branches_out, region.bounds.units_out), (Some((0.0, 1.0)), Some((0.0, 1.0))));
    assert_eq!(region.branches.iter().copied().collect::<Vec<_>>(), [3, 4]);
    assert_eq!(region.units.iter().copied().collect::<Vec<_>>(), [3]);
}

#[test]
fn one_step_beyond_a_bound_is_outside_by_that_step() {
    const STEP: f64 = 1e-6;
    let (region, seen, _) = lived();
    let base = of(&seen[0], 0);
    let (_, demand) = region.bounds.demand.expect("demand");
    let (low, _) = region.bounds.voltage_pu.expect("voltages");
    let beyond = [
        ("demand", Situation { demand: Some(demand + STEP), ..base.clone() }),
        ("voltage_pu", Situation { voltage_pu: Some((low - STEP, low)), ..base.clone() }),
        ("branches.1", Situation { branches: Some([1].into()), ..base.clone() }),
        ("areas.1", Situation { areas: BTreeMap::from([(1, 2.0)]), ..base.clone() }),
    ];
    for (bound, state) in beyond {
        let left = region.left(&state);
        assert_eq!(left.iter().map(|departure| departure.bound.as_str()).collect::<Vec<_>>(), [bound]);
        if ["demand", "voltage_pu"].contains(&bound) {
            assert!((left[0].by.expect("a distance") - STEP).abs() < 1e-12);
        }
    }
    assert_eq!(region.left(&Situation { demand: None, ..base })[0].by, None);
}

/// A row of an observation as a situation: sums, counts and extremes of its tensors. All demand of the small grid is in area 1.
fn of(seen: &Observations, row: usize) -> Situation {
    let network = small_grid::network();
    let tensor = |observed: Observed| seen.of(observed).row(row);
    let file: f64 = network.buses.demand_p_pu.as_slice().iter().map(|pu| network.base.from_pu(*pu)).sum();
    let share = tensor(Observed::BusPd).iter().sum::<f64>() / file;
    let out = |observed: Observed| {
        let rows = tensor(observed).iter().zip(1..).filter(|(on, _)| **on == 0.0);
        rows.map(|(_, row)| row).collect::<std::collections::BTreeSet<u32>>()
    };
    let (branches, units) = (out(Observed::BranchStatus), out(Observed::UnitStatus));
    let live = tensor(Observed::BusVm).iter().zip(tensor(Observed::BusEnergised));
    let vm: Vec<f64> = live.filter(|(_, on)| **on == 1.0).map(|(vm, _)| *vm).collect();
    let low = vm.iter().copied().fold(f64::INFINITY, f64::min);
    let high = vm.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Situation {
        demand: Some(share),
        branches_out: Some(branches.len() as f64),
        units_out: Some(units.len() as f64),
        voltage_pu: (low <= high).then_some((low, high)),
        frequency_hz: None,
        delay_ms: None,
        areas: BTreeMap::from([(1, share)]),
        branches: Some(branches),
        units: Some(units),
    }
}
