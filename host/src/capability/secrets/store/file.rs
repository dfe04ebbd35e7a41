//! Secrets in files: one for each scope, JSON, readable by its owner alone.
//!
//! ```json
//! { "format": 1, "scope": "default", "secrets": { "api-key": "aHVudGVyMg==" } }
//! ```
//!
//! Values are in base64. That hides them from nobody but somebody who looks on; it lets them be read without a parser
//! that leaves unescaped copies behind.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Secret, Secrets};
use crate::catalog::name::shown;
use crate::error::{Error, Result};
use crate::file::{Access, FileLock, create_dir, write_atomically};

const FORMAT: u32 = 1;

/// The largest file.
const MAX_BYTES: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct FileStore {
    dir: PathBuf,
    path: PathBuf,
    scope: String,
}

/// A file's content, borrowed from its text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content<'t> {
    format: u32,
    scope: &'t str,
    #[serde(borrow)]
    secrets: BTreeMap<&'t str, &'t str>,
}

impl FileStore {
    /// The scope's name was checked: it makes a file's name.
    pub(super) fn new(dir: &Path, scope: &str) -> Self {
        Self { dir: dir.to_owned(), path: dir.join(format!("{scope}.json")), scope: scope.to_owned() }
    }

    pub(super) fn set(&self, name: &str, value: &Secret) -> Result<()> {
        self.make_dir()?;
        let _lock = self.lock()?;
        let text = self.read()?;
        let mut secrets = self.secrets(text.as_ref())?;
        let encoded = Zeroizing::new(STANDARD.encode(value.expose()));
        secrets.insert(name, &encoded);
        self.write(secrets)
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Secret>> {
        let text = self.read()?;
        self.secrets(text.as_ref())?.get(name).map(|encoded| self.decode(name, encoded)).transpose()
    }

    pub(super) fn list(&self) -> Result<Vec<String>> {
        let text = self.read()?;
        Ok(self.secrets(text.as_ref())?.into_keys().map(str::to_owned).collect())
    }

    pub(super) fn delete(&self, name: &str) -> Result<bool> {
        // Without a file there may be no folder for the lock either.
        if self.read()?.is_none() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        let text = self.read()?;
        let mut secrets = self.secrets(text.as_ref())?;
        if secrets.remove(name).is_none() {
            return Ok(false);
        }
        self.write(secrets).map(|()| true)
    }

    pub(super) fn granted<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Secrets> {
        let text = self.read()?;
        let secrets = self.secrets(text.as_ref())?;
        names
            .filter_map(|name| {
                let encoded = secrets.get(name)?;
                Some(self.decode(name, encoded).map(|secret| (name.to_owned(), secret)))
            })
            .collect()
    }

    /// The file's text; none where there is no file.
    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let failed = |error| Error::io("read the secrets in", &self.path, &error);
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // Of the open file, so that it cannot be exchanged in between.
        let metadata = file.metadata().map_err(failed)?;
        check_private("700", &self.dir, &fs::metadata(&self.dir).map_err(failed)?)?;
        check_private("600", &self.path, &metadata)?;
        let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if length > MAX_BYTES {
            return Err(self.damaged("it is larger than any that was written"));
        }
        // Filled in place: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(vec![0; length]);
        file.read_exact(&mut text).map_err(failed)?;
        Ok(Some(text))
    }

    /// The secrets in a file's text, encoded. What the parser has to say is not repeated: it may quote a value.
    fn secrets<'t>(&self, text: Option<&'t Zeroizing<Vec<u8>>>) -> Result<BTreeMap<&'t str, &'t str>> {
        let Some(text) = text else { return Ok(BTreeMap::new()) };
        let content: Content<'t> = serde_json::from_slice(text)
            .map_err(|error| self.damaged(&format!("line {}, column {}", error.line(), error.column())))?;
        if content.format != FORMAT {
            return Err(Error::invalid(format!(
                "{} was written by a later release of cjm (its format is {}, this release knows {FORMAT}); use that \
                 release",
                self.path.display(),
                content.format
            )));
        }
        // Where the system takes `A` and `a` for one file, tenants would see each other's secrets.
        if content.scope != self.scope {
            return Err(Error::invalid(format!(
                "{} holds the secrets of the scope `{}`, not of `{}`; choose scopes that differ in more than the case \
                 of letters, and do not rename these files",
                self.path.display(),
                shown(content.scope),
                self.scope
            )));
        }
        Ok(content.secrets)
    }

    fn decode(&self, name: &str, encoded: &str) -> Result<Secret> {
        let unreadable = || self.damaged(&format!("`{name}` is not base64 of text"));
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| unreadable())?);
        let text = std::str::from_utf8(&bytes).map_err(|_| unreadable())?;
        Ok(Secret::new(text))
    }

    fn write(&self, secrets: BTreeMap<&str, &str>) -> Result<()> {
        let length: usize = secrets.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
        // Room for all of it: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(length + self.scope.len() + 128));
        let content = Content { format: FORMAT, scope: &self.scope, secrets };
        serde_json::to_writer(&mut *text, &content)
            .map_err(|error| Error::io("write the secrets to", &self.path, &error.into()))?;
        if text.len() > MAX_BYTES {
            return Err(Error::invalid(format!(
                "the secrets of the scope `{}` would take more than {} MiB; delete some, or store what they unlock \
                 elsewhere",
                self.scope,
                MAX_BYTES >> 20
            )));
        }
        self.sweep();
        write_atomically(&self.path, &text, Access::Private)
            .map_err(|error| Error::io("write the secrets to", &self.path, &error))
    }

    /// Removes what a process that was killed while it wrote left behind: it holds secrets. Whoever writes has the lock.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b".writing-")) {
            let _ = fs::remove_file(entry.path());
        }
    }

    fn make_dir(&self) -> Result<()> {
        let failed = |error| Error::io("make the folder", &self.dir, &error);
        // What is above it is not for secrets alone.
        if let Some(above) = self.dir.parent() {
            create_dir(above, Access::Shared).map_err(failed)?;
        }
        create_dir(&self.dir, Access::Private).map_err(failed)?;
        check_private("700", &self.dir, &fs::metadata(&self.dir).map_err(failed)?)
    }

    fn lock(&self) -> Result<FileLock> {
        let path = self.dir.join("lock");
        FileLock::exclusive(&path).map_err(|error| Error::io("lock", &path, &error))
    }

    fn damaged(&self, what: &str) -> Error {
        let file = self.path.display();
        Error::fatal(format!(
            "the secrets in {file} cannot be read: it is damaged ({what}); restore it from a copy, or move it away and \
             set its secrets anew"
        ))
    }
}

/// Refuses a file or folder that anybody but its owner can read or change.
#[cfg(unix)]
fn check_private(wanted: &str, path: &Path, metadata: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Error::invalid(format!(
        "secrets are not read from {path} while others have access to it (mode {mode:o}): `chmod {wanted} {path}`, and \
         change the secrets that they may have seen"
    )))
}

/// Elsewhere access is not a matter of bits; the folder has that of the user's own.
#[cfg(not(unix))]
fn check_private(_wanted: &str, _path: &Path, _metadata: &fs::Metadata) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;

    fn store() -> (tempfile::TempDir, FileStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(&dir.path().join("secrets"), "default");
        (dir, store)
    }

    fn secret(value: &str) -> Secret {
        Secret::new(value)
    }

    /// Puts a text in the place of the file.
    fn put(store: &FileStore, text: &str) {
        store.make_dir().unwrap();
        write_atomically(&store.path, text.as_bytes(), Access::Private).unwrap();
    }

    #[test]
    fn keeps_secrets_by_name() {
        let (_dir, store) = store();
        assert_eq!(store.list().unwrap(), [] as [&str; 0]);
        assert_eq!(store.get("a").unwrap(), None);
        assert!(!store.delete("a").unwrap());
        let odd = "line one\nline \"two\" \\ ü \u{0}";
        store.set("b", &secret("one")).unwrap();
        store.set("a", &secret(odd)).unwrap();
        store.set("b", &secret("two")).unwrap();
        assert_eq!(store.list().unwrap(), ["a", "b"]);
        assert_eq!(store.get("a").unwrap().unwrap().expose(), odd);
        assert_eq!(store.get("b").unwrap().unwrap().expose(), "two");
        let granted = store.granted(["b", "c"].into_iter()).unwrap();
        assert_eq!(granted.names().collect::<Vec<_>>(), ["b"]);
        assert_eq!(granted.get("b").unwrap().expose(), "two");
        assert!(store.delete("a").unwrap());
        assert!(!store.delete("a").unwrap());
        assert_eq!(store.list().unwrap(), ["b"]);
    }

    #[test]
    fn scopes_do_not_see_each_other() {
        let (dir, default) = store();
        let other = FileStore::new(&dir.path().join("secrets"), "tenant-2");
        default.set("a", &secret("one")).unwrap();
        assert_eq!(other.get("a").unwrap(), None);
        other.set("a", &secret("two")).unwrap();
        assert_eq!(default.get("a").unwrap().unwrap().expose(), "one");
        fs::copy(&default.path, &other.path).unwrap();
        let error = other.get("a").unwrap_err().to_string();
        assert!(error.contains("holds the secrets of the scope `default`, not of `tenant-2`"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn files_and_folder_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, store) = store();
        store.set("a", &secret("one")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.dir), 0o700);
        assert_eq!(mode(&store.path), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_read_is_refused_with_the_line_that_mends_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, store) = store();
        store.set("a", &secret("one")).unwrap();
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for (path, good) in [(&store.path, 0o600), (&store.dir, 0o700)] {
            for open in [0o040, 0o020, 0o004, 0o002] {
                chmod(path, good | open);
                let errors = [
                    store.get("a").unwrap_err(),
                    store.list().unwrap_err(),
                    store.set("b", &secret("two")).unwrap_err(),
                    store.delete("a").unwrap_err(),
                    store.granted(["a"].into_iter()).unwrap_err(),
                ];
                for error in errors {
                    assert_eq!(error.category(), Category::InvalidInput, "{error}");
                    let mend = format!("`chmod {good:o} {}`", path.display());
                    assert!(error.to_string().contains(&mend), "{error}");
                }
            }
            chmod(path, good);
        }
        assert_eq!(store.get("a").unwrap().unwrap().expose(), "one");
        assert_eq!(store.list().unwrap(), ["a"]);
    }

    #[test]
    fn damage_is_told_without_a_value() {
        let (_dir, store) = store();
        let good = r#"{"format":1,"scope":"default","secrets":{"a":"aHVudGVyMg=="}}"#;
        put(&store, good);
        assert_eq!(store.get("a").unwrap().unwrap().expose(), "hunter2");
        let bad = [
            String::new(),
            good[..good.len() - 1].to_owned(),
            good.replace("{\"a\":\"aHVudGVyMg==\"}", "\"aHVudGVyMg==\""),
            good.replace("\"a\":", "\"a\":[\"aHVudGVyMg==\"],\"b\":"),
            good.replace("1,", "\"aHVudGVyMg==\","),
            good.replace("\"format\"", "\"aHVudGVyMg==\":1,\"format\""),
            good.replace("Mg==", "Mg"),
            good.replace("aHVudGVyMg==", "/w=="),
        ];
        for text in bad {
            put(&store, &text);
            let error = store.get("a").unwrap_err();
            assert_eq!(error.category(), Category::Fatal, "{text}: {error}");
            assert!(!error.to_string().contains("aHVud"), "{text}: {error}");
            assert!(error.to_string().contains("move it away"), "{text}: {error}");
            if store.list().is_err() {
                assert!(store.set("b", &secret("two")).is_err(), "{text}");
                assert_eq!(fs::read_to_string(&store.path).unwrap(), text, "nothing is overwritten");
            }
        }
        put(&store, &good.replace("1,", "2,"));
        assert!(store.get("a").unwrap_err().to_string().contains("later release"));
    }

    #[test]
    fn what_a_killed_writer_left_is_removed() {
        let (_dir, store) = store();
        store.make_dir().unwrap();
        fs::write(store.dir.join(".writing-x"), "hunter2").unwrap();
        store.set("a", &secret("one")).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&store.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["default.json", "lock"]);
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing_and_disturb_no_reader() {
        let (_dir, store) = store();
        std::thread::scope(|scope| {
            scope.spawn(|| while store.list().unwrap().len() < 40 {});
            for writer in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for count in 0..10 {
                        store.set(&format!("s{writer}-{count}"), &secret("v")).unwrap();
                    }
                });
            }
        });
        assert_eq!(store.list().unwrap().len(), 40);
    }
}
