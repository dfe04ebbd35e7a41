//! Finishing what an installation or a removal left in between: forward where the lock file says that it counts, back
//! where it does not.

use std::fs;
use std::io;
use std::path::Path;

use super::change::{Reached, Record, Step};
use super::layout::Unfinished;
use super::{PluginFolder, layout};
use crate::catalog::digest::Digest;
use crate::catalog::inspect::MAX_COMPONENT_BYTES;
use crate::catalog::lock::LockFile;
use crate::catalog::name;
use crate::error::{Error, Result};
use crate::file;

/// Which state holds in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Old,
    New,
}

impl PluginFolder {
    /// Finishes whatever is unfinished, and gives the names of the plugins that stay in between, with the reasons.
    pub(super) fn settle_all(&self) -> Vec<(String, Error)> {
        match self.take() {
            Ok(_guard) => self.settle_locked(),
            // Without the lock, nothing that is unfinished can be finished.
            Err(error) => {
                let left = self.unfinished().unwrap_or_default();
                let names = left.iter().filter_map(Unfinished::plugin);
                names.map(|name| (name.to_owned(), unsettled(name, &error))).collect()
            }
        }
    }

    /// The same, under the folder's lock.
    pub(super) fn settle_locked(&self) -> Vec<(String, Error)> {
        let mut left = Vec::new();
        for unfinished in self.unfinished().unwrap_or_default() {
            let Some(name) = unfinished.plugin() else {
                if let Unfinished::Leftover(file) = unfinished {
                    // It is in nobody's way; the next one tries again.
                    let _ = delete(&self.dir.join(file));
                }
                continue;
            };
            if let Err(error) = self.settle(name) {
                left.push((name.to_owned(), unsettled(name, &error)));
            }
        }
        left
    }

    /// What came of a change of which a step may have failed.
    pub(super) fn settle_after(&self, name: &str, taken: Result<()>) -> Result<()> {
        let Err(failure) = taken else { return Ok(()) };
        let _ = delete(&self.dir.join(layout::staging(name)));
        match self.settle(name) {
            Ok(Some(Settled::New)) => Ok(()),
            Ok(Some(Settled::Old) | None) => Err(failure),
            Err(error) => {
                tracing::warn!(plugin = name, %error, "an installation or a removal could not be finished");
                Err(unsettled(name, &failure))
            }
        }
    }

    /// Settles one plugin; none where there was nothing to settle.
    fn settle(&self, name: &str) -> Result<Option<Settled>> {
        let there = |file: String| fs::symlink_metadata(self.dir.join(file)).is_ok();
        if there(layout::ready(name)) {
            return self.settle_install(name).map(Some);
        }
        if there(layout::removing(name)) {
            return self.settle_removal(name).map(Some);
        }
        Ok(None)
    }

    fn settle_install(&self, name: &str) -> Result<Settled> {
        let ready = self.dir.join(layout::ready(name));
        let lock = LockFile::read(&self.lock)?;
        let record = Record::of(&ready).map_err(|error| Error::io("read", &ready, &error))?;
        match record.filter(|record| lock.get(name) == Some(&record.entry)) {
            Some(record) if is_whole(&ready.join(layout::component(name)), &record.entry.digest)? => {
                self.put_in_place(name, &mut |_| Ok(()))?;
                Ok(Settled::New)
            }
            _ => {
                self.discard(name).map_err(|error| Error::io("delete", &ready, &error))?;
                Ok(Settled::Old)
            }
        }
    }

    fn settle_removal(&self, name: &str) -> Result<Settled> {
        if LockFile::read(&self.lock)?.get(name).is_none() {
            self.take_away(name, &mut |_| Ok(()))?;
            return Ok(Settled::New);
        }
        let marker = self.dir.join(layout::removing(name));
        delete(&marker)
            .and_then(|()| file::sync_dir(&self.dir))
            .map_err(|error| Error::io("delete", &marker, &error))?;
        Ok(Settled::Old)
    }

    /// The end of an installation: what was gathered takes its place. Can be repeated from any point, and takes no
    /// space.
    pub(super) fn put_in_place(&self, name: &str, reached: Reached<'_>) -> Result<()> {
        let ready = self.dir.join(layout::ready(name));
        let failed = |error: io::Error| Error::io("put in place the files in", &ready, &error);
        let signed = Record::of(&ready).map_err(failed)?.is_some_and(|record| record.signed);
        let mut put = |step: Step, file: &str, expected: bool| {
            reached(step)?;
            match fs::rename(ready.join(file), self.dir.join(file)) {
                // It was put in place by who began this.
                Err(error) if error.kind() == io::ErrorKind::NotFound => match expected {
                    true => Ok(()),
                    false => delete(&self.dir.join(file)),
                },
                other => other,
            }
        };
        let component = layout::component(name);
        put(Step::Component, &component, true).map_err(failed)?;
        put(Step::Signature, &layout::signature(&component), signed).map_err(failed)?;
        put(Step::Manifest, &layout::manifest(name), true).map_err(failed)?;
        file::sync_dir(&self.dir).map_err(failed)?;
        reached(Step::Clean).and_then(|()| self.discard(name)).map_err(failed)
    }

    /// The end of a removal: the files go. Can be repeated from any point.
    pub(super) fn take_away(&self, name: &str, reached: Reached<'_>) -> Result<()> {
        let marker = self.dir.join(layout::removing(name));
        let mut steps = [Step::Signature, Step::Manifest, Step::Component].into_iter();
        for file in self.files_of(name) {
            let path = self.dir.join(file);
            steps
                .next()
                .map_or(Ok(()), &mut *reached)
                .and_then(|()| delete(&path))
                .map_err(|error| Error::io("remove", &path, &error))?;
        }
        reached(Step::Clean)
            .and_then(|()| file::sync_dir(&self.dir))
            .and_then(|()| delete(&marker))
            .and_then(|()| file::sync_dir(&self.dir))
            .map_err(|error| Error::io("remove", &marker, &error))
    }

    /// Throws away what was gathered: at once out of sight, then file by file.
    fn discard(&self, name: &str) -> io::Result<()> {
        let trash = self.dir.join(layout::trash(name));
        delete(&trash)?;
        fs::rename(self.dir.join(layout::ready(name)), &trash)?;
        file::sync_dir(&self.dir)?;
        // Out of sight, it is in nobody's way; the next one tries again.
        let _ = delete(&trash);
        Ok(())
    }
}

/// Whether a component that was gathered is still what was gathered; one that is in its place already counts as such.
fn is_whole(path: &Path, digest: &Digest) -> Result<bool> {
    match file::read_if_there(path, MAX_COMPONENT_BYTES as u64) {
        Ok(bytes) => Ok(bytes.is_none_or(|bytes| Digest::of(&bytes) == *digest)),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(false),
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

/// Deletes a file, a link, or a folder with all that is in it; what is not there is fine.
fn delete(path: &Path) -> io::Result<()> {
    let gone = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The same kind of error, saying that it is not over yet.
fn unsettled(name: &str, error: &Error) -> Error {
    let message = format!(
        "plugin `{}` is left in the middle of being installed or removed: {error}. The next command that can write to \
         the plugins folder and read the lock file finishes it",
        name::shown(name)
    );
    match error {
        Error::ResourceExhausted(shortfall) => {
            Error::exhausted(shortfall.kind.clone(), message, shortfall.needed, shortfall.available)
        }
        Error::InvalidInput(_) => Error::invalid(message),
        _ => Error::fatal(message),
    }
}
