//! Islands of the system-frequency-response model, 30 s each: alone, with fast frequency response, with load shedding, and sampled; and one
//! island of fifty units.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::frequency::{
    FastResponse, IslandFrequency, IslandModel, Reheat, ReheatIsland, SheddingPlan, Source, UnitModel,
    simulate,
};

const ISLANDS: usize = 1000;
const HORIZON_S: f64 = 30.0;

fn islands(loss_pu: f64, response: Option<FastResponse>) -> Vec<ReheatIsland> {
    let share = |i: usize| i as f64 / ISLANDS as f64;
    (0..ISLANDS)
        .map(|i| ReheatIsland {
            nominal_hz: 60.0,
            inertia_s: 2.0 + 6.0 * share(i),
            damping_pu: 1.0,
            turbine: Reheat {
                droop_pu: 0.05,
                high_pressure_share: 0.2 + 0.1 * share(i * 7 % ISLANDS),
                reheat_s: 8.0,
                gain_pu: 0.95,
            },
            power_step_pu: -loss_pu * (0.5 + 0.5 * share(i * 13 % ISLANDS)),
            response,
        })
        .collect()
}

fn frequency(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frequency");
    group.throughput(Throughput::Elements(ISLANDS as u64));
    let battery = FastResponse::step(0.05, 59.85, 0.25);
    let plan = SheddingPlan::named("npcc");
    for (name, loss_pu, response, plan, sample_s) in [
        ("reheat", 0.1, None, None, None),
        ("reheat/response", 0.1, Some(battery), None, None),
        ("reheat/response/shedding", 0.4, Some(battery), plan.as_ref(), None),
        ("reheat/response/shedding/sampled", 0.4, Some(battery), plan.as_ref(), Some(0.02)),
    ] {
        let islands = islands(loss_pu, response);
        group.bench_function(name, |bench| {
            bench.iter(|| simulate(&islands, plan, HORIZON_S, sample_s).map(|(all, _)| all.len()));
        });
    }
    let units: Vec<UnitModel> = (0..50).map(|_| UnitModel::steam(0.02, 0.016)).collect();
    let model = IslandModel {
        shedding: SheddingPlan::named("npcc"),
        ..IslandModel::new(60.0, 0.8, Source::Units(units))
    };
    group.throughput(Throughput::Elements(1));
    group.bench_function("units/50", |bench| {
        bench.iter(|| {
            let mut island = IslandFrequency::new(&model).expect("a sound island");
            island.step_power(-0.2);
            std::iter::from_fn(|| island.advance(HORIZON_S)).count()
        });
    });
    group.finish();
}

criterion_group!(benches, frequency);
criterion_main!(benches);
