//! Gathering the layers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::Environment;
use super::file::SettingsFile;
use super::layer::Layer;
use super::origin::{Origin, Setting};
use super::queue::QueueLayer;
use super::{Settings, check, find};
use crate::capability::secrets::SecretsBackend;
use crate::catalog::TrustLevel;
use crate::error::{Error, Result};
use crate::policy::LimitOverrides;

/// The default of `prefetch-stall`.
const PREFETCH_STALL: Duration = Duration::from_secs(60);

/// Gathers [`Settings`]. What is given here is the uppermost layer, as options of a command line are.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is read before `load`"]
pub struct SettingsBuilder {
    file: Option<PathBuf>,
    project_dir: Option<PathBuf>,
    environment: Option<Environment>,
    data_dir: Option<PathBuf>,
    plugins_dir: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    trust: Option<TrustLevel>,
    drift_detection: Option<bool>,
    prefetch_stall: Option<Duration>,
    secrets_backend: Option<SecretsBackend>,
    secrets_scope: Option<String>,
    limits: LimitOverrides,
    queue: QueueLayer,
}

impl SettingsBuilder {
    /// The `cjm.toml` to be read, which must be there. Default: that of the environment (`CJM_CONFIG`); else that in a
    /// data folder which was given here or by the environment; else the nearest in the project's folder and those that
    /// it is in; else none.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.file = Some(path.as_ref().to_owned());
        self
    }

    /// The folder that paths given here and by the environment are relative to, and in which `cjm.toml` is looked for.
    /// Default: the current folder.
    pub fn project_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.project_dir = Some(path.as_ref().to_owned());
        self
    }

    /// Environment variables in place of this process's own; of those, `CJM_…` are read.
    pub fn environment<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.environment = Some(Environment::new(variables));
        self
    }

    /// The data folder. Default: `.cjm` beside `cjm.toml`, or in the project's folder where there is no such file.
    pub fn data_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.data_dir = Some(path.as_ref().to_owned());
        self
    }

    /// The folder of plugins. Default: `plugins` in the data folder.
    pub fn plugins_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.plugins_dir = Some(path.as_ref().to_owned());
        self
    }

    /// The folder of compiled code. Default: `cache` in the data folder.
    pub fn cache_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.cache_dir = Some(path.as_ref().to_owned());
        self
    }

    /// What a component must show before it is loaded. Default: nothing.
    pub fn trust(mut self, level: TrustLevel) -> Self {
        self.trust = Some(level);
        self
    }

    /// Whether a configuration's schema is compared with that of the installation. Default: true.
    pub fn drift_detection(mut self, on: bool) -> Self {
        self.drift_detection = Some(on);
        self
    }

    /// How long a prefetch may go on without progress. Default: 60 s.
    pub fn prefetch_stall(mut self, time: Duration) -> Self {
        self.prefetch_stall = Some(time);
        self
    }

    /// Where secrets are kept. Default: in files of the data folder.
    pub fn secrets_backend(mut self, backend: SecretsBackend) -> Self {
        self.secrets_backend = Some(backend);
        self
    }

    /// The scope of secrets, for example a tenant's: 1 to 64 characters of `[A-Za-z0-9_.-]`. Default: `default`.
    pub fn secrets_scope(mut self, scope: impl Into<String>) -> Self {
        self.secrets_scope = Some(scope.into());
        self
    }

    /// Limits of all plugins, over those of `[limits]` in `cjm.toml`.
    pub fn limits(mut self, limits: LimitOverrides) -> Self {
        self.limits = limits;
        self
    }

    /// One of the keys of `[queue]`, by its path from there, as `["retention", "jobs"]`; see [`QueueOptions`].
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such key, or the value does not fit.
    ///
    /// [`QueueOptions`]: crate::QueueOptions
    pub fn queue(mut self, path: &[&str], value: impl Into<serde_json::Value>) -> Result<Self> {
        let option = format!("--{}", path.join("-"));
        self.queue.set(path, Setting::new(value.into(), Origin::option(&option)))?;
        Ok(self)
    }

    /// Reads the environment and `cjm.toml`, and lays the layers over one another. It blocks for as long as reading the
    /// file takes.
    ///
    /// # Errors
    ///
    /// `invalid-input`, with the option, the variable, or the file with line, column and key, that is wrong.
    pub fn load(self) -> Result<Settings> {
        let project_dir = self.absolute_project_dir()?;
        let environment = self.environment.clone().unwrap_or_else(Environment::of_this_process);
        let given_file = self.file.clone().map(|path| project_dir.join(path));
        let of_this_run = self.layer(&project_dir)?.over(environment.layer(&project_dir)?);

        let path = match given_file.or_else(|| environment.file(&project_dir)) {
            Some(path) => Some(path),
            None => {
                let beside_data =
                    of_this_run.data_dir.as_ref().map(|dir| find::in_dir(&dir.value)).transpose()?;
                beside_data.flatten().map_or_else(|| find::upwards(&project_dir), |path| Ok(Some(path)))?
            }
        };
        let file = match &path {
            Some(path) => SettingsFile::read(path)?,
            None => SettingsFile::default(),
        };
        let base = path.as_deref().and_then(Path::parent).unwrap_or(&project_dir).to_owned();
        let layer = of_this_run.over(file.layer);

        let data_dir = layer.data_dir.unwrap_or_else(|| Setting::default(base.join(".cjm")));
        // What was chosen for this run is left as it was by other runs, and so is what is locked there.
        let lock_dir = if data_dir.origin.is_of_this_run() { &data_dir.value } else { &base };
        let in_data_dir = |name| Setting::default(data_dir.value.join(name));
        Ok(Settings {
            lock_file: lock_dir.join("cjm.lock"),
            plugins_dir: layer.plugins_dir.unwrap_or_else(|| in_data_dir("plugins")),
            cache_dir: layer.cache_dir.unwrap_or_else(|| in_data_dir("cache")),
            data_dir,
            trust: layer.trust.unwrap_or_else(|| Setting::default(TrustLevel::default())),
            drift_detection: layer.drift_detection.unwrap_or_else(|| Setting::default(true)),
            prefetch_stall: layer.prefetch_stall.unwrap_or_else(|| Setting::default(PREFETCH_STALL)),
            secrets_backend: layer
                .secrets_backend
                .unwrap_or_else(|| Setting::default(SecretsBackend::default())),
            secrets_scope: layer.secrets_scope.unwrap_or_else(|| Setting::default("default".to_owned())),
            limits: layer.limits,
            limit_origins: layer.limit_origins,
            queue: layer.queue.options()?,
            queue_layer: layer.queue,
            plugins: file.plugins,
            plugin_leaves: file.plugin_leaves,
            file: path,
        })
    }

    fn absolute_project_dir(&self) -> Result<PathBuf> {
        let dir = self.project_dir.as_deref().unwrap_or(Path::new("."));
        std::path::absolute(dir).map_err(|error| Error::io("find the folder", dir, &error))
    }

    /// What was given here.
    fn layer(self, dir: &Path) -> Result<Layer> {
        let folder = |option: &str, path: Option<PathBuf>| match path {
            Some(path) if path.as_os_str().is_empty() => {
                Err(Error::invalid(format!("{option} is empty; give it a folder, or leave it out")))
            }
            path => Ok(path.map(|path| Setting::new(dir.join(path), Origin::option(option)))),
        };
        if let Some(stall) = self.prefetch_stall {
            check::stall(stall)?;
        }
        if let Some(scope) = &self.secrets_scope {
            check::scope(scope)?;
        }
        Ok(Layer {
            data_dir: folder("--data-dir", self.data_dir)?,
            plugins_dir: folder("--plugins-dir", self.plugins_dir)?,
            cache_dir: folder("--cache-dir", self.cache_dir)?,
            trust: given("--trust", self.trust),
            drift_detection: given("--drift-detection", self.drift_detection),
            prefetch_stall: given("--prefetch-stall", self.prefetch_stall),
            secrets_backend: given("--secrets-backend", self.secrets_backend),
            secrets_scope: given("--secrets-scope", self.secrets_scope),
            limit_origins: keys(&self.limits).map(|key| (key, Origin::option("--limit"))).collect(),
            limits: self.limits,
            queue: self.queue,
        })
    }
}

fn keys(limits: &LimitOverrides) -> impl Iterator<Item = String> {
    limits.iter().map(|(key, _)| key.to_owned())
}

fn given<T>(option: &str, value: Option<T>) -> Option<Setting<T>> {
    value.map(|value| Setting::new(value, Origin::option(option)))
}
