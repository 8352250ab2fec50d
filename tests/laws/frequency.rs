//! The frequency of islands: what analysis says of one turbine, and what every island must keep.

use harness::frequency::{
    AggregateModel, Droop, FastResponse, FrequencyCurve, FrequencyEvent, FrequencyEventKind, Ggov1, Governor,
    Hydro, Ieeeg1, IslandFrequency, IslandModel, IslandPart, Reheat, ReheatIsland, RideThrough, RocofRelay,
    SheddingPlan, Source, Tgov1, Trigger, UnitModel, simulate,
};
use proptest::prelude::*;

fn events(island: &mut IslandFrequency, until_s: f64) -> Vec<FrequencyEvent> {
    std::iter::from_fn(|| island.advance(until_s)).collect()
}

fn hz(island: &IslandFrequency) -> f64 {
    island.frequency_hz().expect("an island that lives")
}

/// Every governor with its default parameters, and how strongly it answers in the end.
fn governors() -> Vec<Governor> {
    vec![
        Governor::Fixed,
        Governor::Droop(Droop { droop_pu: 0.05, lag_s: 0.2 }),
        Governor::Tgov1(Tgov1::default()),
        Governor::Reheat(Reheat { droop_pu: 0.05, high_pressure_share: 0.3, reheat_s: 8.0, gain_pu: 0.95 }),
        Governor::Ieeeg1(Ieeeg1::default()),
        Governor::Ggov1(Ggov1::default()),
        Governor::Hydro(Hydro::default()),
    ]
}

fn unit(governor: Governor, rating_pu: f64, power_pu: f64) -> UnitModel {
    UnitModel { governor, deadband_hz: 0.0, governed_share: 1.0, ..UnitModel::steam(rating_pu, power_pu) }
}

/// Five units of different kinds, two with relays, load shedding and a battery.
fn mixed(step_s: f64) -> IslandModel {
    let eastern = RideThrough::of_curve(FrequencyCurve::named("eastern").expect("a curve"));
    let units = vec![
        UnitModel { ride_through: Some(eastern), ..UnitModel::steam(0.5, 0.35) },
        UnitModel::gas(0.3, 0.2),
        UnitModel::hydro(0.3, 0.2),
        UnitModel {
            ride_through: Some(RideThrough {
                curve: FrequencyCurve::named("western").expect("a curve"),
                time_factor: 0.01,
                rocof: Some(RocofRelay { limit_hz_per_s: 2.5, window_s: 0.5 }),
            }),
            ..UnitModel::inverter(0.2, 0.15)
        },
        UnitModel::grid_forming(0.05, 0.0, 4.0),
    ];
    IslandModel {
        shedding: SheddingPlan::named("npcc"),
        responses: vec![FastResponse {
            trigger: Trigger::Rocof { threshold_hz_per_s: 0.5, window_s: 0.2 },
            ramp_s: 0.3,
            hold_s: Some(2.0),
            release_s: 1.0,
            ..FastResponse::step(0.05, 59.8, 0.15)
        }],
        step_s: Some(step_s),
        ..IslandModel::new(60.0, 0.9, Source::Units(units))
    }
}

prop_compose! {
    fn reheat_island()(
        inertia_s in 1.0f64..10.0,
        damping_pu in 0.0f64..2.0,
        droop_pu in 0.02f64..0.1,
        high_pressure_share in 0.1f64..0.5,
        reheat_s in 4.0f64..14.0,
        gain_pu in 0.3f64..1.0,
        power_step_pu in -0.05f64..0.05,
    ) -> ReheatIsland {
        let turbine = Reheat { droop_pu, high_pressure_share, reheat_s, gain_pu };
        ReheatIsland { nominal_hz: 60.0, inertia_s, damping_pu, turbine, power_step_pu, response: None }
    }
}

/// The step response of Anderson and Mirheydar (1990): their sine where it oscillates, two exponentials where it does not.
fn closed_form_hz(island: &ReheatIsland, t: f64) -> f64 {
    let Reheat { droop_pu: r, high_pressure_share: fh, reheat_s: tr, gain_pu: km } = island.turbine;
    let (h, d, p) = (island.inertia_s, island.damping_pu, island.power_step_pu);
    let stiffness = d * r + km;
    let wn = (stiffness / (2.0 * h * r * tr)).sqrt();
    let zeta = wn * (2.0 * h * r + (d * r + km * fh) * tr) / (2.0 * stiffness);
    let rest = r * p / stiffness;
    let deviation = if zeta < 1.0 {
        let root = (1.0 - zeta * zeta).sqrt();
        let wr = wn * root;
        let alpha = ((1.0 - 2.0 * tr * zeta * wn + tr * tr * wn * wn) / (1.0 - zeta * zeta)).sqrt();
        let phi = (wr * tr).atan2(1.0 - zeta * wn * tr) - root.atan2(-zeta);
        rest * (1.0 + alpha * (-zeta * wn * t).exp() * (wr * t + phi).sin())
    } else {
        let root = (zeta * zeta - 1.0).sqrt();
        let [a, b] = [-wn * (zeta + root), -wn * (zeta - root)];
        let part = |x: f64, y: f64| (1.0 + tr * x) / (x * (x - y)) * (x * t).exp();
        rest * (1.0 + wn * wn * (part(a, b) + part(b, a)))
    };
    60.0 * (1.0 + deviation)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_turbine_does_what_analysis_says(island in reheat_island()) {
        let (_, curve) = simulate(&[island], None, 20.0, Some(0.1)).expect("a sound island");
        for (t, ours) in curve.time_s.iter().zip(&curve.frequency_hz) {
            let theirs = closed_form_hz(&island, *t);
            // Close to critical damping the closed form itself is a small difference of large terms.
            prop_assert!((ours.expect("alive") - theirs).abs() < 1e-7, "{t}: {ours:?} {theirs}");
        }
    }

    /// Without limits and relays the island is linear.
    #[test]
    fn twice_the_loss_is_twice_the_deviation(island in reheat_island()) {
        let double = ReheatIsland { power_step_pu: 2.0 * island.power_step_pu, ..island };
        let (both, curve) = simulate(&[island, double], None, 10.0, Some(0.25)).expect("sound islands");
        let (one, two) = curve.frequency_hz.split_at(curve.time_s.len());
        for (one, two) in one.iter().zip(two) {
            let (one, two) = (one.expect("alive") - 60.0, two.expect("alive") - 60.0);
            prop_assert!((two - 2.0 * one).abs() < 1e-11, "{one} {two}");
        }
        prop_assert!((both[1].nadir.time_s - both[0].nadir.time_s).abs() < 1e-6);
    }

    /// The exact solution and the integration are different programs behind the same relays.
    #[test]
    fn one_unit_is_the_aggregate(mut island in reheat_island(), loss in 0.08f64..0.3, delay_s in 0.0f64..0.6) {
        // Room for the valve, which the aggregate has without limit.
        island.power_step_pu = -loss;
        island.response = Some(FastResponse { ramp_s: 0.2, ..FastResponse::step(0.05, 59.7, delay_s) });
        let plan = SheddingPlan::named("npcc").expect("a plan");
        let model = island.model(Some(&plan));
        let machine = UnitModel {
            inertia_s: island.inertia_s,
            power_min_pu: -1e3,
            power_max_pu: 1e3,
            ..unit(Governor::Reheat(island.turbine), 1.0, 0.5)
        };
        let model = [model.clone(), IslandModel { source: Source::Units(vec![machine]), ..model }];
        let mut lives = model.map(|model| IslandFrequency::new(&model).expect("a sound island"));
        let happened = lives.each_mut().map(|life| {
            life.step_power(-loss);
            events(life, 15.0)
        });
        prop_assert_eq!(happened[0].len(), happened[1].len());
        for (exact, stepped) in happened[0].iter().zip(&happened[1]) {
            // 1e-8 s but for a curve that crosses its level at a slow slope.
            prop_assert!((exact.time_s - stepped.time_s).abs() < 1e-4, "{exact:?} {stepped:?}");
        }
        prop_assert!((hz(&lives[0]) - hz(&lives[1])).abs() < 1e-5);
        prop_assert!((lives[0].nadir().frequency_hz - lives[1].nadir().frequency_hz).abs() < 1e-5);
    }
}

#[test]
fn nothing_happens_where_nothing_happens() {
    for governor in governors() {
        let model = IslandModel {
            shedding: SheddingPlan::named("npcc"),
            ..IslandModel::new(60.0, 0.7, Source::Units(vec![unit(governor, 1.0, 0.8)]))
        };
        let mut island = IslandFrequency::new(&model).expect("a sound island");
        assert_eq!(events(&mut island, 20.0), []);
        assert!((hz(&island) - 60.0).abs() < 1e-11 && island.is_settled(), "{governor:?}: {}", hz(&island));
    }
}

/// In the end `P = (D L + K) dw`, with K from `dw` beyond the dead zone on.
#[test]
fn every_governor_comes_to_rest_where_its_droop_says() {
    for governor in governors() {
        for deadband_hz in [0.0, 0.036] {
            let machine = UnitModel { deadband_hz, governed_share: 0.8, ..unit(governor, 1.0, 0.6) };
            let model = IslandModel::new(60.0, 0.9, Source::Units(vec![machine]));
            let mut island = IslandFrequency::new(&model).expect("a sound island");
            let loss = 0.04;
            island.step_power(-loss);
            while !island.is_settled() && island.time_s() < 300.0 {
                island.advance(island.time_s() + 1.0);
            }
            // Settled is a statement about slopes: the tails of slow turbines are short of the end by about this.
            island.advance(island.time_s() + 200.0);
            let stiffness = 0.8 * governor.stiffness_pu();
            let zone = if stiffness > 0.0 { deadband_hz / 60.0 } else { 0.0 };
            let rest = -(loss + stiffness * zone) / (0.9 + stiffness);
            assert!((hz(&island) - 60.0 - 60.0 * rest).abs() < 1e-4, "{governor:?}: {} {rest}", hz(&island));
        }
    }
}

#[test]
fn reserve_ends_where_the_unit_does() {
    for governor in governors().into_iter().filter(|governor| *governor != Governor::Fixed) {
        let machine = UnitModel { power_max_pu: 0.63, ..unit(governor, 1.0, 0.6) };
        let model = IslandModel::new(60.0, 0.9, Source::Units(vec![machine]));
        let mut island = IslandFrequency::new(&model).expect("a sound island");
        island.step_power(-0.1);
        events(&mut island, 300.0);
        assert!((island.mechanical_pu() - 0.63).abs() < 1e-6, "{governor:?}: {}", island.mechanical_pu());
        let rest = -(0.1 - 0.03) / 0.9;
        assert!((hz(&island) - 60.0 - 60.0 * rest).abs() < 1e-4, "{governor:?}: {}", hz(&island));
    }
    let turbine = Reheat { droop_pu: 0.05, high_pressure_share: 0.3, reheat_s: 8.0, gain_pu: 0.95 };
    let limited = AggregateModel { reserve_up_pu: 0.03, ..AggregateModel::unlimited(4.0, turbine) };
    let mut island = IslandFrequency::new(&IslandModel::new(60.0, 0.9, Source::Aggregate(limited)))
        .expect("a sound island");
    island.step_power(-0.1);
    events(&mut island, 300.0);
    assert!((island.mechanical_pu() - 0.03).abs() < 1e-9);
    // Most of the load comes back: the valve leaves its stop.
    island.step_power(0.09);
    events(&mut island, 900.0);
    let rest = -0.01 / (0.9 + 19.0);
    assert!((hz(&island) - 60.0 - 60.0 * rest).abs() < 1e-6, "{}", hz(&island));
}

#[test]
fn events_do_not_depend_on_the_step() {
    let run = |step_s: f64, until: &[f64]| {
        let mut island = IslandFrequency::new(&mixed(step_s)).expect("a sound island");
        island.step_power(-0.2);
        let happened: Vec<FrequencyEvent> =
            until.iter().flat_map(|until| events(&mut island, *until)).collect();
        (happened, hz(&island), island.nadir())
    };
    let fine = run(0.001, &[20.0]);
    assert!(fine.0.len() >= 4, "{:?}", fine.0);
    let slices: Vec<f64> = (1..=2000).map(|i| 0.01 * f64::from(i) - 0.003).chain([20.0]).collect();
    for (step_s, until) in [(0.01, vec![20.0]), (0.004, vec![20.0]), (0.01, slices)] {
        let coarse = run(step_s, &until);
        assert_eq!(coarse.0.len(), fine.0.len(), "{:?}", coarse.0);
        for (coarse, fine) in coarse.0.iter().zip(&fine.0) {
            assert_eq!(std::mem::discriminant(&coarse.kind), std::mem::discriminant(&fine.kind));
            // A valve that reaches its stop within a step overshoots by up to the square of the step.
            assert!((coarse.time_s - fine.time_s).abs() < 1e-4, "{step_s}: {coarse:?} {fine:?}");
        }
        assert!(
            (coarse.1 - fine.1).abs() < 1e-4 && (coarse.2.frequency_hz - fine.2.frequency_hz).abs() < 1e-4
        );
    }
    assert_eq!(run(0.01, &[20.0]), run(0.01, &[20.0]));
}

/// What accelerates the rotors is what is in them afterwards: `2 H dw` is the integral of the power, from event to event.
#[test]
fn power_that_is_missing_comes_from_the_rotors() {
    let mut island = IslandFrequency::new(&mixed(0.01)).expect("a sound island");
    island.step_power(-0.2);
    let h = 0.002;
    let (mut from, mut sum, mut momentum) = (hz(&island), 0.0, 0.0);
    let mut power = island.accelerating_pu();
    for i in 1..=5000 {
        let mut happened = Vec::new();
        let (start, until) = (island.time_s(), h * f64::from(i));
        while island.time_s() < until && happened.is_empty() {
            happened = island.advance(until).into_iter().collect();
        }
        if happened.is_empty() {
            let now = island.accelerating_pu();
            sum += 0.5 * (power + now) * (island.time_s() - start);
            power = now;
            continue;
        }
        // Within a step with an event the power jumps: begin again after it, with what is left of the inertia.
        events(&mut island, until);
        power = island.accelerating_pu();
        from = hz(&island) - sum * 60.0 / (2.0 * island.inertia_s());
        momentum = 0.0;
    }
    momentum += 2.0 * island.inertia_s() * (hz(&island) - from) / 60.0;
    assert!((momentum - sum).abs() < 1e-7, "{momentum} {sum}");
}

#[test]
fn what_is_shed_was_there() {
    let model = mixed(0.01);
    let plan = model.shedding.clone().expect("a plan");
    let mut island = IslandFrequency::new(&model).expect("a sound island");
    island.step_power(-0.45);
    let mut seen = Vec::new();
    let mut shed = 0.0;
    for event in events(&mut island, 60.0) {
        if let FrequencyEventKind::Shed { stage, load_pu, share, threshold_hz } = event.kind {
            assert!(!seen.contains(&stage), "stage {stage} twice");
            assert_eq!((plan.stages[stage].share, plan.stages[stage].threshold_hz), (share, threshold_hz));
            assert!((load_pu - share * 0.9).abs() < 1e-12);
            seen.push(stage);
            shed += load_pu;
        }
    }
    assert!(seen.len() >= 2);
    assert!((island.load_pu() + shed - 0.9).abs() < 1e-12);
}

/// A stage that has picked up lets go only 0.02 Hz above its threshold: shallow waves do not restart its timer.
#[test]
fn a_relay_resets_above_its_threshold() {
    let turbine = Reheat { droop_pu: 0.05, high_pressure_share: 1.0, reheat_s: 1.0, gain_pu: 1e-9 };
    let aggregate = AggregateModel::unlimited(5.0, turbine);
    let model = IslandModel {
        load_damping: 0.0,
        shedding: Some(SheddingPlan::of_stages(&[(59.5, 1.0, 0.1)])),
        ..IslandModel::new(60.0, 1.0, Source::Aggregate(aggregate))
    };
    // 0.1 pu are 0.6 Hz/s: down to 59.46 Hz in 0.9 s, then up again to a turn above the threshold.
    for (turn_hz, trips) in [(59.515, true), (59.525, false)] {
        let mut island = IslandFrequency::new(&model).expect("a sound island");
        island.step_power(-0.1);
        let mut happened = events(&mut island, 0.9);
        island.step_power(0.2);
        happened.extend(events(&mut island, 0.9 + (turn_hz - 59.46) / 0.6));
        assert!((hz(&island) - turn_hz).abs() < 1e-6);
        island.step_power(-0.2);
        happened.extend(events(&mut island, 1.9));
        // 59.5 Hz was reached after 5/6 s.
        let shed: Vec<f64> = happened.iter().map(|event| event.time_s).collect();
        assert_eq!(shed.len(), usize::from(trips), "{turn_hz}: {happened:?}");
        assert!(shed.iter().all(|at| (at - 0.5 / 0.6 - 1.0).abs() < 1e-6));
    }
}

/// 59.3 Hz for longer than the western curve allows below 59.4 Hz, and a frequency between two formulas of the eastern one.
#[test]
fn time_beyond_a_limit_is_counted() {
    for (name, rest_hz, allowed_s, rocof) in [
        ("western", 59.3, 180.0, None),
        ("ercot", 59.3, 540.0, None),
        // 10^(1.7373 f - 100.116) s at 58.5 Hz.
        ("eastern", 58.5, 10f64.powf(1.7373 * 58.5 - 100.116), None),
        ("performance", 59.0, 30.0, Some(0.5)),
    ] {
        let turbine = Reheat { droop_pu: 0.05, high_pressure_share: 1.0, reheat_s: 1.0, gain_pu: 1.0 };
        // An island so light that it is at its new frequency at once.
        let aggregate = AggregateModel::unlimited(0.1, turbine);
        let limit = RideThrough::of_curve(FrequencyCurve::named(name).expect("a curve"));
        let model = IslandModel {
            observed: vec![limit],
            ..IslandModel::new(60.0, 1.0, Source::Aggregate(aggregate))
        };
        let mut island = IslandFrequency::new(&model).expect("a sound island");
        island.step_power(21.0 * (rest_hz - 60.0) / 60.0);
        let mut happened = Vec::new();
        if let Some(pause_s) = rocof {
            // Back to 59.6 Hz for a moment, where all is forgotten.
            happened.extend(events(&mut island, 20.0));
            island.step_power(21.0 * (59.6 - rest_hz) / 60.0);
            happened.extend(events(&mut island, 20.0 + pause_s));
            island.step_power(-21.0 * (59.6 - rest_hz) / 60.0);
        }
        let start_s = island.time_s();
        happened.extend(events(&mut island, 700.0));
        let [FrequencyEvent { time_s, kind: FrequencyEventKind::LimitBroken { curve, .. }, .. }] =
            &happened[..]
        else {
            panic!("{name}: {happened:?}")
        };
        assert_eq!(curve, name);
        assert!(
            (time_s - start_s - allowed_s).abs() < 0.1 + 1e-3 * allowed_s,
            "{name}: {time_s} {allowed_s}"
        );
    }
}

#[test]
fn halves_of_an_island_go_on_like_the_whole() {
    let half = [UnitModel::steam(0.5, 0.4), UnitModel::hydro(0.3, 0.2), UnitModel::inverter(0.1, 0.05)];
    let units: Vec<UnitModel> = half.iter().chain(&half).cloned().collect();
    let model = IslandModel {
        shedding: SheddingPlan::named("npcc"),
        ..IslandModel::new(60.0, 1.3, Source::Units(units))
    };
    let mut whole = IslandFrequency::new(&model).expect("a sound island");
    whole.step_power(-0.3);
    let before = events(&mut whole, 0.7);
    let part = |units: Vec<usize>, import_pu| IslandPart {
        units,
        responses: vec![],
        load_pu: 0.5 * whole.load_pu(),
        import_pu,
    };
    let parts = whole.split(&[part(vec![0, 1, 2], 0.0), part(vec![3, 4, 5], 0.0)]).expect("a split");
    let rest = events(&mut whole, 25.0);
    assert!(before.is_empty() && !rest.is_empty());
    for island in parts {
        let mut island = island.expect("a source");
        let happened = events(&mut island, 25.0);
        assert_eq!(happened.len(), rest.len());
        for (ours, theirs) in happened.iter().zip(&rest) {
            // Sums in another order.
            assert!((ours.time_s - theirs.time_s).abs() < 1e-9, "{ours:?} {theirs:?}");
        }
        assert!((hz(&island) - hz(&whole)).abs() < 1e-9);
    }
}

/// Splitting makes no power: what one part exports the others lack, and a part without inertia is dead.
#[test]
fn parts_share_what_the_whole_had() {
    let mut whole = IslandFrequency::new(&mixed(0.01)).expect("a sound island");
    whole.step_power(-0.2);
    events(&mut whole, 0.8);
    let momentum =
        |island: &IslandFrequency| 2.0 * island.inertia_s() * island.slope_hz_per_s().expect("alive");
    let part = |units: &[usize], responses: &[usize], load_pu, import_pu| IslandPart {
        units: units.to_vec(),
        responses: responses.to_vec(),
        load_pu,
        import_pu,
    };
    let parts = [part(&[0, 4], &[], 0.4, 0.1), part(&[1, 2], &[0], 0.4, -0.15), part(&[3], &[], 0.1, 0.05)];
    let made = whole.split(&parts).expect("a split");
    assert!(made[2].is_none());
    let living: Vec<&IslandFrequency> = made.iter().flatten().collect();
    assert!(living.iter().all(|island| hz(island) == hz(&whole)));
    let sum: f64 = living.iter().map(|island| momentum(island)).sum();
    assert!((sum - (momentum(&whole) + 60.0 * 0.05)).abs() < 1e-9, "{sum} {}", momentum(&whole));
    assert!(living[0].is_synchronous_with(living[1]));
    let twice = whole.split(&[part(&[0, 0], &[7], 0.4, 0.0)]).expect_err("a unit twice");
    assert_eq!(twice.0.len(), 2);
}

#[test]
fn an_island_without_a_frequency_gives_none() {
    let western = RideThrough::of_curve(FrequencyCurve::named("western").expect("a curve"));
    let only = UnitModel { ride_through: Some(western), ..UnitModel::steam(1.0, 0.9) };
    let mut island = IslandFrequency::new(&IslandModel::new(60.0, 0.9, Source::Units(vec![only])))
        .expect("a sound island");
    island.step_power(-0.6);
    let happened = events(&mut island, 30.0);
    let kinds: Vec<_> = happened.iter().map(|event| &event.kind).collect();
    assert!(matches!(
        kinds[..],
        [FrequencyEventKind::UnitTripped { unit: 0, .. }, FrequencyEventKind::Dead(_)]
    ));
    assert_eq!((island.frequency_hz(), island.rocof_hz_per_s(), island.served_pu()), (None, None, 0.0));
    assert_eq!((island.time_s(), island.advance(40.0)), (30.0, None));
    for wrong in [f64::NAN, -1.0] {
        let model = IslandModel::new(60.0, wrong, Source::Units(vec![UnitModel::inverter(1.0, 0.5)]));
        let complaints = IslandFrequency::new(&model).expect_err("complaints");
        assert_eq!(complaints.0.len(), 2, "{complaints}");
    }
}
