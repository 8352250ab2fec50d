//! `cold FILE ROUNDS`: CPU time of reading a case and of one cold power flow, one JSON object a line.
//!
//! `reader` is the crate powerio-tx alone, `network` the same file to a checked network, `case`, `flat` and `dc` one power
//! flow with its plan from each start (reactive limits off, one slack bus, 1e-8 pu). Alternated; `bench/cold.py` reads it.

use std::hint::black_box;
use std::path::Path;

use powerflow::{Network, NewtonConfig, ReactiveLimits, Slack, Solver, Start};
use powerio_core::Source;

/// Seconds that this thread has been on a processor; the kernel counts nanoseconds.
fn cpu() -> Result<f64, Box<dyn std::error::Error>> {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = line.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(nanoseconds.parse::<f64>()? * 1e-9)
}

/// A line of `/proc/self/status`, MiB.
fn memory_mib(name: &str) -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such line in status")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<f64>()? / 1024.0)
}

/// Does something and says how long it took.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> Result<T, Box<dyn std::error::Error>> {
    let start = cpu()?;
    let done = black_box(work());
    println!("{{\"what\": \"{what}\", \"cpu_s\": {:.9}}}", cpu()? - start);
    Ok(done)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: cold FILE ROUNDS";
    let file = arguments.next().ok_or(usage)?;
    let rounds: usize = arguments.next().ok_or(usage)?.parse()?;
    for _ in 0..rounds {
        let read = timed("reader", || {
            let bytes = std::fs::read(&file)?;
            let source = Source::from_memory(file.clone(), bytes).map_err(std::io::Error::other)?;
            powerio_tx::parse(source).map_err(std::io::Error::other)
        })?;
        drop(read?);
        let network = timed("network", || Network::build(powerflow::case::read(Path::new(&file))?))?;
        let network = network.map_err(|complaints| complaints.to_string())?;
        let state = network.initial_state();
        for (what, start) in [("case", Start::Case), ("dc", Start::Dc), ("flat", Start::Flat)] {
            let config = NewtonConfig {
                start,
                reactive_limits: ReactiveLimits::Ignore,
                slack: Slack::Single,
                ..NewtonConfig::default()
            };
            let answer = timed(what, || Solver::new(&network).solve(&state, None, &config))?;
            let said = match answer {
                Ok(solution) => format!(
                    "\"solved\", \"rung\": \"{:?}\", \"iterations\": {}, \"mismatch_pu\": {:e}",
                    solution.rung, solution.iterations, solution.mismatch_pu
                ),
                Err(divergence) => {
                    format!("\"no_solution\", \"iterations\": {}", divergence.iterations)
                }
            };
            println!("{{\"what\": \"answer {what}\", \"status\": {said}}}");
        }
        println!("{{\"what\": \"memory\", \"peak_mib\": {:.0}}}", memory_mib("VmHWM")?);
    }
    Ok(())
}
