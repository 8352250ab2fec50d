//! The closed loop: a candidate lives on a simulated grid, and is judged.

pub mod action;
pub mod candidate;
pub mod fields;
pub mod gate;
pub mod nearest;
pub mod observation;
pub mod statistic;
pub mod suite;
