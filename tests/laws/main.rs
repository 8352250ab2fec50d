//! Properties that hold for every grid.

mod contingencies;
mod grid;
mod jumpers;
mod kirchhoff;
mod limits;
mod linear;
mod linear_model;
mod nose;
mod refusal;
mod sensitivity;
mod switching;
mod symmetry;
