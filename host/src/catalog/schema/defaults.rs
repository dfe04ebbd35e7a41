//! Filling in the `default`s of a schema.

use serde_json::{Map, Value};

use super::Extent;
use super::refs::{self, Anchors};

/// Bounds the work and the size that a schema can ask for: references run in circles, and defaults multiply.
const MAX_STEPS: u64 = 100_000;

/// Values that are nested deeper than a little more than this are refused, so none are made.
const MAX_DEPTH: usize = 120;

pub(super) fn fill(schema: &Value, anchors: &Anchors, value: &mut Value) {
    Filler { root: schema, anchors, steps: 0, within: Vec::new() }.fill(schema, value, 0);
}

struct Filler<'a> {
    root: &'a Value,
    anchors: &'a Anchors,
    steps: u64,
    /// The properties whose defaults are being completed. A default whose completion holds itself would never end.
    within: Vec<*const Value>,
}

impl<'a> Filler<'a> {
    /// `depth` counts the levels of the value. The chain of schemas on one level is bounded with the schema.
    fn fill(&mut self, schema: &'a Value, value: &mut Value, depth: usize) {
        if !self.step(1) || depth > MAX_DEPTH {
            return;
        }
        let Value::Object(schema) = schema else { return };
        match value {
            Value::Object(object) => self.fill_object(schema, object, depth),
            Value::Array(items) => {
                if let Some(schema) = schema.get("items").filter(|items| items.is_object()) {
                    for item in items {
                        self.fill(schema, item, depth + 1);
                    }
                }
            }
            _ => return,
        }
        for next in self.referred(schema).chain(all_of(schema)).chain(optional(schema)) {
            self.fill(next, value, depth);
        }
    }

    fn fill_object(&mut self, schema: &'a Map<String, Value>, object: &mut Map<String, Value>, depth: usize) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if let Some(present) = object.get_mut(name) {
                self.fill(property, present, depth + 1);
                continue;
            }
            let at = std::ptr::from_ref(property);
            if self.within.contains(&at) || depth >= MAX_DEPTH {
                continue;
            }
            let Some(default) = self.default_of(property) else { continue };
            if !self.step(Extent::of(default).size) {
                return;
            }
            let mut default = default.clone();
            self.within.push(at);
            self.fill(property, &mut default, depth + 1);
            self.within.pop();
            object.insert(name.clone(), default);
        }
        if let Some(others) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
            for (name, value) in object.iter_mut() {
                if properties.is_none_or(|properties| !properties.contains_key(name)) {
                    self.fill(others, value, depth + 1);
                }
            }
        }
    }

    /// A property's own default, or else that of what it refers to.
    fn default_of(&mut self, schema: &'a Value) -> Option<&'a Value> {
        let schema = schema.as_object()?;
        if !self.step(1) {
            return None;
        }
        if let Some(default) = schema.get("default") {
            return Some(default);
        }
        self.referred(schema).chain(all_of(schema)).find_map(|next| self.default_of(next))
    }

    fn referred(&self, schema: &Map<String, Value>) -> impl Iterator<Item = &'a Value> + use<'a> {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|reference| refs::resolve(self.root, self.anchors, reference));
        target.map(|(schema, _)| schema).into_iter()
    }

    /// Counts work that is about to be done; false once it is too much.
    fn step(&mut self, cost: u64) -> bool {
        self.steps = self.steps.saturating_add(cost);
        self.steps <= MAX_STEPS
    }
}

fn all_of(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    schema.get("allOf").and_then(Value::as_array).into_iter().flatten()
}

/// What an optional structure becomes in a schema: `anyOf` of its own schema and `null`.
fn optional(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"].into_iter().filter_map(|keyword| {
        let mut others = schema.get(keyword)?.as_array()?.iter().filter(|one| !is_null(one));
        let first = others.next()?;
        others.next().is_none().then_some(first)
    })
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("null")
}
