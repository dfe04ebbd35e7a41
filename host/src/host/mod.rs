//! The façade: what an embedder holds in hand.

pub mod blocking;
mod builder;
mod call;
mod examine;
mod granted;
mod loader;
mod needs;
mod plugin;
mod prepare;
mod replace;
mod results;
mod running;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use builder::HostBuilder;
pub use call::Call;
pub use examine::Examined;
pub use loader::{Loader, Source};
pub(crate) use needs::check_needs;
pub use plugin::Plugin;
pub use prepare::{inspect_bytes, inspect_file};
pub use results::ResultStream;
pub use running::{Canceller, Running};

use crate::catalog::Digest;
use crate::engine::Engines;
use crate::error::{Error, Result};
use crate::event::{Event, EventKind, HostBus, Subscription};
use crate::instance::Linkers;
use crate::policy::Limits;
use plugin::Loaded;
use prepare::Prepared;

/// Loads plugins and runs their actions. Cheap to clone; all clones are the same host.
///
/// # Examples
///
/// ```no_run
/// use cjm_host::Host;
///
/// # async fn run() -> cjm_host::Result<()> {
/// let host = Host::builder().build()?;
/// let plugin = host.load("calculator.wasm").await?;
/// let sum = plugin.execute("add", serde_json::json!({ "a": 1, "b": 2 })).await?;
/// assert_eq!(sum.to::<f64>()?, 3.0);
/// host.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    engines: Engines,
    linkers: Linkers,
    limits: Limits,
    events: Arc<HostBus>,
    /// By id. An entry whose value is gone belongs to a plugin whose last handle was dropped.
    loaded: Mutex<HashMap<Arc<str>, Weak<Loaded>>>,
    /// Plugins that others took the place of, until their calls have ended.
    retired: Mutex<Vec<Weak<Loaded>>>,
    /// What many instances of one component share.
    prepared: Mutex<HashMap<(Digest, bool), Weak<Prepared>>>,
}

impl Host {
    /// Starts to set up a host.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Loads a component from a file, with its default configuration and the host's limits.
    ///
    /// # Errors
    ///
    /// See [`Loader::load`].
    pub async fn load(&self, path: impl AsRef<Path>) -> Result<Plugin> {
        self.loader(Source::path(path)).load().await
    }

    /// Starts to load a component with options.
    pub fn loader(&self, source: Source) -> Loader {
        Loader::new(self.clone(), source)
    }

    /// The loaded plugin of this id.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub fn plugin(&self, id: &str) -> Result<Plugin> {
        match self.loaded().get(id).and_then(Weak::upgrade) {
            Some(loaded) => Ok(Plugin { loaded }),
            None => Err(Error::NotLoaded { plugin: id.to_owned(), reason: String::new() }),
        }
    }

    /// The plugins that are loaded, by id.
    pub fn plugins(&self) -> Vec<Plugin> {
        let mut plugins: Vec<Plugin> =
            self.loaded().values().filter_map(Weak::upgrade).map(|loaded| Plugin { loaded }).collect();
        plugins.sort_by(|a, b| a.id().cmp(b.id()));
        plugins
    }

    /// What happens from now on in all plugins of this host.
    pub fn events(&self) -> Subscription {
        self.inner.events.all.subscribe()
    }

    /// Tells what happened outside of any call; `instance` is empty where it happened to none.
    pub(crate) fn tell(&self, instance: &str, kind: EventKind) {
        let event = Event { instance: instance.into(), job: "".into(), kind };
        self.inner.events.outside.send(event.clone());
        self.inner.events.all.send(event);
    }

    /// What happens from now on outside of calls.
    pub(crate) fn events_outside(&self) -> Subscription {
        self.inner.events.outside.subscribe()
    }

    /// The limits that instances have unless they are loaded with others.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// Whether instances take their memory from a pool that was reserved for them, as they do unless the process is
    /// given too little address space for one; without it each instantiation costs more.
    pub fn pools_memory(&self) -> bool {
        self.inner.engines.pools()
    }

    /// Unloads all plugins, each after its running calls have ended; then calls of any kind are refused.
    ///
    /// To end at once, cancel the calls first.
    pub async fn shutdown(&self) {
        let mut closing = self.plugins();
        let retired = self.retired().iter().filter_map(Weak::upgrade).collect::<Vec<_>>();
        closing.extend(retired.into_iter().map(|loaded| Plugin { loaded }));
        futures::future::join_all(closing.iter().map(Plugin::unload)).await;
    }

    fn retired(&self) -> MutexGuard<'_, Vec<Weak<Loaded>>> {
        self.inner.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loaded(&self) -> MutexGuard<'_, HashMap<Arc<str>, Weak<Loaded>>> {
        self.inner.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a plugin under its id, if that is free.
    fn register(&self, loaded: &Arc<Loaded>) -> Result<()> {
        let mut all = self.loaded();
        if all.get(&loaded.id).is_some_and(|known| known.strong_count() > 0) {
            return Err(Error::invalid(format!(
                "an instance `{}` is loaded already; unload it, or load this one under another id",
                loaded.id
            )));
        }
        all.retain(|_, known| known.strong_count() > 0);
        all.insert(loaded.id.clone(), Arc::downgrade(loaded));
        loaded.registered.store(true, Ordering::Release);
        drop(all);
        let digest = loaded.prepared.inspection.digest;
        loaded.blueprint.sinks().emit(|| EventKind::Loaded { digest });
        Ok(())
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("plugins", &self.plugins()).finish_non_exhaustive()
    }
}
