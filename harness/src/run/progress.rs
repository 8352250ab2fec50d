//! Who watches a run. Nothing that is shown here ends in a document.

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Population.
    pub population: String,
    /// Episodes of it that are complete.
    pub done: u64,
    /// Episodes of it at most.
    pub size_max: u64,
    /// What the gates say so far, in a few words.
    pub standing: String,
}

/// Someone who is told how far a run is, from the thread that called it.
pub trait Watch {
    /// A block is complete.
    fn progress(&self, progress: &Progress);

    /// Whether the run is no longer wanted. Asked before a block is kept and before the folder is written; a block that
    /// was complete after this became true is discarded.
    fn stop(&self) -> bool {
        false
    }
}

/// Nobody.
pub struct Silent;

impl Watch for Silent {
    fn progress(&self, _progress: &Progress) {}
}
