//! Recording how long a candidate takes to decide: a pass of its own, one decision at a time.

use std::collections::BTreeMap;
use std::time::Instant;

use powerflow::{Diagnostic, Diagnostics, Solver};
use reports::{LATENCY_SCHEMA, LatencyFile};

use super::file::{CALLS_MAX, CALLS_MIN, WARM_UP_MIN};
use crate::candidate::{Candidate, Decisions};
use crate::live::live;
use crate::observation::{Observations, Observed};
use crate::run::Prepared;
use crate::run::local::cohort;

/// Times a candidate on what it sees in the suite's own scenarios, without any other delay: `calls` decisions of one row each after
/// [`WARM_UP_MIN`] that are not counted. What is timed is all that the adapter does. The thread is confined to one processor where the
/// system has the program `taskset`, and the file says whether it was.
///
/// # Errors
/// `usage.calls` for a number of calls that no gate would read; `latency.record.failed` where the candidate only fails; where it cannot be
/// started.
pub fn record(prepared: &Prepared, calls: usize) -> Result<LatencyFile, Diagnostics> {
    if !(CALLS_MIN..=CALLS_MAX).contains(&calls) {
        let message = format!("{calls} calls: a record holds from {CALLS_MIN} to {CALLS_MAX}");
        return Err(Diagnostic::error("usage.calls", message).into());
    }
    // Before the thread is confined to one of its processors.
    let machine = machine();
    // Before the candidate is started: a child process is where its parent is.
    let pinned = confine();
    let mut solver = Solver::new(&prepared.network);
    let mut timed = Timed { candidate: prepared.candidate.start()?, samples_ns: Vec::new(), failed: 0 };
    let wanted = calls + WARM_UP_MIN as usize;
    // One episode of each population in turn, and from the first again where the suite has fewer decisions than calls.
    let mut index = 0;
    while timed.samples_ns.len() < wanted {
        let before = timed.samples_ns.len();
        for population in &prepared.populations {
            if timed.samples_ns.len() < wanted {
                let own = index % population.size_max;
                let mut cohort = cohort(prepared, &mut solver, population, "candidate", &[own], 1, false);
                live(&mut cohort, &mut timed);
            }
        }
        index += 1;
        if timed.samples_ns.len() == before && timed.failed >= FRUITLESS_MAX {
            let message = format!("the candidate failed {} times, and made {before} decisions", timed.failed);
            return Err(Diagnostic::error("latency.record.failed", message)
                .hint("`gridgate run` says how it fails")
                .into());
        }
        if timed.samples_ns.len() == before && index >= EMPTY_MAX {
            let message = "the scenarios of this suite leave nothing to decide";
            return Err(Diagnostic::error("latency.record.nothing", message).into());
        }
    }
    let mut samples_ns: Vec<u64> = timed.samples_ns.drain(WARM_UP_MIN as usize..wanted).collect();
    samples_ns.sort_unstable();
    Ok(LatencyFile {
        schema: LATENCY_SCHEMA.into(),
        candidate: prepared.candidate.record(),
        inputs: prepared.inputs(),
        warm_up: WARM_UP_MIN,
        batch: 1,
        failed: timed.failed,
        clock: "monotonic, of the operating system".into(),
        pinned,
        machine,
        samples: LatencyFile::digest(&samples_ns),
        samples_ns,
    })
}

/// Failures in a row without a decision after which a candidate is given up.
const FRUITLESS_MAX: u64 = 100;
/// Rounds without a decision after which a suite is given up.
const EMPTY_MAX: u64 = 1000;

/// A candidate whose decisions are timed.
struct Timed {
    candidate: Box<dyn Candidate>,
    samples_ns: Vec<u64>,
    failed: u64,
}

impl Candidate for Timed {
    fn reset(&mut self, seeds: &[u64]) {
        self.candidate.reset(seeds);
    }

    fn looks_at(&self) -> &[Observed] {
        self.candidate.looks_at()
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let start = Instant::now();
        let decisions = self.candidate.decide_batch(seen);
        let took = start.elapsed();
        if decisions.failed.iter().any(Option::is_some) {
            self.failed += 1;
        } else {
            // No clock ticks faster: what reads as nothing took at most one tick.
            self.samples_ns.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1));
        }
        decisions
    }
}

/// Processors that this thread may run on, as the kernel lists them; `None` where it has no such list.
fn allowed() -> Option<String> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}

/// The only processor of such a list, if it has just one.
fn only(list: &str) -> Option<u32> {
    list.parse().ok()
}

/// The last processor of such a list: the first ones serve interrupts more often.
fn last(list: &str) -> Option<u32> {
    list.rsplit([',', '-']).next()?.parse().ok()
}

/// Confines this thread to one processor, by the system's own program for it; which, if that worked.
fn confine() -> Option<u32> {
    let list = allowed()?;
    if let Some(processor) = only(&list) {
        return Some(processor);
    }
    let thread = std::fs::read_link("/proc/thread-self").ok()?;
    let thread = thread.file_name()?.to_str()?.to_owned();
    let processor = last(&list)?.to_string();
    let quiet = || std::process::Stdio::null();
    std::process::Command::new("taskset")
        .args(["-cp", &processor, &thread])
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .status()
        .ok()?;
    // Not what the program said, but where the kernel has put us.
    only(&allowed()?)
}

/// The machine, in words.
fn machine() -> BTreeMap<String, String> {
    let mut machine = BTreeMap::from([
        ("architecture".to_owned(), std::env::consts::ARCH.to_owned()),
        ("operating system".to_owned(), std::env::consts::OS.to_owned()),
        (
            "processors".to_owned(),
            std::thread::available_parallelism().map_or_else(|_| "unknown".to_owned(), |n| n.to_string()),
        ),
        ("program".to_owned(), format!("gridgate {}", env!("CARGO_PKG_VERSION"))),
        ("build".to_owned(), if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned()),
    ]);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    if let Some((_, model)) = model {
        machine.insert("processor".to_owned(), model.trim().to_owned());
    }
    machine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(["0-3", "2", "0,4-7", "0,2", ""].map(last), [Some(3), Some(2), Some(7), Some(2), None]);
        assert_eq!(["0-3", "2", "0,2", ""].map(only), [None, Some(2), None, None]);
    }
}
