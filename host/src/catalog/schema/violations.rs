//! From what the validator found to what a person can act on.

use std::fmt::{self, Write};

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::graph::escape;
use crate::error::Violation;

/// More than this nobody reads, and each costs memory.
const MAX_VIOLATIONS: usize = 100;

/// How much of an offending value is shown, and how much of a whole message.
const MAX_VALUE_CHARS: usize = 120;
const MAX_MESSAGE_CHARS: usize = 400;

/// What is said of a field that the schema does not know.
pub(in crate::catalog) const NO_SUCH_FIELD: &str = "there is no such field in the schema";

/// Alternatives within alternatives are looked into this deep.
const MAX_NESTING: usize = 16;

/// The violations in a value, at most a hundred of them and then one that counts the rest.
pub(super) fn all<'a>(errors: impl IntoIterator<Item = ValidationError<'a>>) -> Vec<Violation> {
    let mut found = Found::default();
    for error in errors {
        found.add(&error, 0);
    }
    found.finish()
}

/// What is wrong with a schema itself; the pointers point into the schema.
pub(super) fn of_schema(error: &ValidationError<'_>) -> Vec<Violation> {
    match error.kind() {
        Kind::Format { format } if format == "regex" => {
            let pattern = shown(error.instance());
            let message = format!(
                "{pattern} is not a pattern that can be used: it is malformed or large, or has look-around or \
                 back-references, which are not supported"
            );
            vec![Violation { pointer: error.instance_path().to_string(), message }]
        }
        Kind::Referencing(why) => vec![Violation {
            pointer: error.instance_path().to_string(),
            message: cut(why.to_string(), MAX_MESSAGE_CHARS),
        }],
        _ => {
            let mut found = Found::default();
            found.add(error, 0);
            found.finish()
        }
    }
}

/// What is said of a value that is too large for [`all`]; `first` is the one violation that was looked for.
pub(super) fn of_large(first: Option<&ValidationError<'_>>) -> Vec<Violation> {
    let mut found = Found::default();
    let message = match first {
        Some(first) => {
            found.add(first, 0);
            "there may be more; the value is too large to list them"
        }
        None => "does not fit, and is too large to say where",
    };
    found.push(String::new(), || message.into());
    found.finish()
}

#[derive(Default)]
struct Found {
    violations: Vec<Violation>,
    unlisted: usize,
}

impl Found {
    fn add(&mut self, error: &ValidationError<'_>, nesting: usize) {
        let at = error.instance_path().as_str();
        match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                self.push(child(at, name), || "required, but missing".into());
            }
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    self.push(child(at, name), || NO_SUCH_FIELD.into());
                }
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } if nesting < MAX_NESTING => {
                match the_one_meant(at, context) {
                    Some(branch) => {
                        for error in branch {
                            self.add(error, nesting + 1);
                        }
                    }
                    None => {
                        let value = shown(error.instance());
                        self.push(at.into(), || {
                            format!("{value} fits none of the {} alternatives", context.len())
                        });
                    }
                }
            }
            Kind::FalseSchema => self.push(at.into(), || "no value is allowed here".into()),
            _ => self.push(at.into(), || error.masked_with(shown(error.instance())).to_string()),
        }
    }

    fn push(&mut self, pointer: String, message: impl FnOnce() -> String) {
        if self.violations.len() >= MAX_VIOLATIONS {
            self.unlisted += 1;
            return;
        }
        // One field that two parts of a schema ask for is one violation to its reader.
        let violation = Violation { pointer, message: cut(message(), MAX_MESSAGE_CHARS) };
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    fn finish(mut self) -> Vec<Violation> {
        if self.unlisted > 0 {
            let message = format!("and {} more", self.unlisted);
            self.violations.push(Violation { pointer: String::new(), message });
        }
        self.violations
    }
}

/// The alternative that the value was evidently meant for, if there is one: the only one of the value's type, or
/// among those the only one whose tag it carries. Then its violations say more than "fits none".
fn the_one_meant<'a>(
    at: &str,
    branches: &'a [Vec<ValidationError<'static>>],
) -> Option<&'a Vec<ValidationError<'static>>> {
    let of_type = |branch: &&Vec<ValidationError<'static>>| {
        !branch.iter().any(|error| {
            error.instance_path().as_str() == at
                && matches!(
                    error.kind(),
                    Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. } | Kind::FalseSchema
                )
        })
    };
    let tagged = |branch: &&Vec<ValidationError<'static>>| {
        !branch.iter().any(|error| {
            matches!(error.kind(), Kind::Constant { .. } | Kind::Enum { .. })
                && is_child(at, error.instance_path().as_str())
        })
    };
    only(branches.iter().filter(of_type)).or_else(|| only(branches.iter().filter(of_type).filter(tagged)))
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

fn is_child(parent: &str, pointer: &str) -> bool {
    pointer.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/')).is_some_and(|key| !key.contains('/'))
}

/// The pointer of a field of the value at `pointer`.
pub(super) fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", cut(escape(name), MAX_VALUE_CHARS))
}

/// The value as JSON, but no more of it than a person wants to read: it may be megabytes long.
fn shown(value: &Value) -> String {
    let mut text = Bounded { text: String::new(), left: MAX_VALUE_CHARS };
    match write!(text, "{value}") {
        Ok(()) => text.text,
        Err(_) => text.text + "…",
    }
}

struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        for c in more.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

/// The beginning of a text, at most so many characters of it.
pub(super) fn cut(mut text: String, chars: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars) {
        text.truncate(end);
        text.push('…');
    }
    text
}
