//! A handle on a loaded plugin.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::Inner;
use super::call::Call;
use super::loader::configuration;
use super::prepare::Prepared;
use crate::catalog::{Description, Digest, Inspection, InstanceMode};
use crate::error::Result;
use crate::event::Subscription;
use crate::instance::{Blueprint, Runner};
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
    mode: InstanceMode,
    host: Weak<Inner>,
}

impl Loaded {
    pub(super) fn new(
        id: Arc<str>,
        host: &Arc<Inner>,
        prepared: Arc<Prepared>,
        blueprint: Arc<Blueprint>,
        runner: Runner,
        mode: InstanceMode,
    ) -> Self {
        let actions = prepared.description.actions.iter().map(|action| action.name.as_str().into()).collect();
        let (enabled, host) = (AtomicBool::new(true), Arc::downgrade(host));
        Self { id, prepared, blueprint, runner, actions, enabled, mode, host }
    }
}

impl Plugin {
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
        let blueprint = &self.loaded.blueprint;
        let (limits, job) = (blueprint.call_limits().clone(), blueprint.new_job());
        let work = self.loaded.work(action, input.into(), limits, job)?;
        self.loaded.runner.execute(work).await
    }

    /// Starts to make a call with options.
    pub fn call(&self, action: &str, input: impl Into<Value>) -> Call {
        Call::new(self.clone(), action, input.into())
    }

    /// What happens from now on in this instance.
    pub fn events(&self) -> Subscription {
        self.loaded.blueprint.sinks().plugin.subscribe()
    }

    /// Has the plugin fetch or warm up what its first job would otherwise wait for. Without effect where it has no
    /// such hook.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Plugin::execute).
    pub async fn prefetch(&self) -> Result<()> {
        self.loaded.runner.prefetch().await
    }

    /// Goes over to another configuration once the running calls have ended. A plugin with the hook `reconfigure`
    /// keeps its instance; others get a new one.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where it does not fit the schema; or what the plugin says of it: then the configuration is
    /// what it was.
    pub async fn reconfigure(&self, config: serde_json::Value) -> Result<()> {
        let config = configuration(self.id(), self.description(), config)?;
        self.loaded.runner.reconfigure(config).await
    }

    /// Whether calls are taken.
    pub fn is_enabled(&self) -> bool {
        self.loaded.enabled.load(Ordering::Acquire)
    }

    /// Takes calls again, and tells the plugin.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Plugin::execute).
    pub async fn enable(&self) -> Result<()> {
        if self.loaded.enabled.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.loaded.runner.switched(true).await
    }

    /// Refuses calls from now on, and tells the plugin once the running ones have ended.
    ///
    /// # Errors
    ///
    /// As for [`execute`](Plugin::execute).
    pub async fn disable(&self) -> Result<()> {
        if !self.loaded.enabled.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.loaded.runner.switched(false).await
    }

    /// Lets the running calls end, tells the plugin, and drops its instance. Calls from other handles are refused
    /// with `not-loaded` afterwards, and the id is free.
    pub async fn unload(&self) {
        self.loaded.runner.close().await;
        if let Some(host) = self.loaded.host.upgrade() {
            host.forget(&self.loaded.id);
        }
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
