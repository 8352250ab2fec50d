//! The table `[loop.latency]` of a suite, and what it comes to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use powerflow::{Diagnostic, Diagnostics};
use reports::{CandidateRecord, LatencyRecord, LatencyTally};

use super::file::Recorded;
use super::pipeline::{Late, Queue, Timing};
use super::source::Delay;
use super::{COMPUTE_MS, MARGIN_MS, milliseconds, nanoseconds};
use crate::fields::Fields;
use crate::suite::Suite;

/// Largest delay that a margin is looked for up to, where a suite says nothing, ms: twice the budget of operator commands (TT1 of IEC 61850-5,
/// 1000 ms).
pub const MARGIN_MAX_MS: u32 = 2000;
/// Longest delay of one part of the way, ms: beyond an hour this is no delay but an absence.
const DELAY_MS_MAX: f64 = 3.6e6;
/// The quantile that stands for a candidate where a suite says nothing.
const QUANTILE: f64 = 0.99;

/// Which source a suite names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Zero,
    Fixed,
    Quantile,
    Replay,
    WallClock,
}

/// The table as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    source: Named,
    fixed_ns: u64,
    q: f64,
    /// The recorded file as the suite names it.
    pub file: Option<String>,
    /// The way, with a time of decisions that is not yet known.
    way: Timing,
    /// Largest delay that a margin is looked for up to, ms.
    pub margin_max_ms: u32,
    line: Option<u32>,
}

/// Reads the table.
pub(crate) fn read(mut fields: Fields<'_>) -> Option<Written> {
    let line = fields.line();
    let file = fields.name("file").map(str::to_owned);
    let sources = [
        ("zero", Named::Zero),
        ("fixed", Named::Fixed),
        ("quantile", Named::Quantile),
        ("replay", Named::Replay),
        ("wallclock", Named::WallClock),
    ];
    let default = if fields.has("file") { Named::Quantile } else { Named::Zero };
    let source = fields.choice("source", &sources);
    let source = fields.or("source", source, default);
    let ms = |fields: &mut Fields<'_>, key| {
        let read = fields.number(key, "from 0 to 3.6e6 (an hour)", |ms| (0.0..=DELAY_MS_MAX).contains(&ms));
        fields.or(key, read.map(nanoseconds), 0)
    };
    let fixed_ns = ms(&mut fields, "decision_ms");
    let q = fields.number("q", "above 0 and at most 1", |q| q > 0.0 && q <= 1.0);
    let q = fields.or("q", q, QUANTILE);
    let measurement_ns = ms(&mut fields, "measurement_ms");
    let command_ns = ms(&mut fields, "command_ms");
    let actuation_ns = ms(&mut fields, "actuation_ms");
    let queue = fields.choice("queue", Queue::LIST);
    let queue = fields.or("queue", queue, Queue::default());
    let deadline_ns = ms(&mut fields, "deadline_ms");
    let has_deadline = fields.has("deadline_ms");
    let late = fields.choice("late", Late::LIST);
    let late = fields.or("late", late, Late::default());
    let margin_max_ms = fields.integer::<u32>("margin_max_ms", 10);
    let margin_max_ms = fields.or("margin_max_ms", margin_max_ms, MARGIN_MAX_MS);
    if let Some(source) = source {
        check(&fields, source, has_deadline);
    }
    fields.finish();
    let way = Timing {
        delay: Delay::Zero,
        measurement_ns: measurement_ns?,
        command_ns: command_ns?,
        actuation_ns: actuation_ns?,
        queue: queue?,
        deadline_ns: deadline_ns.map(|ns| has_deadline.then_some(ns))?,
        late: late?,
    };
    let (source, fixed_ns, q, margin_max_ms) = (source?, fixed_ns?, q?, margin_max_ms?);
    Some(Written { source, fixed_ns, q, file, way, margin_max_ms, line })
}

/// Keys that do not go together.
fn check(fields: &Fields<'_>, source: Named, has_deadline: bool) {
    let wrong = |key, message: &str, hint: &str| {
        fields.complain_with("contradiction", Some(key), message, Some(hint.to_owned()));
    };
    let needs_file = matches!(source, Named::Quantile | Named::Replay);
    if needs_file && !fields.has("file") {
        let hint = "write one with `gridgate latency record`, and name it: file = \"latency.json\"";
        wrong("source", "this `source` takes recorded times, and no `file` is named", hint);
    }
    if source == Named::Fixed && !fields.has("decision_ms") {
        wrong("source", "a fixed time of decisions needs `decision_ms`", "add decision_ms = 100");
    }
    if source != Named::Fixed && fields.has("decision_ms") {
        wrong("decision_ms", "`decision_ms` is the time of source = \"fixed\"", "add source = \"fixed\"");
    }
    if source != Named::Quantile && fields.has("q") {
        wrong("q", "`q` is of source = \"quantile\"", "leave it out");
    }
    if !has_deadline && fields.has("late") {
        wrong("late", "what is late has no deadline", "add deadline_ms = 500, from the measurement");
    }
}

/// The delays of a suite, with the file that they rest on.
#[derive(Debug)]
pub struct Latency {
    /// The way and the time of decisions.
    pub timing: Arc<Timing>,
    /// The recorded file, where the suite names one.
    pub recorded: Option<Recorded>,
    /// Largest delay that a margin is looked for up to, ms.
    pub margin_max_ms: u32,
}

impl Latency {
    /// Reads the recorded file, if the suite names one; from `copy` where it lies elsewhere by now. It must be of this candidate.
    ///
    /// # Errors
    /// `latency.file.*`: everything that is wrong with the file.
    pub fn open(
        written: &Written,
        suite: &Path,
        copy: Option<&Path>,
        candidate: &CandidateRecord,
    ) -> Result<Self, Diagnostics> {
        let recorded = match &written.file {
            None => None,
            Some(name) => {
                let beside = suite.parent().unwrap_or_else(|| Path::new("")).join(name);
                let path: PathBuf = copy.map_or(beside, Path::to_owned);
                Some(Recorded::read(name, &path, Some(candidate))?)
            }
        };
        let times = recorded.as_ref().map(|recorded| &recorded.document);
        let missing = || -> Diagnostics {
            Diagnostic::error("suite.latency.file", "no recorded times are there").into()
        };
        let delay = match written.source {
            Named::Zero => Delay::Zero,
            Named::Fixed => Delay::Fixed(written.fixed_ns),
            Named::WallClock => Delay::WallClock,
            Named::Quantile => {
                let ns = times.and_then(|times| times.quantile_ns(written.q));
                Delay::Quantile { q: written.q, ns: ns.ok_or_else(missing)? }
            }
            Named::Replay => Delay::Replay(times.ok_or_else(missing)?.samples_ns.as_slice().into()),
        };
        let timing = Arc::new(written.way.with(delay));
        Ok(Latency { timing, recorded, margin_max_ms: written.margin_max_ms })
    }

    /// As evidence has it.
    pub fn record(&self, tally: LatencyTally) -> LatencyRecord {
        let timing = &self.timing;
        LatencyRecord {
            source: timing.delay.in_words(),
            reproducible: timing.delay != Delay::WallClock,
            inference_ms: timing.delay.constant_ns().map(milliseconds),
            measurement_ms: milliseconds(timing.measurement_ns),
            command_ms: milliseconds(timing.command_ns),
            actuation_ms: milliseconds(timing.actuation_ns),
            queue: timing.queue.id().into(),
            deadline_ms: timing.deadline_ns.map(milliseconds),
            late: timing.late.id().into(),
            file: self.recorded.as_ref().and_then(Recorded::in_short),
            tally,
        }
    }
}

/// Checks that gates on delays have what they read.
///
/// # Errors
/// `suite.gate.latency` for each that has not.
pub(crate) fn check_gates(suite: &Suite) -> Result<(), Diagnostics> {
    let mut complaints = Diagnostics::default();
    let file = suite.latency.as_ref().and_then(|written| written.file.as_ref());
    for gate in &suite.gates {
        let mut complain = |message: String, hint: &str| {
            let message = format!("gate `{}`: {message}", gate.id);
            complaints
                .push(Diagnostic::error("suite.gate.latency", message).at(&suite.file, gate.line).hint(hint));
        };
        let of_calls = gate.metric == COMPUTE_MS;
        if gate.gate.kind() == "latency" && !of_calls {
            complain(
                format!("a gate of kind \"latency\" reads recorded times, not `{}`", gate.metric),
                "say metric = \"latency.compute_ms\", or kind = \"quantile\"",
            );
        }
        if of_calls && file.is_none() {
            complain(
                format!("`{COMPUTE_MS}` is read from a recorded file, and the suite names none"),
                "add [loop.latency] with file = \"latency.json\", written by `gridgate latency record`",
            );
        }
        if (of_calls || gate.metric == MARGIN_MS) && gate.gate.needs_champion() {
            complain(
                format!("`{}` is known of the candidate only, so there is nothing to compare", gate.metric),
                "use kind = \"quantile\", \"rate\" or \"value\"",
            );
        }
    }
    complaints.into_result(())
}

/// Where the table stands.
impl Written {
    /// Whether the time of a decision is drawn, or the clock's: the same scenario may then go otherwise.
    pub fn draws(&self) -> bool {
        matches!(self.source, Named::Replay | Named::WallClock)
    }

    /// Line in the suite file, from 1, where known.
    pub fn line(&self) -> Option<u32> {
        self.line
    }
}
