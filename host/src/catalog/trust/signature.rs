//! Detached signatures: a file of two lines beside the file that was signed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::armor;
use super::public::KeyNumber;
use crate::error::{Error, Result};
use crate::file;

const SIGNATURE_BYTES: usize = 64;
const BYTES: usize = 2 + KeyNumber::BYTES + SIGNATURE_BYTES;

/// An Ed25519 signature over the whole of a file, as in a signify `.sig` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    comment: String,
    number: KeyNumber,
    signature: [u8; SIGNATURE_BYTES],
}

impl Signature {
    /// Where the signature of a file lies: beside it, with `.sig` after its name.
    pub fn path_of(file: &Path) -> PathBuf {
        let mut path = OsString::from(file);
        path.push(".sig");
        path.into()
    }

    pub(super) fn new(comment: String, number: KeyNumber, signature: [u8; SIGNATURE_BYTES]) -> Self {
        Self { comment, number, signature }
    }

    /// Reads a signature from its file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = file::read(path, armor::MAX_FILE)?;
        Self::parse_as(&format!("the signature {}", path.display()), &text)
    }

    /// Reads a signature from the text of its file.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_as("the signature", text.as_bytes())
    }

    pub(crate) fn parse_as(what: &str, text: &[u8]) -> Result<Self> {
        let armor::Armored { comment, payload } = armor::parse(what, text)?;
        let Ok(payload) = <&[u8; BYTES]>::try_from(payload.as_slice()) else {
            return Err(armor::wrong_length(what, payload.len(), BYTES));
        };
        match (payload.get(2..).and_then(<[u8]>::first_chunk), payload.last_chunk()) {
            (Some(number), Some(signature)) => {
                Ok(Self { comment, number: KeyNumber(*number), signature: *signature })
            }
            _ => Err(armor::wrong_length(what, payload.len(), BYTES)),
        }
    }

    /// The text of the signature's file.
    pub fn to_text(&self) -> String {
        let payload = [armor::ALGORITHM.as_slice(), &self.number.0, &self.signature].concat();
        String::clone(&armor::to_text(&self.comment, &payload))
    }

    /// Writes the signature to a file, in place of one that is there.
    pub fn write(&self, path: &Path) -> Result<()> {
        file::write_atomically(path, self.to_text().as_bytes(), file::Access::Shared)
            .map_err(|error| Error::io("write the signature", path, &error))
    }

    /// The number of the key that it says it was made with.
    pub fn number(&self) -> KeyNumber {
        self.number
    }

    /// What its file says of it, usually which key to check it with; anybody may have changed it.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.signature
    }
}
