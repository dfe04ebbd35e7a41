//! What the whole-system tests share: where the guests are, and how to watch the host.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot be set up fails"
)]

mod guests;
mod memory;
#[cfg(doctest)]
mod pages;

pub use guests::{compiled, guest};
pub use memory::resident_bytes;
