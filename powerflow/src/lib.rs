//! Physics at one instant: reading cases, building networks, solving AC power flow.

pub mod case;
pub mod diagnostic;
mod index;
pub mod network;
mod newton;
mod solution;
mod state;
pub mod units;

pub use case::Case;
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use index::{BranchIdx, BusId, BusIdx, Column, Index, NodeIdx, ShuntIdx, UnitIdx};
pub use network::Network;
pub use newton::{NewtonConfig, ReactiveLimits, Slack, Start};
pub use solution::{
    BusStatus, Complex, Divergence, DivergenceReason, Flows, Island, LimitSide, Rung, Solution,
};
pub use state::{Busbar, State, Topology};
