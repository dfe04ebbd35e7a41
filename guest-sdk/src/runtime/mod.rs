//! What the macros expand to, and what stands behind it. Not for authors: it changes with the macros.

mod channel;
mod describe;
mod dispatch;
mod rules;
mod stream;

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::thread::LocalKey;

pub use channel::Channel;
pub use describe::{Action, Description, Package, describe, input_schema, no_input_schema, output_schema};
pub use dispatch::{ActionResult, decode, encode, unknown_action};
pub use rules::{valid_name, valid_optional_name, valid_platforms, valid_secrets};
pub use stream::{
    collect_iter, collect_sender, collect_stream, feed_iter, feed_one, feed_sender, feed_stream,
};

use crate::error::Result;
use crate::job::Job;
use crate::plugin::Plugin;
use crate::value::Value;

#[cfg(target_arch = "wasm32")]
pub use crate::wasm::{bindings, exports};

/// Where a component keeps its one instance. Calls hold a share, so that a reconfiguration never pulls it away.
pub type Slot<P> = RefCell<Option<Rc<P>>>;

/// Implemented by `#[actions]`.
pub trait Actions: Plugin {
    /// What the author's manifest says.
    const PACKAGE: Package;
    /// The names of the actions.
    const NAMES: &'static [&'static str];

    /// The actions with their schemas.
    fn actions() -> Vec<Action>;

    /// The place of the component's instance.
    fn slot() -> &'static LocalKey<Slot<Self>>;

    /// Runs an action to its end.
    fn run(&self, job: &Job, action: &str, input: Value) -> impl Future<Output = Result<Value>>;

    /// Runs an action whose results go into a channel.
    fn stream(&self, job: &Job, action: &str, input: Value, out: Channel)
    -> impl Future<Output = Result<()>>;
}

/// Implemented by `#[actions]` where no action awaits, so that the component can export a synchronous function: a host
/// calls that several times faster.
pub trait BlockingActions: Actions {
    /// Runs an action to its end.
    fn run_blocking(&self, job: &Job, action: &str, input: Value) -> Result<Value>;
}

/// Makes the configuration of its JSON.
pub fn parse_config<P: Plugin>(config: &str) -> Result<P::Config> {
    crate::value::from_json(config)
}
