//! The attribute macros of `cjm-guest`.
