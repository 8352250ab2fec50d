//! The child: one case after the other, with a guard against panics and a watch on its time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::finding::{self, Finding};
use crate::{Order, Target, now, reading, solving};

/// Processor seconds after which a step of a case hangs. All inputs are small.
const HANG_CPU_S: f64 = 10.0;

/// Seconds on the clock after which it does, however busy the machine is with other things.
const HANG_WALL_S: f64 = 120.0;

/// Exit code of a child whose case hangs.
const HANGS: i32 = 3;

/// Counts what is begun, within a case too: the watch starts anew with each.
static BEGINNINGS: AtomicU64 = AtomicU64::new(0);

/// Where the last panic was raised.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// One kind of input.
pub(crate) trait Feed {
    /// Makes and tries the input with a number, and says what became of it.
    fn attempt(&mut self, number: u64) -> Result<&'static str, Finding>;
    /// The files of the last input.
    fn input(&self) -> Vec<(String, Vec<u8>)>;
    /// A smaller input that `fails` alike, where one is found.
    fn smaller(&mut self, number: u64, kind: &str) -> Option<Vec<(String, Vec<u8>)>>;
}

/// Starts the watch anew: a case is many solves, and each has its time.
pub(crate) fn goes_on() {
    BEGINNINGS.fetch_add(1, Ordering::Relaxed);
}

/// Runs something that may panic; a panic is a finding of its own place.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Finding>) -> Result<T, Finding> {
    goes_on();
    *PANIC.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked("panic")))
}

/// The last panic as a finding.
pub(crate) fn panicked(kind: &str) -> Finding {
    let said = PANIC.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    let said = said.unwrap_or_else(|| "nothing was said".into());
    let place = said.lines().next().unwrap_or_default().to_owned();
    Finding::new(format!("{kind} {place}"), said)
}

/// Seconds that the main thread has been on a processor, where the system says so.
fn cpu_s() -> Option<f64> {
    let line = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds * 1e-9)
}

/// Ends the process when a case hangs.
fn watch() {
    let mut seen = u64::MAX;
    let mut began = (Instant::now(), 0.0);
    loop {
        std::thread::sleep(Duration::from_millis(250));
        let present = BEGINNINGS.load(Ordering::Relaxed);
        if present != seen {
            (seen, began) = (present, (Instant::now(), cpu_s().unwrap_or(0.0)));
            continue;
        }
        let wall = began.0.elapsed().as_secs_f64();
        let busy = cpu_s().map_or(wall, |now| now - began.1);
        if busy > HANG_CPU_S || wall > HANG_WALL_S {
            eprintln!("a case runs for {wall:.0} s, {busy:.0} s of a processor");
            std::process::exit(HANGS);
        }
    }
}

/// Number of the case that a child works on, or worked on when it died.
pub(crate) fn present(out: &Path) -> Option<u64> {
    std::fs::read_to_string(out.join("present")).ok()?.trim().parse().ok()
}

/// What became of cases, over all children.
pub(crate) fn tally(out: &Path) -> std::io::Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(out)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with("tally-") {
            continue;
        }
        for line in std::fs::read_to_string(entry.path())?.lines() {
            if let Some((count, what)) = line.split_once(' ') {
                *all.entry(what.to_owned()).or_insert(0) += count.parse::<u64>().unwrap_or(0);
            }
        }
    }
    Ok(all)
}

/// Works until the time or the cases are used up.
pub(crate) fn work(order: &Order) -> std::io::Result<()> {
    std::fs::create_dir_all(now(&order.out))?;
    std::panic::set_hook(Box::new(|info| {
        let place =
            info.location().map_or_else(String::new, |at| format!("{}:{}", short(at.file()), at.line()));
        let said = info.payload_as_str().unwrap_or("no words");
        *PANIC.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(format!("{place}\n{said}"));
    }));
    std::thread::spawn(watch);
    let mut feed: Box<dyn Feed> = match order.target {
        Target::Reading => Box::new(reading::Reading::new(order)?),
        Target::Solving => Box::new(solving::Solving::new(order)),
    };
    let (began, mut told) = (Instant::now(), Instant::now());
    let mut tally: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut number = order.first;
    let write = |tally: &BTreeMap<&'static str, u64>| {
        let lines: Vec<String> = tally.iter().map(|(what, count)| format!("{count} {what}")).collect();
        std::fs::write(order.out.join(format!("tally-{}", order.first)), lines.join("\n"))
    };
    loop {
        let over = order.seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds);
        if over || order.cases.is_some_and(|cases| number >= order.first + cases) {
            break;
        }
        std::fs::write(order.out.join("present"), number.to_string())?;
        match guarded(|| feed.attempt(number)) {
            Ok(what) => *tally.entry(what).or_insert(0) += 1,
            Err(found) => {
                *tally.entry(if finding::is_note(&found.kind) { "noted" } else { "FAILED" }).or_insert(0) +=
                    1;
                if finding::keep(order, number, &found, &feed.input())? {
                    let line = found.detail.lines().next().unwrap_or_default();
                    println!("case {number}: {}: {line}", found.kind);
                    let smaller =
                        if finding::is_note(&found.kind) { None } else { feed.smaller(number, &found.kind) };
                    if let Some(smaller) = smaller {
                        finding::keep_smaller(order, &found.kind, number, &smaller)?;
                    }
                }
            }
        }
        number += 1;
        if told.elapsed().as_secs() >= 10 {
            told = Instant::now();
            write(&tally)?;
        }
    }
    write(&tally)
}

/// The last parts of a path: where a package lies does not matter.
fn short(path: &str) -> String {
    let parts: Vec<&str> = path.split(['/', '\\']).collect();
    parts[parts.len().saturating_sub(4)..].join("/")
}
