//! Secrets in the keyring of the operating system: the Secret Service on Linux, Keychain on macOS, the Credential
//! Manager on Windows.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keyring_core::{CredentialStore, Entry, Error as KeyringError};
use zeroize::Zeroizing;

use super::Secret;
use crate::error::{Error, Result};

/// Stands for a name where all are meant; no secret is called so.
const ALL: &str = "*";

/// The entries of one scope: the service `cjm:SCOPE`, and the secret's name as the user.
pub(super) struct KeyringStore {
    keyring: Arc<CredentialStore>,
    service: String,
}

impl KeyringStore {
    pub(super) fn open(scope: &str) -> Result<Self> {
        if let Err(error) = keyring::Entry::store_status() {
            return Err(unreachable(error));
        }
        let keyring = keyring_core::get_default_store();
        let keyring = keyring.ok_or_else(|| unreachable(&KeyringError::NoDefaultStore))?;
        Ok(Self::of(keyring, scope))
    }

    fn of(keyring: Arc<CredentialStore>, scope: &str) -> Self {
        Self { keyring, service: format!("cjm:{scope}") }
    }

    pub(super) fn set(&self, name: &str, value: &Secret) -> Result<()> {
        let entry = self.entry(name)?;
        entry.set_secret(value.expose().as_bytes()).map_err(|error| failed("set", name, error))
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Secret>> {
        let bytes = match self.entry(name)?.get_secret() {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(KeyringError::NoEntry) => return Ok(None),
            Err(error) => return Err(failed("read", name, error)),
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(_) => Err(Error::fatal(format!(
                "the secret `{name}` in the keyring is no text, so another program wrote it; set it anew"
            ))),
        }
    }

    pub(super) fn list(&self) -> Result<Vec<String>> {
        let failed = |error| failed("list", ALL, error);
        let mut spec = HashMap::new();
        // On Windows a search goes by patterns; what is too much is left out below.
        if cfg!(not(windows)) {
            spec.insert("service", self.service.as_str());
        }
        let mut names = Vec::new();
        for entry in self.keyring.search(&spec).map_err(failed)? {
            let Some((service, name)) = entry.get_specifiers() else { continue };
            if service != self.service {
                continue;
            }
            match entry.get_credential() {
                Ok(_) => names.push(name),
                Err(KeyringError::NoEntry) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    pub(super) fn delete(&self, name: &str) -> Result<bool> {
        match self.entry(name)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(KeyringError::NoEntry) => Ok(false),
            Err(error) => Err(failed("delete", name, error)),
        }
    }

    fn entry(&self, name: &str) -> Result<Entry> {
        self.keyring.build(&self.service, name, None).map_err(|error| failed("find", name, error))
    }
}

impl fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyringStore({})", self.service)
    }
}

fn unreachable(error: &KeyringError) -> Error {
    Error::invalid(format!(
        "no keyring can be reached ({error}); run this in a session that has one (on Linux a Secret Service such as \
         gnome-keyring or KWallet, on the session's D-Bus), or choose `secrets-backend = \"file\"`"
    ))
}

/// What the keyring said. Errors that carry the secret's bytes, or show them, are not repeated.
fn failed(doing: &str, name: &str, error: KeyringError) -> Error {
    let what = match name {
        ALL => "the secrets in the keyring".to_owned(),
        name => format!("the secret `{name}` in the keyring"),
    };
    match error {
        KeyringError::NoStorageAccess(why) => Error::Transient {
            message: format!("cannot {doing} {what}: {why}; unlock the keyring and try again"),
            retry_after: Some(Duration::from_secs(1)),
        },
        KeyringError::BadEncoding(bytes) | KeyringError::BadDataFormat(bytes, _) => {
            drop(Zeroizing::new(bytes));
            Error::fatal(format!("cannot {doing} {what}: the keyring gave it back damaged; set it anew"))
        }
        KeyringError::Ambiguous(_) => Error::invalid(format!(
            "cannot {doing} {what}: there are several entries of this name; remove all but one with the keyring's own \
             program"
        )),
        error @ (KeyringError::TooLong(..)
        | KeyringError::Invalid(..)
        | KeyringError::NotSupportedByStore(_)) => Error::invalid(format!(
            "cannot {doing} {what}: {error}; choose `secrets-backend = \"file\"` for it"
        )),
        error => Error::fatal(format!("cannot {doing} {what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;
    use keyring_core::mock;

    fn stores() -> (Arc<CredentialStore>, KeyringStore, KeyringStore) {
        let keyring: Arc<CredentialStore> = mock::Store::new().unwrap();
        (
            keyring.clone(),
            KeyringStore::of(keyring.clone(), "default"),
            KeyringStore::of(keyring, "default-2"),
        )
    }

    /// Has the next use of a secret's entry fail.
    fn fail(keyring: &Arc<CredentialStore>, name: &str, error: KeyringError) {
        let entry = keyring.build("cjm:default", name, None).unwrap();
        entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(error);
    }

    #[test]
    fn keeps_secrets_by_name_and_scope() {
        let (_, default, other) = stores();
        default.set("b", &Secret::new("one")).unwrap();
        default.set("a", &Secret::new("ü")).unwrap();
        assert_eq!(default.list().unwrap(), ["a", "b"]);
        assert_eq!(other.list().unwrap(), [] as [&str; 0]);
        assert_eq!(other.get("a").unwrap(), None);
        assert_eq!(default.get("a").unwrap().unwrap().expose(), "ü");
        assert!(default.delete("a").unwrap());
        assert!(!default.delete("a").unwrap());
        assert_eq!(default.list().unwrap(), ["b"]);
    }

    #[test]
    fn what_goes_wrong_is_told_without_a_value() {
        let (keyring, store, _) = stores();
        store.set("a", &Secret::new("hunter2")).unwrap();
        let bytes = || b"hunter2".to_vec();
        let ambiguous = vec![keyring.build("cjm:default", "a", None).unwrap()];
        let cases = [
            (KeyringError::NoStorageAccess("locked".into()), Category::Transient, "unlock the keyring"),
            (KeyringError::BadEncoding(bytes()), Category::Fatal, "damaged"),
            (KeyringError::BadDataFormat(bytes(), "hunter2".into()), Category::Fatal, "damaged"),
            (KeyringError::Ambiguous(ambiguous), Category::InvalidInput, "several entries"),
            (KeyringError::TooLong("secret".into(), 3), Category::InvalidInput, "limit of 3"),
            (KeyringError::PlatformFailure("gone".into()), Category::Fatal, "gone"),
        ];
        for (error, category, said) in cases {
            fail(&keyring, "a", error);
            let error = store.get("a").unwrap_err();
            assert_eq!(error.category(), category, "{error}");
            let text = format!("{error} {error:?}");
            assert!(text.contains(said) && text.contains("`a`") && !text.contains("hunter2"), "{text}");
        }
        assert_eq!(store.get("a").unwrap().unwrap().expose(), "hunter2");
        keyring.build("cjm:default", "a", None).unwrap().set_secret(b"\xff").unwrap();
        assert!(store.get("a").unwrap_err().to_string().contains("another program wrote it"));
    }

    #[test]
    fn a_machine_without_a_keyring_is_told_what_to_do() {
        let error = unreachable(&KeyringError::NoDefaultStore);
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().contains("secrets-backend = \"file\""), "{error}");
        // Where tests run there may be a keyring or none.
        if let Err(error) = KeyringStore::open("default") {
            assert!(error.to_string().contains("no keyring can be reached"), "{error}");
        }
    }
}
