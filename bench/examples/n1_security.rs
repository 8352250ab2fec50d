//! N-1 security of sampled states on one thread: time of each depth, and what the screen missed, as one JSON line.
//!
//! `cargo run --release -p gridgate-bench --example n1_security -- CASE [--states N] [--seed N] [--repeats N] [--ratings F]`
//!
//! `--ratings F` multiplies every rating and every width of a voltage band by F before: with F = 1.5 some states of the
//! 118-bus example are secure. States: demand at 80 to 105 % of the file's, every bus apart by up to 10 %, every other one with a branch out.

use std::path::PathBuf;

use powerflow::security::{Depth, Settled, Watch};
use powerflow::{BranchIdx, Index, Network, NewtonConfig, Solver};

/// Uniform in [0, 1): splitmix64.
fn draw(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// CPU time of this thread, s (Linux: the scheduler's account; elsewhere wall time).
fn cpu_s() -> f64 {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = account.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    ns.map_or_else(|| START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// Median, ms.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(arguments.next().ok_or("which case file?")?);
    let (mut states, mut seed, mut wider, mut repeats) = (200u32, 1u64, 1.0f64, 1u32);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or("a number?")?;
        match flag.as_str() {
            "--states" => states = value.parse()?,
            "--seed" => seed = value.parse()?,
            "--repeats" => repeats = value.parse()?,
            "--ratings" => wider = value.parse()?,
            _ => return Err(format!("unknown option {flag}").into()),
        }
    }
    let mut case = powerflow::case::read(&file)?;
    for branch in &mut case.branches {
        branch.rate_a_mva = branch.rate_a_mva.map(|mva| mva * wider);
        branch.rate_b_mva = branch.rate_b_mva.map(|mva| mva * wider);
    }
    for bus in &mut case.buses {
        let more = 0.5 * (wider - 1.0) * (bus.vm_max_pu - bus.vm_min_pu);
        (bus.vm_min_pu, bus.vm_max_pu) = (bus.vm_min_pu - more, bus.vm_max_pu + more);
    }
    let network = Network::build(case)?;
    let config = NewtonConfig { unsolved_islands_die: true, ..NewtonConfig::default() };
    let mut solver = Solver::new(&network);
    let mut watch = Watch::new(&network);
    let branches = network.branches.from.len();
    let (mut first_ms, mut screened_ms, mut every_ms) = (Vec::new(), Vec::new(), Vec::new());
    let (mut found, mut missed, mut wrong, mut solved, mut insecure) = (0usize, 0usize, 0u32, 0u32, 0u32);
    let (mut confirmed_first, mut confirmed_screened, mut outages) = (0u32, 0u32, 0u32);
    for number in 0..states {
        let mut state = network.initial_state();
        let level = 0.25f64.mul_add(draw(&mut seed), 0.8);
        for bus in network.buses.id.indices() {
            let factor = level * 0.2f64.mul_add(draw(&mut seed) - 0.5, 1.0);
            state.demand_p_pu[bus] *= factor;
            state.demand_q_pu[bus] *= factor;
        }
        if number % 2 == 1 {
            let out = BranchIdx::from_row((draw(&mut seed) * branches as f64) as usize);
            state.branch_on[out] = false;
        }
        let Ok(solution) = solver.solve(&state, None, &config) else { continue };
        let flows = solver.flows(&state, &solution);
        let settled = [Settled { state: &state, solution: &solution, flows: &flows }];
        let mut timed = |depth| {
            let start = cpu_s();
            // The scheduler's account moves in ticks.
            for _ in 1..repeats {
                watch.assess(&mut solver, &settled, depth, &config);
            }
            let answer = watch.assess(&mut solver, &settled, depth, &config).remove(0);
            (answer, (cpu_s() - start) * 1e3 / f64::from(repeats))
        };
        let (first, first_time) = timed(Depth::First);
        let (screened, screened_time) = timed(Depth::Screened);
        let (every, every_time) = timed(Depth::Every);
        first_ms.push(first_time);
        screened_ms.push(screened_time);
        every_ms.push(every_time);
        solved += 1;
        insecure += u32::from(!every.insecure.is_empty());
        found += every.insecure.len();
        for (branch, harm) in &every.insecure {
            if !screened.insecure.iter().any(|(b, _)| b == branch) {
                missed += 1;
                eprintln!("missed in state {number}: {} {harm:?}", network.branch_name(*branch));
            }
        }
        wrong += u32::from(first.insecure.is_empty() != every.insecure.is_empty());
        confirmed_first += first.confirmed;
        confirmed_screened += screened.confirmed;
        outages += every.outages;
    }
    let share = |count: u32| f64::from(count) / f64::from(solved.max(1));
    println!(
        "{{\"case\":\"{}\",\"states\":{solved},\"insecure_states\":{insecure},\"wrong_verdicts\":{wrong},\
         \"insecure_outages\":{found},\"missed_outages\":{missed},\"outages_a_state\":{:.1},\
         \"confirmed_first\":{:.1},\"confirmed_screened\":{:.1},\
         \"first_ms\":{:.3},\"screened_ms\":{:.3},\"every_ms\":{:.3}}}",
        network.name,
        share(outages),
        share(confirmed_first),
        share(confirmed_screened),
        median(&mut first_ms),
        median(&mut screened_ms),
        median(&mut every_ms),
    );
    Ok(())
}
