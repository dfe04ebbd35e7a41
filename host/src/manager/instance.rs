//! A bound handle for one instance, which stays good while its plugin is replaced.

use std::sync::Arc;

use super::slot::Slot;
use crate::capability::log::LoggedRecord;
use crate::catalog::Digest;
use crate::error::Result;
use crate::host::{Call, Plugin};
use crate::instance::InstanceStats;
use crate::value::Value;

/// An instance that a [`Manager`](super::Manager) loaded. Cheap to clone.
///
/// Each call goes to the version that is current when it is made: the handle outlives reloads, and calls that run
/// meanwhile end on the version that they began on. It does not keep the instance loaded.
#[derive(Clone)]
pub struct Instance {
    pub(super) slot: Arc<Slot>,
}

impl Instance {
    /// The instance's id.
    pub fn id(&self) -> &str {
        &self.slot.id
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.slot.name
    }

    /// The version that is current. Calls on it after a reload go to the version that took its place.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub fn plugin(&self) -> Result<Plugin> {
        self.slot.version().map(|version| version.plugin.clone())
    }

    /// Whether it is loaded.
    pub fn is_loaded(&self) -> bool {
        self.slot.loaded().is_some()
    }

    /// The digest of the current version's component.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub fn digest(&self) -> Result<Digest> {
        self.plugin().map(|plugin| *plugin.digest())
    }

    /// What the operator should know of how it was loaded, for example that its configuration schema drifted.
    pub fn warnings(&self) -> Vec<String> {
        self.slot.loaded().map(|version| version.warnings.clone()).unwrap_or_default()
    }

    /// Runs one action to its end. See [`Plugin::execute`].
    ///
    /// # Errors
    ///
    /// `not-loaded`, where it is not; otherwise as for [`Plugin::execute`].
    pub async fn execute(&self, action: &str, input: impl Into<Value>) -> Result<Value> {
        self.slot.version()?.plugin.execute(action, input).await
    }

    /// Starts to make a call with options. See [`Plugin::call`].
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub fn call(&self, action: &str, input: impl Into<Value>) -> Result<Call> {
        Ok(self.slot.version()?.plugin.call(action, input))
    }

    /// Has the plugin fetch or warm up what its first job would otherwise wait for; stopped where it makes no progress
    /// for as long as the setting `prefetch-stall` says.
    ///
    /// # Errors
    ///
    /// `timed-out`, where it stalled; otherwise as for [`Plugin::prefetch`].
    pub async fn prefetch(&self) -> Result<()> {
        self.plugin()?.prefetch().await
    }

    /// What it did and used since it was loaded, in its current version.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub fn stats(&self) -> Result<InstanceStats> {
        self.plugin().map(|plugin| plugin.stats())
    }

    /// The latest of what it logged, oldest first.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub fn logs(&self) -> Result<Vec<LoggedRecord>> {
        self.plugin().map(|plugin| plugin.logs())
    }

    /// The latest of what one call logged, oldest first.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub fn logs_of(&self, job: &str) -> Result<Vec<LoggedRecord>> {
        self.plugin().map(|plugin| plugin.logs_of(job))
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}
