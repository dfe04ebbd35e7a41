//! What a component is held against: lock, manifest and signature, in one place for loading and for `verify`.

use serde::Serialize;

use super::keys::TrustedKeys;
use super::signature::Signature;
use super::{KeyNumber, TrustLevel};
use crate::catalog::digest::Digest;
use crate::error::{Error, Result};

/// What is known of a component, gathered by whoever wants a verdict.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// The component's file, by name.
    pub file: &'a str,
    /// Its bytes and their digest; none where it is missing.
    pub component: Option<(&'a [u8], Digest)>,
    /// The digest in `cjm.lock`.
    pub locked: Option<Digest>,
    /// The digest in the manifest.
    pub recorded: Option<Digest>,
    /// The text of the signature beside it.
    pub signature: Option<&'a [u8]>,
}

/// What came of holding a component against what was written down about it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Verdict {
    /// The plugin's name.
    pub name: String,
    /// The component's file, by name.
    pub file: String,
    /// Whether the component is what was written down.
    pub integrity: Integrity,
    /// The digest of the bytes that are there.
    pub found: Option<Digest>,
    /// The digest in `cjm.lock`.
    pub locked: Option<Digest>,
    /// The digest in the manifest.
    pub recorded: Option<Digest>,
    /// Whose signature lies beside it.
    pub signature: Signed,
    /// Why the component or its manifest cannot be used, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Error>,
}

/// How the bytes relate to the digests that were written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Integrity {
    /// The lock has this digest, and the manifest no other.
    Intact,
    /// The lock does not have the plugin, and the manifest no other digest.
    NotLocked,
    /// The lock or the manifest has another digest.
    Altered,
    /// It was installed, and its file is not there.
    Missing,
    /// It cannot be read, or its manifest cannot: see [`Verdict::problem`].
    Unusable,
}

/// What the signature beside a component is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
#[non_exhaustive]
pub enum Signed {
    /// There is none.
    Unsigned,
    /// It fits, and this trusted key made it.
    By {
        /// The key's name.
        key: String,
    },
    /// It is by a key that is not trusted.
    Untrusted {
        /// The key's number.
        number: KeyNumber,
    },
    /// It cannot be read, or does not fit though it is by a trusted key.
    Invalid {
        /// What is wrong.
        reason: String,
    },
}

impl Integrity {
    /// The name, in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            Integrity::Intact => "intact",
            Integrity::NotLocked => "not-locked",
            Integrity::Altered => "altered",
            Integrity::Missing => "missing",
            Integrity::Unusable => "unusable",
        }
    }
}

impl Signed {
    fn of(bytes: &[u8], text: Option<&[u8]>, keys: &TrustedKeys) -> Self {
        let Some(text) = text else { return Signed::Unsigned };
        let signature = match Signature::parse_as("the signature", text) {
            Ok(signature) => signature,
            Err(error) => return Signed::Invalid { reason: error.to_string() },
        };
        match keys.verify(bytes, &signature) {
            Ok(key) => Signed::By { key: key.to_owned() },
            Err(_) if keys.with_number(&signature).is_none() => {
                Signed::Untrusted { number: signature.number() }
            }
            Err(error) => Signed::Invalid { reason: error.to_string() },
        }
    }
}

impl Verdict {
    /// Weighs the evidence. Looks at the signature only where there is one: to check it takes some milliseconds for
    /// each megabyte.
    pub fn of(evidence: Evidence<'_>, keys: &TrustedKeys) -> Self {
        let Evidence { name, file, component, locked, recorded, signature } = evidence;
        let found = component.map(|(_, digest)| digest);
        let integrity = match found {
            None => Integrity::Missing,
            Some(found) if [locked, recorded].into_iter().flatten().any(|written| written != found) => {
                Integrity::Altered
            }
            Some(_) if locked.is_none() => Integrity::NotLocked,
            Some(_) => Integrity::Intact,
        };
        Self {
            name: name.to_owned(),
            file: file.to_owned(),
            integrity,
            found,
            locked,
            recorded,
            signature: component.map_or(Signed::Unsigned, |(bytes, _)| Signed::of(bytes, signature, keys)),
            problem: None,
        }
    }

    /// The verdict on what cannot be read.
    pub(crate) fn unusable(name: &str, file: &str, locked: Option<Digest>, problem: Error) -> Self {
        Self {
            name: name.to_owned(),
            file: file.to_owned(),
            integrity: Integrity::Unusable,
            found: None,
            locked,
            recorded: None,
            signature: Signed::Unsigned,
            problem: Some(problem),
        }
    }

    /// Whether the component may be loaded at this level of trust; the error says why not, and what to do.
    pub fn admit(&self, level: TrustLevel) -> Result<()> {
        let Self { name, file, .. } = self;
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let refused = |why: String| Err(Error::invalid(format!("plugin `{name}` is not loaded: {why}")));
        let Some(found) = self.found else {
            return refused(format!("its file `{file}` is missing; install it again, or remove it"));
        };
        if let Some(locked) = self.locked.filter(|locked| *locked != found) {
            return refused(format!(
                "`{file}` was altered: it is {found}, and cjm.lock has {locked}. Install it again, from a source \
                 that you trust"
            ));
        }
        if let Some(recorded) = self.recorded.filter(|recorded| *recorded != found) {
            return refused(format!(
                "`{file}` was altered: it is {found}, and its manifest was written for {recorded}. Install it \
                 again, or, if you replaced it yourself, `cjm-ctl regenerate {name}`"
            ));
        }
        if let Signed::Invalid { reason } = &self.signature {
            return refused(format!("{reason} (`{file}.sig`)"));
        }
        if level >= TrustLevel::Locked && self.locked.is_none() {
            return refused(format!(
                "cjm.lock does not have it, and the level of trust is `{level}`; install `{file}` with `cjm-ctl \
                 install`"
            ));
        }
        match &self.signature {
            Signed::By { .. } => Ok(()),
            _ if level < TrustLevel::Signed => Ok(()),
            Signed::Untrusted { number } => refused(format!(
                "it is signed by the key {number}, which is not trusted, and the level of trust is `{level}`; \
                 `cjm-ctl trust add` its public key, if you know whose it is"
            )),
            _ => refused(format!(
                "it is not signed, and the level of trust is `{level}`; there is no `{file}.sig`. Get a signed one, \
                 or sign it with a key of your own: `cjm-ctl sign`"
            )),
        }
    }
}
