//! How far a grid can be loaded.

mod share;
