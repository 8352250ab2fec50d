//! The closed loop: a candidate lives on a simulated grid, and is judged.

pub mod action;
pub mod assumption;
pub mod beside;
pub mod candidate;
pub mod cascade;
mod cells;
pub mod cli;
mod cohort;
mod coordinates;
pub mod covers;
pub mod explain;
pub mod fields;
pub mod frequency;
pub mod gate;
pub mod grid;
pub mod hunt;
pub mod latency;
pub mod live;
pub mod metric;
pub mod observation;
mod prime_movers;
pub mod regression;
pub mod response;
pub mod run;
#[cfg(feature = "schema")]
pub mod schemas;
pub mod sensing;
pub mod service;
pub mod situation;
pub mod statistic;
pub mod study;
pub mod suite;
pub mod supervision;
pub mod trajectory;
pub mod waiver;

pub use cohort::{Cohort, Envelope};
