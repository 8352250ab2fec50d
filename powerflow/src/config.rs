//! How to solve: limits, slack, start, tolerance.

use serde::{Deserialize, Serialize};

/// Whether units' reactive ranges are respected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReactiveLimits {
    /// A bus whose units reach a limit stops holding its voltage, and takes it up again when it can.
    #[default]
    Enforce,
    /// Units provide whatever holds the voltage: a textbook's answer.
    Ignore,
}

/// Who provides the difference between schedule and demand plus losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slack {
    /// Units with headroom, in proportion to their largest power; the rest is unmet and reported.
    #[default]
    Distributed,
    /// The units at the reference bus, without limit: a textbook's answer.
    Single,
}

/// Where Newton starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The voltages stored in the file.
    #[default]
    Case,
    /// Set-point magnitudes (1 pu elsewhere), zero angles.
    Flat,
    /// Set-point magnitudes, angles of the linear power flow.
    Dc,
}

/// How far the ladder is climbed where Newton from the start that was asked for fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rescue {
    /// Not at all.
    No,
    /// Other starts and shortened steps: what a loop over thousands of states can afford.
    Quick,
    /// Also relaxed limits and continuation in load, which says how much of it can be served: all rungs whose digits are the same on
    /// every processor.
    Thorough,
    /// Also a pivoted factorisation, before continuation.
    #[default]
    Full,
}

/// How to solve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewtonConfig {
    /// Reactive limits of units.
    pub reactive_limits: ReactiveLimits,
    /// Slack.
    pub slack: Slack,
    /// Start.
    pub start: Start,
    /// Largest mismatch of a bus that counts as solved, pu.
    pub tolerance_pu: f64,
    /// Newton iterations in one attempt.
    pub iterations_max: u32,
    /// Passes over limits and slack; each bus and unit turns a bounded number of times, so this is a second fence.
    pub passes_max: u32,
    /// What is tried when the first start fails.
    pub rescue: Rescue,
    /// What becomes of an island that has no solution while others have one: dead, and named in the solution, or the
    /// whole state diverges.
    pub unsolved_islands_die: bool,
}

impl Default for NewtonConfig {
    fn default() -> Self {
        Self {
            reactive_limits: ReactiveLimits::default(),
            slack: Slack::default(),
            start: Start::default(),
            tolerance_pu: 1e-8,
            iterations_max: 20,
            passes_max: 60,
            rescue: Rescue::default(),
            unsolved_islands_die: false,
        }
    }
}
