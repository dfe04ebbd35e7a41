//! `cjm.lock`: which plugins are installed, each pinned by its digest.
//!
//! TOML, sorted by name, so that it can lie in version control and a change to it can be read. It is the authority on
//! what is installed: an installation counts from the moment at which it is in here.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::name;
use crate::error::{Error, Result};
use crate::file::{self, Access, FileLock};

/// The version of the format that is read and written.
const VERSION: i64 = 1;

/// The longest file that is read: room for some ten thousand plugins.
const MAX_BYTES: u64 = 8 << 20;
const MAX_SOURCE: usize = 8 << 10;

const HEADER: &str = "\
# Which plugins are installed, and the digest of each. Written by cjm: change it with `cjm-ctl install` and `remove`.
# Keep it in version control, so that everybody runs the same plugins.
";

/// What is installed, as one file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    path: PathBuf,
    plugins: BTreeMap<String, Locked>,
}

/// One installed plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Locked {
    /// 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub name: String,
    /// The plugin's own version.
    pub version: Version,
    /// The component's digest.
    pub digest: Digest,
    /// Where it came from: an address, or a path.
    pub source: String,
    /// Its file in the plugins folder.
    pub file: String,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: i64,
    #[serde(default, rename = "plugin", skip_serializing_if = "Vec::is_empty")]
    plugins: Vec<Locked>,
}

impl LockFile {
    /// Reads a lock file. One that is not there is an empty one; one that was cut or altered is an error.
    pub fn read(path: &Path) -> Result<Self> {
        match Self::bytes(path)? {
            Some(bytes) => Self::parse(path, &bytes),
            None => Ok(Self { path: path.to_path_buf(), plugins: BTreeMap::new() }),
        }
    }

    fn bytes(path: &Path) -> Result<Option<Vec<u8>>> {
        file::read_if_there(path, MAX_BYTES).map_err(|error| Error::io("read the lock file", path, &error))
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let refused = |why: String| {
            Error::invalid(format!(
                "the lock file {} cannot be used: {why}. Restore it from version control; or delete it, and install \
                 the plugins again",
                path.display()
            ))
        };
        let text = std::str::from_utf8(bytes).map_err(|_| refused("it is not text".into()))?;
        let wire = match toml::from_str::<Wire>(text) {
            Ok(wire) if wire.version == VERSION => wire,
            parsed => {
                // Of another version nothing else can be judged.
                let version = toml::from_str::<toml::Table>(text)
                    .map_err(|error| refused(format!("it is not TOML: {}", said(&error))))?
                    .remove("version");
                return Err(match (version, parsed) {
                    (None, _) => refused("it has no `version`: it was cut, or is no lock file".into()),
                    (Some(toml::Value::Integer(VERSION)), Err(error)) => refused(said(&error)),
                    (Some(other), _) => Error::invalid(format!(
                        "the lock file {} has version {other}; this host reads {VERSION}: update the host, or \
                         delete the file and install the plugins again",
                        path.display()
                    )),
                });
            }
        };
        let mut lock = Self { path: path.to_path_buf(), plugins: BTreeMap::new() };
        for plugin in wire.plugins {
            check(&plugin).map_err(|error| refused(error.to_string()))?;
            let name = plugin.name.clone();
            if lock.plugins.insert(name.clone(), plugin).is_some() {
                return Err(refused(format!("it has `{name}` twice")));
            }
        }
        Ok(lock)
    }

    /// Reads the file, lets `change` change it, and writes it, whole or not at all; nobody else writes it meanwhile.
    ///
    /// Waits for whoever is at it. Where `change` fails, or changes nothing, the file stays as it is. To that end
    /// there is an empty hidden file beside it, which stays.
    pub fn edit<T>(path: &Path, change: impl FnOnce(&mut LockFile) -> Result<T>) -> Result<T> {
        let guard = guard_path(path);
        let _guard = FileLock::exclusive(&guard).map_err(|error| Error::io("lock", &guard, &error))?;
        let before = Self::read(path)?;
        let mut after = before.clone();
        let done = change(&mut after)?;
        if after != before {
            file::write_atomically(path, after.to_text()?.as_bytes(), Access::Shared)
                .map_err(|error| Error::io("write the lock file", path, &error))?;
        }
        Ok(done)
    }

    /// The text of the file.
    pub fn to_text(&self) -> Result<String> {
        let wire = Wire { version: VERSION, plugins: self.plugins.values().cloned().collect() };
        let body = toml::to_string(&wire)
            .map_err(|error| Error::fatal(format!("the lock file cannot be written as TOML: {error}")))?;
        let text = format!("{HEADER}{body}");
        if text.len() as u64 > MAX_BYTES {
            return Err(Error::invalid(format!(
                "the lock file {} would have over {MAX_BYTES} bytes; remove some plugins first",
                self.path.display()
            )));
        }
        Ok(text)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plugin of this name.
    pub fn get(&self, name: &str) -> Option<&Locked> {
        self.plugins.get(name)
    }

    /// The plugins, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Locked> {
        self.plugins.values()
    }

    /// Puts a plugin in, in place of one of its name, which is given back. A name or file that could lead out of the
    /// plugins folder is refused.
    pub fn insert(&mut self, plugin: Locked) -> Result<Option<Locked>> {
        check(&plugin)?;
        Ok(self.plugins.insert(plugin.name.clone(), plugin))
    }

    /// Takes a plugin out.
    pub fn remove(&mut self, name: &str) -> Option<Locked> {
        self.plugins.remove(name)
    }

    /// Whether the plugin of this name is in the file, with this digest.
    pub fn check(&self, name: &str, digest: &Digest) -> Result<()> {
        let path = self.path.display();
        match self.get(name) {
            Some(locked) if locked.digest == *digest => Ok(()),
            Some(locked) => Err(Error::invalid(format!(
                "plugin `{name}` was altered: it is {digest}, and {path} has {}. Install it again, from a source that \
                 you trust",
                locked.digest
            ))),
            None => Err(Error::invalid(format!(
                "plugin `{}` is not in {path}; install it with `cjm-ctl install`",
                name::shown(name)
            ))),
        }
    }
}

/// What a lock file's text was found to mean: it is read for every plugin that is loaded, and rarely changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remembered(Arc<Mutex<Option<Known>>>);

/// The bytes of a file, and what they mean.
type Known = (Vec<u8>, Arc<LockFile>);

impl Remembered {
    /// Reads the file, and parses it only where it is not what it was the last time.
    pub(crate) fn read(&self, path: &Path) -> Result<Arc<LockFile>> {
        let Some(bytes) = LockFile::bytes(path)? else { return LockFile::read(path).map(Arc::new) };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, lock)) = &*last
            && *known == bytes
            && lock.path == path
        {
            return Ok(lock.clone());
        }
        let lock = Arc::new(LockFile::parse(path, &bytes)?);
        *last = Some((bytes, lock.clone()));
        Ok(lock)
    }
}

/// Refuses an entry whose name or file could lead anywhere.
fn check(plugin: &Locked) -> Result<()> {
    name::check_name("a plugin", &plugin.name)?;
    if !name::is_component_file(&plugin.file) {
        return Err(Error::invalid(format!(
            "`{}`, the file of `{}`, is not the plain name of a `.wasm` file",
            name::shown(&plugin.file),
            plugin.name
        )));
    }
    if plugin.source.len() > MAX_SOURCE {
        return Err(Error::invalid(format!(
            "the source of `{}` is over {MAX_SOURCE} bytes long",
            plugin.name
        )));
    }
    Ok(())
}

/// Writers take turns by a file beside the lock file: the lock file itself is replaced when it is written.
fn guard_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.guard"))
}

/// What the parser says, on one line.
fn said(error: &toml::de::Error) -> String {
    error.to_string().trim_end().replace('\n', " ")
}
