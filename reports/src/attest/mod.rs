//! What lets a stranger trust the paper: seals, and the check of every one of them.

pub mod signature;
pub mod verify;

pub use verify::{Verified, population_digest, seal, unlisted, verify};
