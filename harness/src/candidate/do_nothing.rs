//! The candidate that watches and asks nothing: what any other one must be better than.

use powerflow::Diagnostics;
use reports::CandidateRecord;
use reports::evidence::Digest;
use sha2::{Digest as _, Sha256};

use super::{Candidate, Decisions, Source};
use crate::action::Task;
use crate::observation::{Observations, Observed};

/// Makes candidates that ask nothing.
#[derive(Clone, Debug)]
pub struct DoNothing {
    record: CandidateRecord,
}

impl DoNothing {
    /// The built-in one: no manifest, no file, and so the digest of nothing.
    pub fn new(task: Task) -> Self {
        let nothing = Sha256::digest([]);
        Self::with_record(CandidateRecord {
            name: "do_nothing".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: Digest { sha256: nothing.iter().map(|byte| format!("{byte:02x}")).collect() },
            adapter: "do_nothing".to_owned(),
            mode: "closed_loop".to_owned(),
            task: task.id().to_owned(),
        })
    }

    /// One with a manifest of its own.
    pub fn with_record(record: CandidateRecord) -> Self {
        Self { record }
    }
}

impl Source for DoNothing {
    fn record(&self) -> CandidateRecord {
        self.record.clone()
    }

    fn start(&self) -> Result<Box<dyn Candidate>, Diagnostics> {
        Ok(Box::new(Idle))
    }

    fn batched(&self) -> bool {
        true
    }
}

/// Who asks nothing.
#[derive(Debug)]
pub(crate) struct Idle;

impl Candidate for Idle {
    fn reset(&mut self, _seeds: &[u64]) {}

    fn looks_at(&self) -> &[Observed] {
        &[]
    }

    fn decide_batch(&mut self, seen: &Observations) -> Decisions {
        Decisions::none(seen.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_nothing_and_never_fails() {
        let source = DoNothing::new(Task::VoltVar);
        let mut candidate = source.start().unwrap();
        candidate.reset(&[1, 2]);
        let decisions = candidate.decide_batch(&Observations { rows: 2, ..Observations::default() });
        assert!(decisions.asked.is_empty());
        assert_eq!(decisions.failed, [None, None]);
    }
}
