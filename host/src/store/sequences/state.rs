//! Where sequences are, and how they go on.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Where a sequence is between its submission and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SequenceState {
    /// Some step has not ended.
    Running,
    /// All steps completed.
    Completed,
    /// A step failed, and no other is run any more.
    Failed,
    /// It was cancelled, or one of its steps was, and none failed.
    Cancelled,
}

/// What a step that does not complete does to those after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SequenceMode {
    /// They are cancelled.
    #[default]
    FailFast,
    /// They are run nevertheless.
    BestEffort,
}

impl SequenceState {
    /// All states, in the order in which a sequence comes through them.
    pub const ALL: [SequenceState; 4] =
        [SequenceState::Running, SequenceState::Completed, SequenceState::Failed, SequenceState::Cancelled];

    /// The name, as it is printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            SequenceState::Running => "running",
            SequenceState::Completed => "completed",
            SequenceState::Failed => "failed",
            SequenceState::Cancelled => "cancelled",
        }
    }

    /// Whether the sequence has ended: by itself it will not change any more.
    pub fn is_final(self) -> bool {
        self != SequenceState::Running
    }
}

impl SequenceMode {
    /// Both modes.
    pub const ALL: [SequenceMode; 2] = [SequenceMode::FailFast, SequenceMode::BestEffort];

    /// The name, as it is printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            SequenceMode::FailFast => "fail-fast",
            SequenceMode::BestEffort => "best-effort",
        }
    }
}

/// What is printed and stored by its name.
macro_rules! named {
    ($type:ident, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                $type::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
                    let names = $type::ALL.map($type::as_str).join(", ");
                    Error::invalid(format!(
                        concat!("`{}` is no ", $what, " of a sequence; there are {}"),
                        text, names
                    ))
                })
            }
        }

        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_str()?.parse().map_err(|error: Error| FromSqlError::Other(Box::new(error)))
            }
        }
    };
}

named!(SequenceState, "state");
named!(SequenceMode, "mode");
