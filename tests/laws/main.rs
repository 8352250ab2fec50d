//! Properties that hold for every grid.

mod grid;
mod kirchhoff;
mod limits;
mod linear;
mod linear_model;
mod refusal;
mod switching;
mod symmetry;
