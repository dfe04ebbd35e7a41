//! What a configuration's schema says of its fields beyond their form: what hangs on them, and whether the plugin
//! can tell which values they may have.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Schema;
use super::bounds::MAX_SCHEMAS;
use super::graph::{Graph, escape, violation};
use super::walk::{Walk, item};
use crate::error::Violation;

/// Names the resource that hangs on a field, and on what is within it.
const RELOAD: &str = "x-cjm-reload";
/// Marks a field of which the plugin tells the choices.
const OPTIONS: &str = "x-cjm-options";
/// Says on the whole schema what a call takes up of the machine.
const NEEDS: &str = "x-cjm-needs";

/// What a plugin says that one call takes up at its peak, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Needs {
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) gpu_memory_bytes: Option<u64>,
}

/// The resource that is the whole instance.
pub(crate) const INSTANCE: &str = "instance";

/// Bounds the work that a schema can ask for: references fan out and run in circles.
const MAX_STEPS: usize = 100_000;
const MAX_PLACES: usize = 5_000;
const MAX_FIELDS: usize = 256;
const MAX_POINTER_BYTES: usize = 1 << 10;

impl Schema {
    /// The resources that hang on what differs between two configurations.
    ///
    /// All alternatives count, whichever of them a value fits: to give something back once too often costs time, once
    /// too seldom is wrong. For the same reason a schema that is too large to be looked through asks for a new
    /// [`INSTANCE`].
    pub(crate) fn reload_triggers(&self, old: &Value, new: &Value) -> BTreeSet<String> {
        let Some(difference) = Difference::between(Some(old), Some(new)) else { return BTreeSet::new() };
        let mut walk = Walk::new(self);
        let mut triggers = BTreeSet::new();
        let mut open = vec![(self.as_json(), &difference)];
        let mut steps = 0;
        while let Some((schema, changed)) = open.pop() {
            steps += 1;
            let Value::Object(schema) = schema else { continue };
            if let Some(resource) = schema.get(RELOAD).and_then(Value::as_str) {
                triggers.insert(resource.to_owned());
            }
            open.extend(walk.same(schema).map(|(_, next)| (next, changed)));
            for (index, changed) in &changed.items {
                let item = item(schema, *index).chain(schema.get("contains"));
                open.extend(item.map(|next| (next, changed)));
            }
            for (name, changed) in &changed.fields {
                if walk.matches > MAX_STEPS {
                    break;
                }
                open.extend(walk.field(schema, name).into_iter().map(|next| (next, changed)));
            }
            if steps + walk.matches + open.len() > MAX_STEPS {
                triggers.insert(INSTANCE.to_owned());
                break;
            }
        }
        triggers
    }

    /// The resources that hang on some field, but for the whole [`INSTANCE`].
    pub(crate) fn reload_resources(&self) -> BTreeSet<String> {
        // A schema that could not be taken apart was refused when it was parsed.
        let Ok(graph) = Graph::of(self.as_json(), MAX_SCHEMAS) else { return BTreeSet::new() };
        let named = graph.nodes.iter().filter_map(|node| node.schema.get(RELOAD)?.as_str());
        named.filter(|resource| *resource != INSTANCE).map(str::to_owned).collect()
    }

    /// What a call takes up, as far as the plugin says so.
    pub(crate) fn needs(&self) -> Needs {
        self.as_json().get(NEEDS).and_then(|needs| Needs::deserialize(needs).ok()).unwrap_or_default()
    }

    /// The JSON pointers of the fields of which the plugin tells the choices, with an asterisk for each index or name
    /// that is not fixed. At most 256, each of at most 1 KiB.
    pub(crate) fn option_fields(&self) -> BTreeSet<String> {
        let walk = Walk::new(self);
        let mut fields = BTreeSet::new();
        let mut places = vec![Place { schema: self.as_json(), parent: None, segment: None }];
        let mut next = 0;
        while let Some(place) = places.get(next) {
            let (index, schema) = (next, place.schema);
            next += 1;
            let Value::Object(object) = schema else { continue };
            // References run in circles: the same schema within itself says nothing new.
            if ancestors(&places, index).skip(1).any(|above| std::ptr::eq(above.schema, schema)) {
                continue;
            }
            if object.get(OPTIONS) == Some(&Value::Bool(true))
                && fields.len() < MAX_FIELDS
                && let Some(pointer) = pointer(&places, index)
            {
                fields.insert(pointer);
            }
            let same = walk.same(object).map(|(_, schema)| (schema, None));
            let within = children(object).map(|(segment, schema)| (schema, Some(segment)));
            for (schema, segment) in same.chain(within) {
                if places.len() < MAX_PLACES {
                    places.push(Place { schema, parent: Some(index), segment });
                }
            }
        }
        fields
    }

    /// What is wrong with the annotations; the pointers point into the schema.
    pub(crate) fn check_annotations(&self) -> Vec<Violation> {
        // A schema that could not be taken apart was refused when it was parsed.
        let Ok(graph) = Graph::of(self.as_json(), MAX_SCHEMAS) else { return Vec::new() };
        let mut violations = Vec::new();
        if self.as_json().get(NEEDS).is_some_and(|needs| Needs::deserialize(needs).is_err()) {
            let message = "is not an object with numbers of bytes: `memory-bytes`, `gpu-memory-bytes`";
            violations.push(violation(&format!("/{NEEDS}"), message));
        }
        for node in &graph.nodes {
            let at = |keyword: &str| format!("{}/{keyword}", node.pointer);
            if let Some(resource) = node.schema.get(RELOAD)
                && !resource.as_str().is_some_and(is_resource)
            {
                let message = "is not the name of a resource: a text of 1 to 64 characters of [A-Za-z0-9_.-]";
                violations.push(violation(&at(RELOAD), message));
            }
            if node.schema.get(OPTIONS).is_some_and(|marked| !marked.is_boolean()) {
                violations.push(violation(&at(OPTIONS), "is neither true nor false"));
            }
        }
        violations.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        violations
    }
}

fn is_resource(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'))
}

/// Where two values differ.
struct Difference<'a> {
    fields: Vec<(&'a str, Difference<'a>)>,
    items: Vec<(usize, Difference<'a>)>,
}

impl<'a> Difference<'a> {
    /// None where they are equal. The values were held against a schema, which bounds how deep they are nested.
    fn between(old: Option<&'a Value>, new: Option<&'a Value>) -> Option<Self> {
        let (old_fields, new_fields) = (fields(old), fields(new));
        let (old_items, new_items) = (items(old), items(new));
        let mut changed = Self { fields: Vec::new(), items: Vec::new() };
        let known = |name: &str| old_fields.is_some_and(|fields| fields.contains_key(name));
        let added = new_fields.into_iter().flatten().filter(|(name, _)| !known(name));
        for (name, _) in old_fields.into_iter().flatten().chain(added) {
            let of = |fields: Option<&'a Map<String, Value>>| fields.and_then(|fields| fields.get(name));
            if let Some(difference) = Self::between(of(old_fields), of(new_fields)) {
                changed.fields.push((name, difference));
            }
        }
        for index in 0..old_items.len().max(new_items.len()) {
            if let Some(difference) = Self::between(old_items.get(index), new_items.get(index)) {
                changed.items.push((index, difference));
            }
        }
        let same_kind = match (old, new) {
            (Some(Value::Object(_)), Some(Value::Object(_)))
            | (Some(Value::Array(_)), Some(Value::Array(_))) => true,
            _ => old == new,
        };
        (!same_kind || !changed.fields.is_empty() || !changed.items.is_empty()).then_some(changed)
    }
}

fn fields(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The schemas that apply to children, each with the part of the pointer that leads there.
fn children(schema: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let named = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let by_pattern = schema.get("patternProperties").and_then(Value::as_object);
    let listed = ["prefixItems", "items"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array());
    let any = [
        "additionalProperties",
        "unevaluatedProperties",
        "items",
        "additionalItems",
        "unevaluatedItems",
        "contains",
    ];
    let any = any.into_iter().filter_map(|keyword| schema.get(keyword));
    let unnamed = by_pattern.into_iter().flat_map(Map::values).chain(listed.flatten()).chain(any);
    named.map(|(name, schema)| (name.as_str(), schema)).chain(unnamed.map(|schema| ("*", schema)))
}

/// A schema on a path from the root.
struct Place<'a> {
    schema: &'a Value,
    parent: Option<usize>,
    /// None where it applies to the same value as its parent.
    segment: Option<&'a str>,
}

/// A place and those above it, up to the root.
fn ancestors<'p, 'a>(places: &'p [Place<'a>], index: usize) -> impl Iterator<Item = &'p Place<'a>> {
    std::iter::successors(places.get(index), |place| places.get(place.parent?))
}

/// The pointer of a place; none where it is too long.
fn pointer(places: &[Place<'_>], index: usize) -> Option<String> {
    let mut segments: Vec<&str> = ancestors(places, index).filter_map(|place| place.segment).collect();
    let length: usize = segments.iter().map(|segment| segment.len() + 1).sum();
    segments.reverse();
    let pointer = || segments.iter().map(|segment| format!("/{}", escape(segment))).collect();
    (length <= MAX_POINTER_BYTES).then(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(json: &Value) -> Schema {
        Schema::parse("the schema", &json.to_string()).unwrap()
    }

    fn triggers(of: &Value, old: Value, new: Value) -> Vec<String> {
        schema(of).reload_triggers(&old, &new).into_iter().collect()
    }

    #[test]
    fn a_change_of_or_within_an_annotated_field_triggers() {
        let of = json!({ "properties": {
            "model": { "type": "string", "x-cjm-reload": "model" },
            "server": {
                "x-cjm-reload": "connection",
                "properties": { "port": {}, "token": { "x-cjm-reload": "session" } },
            },
            "volume": { "type": "number" },
        } });
        let old = json!({ "model": "a", "server": { "port": 1, "token": "x" }, "volume": 1 });
        let with = |pointer: &str, value: Value| {
            let mut new = old.clone();
            *new.pointer_mut(pointer).unwrap() = value;
            triggers(&of, old.clone(), new)
        };
        assert_eq!(with("/model", json!("b")), ["model"]);
        assert_eq!(with("/volume", json!(2)), [] as [&str; 0]);
        assert_eq!(with("/server/port", json!(2)), ["connection"]);
        assert_eq!(with("/server/token", json!("y")), ["connection", "session"]);
        assert_eq!(triggers(&of, old.clone(), json!({})), ["connection", "model", "session"]);
        assert_eq!(triggers(&of, old.clone(), old.clone()), [] as [&str; 0]);
        assert_eq!(triggers(&of, json!({ "model": null }), json!({})), ["model"], "null is a value");
    }

    #[test]
    fn annotations_are_found_through_references_and_combinations() {
        let of = json!({
            "$defs": {
                "model": { "$anchor": "model", "x-cjm-reload": "model" },
                "tree": { "properties": { "leaf": { "x-cjm-reload": "leaf" }, "more": { "$ref": "#/$defs/tree" } } },
            },
            "properties": {
                "a": { "$ref": "#/$defs/model" },
                "b": { "anyOf": [{ "type": "null" }, { "properties": { "c": { "$ref": "#model" } } }] },
                "tree": { "$ref": "#/$defs/tree" },
            },
            "patternProperties": { "^x-": { "x-cjm-reload": "x" } },
            "additionalProperties": { "x-cjm-reload": "other" },
        });
        assert_eq!(triggers(&of, json!({ "a": 1 }), json!({ "a": 2 })), ["model"]);
        assert_eq!(triggers(&of, json!({ "b": null }), json!({ "b": { "c": 1 } })), ["model"]);
        assert_eq!(triggers(&of, json!({ "x-y": 1 }), json!({ "z": 1 })), ["other", "x"]);
        let nested = |leaf| json!({ "tree": { "more": { "more": { "leaf": leaf } } } });
        assert_eq!(triggers(&of, nested(1), nested(2)), ["leaf"]);
    }

    #[test]
    fn items_are_compared_one_by_one() {
        let of = json!({
            "prefixItems": [{ "x-cjm-reload": "first" }, {}],
            "items": { "properties": { "a": { "x-cjm-reload": "rest" } } },
        });
        assert_eq!(triggers(&of, json!([1, 2]), json!([3, 2])), ["first"]);
        assert_eq!(triggers(&of, json!([1, 2]), json!([1, 3])), [] as [&str; 0]);
        assert_eq!(triggers(&of, json!([1, 2]), json!([1, 2, { "a": 1 }])), ["rest"]);
    }

    #[test]
    fn a_schema_that_is_too_large_to_look_through_asks_for_a_new_instance() {
        let fields = |value: u32| (0..2_000).map(|n| (n.to_string(), json!(value))).collect::<Map<_, _>>();
        let alternatives: Vec<_> =
            (0..100).map(|_| json!({ "additionalProperties": { "minimum": 0 } })).collect();
        let of = json!({ "allOf": alternatives });
        assert_eq!(triggers(&of, fields(1).into(), fields(2).into()), [INSTANCE]);
        let patterns: Map<_, _> = (0..100).map(|n| (format!("^{n}x"), json!({}))).collect();
        let of = json!({ "patternProperties": patterns });
        assert_eq!(triggers(&of, fields(1).into(), fields(2).into()), [INSTANCE]);
    }

    #[test]
    fn fields_with_options_are_listed_once_for_each_place() {
        let of = json!({
            "$defs": {
                "model": { "x-cjm-options": true },
                "tree": { "properties": { "leaf": { "x-cjm-options": true }, "more": { "$ref": "#/$defs/tree" } } },
            },
            "properties": {
                "a/b": { "$ref": "#/$defs/model" },
                "list": { "items": { "$ref": "#/$defs/model" } },
                "map": { "additionalProperties": { "properties": { "region": { "x-cjm-options": true } } } },
                "optional": { "anyOf": [{ "$ref": "#/$defs/model" }, { "type": "null" }] },
                "tree": { "$ref": "#/$defs/tree" },
                "plain": { "x-cjm-options": false },
            },
        });
        let fields: Vec<_> = schema(&of).option_fields().into_iter().collect();
        assert_eq!(fields, ["/a~1b", "/list/*", "/map/*/region", "/optional", "/tree/leaf"]);
    }

    #[test]
    fn a_schema_cannot_make_the_list_of_fields_long() {
        let many: Map<_, _> =
            (0..1_000).map(|n| (format!("field-{n}"), json!({ "x-cjm-options": true }))).collect();
        assert_eq!(schema(&json!({ "properties": many })).option_fields().len(), MAX_FIELDS);
        let long = json!({ "properties": { "x".repeat(2 << 10): { "x-cjm-options": true } } });
        assert!(schema(&long).option_fields().is_empty());
        // Each level doubles the places that lead to the one below.
        let mut defs = json!({ "0": { "x-cjm-options": true } });
        for level in 1..30 {
            let next = json!({ "$ref": format!("#/$defs/{}", level - 1) });
            defs[level.to_string()] = json!({ "properties": { "a": next, "b": next } });
        }
        assert!(schema(&json!({ "$defs": defs, "$ref": "#/$defs/29" })).option_fields().len() <= MAX_FIELDS);
    }

    #[test]
    fn what_a_call_takes_up_is_said_on_the_whole_schema() {
        let of = |needs: Value| schema(&json!({ "type": "object", "x-cjm-needs": needs }));
        let needs = of(json!({ "gpu-memory-bytes": 5 })).needs();
        assert_eq!((needs.memory_bytes, needs.gpu_memory_bytes), (None, Some(5)));
        assert_eq!(schema(&json!({})).needs(), Needs::default());
        assert!(of(json!({ "memory-bytes": 1 })).check_annotations().is_empty());
        for bad in [json!(1), json!({ "memory-bytes": -1 }), json!({ "disk": 1 })] {
            let pointers: Vec<_> =
                of(bad).check_annotations().into_iter().map(|fault| fault.pointer).collect();
            assert_eq!(pointers, ["/x-cjm-needs"]);
        }
    }

    #[test]
    fn the_resources_that_a_schema_names_are_found_wherever_they_are() {
        let of = json!({ "$defs": { "m": { "x-cjm-reload": "model" } }, "properties": {
            "a": { "$ref": "#/$defs/m" },
            "b": { "properties": { "c": { "x-cjm-reload": "session" } } },
            "d": { "x-cjm-reload": "instance" },
        } });
        let resources: Vec<_> = schema(&of).reload_resources().into_iter().collect();
        assert_eq!(resources, ["model", "session"]);
    }

    #[test]
    fn annotations_of_another_shape_are_told() {
        let of = json!({ "properties": {
            "a": { "x-cjm-reload": true, "x-cjm-options": "yes" },
            "b": { "x-cjm-reload": "" },
            "c": { "x-cjm-reload": "model.large_v3-q8", "x-cjm-options": true },
        } });
        let pointers: Vec<_> =
            schema(&of).check_annotations().into_iter().map(|violation| violation.pointer).collect();
        assert_eq!(
            pointers,
            ["/properties/a/x-cjm-options", "/properties/a/x-cjm-reload", "/properties/b/x-cjm-reload"]
        );
    }
}
