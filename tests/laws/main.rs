//! Properties that hold for every grid.

mod busbars;
mod contingencies;
mod grid;
mod jumpers;
mod kirchhoff;
mod lanes;
mod limits;
mod linear;
mod linear_model;
mod machines;
mod nose;
mod refusal;
mod security;
mod sensitivity;
mod switching;
mod symmetry;
