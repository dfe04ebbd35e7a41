//! Public keys: what signatures are checked with.

use std::fmt;
use std::path::Path;

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Serialize, Serializer};

use super::armor;
use super::signature::Signature;
use crate::catalog::digest::Digest;
use crate::error::{Error, Result};
use crate::file;

const BYTES: usize = 2 + KeyNumber::BYTES + PublicKey::KEY_BYTES;

/// Eight random bytes that tell keys apart. They prove nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber(pub(super) [u8; Self::BYTES]);

impl KeyNumber {
    pub(super) const BYTES: usize = 8;
}

/// Sixteen hex digits.
impl fmt::Display for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An Ed25519 key that signatures are checked with, as in a signify `.pub` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    comment: String,
    number: KeyNumber,
    key: [u8; Self::KEY_BYTES],
}

impl PublicKey {
    pub(super) const KEY_BYTES: usize = 32;

    pub(super) fn new(comment: String, number: KeyNumber, key: [u8; Self::KEY_BYTES]) -> Self {
        Self { comment, number, key }
    }

    /// Reads a key from its file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = file::read(path, armor::MAX_FILE)?;
        Self::parse_as(&format!("the public key {}", path.display()), &text)
    }

    /// Reads a key from the text of its file.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_as("the public key", text.as_bytes())
    }

    fn parse_as(what: &str, text: &[u8]) -> Result<Self> {
        let armor::Armored { comment, payload } = armor::parse(what, text)?;
        let Ok(payload) = <&[u8; BYTES]>::try_from(payload.as_slice()) else {
            return Err(armor::wrong_length(what, payload.len(), BYTES));
        };
        match (payload.get(2..).and_then(<[u8]>::first_chunk), payload.last_chunk()) {
            (Some(number), Some(key)) => Ok(Self { comment, number: KeyNumber(*number), key: *key }),
            _ => Err(armor::wrong_length(what, payload.len(), BYTES)),
        }
    }

    /// The text of the key's file.
    pub fn to_text(&self) -> String {
        let payload = [armor::ALGORITHM.as_slice(), &self.number.0, &self.key].concat();
        String::clone(&armor::to_text(&self.comment, &payload))
    }

    /// Writes the key to a file of its own. One that is there is never overwritten.
    pub fn write(&self, path: &Path) -> Result<()> {
        file::write_new(path, self.to_text().as_bytes(), file::Access::Shared)
            .map_err(|error| Error::io("write the public key", path, &error))
    }

    /// Tells the key from others, and signatures whose they are.
    pub fn number(&self) -> KeyNumber {
        self.number
    }

    /// The digest of the key's 32 bytes: what two people compare to know that they have the same key.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.key)
    }

    /// What its file says of it, which anybody may have changed.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Whether two files hold one key, whatever their comments say.
    pub fn is_same_key(&self, other: &PublicKey) -> bool {
        (self.number, self.key) == (other.number, other.key)
    }

    /// Whether this key made the signature over these bytes.
    pub fn verifies(&self, bytes: &[u8], signature: &Signature) -> bool {
        signature.number() == self.number
            && UnparsedPublicKey::new(&ED25519, &self.key).verify(bytes, signature.as_bytes()).is_ok()
    }
}
