//! What plugins are granted, and changing it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Manager;
use crate::capability::secrets::Secrets;
use crate::catalog::{Manifest, SecretNeed};
use crate::error::{Error, Result};
use crate::host::{Examined, check_needs};
use crate::policy::{Grant, Grants};

/// Something that a plugin is granted, and which file says so.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Granted {
    /// What is granted.
    pub grant: Grant,
    /// `cjm.toml`, or the plugin's manifest.
    pub by: PathBuf,
}

/// What is granted to a plugin, and what keeps it from being loaded.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct PluginGrants {
    /// The plugin's name.
    pub plugin: String,
    /// What it is granted.
    pub granted: Vec<Granted>,
    /// The secrets that it asks for.
    pub secrets: Vec<SecretState>,
    /// What it needs and does not have, with what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Error>,
}

/// A secret that a plugin asks for, and whether it gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct SecretState {
    /// What the plugin says of it.
    #[serde(flatten)]
    pub need: SecretNeed,
    /// Whether the plugin may have it.
    pub granted: bool,
    /// Whether it was set.
    pub set: bool,
}

impl Manager {
    /// What a plugin is granted, and by which file; which secrets it asks for; and what it lacks.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is no such plugin; what reading the secrets can fail with.
    pub async fn grants(&self, name: &str) -> Result<PluginGrants> {
        let record = self.record(name)?;
        let mut granted = Vec::new();
        if let Some(plugin) = self.settings().plugin(name) {
            let by = self.settings().file().map(Path::to_path_buf).unwrap_or_default();
            granted.extend(plugin.grants.iter().map(|grant| Granted { grant, by: by.clone() }));
        }
        if let Some(manifest) = &record.manifest {
            let by = record.path.with_extension("json");
            let more = manifest.overrides.grants.iter().map(|grant| Granted { grant, by: by.clone() });
            granted.extend(more);
        }
        let effective = self.effective_grants(&record);
        let secrets = if record.description.secrets.is_empty() {
            Vec::new()
        } else {
            let manager = self.clone();
            let set = self.blocking("read the secrets", move || manager.secrets().list()).await?;
            let state = |need: &SecretNeed| SecretState {
                granted: effective.secrets.contains(&need.name),
                set: set.contains(&need.name),
                need: need.clone(),
            };
            record.description.secrets.iter().map(state).collect()
        };
        let examined =
            Examined { inspection: (*record.inspection).clone(), description: record.description.clone() };
        let missing = self.check_needs(examined, effective).await.err();
        Ok(PluginGrants { plugin: name.to_owned(), granted, secrets, missing })
    }

    /// Whether a plugin could be loaded with these grants and the secrets that are there.
    pub(super) async fn check_needs(&self, examined: Examined, grants: Grants) -> Result<()> {
        let manager = self.clone();
        self.blocking("read the secrets", move || {
            let secrets = match grants.secrets.is_empty() {
                true => Secrets::default(),
                false => manager.secrets().granted(grants.secrets.iter().map(String::as_str))?,
            };
            check_needs(&examined.inspection, &examined.description, &grants, &secrets)
        })
        .await
    }

    /// Grants a plugin more, in its manifest, which a component that was dropped in gets by that: what is granted is
    /// granted to this component, and not to whatever may lie there tomorrow. True for each that it did not have from
    /// there. Loaded instances have it once they are [reloaded](Self::reload).
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is no such plugin; what the disk can fail with.
    pub async fn grant(&self, name: &str, grants: &[Grant]) -> Result<Vec<bool>> {
        self.override_grants(name, grants, |manifest, grant| manifest.overrides.grants.insert(grant.clone()))
            .await
    }

    /// Takes grants back, from the plugin's manifest; false for each that is not there. What `cjm.toml` grants is taken
    /// back there. Loaded instances lose it once they are [reloaded](Self::reload).
    ///
    /// # Errors
    ///
    /// As for [`grant`](Self::grant).
    pub async fn revoke(&self, name: &str, grants: &[Grant]) -> Result<Vec<bool>> {
        self.override_grants(name, grants, |manifest, grant| manifest.overrides.grants.remove(grant)).await
    }

    async fn override_grants(
        &self,
        name: &str,
        grants: &[Grant],
        change: impl Fn(&mut Manifest, &Grant) -> bool + Send + 'static,
    ) -> Result<Vec<bool>> {
        let record = self.record(name)?;
        let (manager, grants) = (self.clone(), grants.to_vec());
        let changed = self
            .blocking("write the manifest", move || {
                let mut changed = Vec::new();
                manager.folder().edit_manifest(&record.file(), |before| {
                    let mut manifest = before?.unwrap_or_else(|| record.new_manifest());
                    changed = grants.iter().map(|grant| change(&mut manifest, grant)).collect();
                    Ok(manifest)
                })?;
                Ok(changed)
            })
            .await?;
        self.discover().await?;
        Ok(changed)
    }
}
