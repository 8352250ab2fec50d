//! Cascades by protection on one thread: rollouts a second of a candidate that asks nothing, and where the time goes, as one JSON line.
//!
//! `cargo run --release -p gridgate-bench --example cascades -- CASE [--count N] [--horizon S] [--seed N] [--repeats N] [--frequency dynamic]`
//!
//! Every rollout begins with two branches out, drawn uniformly, and lasts one step of the horizon (60 s).

use std::path::PathBuf;
use std::sync::Arc;

use harness::Cohort;
use harness::action::Task;
use harness::candidate::Source;
use harness::candidate::do_nothing::DoNothing;
use harness::cascade::Outage;
use harness::cascade::protection::scenario;
use harness::grid::GridRules;
use harness::grid::frequency::Written;
use harness::grid::protection::{Protection, Settings};
use harness::live::{COHORT, LoopConfig, live};
use harness::metric::Looks;
use powerflow::{BranchIdx, Index, Job, Network, NewtonConfig, Rescue, Solver};

/// Next number: splitmix64.
fn draw(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// CPU time of this thread, s (Linux: the scheduler's account; elsewhere wall time).
fn cpu_s() -> f64 {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = account.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    ns.map_or_else(|| START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or("which case file?")?);
    let (mut count, mut seed, mut repeats, mut horizon_s) = (2048usize, 1u64, 3u32, 60.0f64);
    let mut dynamic = false;
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or("a number?")?;
        match flag.as_str() {
            "--count" => count = value.parse()?,
            "--seed" => seed = value.parse()?,
            "--repeats" => repeats = value.parse()?,
            "--frequency" => dynamic = value == "dynamic",
            "--horizon" => horizon_s = value.parse()?,
            _ => return Err(format!("unknown option {flag}").into()),
        }
    }
    let network = Network::build(powerflow::case::read(&file)?)?;
    let newton =
        NewtonConfig { unsolved_islands_die: true, rescue: Rescue::Quick, ..NewtonConfig::default() };
    let settings = Settings::of(network.frequency_hz);
    // Steam units, and condensers where there is no active power: what a suite takes for granted that says no more.
    let frequency = if dynamic {
        Some(Arc::new(
            Written::default().of(&network, Some(&settings), "defaults").map_err(|e| e.to_string())?,
        ))
    } else {
        None
    };
    let rules = |protection| Arc::new(GridRules { protection, ..GridRules::default() });
    let mut protected = rules(Some(Arc::new(Protection::new(&network, settings, &newton))));
    Arc::make_mut(&mut protected).frequency = frequency;
    let config = |rules: &Arc<GridRules>| LoopConfig {
        task: Task::VoltVar,
        step_s: horizon_s,
        steps: 1,
        newton: newton.clone(),
        rules: Arc::clone(rules),
        looks: Looks::default(),
        sensing: None,
    };
    let branches = network.branches.from.len() as u64;
    let outages: Vec<Outage> = (0..count)
        .map(|_| {
            let rows = [draw(&mut seed) % branches, draw(&mut seed) % branches];
            let branches = rows.map(|row| BranchIdx::from_row(row as usize)).to_vec();
            Outage { branches, ..Outage::default() }.in_order()
        })
        .collect();
    let mut solver = Solver::new(&network);
    let mut candidate = DoNothing::new(Task::VoltVar).start()?;
    let mut lived = |config: &LoopConfig| {
        let start = cpu_s();
        let (mut episodes, mut solves) = (Vec::with_capacity(count), 0);
        for (block, outages) in outages.chunks(COHORT).enumerate() {
            let index = (block * COHORT) as u64;
            let drawn = (index..).zip(outages).map(|(index, outage)| (scenario(outage, index), 0)).collect();
            let mut cohort = Cohort::new(&mut solver, config, "do_nothing", drawn, COHORT, false);
            episodes.extend(live(&mut cohort, candidate.as_mut()).into_iter().map(|t| t.episode));
            solves += cohort.envelope().solves;
        }
        (cpu_s() - start, episodes, solves)
    };
    let (with, without) = (config(&protected), config(&rules(None)));
    lived(&with);
    let mut best = f64::INFINITY;
    let mut unprotected_s = f64::INFINITY;
    let mut last = None;
    for _ in 0..repeats {
        let (seconds, episodes, solves) = lived(&with);
        best = best.min(seconds);
        unprotected_s = unprotected_s.min(lived(&without).0);
        last = Some((episodes, solves));
    }
    let (episodes, solves) = last.ok_or("no repeat")?;
    // What the first power flows of all rollouts cost alone: the rest is what devices, doubt and the loop add.
    let base = solver.solve(&network.initial_state(), None, &newton)?;
    let states: Vec<_> = outages
        .iter()
        .map(|outage| {
            let mut state = network.initial_state();
            outage.branches.iter().for_each(|branch| state.branch_on[*branch] = false);
            state
        })
        .collect();
    let jobs: Vec<Job<'_>> = states.iter().map(|state| Job { state, previous: Some(&base) }).collect();
    let start = cpu_s();
    for jobs in jobs.chunks(COHORT) {
        solver.solve_batch(jobs, &newton);
    }
    let first_solves_s = cpu_s() - start;
    let tripped = episodes.iter().filter(|e| !e.trips.is_empty()).count();
    let doubtful = episodes.iter().filter(|e| e.numerically_doubtful).count();
    let trips: usize = episodes.iter().map(|e| e.trips.len()).sum();
    println!(
        "{{\"case\":\"{}\",\"rollouts\":{count},\"rollouts_per_s\":{:.0},\"us_per_rollout\":{:.1},\
         \"us_without_protection\":{:.1},\"us_first_power_flow\":{:.1},\"solves_per_rollout\":{:.3},\
         \"with_trips\":{tripped},\"rows_of_log\":{trips},\"doubtful\":{doubtful}}}",
        network.name,
        count as f64 / best,
        1e6 * best / count as f64,
        1e6 * unprotected_s / count as f64,
        1e6 * first_solves_s / count as f64,
        solves as f64 / count as f64,
    );
    Ok(())
}
