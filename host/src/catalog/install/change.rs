//! Installing and removing, step by step.

use std::fs;
use std::io;
use std::path::Path;

use super::{PluginFolder, layout};
use crate::catalog::digest::Digest;
use crate::catalog::inspect::MAX_COMPONENT_BYTES;
use crate::catalog::lock::{LockFile, Locked};
use crate::catalog::manifest::Manifest;
use crate::catalog::name;
use crate::catalog::trust::Signature;
use crate::error::{Error, Result};
use crate::file::{self, Access, FileLock};

/// Longer than any entry of a lock file.
const MAX_RECORD: u64 = 64 << 10;

/// A plugin that is ready to be installed: what will lie in the folder, all of it checked before.
#[derive(Debug, Clone)]
pub struct Staged {
    /// The component.
    pub bytes: Vec<u8>,
    /// What is written down about it; its name is the plugin's.
    pub manifest: Manifest,
    /// The signature that came with it.
    pub signature: Option<Signature>,
}

/// The points before which an installation or a removal can be made to fail in tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Files are gathered; or a removal is announced.
    Stage,
    /// What was gathered is declared complete.
    Seal,
    /// The lock file is replaced.
    Lock,
    /// The component takes its place, or goes.
    Component,
    /// So does the signature.
    Signature,
    /// So does the manifest.
    Manifest,
    /// What was needed on the way is deleted.
    Clean,
}

/// Told of each step before it is taken.
pub(super) type Reached<'a> = &'a mut dyn FnMut(Step) -> io::Result<()>;

impl Staged {
    fn name(&self) -> &str {
        &self.manifest.code.name
    }

    fn check(&self) -> Result<()> {
        let name = self.name();
        name::check_name("a plugin", name)?;
        let refused = |why: &str| Err(Error::invalid(format!("plugin `{name}` is not installed: {why}")));
        if self.bytes.len() > MAX_COMPONENT_BYTES {
            return refused(&format!("it has over {MAX_COMPONENT_BYTES} bytes"));
        }
        if self.manifest.install.file != layout::component(name) {
            return refused("its manifest is for another file");
        }
        if self.manifest.install.digest != Digest::of(&self.bytes) {
            return refused("its manifest was written for another component");
        }
        Ok(())
    }

    fn entry(&self) -> Locked {
        let Manifest { install, code, .. } = &self.manifest;
        Locked {
            name: code.name.clone(),
            version: code.version.clone(),
            digest: install.digest,
            source: install.source.clone(),
            file: install.file.clone(),
        }
    }
}

impl PluginFolder {
    /// Installs a plugin, in place of one of its name: the component, its signature, its manifest, and its entry in the
    /// lock file, all or nothing. Whether it is trusted was decided before.
    ///
    /// Waits for other installers and for whoever reads the folder.
    ///
    /// # Errors
    ///
    /// The old state holds, unless the message says that something is left to be finished: then the next look at the
    /// folder does that. A full disk is `resource-exhausted`.
    pub fn commit(&self, staged: &Staged) -> Result<()> {
        let guard = self.begin(staged.name())?;
        let taken = staged.check().and_then(|()| self.install(staged, &mut |_| Ok(())));
        let outcome = self.settle_after(staged.name(), taken);
        drop(guard);
        outcome
    }

    /// Removes a plugin: its component, signature, manifest, and its entry in the lock file. `name` is that of its
    /// files, without `.wasm`.
    ///
    /// Waits and fails as [`commit`](Self::commit) does.
    pub fn remove(&self, name: &str) -> Result<()> {
        let guard = self.begin(name)?;
        if !self.is_there(name)? {
            return Err(Error::invalid(format!("there is no plugin `{name}` in {}", self.dir.display())));
        }
        let taken = self.uninstall(name, &mut |_| Ok(()));
        let outcome = self.settle_after(name, taken);
        drop(guard);
        outcome
    }

    /// Writes the manifest of a component anew: what `change` makes of the one that is there. It gets none where the
    /// component was dropped in, and the error where its manifest cannot be read. `file` is the component's.
    ///
    /// Waits as [`commit`](Self::commit) does. Where `change` fails, the manifest stays as it is.
    pub fn edit_manifest(
        &self,
        file: &str,
        change: impl FnOnce(Result<Option<Manifest>>) -> Result<Manifest>,
    ) -> Result<Manifest> {
        let guard = self.take()?;
        let unsettled = self.settle_locked();
        let view = self.view_under(Some(guard), unsettled)?;
        view.check_component(file)?;
        let before = view.manifest_of(file);
        let known = before.as_ref().ok().cloned().flatten();
        let after = change(before)?;
        if after.install.file != file {
            return Err(Error::fatal(format!(
                "the manifest of `{}` cannot be that of `{file}`",
                name::shown(&after.install.file)
            )));
        }
        if known.as_ref() != Some(&after) {
            after.write(&self.dir.join(layout::manifest(layout::stem(file))))?;
        }
        Ok(after)
    }

    /// Takes the folder's lock, finishes what was left, and looks whether the plugin's files can be put in place.
    pub(super) fn begin(&self, name: &str) -> Result<FileLock> {
        if !layout::is_stem(name) {
            return Err(Error::invalid(format!(
                "`{}` is not a name that a file can have here",
                name::shown(name)
            )));
        }
        file::create_dir(&self.dir, Access::Shared)
            .map_err(|error| Error::io("make the plugins folder", &self.dir, &error))?;
        let guard = self.take()?;
        if let Some((_, error)) = self.settle_locked().into_iter().find(|(unsettled, _)| unsettled == name) {
            return Err(error);
        }
        let component = layout::component(name);
        for entry in fs::read_dir(&self.dir).map_err(|error| self.unreadable(&error))? {
            let entry = entry.map_err(|error| self.unreadable(&error))?;
            let file = entry.file_name();
            if file.to_string_lossy() != component && file.eq_ignore_ascii_case(&component) {
                return Err(Error::invalid(format!(
                    "`{}` is in the plugins folder already, and differs from `{component}` only in case: on many \
                     systems both are one file",
                    file.display()
                )));
            }
        }
        for file in self.files_of(name) {
            let path = self.dir.join(file);
            if fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir()) {
                return Err(Error::invalid(format!("{} is a folder: move it away", path.display())));
            }
        }
        Ok(guard)
    }

    /// The steps of an installation. What a step that fails leaves is for [`settle_after`](Self::settle_after).
    pub(super) fn install(&self, staged: &Staged, reached: Reached<'_>) -> Result<()> {
        let name = staged.name();
        let dir = self.dir.join(layout::staging(name));
        let failed = |error: io::Error| Error::io("write into", &dir, &error);
        let text = staged.manifest.to_text()?;
        let entry = staged.entry();
        let record = serde_json::to_vec(&Record { entry: entry.clone(), signed: staged.signature.is_some() })
            .map_err(|error| failed(error.into()))?;

        reached(Step::Stage).map_err(failed)?;
        // Files take their access from the folder that they are written in.
        fs::create_dir(&dir)
            .and_then(|()| fs::set_permissions(&dir, fs::metadata(&self.dir)?.permissions()))
            .map_err(failed)?;
        let write = |file: &str, bytes: &[u8]| {
            file::write_atomically(&dir.join(file), bytes, Access::Shared).map_err(failed)
        };
        write(&layout::component(name), &staged.bytes)?;
        if let Some(signature) = &staged.signature {
            write(&layout::signature(&layout::component(name)), signature.to_text().as_bytes())?;
        }
        write(&layout::manifest(name), text.as_bytes())?;
        write(layout::ENTRY, &record)?;

        reached(Step::Seal).map_err(failed)?;
        fs::rename(&dir, self.dir.join(layout::ready(name)))
            .and_then(|()| file::sync_dir(&self.dir))
            .map_err(failed)?;

        reached(Step::Lock).map_err(|error| Error::io("write the lock file", &self.lock, &error))?;
        LockFile::edit(&self.lock, |lock| lock.insert(entry))?;
        self.put_in_place(name, reached)
    }

    /// The steps of a removal.
    pub(super) fn uninstall(&self, name: &str, reached: Reached<'_>) -> Result<()> {
        let marker = self.dir.join(layout::removing(name));
        let failed = |error: io::Error| Error::io("write", &marker, &error);
        reached(Step::Stage).map_err(failed)?;
        fs::File::create_new(&marker)
            .and_then(|file| file.sync_all())
            .and_then(|()| file::sync_dir(&self.dir))
            .map_err(failed)?;

        reached(Step::Lock).map_err(|error| Error::io("write the lock file", &self.lock, &error))?;
        LockFile::edit(&self.lock, |lock| Ok(lock.remove(name)))?;
        self.take_away(name, reached)
    }

    /// The places of a plugin's files.
    pub(super) fn files_of(&self, name: &str) -> [String; 3] {
        let component = layout::component(name);
        [layout::signature(&component), layout::manifest(name), component]
    }

    fn is_there(&self, name: &str) -> Result<bool> {
        let there = |file: &String| fs::symlink_metadata(self.dir.join(file)).is_ok();
        Ok(self.files_of(name).iter().any(there) || LockFile::read(&self.lock)?.get(name).is_some())
    }
}

/// What an installation writes down for whoever has to finish it.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The entry that it makes in the lock file.
    pub(super) entry: Locked,
    /// Whether there is a signature.
    pub(super) signed: bool,
}

impl Record {
    /// What is written down in the folder of an installation; none where there is nothing that can be understood.
    pub(super) fn of(dir: &Path) -> io::Result<Option<Self>> {
        if !fs::symlink_metadata(dir)?.is_dir() {
            return Ok(None);
        }
        let bytes = file::read_if_there(&dir.join(layout::ENTRY), MAX_RECORD)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}
