//! Questions about one network that need no candidate: what `gridgate solve` and `gridgate.solve` answer.

mod contingencies;
mod frequency;
mod nose;
mod page;
mod solution;

pub use contingencies::{
    ContingencySettings, Outages, PreparedStudy, Studied, contingencies, prepare_contingencies,
};
pub(crate) use frequency::governor;
pub use frequency::{FREQUENCY_STUDY_SCHEMA, frequency};
pub use nose::nose;
pub use solution::{
    BranchRow, BusRow, DcLines, GeneratorRow, LeftRow, MovedRow, Question, SOLUTION_SCHEMA, SolutionDocument,
    Solved, check, diverged, read_network, solve, solve_network, solve_question,
};
