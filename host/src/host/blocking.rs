//! The same host for programs without an async runtime.
//!
//! ```no_run
//! # fn main() -> cjm_host::Result<()> {
//! let host = cjm_host::blocking::Host::new(cjm_host::Host::builder())?;
//! let plugin = host.load("calculator.wasm")?;
//! let sum = plugin.execute("add", serde_json::json!({ "a": 1, "b": 2 }))?;
//! assert_eq!(sum.to::<f64>()?, 3.0);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::{Call, HostBuilder, Loader, ResultStream, Source};
use crate::error::{Error, Result};
use crate::instance::Choice;
use crate::value::Value;

/// A [`Host`](crate::Host) with a runtime of its own, whose functions block. Not to be used within an async runtime.
#[derive(Debug, Clone)]
pub struct Host {
    host: super::Host,
    runtime: Arc<Runtime>,
}

/// A [`Plugin`](crate::Plugin) whose functions block. Dereferences to the other.
#[derive(Debug, Clone)]
pub struct Plugin {
    plugin: super::Plugin,
    runtime: Arc<Runtime>,
}

impl Host {
    /// Makes the host and its runtime.
    ///
    /// # Errors
    ///
    /// See [`HostBuilder::build`]; also `fatal` where the runtime's threads cannot be started.
    pub fn new(builder: HostBuilder) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::fatal(format!("the host could not start its runtime: {error}")))?;
        Ok(Self { host: builder.build()?, runtime: Arc::new(runtime) })
    }

    /// See [`Host::load`](crate::Host::load).
    ///
    /// # Errors
    ///
    /// See [`Loader::load`].
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Plugin> {
        self.finish(self.host.loader(Source::path(path)))
    }

    /// Loads with options: `host.load_with(source, |loader| loader.id("b"))`.
    ///
    /// # Errors
    ///
    /// See [`Loader::load`].
    pub fn load_with(&self, source: Source, options: impl FnOnce(Loader) -> Loader) -> Result<Plugin> {
        self.finish(options(self.host.loader(source)))
    }

    /// Loads a component in the place of a plugin: `host.replace(&old, source, |loader| loader)`; see
    /// [`Loader::replace`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn replace(
        &self,
        old: &Plugin,
        source: Source,
        options: impl FnOnce(Loader) -> Loader,
    ) -> Result<Plugin> {
        let plugin = self.runtime.block_on(options(self.host.loader(source)).replace(&old.plugin))?;
        Ok(Plugin { plugin, runtime: self.runtime.clone() })
    }

    /// See [`Host::shutdown`](crate::Host::shutdown).
    pub fn shutdown(&self) {
        self.runtime.block_on(self.host.shutdown());
    }

    fn finish(&self, loader: Loader) -> Result<Plugin> {
        let plugin = self.runtime.block_on(loader.load())?;
        Ok(Plugin { plugin, runtime: self.runtime.clone() })
    }
}

impl Plugin {
    /// See [`Plugin::execute`](crate::Plugin::execute).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn execute(&self, action: &str, input: impl Into<Value>) -> Result<Value> {
        self.runtime.block_on(self.plugin.execute(action, input))
    }

    /// Runs a call that was made with options.
    ///
    /// # Errors
    ///
    /// See [`Plugin::execute`](crate::Plugin::execute).
    pub fn run(&self, call: Call) -> Result<Value> {
        self.runtime.block_on(call.into_future())
    }

    /// The results of a call, one by one.
    pub fn stream(&self, call: Call) -> Results {
        let _entered = self.runtime.enter();
        Results { stream: call.stream(), runtime: self.runtime.clone() }
    }

    /// See [`Plugin::prefetch`](crate::Plugin::prefetch).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn prefetch(&self) -> Result<()> {
        self.runtime.block_on(self.plugin.prefetch())
    }

    /// See [`Plugin::reconfigure`](crate::Plugin::reconfigure).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn reconfigure(&self, config: serde_json::Value) -> Result<()> {
        self.runtime.block_on(self.plugin.reconfigure(config))
    }

    /// See [`Plugin::config_options`](crate::Plugin::config_options).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn config_options(&self) -> Result<BTreeMap<String, Vec<Choice>>> {
        self.runtime.block_on(self.plugin.config_options())
    }

    /// See [`Plugin::enable`](crate::Plugin::enable).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn enable(&self) -> Result<()> {
        self.runtime.block_on(self.plugin.enable())
    }

    /// See [`Plugin::disable`](crate::Plugin::disable).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn disable(&self) -> Result<()> {
        self.runtime.block_on(self.plugin.disable())
    }

    /// See [`Plugin::unload`](crate::Plugin::unload).
    pub fn unload(&self) {
        self.runtime.block_on(self.plugin.unload());
    }
}

impl std::ops::Deref for Plugin {
    type Target = super::Plugin;

    fn deref(&self) -> &super::Plugin {
        &self.plugin
    }
}

/// An iterator over the results of a call. Dropping it cancels the call.
#[derive(Debug)]
pub struct Results {
    stream: ResultStream,
    runtime: Arc<Runtime>,
}

impl Iterator for Results {
    type Item = Result<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.block_on(self.stream.next())
    }
}
