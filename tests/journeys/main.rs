//! Journeys by command line: from a case file to a report, and everything a user or an accident can put in the way.

mod cached;
mod cascade;
mod census;
mod contingencies;
mod controls;
mod desk;
mod exit_codes;
mod explain;
mod frequency;
mod frequency_response;
mod github;
mod hunt;
mod interrupted;
mod latency;
mod machines;
mod misbehaving;
mod nose;
mod operator;
mod protection;
mod redacted;
mod refused;
mod same_bytes;
mod tampered;
mod tiers;
mod waivers;
mod words;
