//! Loading a component with options.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Host;
use super::granted::check_granted;
use super::needs::{check_platform, check_secrets};
use super::plugin::{Loaded, Plugin};
use super::prepare::{Purpose, read};
use crate::capability::job::Sinks;
use crate::capability::secrets::{Secret, Secrets};
use crate::catalog::{Description, Digest, InstanceMode};
use crate::error::{Error, Result};
use crate::instance::{Blueprint, Lent, Runner};
use crate::policy::{Grant, Grants, Limits};

/// Where a component comes from.
#[derive(Clone)]
#[non_exhaustive]
pub enum Source {
    /// A file.
    Path(PathBuf),
    /// Bytes in memory.
    Bytes {
        /// What they are called in messages.
        name: String,
        /// The component.
        bytes: Arc<[u8]>,
    },
}

impl Source {
    /// A file.
    pub fn path(path: impl AsRef<Path>) -> Self {
        Source::Path(path.as_ref().to_path_buf())
    }

    /// Bytes in memory; `name` stands for them in messages.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Source::Bytes { name: name.into(), bytes: bytes.into() }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Source::Path(path) => path.display().to_string(),
            Source::Bytes { name, .. } => name.clone(),
        }
    }

    /// The component's bytes. Blocks.
    pub(super) fn read(&self) -> Result<Cow<'_, [u8]>> {
        match self {
            Source::Path(path) => read(path).map(Cow::Owned),
            Source::Bytes { bytes, .. } => Ok(Cow::Borrowed(bytes)),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.name())
    }
}

/// Loads a component with options. Made by [`Host::loader`].
#[derive(Debug)]
#[must_use = "nothing is loaded before `load`"]
pub struct Loader {
    pub(super) host: Host,
    source: Source,
    pub(super) id: Option<String>,
    config: serde_json::Value,
    limits: Limits,
    mode: Option<InstanceMode>,
    grants: Grants,
    secrets: Secrets,
    digest: Option<Digest>,
    prefetch_stall: Duration,
}

/// How long a prefetch may show no progress unless something else is said.
const PREFETCH_STALL: Duration = Duration::from_secs(60);

impl Loader {
    pub(super) fn new(host: Host, source: Source) -> Self {
        let limits = host.limits().clone();
        Self {
            host,
            source,
            id: None,
            config: serde_json::Value::Object(serde_json::Map::new()),
            limits,
            mode: None,
            grants: Grants::default(),
            secrets: Secrets::default(),
            digest: None,
            prefetch_stall: PREFETCH_STALL,
        }
    }

    /// The id of the instance: 1 to 64 characters of `[A-Za-z0-9_-]`, unique in the host. With ids of their own,
    /// several instances of one plugin can be loaded. Default: the plugin's name.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The configuration. The schema's defaults are filled in, then it is validated. Default: `{}`.
    pub fn config(mut self, config: serde_json::Value) -> Self {
        self.config = config;
        self
    }

    /// The limits of the instance and its calls. Default: the host's.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How calls share the instance, against what the plugin asks for. A plugin that asks for `exclusive` may not be
    /// ready for `shared`.
    pub fn instance_mode(mut self, mode: InstanceMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// The digest that the component must have: one that was altered is refused before anything of it is looked at.
    /// Default: any.
    pub fn digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// How long a [prefetch](Plugin::prefetch) may show no progress before it is stopped. Default: 60 s.
    pub fn prefetch_stall(mut self, stall: Duration) -> Self {
        self.prefetch_stall = stall;
        self
    }

    /// Adds what the plugin may use beyond computing. Default: nothing.
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants.union(&grants);
        self
    }

    /// Adds secrets, of which the plugin gets those that its [`grants`](Self::grants) name. Default: none.
    pub fn secrets(mut self, secrets: &Secrets) -> Self {
        for name in secrets.names() {
            if let Some(secret) = secrets.get(name) {
                self.secrets.insert(name, secret.clone());
            }
        }
        self
    }

    /// Adds a secret and grants it, under the name by which the plugin asks for it.
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.secrets.insert(name.clone(), Secret::new(value));
        self.grants.insert(Grant::Secret(name));
        self
    }

    /// Compiles the component, or takes it from the cache, asks it what it is, and initializes an instance.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where the file is no plugin for this host or was altered, the configuration does not fit its
    /// schema, a folder that is granted cannot be lent, or a secret that is granted and required is not there;
    /// `not-granted`, with the imports and the required secrets that are not, and how to grant them; what the plugin
    /// says of its initialization; and what can become of any call.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the load, except for a compilation that has begun.
    pub async fn load(self) -> Result<Plugin> {
        let host = self.host.clone();
        let loaded = self.prepare_instance(None).await?;
        host.register(&loaded)?;
        Ok(Plugin { loaded })
    }

    /// Does all of it but for the registration. What takes the place of another has its watchers and its records.
    pub(super) async fn prepare_instance(self, in_place_of: Option<&Loaded>) -> Result<Arc<Loaded>> {
        let prepared = self.host.prepare(self.source, &self.limits, self.digest, Purpose::Instances).await?;
        let description = &prepared.description;
        check_granted(description, &prepared.inspection.imports, &self.grants)?;
        let id = self.id.unwrap_or_else(|| description.name.clone());
        check_id(&id)?;
        check_platform(description)?;
        check_secrets(description, &self.secrets)?;
        let id: Arc<str> = id.into();
        let config = configuration(&id, description, self.config)?;
        let sinks = match in_place_of {
            Some(old) => old.blueprint.sinks().clone(),
            None => Arc::new(Sinks::new(id.clone(), self.host.inner.events.clone())),
        };
        let lent = Lent::new(&self.grants, &self.secrets, &sinks)?;
        let schema = description.config_schema.clone();
        let blueprint =
            Arc::new(Blueprint::new(prepared.catalogued.clone(), self.limits, sinks, lent, schema, config));
        let mode = self.mode.unwrap_or(description.instance);
        let runner = Runner::start(blueprint.clone(), mode).await?;
        let loaded =
            Loaded::new(id, &self.host.inner, prepared, blueprint, runner, mode, self.prefetch_stall);
        Ok(Arc::new(loaded))
    }
}

/// The configuration with its defaults, as text, if it fits.
pub(super) fn configuration(
    id: &str,
    description: &Description,
    mut config: serde_json::Value,
) -> Result<Arc<str>> {
    description.config_schema.fill_defaults(&mut config);
    let violations = description.config_schema.validate(&config);
    if !violations.is_empty() {
        return Err(Error::violated(format!("configuration of `{id}` does not fit its schema"), violations));
    }
    Ok(config.to_string().into())
}

fn check_id(id: &str) -> Result<()> {
    let fits = (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if !fits {
        return Err(Error::invalid(format!(
            "`{}` cannot be an instance's id; use 1 to 64 characters of [A-Za-z0-9_-]",
            id.escape_debug()
        )));
    }
    Ok(())
}
