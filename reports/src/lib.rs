//! Paper: what was found, in a form that a stranger can read and verify without owning the simulator.

pub mod evidence;

pub use evidence::*;
