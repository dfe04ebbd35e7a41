//! What an operator set: the command line over the environment over `cjm.toml` over the defaults.

mod builder;
mod check;
mod document;
mod environment;
mod file;
mod find;
mod layer;
mod origin;
mod plugin;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use self::queue::QueueLayer;
use crate::capability::secrets::{SecretStore, SecretsBackend};
use crate::catalog::TrustLevel;
use crate::error::Result;
use crate::policy::{LimitOverrides, Limits, QueueOptions};
pub use builder::SettingsBuilder;
use document::{Leaf, dotted};
pub use origin::Origin;
use origin::Setting;
pub use plugin::{PluginSettings, PluginSource};

/// The settings of a project, from all their layers. Paths are absolute.
///
/// # Examples
///
/// ```
/// use cjm_host::Settings;
///
/// # fn main() -> cjm_host::Result<()> {
/// # let project = tempfile::tempdir().unwrap();
/// # std::fs::write(project.path().join("cjm.toml"), "secrets-scope = \"acme\"").unwrap();
/// let settings = Settings::builder().project_dir(&project).environment([("CJM_TRUST", "locked")]).load()?;
/// assert_eq!(settings.secrets_scope(), "acme");
/// assert_eq!(settings.trust().as_str(), "locked");
/// for (key, value, origin) in settings.origins() {
///     println!("{key} = {value}  # {origin}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    file: Option<PathBuf>,
    lock_file: PathBuf,
    data_dir: Setting<PathBuf>,
    plugins_dir: Setting<PathBuf>,
    cache_dir: Setting<PathBuf>,
    trust: Setting<TrustLevel>,
    drift_detection: Setting<bool>,
    prefetch_stall: Setting<Duration>,
    secrets_backend: Setting<SecretsBackend>,
    secrets_scope: Setting<String>,
    limits: LimitOverrides,
    /// Of those that are named in `limits`.
    limit_origins: BTreeMap<String, Origin>,
    queue: QueueOptions,
    queue_layer: QueueLayer,
    plugins: BTreeMap<String, PluginSettings>,
    /// What is set under `plugins` in the file, with the lines.
    plugin_leaves: Vec<Leaf>,
}

impl Settings {
    /// The settings that hold in the current folder; see [`SettingsBuilder::load`].
    ///
    /// # Errors
    ///
    /// As for [`SettingsBuilder::load`].
    pub fn find() -> Result<Self> {
        Self::builder().load()
    }

    /// Gathers settings from the environment and the current folder, unless it is told otherwise.
    pub fn builder() -> SettingsBuilder {
        SettingsBuilder::default()
    }

    /// The `cjm.toml` that was read, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// `cjm.lock`: beside `cjm.toml`, or in the data folder where that was chosen for this run.
    pub fn lock_file(&self) -> &Path {
        &self.lock_file
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir.value
    }

    /// The folder of plugins.
    pub fn plugins_dir(&self) -> &Path {
        &self.plugins_dir.value
    }

    /// The folder of compiled code.
    pub fn cache_dir(&self) -> &Path {
        &self.cache_dir.value
    }

    /// The database, in the data folder.
    pub fn database_file(&self) -> PathBuf {
        self.data_dir().join("cjm.db")
    }

    /// The folder for files of secrets, in the data folder.
    pub fn secrets_dir(&self) -> PathBuf {
        self.data_dir().join("secrets")
    }

    /// The folder of the keys whose signatures count, in the data folder.
    pub fn trusted_keys_dir(&self) -> PathBuf {
        self.data_dir().join("trusted-keys")
    }

    /// What a component must show before it is loaded.
    pub fn trust(&self) -> TrustLevel {
        self.trust.value
    }

    /// Whether a configuration's schema is compared with that of the installation.
    pub fn drift_detection(&self) -> bool {
        self.drift_detection.value
    }

    /// How long a prefetch may go on without progress.
    pub fn prefetch_stall(&self) -> Duration {
        self.prefetch_stall.value
    }

    /// Where secrets are kept.
    pub fn secrets_backend(&self) -> SecretsBackend {
        self.secrets_backend.value
    }

    /// The scope of secrets, for example a tenant's.
    pub fn secrets_scope(&self) -> &str {
        &self.secrets_scope.value
    }

    /// The secrets of this scope.
    ///
    /// # Errors
    ///
    /// As for [`SecretStore::open`].
    pub fn secrets(&self) -> Result<SecretStore> {
        SecretStore::open(self.secrets_backend(), self.secrets_dir(), self.secrets_scope())
    }

    /// Limits of all plugins, to be laid over the defaults and under those of each plugin.
    pub fn limits(&self) -> &LimitOverrides {
        &self.limits
    }

    /// How a queue in this data folder runs its jobs.
    pub fn queue(&self) -> &QueueOptions {
        &self.queue
    }

    /// What `cjm.toml` says of single plugins, by name.
    pub fn plugins(&self) -> &BTreeMap<String, PluginSettings> {
        &self.plugins
    }

    /// What `cjm.toml` says of one plugin.
    pub fn plugin(&self, name: &str) -> Option<&PluginSettings> {
        self.plugins.get(name)
    }

    /// Every setting with its value, as it would be written in `cjm.toml`, and its origin. Those of single plugins are
    /// listed as far as they are set.
    pub fn origins(&self) -> Vec<(String, String, Origin)> {
        let mut all = Vec::new();
        let mut add = |key: &str, value: String, origin: &Origin| {
            all.push((key.to_owned(), value, origin.clone()));
        };
        let text = |value: &str| toml::Value::from(value).to_string();
        let path = |setting: &Setting<PathBuf>| text(&setting.value.display().to_string());
        let stall = humantime::format_duration(self.prefetch_stall.value).to_string();
        add("data-dir", path(&self.data_dir), &self.data_dir.origin);
        add("plugins-dir", path(&self.plugins_dir), &self.plugins_dir.origin);
        add("cache-dir", path(&self.cache_dir), &self.cache_dir.origin);
        add("trust", text(self.trust.value.as_str()), &self.trust.origin);
        add("drift-detection", self.drift_detection.value.to_string(), &self.drift_detection.origin);
        add("prefetch-stall", text(&stall), &self.prefetch_stall.origin);
        add("secrets-backend", text(self.secrets_backend.value.as_str()), &self.secrets_backend.origin);
        add("secrets-scope", text(&self.secrets_scope.value), &self.secrets_scope.origin);
        let limit = |value: &Value| if value.is_null() { text("none") } else { value.to_string() };
        let written: BTreeMap<_, _> = self.limits.iter().collect();
        for (key, default) in default_limits() {
            let value = written.get(key.as_str()).copied().unwrap_or(&default);
            let origin = self.limit_origins.get(&key).unwrap_or(&Origin::Default);
            add(&format!("limits.{key}"), limit(value), origin);
        }
        let lanes = self.queue.lanes.keys().map(|lane| (vec!["lanes".to_owned(), lane.clone()], Value::Null));
        for (path, default) in queue::defaults().into_iter().chain(lanes) {
            let found = self.queue_layer.get(&path);
            let value = found.map_or(&default, |setting| &setting.value);
            let origin = found.map_or(&Origin::Default, |setting| &setting.origin);
            let names: Vec<_> = path.iter().map(String::as_str).collect();
            add(&dotted(&[&["queue"], names.as_slice()].concat()), limit(value), origin);
        }
        for leaf in &self.plugin_leaves {
            let path = self.file.clone().unwrap_or_default();
            add(&leaf.key, leaf.value.clone(), &Origin::File { path, line: leaf.line });
        }
        all
    }
}

/// The keys and values of the default limits.
fn default_limits() -> serde_json::Map<String, Value> {
    match serde_json::to_value(Limits::default()) {
        Ok(Value::Object(limits)) => limits,
        _ => serde_json::Map::new(),
    }
}
