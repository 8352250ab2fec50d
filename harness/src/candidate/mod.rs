//! Who is judged: the trait, and the list of adapters.

pub mod do_nothing;
pub mod greedy;
pub mod io_map;
pub mod manifest;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod operator;
pub mod process;
pub(crate) mod request;
mod seen_state;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics, Network};
use reports::Handling;

use crate::action::{AskedTensor, Task};
use crate::observation::{Observations, Observed};
use io_map::IoMap;
use manifest::Manifest;
use scenarios::nearest::nearest;

/// Why a candidate gave no usable decision. An episode in which this happens has failed, with this cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Cause.
    pub cause: Cause,
    /// In words: what was returned, by which output, at which element.
    pub message: String,
}

/// Causes of failure, as documents name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The program died or closed its output.
    Crash,
    /// No answer within the time limit.
    Timeout,
    /// A value that is NaN or infinite.
    NotFinite,
    /// An output of another shape or name than the manifest says.
    Shape,
    /// An answer that is not of the protocol.
    Protocol,
    /// It said itself that it failed (exception, error reply).
    Exception,
    /// It said itself that it does not decide in this state.
    Abstained,
}

/// Decisions for one batch.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// What is asked, over all rows.
    pub asked: Vec<AskedTensor>,
    /// One per row: `Some` where this row has no decision (what `asked` holds for it is ignored).
    pub failed: Vec<Option<Failure>>,
    /// One per row: what supervision made of its decision. Empty where nothing stands between the candidate and the grid.
    pub handled: Vec<Handling>,
}

impl Decisions {
    /// Nothing asked, nothing failed.
    pub fn none(rows: usize) -> Self {
        Self { failed: vec![None; rows], ..Self::default() }
    }
}

/// One instance of a candidate: it lives on one thread and sees observations, nothing else.
pub trait Candidate {
    /// New episodes begin in all rows of the next batches; `seeds[row]` is what a stochastic candidate must draw from.
    fn reset(&mut self, seeds: &[u64]);

    /// What it looks at. The loop may leave everything else at zero.
    fn looks_at(&self) -> &[Observed] {
        Observed::LIST
    }

    /// Decides for every row. Must not panic for any observation; rows that are not alive may be answered with anything.
    fn decide_batch(&mut self, seen: &Observations) -> Decisions;
}

/// Makes instances of one candidate, one per worker thread.
pub trait Source: Send + Sync {
    /// Who it is, for the evidence.
    fn record(&self) -> reports::CandidateRecord;

    /// A fresh instance.
    ///
    /// # Errors
    /// Why the candidate cannot be started.
    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics>;

    /// Whether the answers of one row depend only on that row and its own past (a stateless or per-row candidate).
    /// `false` makes the loop run one episode at a time.
    fn batched(&self) -> bool;

    /// The folder whose files are the candidate and make its digest, absolute; `None` where it is no folder.
    fn home(&self) -> Option<PathBuf> {
        None
    }

    /// Whether the digest of its record changes whenever its decisions may. Where it does not, a run never goes on from
    /// what an interrupted one had done: that may have been another candidate of the same name.
    fn known_by_digest(&self) -> bool {
        true
    }

    /// What a reader should know about how it is run, each a sentence; most candidates need none.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A way to run a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Its kind in manifests and documents.
    pub name: &'static str,
    /// What it runs.
    pub summary: &'static str,
}

/// Every adapter of this build.
pub const LIST: &[Adapter] = &[
    Adapter { name: "do_nothing", summary: "asks nothing; needs no manifest" },
    Adapter {
        name: greedy::NAME,
        summary: "tries single actions with the power flow and asks the best; needs no manifest",
    },
    #[cfg(feature = "onnx")]
    Adapter { name: "onnx", summary: "a model file in the ONNX format, run in this process" },
    Adapter {
        name: "operator",
        summary: "the people in the control room, by a model (operator-none, operator-greedy, operator-lp); needs no manifest",
    },
    Adapter { name: "process", summary: "a program in any language, JSON lines on its input and output" },
];

/// Opens a candidate: the path of its manifest, `do_nothing`, `greedy`, or a model of the operator such as `operator-greedy`.
///
/// # Errors
/// All that is wrong with the manifest; `candidate.unknown` where there is neither such a file nor such a name;
/// `candidate.task` where it was made for another task; what the adapter says.
pub fn open(candidate: &str, task: Task, network: &Arc<Network>) -> Result<Box<dyn Source>, Diagnostics> {
    let path = Path::new(candidate);
    if candidate == "do_nothing" {
        return Ok(Box::new(do_nothing::DoNothing::new(task)));
    }
    if candidate == greedy::NAME {
        return Ok(Box::new(greedy::Greedy::new(task, network)));
    }
    if let Some(model) = operator::Model::LIST.iter().find(|model| model.name() == candidate) {
        return Ok(Box::new(operator::Operator::new(*model, task, network, operator::Settings::default())));
    }
    if !path.exists() {
        let message = format!("there is no candidate `{candidate}`");
        return Err(Diagnostic::error("candidate.unknown", message)
            .hint(match nearest(candidate, ["do_nothing", greedy::NAME, "operator-greedy", "operator-lp"]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "name a candidate.toml, or `do_nothing`".to_owned(),
            })
            .into());
    }
    let manifest_file = if path.is_dir() { path.join("candidate.toml") } else { path.to_owned() };
    let manifest = Manifest::read(&manifest_file)?;
    if manifest.task != task {
        let message = format!(
            "the candidate `{}` is for the task `{}`, this suite sets `{}`",
            manifest.name,
            manifest.task.id(),
            task.id()
        );
        return Err(Diagnostic::error("candidate.task", message).at(&manifest.file, None).into());
    }
    let io = IoMap::compile(&manifest, network)?;
    let notes = notes_of(&manifest, &io, network);
    let source: Box<dyn Source> = match &manifest.adapter {
        manifest::Adapter::DoNothing => Box::new(do_nothing::DoNothing::with_record(manifest.record())),
        #[cfg(feature = "onnx")]
        manifest::Adapter::Onnx(path) => Box::new(onnx::OnnxSource::open(&manifest, path, io)?),
        #[cfg(not(feature = "onnx"))]
        manifest::Adapter::Onnx(_) => {
            let message = "this build has no ONNX engine";
            return Err(Diagnostic::error("candidate.onnx.absent", message)
                .at(&manifest.file, None)
                .hint("build with the feature `onnx`")
                .into());
        }
        manifest::Adapter::Process(argv) => Box::new(process::ProcessSource::open(&manifest, argv, io)?),
    };
    Ok(Box::new(Noted { source, notes, home: manifest.directory }))
}

/// What the manifest promises or asks in vain.
fn notes_of(manifest: &Manifest, io: &IoMap, network: &Network) -> Vec<String> {
    let mut notes = manifest.unenforced();
    for asked in io.asks().filter(|asked| !manifest.task.may_ask().contains(asked)) {
        notes.push(format!(
            "the candidate asks {}, which the task {} always refuses",
            asked.id(),
            manifest.task.id()
        ));
    }
    let buses = network.buses.id.len() as u64;
    if let Some((least, most)) = manifest.domain.bus_count
        && !(least..=most).contains(&buses)
    {
        notes.push(format!(
            "the grid has {buses} buses, the candidate declares a domain of {least} to {most}"
        ));
    }
    notes
}

/// A source that came from a manifest: with notes before its own, and a folder.
struct Noted {
    source: Box<dyn Source>,
    notes: Vec<String>,
    home: PathBuf,
}

impl Source for Noted {
    fn record(&self) -> reports::CandidateRecord {
        self.source.record()
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        self.source.start()
    }

    fn batched(&self) -> bool {
        self.source.batched()
    }

    fn home(&self) -> Option<PathBuf> {
        Some(self.home.clone())
    }

    fn known_by_digest(&self) -> bool {
        self.source.known_by_digest()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.iter().cloned().chain(self.source.notes()).collect()
    }
}
