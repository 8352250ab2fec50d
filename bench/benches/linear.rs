//! The linear model: its factor, a block of transfer rows, all single outages, all double outages, the ranking. On the
//! 118-bus example, and on 1354 buses where the shared reference cases are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use powerflow::{Balance, BranchIdx, LinearModel, Network, NewtonConfig, Plan, Slack, Solver, solve_linear};

fn files() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("GRIDGATE_SHARED").map_or(here.join("../../shared"), PathBuf::from);
    let large = shared.join("reference/cases/case1354pegase.m");
    if !large.is_file() {
        eprintln!("no {}: only the example is measured; set GRIDGATE_SHARED", large.display());
    }
    [here.join("../examples/volt_var/case118.m"), large].into_iter().filter(|file| file.is_file()).collect()
}

fn linear(criterion: &mut Criterion) {
    for file in files() {
        let case = powerflow::case::read(&file).expect("a case");
        let network = Network::build(case).expect("a network");
        let state = network.initial_state();
        let plan = Arc::new(Plan::new(&network, &state.topology));
        let config = NewtonConfig { slack: Slack::Single, ..NewtonConfig::default() };
        let model = LinearModel::new(&network, &plan, &state, Slack::Single).expect("a linear model");
        let base = solve_linear(&network, &state, &config).expect("flows").branch_p_pu;
        let outages: Vec<BranchIdx> =
            model.in_service().into_iter().filter(|branch| !model.is_bridge(*branch)).collect();
        let mut group = criterion.benchmark_group(format!("linear/{}", network.name));
        group.bench_function("model", |bench| {
            bench.iter(|| LinearModel::new(&network, &plan, &state, Slack::Single).is_ok());
        });
        group.throughput(Throughput::Elements(64));
        group.bench_function("transfer_rows/64", |bench| {
            bench.iter(|| {
                let mut sum = 0.0;
                let visit = &mut |_, row: &[f64]| sum += row[0];
                model.transfer_rows(&outages[..64], Balance::Reference, visit).expect("no weights");
                sum
            });
        });
        group.throughput(Throughput::Elements(outages.len() as u64));
        group.bench_function("outages", |bench| {
            bench.iter(|| {
                let mut worst: f64 = 0.0;
                model
                    .outages(&base, &outages, &mut |_, outage| {
                        worst = outage.worst.map_or(worst, |w| worst.max(w.loading));
                    })
                    .expect("flows of the grid");
                worst
            });
        });
        let few = &outages[..outages.len().min(200)];
        group.throughput(Throughput::Elements((few.len() * (few.len() - 1) / 2) as u64));
        for (name, limit) in [("pairs/every", None), ("pairs/beyond_limit", Some(2.0))] {
            group.bench_function(name, |bench| {
                bench.iter(|| model.outage_pairs(&base, few, limit, &mut |_| ()).map(|s| s.evaluated));
            });
        }
        let mut solver = Solver::new(&network);
        let solution = solver.solve(&state, None, &NewtonConfig::default()).expect("a solution");
        let flows = solver.flows(&state, &solution);
        group.throughput(Throughput::Elements(outages.len() as u64));
        group.bench_function("rank", |bench| {
            bench.iter(|| model.rank(&flows, &outages, 0.9).map(|candidates| candidates.len()));
        });
        group.finish();
    }
}

criterion_group!(benches, linear);
criterion_main!(benches);
