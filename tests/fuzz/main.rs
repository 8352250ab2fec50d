//! Absurd inputs for as long as one likes, and what must hold of every answer.
//!
//! `fuzz reading`: real files of every format, damaged, read, checked, built and solved. `fuzz solving`: random networks
//! with absurd values, solved in every way there is. A case is a function of the seed and its number. What fails is written
//! to a folder of its own kind: message, input, and for the first of a kind a smaller input that fails alike.
//!
//! ```text
//! cargo run --release -p gridgate-tests --bin fuzz -- reading --seconds 1800
//! cargo run --release -p gridgate-tests --bin fuzz -- solving --seed 7 --first 1234 --cases 1
//! ```
//!
//! The cases run in a child process, so that a stack overflow, an endless loop or a lack of memory costs one case and not
//! the run. Exit code 0: nothing failed; 1: something did; 2: wrong usage.

mod absurd;
mod claim;
mod corpus;
mod finding;
mod mutation;
mod reading;
mod shrink;
mod solving;
mod worker;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) target: Target,
    /// Seconds to run; cases are counted instead where there is none.
    pub(crate) seconds: Option<u64>,
    pub(crate) cases: Option<u64>,
    pub(crate) seed: u64,
    /// Number of the first case.
    pub(crate) first: u64,
    /// Folder of findings.
    pub(crate) out: PathBuf,
}

/// Who is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Reading,
    Solving,
}

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Target::Reading => "reading",
            Target::Solving => "solving",
        }
    }
}

const USAGE: &str =
    "usage: fuzz reading|solving [--seconds N | --cases N] [--seed N] [--first N] [--out FOLDER]";

/// Deaths of the child after which a run gives up.
const DEATHS_MAX: usize = 200;

impl Order {
    fn parse(arguments: &mut dyn Iterator<Item = String>) -> Result<Self, String> {
        let target = match arguments.next().as_deref() {
            Some("reading") => Target::Reading,
            Some("solving") => Target::Solving,
            _ => return Err(USAGE.into()),
        };
        let mut order =
            Order { target, seconds: None, cases: None, seed: 20_261_121, first: 0, out: PathBuf::new() };
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            let number = || value.parse::<u64>().map_err(|e| format!("{flag} {value}: {e}"));
            match flag.as_str() {
                "--seconds" => order.seconds = Some(number()?),
                "--cases" => order.cases = Some(number()?),
                "--seed" => order.seed = number()?,
                "--first" => order.first = number()?,
                "--out" => order.out = value.into(),
                _ => return Err(USAGE.into()),
            }
        }
        if order.seconds.is_none() && order.cases.is_none() {
            order.seconds = Some(60);
        }
        if order.out.as_os_str().is_empty() {
            order.out = std::env::temp_dir().join(format!("gridgate-fuzz-{}-{}", target.name(), order.seed));
        }
        Ok(order)
    }

    /// The same for a child that begins at a later case, with what is left of the time.
    fn arguments(&self, first: u64, left: Option<u64>) -> Vec<String> {
        let mut arguments = vec!["worker".to_owned(), self.target.name().to_owned()];
        let mut flag = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        flag("--seed", self.seed.to_string());
        flag("--first", first.to_string());
        flag("--out", self.out.display().to_string());
        if let Some(seconds) = left {
            flag("--seconds", seconds.to_string());
        }
        if let Some(cases) = self.cases {
            flag("--cases", (self.first + cases).saturating_sub(first).to_string());
        }
        arguments
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let child = arguments.next_if(|word| word == "worker").is_some();
    let outcome = Order::parse(&mut arguments).and_then(|order| {
        if child { worker::work(&order).map(|()| 0) } else { supervise(&order) }.map_err(|e| e.to_string())
    });
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// Starts children until the time or the cases are used up, and sums up.
fn supervise(order: &Order) -> std::io::Result<u8> {
    if order.out.exists() {
        std::fs::remove_dir_all(&order.out)?;
    }
    std::fs::create_dir_all(&order.out)?;
    println!("{}: seed {}, findings in {}", order.target.name(), order.seed, order.out.display());
    let began = Instant::now();
    let mut first = order.first;
    for _ in 0..DEATHS_MAX {
        let left = order.seconds.map(|seconds| seconds.saturating_sub(began.elapsed().as_secs()));
        let all = order.cases.is_some_and(|cases| first >= order.first + cases);
        if left == Some(0) || all {
            break;
        }
        let status = Command::new(std::env::current_exe()?).args(order.arguments(first, left)).status()?;
        if status.success() {
            break;
        }
        let number = worker::present(&order.out).unwrap_or(first);
        finding::died(order, number, &status.to_string())?;
        first = number + 1;
    }
    sum_up(order, began.elapsed())
}

/// Prints what ran and what was found.
fn sum_up(order: &Order, elapsed: Duration) -> std::io::Result<u8> {
    let tally = worker::tally(&order.out)?;
    let cases: u64 = tally.values().sum();
    println!("{}: {cases} cases in {:.0} s", order.target.name(), elapsed.as_secs_f64());
    for (what, count) in &tally {
        println!("  {count:>9}  {what}");
    }
    let mut failed = 0;
    for (kind, count) in finding::kinds(&order.out)? {
        println!("  found {count:>5} times: {kind}");
        failed += u64::from(!finding::is_note(&kind));
    }
    if failed == 0 {
        println!("  no failure");
    }
    Ok(u8::from(failed > 0))
}

/// The folder of the input that is being worked on.
pub(crate) fn now(out: &Path) -> PathBuf {
    out.join("now")
}
