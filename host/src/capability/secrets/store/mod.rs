//! Where secrets are kept between runs.
//!
//! Everything here blocks: async callers use `spawn_blocking`.

mod file;
#[cfg(feature = "keyring")]
mod keyring;
mod secret;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::catalog::name::{is_secret_name, shown};
use crate::error::{Error, Result};
use file::FileStore;
pub use secret::{Secret, Secrets};

/// The longest value, in bytes.
const MAX_VALUE: usize = 64 << 10;

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretsBackend {
    /// In files of the data folder that their owner alone can read.
    #[default]
    File,
    /// In the keyring of the operating system, where the host was built with the feature `keyring`. All projects of a
    /// user share it: scopes keep them apart.
    Keyring,
}

impl SecretsBackend {
    /// The name, as in `cjm.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            SecretsBackend::File => "file",
            SecretsBackend::Keyring => "keyring",
        }
    }
}

impl fmt::Display for SecretsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SecretsBackend {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "file" => Ok(SecretsBackend::File),
            "keyring" => Ok(SecretsBackend::Keyring),
            other => Err(Error::invalid(format!(
                "`{}` is no place for secrets; there are `file` and `keyring`",
                shown(other)
            ))),
        }
    }
}

/// The secrets of one scope: of one tenant, who sees no other's.
///
/// Names are 1 to 64 characters of `[A-Za-z0-9_.-]`, values 1 byte to 64 KiB of text. Several processes may use it at
/// the same time. Its methods block.
///
/// # Examples
///
/// ```
/// use cjm_host::{Secret, SecretStore, SecretsBackend};
///
/// # fn main() -> cjm_host::Result<()> {
/// # let data = tempfile::tempdir().unwrap();
/// let store = SecretStore::open(SecretsBackend::File, data.path().join("secrets"), "default")?;
/// store.set("api-key", &Secret::new("hunter2"))?;
/// assert_eq!(store.list()?, ["api-key"]);
/// assert_eq!(store.get("api-key")?.unwrap().expose(), "hunter2");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SecretStore {
    scope: String,
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    File(FileStore),
    #[cfg(feature = "keyring")]
    Keyring(keyring::KeyringStore),
}

impl SecretStore {
    /// The secrets of a scope. `dir` is the folder for files of secrets: it is made when the first one is set.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where the scope has no good name, or there is no keyring to be used.
    pub fn open(backend: SecretsBackend, dir: impl AsRef<Path>, scope: &str) -> Result<Self> {
        check_scope(scope)?;
        let backend = match backend {
            SecretsBackend::File => Backend::File(FileStore::new(dir.as_ref(), scope)),
            #[cfg(feature = "keyring")]
            SecretsBackend::Keyring => Backend::Keyring(keyring::KeyringStore::open(scope)?),
            #[cfg(not(feature = "keyring"))]
            SecretsBackend::Keyring => {
                return Err(Error::invalid(
                    "this program was built without support for keyrings; build it with the feature `keyring`, or \
                     choose `secrets-backend = \"file\"`",
                ));
            }
        };
        Ok(Self { scope: scope.to_owned(), backend })
    }

    /// The scope.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Stores a secret in place of what there was.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where name or value cannot be stored, or others can read the secrets that are there.
    pub fn set(&self, name: &str, value: &Secret) -> Result<()> {
        check_name(name)?;
        check_value(name, value)?;
        match &self.backend {
            Backend::File(store) => store.set(name, value),
            #[cfg(feature = "keyring")]
            Backend::Keyring(store) => store.set(name, value),
        }
    }

    /// A secret, if there is one of this name.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where others can read the file: it says what to do. `fatal`, where the file is damaged.
    pub fn get(&self, name: &str) -> Result<Option<Secret>> {
        check_name(name)?;
        match &self.backend {
            Backend::File(store) => store.get(name),
            #[cfg(feature = "keyring")]
            Backend::Keyring(store) => store.get(name),
        }
    }

    /// The names of all secrets, sorted.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn list(&self) -> Result<Vec<String>> {
        match &self.backend {
            Backend::File(store) => store.list(),
            #[cfg(feature = "keyring")]
            Backend::Keyring(store) => store.list(),
        }
    }

    /// Deletes a secret; false where there was none.
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set).
    pub fn delete(&self, name: &str) -> Result<bool> {
        check_name(name)?;
        match &self.backend {
            Backend::File(store) => store.delete(name),
            #[cfg(feature = "keyring")]
            Backend::Keyring(store) => store.delete(name),
        }
    }

    /// Those of the named secrets that there are, to be handed to a plugin that was granted them.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn granted<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Secrets> {
        let mut names = names.into_iter().peekable();
        // What cannot be read harms only those who need it.
        if names.peek().is_none() {
            return Ok(Secrets::default());
        }
        match &self.backend {
            Backend::File(store) => store.granted(names),
            #[cfg(feature = "keyring")]
            Backend::Keyring(store) => names
                .filter_map(|name| Some(store.get(name).transpose()?.map(|secret| (name.to_owned(), secret))))
                .collect(),
        }
    }
}

/// Refuses what no scope can be called.
pub(crate) fn check_scope(scope: &str) -> Result<()> {
    check("a scope of secrets", scope)
}

fn check_name(name: &str) -> Result<()> {
    check("a secret", name)
}

fn check(what: &str, name: &str) -> Result<()> {
    if is_secret_name(name) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "`{}` cannot be the name of {what}; use 1 to 64 characters of [A-Za-z0-9_.-]",
        shown(name)
    )))
}

fn check_value(name: &str, value: &Secret) -> Result<()> {
    match value.expose().len() {
        0 => Err(Error::invalid(format!("the secret `{name}` is empty; to remove it, delete it"))),
        1..=MAX_VALUE => Ok(()),
        more => Err(Error::invalid(format!(
            "the secret `{name}` is {more} bytes long; at most {MAX_VALUE} are kept: store what it unlocks elsewhere"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;

    fn store() -> (tempfile::TempDir, SecretStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = SecretStore::open(SecretsBackend::File, dir.path().join("secrets"), "default").unwrap();
        (dir, store)
    }

    #[test]
    fn names_lead_nowhere() {
        let (dir, store) = store();
        for name in ["", "a/b", "../a", "a b", "ä", "a\0", "a=b", &"x".repeat(65)] {
            let error = store.set(name, &Secret::new("v")).unwrap_err();
            assert_eq!(error.category(), Category::InvalidInput, "{name:?}");
            assert!(store.get(name).is_err() && store.delete(name).is_err(), "{name:?}");
            assert!(SecretStore::open(SecretsBackend::File, dir.path(), name).is_err(), "{name:?}");
        }
        for name in ["a", ".", "..", "A_b.c-9"] {
            store.set(name, &Secret::new("v")).unwrap();
            let scoped = SecretStore::open(SecretsBackend::File, dir.path().join("secrets"), name).unwrap();
            scoped.set(name, &Secret::new("v")).unwrap();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn values_have_a_length() {
        let (_dir, store) = store();
        assert!(store.set("a", &Secret::new("")).unwrap_err().to_string().contains("empty"));
        store.set("a", &Secret::new("x".repeat(MAX_VALUE))).unwrap();
        let error = store.set("a", &Secret::new("y".repeat(MAX_VALUE + 1))).unwrap_err().to_string();
        assert!(error.contains("65537 bytes") && !error.contains("yy"), "{error}");
    }

    #[cfg(not(feature = "keyring"))]
    #[test]
    fn a_keyring_that_was_not_built_in_says_so() {
        let error = SecretStore::open(SecretsBackend::Keyring, "secrets", "default").unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().contains("feature `keyring`"), "{error}");
    }

    #[test]
    fn backends_have_names() {
        for backend in [SecretsBackend::File, SecretsBackend::Keyring] {
            assert_eq!(backend.to_string().parse::<SecretsBackend>().unwrap(), backend);
        }
        assert!("vault".parse::<SecretsBackend>().unwrap_err().to_string().contains("`file` and `keyring`"));
    }
}
