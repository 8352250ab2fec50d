//! Properties that hold for every grid.

mod grid;
mod jumpers;
mod kirchhoff;
mod limits;
mod linear;
mod refusal;
mod switching;
mod symmetry;
