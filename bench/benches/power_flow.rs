//! One power flow of the 118-bus example, warm, while its demand moves by up to 1 %; and one cold one with its plan.

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use powerflow::{Network, NewtonConfig, ReactiveLimits, Slack, Solver};

fn power_flow(criterion: &mut Criterion) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/volt_var/case118.m");
    let case = powerflow::case::read(&file).expect("the example's case");
    let network = Network::build(case).expect("the example's network");
    let textbook = NewtonConfig {
        reactive_limits: ReactiveLimits::Ignore,
        slack: Slack::Single,
        ..NewtonConfig::default()
    };
    for (name, config) in [("default", NewtonConfig::default()), ("textbook", textbook)] {
        let mut solver = Solver::new(&network);
        let mut state = network.initial_state();
        let mut previous = solver.solve(&state, None, &config).ok();
        let mut turn = 0u32;
        criterion.bench_function(&format!("case118/warm/{name}"), |bench| {
            bench.iter(|| {
                turn = (turn + 1) % 17;
                let factor = 1.0 + 0.01 * (f64::from(turn) - 8.0) / 8.0;
                for bus in network.buses.id.indices() {
                    state.demand_p_pu[bus] = network.buses.demand_p_pu[bus] * factor;
                    state.demand_q_pu[bus] = network.buses.demand_q_pu[bus] * factor;
                }
                previous = solver.solve(&state, previous.as_ref(), &config).ok();
                previous.as_ref().map(|s| s.iterations)
            });
        });
    }
    criterion.bench_function("case118/cold/default", |bench| {
        bench.iter(|| powerflow::solve(&network, &NewtonConfig::default()).map(|s| s.iterations));
    });
    criterion.bench_function("case118/read", |bench| {
        bench.iter(|| powerflow::case::read(&file).map(|case| case.buses.len()));
    });
}

criterion_group!(benches, power_flow);
criterion_main!(benches);
