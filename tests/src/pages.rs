//! The Rust on the pages for people is compiled as documentation tests.

#[doc = include_str!("../../README.md")]
mod readme {}

#[doc = include_str!("../../docs/configuration.md")]
mod configuration {}

#[doc = include_str!("../../docs/embedding.md")]
mod embedding {}

#[doc = include_str!("../../docs/grants.md")]
mod grants {}

#[doc = include_str!("../../docs/jobs.md")]
mod jobs {}

#[doc = include_str!("../../docs/limits-and-cancellation.md")]
mod limits_and_cancellation {}

#[doc = include_str!("../../docs/managing.md")]
mod managing {}

#[doc = include_str!("../../docs/writing-plugins.md")]
mod writing_plugins {}
