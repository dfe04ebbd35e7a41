//! Configurations of instances: completed by their schema's defaults, held against it, changed value by value.

mod change;
mod path;
#[cfg(test)]
mod tests;

use serde_json::Value;

use super::schema::{NO_SUCH_FIELD, Schema};
use crate::error::{Error, Result, Violation};
pub(crate) use change::{assign, get, set, unset};
pub use path::ConfigPath;

/// How fields are taken that a schema neither names nor forbids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// They are errors: most often a name was misspelt.
    #[default]
    Strict,
    /// They are warnings, and reach the plugin.
    Lenient,
}

/// A configuration that fits its schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Completed {
    /// With the defaults that were not given.
    pub(crate) value: Value,
    /// What would have been refused, had it been taken strictly.
    pub(crate) warnings: Vec<Violation>,
}

/// Fills in the schema's defaults, and holds the result against the schema; `id` is the instance's.
///
/// # Errors
///
/// `invalid-input`, with every violation at its JSON pointer. What the schema itself forbids is refused leniently, too.
pub(crate) fn complete(id: &str, schema: &Schema, given: Value, strictness: Strictness) -> Result<Completed> {
    let unknown = schema.unknown_fields(&given);
    let mut value = given;
    schema.fill_defaults(&mut value);
    let mut violations = schema.validate(&value);
    match strictness {
        Strictness::Lenient if violations.is_empty() => return Ok(Completed { value, warnings: unknown }),
        Strictness::Lenient => {
            // A field that the schema forbids is unknown as well: then what it may have been meant for is said.
            for violation in &mut violations {
                let same = |other: &&Violation| other.pointer == violation.pointer;
                if violation.message == NO_SUCH_FIELD
                    && let Some(unknown) = unknown.iter().find(same)
                {
                    violation.message.clone_from(&unknown.message);
                }
            }
        }
        Strictness::Strict => {
            let is_unknown = |pointer: &str| unknown.iter().any(|unknown| unknown.pointer == pointer);
            violations.retain(|known| known.message != NO_SUCH_FIELD || !is_unknown(&known.pointer));
            violations.extend(unknown);
        }
    }
    if violations.is_empty() {
        return Ok(Completed { value, warnings: Vec::new() });
    }
    Err(Error::violated(format!("configuration of `{id}` does not fit its schema"), violations))
}
