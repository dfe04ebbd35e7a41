//! A secret in memory.

use std::collections::HashMap;
use std::fmt;

use zeroize::Zeroizing;

/// The value of a secret. It shows itself nowhere, and is wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value. A `String` is taken as it is; what it was copied from before is the caller's to wipe.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself, to be passed on and not to be kept.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Secrets by name. It shows their names, never their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(HashMap<String, Secret>);

impl Secrets {
    /// The secret of this name.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }

    /// Adds a secret; one of the same name is replaced.
    pub fn insert(&mut self, name: impl Into<String>, secret: Secret) {
        self.0.insert(name.into(), secret);
    }

    /// Whether there is a secret of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, Secret)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (String, Secret)>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_value() {
        let secret = Secret::new("hunter2");
        let secrets: Secrets = [("api-key".to_owned(), secret.clone())].into_iter().collect();
        let shown = format!("{secret:?} {secret:#?} {secrets:?} {secrets:#?}");
        assert!(shown.contains("api-key") && !shown.contains("hunter2"), "{shown}");
    }
}
