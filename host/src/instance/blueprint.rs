//! All that is needed to bring an instance to life, as often as it takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

use super::lent::Lent;
use super::live::Live;
use super::runner::CallLimits;
use super::stand_in::{self, StandIns};
use super::state::{self, State};
use super::stats::{Counters, InstanceStats};
use crate::capability::job::{Job, JobLimits, Sinks};
use crate::catalog::{DescriptionData, Digest, Schema};
use crate::engine::TickingEngine;
use crate::error::{Error, Result};
use crate::policy::Limits;

/// The contract's version that this host speaks, in the names of interfaces.
const PLUGIN: &str = "cjm:plugin/plugin@0.1.0";
const STREAMING: &str = "cjm:plugin/streaming@0.1.0";
const LIFECYCLE: &str = "cjm:plugin/lifecycle@0.1.0";
const CONFIG_OPTIONS: &str = "cjm:plugin/config-options@0.1.0";

/// The linkers of a host, one for each engine, made once.
pub(crate) struct Linkers {
    made: Mutex<Vec<MadeLinker>>,
}

type MadeLinker = (Arc<TickingEngine>, Arc<Linker<State>>);

impl Linkers {
    pub(crate) fn new() -> Self {
        Self { made: Mutex::default() }
    }

    fn select(&self, engine: &Arc<TickingEngine>) -> Result<Arc<Linker<State>>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, linker)) = made.iter().find(|(known, _)| Arc::ptr_eq(known, engine)) {
            return Ok(linker.clone());
        }
        let mut linker = Linker::new(&engine.engine);
        state::add_to_linker(&mut linker)
            .map_err(|error| Error::fatal(format!("the host could not offer its interfaces: {error:#}")))?;
        let linker = Arc::new(linker);
        made.push((engine.clone(), linker.clone()));
        Ok(linker)
    }
}

/// A compiled component, linked with what it imports.
#[derive(Clone)]
pub(crate) struct Catalogued {
    pub(super) engine: Arc<TickingEngine>,
    pub(super) pre: InstancePre<State>,
    pub(super) exports: Arc<ExportIndices>,
}

/// Where the functions of the contract are in a component.
pub(super) struct ExportIndices {
    pub(super) describe: ComponentExportIndex,
    pub(super) initialize: ComponentExportIndex,
    pub(super) execute: ComponentExportIndex,
    pub(super) execute_stream: Option<ComponentExportIndex>,
    pub(super) lifecycle: Option<LifecycleIndices>,
    pub(super) options: Option<ComponentExportIndex>,
}

pub(super) struct LifecycleIndices {
    pub(super) prefetch: ComponentExportIndex,
    pub(super) release: ComponentExportIndex,
    pub(super) reconfigure: ComponentExportIndex,
    pub(super) enabled: ComponentExportIndex,
    pub(super) disabled: ComponentExportIndex,
    pub(super) shutdown: ComponentExportIndex,
}

impl Catalogued {
    pub(crate) fn link(
        linkers: &Linkers,
        engine: Arc<TickingEngine>,
        name: &str,
        component: &Component,
        stand_ins: StandIns,
    ) -> Result<Self> {
        let linker = linkers.select(&engine)?;
        let with_stand_ins = match stand_ins {
            StandIns::None => Ok(None),
            StandIns::ForWhatIsMissing => stand_in::add(&linker, &engine.engine, component),
        };
        let pre = with_stand_ins
            .and_then(|with| with.as_ref().unwrap_or(&linker).instantiate_pre(component))
            .map_err(|error| {
                Error::invalid(format!(
                    "{name} does not fit this host: {error:#}; build it against the interfaces that this host \
                     offers, or update the host"
                ))
            })?;
        let exports = Arc::new(ExportIndices::find(name, component)?);
        Ok(Self { engine, pre, exports })
    }

    /// Asks the plugin what it is, in a Store of its own with nothing granted.
    pub(crate) async fn describe(&self, name: &str, limits: &Limits) -> Result<DescriptionData> {
        Live::describe(self, name, limits).await
    }
}

impl ExportIndices {
    fn find(name: &str, component: &Component) -> Result<Self> {
        let function = |interface: &str, function: &str| {
            let instance = component.get_export_index(None, interface)?;
            component.get_export_index(Some(&instance), function)
        };
        let required = |interface: &str, of: &str| {
            function(interface, of).ok_or_else(|| {
                Error::invalid(format!(
                    "{name} exports no function `{of}` of `{interface}`; build it against the contract of this host"
                ))
            })
        };
        let lifecycle = match component.get_export_index(None, LIFECYCLE) {
            None => None,
            Some(_) => Some(LifecycleIndices {
                prefetch: required(LIFECYCLE, "prefetch")?,
                release: required(LIFECYCLE, "release")?,
                reconfigure: required(LIFECYCLE, "reconfigure")?,
                enabled: required(LIFECYCLE, "enabled")?,
                disabled: required(LIFECYCLE, "disabled")?,
                shutdown: required(LIFECYCLE, "shutdown")?,
            }),
        };
        Ok(Self {
            describe: required(PLUGIN, "describe")?,
            initialize: required(PLUGIN, "initialize")?,
            execute: required(PLUGIN, "execute")?,
            execute_stream: function(STREAMING, "execute-stream"),
            lifecycle,
            options: function(CONFIG_OPTIONS, "options"),
        })
    }
}

/// What an instance is made from, again and again: after a trap, after a forced cancellation, for each call.
pub(crate) struct Blueprint {
    pub(super) catalogued: Catalogued,
    pub(super) limits: Limits,
    /// The limits of a call that changes none.
    pub(super) call_limits: Arc<CallLimits>,
    pub(super) sinks: Arc<Sinks>,
    pub(super) lent: Lent,
    pub(super) config_schema: Schema,
    pub(super) counters: Arc<Counters>,
    config: Mutex<Config>,
}

/// A configuration, and what tells it from others once that was asked for.
struct Config {
    text: Arc<str>,
    digest: Option<Digest>,
}

impl Config {
    fn new(text: Arc<str>) -> Self {
        Self { text, digest: None }
    }
}

impl Blueprint {
    /// `config` is JSON text that fits the schema.
    pub(crate) fn new(
        catalogued: Catalogued,
        limits: Limits,
        sinks: Arc<Sinks>,
        lent: Lent,
        config_schema: Schema,
        config: Arc<str>,
    ) -> Self {
        let call_limits = Arc::new(CallLimits::from(&limits));
        let counters = Arc::new(Counters::new());
        let config = Mutex::new(Config::new(config));
        Self { catalogued, limits, call_limits, sinks, lent, config_schema, counters, config }
    }

    pub(crate) fn config(&self) -> Arc<str> {
        self.config_slot().text.clone()
    }

    /// Tells the component under its configuration from others: the SHA-256 of the canonical JSON (RFC 8785) of both.
    pub(crate) fn config_digest(&self, component: &Digest) -> Digest {
        let mut config = self.config_slot();
        let Config { text, digest } = &mut *config;
        *digest.get_or_insert_with(|| {
            let both = serde_json::from_str::<serde_json::Value>(text)
                .map(|config| serde_json::json!({ "component": component, "configuration": config }));
            let canonical = both.ok().and_then(|both| serde_json_canonicalizer::to_vec(&both).ok());
            // A number that no double can hold has no canonical form; the text itself will do then.
            Digest::of(&canonical.unwrap_or_else(|| format!("{component} {text}").into_bytes()))
        })
    }

    pub(super) fn set_config(&self, config: Arc<str>) {
        *self.config_slot() = Config::new(config);
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn call_limits(&self) -> &Arc<CallLimits> {
        &self.call_limits
    }

    /// A job without a name.
    pub(crate) fn new_job(&self) -> Arc<Job> {
        Arc::new(self.unshared_job())
    }

    /// A job without a name that can still be set up.
    pub(super) fn unshared_job(&self) -> Job {
        Job::new(self.sinks.clone(), JobLimits::from(&self.limits))
    }

    /// What was counted so far.
    pub(crate) fn stats(&self) -> InstanceStats {
        self.counters.read(self.limits.fuel.is_some())
    }

    /// How long nothing has run; none while a call does.
    pub(crate) fn idle(&self) -> Option<std::time::Duration> {
        self.counters.idle()
    }

    pub(crate) fn sinks(&self) -> &Arc<Sinks> {
        &self.sinks
    }

    /// Whether the plugin can give results one by one.
    pub(crate) fn streams(&self) -> bool {
        self.catalogued.exports.execute_stream.is_some()
    }

    fn config_slot(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
