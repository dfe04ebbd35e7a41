//! What the whole-system tests share: where the guests are, a web on loopback, and how to watch
//! the host.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up fails"
)]

mod guests;
mod memory;
mod numbered;
#[cfg(doctest)]
mod pages;
mod project;
pub mod server;

pub use guests::{compiled, guest};
pub use memory::resident_bytes;
pub use numbered::{drop_numbered, numbered};
pub use project::Project;
