//! Changing single values. Configurations here are as they are stored: without the defaults.

use serde_json::{Map, Value};

use super::ConfigPath;
use crate::catalog::name::shown;
use crate::catalog::schema::{Places, Schema};
use crate::error::{Error, Result};

/// The value at a path.
pub(crate) fn get<'v>(config: &'v Value, path: &ConfigPath) -> Option<&'v Value> {
    path.segments().iter().try_fold(config, |value, segment| child(value, segment))
}

/// Sets one value, from `path=value` as it is written on a command line: in a copy of `config`, which is returned.
///
/// The value is taken as JSON where it is JSON, and as a text where it is none. Where the schema asks for a text it is
/// taken as it stands, even if it could be JSON, unless only that fits. What the path leads through is made, out of the
/// schema's defaults where it has some. Whether the result fits is left to [`complete`](super::complete).
///
/// # Errors
///
/// `invalid-input`, where the path leads nowhere.
pub(crate) fn assign(schema: &Schema, config: &Value, assignment: &str) -> Result<Value> {
    let Some((path, text)) = assignment.split_once('=') else {
        return Err(Error::invalid(format!(
            "`{}` sets nothing; write a path and a value, such as `server.port=8080`",
            shown(assignment)
        )));
    };
    let path: ConfigPath = path.parse()?;
    let verbatim = Value::from(text);
    let (first, second) = match serde_json::from_str(text) {
        Err(_) => (verbatim, None),
        Ok(json) if asks_for_text(schema, config, &path) => (verbatim, Some(json)),
        Ok(json) => (json, Some(verbatim)),
    };
    let first = place(schema, config, &path, first)?;
    let Some(second) = second.filter(|_| !first.fits(schema)) else { return Ok(first.config) };
    let second = place(schema, config, &path, second)?;
    Ok(if second.fits(schema) { second.config } else { first.config })
}

/// Sets the value at a path, in a copy of `config`, which is returned; otherwise as [`assign`].
pub(crate) fn set(schema: &Schema, config: &Value, path: &ConfigPath, new: Value) -> Result<Value> {
    Ok(place(schema, config, path, new)?.config)
}

/// Takes away the value at a path, in a copy of `config`, which is returned; none where nothing was set there.
pub(crate) fn unset(config: &Value, path: &ConfigPath) -> Option<Value> {
    let (last, way) = path.segments().split_last()?;
    let mut new = config.clone();
    let holder = way.iter().try_fold(&mut new, |value, segment| child_mut(value, segment))?;
    match holder {
        Value::Object(fields) => drop(fields.remove(last)?),
        Value::Array(items) => {
            let index = index(last).filter(|index| *index < items.len())?;
            items.remove(index);
        }
        _ => return None,
    }
    Some(new)
}

/// A configuration of which one value was set.
struct Set {
    config: Value,
    /// The JSON pointer of that value.
    pointer: String,
}

impl Set {
    /// Whether the schema has nothing to say against that one value.
    fn fits(&self, schema: &Schema) -> bool {
        let mut config = self.config.clone();
        schema.fill_defaults(&mut config);
        !schema.validate(&config).iter().any(|violation| {
            let rest = violation.pointer.strip_prefix(&self.pointer);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

fn place(schema: &Schema, config: &Value, path: &ConfigPath, new: Value) -> Result<Set> {
    let mut effective = config.clone();
    schema.fill_defaults(&mut effective);
    let mut effective = Some(&effective);
    let mut config = config.clone();
    let mut at = &mut config;
    let mut places = Places::new(schema);
    let mut place = places.root(schema, Some(at));
    let mut pointer = String::new();
    for segment in path.segments() {
        if at.is_null() {
            let default = effective.filter(|value| value.is_object() || value.is_array()).cloned();
            let is_list = position(segment).is_some() && place.asks_for("array") && !place.asks_for("object");
            *at = match default {
                Some(default) => default,
                None if is_list => Value::Array(Vec::new()),
                None => Value::Object(Map::new()),
            };
        }
        let known = effective.and_then(|value| child(value, segment));
        match at {
            Value::Object(fields) => {
                place = places.field(&place, segment, known);
                pointer += &format!("/{}", crate::catalog::schema::escape(segment));
                at = fields.entry(segment.as_str()).or_insert(Value::Null);
            }
            Value::Array(items) => {
                let length = items.len();
                let index = position(segment).map(|index| index.unwrap_or(length));
                if index == Some(length) {
                    items.push(Value::Null);
                }
                let Some((index, item)) = index.and_then(|index| Some((index, items.get_mut(index)?))) else {
                    return Err(nowhere(
                        path,
                        &pointer,
                        &format!(
                            "is a list of {length}, which has no `{}`; write an index, or `-` for a new item at its end",
                            shown(segment)
                        ),
                    ));
                };
                place = places.item(&place, index, known);
                pointer += &format!("/{index}");
                at = item;
            }
            other => {
                let kind = match other {
                    Value::String(_) => "a text",
                    Value::Number(_) => "a number",
                    _ => "true or false",
                };
                return Err(nowhere(path, &pointer, &format!("is {kind}, which has nothing within it")));
            }
        }
        effective = known;
    }
    *at = new;
    Ok(Set { config, pointer })
}

fn nowhere(path: &ConfigPath, pointer: &str, why: &str) -> Error {
    let what = if pointer.is_empty() { "the configuration" } else { pointer };
    Error::invalid(format!("`{path}` leads nowhere: {what} {why}"))
}

/// Whether the schema asks for a text at a path.
fn asks_for_text(schema: &Schema, config: &Value, path: &ConfigPath) -> bool {
    let mut places = Places::new(schema);
    let mut value = Some(config);
    let mut place = places.root(schema, value);
    for segment in path.segments() {
        let next = value.and_then(|value| child(value, segment));
        let is_item = match value {
            Some(Value::Array(_)) => true,
            Some(Value::Object(_)) => false,
            _ => position(segment).is_some() && place.asks_for("array"),
        };
        // What is there is about to be replaced, so that it does not tell what was meant.
        place = match position(segment) {
            Some(index) if is_item => places.item(&place, index.unwrap_or(usize::MAX), None),
            _ => places.field(&place, segment, next.filter(|value| value.is_object() || value.is_array())),
        };
        value = next;
    }
    place.asks_for("string")
}

fn child<'v>(value: &'v Value, segment: &str) -> Option<&'v Value> {
    match value {
        Value::Object(fields) => fields.get(segment),
        Value::Array(items) => items.get(index(segment)?),
        _ => None,
    }
}

fn child_mut<'v>(value: &'v mut Value, segment: &str) -> Option<&'v mut Value> {
    match value {
        Value::Object(fields) => fields.get_mut(segment),
        Value::Array(items) => items.get_mut(index(segment)?),
        _ => None,
    }
}

/// An index as JSON pointers have it: digits, without zeros before them.
fn index(segment: &str) -> Option<usize> {
    let canonical = segment == "0" || !segment.starts_with('0');
    (canonical && segment.bytes().all(|c| c.is_ascii_digit())).then(|| segment.parse().ok()).flatten()
}

/// An index, or `-` for the place behind the last item: none within.
fn position(segment: &str) -> Option<Option<usize>> {
    if segment == "-" { Some(None) } else { index(segment).map(Some) }
}
