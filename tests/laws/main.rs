//! Properties that hold for every grid.

mod busbars;
mod contingencies;
mod frequency;
mod grid;
mod jumpers;
mod kirchhoff;
mod lanes;
mod limits;
mod linear;
mod linear_model;
mod nose;
mod protection;
mod refusal;
mod security;
mod sensitivity;
mod switching;
mod symmetry;
