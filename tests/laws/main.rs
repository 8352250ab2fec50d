//! Properties that hold for every grid.

mod contingencies;
mod grid;
mod kirchhoff;
mod limits;
mod linear;
mod refusal;
mod switching;
mod symmetry;
