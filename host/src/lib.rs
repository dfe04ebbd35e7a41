//! Runs other people's plugins as calls and jobs: sandboxed, limited, cancellable.
//!
//! A plugin is one WebAssembly component against the WIT package `cjm:plugin`. A [`Host`] loads it into a Store of its
//! own, in which it has memory, CPU time and capabilities only as far as it was given them, and runs its actions.
//!
//! ```no_run
//! use cjm_host::Host;
//!
//! #[tokio::main]
//! async fn main() -> cjm_host::Result<()> {
//!     let host = Host::builder().cache_dir("/var/cache/my-app/cjm").build()?;
//!     let plugin = host.load("plugins/calculator.wasm").await?;
//!     let sum = plugin.execute("add", serde_json::json!({ "a": 1, "b": 2 })).await?;
//!     println!("{}", sum.to::<f64>()?);
//!     Ok(())
//! }
//! ```
//!
//! # Where to go on
//!
//! * [`create`] gives a [`Manager`] of a folder of plugins, from `cjm.toml`: found, verified, configured, loaded by name.
//! * [`Host::loader`] loads a single component with an id, a configuration, [`Limits`], [`Grants`] and secrets.
//! * [`Plugin::call`] makes a call with a time-out, starts it beside the caller, or streams its results;
//!   [`Running`] watches and cancels it.
//! * [`Plugin::events`] and [`Host::events`] tell progress, usage, logs and the phases of cancellations.
//! * [`Queue`] runs calls as durable jobs: what it accepted outlives the process.
//! * [`blocking`] is the same without an async runtime.
//! * [`Error`] is the one taxonomy of what can go wrong.
//!
//! # What holds
//!
//! A guest that spins, allocates without end, floods its logs, recurses, panics or never answers ends in a typed
//! error, and costs its neighbours nothing but the CPU time that it was allowed. When a call returns, its instance is
//! ready for the next one.

mod capability;
mod catalog;
mod engine;
mod error;
mod event;
mod file;
mod host;
mod instance;
mod manager;
mod policy;
mod queue;
mod release;
mod settings;
mod store;
mod value;

pub use capability::job::CallStats;
pub use capability::log::LoggedRecord;
pub use capability::secrets::{Secret, SecretStore, Secrets, SecretsBackend};
pub use catalog::{
    Action, ActionRecord, Capability, Change, Changes, Code, ConfigPath, Description, Differences, Digest,
    DigestError, Drift, DriftRecord, Evidence, Export, FetchProgress, Fetched, Found, Inspection, Install,
    Installer, InstanceMode, Integrity, KeyNumber, LockFile, Locked, MANIFEST_FORMAT, Manifest, Overrides,
    PluginFolder, Problem, PublicKey, Resources, Role, Scan, Schema, SecretKey, SecretNeed, Signature,
    Signed, Staged, Stored, Strictness, Tool, TrustLevel, TrustedKey, TrustedKeys, Verdict, View, fetch,
    schema_digest,
};
pub use engine::EngineOptions;
pub use error::{
    Category, Clock, Error, Frame, InvalidInput, ResourceKind, Result, Shortfall, Trap, TrapKind, Ungranted,
    Violation,
};
pub use event::{CancelPhase, Event, EventKind, LogLevel, LogRecord, Measured, Progress, Subscription};
pub use host::{
    Call, Canceller, Examined, Host, HostBuilder, Loader, Plugin, ResultStream, Running, Source, blocking,
    inspect_bytes, inspect_file,
};
pub use instance::{Choice, InstanceStats};
pub use manager::{
    Assembled, Candidate, Canonical, CategoryEntry, ConfigEdit, Configured, Discovery, Granted, Installed,
    Instance, Manager, Outcome, PluginCategory, PluginGrants, Query, Record, SecretState, Watcher, create,
};
pub use policy::{
    Admission, Backtraces, EnvironmentGrant, FolderAccess, FolderGrant, Grant, Grants, GuestPath,
    LimitOverrides, Limits, NetworkGrant, QueueOptions, Retention, Scheme, SocketGrant, SocketProtocol,
};
pub use queue::{
    Attempt, Block, Cause, Demand, EventFilter, Failure, Figures, Footprint, Holder, Holding, Interrupted,
    Job, JobEvent, JobFilter, JobId, JobState, Machine, NewJob, NewSequence, Notice, Profile, ProfileFilter,
    Queue, QueueBuilder, QueueEvent, QueueEvents, QueueStats, Retry, Runs, Sequence, SequenceFilter,
    SequenceId, SequenceMode, SequenceState, Since, Space, Spread, Step, Stop, Tidied,
};
pub use release::Release;
pub use settings::{Origin, PluginSettings, PluginSource, Settings, SettingsBuilder};
pub use store::DatabaseHealth;
pub use value::{Blob, Value};
