//! The linear (DC) model of one state: angles from active power alone, magnitudes one, no losses.
//!
//! [`solve_linear`] answers one state. [`LinearModel`] keeps the factor of the susceptance matrix, made once a state of
//! switches and taps, and answers what many injections and outages do: transfer factors ([`LinearModel::transfer_rows`],
//! [`LinearModel::transfer_columns`]), single and double outages ([`LinearModel::outages`],
//! [`LinearModel::outage_pairs`]) and the ranking of outages at an AC operating point ([`LinearModel::rank`]).
//! [`SwitchedFlow`] follows a grid whose branches open one after another. Nothing here holds a matrix of all buses by all
//! buses: columns are made when they are asked for, several side by side.
//!
//! Source: A. J. Wood, B. F. Wollenberg, G. B. Sheblé, "Power Generation, Operation, and Control", 3rd edition, Wiley, 2014,
//! chapter 7.

#![expect(
    clippy::needless_range_loop,
    reason = "kernels are plain loops: a closure inside one would be compiled without the lane's instructions"
)]

mod cuts;
mod factor;
mod flow;
mod model;
mod outage;
mod pair;
mod screen;
mod switching;
mod transfer;

pub(crate) use cuts::Cuts;
pub use flow::{LinearFlow, solve_linear};
pub(crate) use flow::{angles, without_reactance};
pub use model::LinearModel;
pub use outage::{Loading, OutageFlows, OutageStatus};
pub use pair::{PairFlows, PairSummary};
pub use screen::{Candidate, INDEX_EXPONENT};
pub use switching::SwitchedFlow;
pub use transfer::Balance;
