//! Physics at one instant: reading cases, building networks, solving AC power flow.

mod batch;
pub mod case;
mod config;
mod desk;
pub mod diagnostic;
mod distributed_slack;
mod index;
mod kernel;
mod kirchhoff;
mod lane;
mod linear;
pub mod network;
mod newton;
mod plan;
mod problem;
mod reactive_limits;
mod schedule;
pub mod security;
mod solution;
mod solver;
mod state;
mod sweep;
pub mod units;

pub use batch::Job;
pub use case::Case;
pub use config::{NewtonConfig, ReactiveLimits, Slack, Start};
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use index::{BranchIdx, BusId, BusIdx, Column, Index, NodeIdx, ShuntIdx, UnitIdx};
pub use lane::Width;
pub use linear::{
    Balance, Candidate, INDEX_EXPONENT, LinearFlow, LinearModel, Loading, OutageFlows, OutageStatus,
    PairFlows, PairSummary, solve_linear,
};
pub use network::Network;
pub use plan::{Nodes, Plan};
pub use solution::{
    BusStatus, Complex, Divergence, DivergenceReason, Flows, Island, LimitSide, Rung, Solution,
};
pub use solver::{Solver, solve};
pub use state::{Busbar, State, Topology};
pub use sweep::{
    Answer, InjectionRow, InjectionTable, Method, RowStatus, Summary, Sweep, Sweeps, Table, Violation,
    Voltages,
};
