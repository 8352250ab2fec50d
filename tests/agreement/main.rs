//! Our answers against published ones.

mod acfm;
mod attack;
mod cascade;
mod contingencies;
mod damage;
mod dc_lines;
mod estimation;
mod formats;
mod frequency;
mod gic;
mod latency;
mod machines;
mod nose;
mod openloadflow;
mod power_flow;
mod psse;
mod rating;
mod sensitivity;
mod silent_failures;
mod tables;
