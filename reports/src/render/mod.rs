//! One file per output. A rendering arranges and escapes; it never computes a number that a verdict could rest on.

pub mod cascade;
mod cascade_html;
pub mod contingencies;
mod contingencies_text;
pub mod explanation;
pub mod explanation_html;
pub mod frequency;
pub mod gic;
pub mod html;
pub mod hunt;
pub mod json;
pub mod junit;
pub mod latency;
pub mod layout;
pub mod machines;
pub mod markdown;
pub mod network_picture;
pub mod nose;
pub mod plan;
pub mod playback;
pub mod rating;
pub mod sarif;
mod svg;
pub mod text;
pub mod time_plot;
mod variants;
