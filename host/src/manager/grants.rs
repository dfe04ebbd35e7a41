//! What plugins are granted, and changing it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Manager;
use super::record::Record;
use crate::catalog::Manifest;
use crate::error::{Error, Result};
use crate::host::check_grants;
use crate::policy::Grant;

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
    /// What it needs and is not granted, ready to be pasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Error>,
}

impl Manager {
    /// What a plugin is granted, and by which file.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is no such plugin.
    pub fn grants(&self, name: &str) -> Result<PluginGrants> {
        let record = self.record(name)?;
        let mut granted = Vec::new();
        if let Some(plugin) = self.settings().plugin(name) {
            let by = self.settings().file().map(Path::to_path_buf).unwrap_or_default();
            granted.extend(plugin.grants.iter().map(|grant| Granted { grant, by: by.clone() }));
        }
        if let Some(manifest) = &record.manifest {
            let by = manifest_path(&record);
            let more = manifest.overrides.grants.iter().map(|grant| Granted { grant, by: by.clone() });
            granted.extend(more);
        }
        let missing = check_grants(name, &record.inspection, &self.effective_grants(&record)).err();
        Ok(PluginGrants { plugin: name.to_owned(), granted, missing })
    }

    /// Grants a plugin more, in its manifest, which a component that was dropped in gets by that: what is granted is
    /// granted to this component, and not to whatever may lie there tomorrow. True for each that it did not have from there. Loaded instances have it
    /// once they are [reloaded](Self::reload).
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

fn manifest_path(record: &Record) -> PathBuf {
    record.path.with_extension("json")
}
