//! Journeys by command line: from a case file to a report, and everything a user or an accident can put in the way.

mod cascade;
mod census;
mod contingencies;
mod controls;
mod desk;
mod explain;
mod frequency;
mod frequency_response;
mod hunt;
mod interrupted;
mod latency;
mod machines;
mod misbehaving;
mod nose;
mod operator;
mod protection;
mod refused;
mod same_bytes;
mod tampered;
mod words;
