//! What a plugin may use: parsed once, closed by default.

mod limits;

pub use limits::Limits;
