//! The nose: what analysis says of two buses, and what every curve must keep.

use std::path::Path;
use std::sync::Arc;

use powerflow::{
    BusStatus, Case, Direction, Limit, Network, NewtonConfig, NoseCause, NoseConfig, NoseFailure,
    ReactiveLimits, Slack, Solver, State,
};
use proptest::prelude::*;

fn config(slack: Slack, reactive_limits: ReactiveLimits) -> NoseConfig {
    NoseConfig {
        newton: NewtonConfig { slack, reactive_limits, ..NewtonConfig::default() },
        ..NoseConfig::default()
    }
}

fn read(name: &str) -> Arc<Network> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cases").join(name);
    Network::build(powerflow::case::read(&folder.join(format!("{name}.m"))).expect("a case"))
        .expect("a network")
}

/// A state some way along a direction.
fn along(state: &State, direction: &Direction, lambda: f64) -> State {
    let mut moved = state.clone();
    for (bus, p) in direction.demand_p_pu.iter() {
        moved.demand_p_pu[bus] += lambda * p;
        moved.demand_q_pu[bus] += lambda * direction.demand_q_pu[bus];
    }
    for (unit, p) in direction.unit_p_pu.iter() {
        moved.unit_p_pu[unit] += lambda * p;
    }
    moved
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A line of reactance X from a stiff source of voltage E, and a load P (1 + jk): the largest P is
    /// E^2 (sqrt(1 + k^2) - k) / 2X, where V^2 = P X sqrt(1 + k^2): there V^4 + (2 k P X - E^2) V^2 + (1 + k^2) (P X)^2 = 0
    /// has its double root.
    #[test]
    fn two_buses_end_where_analysis_says(e in 0.95f64..1.1, x in 0.05f64..0.4, k in -0.3f64..0.8) {
        let mut case = Case::two_bus_example();
        let mva = case.base_mva.from_pu(1.0);
        let line = &mut case.branches[0];
        (line.r_pu, line.x_pu) = (0.0, x);
        (line.from_shunt_pu, line.to_shunt_pu) = ((0.0, 0.0), (0.0, 0.0));
        case.units[0].v_set_pu = e;
        let base_pu = 0.1;
        case.loads[0].p_mw = base_pu * mva;
        case.loads[0].q_mvar = base_pu * k * mva;
        let network = Network::build(case).expect("a sound case");
        let state = network.initial_state();
        let config = config(Slack::Single, ReactiveLimits::Ignore);
        let nose = Solver::new(&network).nose(&state, &Direction::uniform(&state), &config).expect("a nose");
        let root = (1.0 + k * k).sqrt();
        let largest = e * e * (root - k) / (2.0 * x);
        prop_assert_eq!(nose.cause, NoseCause::Fold);
        prop_assert!((base_pu * (1.0 + nose.lambda) - largest).abs() < 1e-8 * largest);
        let vm = nose.solution.vm_pu(nose.weakest[0].bus).expect("a live bus");
        prop_assert!((vm - (largest * x * root).sqrt()).abs() < 1e-4, "{vm}");
    }
}

/// The curve is made of power flows: plain solves find one all the way to the nose, with its voltages. Without limits there
/// is none beyond; with them there may be one elsewhere, which the voltages would have to jump to.
#[test]
fn the_nose_is_the_last_power_flow() {
    for name in ["case14", "pglib_opf_case30_ieee", "pglib_opf_case118_ieee"] {
        let network = read(name);
        let state = network.initial_state();
        let direction = Direction::uniform(&state);
        for (slack, limits) in [
            (Slack::Single, ReactiveLimits::Ignore),
            (Slack::Distributed, ReactiveLimits::Ignore),
            (Slack::Distributed, ReactiveLimits::Enforce),
        ] {
            let config = config(slack, limits);
            let mut solver = Solver::new(&network);
            let nose = match solver.nose(&state, &direction, &config) {
                Ok(nose) => nose,
                Err(NoseFailure::UnmetBase(_)) => continue,
                Err(failure) => panic!("{name}: {failure}"),
            };
            assert!(nose.lambda > 0.0 && nose.curve.windows(2).all(|w| w[0].lambda <= w[1].lambda), "{name}");
            let plain = NewtonConfig { rescue: powerflow::Rescue::No, ..config.newton.clone() };
            let mut previous = nose.base.clone();
            for share in [0.25, 0.5, 0.75, 0.9, 0.97, 0.99] {
                let before = along(&state, &direction, share * nose.lambda);
                previous = solver.solve(&before, Some(&previous), &plain).unwrap_or_else(|d| {
                    panic!("{name} {slack:?} {limits:?} at {share} of {}: {d}", nose.lambda)
                });
            }
            // Close to the nose voltages are close to its own: they change like the root of the distance at a fold.
            let close = along(&state, &direction, (1.0 - 1e-7) * nose.lambda);
            let close = solver.solve(&close, Some(&previous), &plain).expect("a solution close to the nose");
            for bus in network.buses.id.indices() {
                let (ours, theirs) = (nose.solution.vm_pu(bus), close.vm_pu(bus));
                let apart = (ours.expect("a live bus") - theirs.expect("a live bus")).abs();
                assert!(apart < 5e-3, "{name} {slack:?} {limits:?}: {apart} at {bus:?}");
            }
            for start in [&nose.solution, &previous].into_iter().filter(|_| limits == ReactiveLimits::Ignore)
            {
                let beyond = along(&state, &direction, nose.lambda + 0.01);
                let none = match solver.solve(&beyond, Some(start), &plain) {
                    Err(_) => true,
                    Ok(solution) => solution.unmet_pu() > 1e-6,
                };
                assert!(none, "{name} {slack:?} {limits:?}: a solution beyond {}", nose.lambda);
            }
            for (bus, status) in nose.solution.status.iter() {
                assert_eq!(*status == BusStatus::Live, nose.solution.vm_pu(bus).is_some());
            }
            if let NoseCause::LimitInduced(Limit::Reactive(bus, side)) = nose.cause {
                assert!(nose.solution.at_limit.contains(&(bus, side)), "{name}");
            }
        }
    }
}

#[test]
fn a_direction_of_nothing_is_refused() {
    let network = read("case14");
    let state = network.initial_state();
    let mut direction = Direction::uniform(&state);
    direction.demand_p_pu.as_mut_slice().fill(0.0);
    direction.demand_q_pu.as_mut_slice().fill(0.0);
    direction.unit_p_pu.as_mut_slice().fill(0.0);
    let failure =
        Solver::new(&network).nose(&state, &direction, &NoseConfig::default()).expect_err("no nose");
    assert_eq!(failure, NoseFailure::NoDirection);
}
