//! The folder of public keys whose signatures count.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::armor;
use super::public::PublicKey;
use super::signature::Signature;
use crate::catalog::name;
use crate::error::{Error, Result};
use crate::file::{self, Access};

const EXTENSION: &str = ".pub";

/// The keys in the folder `trusted-keys`, one `NAME.pub` each.
///
/// Who can write there decides whose plugins run, so that a folder or file that others can write is refused.
#[derive(Debug)]
pub struct TrustedKeys {
    dir: PathBuf,
    keys: Vec<TrustedKey>,
    problems: Vec<Error>,
}

/// A key, and the name that the operator gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustedKey {
    /// 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

/// As in listings: name, number, fingerprint and comment.
impl Serialize for TrustedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("TrustedKey", 4)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("number", &self.key.number())?;
        fields.serialize_field("fingerprint", &self.key.fingerprint())?;
        fields.serialize_field("comment", self.key.comment())?;
        fields.end()
    }
}

impl TrustedKeys {
    /// Reads the folder; one that is not there holds no keys. A file in it that cannot be used is no key, and is kept
    /// for [`problems`](Self::problems).
    pub fn open(dir: &Path) -> Result<Self> {
        let mut found = Self { dir: dir.to_path_buf(), keys: Vec::new(), problems: Vec::new() };
        let failed = |error: io::Error| Error::io("read the trusted keys in", dir, &error);
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(failed(error)),
        };
        check_unwritable(dir, &fs::metadata(dir).map_err(failed)?)?;
        for entry in entries {
            let file = entry.map_err(failed)?.file_name();
            let Some(name) = file.to_str().and_then(|file| file.strip_suffix(EXTENSION)) else { continue };
            if name.starts_with('.') {
                continue;
            }
            match read(name, &dir.join(&file)) {
                Ok(key) => found.keys.push(key),
                Err(error) => found.problems.push(error),
            }
        }
        found.keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The keys, by name.
    pub fn list(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// What is wrong with the files in the folder that are not used as keys.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// Trusts a key from now on. Adding it again under its name changes nothing; a name is not given to another key,
    /// nor one key two names.
    pub fn add(&mut self, name: &str, key: PublicKey) -> Result<()> {
        name::check_name("a key", name)?;
        if let Some(known) = self.keys.iter().find(|known| known.key.is_same_key(&key)) {
            if known.name == name {
                return Ok(());
            }
            return Err(Error::invalid(format!(
                "this key is trusted already, under the name `{}`",
                known.name
            )));
        }
        file::create_dir(&self.dir, Access::Private)
            .map_err(|error| Error::io("make the folder", &self.dir, &error))?;
        match file::write_new(&self.path(name), key.to_text().as_bytes(), Access::Shared) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::invalid(format!(
                    "`{name}` is the name of another trusted key; remove that one first, or choose another name"
                )));
            }
            Err(error) => return Err(Error::io("write the trusted key", &self.path(name), &error)),
        }
        let at = self.keys.partition_point(|known| known.name.as_str() < name);
        self.keys.insert(at, TrustedKey { name: name.to_owned(), key });
        Ok(())
    }

    /// Trusts a key no longer; also takes away a file that could not be read as one.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        name::check_name("a key", name)?;
        let path = self.path(name);
        match fs::remove_file(&path).and_then(|()| file::sync_dir(&self.dir)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::invalid(format!(
                    "there is no trusted key `{name}`{}",
                    listed(self.keys.iter().map(|key| key.name.as_str()))
                )));
            }
            Err(error) => return Err(Error::io("remove the trusted key", &path, &error)),
        }
        self.keys.retain(|key| key.name != name);
        Ok(())
    }

    /// The name of the trusted key that made this signature over these bytes.
    pub fn verify(&self, bytes: &[u8], signature: &Signature) -> Result<&str> {
        if let Some(key) = self.keys.iter().find(|key| key.key.verifies(bytes, signature)) {
            return Ok(&key.name);
        }
        match self.with_number(signature) {
            Some(key) => Err(Error::invalid(format!(
                "the signature is by the trusted key `{}`, but does not fit: what was signed was altered, or is \
                 something else",
                key.name
            ))),
            None => Err(Error::invalid(format!(
                "the signature is by the key {}, which is not trusted (it says: {}); `cjm-ctl trust add` its public \
                 key, if you know whose it is{}",
                signature.number(),
                name::shown(signature.comment()),
                listed(self.keys.iter().map(|key| key.name.as_str()))
            ))),
        }
    }

    /// The key that a signature says it is by.
    pub(super) fn with_number(&self, signature: &Signature) -> Option<&TrustedKey> {
        self.keys.iter().find(|key| key.key.number() == signature.number())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{EXTENSION}"))
    }
}

fn read(name: &str, path: &Path) -> Result<TrustedKey> {
    name::check_name("a trusted key", name)?;
    let failed = |error: io::Error| Error::io("read the trusted key", path, &error);
    // Asked before it is opened: to open a pipe would wait for somebody to write to it.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::invalid(format!(
            "{} is no file; remove it from the trusted keys",
            path.display()
        )));
    }
    let file = File::open(path).map_err(failed)?;
    check_unwritable(path, &file.metadata().map_err(failed)?)?;
    let mut text = String::new();
    file.take(armor::MAX_FILE).read_to_string(&mut text).map_err(failed)?;
    let key = PublicKey::parse(&text)
        .map_err(|error| Error::invalid(format!("{} is no trusted key: {error}", path.display())))?;
    Ok(TrustedKey { name: name.to_owned(), key })
}

#[cfg(unix)]
fn check_unwritable(path: &Path, meta: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if meta.permissions().mode() & 0o022 != 0 {
        return Err(Error::invalid(format!(
            "{} can be written by others, who could have their own plugins trusted: look whether its keys are \
             yours, then `chmod go-w` it",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_unwritable(_path: &Path, _meta: &fs::Metadata) -> Result<()> {
    Ok(())
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.take(20).map(|name| format!("`{name}`")).collect();
    match names.is_empty() {
        true => "; no key is trusted yet".to_owned(),
        false => format!("; trusted are {}", names.join(", ")),
    }
}
