//! Physics at one instant: reading cases, building networks, solving AC power flow.

mod batch;
pub mod case;
mod config;
mod continuation;
pub mod control;
mod desk;
pub mod diagnostic;
mod distributed_slack;
pub mod estimation;
mod evidence;
pub mod gic;
mod index;
mod kernel;
mod kirchhoff;
mod ladder;
mod lane;
mod linear;
pub mod network;
mod newton;
mod plan;
mod problem;
pub mod rating;
mod reactive_limits;
mod referee;
mod schedule;
pub mod security;
mod sensitivity;
mod solution;
mod solver;
mod state;
mod stored;
mod sweep;
mod symmetric;
pub mod units;

pub use batch::Job;
pub use case::Case;
pub use config::{NewtonConfig, ReactiveLimits, Rescue, Slack, Start};
pub use continuation::{
    CurvePoint, Direction, Limit, LimitEvent, Nose, NoseCause, NoseConfig, NoseFailure, WeakBus,
};
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use index::{BranchIdx, BusId, BusIdx, Column, Index, NodeIdx, ShuntIdx, StationIdx, UnitIdx};
pub use lane::Width;
pub use linear::{
    Balance, Candidate, INDEX_EXPONENT, LinearFlow, LinearModel, Loading, OutageFlows, OutageStatus,
    PairFlows, PairSummary, SwitchedFlow, solve_linear,
};
pub use network::Network;
pub use plan::{Nodes, Plan};
pub use sensitivity::{Gradient, Injection, Quantity, Response, Sensitivities};
pub use solution::{
    BusStatus, Complex, Divergence, DivergenceReason, Evidence, EvidenceKind, Flows, Island, LimitSide, Rung,
    Solution,
};
pub use solver::{Solver, solve};
pub use state::{Busbar, State, Topology};
pub use stored::stored_balance;
pub use sweep::{
    Answer, InjectionRow, InjectionTable, Method, RowStatus, Summary, Sweep, Sweeps, Table, Violation,
    Voltages,
};
