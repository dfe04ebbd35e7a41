//! Write plugins for cjm hosts in Rust, without seeing WIT or bindings.
//!
//! A plugin is a struct that implements [`Plugin`], and an `impl` block of actions under [`actions`](macro@actions):
//!
//! ```
//! use cjm_guest::{Error, Job, Plugin, Result, Sender};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! /// What the operator sets.
//! #[derive(Deserialize, JsonSchema)]
//! struct Config {
//!     /// The most characters of a text that are looked at.
//!     #[serde(default = "default_limit")]
//!     #[schemars(range(min = 1))]
//!     limit: usize,
//! }
//!
//! fn default_limit() -> usize {
//!     100_000
//! }
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Text {
//!     text: String,
//! }
//!
//! #[derive(Serialize, JsonSchema)]
//! struct Count {
//!     words: usize,
//! }
//!
//! struct Words {
//!     config: Config,
//! }
//!
//! impl Plugin for Words {
//!     type Config = Config;
//!
//!     fn new(config: Config) -> Result<Self> {
//!         Ok(Self { config })
//!     }
//! }
//!
//! #[cjm_guest::actions]
//! impl Words {
//!     /// Counts the words of a text.
//!     fn count(&self, input: Text) -> Result<Count> {
//!         if input.text.chars().count() > self.config.limit {
//!             return Err(Error::invalid_field("/text", "too long"));
//!         }
//!         Ok(Count { words: input.text.split_whitespace().count() })
//!     }
//!
//!     /// Gives the words of a text one by one.
//!     async fn words(&self, job: &Job, input: Text, mut out: Sender<String>) -> Result<()> {
//!         for word in input.text.split_whitespace() {
//!             job.check_cancelled()?;
//!             out.send(word.to_owned()).await?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! // Tests run without WebAssembly and without a host.
//! let words = Words::new(Config { limit: 10 })?;
//! assert_eq!(words.count(Text { text: "one two".to_owned() })?.words, 2);
//! # Ok::<(), cjm_guest::Error>(())
//! ```
//!
//! In `Cargo.toml`, the crate is a `cdylib` (and an `rlib` for tests in `tests/`) and depends on `cjm-guest`, `schemars` and
//! `serde`; `cargo build --release --target wasm32-wasip2` makes the component.
//!
//! # What crosses the boundary
//!
//! Inputs and outputs are any types with serde's and schemars' derives: they cross as JSON, and their JSON Schemas (draft
//! 2020-12, with doc comments as descriptions) go to the host, which refuses input that does not fit. Bulk data crosses as
//! bytes: [`Blob`]. The [forms of an action](macro@actions) say the rest.
//!
//! # While it runs
//!
//! A [`Job`] reports progress and usage, and says whether cancellation was requested. Records of the [`log`] facade go to the
//! host. [`secrets`] are what the operator granted. A panic ends the instance; the host reports its message. Everything that a
//! caller can mend or wait for is an [`Error`], and `?` turns most errors into one; see also [`ResultExt`].
//!
//! # One thread
//!
//! A component has one thread. Actions take `&self`, so state that changes is kept in a `Cell` or a `RefCell`; how calls share
//! an instance is [`Plugin::INSTANCE`]. An `async` action awaits timers, host calls and streams; there is no executor to
//! start. While a plain `fn` runs, the instance does nothing else.

mod error;
mod job;
mod logging;
mod options;
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

pub use cjm_guest_macros::{actions, config_options, lifecycle};
pub use error::{Error, InvalidInput, ResourceKind, Result, ResultExt, Shortfall, Transient};
pub use job::Job;
pub use options::{Choice, ConfigOptions};
pub use plugin::{InstanceMode, Lifecycle, NoConfig, Plugin, SecretNeed};
pub use sender::Sender;
pub use value::{Blob, BlobOr, Input, Output, Value};

pub use futures_core::Stream;
pub use {log, schemars, serde, serde_json};
