//! wasmtime, as this host uses it: its configuration, the ticker, the compile cache, the limits of a Store, and
//! how traps become errors.

mod cache;
mod config;
mod limiter;
mod meter;
mod ticker;
mod trap;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use wasmtime::component::Component;

use crate::catalog::Digest;
use crate::error::{Error, Result};

pub(crate) use cache::CompileCache;
pub use config::EngineOptions;
pub(crate) use limiter::{MemoryGauge, StoreLimiter};
pub(crate) use meter::{Began, Meter, Metered, Stop};
pub(crate) use ticker::Ticker;
pub(crate) use trap::{FailureContext, classify};

/// The engines of a host: one that counts no fuel, and one that does, made when it is first asked for.
pub(crate) struct Engines {
    options: EngineOptions,
    cache: Option<CompileCache>,
    plain: Arc<TickingEngine>,
    fuelled: OnceLock<Arc<TickingEngine>>,
}

/// An engine together with the thread that advances its epoch.
pub(crate) struct TickingEngine {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) ticker: Ticker,
    compatibility: String,
}

impl Engines {
    pub(crate) fn new(options: EngineOptions, cache_dir: Option<&Path>) -> Result<Self> {
        let cache = cache_dir.map(CompileCache::open).transpose()?;
        let plain = Arc::new(TickingEngine::new(&options, false)?);
        Ok(Self { options, cache, plain, fuelled: OnceLock::new() })
    }

    /// The engine for plugins with or without a fuel limit. Counting fuel slows every instruction, so that only the
    /// plugins that ask for it pay.
    pub(crate) fn select(&self, fuel: bool) -> Result<Arc<TickingEngine>> {
        if !fuel {
            return Ok(self.plain.clone());
        }
        if let Some(engine) = self.fuelled.get() {
            return Ok(engine.clone());
        }
        let engine = Arc::new(TickingEngine::new(&self.options, true)?);
        Ok(self.fuelled.get_or_init(|| engine).clone())
    }

    /// Whether instances take their memory from a pool, and not from the system one by one.
    pub(crate) fn pools(&self) -> bool {
        self.plain.engine.pooling_allocator_metrics().is_some()
    }

    pub(crate) fn cache(&self) -> Option<&CompileCache> {
        self.cache.as_ref()
    }

    /// Compiles a component, or takes its code from the cache. This takes up to a minute of CPU time for the largest
    /// components, so that it belongs on a thread that may block.
    pub(crate) fn compile(
        &self,
        ticking: &TickingEngine,
        name: &str,
        digest: &Digest,
        bytes: &[u8],
    ) -> Result<Component> {
        let Some(cache) = &self.cache else {
            return compile(&ticking.engine, name, bytes);
        };
        if let Some(component) = cache.load(&ticking.engine, &ticking.compatibility, digest) {
            return Ok(component);
        }
        let component = compile(&ticking.engine, name, bytes)?;
        // A cache that cannot be written makes the next start slow, and nothing worse.
        if let Err(error) = cache.store(&ticking.compatibility, digest, &component) {
            tracing::warn!(%error, plugin = name, "compiled code was not cached");
        }
        Ok(component)
    }
}

impl TickingEngine {
    fn new(options: &EngineOptions, fuel: bool) -> Result<Self> {
        let engine = config::engine(options, fuel)?;
        let ticker = Ticker::start(&engine, options.tick)
            .map_err(|error| Error::fatal(format!("the host could not start its ticker thread: {error}")))?;
        let compatibility = cache::compatibility(&engine);
        Ok(Self { engine, ticker, compatibility })
    }
}

fn compile(engine: &wasmtime::Engine, name: &str, bytes: &[u8]) -> Result<Component> {
    Component::from_binary(engine, bytes).map_err(|error| {
        Error::invalid(format!(
            "{name} is not a component that this host can run: {error:#}; build it again, or update the host"
        ))
    })
}
