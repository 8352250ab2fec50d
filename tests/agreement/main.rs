//! Our answers against published ones.

mod contingencies;
mod damage;
mod formats;
mod power_flow;
mod sensitivity;
mod silent_failures;
mod tables;
