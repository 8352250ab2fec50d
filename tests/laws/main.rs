//! Properties that hold for every grid.

mod contingencies;
mod grid;
mod kirchhoff;
mod lanes;
mod limits;
mod linear;
mod linear_model;
mod refusal;
mod switching;
mod symmetry;
