//! Our answers against published ones.

mod contingencies;
mod damage;
mod formats;
mod nose;
mod power_flow;
mod sensitivity;
mod silent_failures;
mod tables;
