//! The plugins folder: components that were installed or dropped in, and what lies beside them.
//!
//! A plugin is up to three files: `NAME.wasm`, its manifest `NAME.json`, its signature `NAME.wasm.sig`. A fourth place,
//! `cjm.lock`, has the digest, and lies elsewhere. No file system changes four places at once, so that an installation
//! goes by this protocol, and after a crash, a full disk or a loss of power at any point the old state holds or the new:
//!
//! 1. Under the folder's lock (`.lock`), all three files are written to `.staging-NAME` and reach the disk.
//! 2. The folder is renamed to `.ready-NAME`: now it is known to be complete.
//! 3. `cjm.lock` is replaced. **This is the point at which the installation counts.**
//! 4. The files are renamed into their places, one by one; `.ready-NAME` goes.
//!
//! Whoever looks at the folder ([`PluginFolder::view`]) and finds `.ready-NAME` without an installer at work finishes
//! first: if `cjm.lock` has the entry that the folder was made for, it goes on with step 4, which needs no space; if
//! not, it throws the folder away. Nothing that lies in the plugins folder can change `cjm.lock` that way: who may
//! write here does not decide what is trusted. A removal goes the same way: an empty file `.removing-NAME`, then the
//! entry in `cjm.lock`, then the files.
//!
//! Readers and installers keep out of each other's way by the folder's lock, which readers share. What is dropped in by
//! hand knows no lock; it is the watcher's part to wait until such a file is whole.

mod change;
mod fetch;
mod layout;
mod scan;
mod settle;
#[cfg(test)]
mod tests;
mod verify;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lock::{LockFile, Remembered};
use super::manifest::{Install, Overrides};
use crate::error::{Error, Result};
use crate::file::{self, Access, FileLock};

pub use change::Staged;
pub use fetch::{FetchProgress, Fetched, fetch};
use layout::Unfinished;
pub use scan::{Found, Problem, Scan, Stored};

/// How often a folder is looked at again because an installer died meanwhile.
const ATTEMPTS: usize = 5;

/// A folder of plugins, and the lock file that goes with it.
#[derive(Debug, Clone)]
pub struct PluginFolder {
    dir: PathBuf,
    lock: PathBuf,
    remembered: Remembered,
}

/// The folder as it is for as long as this is held: installers wait for it to be dropped.
///
/// Do not change the folder while holding one: the change would wait for itself.
#[derive(Debug)]
pub struct View {
    folder: PluginFolder,
    /// The folder without symbolic links, to tell what leads out of it.
    real: PathBuf,
    lock: Result<Arc<LockFile>>,
    /// Names of plugins that an interrupted installation or removal left in between, and why they still are.
    unsettled: Vec<(String, Error)>,
    _guard: Option<FileLock>,
}

impl PluginFolder {
    /// Opens a folder, making it where it is missing, and finishes what an interrupted installation or removal left.
    pub fn open(dir: impl Into<PathBuf>, lock: impl Into<PathBuf>) -> Result<Self> {
        let folder = Self { dir: dir.into(), lock: lock.into(), remembered: Remembered::default() };
        file::create_dir(&folder.dir, Access::Shared)
            .map_err(|error| Error::io("make the plugins folder", &folder.dir, &error))?;
        folder.view()?;
        Ok(folder)
    }

    /// Where the folder is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the lock file is.
    pub fn lock_path(&self) -> &Path {
        &self.lock
    }

    /// Holds the folder as it is. Waits for an installer that is at work; finishes what one that died left.
    ///
    /// # Errors
    ///
    /// Where the folder is not there or cannot be read: it is then unknown what is in it.
    pub fn view(&self) -> Result<View> {
        let mut unsettled: Vec<(String, Error)> = Vec::new();
        for attempt in 0..ATTEMPTS {
            let guard = self.share()?;
            let unfinished = self.unfinished()?;
            let known = |name: &str| unsettled.iter().any(|(unsettled, _)| unsettled == name);
            let done = unfinished.iter().filter_map(Unfinished::plugin).all(known);
            // What is merely left over is cleared up once, if it can be.
            if unfinished.is_empty() || (done && attempt > 0) {
                return self.view_under(guard, unsettled);
            }
            // To finish takes the lock for itself; somebody else may do it first, or leave the next thing unfinished.
            drop(guard);
            unsettled = self.settle_all();
        }
        Err(Error::Transient {
            message: format!(
                "installers keep changing the plugins folder {}, and end before they are done; try again later",
                self.dir.display()
            ),
            retry_after: None,
        })
    }

    fn view_under(&self, guard: Option<FileLock>, unsettled: Vec<(String, Error)>) -> Result<View> {
        let real = self.dir.canonicalize().map_err(|error| self.unreadable(&error))?;
        let lock = self.remembered.read(&self.lock);
        Ok(View { folder: self.clone(), real, lock, unsettled, _guard: guard })
    }

    /// What lies in the folder now; see [`View::scan`].
    pub fn scan(&self) -> Result<Scan> {
        self.view()?.scan()
    }

    /// What a manifest tells although it may not be one that can be used; see [`View::salvage`].
    pub(crate) fn salvage(&self, file: &str) -> Result<Option<(Option<Install>, Overrides)>> {
        self.view()?.salvage(file)
    }

    /// One component and what lies beside it; see [`View::read`].
    pub fn read(&self, file: &str) -> Result<Stored> {
        self.view()?.read(file)
    }

    fn share(&self) -> Result<Option<FileLock>> {
        FileLock::shared(&self.dir.join(layout::LOCK)).map_err(|error| self.unreadable(&error))
    }

    /// Waits until nobody else reads or changes the folder.
    fn take(&self) -> Result<FileLock> {
        let path = self.dir.join(layout::LOCK);
        FileLock::exclusive(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.unreadable(&error),
            _ => Error::io("lock the plugins folder by", &path, &error),
        })
    }

    /// What installations and removals left in between. Of use only under the lock.
    fn unfinished(&self) -> Result<Vec<Unfinished>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(|error| self.unreadable(&error))? {
            let entry = entry.map_err(|error| self.unreadable(&error))?;
            found.extend(entry.file_name().to_str().and_then(Unfinished::of));
        }
        found.sort();
        Ok(found)
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        if error.kind() == io::ErrorKind::NotFound {
            return Error::invalid(format!(
                "the plugins folder {} is not there: put it back, or name another",
                self.dir.display()
            ));
        }
        Error::io("read the plugins folder", &self.dir, error)
    }
}

impl View {
    /// What is installed, as the lock file has it.
    pub fn lock(&self) -> Result<&LockFile> {
        self.lock.as_deref().map_err(Error::clone)
    }
}
