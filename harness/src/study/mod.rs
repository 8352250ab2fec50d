//! Questions about one network that need no candidate: what `gridgate solve` and `gridgate.solve` answer.

mod contingencies;
mod nose;
mod page;
mod solution;

pub use contingencies::{
    ContingencySettings, Outages, PreparedStudy, Studied, contingencies, prepare_contingencies,
};
pub use nose::nose;
pub use solution::{
    BranchRow, BusRow, GeneratorRow, SOLUTION_SCHEMA, SolutionDocument, Solved, check, diverged, solve,
    solve_network,
};
