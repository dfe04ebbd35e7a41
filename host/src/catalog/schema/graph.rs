//! Which schemas of a schema apply to which values.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::refs::{self, Anchors};
use crate::error::Violation;

/// The schemas within a schema, and how they lead to one another.
pub(super) struct Graph<'a> {
    root: &'a Value,
    /// The whole schema comes first.
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) anchors: Anchors,
    /// A part of a document has one address, whichever references lead there.
    by_address: HashMap<*const Value, usize>,
}

pub(super) struct Node<'a> {
    pub(super) schema: &'a Map<String, Value>,
    pub(super) pointer: String,
    /// The schemas that apply to the same value as this.
    pub(super) same: Vec<usize>,
    /// Those that apply to any of its children.
    pub(super) any: Vec<usize>,
    /// Those of which each applies to one certain child.
    pub(super) one: Vec<usize>,
    /// Whether it also looks at what the schemas for the same value left over.
    pub(super) leftovers: bool,
}

/// Where the value is that a schema within a schema applies to.
#[derive(Clone, Copy)]
enum Place {
    Same,
    Any,
    One,
    /// Nowhere, unless something refers to it.
    Aside,
}

/// The keywords that hold a schema, a list of schemas, or schemas by name: in 2020-12 and the drafts before it.
fn place(keyword: &str) -> Option<Place> {
    Some(match keyword {
        "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas"
        | "dependencies" => Place::Same,
        "additionalProperties"
        | "patternProperties"
        | "propertyNames"
        | "unevaluatedProperties"
        | "additionalItems"
        | "contains"
        | "unevaluatedItems" => Place::Any,
        "properties" | "prefixItems" => Place::One,
        "$defs" | "definitions" | "contentSchema" => Place::Aside,
        _ => return None,
    })
}

/// The keywords that hold schemas by name, so that the object in them is not itself a schema.
fn is_by_name(keyword: &str) -> bool {
    matches!(
        keyword,
        "properties" | "patternProperties" | "dependentSchemas" | "dependencies" | "$defs" | "definitions"
    )
}

impl<'a> Graph<'a> {
    /// Finds every schema that a keyword or a reference leads to; `limit` bounds how many.
    pub(super) fn of(root: &'a Value, limit: usize) -> Result<Self, Violation> {
        let mut graph = Self { root, nodes: Vec::new(), anchors: Anchors::new(), by_address: HashMap::new() };
        graph.add(root, String::new(), limit)?;
        // Names must be known before references are followed; what references lead to may hold more of both.
        let mut next = 0;
        while next < graph.nodes.len() {
            graph.follow_references(next, limit)?;
            next += 1;
        }
        Ok(graph)
    }

    /// Adds a schema with all that is within it.
    fn add(&mut self, schema: &'a Value, pointer: String, limit: usize) -> Result<Option<usize>, Violation> {
        let mut first = None;
        let mut open = vec![(schema, pointer, None)];
        while let Some((schema, pointer, parent)) = open.pop() {
            let Value::Object(object) = schema else { continue };
            let (node, new) = self.node(schema, object, &pointer);
            first.get_or_insert(node);
            if let Some((parent, place)) = parent {
                self.link(parent, place, node);
            }
            if self.nodes.len() > limit {
                return Err(violation("", format!("has more than {limit} schemas within it")));
            }
            if !new {
                continue;
            }
            self.name(&pointer, object)?;
            for (keyword, value) in object {
                for (place, part, child) in parts(keyword, value) {
                    open.push((child, format!("{pointer}/{}{part}", escape(keyword)), Some((node, place))));
                }
            }
        }
        Ok(first)
    }

    fn node(&mut self, schema: &'a Value, object: &'a Map<String, Value>, pointer: &str) -> (usize, bool) {
        let next = self.nodes.len();
        let node = *self.by_address.entry(std::ptr::from_ref(schema)).or_insert(next);
        if node == next {
            let leftovers =
                object.contains_key("unevaluatedProperties") || object.contains_key("unevaluatedItems");
            self.nodes.push(Node {
                schema: object,
                pointer: pointer.to_owned(),
                same: Vec::new(),
                any: Vec::new(),
                one: Vec::new(),
                leftovers,
            });
        }
        (node, node == next)
    }

    fn link(&mut self, parent: usize, place: Place, child: usize) {
        let Some(parent) = self.nodes.get_mut(parent) else { return };
        match place {
            Place::Same => parent.same.push(child),
            Place::Any => parent.any.push(child),
            Place::One => parent.one.push(child),
            Place::Aside => {}
        }
    }

    /// Notes the names that a schema gives itself.
    fn name(&mut self, pointer: &str, schema: &Map<String, Value>) -> Result<(), Violation> {
        let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
        for anchor in [text("$anchor"), text("$dynamicAnchor")].into_iter().flatten() {
            self.anchors.insert(anchor.to_owned(), pointer.to_owned());
        }
        for id in [text("$id"), text("id")].into_iter().flatten() {
            if let Some(anchor) = id.strip_prefix('#') {
                self.anchors.insert(anchor.to_owned(), pointer.to_owned());
            } else if !pointer.is_empty() {
                return Err(violation(
                    pointer,
                    "has an `$id` of its own, which changes what references mean: give it an `$anchor` or refer to \
                     it by its JSON pointer",
                ));
            }
        }
        Ok(())
    }

    fn follow_references(&mut self, from: usize, limit: usize) -> Result<(), Violation> {
        for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
            let Some(node) = self.nodes.get(from) else { return Ok(()) };
            let Some(reference) = node.schema.get(keyword).and_then(Value::as_str) else { continue };
            let at = format!("{}/{keyword}", node.pointer);
            if !reference.starts_with('#') {
                return Err(violation(
                    &at,
                    format!(
                        "`{}` is outside of the schema, and nothing is fetched: put what it means under `$defs` and \
                         refer to it as `#/$defs/…`",
                        super::violations::cut(reference.to_owned(), 120)
                    ),
                ));
            }
            let Some((target, pointer)) = refs::resolve(self.root, &self.anchors, reference) else {
                let reference = super::violations::cut(reference.to_owned(), 120);
                return Err(violation(&at, format!("`{reference}` leads to nothing in the schema")));
            };
            if let Some(target) = self.add(target, pointer, limit)? {
                self.link(from, Place::Same, target);
            }
        }
        Ok(())
    }
}

/// The schemas in the value of a keyword: each with its place and the rest of its pointer.
fn parts<'a>(keyword: &str, value: &'a Value) -> Vec<(Place, String, &'a Value)> {
    let place = match (keyword, value) {
        // Before 2020-12 a list of schemas, one for each item.
        ("items", Value::Array(_)) => Place::One,
        ("items", _) => Place::Any,
        _ => match place(keyword) {
            Some(place) => place,
            None => return Vec::new(),
        },
    };
    match value {
        Value::Object(by_name) if is_by_name(keyword) => {
            by_name.iter().map(|(name, schema)| (place, format!("/{}", escape(name)), schema)).collect()
        }
        Value::Object(_) => vec![(place, String::new(), value)],
        Value::Array(list) => {
            list.iter().enumerate().map(|(index, schema)| (place, format!("/{index}"), schema)).collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn violation(pointer: &str, message: impl Into<String>) -> Violation {
    Violation { pointer: pointer.to_owned(), message: message.into() }
}

/// A name as a part of a JSON pointer.
pub(in crate::catalog) fn escape(name: &str) -> String {
    if name.contains(['~', '/']) { name.replace('~', "~0").replace('/', "~1") } else { name.to_owned() }
}
