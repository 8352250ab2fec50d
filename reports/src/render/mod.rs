//! One file per output. A rendering arranges and escapes; it never computes a number that a verdict could rest on.

pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod text;
