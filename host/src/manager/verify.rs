//! Whether what is installed is what was installed.

use std::sync::Arc;

use super::Manager;
use super::record::{Record, file_name, new_manifest};
use crate::catalog::{Changes, Install, LockFile, Verdict};
use crate::error::{Error, Result};
use crate::host::Source;

impl Manager {
    /// Reads every component anew and holds it against `cjm.lock`, its manifest and its signature; or that of one
    /// plugin alone. Loading does the same.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where there is no such plugin, or the folder or the lock cannot be read.
    pub async fn verify(&self, name: Option<&str>) -> Result<Vec<Verdict>> {
        let (manager, name) = (self.clone(), name.map(str::to_owned));
        self.blocking("verify the plugins", move || {
            manager.folder().verify(name.as_deref(), &manager.trusted_keys()?)
        })
        .await
    }

    /// Reads the component of a plugin, and admits it as the level of trust asks. Blocks.
    pub(super) fn verified(&self, record: &Record) -> Result<Arc<[u8]>> {
        let view = self.folder().view()?;
        let stored = view.read(&record.file())?;
        view.verdict(&stored, &record.name, &self.trusted_keys()?)?.admit(self.settings().trust())?;
        if stored.digest != record.digest {
            return Err(Error::invalid(format!(
                "{} is another component than when the plugins folder was last looked at: {} in place of {}; look again",
                record.path.display(),
                stored.digest,
                record.digest
            )));
        }
        Ok(stored.bytes.into())
    }

    /// Writes what a plugin's component is now into its manifest, and into `cjm.lock` where it is there: as after it
    /// was replaced by hand, or its manifest damaged. When it was installed and what the operator decided stays. A
    /// component that was dropped in gets a manifest. Gives what changed, where there was a manifest that could be used.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is no such plugin; `invalid-input`, where it is no plugin any more, or what the operator
    /// decided cannot be read; what the disk can fail with.
    pub async fn regenerate(&self, name: &str) -> Result<Option<Changes>> {
        let path = match self.discovery().problem(name) {
            Some(problem) if self.discovery().get(name).is_none() => problem.path.with_extension("wasm"),
            _ => self.record(name)?.path.clone(),
        };
        let examined = self.host().examine(Source::path(&path)).await?;
        let (description, inspection) = (examined.description, examined.inspection);
        if description.name != name {
            return Err(Error::invalid(format!(
                "{} calls itself `{}` by now; install it under that name",
                path.display(),
                description.name
            )));
        }
        let manager = self.clone();
        let changes = self
            .blocking("write the manifest", move || {
                let mut changes = None;
                let folder = manager.folder();
                let file = file_name(&path);
                let kept = folder.salvage(&file)?;
                folder.edit_manifest(&file, |before| {
                    if let Ok(Some(mut manifest)) = before {
                        changes = Some(manifest.regenerate(&description, &inspection));
                        return Ok(manifest);
                    }
                    let mut manifest = new_manifest(&path, &description, &inspection);
                    if let Some((install, overrides)) = kept {
                        if let Some(install) = install.filter(|install| install.file == file) {
                            manifest.install = Install { digest: inspection.digest, ..install };
                        }
                        manifest.overrides = overrides;
                    }
                    Ok(manifest)
                })?;
                LockFile::edit(folder.lock_path(), |lock| {
                    if let Some(mut locked) = lock.get(&description.name).cloned() {
                        locked.version = description.version.clone();
                        locked.digest = inspection.digest;
                        lock.insert(locked)?;
                    }
                    Ok(())
                })?;
                Ok(changes)
            })
            .await?;
        self.discover().await?;
        Ok(changes)
    }
}
