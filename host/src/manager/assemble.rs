//! From what is known of a plugin to a loader with everything that it is to be loaded with.

use std::sync::Arc;

use super::Manager;
use super::record::Record;
use crate::capability::secrets::Secrets;
use crate::catalog::InstanceMode;
use crate::error::Result;
use crate::event::EventKind;
use crate::host::{Loader, Source};
use crate::policy::{Grants, Limits};

/// What an instance is loaded with. Made by [`Manager::assemble`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Assembled {
    /// Has the component's verified bytes, and the instance's configuration, limits, grants and secrets.
    pub loader: Loader,
    /// The limits that the loader has.
    pub limits: Limits,
    /// What the operator should know, for example that the configuration's schema drifted.
    pub warnings: Vec<String>,
    /// Whether the instance is to take calls; the loader does not see to that.
    pub enabled: bool,
}

/// What an instance will be once it is loaded.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) record: Arc<Record>,
    /// How calls will share it.
    pub(crate) mode: InstanceMode,
    pub(crate) limits: Limits,
}

/// What blocks: the component's bytes, verified, and what the database and the secrets' store hold for it.
struct Gathered {
    bytes: Arc<[u8]>,
    config: serde_json::Value,
    enabled: bool,
    secrets: Secrets,
}

impl Manager {
    /// Gathers what an instance is loaded with, for whoever changes some of it for a run of his own: what is loaded by
    /// that is none of the manager's instances. The component's bytes are read once and verified, and the very same
    /// bytes are loaded.
    ///
    /// # Errors
    ///
    /// As for [`load_as`](Self::load_as), but for what the plugin itself has to say.
    pub async fn assemble(&self, name: &str, id: &str) -> Result<Assembled> {
        let record = self.record(name)?;
        if let Some(refusal) = &record.refusal {
            return Err(refusal.clone());
        }
        let grants = self.effective_grants(&record);
        let limits = self.effective_limits(&record);
        let gathered = {
            let (manager, record, id, names) =
                (self.clone(), record.clone(), id.to_owned(), grants.secrets.clone());
            self.blocking("read the plugin", move || manager.gather(&record, &id, &names)).await?
        };
        let mut warnings = Vec::new();
        if let Some(drift) = self.drift(&record) {
            self.host().tell(id, drift.1);
            warnings.push(drift.0);
        }
        let source = Source::bytes(record.path.display().to_string(), gathered.bytes);
        let mut loader = self
            .host()
            .loader(source)
            .id(id)
            .digest(record.digest)
            .config(gathered.config)
            .limits(limits.clone())
            .grants(grants)
            .secrets(&gathered.secrets)
            .prefetch_stall(self.settings().prefetch_stall());
        if let Some(mode) = self.settings().plugin(&record.name).and_then(|plugin| plugin.mode) {
            loader = loader.instance_mode(mode);
        }
        Ok(Assembled { loader, limits, warnings, enabled: gathered.enabled })
    }

    fn gather(&self, record: &Record, id: &str, secrets: &[String]) -> Result<Gathered> {
        let bytes = self.verified(record)?;
        let stored = self.database().configurations().get(id)?;
        let enabled = stored.as_ref().is_none_or(|stored| stored.enabled);
        let own = stored.and_then(|stored| stored.config);
        let config = own.unwrap_or_else(|| self.declared_config(&record.name));
        let secrets = self.secrets().granted(secrets.iter().map(String::as_str))?;
        Ok(Gathered { bytes, config, enabled, secrets })
    }

    /// What an instance will be that is not loaded; none where its plugin is not known without a look into the database.
    pub(crate) fn expected(&self, id: &str) -> Option<Expected> {
        let record = self.discovery().get(&self.declared_plugin_of(id)?)?.clone();
        let own = self.settings().plugin(&record.name).and_then(|plugin| plugin.mode);
        let mode = own.unwrap_or(record.description.instance);
        Some(Expected { mode, limits: self.effective_limits(&record), record })
    }

    /// What `cjm.toml` and the manifest's overrides grant, together.
    pub(super) fn effective_grants(&self, record: &Record) -> Grants {
        let mut grants =
            self.settings().plugin(&record.name).map(|plugin| plugin.grants.clone()).unwrap_or_default();
        if let Some(manifest) = &record.manifest {
            grants.union(&manifest.overrides.grants);
        }
        grants
    }

    /// The limits of the host, changed by those of `cjm.toml` for this plugin, changed by the manifest's overrides.
    pub(super) fn effective_limits(&self, record: &Record) -> Limits {
        let mut limits = self.host().limits().clone();
        if let Some(plugin) = self.settings().plugin(&record.name) {
            limits = limits.overlaid(&plugin.limits);
        }
        if let Some(manifest) = &record.manifest {
            limits = limits.overlaid(&manifest.overrides.limits);
        }
        limits
    }

    /// The configuration that `cjm.toml` gives a plugin.
    pub(super) fn declared_config(&self, name: &str) -> serde_json::Value {
        let declared = self.settings().plugin(name).and_then(|plugin| plugin.config.clone());
        declared.unwrap_or_else(|| serde_json::json!({}))
    }

    /// Whether the configuration schema is another than the one that was recorded at installation.
    fn drift(&self, record: &Record) -> Option<(String, EventKind)> {
        if !self.settings().drift_detection() {
            return None;
        }
        let manifest = record.manifest.as_ref()?;
        let drift = manifest.schema_drift(&record.description)?;
        let warning =
            format!("{drift}: look at its configuration, then `cjm-ctl regenerate {}`", record.name);
        tracing::warn!(plugin = record.name, "{warning}");
        Some((warning, EventKind::Drift { recorded: drift.recorded, live: drift.live }))
    }
}
