//! Benchmarks only: `cargo bench -p gridgate-bench`, the program `cold`, and the scripts beside this folder that race the peers.
