//! Whose plugins run: digests that were pinned, and signatures by keys that the operator trusts.
//!
//! Keys and signatures are files in the formats of OpenBSD's `signify`: Ed25519, two lines of text. `docs/trust.md` has
//! them byte by byte.

mod armor;
mod keys;
mod public;
mod secret;
mod signature;
#[cfg(test)]
mod tests;
mod verdict;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

pub use keys::{TrustedKey, TrustedKeys};
pub use public::{KeyNumber, PublicKey};
pub use secret::SecretKey;
pub use signature::Signature;
pub use verdict::{Evidence, Integrity, Signed, Verdict};

/// What a component must show before it is loaded. Each level asks for all that the one before it asks for.
///
/// At every level a component is refused that contradicts what was written down about it: a digest other than that in
/// `cjm.lock` or in its manifest, or a signature beside it, by a trusted key, that does not fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustLevel {
    /// Nothing more: what lies in the plugins folder is loaded.
    #[default]
    Any,
    /// Its digest stands in `cjm.lock`.
    Locked,
    /// And a signature by one of the trusted keys lies beside it. The digest is asked for all the same: a signature
    /// alone would let an old version, signed in its day, come back.
    Signed,
}

impl TrustLevel {
    /// The name, as in `cjm.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            TrustLevel::Any => "any",
            TrustLevel::Locked => "locked",
            TrustLevel::Signed => "signed",
        }
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TrustLevel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "any" => Ok(TrustLevel::Any),
            "locked" => Ok(TrustLevel::Locked),
            "signed" => Ok(TrustLevel::Signed),
            other => Err(Error::invalid(format!(
                "`{}` is no level of trust; there are `any`, `locked` and `signed`",
                super::name::shown(other)
            ))),
        }
    }
}
