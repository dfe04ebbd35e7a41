//! Installing, upgrading and removing plugins: prepare, validate, commit.

use std::ops::ControlFlow;
use std::sync::Arc;

use semver::Version;
use serde::Serialize;

use super::Manager;
use super::record::{Record, installer};
use crate::catalog::{
    Changes, Description, Digest, Evidence, Fetched, Inspection, Install, LockFile, Manifest, Signature,
    Signed, Staged, Verdict, fetch,
};
use crate::error::{Error, Result};
use crate::host::{Examined, Source};
use crate::policy::{Grant, Grants};

/// A component that was fetched, looked into and asked what it is, and is ready to be installed. Nothing of it is on
/// the disk yet, and dropping it leaves everything as it was.
#[derive(Debug)]
#[must_use = "nothing is installed before `commit`"]
pub struct Candidate {
    manager: Manager,
    fetched: Fetched,
    examined: Examined,
    verdict: Verdict,
    manifest: Manifest,
    before: Option<Arc<Record>>,
}

/// What became of an installation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Installed {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The component's digest.
    pub digest: Digest,
    /// What changed, where it was installed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

impl Candidate {
    /// What the plugin says of itself.
    pub fn description(&self) -> &Description {
        &self.examined.description
    }

    /// What its bytes tell, with the imports by capability.
    pub fn inspection(&self) -> &Inspection {
        &self.examined.inspection
    }

    /// Where it was fetched from.
    pub fn source(&self) -> &str {
        &self.fetched.source
    }

    /// Whose signature came with it.
    pub fn signature(&self) -> &Signed {
        &self.verdict.signature
    }

    /// What is installed under this name.
    pub fn installed(&self) -> Option<&Arc<Record>> {
        self.before.as_ref().filter(|record| record.manifest.is_some())
    }

    /// Whether this very component is installed already, and intact.
    pub fn is_up_to_date(&self) -> bool {
        self.installed().is_some_and(|record| {
            record.digest == self.examined.inspection.digest
                && record.refusal.is_none()
                && record.manifest.as_ref().is_some_and(|known| known.install.source == self.fetched.source)
        })
    }

    /// What changes for whoever has it installed; none where it is not.
    pub fn changes(&self) -> Option<Changes> {
        let manifest = self.installed()?.manifest.as_ref()?;
        Some(manifest.changes(&self.manifest))
    }

    /// What is granted to a plugin of this name already: by `cjm.toml`, and by the operator's overrides.
    pub fn grants(&self) -> Grants {
        let name = &self.description().name;
        let mut grants =
            self.manager.settings().plugin(name).map(|own| own.grants.clone()).unwrap_or_default();
        grants.union(&self.manifest.overrides.grants);
        grants
    }

    /// Whether it could be loaded with what is granted, these grants and the secrets that are there; the error says what
    /// is missing.
    ///
    /// # Errors
    ///
    /// `not-granted`, with what is missing, ready to be pasted; `invalid-input`, where it needs what this host does
    /// not have, or a secret that is not there; what reading the secrets can fail with.
    pub async fn check_needs(&self, more: &[Grant]) -> Result<()> {
        let mut grants = self.grants();
        grants.union(&more.iter().cloned().collect());
        self.manager.check_needs(self.examined.clone(), grants).await
    }

    /// Installs it, with these grants beside those that it has: writes component, signature, manifest and `cjm.lock`.
    /// Whatever happens, there is the old state afterwards or the new. Instances that are loaded stay on their version
    /// until they are reloaded.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where a damaged manifest is there and what the operator decided cannot be read from it;
    /// `resource-exhausted`, where the disk is full; what writing can fail with.
    ///
    /// # Cancellation
    ///
    /// Once begun it is finished, also where the future is dropped.
    pub async fn commit(self, grants: &[Grant]) -> Result<Installed> {
        let changes = self.changes();
        let Self { manager, fetched, examined, manifest, .. } = self;
        let installed = Installed {
            name: examined.description.name.clone(),
            version: examined.description.version.clone(),
            digest: examined.inspection.digest,
            changes,
        };
        let mut staged = Staged { bytes: fetched.bytes, manifest, signature: fetched.signature };
        let (installer, grants) = (manager.clone(), grants.iter().cloned().collect());
        let committed = manager.blocking("install the plugin", move || {
            let folder = installer.folder();
            // What the operator decided while somebody was asked about the installation is not to be lost.
            if let Some((_, overrides)) = folder.salvage(&staged.manifest.install.file)? {
                staged.manifest.overrides = overrides;
            }
            staged.manifest.overrides.grants.union(&grants);
            folder.commit(&staged)
        });
        committed.await?;
        manager.discover().await?;
        Ok(installed)
    }
}

impl Manager {
    /// Fetches a component from a file or an `http(s)://` address, with the signature beside it (`.sig`) if there is
    /// one, and validates it: that it is a plugin of this contract, describes itself well, is what `cjm.toml` pinned,
    /// and is trusted as the level of trust asks. `progress` is told the bytes that came, and how many there will be.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where it cannot be used or is not trusted; `transient`, where it cannot be reached.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves everything as it was.
    pub async fn prepare(
        &self,
        source: &str,
        mut progress: impl FnMut(u64, Option<u64>) + Send + 'static,
    ) -> Result<Candidate> {
        let from = source.to_owned();
        // Whoever waits for the download holds the one end; with it the download goes.
        let wanted = Arc::new(());
        let still_wanted = Arc::downgrade(&wanted);
        let mut told = move |done, of| {
            progress(done, of);
            if still_wanted.strong_count() > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let fetched = self.blocking("fetch a plugin", move || fetch(&from, &mut told)).await?;
        drop(wanted);
        let manager = self.clone();
        // Before any of its code runs, if only to say what it is.
        let weigh = move || manager.weigh(&fetched).map(|verdict| (fetched, verdict));
        let (fetched, verdict) = self.blocking("verify a plugin", weigh).await?;
        let component = Source::bytes(fetched.source.clone(), fetched.bytes.as_slice());
        let examined = self.host().examine(component).await?;
        let manager = self.clone();
        self.blocking("validate a plugin", move || manager.candidate(fetched, verdict, examined)).await
    }

    /// Holds what was fetched against its signature, as the level of trust asks. That it is not locked yet is no fault.
    fn weigh(&self, fetched: &Fetched) -> Result<Verdict> {
        let digest = Digest::of(&fetched.bytes);
        let signature = fetched.signature.as_ref().map(Signature::to_text);
        let evidence = Evidence {
            name: &fetched.source,
            file: fetched.source.rsplit(['/', '\\']).next().unwrap_or_default(),
            component: Some((&fetched.bytes, digest)),
            locked: Some(digest),
            recorded: None,
            signature: signature.as_deref().map(str::as_bytes),
        };
        let verdict = Verdict::of(evidence, &self.trusted_keys()?);
        verdict.admit(self.settings().trust())?;
        Ok(verdict)
    }

    fn candidate(&self, fetched: Fetched, verdict: Verdict, examined: Examined) -> Result<Candidate> {
        let (name, digest) = (&examined.description.name, examined.inspection.digest);
        if let Some(pinned) = self.settings().plugin(name).and_then(|plugin| plugin.digest)
            && pinned != digest
        {
            return Err(Error::invalid(format!(
                "{} is {digest}, and cjm.toml pins `{name}` to {pinned}; fetch that one, or change the pin",
                fetched.source
            )));
        }
        let install = Install::now(name, digest, &fetched.source, installer());
        let mut manifest = Manifest::new(&examined.description, &examined.inspection, install);
        let before = self.discovery().get(name).cloned();
        if let Some(known) = before.as_ref().and_then(|record| record.manifest.as_ref()) {
            manifest.overrides = known.overrides.clone();
        } else if let Some((_, overrides)) = self.folder().salvage(&manifest.install.file)? {
            manifest.overrides = overrides;
        }
        Ok(Candidate { manager: self.clone(), fetched, examined, verdict, manifest, before })
    }

    /// Removes an installed plugin: unloads its instances, then deletes component, signature and manifest, and takes
    /// it out of `cjm.lock`. With `purge` the configurations of its instances go, too; without it they are there when
    /// it is installed again.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is no such plugin; what the disk and the database can fail with.
    pub async fn remove(&self, name: &str, purge: bool) -> Result<()> {
        for instance in self.instances().into_iter().filter(|instance| instance.name() == name) {
            // Where somebody else was faster there is nothing left to do.
            let _ = self.unload(instance.id()).await;
        }
        let (manager, removed) = (self.clone(), name.to_owned());
        let known = self.record(name);
        self.blocking("remove the plugin", move || {
            let locked = LockFile::read(manager.settings().lock_file())?.get(&removed).is_some();
            // A component that was dropped in may have another name than its file.
            let file = match known {
                Ok(record) if !locked => {
                    record.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
                }
                Err(unknown) if !locked => return Err(unknown),
                _ => removed.clone(),
            };
            manager.folder().remove(&file)?;
            if purge {
                manager.database().configurations().forget(&removed)?;
            }
            Ok(())
        })
        .await?;
        self.discover().await.map(drop)
    }
}
