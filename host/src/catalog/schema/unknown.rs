//! Fields that a schema does not know.

use serde_json::Value;

use super::graph::escape;
use super::place::{Place, Places};
use super::{Extent, MAX_DEPTH, Schema};
use crate::catalog::name::closest;
use crate::error::Violation;

/// More than this nobody reads.
const MAX_UNKNOWN: usize = 100;

impl Schema {
    /// The fields within a value that are none of those that the schema names for their place.
    ///
    /// By itself JSON Schema lets an object have any field that it does not forbid; a configuration with such a field
    /// most often has a misspelt one. So fields are unknown wherever the schema names some and says nothing of others.
    /// In alternatives those count that the value may be meant for. What is too large to be looked through has one
    /// violation that says so.
    pub(crate) fn unknown_fields(&self, value: &Value) -> Vec<Violation> {
        // Those are refused anyhow.
        if Extent::of(value).depth > MAX_DEPTH {
            return Vec::new();
        }
        let mut places = Places::new(self);
        let root = places.root(self, Some(value));
        let mut open = vec![(String::new(), value, root)];
        let mut unknown = Vec::new();
        while let Some((pointer, value, place)) = open.pop() {
            for name in places.unknown(&place, value) {
                unknown.push(violation(&pointer, name, &place));
            }
            if places.is_too_much() {
                let message =
                    "is too large to be looked through for fields that the schema does not know".into();
                unknown.push(Violation { pointer: String::new(), message });
                break;
            }
            if !place.is_described() {
                continue;
            }
            match value {
                Value::Object(fields) => {
                    for (name, field) in fields {
                        if places.is_too_much() {
                            break;
                        }
                        let place = places.field(&place, name, Some(field));
                        open.push((format!("{pointer}/{}", escape(name)), field, place));
                    }
                }
                Value::Array(items) => {
                    for (index, item) in items.iter().enumerate() {
                        if places.is_too_much() {
                            break;
                        }
                        let place = places.item(&place, index, Some(item));
                        open.push((format!("{pointer}/{index}"), item, place));
                    }
                }
                _ => {}
            }
        }
        unknown.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        if unknown.len() > MAX_UNKNOWN {
            let message = format!("and {} more", unknown.len() - MAX_UNKNOWN);
            unknown.truncate(MAX_UNKNOWN);
            unknown.push(Violation { pointer: String::new(), message });
        }
        unknown
    }
}

fn violation(pointer: &str, name: &str, place: &Place<'_>) -> Violation {
    let mut message = super::violations::NO_SUCH_FIELD.to_owned();
    if let Some(meant) = closest(name, place.fields()) {
        message += &format!("; did you mean `{}`?", super::violations::cut(meant.to_owned(), 80));
    }
    Violation { pointer: super::violations::child(pointer, name), message }
}
