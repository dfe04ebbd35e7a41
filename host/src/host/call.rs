//! One call with options.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::plugin::{Loaded, Plugin};
use super::results::ResultStream;
use super::running::Running;
use crate::capability::job::{Job, JobLimits, Watcher};
use crate::error::{Error, ResourceKind, Result};
use crate::event::Subscription;
use crate::instance::{CallLimits, Items, Work};
use crate::value::Value;

/// A call that was not made yet: await it to run it in this task, [`start`](Call::start) it to run beside this task,
/// or [`stream`](Call::stream) its results.
#[derive(Debug)]
#[must_use = "a call does nothing before it is awaited, started or streamed"]
pub struct Call {
    plugin: Plugin,
    action: String,
    input: Value,
    limits: Arc<CallLimits>,
    name: Option<(Arc<str>, u32)>,
    watcher: Option<Arc<Watcher>>,
    /// Made early where somebody watches from the start.
    job: Option<Arc<Job>>,
}

impl Call {
    pub(super) fn new(plugin: Plugin, action: &str, input: Value) -> Self {
        let limits = plugin.loaded.blueprint.call_limits().clone();
        Self { plugin, action: action.to_owned(), input, limits, name: None, watcher: None, job: None }
    }

    /// Time on the wall that the call may take from when it begins to run. Default: the instance's `wall-time`.
    pub fn timeout(mut self, limit: Duration) -> Self {
        Arc::make_mut(&mut self.limits).wall_time = Some(limit);
        self
    }

    /// Time in which the guest may compute. Default: the instance's `cpu-time`.
    pub fn cpu_time(mut self, limit: Duration) -> Self {
        Arc::make_mut(&mut self.limits).cpu_time = Some(limit);
        self
    }

    /// Fuel that the call may use. The instance must have been loaded with a fuel limit, without which fuel is not
    /// counted. Default: the instance's `fuel`.
    pub fn fuel(mut self, limit: u64) -> Self {
        Arc::make_mut(&mut self.limits).fuel = Some(limit);
        self
    }

    /// Time that the guest has to end by itself once cancellation is requested. Default: the instance's `grace`.
    pub fn grace(mut self, grace: Duration) -> Self {
        Arc::make_mut(&mut self.limits).grace = grace;
        self
    }

    /// The id under which the plugin, its logs and its events know this call: at most 64 bytes; and the number of the
    /// attempt, from 1. Default: an id that is unique in this process, and 1.
    pub fn job(mut self, id: impl Into<Arc<str>>, attempt: u32) -> Self {
        self.name = Some((id.into(), attempt));
        self
    }

    /// What happens to this call, from its beginning on; [`Canceller::events`](crate::Canceller::events) begins when
    /// it is asked. The call has its id from now on, so that [`job`](Call::job) comes first.
    pub fn events(&mut self) -> Subscription {
        let job = self.new_job();
        self.job.insert(job).subscribe()
    }

    /// Has somebody told all that happens to this call, which must have been named, and lets them look at what it uses.
    pub(crate) fn watched_by(mut self, watcher: Watcher) -> Self {
        self.watcher = Some(Arc::new(watcher));
        self
    }

    /// Runs the call in a task of its own, and gives a handle on it. The call runs to its end even if the handle is
    /// dropped.
    ///
    /// Must be called within a tokio runtime.
    pub fn start(self) -> Running {
        let job = self.new_job();
        let task = tokio::spawn({
            let job = job.clone();
            async move { self.run_as(job).await }
        });
        Running::new(job, task)
    }

    /// Runs the call in a task of its own, and gives its results one by one. The guest waits while nobody reads;
    /// dropping the stream cancels the call.
    ///
    /// An action that does not stream gives one result. Must be called within a tokio runtime.
    pub fn stream(self) -> ResultStream {
        let job = self.new_job();
        let (items, reader) =
            Items::new(format!("action `{}` of `{}`", self.action, self.plugin.id()), self.limits.clone());
        let task = tokio::spawn({
            let job = job.clone();
            async move {
                let loaded = self.plugin.current()?;
                let limits = loaded.limits_of(&self.plugin.loaded, self.limits);
                let work = loaded.work(&self.action, self.input, limits, job)?;
                if loaded.streams(&self.action) {
                    loaded.stream(work, items).await
                } else {
                    items.single(loaded.execute(work).await?);
                    Ok(())
                }
            }
        });
        ResultStream::new(job, reader, task)
    }

    pub(super) async fn run(self) -> Result<Value> {
        let job = self.new_job();
        self.run_as(job).await
    }

    async fn run_as(self, job: Arc<Job>) -> Result<Value> {
        let Self { plugin, action, input, limits, .. } = self;
        let loaded = plugin.current()?;
        let limits = loaded.limits_of(&plugin.loaded, limits);
        let work = loaded.work(&action, input, limits, job)?;
        loaded.execute(work).await
    }

    fn new_job(&self) -> Arc<Job> {
        let blueprint = &self.plugin.loaded.blueprint;
        if let Some(job) = &self.job {
            return job.clone();
        }
        let Some((id, attempt)) = &self.name else { return blueprint.new_job() };
        let job = Job::new(blueprint.sinks().clone(), JobLimits::from(blueprint.limits()));
        Arc::new(job.named(id.clone(), *attempt).watched_by(self.watcher.clone()))
    }
}

impl Loaded {
    /// Holds a call against what is known before the guest runs.
    pub(super) fn work(
        &self,
        action: &str,
        input: Value,
        limits: Arc<CallLimits>,
        job: Arc<Job>,
    ) -> Result<Work> {
        if !self.enabled.load(Ordering::Acquire) {
            return Err(Error::Disabled { plugin: self.id.to_string() });
        }
        let of_instance = self.blueprint.limits();
        if limits.fuel.is_some() && of_instance.fuel.is_none() {
            return Err(Error::invalid(format!(
                "`{}` was loaded without a fuel limit, so that its fuel is not counted; load it with one",
                self.id
            )));
        }
        let description = &self.prepared.description;
        let mut actions = description.actions.iter().zip(&self.actions);
        let Some((known, name)) = actions.find(|(known, _)| known.name == action) else {
            return Err(description.unknown_action(action));
        };
        let size = input.len() as u64;
        if size > of_instance.input_bytes {
            return Err(Error::exhausted(
                ResourceKind::Input,
                format!(
                    "the input of action `{name}` is {size} bytes long, over the limit of {}; raise `input-bytes`",
                    of_instance.input_bytes
                ),
                Some(size),
                Some(of_instance.input_bytes),
            ));
        }
        if let Value::Json(text) = &input {
            known.validate_input_json(text)?;
        }
        Ok(Work::new(job, limits, name.clone(), input))
    }
}

impl IntoFuture for Call {
    type Output = Result<Value>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Value>> + Send>>;

    /// Runs the call; see [`Plugin::execute`].
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
