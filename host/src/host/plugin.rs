//! A handle on a loaded plugin.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use super::Inner;
use super::call::Call;
use super::loader::configuration;
use super::prepare::Prepared;
use crate::capability::log::LoggedRecord;
use crate::catalog::{Description, Digest, Inspection, InstanceMode};
use crate::error::Result;
use crate::event::{EventKind, Subscription};
use crate::instance::{Blueprint, Choice, InstanceStats, Runner};
use crate::policy::Limits;
use crate::value::Value;

/// A loaded plugin. Cheap to clone; it stays loaded until [`unload`](Plugin::unload) or until the last handle is
/// dropped.
#[derive(Clone)]
pub struct Plugin {
    pub(super) loaded: Arc<Loaded>,
}

pub(super) struct Loaded {
    pub(super) id: Arc<str>,
    pub(super) prepared: Arc<Prepared>,
    pub(super) blueprint: Arc<Blueprint>,
    pub(super) runner: Runner,
    /// Names of the actions, in the description's order, ready to be handed on.
    pub(super) actions: Vec<Arc<str>>,
    pub(super) enabled: AtomicBool,
    /// Whether the host knows it under its id.
    pub(super) registered: AtomicBool,
    /// Whether another took its place.
    pub(super) replaced: AtomicBool,
    pub(super) host: Weak<Inner>,
    mode: InstanceMode,
    prefetch_stall: Duration,
}

impl Loaded {
    pub(super) fn new(
        id: Arc<str>,
        host: &Arc<Inner>,
        prepared: Arc<Prepared>,
        blueprint: Arc<Blueprint>,
        runner: Runner,
        mode: InstanceMode,
        prefetch_stall: Duration,
    ) -> Self {
        let actions = prepared.description.actions.iter().map(|action| action.name.as_str().into()).collect();
        let flag = AtomicBool::new;
        let (enabled, registered, replaced) = (flag(true), flag(false), flag(false));
        let host = Arc::downgrade(host);
        Self {
            id,
            prepared,
            blueprint,
            runner,
            actions,
            enabled,
            registered,
            replaced,
            host,
            mode,
            prefetch_stall,
        }
    }

    /// Whether a registration is this one's.
    pub(super) fn is(&self, registered: &Weak<Self>) -> bool {
        std::ptr::eq(registered.as_ptr(), self)
    }

    /// Whether this action gives its results one by one.
    pub(super) fn streams(&self, action: &str) -> bool {
        self.blueprint.streams()
            && self.prepared.description.action(action).is_some_and(|action| action.streams)
    }

    /// Gives the id back, if it is this plugin's, and tells so.
    fn forget(&self) {
        if !self.registered.swap(false, Ordering::AcqRel) {
            return;
        }
        if let Some(host) = self.host.upgrade() {
            let mut all = host.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            if all.get(&self.id).is_some_and(|known| self.is(known)) {
                all.remove(&self.id);
            }
        }
        self.blueprint.sinks().emit(|| EventKind::Unloaded);
    }
}

/// A plugin whose last handle goes is unloaded as well, without being told.
impl Drop for Loaded {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Plugin {
    /// What takes calls: this version, or what took its place.
    pub(super) fn current(&self) -> Result<Arc<Loaded>> {
        if self.loaded.was_replaced() { self.loaded.successor() } else { Ok(self.loaded.clone()) }
    }

    /// The instance's id.
    pub fn id(&self) -> &str {
        &self.loaded.id
    }

    /// What the plugin says of itself.
    pub fn description(&self) -> &Description {
        &self.loaded.prepared.description
    }

    /// What the component's bytes say.
    pub fn inspection(&self) -> &Inspection {
        &self.loaded.prepared.inspection
    }

    /// The component's digest.
    pub fn digest(&self) -> &Digest {
        &self.loaded.prepared.inspection.digest
    }

    /// The limits of the instance, and of calls that change none.
    pub fn limits(&self) -> &Limits {
        self.loaded.blueprint.limits()
    }

    /// How calls share the instance.
    pub fn instance_mode(&self) -> InstanceMode {
        self.loaded.mode
    }

    /// The configuration, with the defaults filled in, as JSON text.
    pub fn config(&self) -> Arc<str> {
        self.loaded.blueprint.config()
    }

    /// Tells this component under this configuration from all others, by one digest: the SHA-256 of the canonical JSON
    /// (RFC 8785) of an object with the component's digest as `component` and the configuration, with its defaults, as
    /// `configuration`. What is measured of jobs is kept by it.
    pub fn configuration_digest(&self) -> Digest {
        self.loaded.blueprint.config_digest(self.digest())
    }

    /// Runs one action to its end, in the caller's own task.
    ///
    /// When it returns, the instance is ready for the next call, whatever became of this one.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such action, or the input does not fit its schema: then nothing has run.
    /// `disabled`, `not-loaded`. `timed-out`, `resource-exhausted` and `trapped`, where the guest went over a limit or
    /// died: then there is a new instance. Otherwise what the plugin says.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops the instance; the next call makes a new one. To let the guest end by itself, use
    /// [`Call::start`] and [`Running::cancel`](crate::Canceller::cancel).
    pub async fn execute(&self, action: &str, input: impl Into<Value>) -> Result<Value> {
        if self.loaded.was_replaced() {
            let current = Plugin { loaded: self.current()? };
            return Box::pin(current.call(action, input).run()).await;
        }
        let blueprint = &self.loaded.blueprint;
        let (limits, job) = (blueprint.call_limits().clone(), blueprint.new_job());
        let work = self.loaded.work(action, input.into(), limits, job)?;
        self.loaded.execute(work).await
    }

    /// Starts to make a call with options.
    pub fn call(&self, action: &str, input: impl Into<Value>) -> Call {
        Call::new(self.clone(), action, input.into())
    }

    /// What happens from now on in this instance.
    pub fn events(&self) -> Subscription {
        self.loaded.blueprint.sinks().plugin.subscribe()
    }

    /// What the plugin logged and printed lately, the oldest first: at most 1,024 records, of at most 1 MiB together.
    /// It includes what hooks and initializations logged, and what versions before this one did that it
    /// [replaced](crate::Loader::replace).
    pub fn logs(&self) -> Vec<LoggedRecord> {
        self.loaded.blueprint.sinks().logs.all()
    }

    /// Of [`logs`](Plugin::logs), those of one job.
    pub fn logs_of(&self, job: &str) -> Vec<LoggedRecord> {
        self.loaded.blueprint.sinks().logs.of(job)
    }

    /// What the instance did and used since it was loaded.
    pub fn stats(&self) -> InstanceStats {
        self.loaded.blueprint.stats()
    }

    /// Has the plugin fetch or warm up what its first job would otherwise wait for. Without effect where it has no
    /// such hook. Its progress is told as that of a job.
    ///
    /// It may take as long as it reports progress, whatever the limits say of time on the wall: one that reports
    /// neither another fraction nor another message for 60 seconds, or what [`Loader::prefetch_stall`] says, is
    /// cancelled like a call.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Plugin::execute); `timed-out` by the clock [`Progress`](crate::Clock::Progress), where it
    /// showed none.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops the instance; the next call makes a new one.
    ///
    /// [`Loader::prefetch_stall`]: crate::Loader::prefetch_stall
    pub async fn prefetch(&self) -> Result<()> {
        self.prefetch_with(self.loaded.prefetch_stall).await
    }

    /// As [`prefetch`](Plugin::prefetch), with the time that it may take without showing progress.
    ///
    /// # Errors
    ///
    /// The same.
    pub async fn prefetch_with(&self, stall: Duration) -> Result<()> {
        self.loaded.runner.prefetch(stall).await
    }

    /// Goes over to another configuration once the running calls have ended.
    ///
    /// Fields that the schema marks with `x-cjm-reload` have the plugin give back the resource that hangs on them, before
    /// it goes over with its instance. Where one asks for a new `instance`, or the plugin has no hooks, or a hook fails,
    /// there is a new instance with the new configuration. A configuration that is the same changes nothing.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where it does not fit the schema; or what the plugin says of it: then the configuration is
    /// what it was.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the configuration as it was, or as it shall be; the next call makes a new instance
    /// with it.
    pub async fn reconfigure(&self, config: serde_json::Value) -> Result<()> {
        let config = configuration(self.id(), self.description(), config)?;
        self.loaded.runner.reconfigure(config).await
    }

    /// The choices that there are at the moment for the fields of the configuration that the schema marks with
    /// `x-cjm-options`, by their JSON pointers; an asterisk stands for an index or a name that is not fixed. Asks the
    /// plugin, once the running calls have ended. Empty where it tells none.
    ///
    /// At most 1,000 choices of a field are kept, and 256 fields. They are advice: a configuration with another value
    /// may fit.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Plugin::execute).
    pub async fn config_options(&self) -> Result<BTreeMap<String, Vec<Choice>>> {
        self.loaded.runner.config_options().await
    }

    /// Whether calls are taken.
    pub fn is_enabled(&self) -> bool {
        self.loaded.enabled.load(Ordering::Acquire)
    }

    /// Tells the plugin, and takes calls again, whatever it says.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Plugin::execute).
    pub async fn enable(&self) -> Result<()> {
        if self.loaded.enabled.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.loaded.runner.switch(true).await
    }

    /// Refuses calls from now on, and tells the plugin once those that run or wait have ended.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Plugin::execute); the plugin is disabled all the same.
    pub async fn disable(&self) -> Result<()> {
        if !self.loaded.enabled.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.loaded.runner.switch(false).await
    }

    /// How long no call has run; none while one does.
    pub fn idle_for(&self) -> Option<Duration> {
        self.loaded.blueprint.idle()
    }

    /// Gives back the memory of the instance, if no call runs or waits: has it release the resources that the fields of
    /// its configuration name, tells it that it goes, and drops it. The plugin stays loaded, and all handles on it stay
    /// good; the next call makes a new instance, which knows nothing of what this one kept. How much linear memory that
    /// gave back, in bytes; 0 where a call runs, or there is no instance.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops the instance, if that has begun.
    pub async fn evict(&self) -> u64 {
        let before = self.stats().memory_bytes;
        if !self.loaded.runner.evict().await {
            return 0;
        }
        before.saturating_sub(self.stats().memory_bytes)
    }

    /// Lets the calls that run or wait end, tells the plugin, and drops its instance. Calls from other handles are
    /// refused with `not-loaded` afterwards, and the id is free.
    ///
    /// Of a plugin that was [replaced](crate::Loader::replace) it waits until the old version is gone, and leaves the
    /// new one alone.
    pub async fn unload(&self) {
        self.loaded.runner.close().await;
        self.loaded.forget();
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("id", &self.id())
            .field("digest", self.digest())
            .finish_non_exhaustive()
    }
}
