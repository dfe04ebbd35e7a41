//! A JSON Schema that values are held against.
//!
//! Schemas come out of plugins, so they are bounded before they are compiled: a schema may be wrong, large or
//! malicious, and all that comes of it is an error.

mod defaults;
mod violations;

use std::fmt;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::{Error, Result, Violation};

/// The longest text of a schema that is read.
const MAX_TEXT: usize = 1 << 20;

/// Bounds what one regular expression of a schema takes once compiled.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// A compiled JSON Schema: draft 2020-12, or the draft that its `$schema` names. Cheap to clone.
///
/// `format` is asserted. References must stay within the schema. Patterns are those of the `regex` crate, which
/// match in linear time: no look-around and no back-references.
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

struct Inner {
    json: Value,
    validator: jsonschema::Validator,
}

impl Schema {
    /// Compiles the schema in `text`; `what` names it in errors, for example ``input schema of `add` ``.
    pub fn parse(what: &str, text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(Error::invalid(format!(
                "{what} is {} bytes long; a schema may have {MAX_TEXT}",
                text.len()
            )));
        }
        let json: Value = serde_json::from_str(text)
            .map_err(|error| Error::invalid(format!("{what} is not JSON: {error}")))?;
        Self::compile(what, json)
    }

    fn compile(what: &str, json: Value) -> Result<Self> {
        let validator = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .build(&json)
            .map_err(|error| {
                Error::violated(
                    format!("{what} is not a JSON Schema that can be used"),
                    violations::of_schema(&error),
                )
            })?;
        Ok(Self(Arc::new(Inner { json, validator })))
    }

    /// Every place in which `value` does not fit; none if it fits. See [`Violation`].
    ///
    /// A missing field is reported at the pointer that it would have, an unknown field at its own.
    pub fn validate(&self, value: &Value) -> Vec<Violation> {
        if self.0.validator.is_valid(value) {
            return Vec::new();
        }
        violations::all(self.0.validator.iter_errors(value))
    }

    /// Fills in the `default`s of properties that `value` does not have, then those within what was filled in.
    ///
    /// Looks through local `$ref`s, `allOf` and the `anyOf` of one schema and `null`, and into the items of
    /// arrays. Whether the result fits is not looked at: a default need not fit its own schema.
    pub fn fill_defaults(&self, value: &mut Value) {
        defaults::fill(&self.0.json, value);
    }

    /// The schema as it was given.
    pub fn as_json(&self) -> &Value {
        &self.0.json
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.0.json)
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.0.json == other.0.json
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.json.serialize(serializer)
    }
}

/// Checks that `text` is one well-formed JSON value, without building it; the error names line and column.
///
/// As everywhere in the host, values nested more than 127 deep are refused.
pub fn check_json(text: &str) -> Result<()> {
    serde_json::from_str::<IgnoredAny>(text).map(|_| ()).map_err(|error| not_json(&error))
}

pub(super) fn not_json(error: &serde_json::Error) -> Error {
    Error::invalid(format!("not well-formed JSON: {error}"))
}
