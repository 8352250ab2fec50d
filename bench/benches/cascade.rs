//! Cascades by engine C on the Polish grid of 2383 buses, where the shared reference data are: the dangerous rows of the published
//! table, and every single outage.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::cascade::separation::{Separation, Settings, read_tables};
use harness::cascade::{Outage, read_outages};

fn cascade(criterion: &mut Criterion) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("GRIDGATE_SHARED").map_or(here, Into::into);
    let folder = shared.join("reference/cascade");
    if !folder.is_dir() {
        eprintln!("no {}: nothing is measured; set GRIDGATE_SHARED", folder.display());
        return;
    }
    let network = read_tables(&folder.join("polish2383")).expect("the tables");
    let outages = read_outages(&network, &folder.join("dcsep_polish2383.csv")).expect("the outages");
    let mut engine = Separation::new(&network, &Settings::default()).expect("reactances");
    let mut group = criterion.benchmark_group("cascade/polish2383");
    group.sample_size(10);
    group.bench_function("engine", |bench| {
        bench.iter(|| Separation::new(&network, &Settings::default()).is_ok())
    });
    group.throughput(Throughput::Elements(outages.len() as u64));
    group.bench_function("published_table", |bench| {
        bench.iter(|| outages.iter().map(|outage| engine.cascade(outage).cascade.trips.len()).sum::<usize>());
    });
    let single: Vec<Outage> = network
        .branches
        .from
        .indices()
        .map(|branch| Outage { branches: vec![branch], ..Outage::default() })
        .collect();
    group.throughput(Throughput::Elements(single.len() as u64));
    group.bench_function("single_outages", |bench| {
        bench.iter(|| single.iter().map(|outage| engine.cascade(outage).cascade.trips.len()).sum::<usize>());
    });
    group.finish();
}

criterion_group!(benches, cascade);
criterion_main!(benches);
