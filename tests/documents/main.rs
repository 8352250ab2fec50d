//! Documents as interfaces: what their schemas accept is what the program accepts, and what was written once is read for ever.

mod accepted;
mod frozen;
