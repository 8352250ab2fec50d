//! Properties that hold for every grid.

mod acfm;
mod busbars;
mod cascade;
mod contingencies;
mod estimation;
mod explanation;
mod frequency;
mod gic;
mod grid;
mod jumpers;
mod kirchhoff;
mod lanes;
mod latency;
mod limits;
mod linear;
mod linear_model;
mod machines;
mod nose;
mod protection;
mod refusal;
mod security;
mod sensitivity;
mod switched_flow;
mod switching;
mod symmetry;
