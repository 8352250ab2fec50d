//! Our answers against published ones.

mod damage;
mod formats;
mod power_flow;
mod silent_failures;
mod tables;
