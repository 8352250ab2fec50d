//! Laws of every population: numbered scenarios are functions of (seed, population, index) and of nothing else.

use std::sync::Arc;

use powerflow::case::{BusKind, Case, CaseBranch, CaseBus, CaseLoad, CaseUnit};
use powerflow::units::MvaBase;
use powerflow::{BusId, Index, Network};
use proptest::prelude::*;
use scenarios::hazard::{self, Hazard};
use scenarios::{Event, Moment, Population, Scenario, Seed, World, scenario};

/// A ring of eight buses with two chords, demand on all and units on four of them.
fn network() -> Arc<Network> {
    let id = |row: usize| BusId(100 + row as u64);
    let bus = |row: usize| CaseBus {
        id: id(row),
        kind: if row == 0 { BusKind::Reference } else { BusKind::Pq },
        vm_pu: 1.0,
        va_deg: 0.0,
        base_kv: 220.0,
        vm_max_pu: 1.1,
        vm_min_pu: 0.9,
        area: 1,
        name: None,
        location: None,
        line: None,
    };
    let branch = |(from, to): (usize, usize)| CaseBranch {
        from: id(from),
        to: id(to),
        r_pu: 0.01,
        x_pu: 0.1,
        from_shunt_pu: (0.0, 0.0),
        to_shunt_pu: (0.0, 0.0),
        rate_a_mva: None,
        rate_b_mva: None,
        rate_c_mva: None,
        tap: 1.0,
        shift_deg: 0.0,
        in_service: true,
        transformer: false,
        tap_range: None,
        name: None,
        line: None,
    };
    let unit = |row: usize| CaseUnit {
        bus: id(row),
        p_mw: 20.0,
        q_mvar: 0.0,
        p_min_mw: 0.0,
        p_max_mw: 10.0 * (row + 3) as f64,
        q_min_mvar: -50.0,
        q_max_mvar: 50.0,
        v_set_pu: 1.0,
        m_base_mva: 100.0,
        ramp_mw_per_min: None,
        in_service: true,
        regulates: true,
        line: None,
    };
    let case = Case {
        name: "ring8".into(),
        base_mva: MvaBase::default(),
        frequency_hz: 50.0,
        buses: (0..8).map(bus).collect(),
        loads: (0..8)
            .map(|row| CaseLoad { bus: id(row), p_mw: 10.0, q_mvar: 3.0, in_service: true })
            .collect(),
        branches: (0..8).map(|row| (row, (row + 1) % 8)).chain([(0, 4), (2, 6)]).map(branch).collect(),
        units: [0, 2, 4, 6].map(unit).into(),
        ..Case::default()
    };
    Network::build(case).expect("the ring is sound")
}

fn world(network: &Network) -> World<'_> {
    World { network, horizon_s: 1800.0, step_s: 60.0 }
}

fn parse(text: &str) -> Box<dyn Hazard> {
    hazard::parse(&text.parse().expect("TOML")).expect("sound settings")
}

const TRIPS: &str = "kind = 'line_trip'\nk = [1, 2, 3]\nspread_s = 900\nreturn_after_s = [0, 900]";
const LOSSES: &str = "kind = 'generator_trip'\nk = 2\nweight = 'capacity'\nreturn_after_s = 120";
const SWING: &str = "kind = 'load_swing'\nsigma = 0.1";

fn population(id: &str, hazards: &[&str]) -> Population {
    Population { id: id.into(), hazards: hazards.iter().map(|text| parse(text)).collect(), size_max: 1000 }
}

fn line(scenario: &Scenario) -> String {
    serde_json::to_string(scenario).expect("plain data")
}

proptest! {
    #[test]
    fn a_scenario_depends_on_no_other(seed in any::<u64>(), indices in proptest::collection::vec(any::<u64>(), 1..12)) {
        let network = network();
        let draw = |index| {
            line(&scenario(Seed(seed), &population("p", &[TRIPS, TRIPS, LOSSES, SWING]), &world(&network), index))
        };
        let alone: Vec<String> = indices.iter().map(|index| draw(*index)).collect();
        let shared = population("p", &[TRIPS, TRIPS, LOSSES, SWING]);
        let backwards: Vec<String> = indices
            .iter()
            .rev()
            .map(|index| line(&scenario(Seed(seed), &shared, &world(&network), *index)))
            .collect();
        prop_assert!(alone.iter().eq(backwards.iter().rev()));
    }

    #[test]
    fn seed_population_and_index_each_change_the_draws(seed in any::<u64>(), index in any::<u64>()) {
        let network = network();
        let digest = |seed, id: &str, index| {
            scenario(Seed(seed), &population(id, &[SWING]), &world(&network), index).digest()
        };
        let one = digest(seed, "p", index);
        prop_assert_eq!(&one, &digest(seed, "p", index));
        prop_assert_ne!(&one, &digest(seed ^ 1, "p", index));
        prop_assert_ne!(&one, &digest(seed, "q", index));
        prop_assert_ne!(&one, &digest(seed, "p", index ^ (1 << 40)));
    }

    #[test]
    fn a_hazard_added_at_the_end_leaves_the_others_alone(seed in any::<u64>(), index in any::<u64>()) {
        let network = network();
        let before = scenario(Seed(seed), &population("p", &[TRIPS, SWING]), &world(&network), index);
        let after = scenario(Seed(seed), &population("p", &[TRIPS, SWING, LOSSES]), &world(&network), index);
        let of_units = |event: &Event| matches!(event, Event::UnitOut { .. } | Event::UnitBack { .. });
        let kept: Vec<_> = after.timeline.into_iter().filter(|timed| !of_units(&timed.event)).collect();
        prop_assert_eq!(before.timeline, kept);
        prop_assert!(after.log_likelihood < before.log_likelihood);
    }

    #[test]
    fn timelines_are_ordered_end_in_time_and_alternate(seed in any::<u64>(), index in any::<u64>()) {
        let network = network();
        // Three times the same law: overlapping outages of one branch are common among ten.
        let drawn =
            scenario(Seed(seed), &population("p", &[TRIPS, TRIPS, TRIPS, LOSSES, SWING]), &world(&network), index);
        prop_assert!(drawn.timeline.is_sorted_by_key(|timed| timed.at));
        prop_assert!(drawn.timeline.iter().all(|timed| timed.at < Moment::from_seconds(1800.0)));
        let mut out = [false; 10];
        let mut off = [false; 4];
        for timed in &drawn.timeline {
            match &timed.event {
                Event::BranchOut { branch } => prop_assert!(!std::mem::replace(&mut out[branch.row()], true)),
                Event::BranchBack { branch } => prop_assert!(std::mem::replace(&mut out[branch.row()], false)),
                Event::UnitOut { unit } => prop_assert!(!std::mem::replace(&mut off[unit.row()], true)),
                Event::UnitBack { unit } => prop_assert!(std::mem::replace(&mut off[unit.row()], false)),
                Event::BusOut { .. }
                | Event::Ratings { .. }
                | Event::Capability { .. }
                | Event::Saturation { .. } => {
                    prop_assert!(false, "no hazard of these does that");
                }
                Event::DemandRamp { until, factor } => {
                    prop_assert!(*until >= timed.at && factor.len() == 8);
                    prop_assert!(factor.iter().all(|f| (0.0..=2.0).contains(f)));
                }
            }
        }
    }
}

#[test]
fn two_hazards_of_one_kind_draw_differently() {
    let network = network();
    let once = "kind = 'line_trip'";
    let differ = (0..100)
        .filter(|index| {
            let drawn = scenario(Seed(1), &population("p", &[once, once]), &world(&network), *index);
            drawn.timeline.len() == 2
        })
        .count();
    // The same branch one time in ten, and then one outage: 90 +- 3 in a hundred.
    assert!((78..=100).contains(&differ), "{differ}");
}

#[test]
fn the_likelihood_is_that_of_all_discrete_draws() {
    let network = network();
    let hazards = ["kind = 'line_trip'\nk = 2", "kind = 'generator_trip'", SWING];
    let drawn = scenario(Seed(3), &population("p", &hazards), &world(&network), 0);
    // One of 45 pairs of ten branches, one of four units.
    assert!((drawn.log_likelihood.expect("known") + (45.0f64 * 4.0).ln()).abs() < 1e-13);
    let unknown = ["kind = 'line_trip'\nk = 2\nkeep_connected = true", "kind = 'generator_trip'"];
    assert_eq!(scenario(Seed(3), &population("p", &unknown), &world(&network), 0).log_likelihood, None);
}

#[test]
fn scenarios_are_those_of_an_independent_program() {
    let expected: serde_json::Value =
        serde_json::from_str(include_str!("data/stream_words.json")).expect("stream_words.json is JSON");
    let network = network();
    let population = population("outages", &["kind = 'line_trip'\nk = 3\nat_s = [120, 900]\nspread_s = 60"]);
    let cases = expected["scenarios"].as_array().expect("a list");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let index = case["index"].as_str().and_then(|digits| digits.parse().ok()).expect("an index");
        let drawn = scenario(Seed(20261121), &population, &world(&network), index);
        let outages: Vec<(u64, usize)> = drawn
            .timeline
            .iter()
            .map(|timed| match timed.event {
                Event::BranchOut { branch } => (timed.at.0, branch.row()),
                _ => panic!("a line trip that never returns drew {timed:?}"),
            })
            .collect();
        assert_eq!(serde_json::json!(outages), case["outages"]);
        assert_eq!(drawn.digest(), case["digest"].as_str().expect("a digest"));
    }
}
