//! Properties that hold for every grid.

mod busbars;
mod contingencies;
mod grid;
mod kirchhoff;
mod limits;
mod linear;
mod linear_model;
mod refusal;
mod security;
mod switching;
mod symmetry;
