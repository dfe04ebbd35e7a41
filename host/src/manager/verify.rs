//! Whether what is installed is what was installed.

use std::sync::Arc;

use super::Manager;
use super::record::Record;
use crate::catalog::{Changes, LockFile, Verdict};
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
    /// was replaced by hand. When it was installed and what the operator decided stays. A component that was dropped in
    /// gets a manifest. Gives what changed, where there was a manifest before.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is no such plugin; `invalid-input`, where it is no plugin any more; what the disk can
    /// fail with.
    pub async fn regenerate(&self, name: &str) -> Result<Option<Changes>> {
        let record = self.record(name)?;
        let examined = self.host().examine(Source::path(&record.path)).await?;
        let (description, inspection) = (examined.description, examined.inspection);
        if description.name != record.name {
            return Err(Error::invalid(format!(
                "{} calls itself `{}` by now; install it under that name",
                record.path.display(),
                description.name
            )));
        }
        let manager = self.clone();
        let changes = self
            .blocking("write the manifest", move || {
                let mut changes = None;
                let folder = manager.folder();
                folder.edit_manifest(&record.file(), |before| match before.ok().flatten() {
                    Some(mut manifest) => {
                        changes = Some(manifest.regenerate(&description, &inspection));
                        Ok(manifest)
                    }
                    None => Ok(record.new_manifest()),
                })?;
                LockFile::edit(folder.lock_path(), |lock| {
                    if let Some(mut locked) = lock.get(&record.name).cloned() {
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
