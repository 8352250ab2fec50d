//! Properties that hold for every grid.

mod grid;
mod kirchhoff;
mod symmetry;
