//! Questions about one network that need no candidate: what `gridgate solve` and `gridgate.solve` answer.

mod page;
mod solution;

pub use solution::{
    BranchRow, BusRow, DcLines, GeneratorRow, LeftRow, MovedRow, Question, SOLUTION_SCHEMA, SolutionDocument,
    Solved, solve, solve_question,
};
