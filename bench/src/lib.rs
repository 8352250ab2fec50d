//! Benchmarks only: `cargo bench -p gridgate-bench`, and the scripts beside this folder that race the peers.
