//! The name of some bytes: their SHA-256, written `sha256:<64 hex digits>`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const PREFIX: &str = "sha256:";

/// The SHA-256 of a component's bytes, by which it is named, cached and pinned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut raw = [0; 32];
        for (to, from) in raw.iter_mut().zip(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref()) {
            *to = *from;
        }
        Self(raw)
    }

    /// The digest that has these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes themselves.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hex digits, without the prefix; fit for a file's name.
    pub fn hex(&self) -> String {
        self.digits(self.0.len())
    }

    /// The first 12 hex digits: enough for people to tell one from another, not enough to trust.
    pub fn short(&self) -> String {
        self.digits(6)
    }

    fn digits(&self, bytes: usize) -> String {
        use fmt::Write;
        let mut text = String::with_capacity(2 * bytes);
        for byte in self.0.iter().take(bytes) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The text does not begin with `sha256:`.
    #[error("a digest is written `sha256:` and 64 hex digits; this begins with `{0}`")]
    Algorithm(String),
    /// There are not exactly 64 digits.
    #[error("a digest has 64 hex digits after `sha256:`; this has {0}")]
    Length(usize),
    /// A character is no hex digit.
    #[error("`{0}` is not a lower-case hex digit")]
    Digit(char),
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Upper-case digits are refused: one digest has one spelling, so that digests can be compared as text.
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let Some(digits) = text.strip_prefix(PREFIX) else {
            return Err(DigestError::Algorithm(text.chars().take(PREFIX.len()).collect()));
        };
        if let Some(odd) = digits.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
            return Err(DigestError::Digit(odd));
        }
        let mut raw = [0; 32];
        if digits.len() != 2 * raw.len() {
            return Err(DigestError::Length(digits.len()));
        }
        let mut nibbles = digits.bytes().map(|digit| match digit {
            b'0'..=b'9' => digit - b'0',
            _ => digit - b'a' + 10,
        });
        for byte in &mut raw {
            let (high, low) = (nibbles.next().unwrap_or(0), nibbles.next().unwrap_or(0));
            *byte = high << 4 | low;
        }
        Ok(Self(raw))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_NOTHING: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn has_one_spelling() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), OF_NOTHING);
        assert_eq!(OF_NOTHING.parse(), Ok(digest));
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert_eq!(format!("sha256:{}", digest.hex()), OF_NOTHING);
        assert_eq!(
            OF_NOTHING.to_uppercase().replace("SHA", "sha").parse::<Digest>(),
            Err(DigestError::Digit('E'))
        );
    }

    #[test]
    fn says_why_a_text_is_no_digest() {
        assert_eq!("md5:00".parse::<Digest>(), Err(DigestError::Algorithm("md5:00".into())));
        assert_eq!("".parse::<Digest>(), Err(DigestError::Algorithm("".into())));
        assert_eq!("sha256:00".parse::<Digest>(), Err(DigestError::Length(2)));
        assert_eq!("sha256:é".parse::<Digest>(), Err(DigestError::Digit('é')));
    }

    #[test]
    fn is_a_string_in_json() {
        let digest = Digest::of(b"abc");
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"sha256:\"").is_err());
    }
}
