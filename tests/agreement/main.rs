//! Our answers against published ones.

mod damage;
mod dc_lines;
mod formats;
mod openloadflow;
mod power_flow;
mod psse;
mod tables;
