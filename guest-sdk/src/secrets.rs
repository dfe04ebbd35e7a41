//! Secrets that the plugin was granted.

use std::fmt;

use crate::error::{Error, Result};

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::double as backend;
#[cfg(target_arch = "wasm32")]
use crate::wasm::secrets as backend;

/// A secret's value, which does not print itself: [`Secret::reveal`] is where it leaves its wrapper.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value. Keep it out of results, logs and errors.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The secret of this name, or none where there is none or it was not granted; the two look the same.
///
/// In tests, [`testing::set_secret`](crate::testing::set_secret) puts one here.
pub fn get(name: &str) -> Option<Secret> {
    backend::secret(name).map(Secret)
}

/// As [`get`], for a secret that the plugin cannot do without.
///
/// # Errors
///
/// Invalid input, naming the secret: the operator can mend it by a grant.
pub fn require(name: &str) -> Result<Secret> {
    get(name).ok_or_else(|| {
        Error::invalid(format!("the secret `{name}` does not exist or was not granted to this plugin"))
    })
}
