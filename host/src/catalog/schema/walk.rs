//! Which schemas apply to a value and to its children.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::refs::{self, Anchors};
use super::{MAX_PATTERN_BYTES, Schema};

/// Finds the schemas that apply to a value and to its children.
pub(super) struct Walk<'a> {
    schema: &'a Schema,
    /// Those of `patternProperties`, compiled when they are first needed.
    patterns: HashMap<&'a str, Option<jsonschema::Validator>>,
    /// How often a name was held against a pattern.
    pub(super) matches: usize,
}

/// How a schema bears on the value of the schema that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bearing {
    /// Whatever the value is.
    Always,
    /// Where this one of several alternatives is meant.
    Alternative,
    /// Where something else is true of the value.
    Condition,
}

impl<'a> Walk<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        Self { schema, patterns: HashMap::new(), matches: 0 }
    }

    /// The schemas that apply to the same value.
    pub(super) fn same(
        &self,
        schema: &'a Map<String, Value>,
    ) -> impl Iterator<Item = (Bearing, &'a Value)> + use<'a> {
        let (root, anchors): (&'a Value, &'a Anchors) = (&self.schema.0.json, &self.schema.0.bounds.anchors);
        let referred = ["$ref", "$dynamicRef", "$recursiveRef"].into_iter().filter_map(move |keyword| {
            let reference = schema.get(keyword)?.as_str()?;
            refs::resolve(root, anchors, reference).map(|(schema, _)| schema)
        });
        let listed = |keyword: &str| schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
        let alternatives = listed("anyOf").chain(listed("oneOf"));
        let conditional = ["if", "then", "else"].into_iter().filter_map(|keyword| schema.get(keyword));
        let dependent = ["dependentSchemas", "dependencies"]
            .into_iter()
            .filter_map(|keyword| schema.get(keyword)?.as_object())
            .flat_map(Map::values);
        let bearing = |bearing| move |schema| (bearing, schema);
        (referred.chain(listed("allOf")).map(bearing(Bearing::Always)))
            .chain(alternatives.map(bearing(Bearing::Alternative)))
            .chain(conditional.chain(dependent).map(bearing(Bearing::Condition)))
    }

    /// The schemas that apply to the property of this name.
    pub(super) fn field(&mut self, schema: &'a Map<String, Value>, name: &str) -> Vec<&'a Value> {
        let mut found = self.named(schema, name);
        if found.is_empty() {
            let others = ["additionalProperties", "unevaluatedProperties"];
            found.extend(others.into_iter().filter_map(|keyword| schema.get(keyword)));
        }
        found
    }

    /// Those of them that apply to it by its name.
    pub(super) fn named(&mut self, schema: &'a Map<String, Value>, name: &str) -> Vec<&'a Value> {
        let by_name = |keyword: &str| schema.get(keyword).and_then(Value::as_object);
        let mut found: Vec<_> = by_name("properties").and_then(|all| all.get(name)).into_iter().collect();
        for (pattern, schema) in by_name("patternProperties").into_iter().flatten() {
            if self.matches(pattern, name) {
                found.push(schema);
            }
        }
        found
    }

    fn matches(&mut self, pattern: &'a str, name: &str) -> bool {
        self.matches += 1;
        let compiled = self.patterns.entry(pattern).or_insert_with(|| {
            jsonschema::options()
                .offline()
                .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
                .build(&serde_json::json!({ "pattern": pattern }))
                .ok()
        });
        compiled.as_ref().is_some_and(|compiled| compiled.is_valid(&Value::from(name)))
    }
}

/// The schemas that apply to the item with this index.
pub(super) fn item(schema: &Map<String, Value>, index: usize) -> impl Iterator<Item = &Value> {
    let by_index =
        |keyword: &str| schema.get(keyword).and_then(Value::as_array).and_then(|all| all.get(index));
    // Before 2020-12 `items` could be a list, with `additionalItems` for the rest.
    let own = by_index("prefixItems").or_else(|| by_index("items"));
    let others = ["items", "additionalItems", "unevaluatedItems"];
    let others = others.into_iter().filter_map(|keyword| schema.get(keyword)).filter(move |_| own.is_none());
    own.into_iter().chain(others)
}
