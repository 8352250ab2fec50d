//! Attacks on what meters report, as numbers: what false readings an estimator believes, who can send them, and what they cost.
//!
//! Whoever moves the readings as a change of state would move them leaves every residual as it was: the estimate follows, the test
//! of bad data says nothing ([`stealth`]). It takes the meters around what is moved: how many ([`cheapest`]), and whether a
//! set of them suffices ([`access`]). Who knows the grid only roughly is seen ([`knowledge`]); who bends a clock turns the phasors
//! that follow it ([`time`]). Nothing here talks to a network.
//!
//! Source: Y. Liu, P. Ning, M. K. Reiter, "False data injection attacks against state estimation in electric power grids", ACM
//! TISSEC 14(1), 2011.

pub mod access;
pub mod cheapest;
mod cut;
pub mod knowledge;
pub mod stealth;
pub mod time;
