//! Filling in the `default`s of a schema.

use serde_json::{Map, Value};

/// Bounds the work that a schema can ask for, since references may run in circles and fan out.
const MAX_STEPS: usize = 100_000;

/// Deeper than this no text can be parsed, so nothing deeper may be made here either.
const MAX_DEPTH: usize = 120;

pub(super) fn fill(schema: &Value, value: &mut Value) {
    Filler { root: schema, steps: 0, within: Vec::new() }.fill(schema, value, 0, 0);
}

struct Filler<'a> {
    root: &'a Value,
    steps: usize,
    /// The properties whose defaults are being completed. A default whose completion holds itself would never end.
    within: Vec<*const Value>,
}

impl<'a> Filler<'a> {
    /// `depth` counts levels of the value, `hops` the schemas gone through on this one.
    fn fill(&mut self, schema: &'a Value, value: &mut Value, depth: usize, hops: usize) {
        self.steps += 1;
        if self.steps > MAX_STEPS || depth > MAX_DEPTH || hops > MAX_DEPTH {
            return;
        }
        let Value::Object(schema) = schema else { return };
        match value {
            Value::Object(object) => self.fill_object(schema, object, depth),
            Value::Array(items) => {
                if let Some(schema) = schema.get("items").filter(|items| items.is_object()) {
                    for item in items {
                        self.fill(schema, item, depth + 1, 0);
                    }
                }
            }
            _ => return,
        }
        for next in same_value(self.root, schema) {
            self.fill(next, value, depth, hops + 1);
        }
    }

    fn fill_object(&mut self, schema: &'a Map<String, Value>, object: &mut Map<String, Value>, depth: usize) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if let Some(present) = object.get_mut(name) {
                self.fill(property, present, depth + 1, 0);
                continue;
            }
            let at = std::ptr::from_ref(property);
            if self.within.contains(&at) || self.steps > MAX_STEPS || depth >= MAX_DEPTH {
                continue;
            }
            if let Some(default) = default_of(self.root, property, 0) {
                let mut default = default.clone();
                self.within.push(at);
                self.fill(property, &mut default, depth + 1, 0);
                self.within.pop();
                object.insert(name.clone(), default);
            }
        }
        if let Some(others) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
            for (name, value) in object.iter_mut() {
                if properties.is_none_or(|properties| !properties.contains_key(name)) {
                    self.fill(others, value, depth + 1, 0);
                }
            }
        }
    }
}

/// The schemas that hold for the same value as `schema`, whatever that value is.
fn same_value<'a>(root: &'a Value, schema: &'a Map<String, Value>) -> impl Iterator<Item = &'a Value> {
    let referred = schema.get("$ref").and_then(Value::as_str).and_then(|reference| resolve(root, reference));
    let all = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    // What an optional structure becomes: `anyOf` of its schema and `null`.
    let optional = ["anyOf", "oneOf"].into_iter().filter_map(|keyword| {
        let mut alternatives = schema.get(keyword)?.as_array()?.iter().filter(|one| !is_null_type(one));
        let first = alternatives.next()?;
        alternatives.next().is_none().then_some(first)
    });
    referred.into_iter().chain(all).chain(optional)
}

fn is_null_type(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}

fn default_of<'a>(root: &'a Value, schema: &'a Value, hops: usize) -> Option<&'a Value> {
    let schema = schema.as_object()?;
    if let Some(default) = schema.get("default") {
        return Some(default);
    }
    if hops > 16 {
        return None;
    }
    let referred = schema.get("$ref").and_then(Value::as_str).and_then(|reference| resolve(root, reference));
    let all = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    referred.into_iter().chain(all).find_map(|next| default_of(root, next, hops + 1))
}

/// The schema that a reference within the schema names: `#` or `#/a/json/pointer`.
fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}
