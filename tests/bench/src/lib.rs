//! Benchmarks of cjm beside bare wasmtime, in `main.rs`: run them with `cargo xtask bench`.
