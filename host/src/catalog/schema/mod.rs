//! A JSON Schema that values are held against.
//!
//! Schemas come out of plugins, so they are bounded before they are compiled: a schema may be wrong, large or
//! malicious, and all that comes of it is an error.

mod annotations;
mod bounds;
mod defaults;
mod graph;
mod place;
mod refs;
#[cfg(test)]
mod tests;
mod unknown;
mod violations;
mod walk;

use std::fmt;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::{Error, Result, Violation};
pub(crate) use annotations::INSTANCE;
use bounds::{Bounds, MAX_DEPTH};
pub(super) use graph::escape;
pub(super) use place::Places;
pub(super) use violations::NO_SUCH_FIELD;

/// The longest text of a schema that is read.
const MAX_TEXT: usize = 1 << 20;

/// Bounds what one pattern of a schema takes once compiled.
const MAX_PATTERN_BYTES: usize = 256 << 10;

/// Up to this cost (schemas along a path, times parts of the value) every violation is looked for. It bounds the
/// time to some tenths of a second, and the memory to some hundred megabytes.
const MAX_REPORT_COST: u64 = 500_000;

/// Up to this cost of a path, finding the first violation alone takes no longer than finding out that there is one.
const MAX_FIRST_COST: u64 = 1_000;

/// A compiled JSON Schema: draft 2020-12, or the draft that its `$schema` names. Cheap to clone.
///
/// `format` is asserted. References must stay within the schema. Patterns match in linear time, so there is no
/// look-around in them and there are no back-references. What a schema may ask for is bounded.
#[derive(Clone)]
pub struct Schema(Arc<Inner>);

struct Inner {
    json: Value,
    validator: jsonschema::Validator,
    bounds: Bounds,
}

impl Schema {
    /// Compiles the schema in `text`; `what` names it in errors, for example ``the input schema of `add` ``.
    pub fn parse(what: &str, text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(Error::invalid(format!(
                "{what} is {} bytes long; at most {MAX_TEXT} are read",
                text.len()
            )));
        }
        let json: Value = serde_json::from_str(text)
            .map_err(|error| Error::invalid(format!("{what} is not JSON: {error}")))?;
        let unusable =
            |violations| Error::violated(format!("{what} is not a JSON Schema that can be used"), violations);
        check_draft(&json).map_err(|violation| unusable(vec![violation]))?;
        let bounds = Bounds::of(&json).map_err(|violation| unusable(vec![violation]))?;
        let validator = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .build(&json)
            .map_err(|error| unusable(violations::of_schema(&error)))?;
        Ok(Self(Arc::new(Inner { json, validator, bounds })))
    }

    /// Every place in which `value` does not fit; none if it fits.
    ///
    /// A missing field is reported at the pointer that it would have, a field that the schema does not know at its
    /// own. Of more than a hundred violations the rest is counted. Of values that are too large to be reported on
    /// in full, only the first violation is named, or none but that there is one.
    pub fn validate(&self, value: &Value) -> Vec<Violation> {
        let Extent { size, depth } = Extent::of(value);
        if depth > MAX_DEPTH {
            let message = format!("is nested more than {MAX_DEPTH} deep");
            return vec![Violation { pointer: String::new(), message }];
        }
        let Inner { validator, bounds, .. } = &*self.0;
        if validator.is_valid(value) {
            return Vec::new();
        }
        let cost = bounds.cost(depth);
        if cost.saturating_mul(size) <= MAX_REPORT_COST {
            return violations::all(validator.iter_errors(value));
        }
        let first =
            if bounds.alternatives || cost > MAX_FIRST_COST { None } else { validator.validate(value).err() };
        violations::of_large(first.as_ref())
    }

    /// Fills in the `default`s of properties that `value` does not have, then those within what was filled in.
    ///
    /// Looks through references, `allOf` and the `anyOf` of one schema and `null`, and into the items of arrays
    /// and the values of maps. Whether the result fits is not looked at: a default need not fit its own schema.
    pub fn fill_defaults(&self, value: &mut Value) {
        defaults::fill(&self.0.json, &self.0.bounds.anchors, value);
    }

    /// The schema as it was given.
    pub fn as_json(&self) -> &Value {
        &self.0.json
    }
}

/// A schema says itself by which draft it goes. One that goes by none that is known would be misunderstood.
fn check_draft(schema: &Value) -> Result<(), Violation> {
    const DRAFTS: [&str; 5] = [
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-06/schema",
        "http://json-schema.org/draft-04/schema",
    ];
    let Some(draft) = schema.get("$schema").and_then(Value::as_str) else { return Ok(()) };
    if DRAFTS.contains(&draft.trim_end_matches('#')) {
        return Ok(());
    }
    let draft = violations::cut(draft.to_owned(), 120);
    let message = format!("`{draft}` is no draft that is known; leave it out to go by {}", DRAFTS[0]);
    Err(Violation { pointer: "/$schema".into(), message })
}

/// How much there is of a value.
struct Extent {
    /// Its parts, and its text by the word.
    size: u64,
    /// Its levels.
    depth: usize,
}

impl Extent {
    /// Without recursion: a value that was built in memory may be nested to any depth.
    fn of(value: &Value) -> Self {
        let mut extent = Extent { size: 0, depth: 0 };
        let mut open = vec![(value, 0)];
        while let Some((value, depth)) = open.pop() {
            extent.size += 1;
            extent.depth = extent.depth.max(depth);
            match value {
                Value::String(text) => extent.size += text.len() as u64 / 64,
                Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
                Value::Object(fields) => open.extend(fields.values().map(|field| (field, depth + 1))),
                _ => {}
            }
        }
        extent
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
/// Goes by the grammar of RFC 8259 alone: a number that no `f64` holds, an unpaired surrogate and values nested without
/// end pass, though not every parser takes them.
pub(crate) fn check_json(text: &str) -> Result<()> {
    serde_json::from_str::<IgnoredAny>(text).map(|_| ()).map_err(|error| not_json(&error))
}

pub(super) fn not_json(error: &serde_json::Error) -> Error {
    Error::invalid(format!("not well-formed JSON: {error}"))
}
