//! Our answers against published ones.

mod damage;
mod formats;
mod tables;
