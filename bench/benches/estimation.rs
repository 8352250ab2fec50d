//! State estimation of the 118-bus example with every meter: side by side from a shared gain, alone, and with a gain of its own.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use powerflow::estimation::{Estimator, MeterSet, Sigmas};
use powerflow::{Network, NewtonConfig, Plan, Solver};

/// States estimated in one measurement.
const STATES: usize = 256;

fn estimation(criterion: &mut Criterion) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/volt_var/case118.m");
    let network = Network::build(powerflow::case::read(&file).expect("a case")).expect("a network");
    let base_state = network.initial_state();
    let plan = Plan::new(&network, &base_state.topology);
    let mut solver = Solver::new(&network);
    let config = NewtonConfig::default();
    let base = solver.solve(&base_state, None, &config).expect("a solution");
    let set = MeterSet::all(&network, &Sigmas::default());
    let estimator = Estimator::new(&network, &plan, &base_state, &set, Some(&base)).expect("an estimator");
    // Demand between 80 and 120 % of the base, and an error of one sigma up or down in every reading.
    let sets: Vec<Vec<Option<f64>>> = (0..STATES)
        .map(|row| {
            let mut state = base_state.clone();
            let scale = 0.8 + 0.4 * row as f64 / STATES as f64;
            for demand in [state.demand_p_pu.as_mut_slice(), state.demand_q_pu.as_mut_slice()] {
                demand.iter_mut().for_each(|demand| *demand *= scale);
            }
            let solution = solver.solve(&state, Some(&base), &config).expect("a solution");
            let exact = estimator.readings(&solution).into_iter().zip(&set.meters).enumerate();
            exact
                .map(|(at, (z, meter))| {
                    let sign = if (at * 2_654_435_761 + row * 40_503) & 64 == 0 { 1.0 } else { -1.0 };
                    z.map(|z| z + sign * meter.sigma)
                })
                .collect()
        })
        .collect();
    let sets: Vec<&[Option<f64>]> = sets.iter().map(Vec::as_slice).collect();

    let mut group = criterion.benchmark_group(format!("estimation/{}", network.name));
    group.throughput(Throughput::Elements(STATES as u64));
    group.bench_function("side_by_side", |bench| {
        bench.iter(|| estimator.estimates(&sets).iter().filter(|estimate| estimate.is_ok()).count());
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("alone", |bench| bench.iter(|| estimator.estimate(sets[17]).is_ok()));
    group.bench_function("residual_test", |bench| {
        let estimate = estimator.estimate(sets[17]).expect("an estimate");
        bench.iter(|| estimator.residual_test(&estimate).largest());
    });
    group.bench_function("estimator", |bench| {
        bench.iter(|| Estimator::new(&network, &plan, &base_state, &set, Some(&base)).is_ok());
    });
    group.finish();
}

criterion_group!(benches, estimation);
criterion_main!(benches);
