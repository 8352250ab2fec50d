//! The closed loop: a candidate lives on a simulated grid, and is judged.

pub mod action;
pub mod candidate;
pub mod gate;
pub mod nearest;
pub mod observation;
