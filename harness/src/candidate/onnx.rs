//! A candidate that is a model file in the ONNX format, run in this process by `rten` on one thread.
//!
//! Whatever the batch, the answer of a row must depend on that row alone, to the last bit. Models are tried for that
//! when they are opened ([`Law`]); one that fails the trial is run row by row.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use powerflow::{Diagnostic, Diagnostics};
use reports::CandidateRecord;
use rten::{DataType, Dimension, Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueType};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use super::io_map::{IoMap, ModelOutput, ModelTensor};
use super::manifest::Manifest;
use super::{Candidate, Cause, Decisions, Failure, Source};
use crate::observation::{Observations, Observed};
use scenarios::nearest::nearest;

/// Rows of the largest batch of the trial: a cohort.
const TRIAL_ROWS: usize = 256;
/// Runs that were abandoned, each with its thread, after which the model is not run again.
const ABANDONED_MAX: u32 = 3;

/// Makes instances of a model; all share its weights.
#[derive(Debug)]
pub struct OnnxSource {
    shared: Arc<Shared>,
    record: CandidateRecord,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    model: Model,
    io: IoMap,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
    /// The batch that the model declares, where it is a number.
    fixed_batch: Option<usize>,
    law: Law,
    batch_max: usize,
    timeout: Option<Duration>,
}

/// Whether rows may share a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Law {
    /// Order and number of the other rows never changed a bit of a row's answer.
    Whole,
    /// They did, or the model takes one row at a time.
    RowByRow,
}

impl OnnxSource {
    /// Loads a model, compares what it declares with the io map, and tries whether its rows are independent.
    ///
    /// # Errors
    /// `candidate.onnx.load`, `candidate.onnx.input`, `candidate.onnx.output`, `candidate.onnx.shape` (with both
    /// shapes), `candidate.onnx.type`, `candidate.onnx.stateful`, `candidate.onnx.run`.
    pub fn open(manifest: &Manifest, path: &Path, io: IoMap) -> Result<Self, Diagnostics> {
        let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let error =
            |code: &'static str, message: String| Diagnostic::error(code, message).at(&manifest.file, None);
        let model = Model::load_file(path)
            .map_err(|e| error("candidate.onnx.load", format!("cannot load the model {file}: {e}")))?;
        let mut complaints = Diagnostics::default();
        if manifest.stateful {
            complaints.push(
                error("candidate.onnx.stateful", "a stateful ONNX model is not in this version".to_owned())
                    .hint("a model without memory is stateful = false; one with memory can be a process"),
            );
        }
        if io.inputs().is_empty() {
            complaints.push(
                error("candidate.onnx.input", format!("the io map fills no input of {file}"))
                    .hint("add at least one `obs.` quantity"),
            );
        }
        let (inputs, fixed_batch) = declared_inputs(&model, &file, &io, &error, &mut complaints);
        let outputs = declared_outputs(&model, &file, &io, &error, &mut complaints);
        let mut shared = complaints.into_result(Shared {
            model,
            io,
            inputs,
            outputs,
            fixed_batch,
            law: Law::RowByRow,
            batch_max: manifest.batch_max,
            timeout: manifest.limits.timeout_ms.map(Duration::from_millis),
        })?;
        check_answer(&mut shared, &file, &error)?;
        let (law, notes) = try_law(&shared, &file);
        shared.law = law;
        Ok(Self { shared: Arc::new(shared), record: manifest.record(), notes })
    }
}

impl Source for OnnxSource {
    fn record(&self) -> CandidateRecord {
        self.record.clone()
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        Ok(Box::new(OnnxCandidate { shared: self.shared.clone(), engine: None, abandoned: 0 }))
    }

    fn batched(&self) -> bool {
        true
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// Finds the model's inputs, and the batch where it is fixed. Every input of the model must be filled, in its shape.
fn declared_inputs(
    model: &Model,
    file: &str,
    io: &IoMap,
    error: &impl Fn(&'static str, String) -> Diagnostic,
    complaints: &mut Diagnostics,
) -> (Vec<NodeId>, Option<usize>) {
    let name_of = |id: &NodeId| model.node_info(*id).and_then(|info| info.name()).unwrap_or("").to_owned();
    let names: Vec<String> = model.input_ids().iter().map(name_of).collect();
    let mut found = Vec::new();
    let mut batch: Option<usize> = None;
    for tensor in io.inputs() {
        let Some(at) = names.iter().position(|name| *name == tensor.name) else {
            complaints.push(
                error("candidate.onnx.input", format!("{file} has no input `{}`", tensor.name)).hint(known(
                    "inputs",
                    &tensor.name,
                    &names,
                )),
            );
            continue;
        };
        let id = model.input_ids()[at];
        found.push(id);
        let Some(info) = model.node_info(id) else { continue };
        if let Some(dtype) = info.dtype().filter(|dtype| *dtype != ValueType::Tensor(DataType::Float)) {
            complaints.push(
                error("candidate.onnx.type", format!("input `{}` of {file} takes {dtype:?}", tensor.name))
                    .hint("inputs are float32: put a Cast behind them when exporting the model"),
            );
        }
        let Some(shape) = info.shape() else { continue };
        let inner = &tensor.shape(0)[1..];
        let fits = shape.len() == inner.len() + 1
            && shape[1..].iter().zip(inner).all(|(declared, given)| match declared {
                Dimension::Fixed(n) => n == given,
                Dimension::Symbolic(_) => true,
            });
        if !fits {
            complaints.push(
                error(
                    "candidate.onnx.shape",
                    format!(
                        "input `{}` of {file} is {}, the io map fills {}",
                        tensor.name,
                        shape_text(&shape),
                        tensor.shape_text()
                    ),
                )
                .hint(
                    "compare the slices, columns and rows of the io map with the grid that the model was trained on",
                ),
            );
            continue;
        }
        if let Dimension::Fixed(n) = shape[0] {
            if n == 0 || batch.is_some_and(|other| other != n) {
                let message = format!("the inputs of {file} declare different batches, or an empty one");
                complaints.push(error("candidate.onnx.shape", message));
            }
            batch = Some(n.max(1));
        }
    }
    for name in names.iter().filter(|name| io.inputs().iter().all(|tensor| tensor.name != **name)) {
        complaints.push(
            error(
                "candidate.onnx.input",
                format!("nothing in the io map fills the input `{name}` of {file}"),
            )
            .hint("every input of the model must be made of observed quantities"),
        );
    }
    (found, batch)
}

fn declared_outputs(
    model: &Model,
    file: &str,
    io: &IoMap,
    error: &impl Fn(&'static str, String) -> Diagnostic,
    complaints: &mut Diagnostics,
) -> Vec<NodeId> {
    let name_of = |id: &NodeId| model.node_info(*id).and_then(|info| info.name()).unwrap_or("").to_owned();
    let names: Vec<String> = model.output_ids().iter().map(name_of).collect();
    let mut found = Vec::new();
    for tensor in io.outputs() {
        match names.iter().position(|name| *name == tensor.name) {
            Some(at) => found.push(model.output_ids()[at]),
            None => complaints.push(
                error("candidate.onnx.output", format!("{file} has no output `{}`", tensor.name))
                    .hint(known("outputs", &tensor.name, &names)),
            ),
        }
    }
    found
}

fn known(what: &str, word: &str, names: &[String]) -> String {
    match nearest(word, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("its {what} are {}", names.join(", ")),
    }
}

fn shape_text(shape: &[Dimension]) -> String {
    let parts: Vec<String> = shape
        .iter()
        .map(|dimension| match dimension {
            Dimension::Fixed(n) => n.to_string(),
            Dimension::Symbolic(name) => name.clone(),
        })
        .collect();
    format!("[{}]", parts.join(", "))
}

/// Runs the model once on zeros: outputs of another shape than the manifest means are an error before the first
/// episode, and outputs wider than what is read are taken as they are.
fn check_answer(
    shared: &mut Shared,
    file: &str,
    error: &impl Fn(&'static str, String) -> Diagnostic,
) -> Result<(), Diagnostics> {
    let batch = shared.fixed_batch.unwrap_or(1);
    let zeros = shared.io.inputs().iter().map(|t| vec![0.0; batch * t.row_len()]).collect();
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    let answer = shared.run(&pool, batch, zeros).map_err(|failure| {
        error("candidate.onnx.run", format!("{file} does not run on zeros: {}", failure.message))
    })?;
    let mut complaints = Diagnostics::default();
    for (at, output) in answer.iter().enumerate() {
        let tensor: ModelTensor = shared.io.outputs()[at].clone();
        let expected = tensor.shape(batch);
        let last = output.shape.last().copied().unwrap_or(0);
        let inner = expected.len() - 1;
        if output.shape.len() == expected.len()
            && output.shape[..inner] == expected[..inner]
            && (last == tensor.width || tensor.open_ended && last > tensor.width)
        {
            shared.io.widen(at, last);
        } else {
            complaints.push(
                error(
                    "candidate.onnx.shape",
                    format!(
                        "output `{}` of {file} has the shape {:?} for a batch of {batch}, the io map reads {}",
                        tensor.name,
                        output.shape,
                        tensor.shape_text()
                    ),
                )
                .hint("choose the elements that the model controls with `rows`, or its columns with `slice`"),
            );
        }
    }
    complaints.into_result(())
}

impl Shared {
    /// One run of the model. Call it inside `pool`.
    fn run(
        &self,
        pool: &Arc<ThreadPool>,
        batch: usize,
        inputs: Vec<Vec<f32>>,
    ) -> Result<Vec<ModelOutput>, Failure> {
        let exception = |message: String| Failure { cause: Cause::Exception, message };
        let mut values: Vec<(NodeId, ValueOrView<'_>)> = Vec::with_capacity(inputs.len());
        for ((id, tensor), data) in self.inputs.iter().zip(self.io.inputs()).zip(inputs) {
            values.push((*id, Value::from(Tensor::from_data(&tensor.shape(batch), data)).into()));
        }
        let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
        let ran = catch_unwind(AssertUnwindSafe(|| self.model.run(values, &self.outputs, Some(options))));
        let answer = match ran {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(exception(format!("the model does not run: {error}"))),
            Err(_) => return Err(exception("the model's engine panicked".to_owned())),
        };
        let mut outputs = Vec::with_capacity(answer.len());
        for (value, tensor) in answer.iter().zip(self.io.outputs()) {
            outputs.push(match value {
                Value::FloatTensor(t) => {
                    ModelOutput { shape: t.shape().to_vec(), data: t.iter().map(|v| f64::from(*v)).collect() }
                }
                Value::Int32Tensor(t) => {
                    ModelOutput { shape: t.shape().to_vec(), data: t.iter().map(|v| f64::from(*v)).collect() }
                }
                _ => {
                    let message = format!("output `{}` is neither float32 nor an integer", tensor.name);
                    return Err(Failure { cause: Cause::Shape, message });
                }
            });
        }
        Ok(outputs)
    }

    /// Rows of the batch that the model is run on when `rows` of them matter. A single row is doubled where it can be:
    /// engines multiply one row by another method, with other rounding, than several.
    fn padded(&self, rows: usize) -> usize {
        match (self.fixed_batch, self.law) {
            (Some(batch), _) => batch,
            (None, Law::Whole) => rows.max(2),
            (None, Law::RowByRow) => rows,
        }
    }

    /// Most rows that share a batch.
    fn at_once(&self) -> usize {
        match (self.law, self.fixed_batch) {
            (Law::RowByRow, _) => 1,
            (Law::Whole, Some(batch)) => batch,
            (Law::Whole, None) => self.batch_max,
        }
    }
}

/// A thread on which a model runs.
///
/// Not the caller's: that may be a worker of a rayon pool, which would pick up another episode while it waits for
/// `rten`'s pool and come back to this one much later, deep in its own stack. It waits on a channel instead, so that of
/// the two threads one sleeps. (`rten` also makes a pool of its own at its first run; nothing is ever sent there.)
#[derive(Debug)]
struct Engine {
    requests: SyncSender<(usize, Vec<Vec<f32>>)>,
    replies: Receiver<Result<Vec<ModelOutput>, Failure>>,
}

impl Engine {
    fn start(shared: Arc<Shared>) -> Result<Engine, Failure> {
        let (requests, todo) = sync_channel::<(usize, Vec<Vec<f32>>)>(1);
        let (done, replies) = sync_channel(1);
        let serve = move || {
            let pool = Arc::new(ThreadPool::with_num_threads(1));
            // Inside its pool, a run needs no further change of thread.
            pool.run(|| {
                for (batch, inputs) in todo {
                    if done.send(shared.run(&pool, batch, inputs)).is_err() {
                        break;
                    }
                }
            });
        };
        std::thread::Builder::new().name("onnx".to_owned()).spawn(serve).map_err(|e| Failure {
            cause: Cause::Crash,
            message: format!("no thread for the model could be started: {e}"),
        })?;
        Ok(Engine { requests, replies })
    }
}

struct OnnxCandidate {
    shared: Arc<Shared>,
    engine: Option<Engine>,
    abandoned: u32,
}

impl OnnxCandidate {
    /// Runs the model on the rows `chosen` of what was encoded; the answer has `chosen.len()` rows.
    fn run(&mut self, chosen: &[usize], inputs: &[Vec<f32>]) -> Result<Vec<ModelOutput>, Failure> {
        let shared = self.shared.clone();
        let batch = shared.padded(chosen.len());
        // Padding repeats a row that is there: zeros could be what a model fails on.
        let last = chosen.last().copied().unwrap_or(0);
        let rows = || chosen.iter().copied().chain(std::iter::repeat(last)).take(batch);
        let gather = |(tensor, data): (&ModelTensor, &Vec<f32>)| {
            let n = tensor.row_len();
            rows().flat_map(|row| &data[row * n..(row + 1) * n]).copied().collect::<Vec<f32>>()
        };
        let request: Vec<Vec<f32>> = shared.io.inputs().iter().zip(inputs).map(gather).collect();
        let mut outputs = self.call(batch, request, chosen.len())?;
        for (output, tensor) in outputs.iter_mut().zip(shared.io.outputs()) {
            // An output that has not the batch in front is left as it is, for the shape check to refuse.
            if output.shape.first() == Some(&batch) && output.data.len() == batch * tensor.row_len() {
                output.shape[0] = chosen.len();
                output.data.truncate(chosen.len() * tensor.row_len());
            }
        }
        Ok(outputs)
    }

    fn call(
        &mut self,
        batch: usize,
        request: Vec<Vec<f32>>,
        decisions: usize,
    ) -> Result<Vec<ModelOutput>, Failure> {
        if self.abandoned >= ABANDONED_MAX {
            let message = format!("not run again: it was out of time {ABANDONED_MAX} times");
            return Err(Failure { cause: Cause::Timeout, message });
        }
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => Engine::start(self.shared.clone())?,
        };
        let gone = || Failure { cause: Cause::Crash, message: "the model's thread ended".to_owned() };
        engine.requests.send((batch, request)).map_err(|_| gone())?;
        let patience = self
            .shared
            .timeout
            .map(|timeout| timeout.saturating_mul(u32::try_from(decisions.max(1)).unwrap_or(u32::MAX)));
        let answer = match patience {
            None => engine.replies.recv().map_err(|_| gone())?,
            Some(patience) => match engine.replies.recv_timeout(patience) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) => {
                    self.abandoned += 1;
                    let message = format!("no answer within {} ms", patience.as_millis());
                    return Err(Failure { cause: Cause::Timeout, message });
                }
            },
        };
        self.engine = Some(engine);
        answer
    }
}

impl Candidate for OnnxCandidate {
    fn reset(&mut self, _seeds: &[u64]) {}

    fn looks_at(&self) -> &[Observed] {
        self.shared.io.looks_at()
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        let shared = self.shared.clone();
        let mut decisions = shared.io.blank(seen.rows);
        let all: Vec<usize> = (0..seen.rows).collect();
        let encoded = shared.io.encode(seen, &all);
        decisions.failed.clone_from(&encoded.failed);
        // Rows that have ended stay in a shared batch, to keep its shape; alone they are not worth a run.
        let wanted: Vec<usize> = all
            .into_iter()
            .filter(|row| shared.law == Law::Whole || seen.alive.get(*row) == Some(&true))
            .collect();
        for rows in wanted.chunks(shared.at_once().max(1)) {
            match self.run(rows, &encoded.inputs) {
                Ok(outputs) => shared.io.decode(rows, &outputs, &mut decisions),
                Err(failure) if rows.len() > 1 && failure.cause == Cause::Exception => {
                    // One row can break the run of all (an index that its values led to): find out which.
                    for row in rows {
                        match self.run(&[*row], &encoded.inputs) {
                            Ok(outputs) => shared.io.decode(&[*row], &outputs, &mut decisions),
                            Err(failure) => decisions.failed[*row] = Some(failure),
                        }
                    }
                }
                Err(failure) => rows.iter().for_each(|row| decisions.failed[*row] = Some(failure.clone())),
            }
        }
        decisions
    }
}

/// Tries with three pseudo-random batches whether a row's answer keeps its bits when the batch is reversed, cut into
/// pairs and padded with other rows.
fn try_law(shared: &Shared, file: &str) -> (Law, Vec<String>) {
    let note = |why: String| (Law::RowByRow, vec![format!("{file} is run row by row: {why}")]);
    let largest = shared.fixed_batch.unwrap_or(shared.batch_max.min(TRIAL_ROWS));
    if largest < 2 {
        return (Law::RowByRow, Vec::new());
    }
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    let mut random = Sequence(0x6772_6964_6761_7465);
    for amplitude in [1.0, 10.0, 0.1] {
        let inputs: Vec<Vec<f32>> = shared
            .io
            .inputs()
            .iter()
            .map(|t| (0..largest * t.row_len()).map(|_| amplitude * random.next()).collect())
            .collect();
        let run = |rows: &[usize]| -> Result<Vec<Vec<u64>>, Failure> {
            let gather = |(tensor, data): (&ModelTensor, &Vec<f32>)| {
                let n = tensor.row_len();
                rows.iter().flat_map(|row| &data[row * n..(row + 1) * n]).copied().collect()
            };
            let batch = shared.io.inputs().iter().zip(&inputs).map(gather).collect();
            let outputs = pool.run(|| shared.run(&pool, rows.len(), batch))?;
            let mut bits = vec![Vec::new(); rows.len()];
            for (output, tensor) in outputs.iter().zip(shared.io.outputs()) {
                if output.shape != tensor.shape(rows.len()) {
                    let message = format!("output `{}` becomes {:?}", tensor.name, output.shape);
                    return Err(Failure { cause: Cause::Shape, message });
                }
                for (row, values) in bits.iter_mut().zip(output.data.chunks(tensor.row_len().max(1))) {
                    row.extend(values.iter().map(|v| v.to_bits()));
                }
            }
            Ok(bits)
        };
        let all: Vec<usize> = (0..largest).collect();
        let reversed: Vec<usize> = all.iter().rev().copied().collect();
        let mut trials = vec![reversed];
        match shared.fixed_batch {
            // The same row beside others, and beside itself.
            Some(batch) => trials.extend([vec![0; batch], vec![batch - 1; batch]]),
            None => {
                trials.extend(all.chunks_exact(2).take(8).map(<[usize]>::to_vec));
                trials.extend([3, 7, 31, 100].iter().filter(|n| **n <= largest).map(|n| all[..*n].to_vec()));
            }
        }
        let reference = match run(&all) {
            Ok(reference) => reference,
            Err(failure) => return note(format!("in a batch of {largest}, {}", failure.message)),
        };
        for rows in trials {
            match run(&rows) {
                Err(failure) => return note(format!("in a batch of {}, {}", rows.len(), failure.message)),
                Ok(bits) => {
                    if rows.iter().zip(&bits).any(|(row, bits)| *bits != reference[*row]) {
                        return note("the answer of a row changes with the rows beside it".to_owned());
                    }
                }
            }
        }
    }
    (Law::Whole, Vec::new())
}

/// Numbers between -1 and 1 for the trial: SplitMix64 (Steele, Lea, Flood 2014).
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // 24 bits are what an f32 holds.
        (z >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}
