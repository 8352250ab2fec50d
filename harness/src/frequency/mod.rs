//! Frequency: what becomes of speed when power does not balance.

pub mod machines;
