//! A candidate in any language: a child process, one JSON object a line on its standard input and output.
//!
//! First the child writes `{"hello":"gridgate/1","task":"volt_var","stateful":false}`. Then it answers, in order,
//! `{"id":n,"op":"reset"|"infer"|"close","seed":u64,"inputs":{name:{"shape":[..],"dtype":"f32","data":[..]}}}` with
//! `{"id":n,"outputs":{name:{"shape":[..],"data":[..]}}}` or `{"id":n,"error":{"kind":"..","message":".."}}`; to a
//! reset or a close `{"id":n}` is enough. One request is one row: every shape begins with 1. The row's seed comes with
//! its reset and again with each of its decisions.
//!
//! A child whose hello says `"slots":true` is asked for many episodes at once: `reset` carries `slots` and `seeds`,
//! `infer` carries `slots` and one row of inputs for each of them, and wants one row of outputs for each.
//!
//! Arguments that exist as files in the candidate's directory are made absolute, since the child runs in an empty
//! directory of its own. Its network is not cut off: that takes the means of the operating system.

mod message;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use powerflow::{Diagnostic, Diagnostics};
use reports::CandidateRecord;

use super::io_map::{Encoded, IoMap, ModelOutput};
use super::manifest::Manifest;
use super::{Candidate, Cause, Decisions, Failure, Source};
use crate::observation::{Observations, Observed};
use message::{Hello, Input, Op, PROTOCOL, Request, read_reply};
use worker::{Launch, Worker};

/// How long the child may take to say hello.
const START_UP: Duration = Duration::from_secs(10);
/// How long it may take to decide, where the manifest says nothing.
const TIMEOUT_MS: u64 = 1000;
/// Starts without a single decision after which it is not started again.
const FRUITLESS_MAX: u32 = 20;

/// Makes child processes of one candidate.
#[derive(Debug)]
pub struct ProcessSource {
    plan: Arc<Plan>,
    record: CandidateRecord,
}

/// What all instances share.
#[derive(Debug)]
struct Plan {
    launch: Launch,
    io: IoMap,
    task: &'static str,
    stateful: bool,
    slots: bool,
    timeout: Duration,
}

impl ProcessSource {
    /// Starts the program once, to see whether it runs and what its hello says.
    ///
    /// # Errors
    /// `candidate.process.start`, `candidate.process.hello`.
    pub fn open(manifest: &Manifest, argv: &[String], io: IoMap) -> Result<Self, Diagnostics> {
        let absolute = |argument: &String| {
            let here = manifest.directory.join(argument);
            if !argument.is_empty() && here.exists() { here.into_os_string() } else { argument.into() }
        };
        let launch = Launch {
            argv: argv.iter().map(absolute).collect(),
            home: manifest.directory.clone(),
            start_up: START_UP,
        };
        let task = manifest.task.id();
        let wrong = |code, failure: Failure| {
            Diagnostic::error(code, format!("the candidate `{}`: {}", manifest.name, failure.message))
                .at(&manifest.file, None)
                .hint(format!("its program is {}", argv.join(" ")))
        };
        let (worker, hello) =
            Worker::start(&launch).map_err(|failure| wrong("candidate.process.start", failure))?;
        check_hello(&hello, task, manifest.stateful)
            .map_err(|failure| wrong("candidate.process.hello", failure))?;
        worker.close(Request::bare(0, Op::Close).line().unwrap_or_default());
        let timeout = Duration::from_millis(manifest.limits.timeout_ms.unwrap_or(TIMEOUT_MS));
        let plan = Plan { launch, io, task, stateful: manifest.stateful, slots: hello.slots, timeout };
        Ok(Self { plan: Arc::new(plan), record: manifest.record() })
    }
}

impl Source for ProcessSource {
    fn record(&self) -> CandidateRecord {
        self.record.clone()
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        let mut candidate = ProcessCandidate::new(self.plan.clone());
        candidate.start().map_err(|failure| Diagnostic::error("candidate.process.start", failure.message))?;
        Ok(Box::new(candidate))
    }

    fn batched(&self) -> bool {
        self.plan.slots || !self.plan.stateful
    }
}

fn check_hello(hello: &Hello, task: &str, stateful: bool) -> Result<(), Failure> {
    let wrong = |message| Err(Failure { cause: Cause::Protocol, message });
    if hello.hello != PROTOCOL {
        return wrong(format!("its hello speaks `{}`, not `{PROTOCOL}`", hello.hello));
    }
    if hello.task != task {
        return wrong(format!("its hello is for the task `{}`, its manifest for `{task}`", hello.task));
    }
    if hello.stateful != stateful {
        return wrong(format!("its hello says stateful = {}, its manifest {stateful}", hello.stateful));
    }
    Ok(())
}

/// One child process, started anew when it dies.
#[derive(Debug)]
struct ProcessCandidate {
    plan: Arc<Plan>,
    worker: Option<Worker>,
    next_id: u64,
    seeds: Vec<u64>,
    /// Starts since its last decision.
    fruitless: u32,
    /// By row: why it is not asked until the next reset. The episode did not begin, or its memory is lost.
    lost: Vec<Option<Failure>>,
}

impl ProcessCandidate {
    fn new(plan: Arc<Plan>) -> Self {
        Self { plan, worker: None, next_id: 1, seeds: Vec::new(), fruitless: 0, lost: Vec::new() }
    }

    /// Makes sure that a child runs. Answers whether it is a new one, which has not seen a reset.
    fn start(&mut self) -> Result<bool, Failure> {
        if self.worker.is_some() {
            return Ok(false);
        }
        if self.fruitless >= FRUITLESS_MAX {
            let message = format!("not started again: it made no decision in {FRUITLESS_MAX} starts");
            return Err(Failure { cause: Cause::Crash, message });
        }
        self.fruitless += 1;
        let (worker, hello) = Worker::start(&self.plan.launch)?;
        check_hello(&hello, self.plan.task, self.plan.stateful)?;
        self.worker = Some(worker);
        Ok(true)
    }

    /// One request and its answer. The outer error means that the child is gone (dead, or killed because it is out of
    /// step); the inner one is the child's own, or an answer without the outputs that it should have.
    fn ask(
        &mut self,
        request: Request<'_>,
        patience: Duration,
    ) -> Result<Result<Option<Vec<ModelOutput>>, Failure>, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let line = Request { id, ..request }.line()?;
        let Some(worker) = self.worker.as_mut() else {
            return Err(Failure { cause: Cause::Crash, message: "it does not run".to_owned() });
        };
        let answer =
            worker.ask(line, patience).and_then(|reply| read_reply(&reply, id, self.plan.io.outputs()));
        if answer.is_err() {
            self.worker = None;
        }
        answer
    }

    /// Tells the running child that episodes begin in these rows.
    fn announce(&mut self, rows: &[usize]) -> Result<(), Failure> {
        let seeds: Vec<u64> = rows.iter().map(|row| self.seeds.get(*row).copied().unwrap_or(0)).collect();
        if self.plan.slots {
            let patience = self.patience(rows.len());
            let request = Request { slots: Some(rows), seeds: Some(seeds), ..Request::bare(0, Op::Reset) };
            return self.ask(request, patience)?.map(drop);
        }
        for seed in seeds {
            let request = Request { seed: Some(seed), ..Request::bare(0, Op::Reset) };
            self.ask(request, self.plan.timeout)?.map(drop)?;
        }
        Ok(())
    }

    /// Begins episodes in these rows, in a new child where there is none.
    fn begin(&mut self, rows: &[usize]) -> Result<(), Failure> {
        self.start()?;
        self.announce(rows)
    }

    /// The time limit is for one decision; a request for several has that many times as long.
    fn patience(&self, decisions: usize) -> Duration {
        self.plan.timeout.saturating_mul(u32::try_from(decisions.max(1)).unwrap_or(u32::MAX))
    }

    /// Asks for the decisions of some rows: `batch[i]` is the place of row `rows[i]` in what was encoded.
    fn infer(
        &mut self,
        rows: &[usize],
        batch: &[usize],
        encoded: &Encoded,
    ) -> Result<Vec<ModelOutput>, Failure> {
        // A death is forgiven once where nothing is lost by it: a stateful child forgets its episode.
        let attempts = if self.plan.stateful { 1 } else { 2 };
        let plan = self.plan.clone();
        let mut data: Vec<Vec<f32>> = Vec::with_capacity(plan.io.inputs().len());
        for (tensor, values) in plan.io.inputs().iter().zip(&encoded.inputs) {
            let n = tensor.row_len();
            data.push(batch.iter().flat_map(|i| &values[i * n..(i + 1) * n]).copied().collect());
        }
        let mut attempt = 1;
        loop {
            let inputs: BTreeMap<&str, Input<'_>> = plan
                .io
                .inputs()
                .iter()
                .zip(&data)
                .map(|(tensor, data)| {
                    (tensor.name.as_str(), Input { shape: tensor.shape(rows.len()), dtype: "f32", data })
                })
                .collect();
            let seed = rows.first().and_then(|row| self.seeds.get(*row)).copied();
            let request = Request {
                seed: seed.filter(|_| !plan.slots),
                slots: plan.slots.then_some(rows),
                inputs: Some(inputs),
                ..Request::bare(0, Op::Infer)
            };
            let patience = self.patience(rows.len());
            let answer = self.start().and_then(|new| {
                if new {
                    self.announce(rows)?;
                }
                self.ask(request, patience)
            });
            match answer {
                Ok(answer) => {
                    self.fruitless = 0;
                    return answer?.ok_or_else(|| Failure {
                        cause: Cause::Protocol,
                        message: "the answer to a decision has no outputs".to_owned(),
                    });
                }
                Err(failure) if failure.cause == Cause::Crash && attempt < attempts => attempt += 1,
                Err(failure) => return Err(failure),
            }
        }
    }
}

impl Candidate for ProcessCandidate {
    fn reset(&mut self, seeds: &[u64]) {
        self.seeds = seeds.to_vec();
        self.lost = vec![None; seeds.len()];
        let one_by_one = !self.plan.slots && !self.plan.stateful;
        if self.plan.slots || one_by_one {
            // A new cohort owes nothing to the ones that this instance happened to live through before.
            self.fruitless = 0;
        }
        let rows: Vec<usize> = (0..seeds.len()).collect();
        for rows in rows.chunks(if one_by_one { 1 } else { rows.len().max(1) }) {
            // Nothing has been seen yet, so after a death the same beginning is tried once more.
            let mut begun = self.begin(rows);
            if matches!(&begun, Err(failure) if failure.cause == Cause::Crash) {
                begun = self.begin(rows);
            }
            if let Err(failure) = begun {
                rows.iter().for_each(|row| self.lost[*row] = Some(failure.clone()));
            }
        }
    }

    fn looks_at(&self) -> &[Observed] {
        self.plan.io.looks_at()
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let mut decisions = self.plan.io.blank(seen.rows);
        let alive: Vec<usize> = (0..seen.rows).filter(|row| seen.alive.get(*row) == Some(&true)).collect();
        let encoded = self.plan.io.encode(seen, &alive);
        self.lost.resize(seen.rows, None);
        let (mut rows, mut batch) = (Vec::new(), Vec::new());
        for (i, row) in alive.iter().enumerate() {
            let failure = self.lost[*row].as_ref().or(encoded.failed[i].as_ref());
            decisions.failed[*row] = failure.cloned();
            if failure.is_none() {
                rows.push(*row);
                batch.push(i);
            }
        }
        let at_once = if self.plan.slots { rows.len().max(1) } else { 1 };
        for (rows, batch) in rows.chunks(at_once).zip(batch.chunks(at_once)) {
            match self.infer(rows, batch, &encoded) {
                Ok(outputs) => self.plan.io.decode(rows, &outputs, &mut decisions),
                Err(failure) => {
                    rows.iter().for_each(|row| decisions.failed[*row] = Some(failure.clone()));
                    if self.plan.stateful && self.worker.is_none() {
                        self.lost.fill(Some(failure));
                    }
                }
            }
        }
        decisions
    }
}

impl Drop for ProcessCandidate {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take()
            && let Ok(line) = Request::bare(self.next_id, Op::Close).line()
        {
            worker.close(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that says nothing is given up after the start-up time, killed, and the limit is told.
    #[cfg(unix)]
    #[test]
    fn a_program_without_a_hello_is_a_time_out() {
        let launch = Launch {
            argv: vec!["sleep".into(), "600".into()],
            home: "/nowhere".into(),
            start_up: Duration::from_millis(50),
        };
        let failure = Worker::start(&launch).unwrap_err();
        assert_eq!((failure.cause, failure.message.as_str()), (Cause::Timeout, "no hello within 50 ms"));
    }

    /// Requests far larger than a pipe holds, to a program that never reads: each is answered for within its time.
    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_read_blocks_nobody() {
        let hello = r#"echo '{"hello":"gridgate/1","task":"volt_var"}'; exec sleep 600"#;
        let launch = Launch {
            argv: vec!["sh".into(), "-c".into(), hello.into()],
            home: "/nowhere".into(),
            start_up: START_UP,
        };
        let (mut worker, _) = Worker::start(&launch).unwrap();
        let mut ask = || worker.ask(vec![b' '; 1 << 20], Duration::from_millis(50)).unwrap_err();
        assert_eq!(ask().cause, Cause::Timeout);
        assert_eq!(ask().cause, Cause::Timeout);
        let third = ask();
        assert_eq!(
            (third.cause, third.message.as_str()),
            (Cause::Protocol, "the program does not read its input")
        );
    }

    #[test]
    fn a_hello_must_agree_with_the_manifest() {
        let hello = |text: &str| serde_json::from_str::<Hello>(text).unwrap();
        let good = hello(r#"{"hello":"gridgate/1","task":"volt_var","stateful":true,"language":"C"}"#);
        assert!(check_hello(&good, "volt_var", true).is_ok());
        assert!(check_hello(&good, "redispatch", true).is_err());
        assert!(check_hello(&good, "volt_var", false).is_err());
        let later = hello(r#"{"hello":"gridgate/2","task":"volt_var","stateful":true}"#);
        assert!(check_hello(&later, "volt_var", true).is_err());
    }
}
