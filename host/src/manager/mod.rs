//! An application's plugins: found in a folder, verified, granted, configured, loaded by name, kept up to date.

mod assemble;
mod categories;
mod configure;
mod discover;
mod find;
mod grants;
mod install;
mod instance;
mod lifecycle;
mod record;
mod slot;
mod switches;
mod verify;
mod watch;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub use assemble::Assembled;
pub(crate) use assemble::Expected;
pub use categories::{CategoryEntry, PluginCategory};
pub use configure::{ConfigEdit, Configured};
pub use find::{Canonical, Query};
pub use grants::{Granted, PluginGrants, SecretState};
pub use install::{Candidate, Installed};
pub use instance::Instance;
pub use lifecycle::Outcome;
pub use record::{Discovery, Record};
pub use watch::Watcher;

use crate::capability::secrets::SecretStore;
use crate::catalog::{PluginFolder, TrustedKeys};
use crate::error::{Error, Result};
use crate::file::{Access, create_dir};
use crate::host::Host;
use crate::policy::Limits;
use crate::settings::Settings;
use crate::store::Database;
use slot::Slot;

/// Manages the plugins of a data folder. Cheap to clone; all clones are the same manager. Made by [`create`].
#[derive(Clone)]
pub struct Manager {
    inner: Arc<Inner>,
}

struct Inner {
    host: Host,
    settings: Settings,
    database: Database,
    secrets: SecretStore,
    folder: PluginFolder,
    /// Held while the plugins folder is looked at: an older look must not come after a newer one.
    discovering: tokio::sync::Mutex<()>,
    /// What the last look into the plugins folder found.
    discovery: RwLock<Arc<Discovery>>,
    /// The instances that are loaded, or about to be, by id.
    slots: Mutex<HashMap<Arc<str>, Arc<Slot>>>,
    /// The instances that are switched off.
    disabled: Mutex<HashSet<Arc<str>>>,
}

/// Assembles all that an application with plugins needs, from its settings: the host with its compile cache, the
/// database of configurations, the secrets, the trusted keys; and looks what is in the plugins folder. Missing folders
/// are made. Nothing is loaded yet.
///
/// # Examples
///
/// ```no_run
/// use cjm_host::Settings;
///
/// # async fn run() -> cjm_host::Result<()> {
/// let manager = cjm_host::create(Settings::find()?).await?;
/// let calculator = manager.load("calculator").await?;
/// let sum = calculator.execute("add", serde_json::json!({ "a": 1, "b": 2 })).await?;
/// assert_eq!(sum.to::<f64>()?, 3.0);
/// manager.unload_all().await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// `invalid-input`, where a folder or file cannot be used, with what to do; `transient`, where another process holds
/// the database; `fatal`, where it is damaged, or the machine gives no room for the engine.
pub async fn create(settings: Settings) -> Result<Manager> {
    let opened = tokio::task::spawn_blocking(move || Manager::open(settings)).await;
    let manager =
        opened.map_err(|error| Error::fatal(format!("the manager could not be made: {error}")))??;
    manager.discover().await?;
    Ok(manager)
}

impl Manager {
    fn open(settings: Settings) -> Result<Self> {
        let dir = settings.data_dir();
        create_dir(dir, Access::Shared).map_err(|error| Error::io("make the data folder", dir, &error))?;
        let host = Host::builder()
            .cache_dir(settings.cache_dir())
            .limits(Limits::default().overlaid(settings.limits()))
            .build()?;
        let database = Database::open(&settings.database_file())?;
        let inner = Inner {
            host,
            disabled: Mutex::new(database.configurations().disabled()?),
            database,
            secrets: settings.secrets()?,
            folder: PluginFolder::open(settings.plugins_dir(), settings.lock_file())?,
            discovering: tokio::sync::Mutex::default(),
            discovery: RwLock::default(),
            slots: Mutex::default(),
            settings,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The host that the plugins run in, with its events.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// What the last [`discover`](Self::discover) found.
    pub fn discovery(&self) -> Arc<Discovery> {
        self.inner.discovery.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The plugin of this name, as the last [`discover`](Self::discover) found it.
    ///
    /// # Errors
    ///
    /// `not-loaded`, with the name that was probably meant; what is wrong with it, where it cannot be used.
    pub fn record(&self, name: &str) -> Result<Arc<Record>> {
        let discovery = self.discovery();
        discovery.get(name).cloned().ok_or_else(|| discovery.unknown(name, self.settings().plugins_dir()))
    }

    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }

    fn secrets(&self) -> &SecretStore {
        &self.inner.secrets
    }

    fn folder(&self) -> &PluginFolder {
        &self.inner.folder
    }

    /// The keys whose signatures count, as they are now.
    fn trusted_keys(&self) -> Result<TrustedKeys> {
        TrustedKeys::open(&self.settings().trusted_keys_dir())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Slot>>> {
        self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what blocks: files and the database.
    async fn blocking<T: Send + 'static>(
        &self,
        doing: &str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => Err(Error::fatal(format!("the manager could not {doing}: {error}"))),
        }
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager")
            .field("data_dir", &self.settings().data_dir())
            .field("instances", &self.instances())
            .finish_non_exhaustive()
    }
}
