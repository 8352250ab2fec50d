//! Questions about one network that need no candidate: what `gridgate solve` and `gridgate.solve` answer.

mod cascade;
mod contingencies;
mod frequency;
mod gic;
mod in_order;
mod nose;
mod page;
mod plan;
pub mod rating;
mod solution;
mod storm;

pub(crate) use cascade::Runner;
pub use cascade::{CascadeQuestion, CascadeSource, PreparedCascades, prepare_cascades};
#[cfg(feature = "parquet")]
pub use contingencies::ParquetTable;
pub use contingencies::{
    ContingencySettings, Outages, PreparedStudy, Studied, contingencies, prepare_contingencies,
};
pub(crate) use contingencies::{digest_of, file_name};
pub(crate) use frequency::governor;
pub use frequency::{FREQUENCY_STUDY_SCHEMA, frequency};
pub use gic::{GicQuestion, GicSource, gic};
pub use nose::nose;
pub use plan::plan;
pub(crate) use solution::rung_id;
pub use solution::{
    BranchRow, BusRow, DcLines, GeneratorRow, LeftRow, MovedRow, Question, SOLUTION_SCHEMA, SolutionDocument,
    Solved, check, diverged, read_network, solve, solve_network, solve_question,
};
pub use storm::{PreparedStorms, StormSettings, StudiedStorms, prepare_storms};
