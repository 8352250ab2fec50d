//! Weather as four pure stages: a field (what the air does at a place and time), exposure (the worst of it along an element),
//! fragility (how likely that breaks the element), repair (how long until it is back).
//!
//! Nothing here draws by itself: what is random comes in as uniform numbers, one for each element and storm, so that a
//! stronger storm fails a superset of what a weaker one fails, and every candidate faces the same storm.

pub mod availability;
pub mod correlation;
pub mod damage;
pub mod eclipse;
pub mod exposure;
pub mod fragility;
pub mod front;
pub mod geography;
pub mod hurricane;
pub mod ice;
pub mod repair;

/// Wind speeds, named by how they are measured 10 m above ground; one must not stand for another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wind {
    /// Mean over ten minutes, m/s.
    pub mean_m_s: f64,
    /// Strongest three seconds, m/s.
    pub gust_m_s: f64,
}
