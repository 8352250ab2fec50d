//! One fully determined stimulus.

use serde::{Deserialize, Serialize};

use crate::event::TimedEvent;

/// Events in time order (equal moments in the order they were drawn), and where they come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Population it belongs to.
    pub population: String,
    /// Its number in that population: with the suite seed, all that is needed to draw it again.
    pub index: u64,
    /// What happens.
    pub timeline: Vec<TimedEvent>,
    /// Natural logarithm of the likelihood of the discrete draws, where every hazard knows its own.
    pub log_likelihood: Option<f64>,
}
