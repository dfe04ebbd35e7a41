//! The names of jobs and sequences.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;

/// The id of a job: a UUIDv7 (RFC 9562), so that ids sort by the time of their submission.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

/// The id of a sequence: a UUIDv7 (RFC 9562), so that ids sort by the time of their submission.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SequenceId(Uuid);

macro_rules! id {
    ($type:ident, $says:literal) => {
        impl $type {
            /// An id that nothing else has. Each is greater than those before it in this process, even where the clock
            /// was put back.
            pub(super) fn new() -> Self {
                Self(Uuid::now_v7())
            }

            pub(super) fn of(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes, the most significant first.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|error| Error::invalid(format!($says, text = text, error = error)))
            }
        }
    };
}

id!(JobId, "`{text}` is no id of a job: {error}; `submit` gave it, and `list` shows all");
id!(
    SequenceId,
    "`{text}` is no id of a sequence: {error}; its submission gave it, and a list of sequences shows all"
);
