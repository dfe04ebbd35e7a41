//! cjm-host
mod catalog;
mod error;

pub use error::*;
