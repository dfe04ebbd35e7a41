//! Write plugins for cjm hosts in Rust.
