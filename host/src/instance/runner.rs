//! The three ways in which calls share an instance, behind one door.

use std::sync::Arc;
use std::time::Duration;

use super::blueprint::Blueprint;
use super::convert;
use super::exclusive::Exclusive;
use super::fresh::Fresh;
use super::options::Choices;
use super::shared::Shared;
use super::stream::Items;
use crate::capability::bindings::types;
use crate::capability::job::Job;
use crate::catalog::InstanceMode;
use crate::error::{Error, Result};
use crate::policy::Limits;
use crate::value::Value;

/// The limits of one call.
#[derive(Debug, Clone)]
pub(crate) struct CallLimits {
    pub(crate) wall_time: Option<Duration>,
    pub(crate) cpu_time: Option<Duration>,
    pub(crate) fuel: Option<u64>,
    pub(crate) grace: Duration,
    pub(crate) output_bytes: u64,
    pub(crate) stream_items: u64,
    pub(crate) stream_bytes: u64,
}

impl From<&Limits> for CallLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            wall_time: limits.wall_time,
            cpu_time: limits.cpu_time,
            fuel: limits.fuel,
            grace: limits.grace,
            output_bytes: limits.output_bytes,
            stream_items: limits.stream_items,
            stream_bytes: limits.stream_bytes,
        }
    }
}

/// One call, ready to run: validated, and with a job that watchers may hold already.
pub(crate) struct Work {
    pub(crate) job: Arc<Job>,
    pub(crate) limits: Arc<CallLimits>,
    pub(crate) action: Arc<str>,
    input: Value,
    handed_on: bool,
}

/// Why work was not done.
pub(crate) enum Undone<W> {
    /// It went wrong.
    Failed(Error),
    /// The runner was closed before it began: here it is again.
    Closed(Box<W>),
}

impl<W> From<Error> for Undone<W> {
    fn from(error: Error) -> Self {
        Undone::Failed(error)
    }
}

/// However a call goes, its job has ended with it.
impl Drop for Work {
    fn drop(&mut self) {
        if !self.handed_on {
            self.job.finish();
        }
    }
}

impl Work {
    pub(crate) fn new(job: Arc<Job>, limits: Arc<CallLimits>, action: Arc<str>, input: Value) -> Self {
        Self { job, limits, action, input, handed_on: false }
    }

    /// Takes the input out, to be handed to the guest.
    pub(super) fn take_input(&mut self) -> types::Value {
        convert::to_guest(std::mem::replace(&mut self.input, Value::Json(String::new())))
    }

    /// Takes apart what did not begin, to be done elsewhere.
    pub(crate) fn into_parts(self) -> (Arc<Job>, Arc<CallLimits>, Arc<str>, Value) {
        let mut work = self;
        let input = std::mem::replace(&mut work.input, Value::Json(String::new()));
        work.handed_on = true;
        (work.job.clone(), work.limits.clone(), work.action.clone(), input)
    }

    /// Names the work in errors.
    pub(super) fn what(&self) -> String {
        format!("action `{}` of `{}`", self.action, self.job.instance())
    }
}

/// A loaded plugin that takes calls.
pub(crate) enum Runner {
    Exclusive(Exclusive),
    Shared(Shared),
    Fresh(Fresh),
}

impl Runner {
    /// Makes the first instance and initializes it, so that a configuration that it refuses is told now.
    pub(crate) async fn start(blueprint: Arc<Blueprint>, mode: InstanceMode) -> Result<Self> {
        Ok(match mode {
            InstanceMode::Exclusive => Runner::Exclusive(Exclusive::start(blueprint).await?),
            InstanceMode::Shared => Runner::Shared(Shared::start(blueprint).await?),
            InstanceMode::Fresh => Runner::Fresh(Fresh::start(blueprint).await?),
        })
    }

    /// Runs an action. The futures of the modes are boxed but for the most frequent one, which they would make
    /// larger, and with it slower to hand around.
    pub(crate) async fn execute(&self, work: Work) -> Result<Value, Undone<Work>> {
        match self {
            Runner::Exclusive(runner) => runner.execute(work).await,
            Runner::Shared(runner) => Box::pin(runner.execute(work)).await,
            Runner::Fresh(runner) => Box::pin(runner.execute(work)).await,
        }
    }

    /// Runs an action whose results go to `items` as they come; ends when the guest has.
    pub(crate) async fn stream(&self, work: Work, items: Items) -> Result<(), Undone<(Work, Items)>> {
        match self {
            Runner::Exclusive(runner) => runner.stream(work, items).await,
            Runner::Shared(runner) => runner.stream(work, items).await,
            Runner::Fresh(runner) => runner.stream(work, items).await,
        }
    }

    /// Has the plugin fetch what its first job would wait for; nothing where it has no such hook. One that shows no
    /// progress for as long as `stall` is stopped.
    pub(crate) async fn prefetch(&self, stall: Duration) -> Result<()> {
        match self {
            Runner::Exclusive(runner) => runner.prefetch(stall).await,
            Runner::Shared(runner) => runner.prefetch(stall).await,
            Runner::Fresh(runner) => runner.prefetch(stall).await,
        }
    }

    /// Takes calls, or refuses them once those that are there have ended; and tells the plugin.
    pub(crate) async fn switch(&self, on: bool) -> Result<()> {
        match self {
            Runner::Exclusive(runner) => runner.switch(on).await,
            Runner::Shared(runner) => runner.switch(on).await,
            Runner::Fresh(runner) => runner.switch(on).await,
        }
    }

    /// Asks the plugin for the choices that there are for its configuration.
    pub(crate) async fn config_options(&self) -> Result<Choices> {
        match self {
            Runner::Exclusive(runner) => runner.config_options().await,
            Runner::Shared(runner) => runner.config_options().await,
            Runner::Fresh(runner) => runner.config_options().await,
        }
    }

    /// Goes over to another configuration, between two calls.
    pub(crate) async fn reconfigure(&self, config: Arc<str>) -> Result<()> {
        match self {
            Runner::Exclusive(runner) => runner.reconfigure(config).await,
            Runner::Shared(runner) => runner.reconfigure(config).await,
            Runner::Fresh(runner) => runner.reconfigure(config).await,
        }
    }

    /// Drops the instance, if nothing runs in it, and tells it before; false where something runs, or there is none. The
    /// next call makes a new one.
    pub(crate) async fn evict(&self) -> bool {
        match self {
            Runner::Exclusive(runner) => runner.evict().await,
            Runner::Shared(runner) => runner.evict().await,
            // It keeps nothing between calls.
            Runner::Fresh(_) => false,
        }
    }

    /// Lets the running calls end, tells the plugin, and drops it. Later calls are handed back. A second call of this
    /// waits for the first.
    pub(crate) async fn close(&self) {
        match self {
            Runner::Exclusive(runner) => runner.close().await,
            Runner::Shared(runner) => runner.close().await,
            Runner::Fresh(runner) => runner.close().await,
        }
    }
}

/// Waits for a turn, unless the job is cancelled first.
pub(super) async fn turn<T>(
    job: &Job,
    what: impl Fn() -> String,
    turn: impl Future<Output = T>,
) -> Result<T> {
    tokio::select! {
        biased;
        () = job.cancellation().requested() => Err(Error::Cancelled { what: what(), forced: false }),
        turn = turn => Ok(turn),
    }
}

pub(super) fn disabled(blueprint: &Blueprint) -> Error {
    Error::Disabled { plugin: blueprint.sinks.instance.to_string() }
}

pub(super) fn closed(blueprint: &Blueprint) -> Error {
    Error::NotLoaded { plugin: blueprint.sinks.instance.to_string(), reason: "it was unloaded".into() }
}
