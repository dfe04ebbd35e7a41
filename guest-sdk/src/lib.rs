//! Write plugins for cjm hosts in Rust.

mod error;
mod job;
mod logging;
mod plugin;
mod pointer;
#[doc(hidden)]
pub mod runtime;
mod schema;
pub mod secrets;
mod sender;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod value;
#[cfg(target_arch = "wasm32")]
mod wasm;

pub use cjm_guest_macros::{actions, lifecycle};
pub use error::{Error, InvalidInput, ResourceKind, Result, ResultExt, Shortfall, Transient};
pub use job::Job;
pub use plugin::{InstanceMode, Lifecycle, NoConfig, Plugin};
pub use sender::Sender;
pub use value::{Blob, BlobOr, Input, Output, Value};

pub use futures_core::Stream;
pub use {log, schemars, serde, serde_json};
