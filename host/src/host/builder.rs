//! Setting up a host.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::{Host, Inner};
use crate::engine::{EngineOptions, Engines};
use crate::error::Result;
use crate::event::HostBus;
use crate::instance::Linkers;
use crate::policy::Limits;

/// Sets up a [`Host`]. All settings have defaults that suit most programs.
#[derive(Debug, Clone, Default)]
pub struct HostBuilder {
    engine: EngineOptions,
    limits: Limits,
    cache_dir: Option<PathBuf>,
}

impl HostBuilder {
    /// Keeps compiled code in this folder, which makes every load but the first of a component fast. The folder is
    /// made where it is missing; one that others can write is refused by [`build`](Self::build). Default: no cache.
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(dir.into());
        self
    }

    /// The limits of every instance that is not loaded with others. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Settings of the engine. Default: [`EngineOptions::default`].
    pub fn engine(mut self, options: EngineOptions) -> Self {
        self.engine = options;
        self
    }

    /// Makes the host. It reserves address space for its instances, and starts the thread that drives their clocks.
    ///
    /// # Errors
    ///
    /// `fatal`, where the cache's folder cannot be used, or the machine gives no room for the engine.
    pub fn build(self) -> Result<Host> {
        Ok(Host {
            inner: Arc::new(Inner {
                engines: Engines::new(self.engine, self.cache_dir.as_deref())?,
                linkers: Linkers::new(),
                limits: self.limits,
                events: Arc::new(HostBus::default()),
                loaded: Mutex::new(HashMap::new()),
                retired: Mutex::default(),
                prepared: Mutex::new(HashMap::new()),
            }),
        })
    }
}
