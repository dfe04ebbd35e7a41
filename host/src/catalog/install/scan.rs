//! What lies in the plugins folder.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Serialize;

use super::{View, layout};
use crate::catalog::digest::Digest;
use crate::catalog::inspect::MAX_COMPONENT_BYTES;
use crate::catalog::manifest::{self, Install, Manifest, Overrides};
use crate::catalog::name;
use crate::error::{Error, Result};
use crate::file;

/// No signature is as long as this.
const MAX_SIGNATURE: u64 = 4 << 10;

/// What was found in the plugins folder.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Scan {
    /// The components, in the order of their files' names.
    pub components: Vec<Found>,
    /// What is there and cannot be used. No component in here is among the others.
    pub problems: Vec<Problem>,
}

/// A component's file; its content was not looked at.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// The file's name.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written last, where the system knows.
    pub modified: Option<SystemTime>,
    /// What is written down about it; none where it was dropped in.
    pub manifest: Option<Manifest>,
}

/// A component, whole, and what lies beside it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stored {
    /// Its file.
    pub found: Found,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The digest of that.
    pub digest: Digest,
    /// The text of the signature beside it.
    pub signature: Option<Vec<u8>>,
}

/// Something in the folder that cannot be used.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub error: Error,
}

impl Found {
    /// The file's name without `.wasm`: the plugin's name, where it was installed.
    pub fn stem(&self) -> &str {
        layout::stem(&self.file)
    }
}

impl View {
    /// Every component directly in the folder. Hidden files are passed over, and so is what is not called `.wasm`.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read: it is then unknown what is in it. What is wrong with a single file is a
    /// [`Problem`], and hides no other.
    pub fn scan(&self) -> Result<Scan> {
        let mut scan = Scan::default();
        let listing = self.listing()?;
        for (name, error) in &self.unsettled {
            scan.problem(self.folder.dir.join(layout::component(&name::shown(name))), error.clone());
        }
        for path in listing.unnamable {
            let error = Error::invalid(format!(
                "{} has a name that no plugin's file can have; rename it",
                path.display()
            ));
            scan.problem(path, error);
        }
        for file in &listing.components {
            let path = self.folder.dir.join(file);
            if self.unsettled(layout::stem(file)).is_some() {
                continue;
            }
            match self.find(file) {
                Ok(found) => scan.components.push(found),
                Err(error) => scan.problem(path, error),
            }
        }
        let alone = self.manifests_alone(&listing.components, &listing.manifests);
        for locked in self.lock().iter().flat_map(|lock| lock.iter()) {
            let stem = layout::stem(&locked.file);
            let is_told = self.unsettled(stem).is_some() || alone.iter().any(|alone| alone == stem);
            if is_told || listing.components.contains(&locked.file) {
                continue;
            }
            let error = Error::invalid(format!(
                "cjm.lock has `{}`, and {} is not there: install it again, from {}, or remove it",
                locked.name,
                self.folder.dir.join(&locked.file).display(),
                name::shown(&locked.source)
            ));
            // Not at the component, which would be one that is there: whoever follows the folder keeps what is loaded of
            // a file that cannot be used, but not of one that is gone.
            scan.problem(self.folder.dir.join(layout::manifest(stem)), error);
        }
        for stem in alone {
            let component = layout::component(&stem);
            let path = self.folder.dir.join(layout::manifest(&stem));
            let error = Error::invalid(format!(
                "{} is the manifest of `{component}`, which is not there: install it again, or remove `{stem}`",
                path.display()
            ));
            scan.problem(path, error);
        }
        Ok(scan)
    }

    /// One component without its content. `file` is its name in the folder.
    pub fn find(&self, file: &str) -> Result<Found> {
        let (path, meta) = self.check_component(file)?;
        let manifest = self.manifest_of(file)?;
        Ok(Found { file: file.to_owned(), path, size: meta.len(), modified: meta.modified().ok(), manifest })
    }

    /// Reads one component whole, with what lies beside it. `file` is its name in the folder.
    pub fn read(&self, file: &str) -> Result<Stored> {
        let found = self.find(file)?;
        let bytes = file::read(&found.path, MAX_COMPONENT_BYTES as u64)?;
        let signature = self.beside(&layout::signature(file))?;
        let signature = signature.map(|(path, _)| file::read(&path, MAX_SIGNATURE)).transpose()?;
        Ok(Stored { digest: Digest::of(&bytes), found, bytes, signature })
    }

    /// Where a component is, if it can be read.
    pub(super) fn check_component(&self, file: &str) -> Result<(PathBuf, Metadata)> {
        if !name::is_component_file(file) {
            return Err(Error::invalid(format!(
                "`{}` is not the plain name of a `.wasm` file in the plugins folder",
                name::shown(file)
            )));
        }
        if let Some(error) = self.unsettled(layout::stem(file)) {
            return Err(error.clone());
        }
        let missing = || Error::io("read", &self.folder.dir.join(file), &io::ErrorKind::NotFound.into());
        self.beside(file)?.ok_or_else(missing)
    }

    /// The manifest of a component, where it has one.
    pub(super) fn manifest_of(&self, file: &str) -> Result<Option<Manifest>> {
        let Some((path, _)) = self.beside(&layout::manifest(layout::stem(file)))? else { return Ok(None) };
        let manifest =
            Manifest::parse(&path.display().to_string(), &file::read(&path, manifest::MAX_BYTES)?)?;
        if manifest.install.file != file {
            return Err(Error::invalid(format!(
                "the manifest {} is that of `{}`, and not of `{file}` beside it: have it written anew (`regenerate`)",
                path.display(),
                manifest.install.file
            )));
        }
        Ok(Some(manifest))
    }

    /// What the manifest of a component tells although it may not be one that can be used; none where there is no
    /// manifest. See [`Manifest::salvage`].
    pub(crate) fn salvage(&self, file: &str) -> Result<Option<(Option<Install>, Overrides)>> {
        let Some((path, _)) = self.beside(&layout::manifest(layout::stem(file)))? else { return Ok(None) };
        Manifest::salvage(&path.display().to_string(), &file::read(&path, manifest::MAX_BYTES)?).map(Some)
    }

    /// Why the plugin of this name is in between, where it is.
    fn unsettled(&self, name: &str) -> Option<&Error> {
        self.unsettled.iter().find(|(unsettled, _)| unsettled == name).map(|(_, error)| error)
    }

    /// A regular file of the folder, or one that a link in it leads to without leading out; none where there is none.
    fn beside(&self, file: &str) -> Result<Option<(PathBuf, Metadata)>> {
        let path = self.folder.dir.join(file);
        let failed = |error: &io::Error| Error::io("read", &path, error);
        let mut meta = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        if meta.is_symlink() {
            let target = path.canonicalize().map_err(|error| {
                Error::invalid(format!(
                    "{} is a link that leads nowhere ({error}); remove it",
                    path.display()
                ))
            })?;
            if !target.starts_with(&self.real) {
                return Err(Error::invalid(format!(
                    "{} is a link to {}, out of the plugins folder; copy the file in its place",
                    path.display(),
                    target.display()
                )));
            }
            meta = fs::metadata(&target).map_err(|error| failed(&error))?;
        }
        if meta.is_file() {
            return Ok(Some((path, meta)));
        }
        let what = if meta.is_dir() { "a folder" } else { "a pipe, a socket or a device" };
        Err(Error::invalid(format!("{} is {what}, and no file: move it away", path.display())))
    }

    pub(super) fn listing(&self) -> Result<Listing> {
        let mut listing = Listing::default();
        let failed = |error: &io::Error| self.folder.unreadable(error);
        for entry in fs::read_dir(&self.folder.dir).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let file = entry.file_name();
            let hidden = file.as_encoded_bytes().starts_with(b".");
            if hidden || !(file.as_encoded_bytes().ends_with(b".wasm") || file.to_str().is_some()) {
                continue;
            }
            match file.to_str() {
                Some(file) if name::is_component_file(file) => {
                    listing.components.insert(file.to_owned());
                }
                Some(file) if !file.ends_with(".wasm") => {
                    listing.manifests.extend(layout::manifest_stem(file).map(str::to_owned));
                }
                _ => listing.unnamable.push(entry.path()),
            }
        }
        listing.unnamable.sort();
        Ok(listing)
    }

    /// What has a manifest and no component. Other JSON files are nobody's business.
    pub(super) fn manifests_alone(
        &self,
        components: &BTreeSet<String>,
        manifests: &BTreeSet<String>,
    ) -> Vec<String> {
        let alone = manifests.iter().filter(|stem| {
            let component = layout::component(stem);
            !components.contains(&component)
                && self.beside(&layout::manifest(stem)).ok().flatten().is_some_and(|(path, _)| {
                    Manifest::read(&path).is_ok_and(|manifest| manifest.install.file == component)
                })
        });
        alone.cloned().collect()
    }
}

/// The names of the files in the folder.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) components: BTreeSet<String>,
    /// Files that end in `.json`, without that.
    pub(super) manifests: BTreeSet<String>,
    unnamable: Vec<PathBuf>,
}

impl Scan {
    fn problem(&mut self, path: PathBuf, error: Error) {
        self.problems.push(Problem { path, error });
    }
}
