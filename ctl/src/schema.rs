//! JSON Schema for people: one line a field instead of a page of JSON.

use serde_json::{Map, Value};

use crate::output::{DIM, NAME, styled};
use crate::text::one_line;

/// Fields within fields are shown so deep; a schema may refer to itself.
const MAX_DEPTH: usize = 4;

/// Schemas come out of plugins: what is printed of one is bounded, however wide it is.
const MAX_LINES: usize = 200;
const MAX_ALTERNATIVES: usize = 16;

/// Renders a schema: what the whole is, then one line a field, each begun by `indent`.
pub(crate) fn render(schema: &Value, indent: &str) -> Rendered {
    let root = Root(schema);
    let resolved = root.resolve(schema);
    let mut lines = Vec::new();
    root.fields(resolved, indent, 0, &mut lines);
    Rendered { kind: root.kind(resolved), lines }
}

/// A schema in words.
pub(crate) struct Rendered {
    /// What the value is as a whole, for example `number` or `object`.
    pub(crate) kind: String,
    /// Its fields, aligned.
    pub(crate) lines: Vec<String>,
}

/// The document that references lead into.
struct Root<'a>(&'a Value);

impl<'a> Root<'a> {
    /// Follows `$ref` within the document, and looks through what is only there to carry one.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut current = schema;
        for _ in 0..16 {
            let target = match current.get("$ref").and_then(Value::as_str) {
                Some(reference) => reference.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer)),
                None => match current.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
                    Some([only]) => Some(only),
                    _ => None,
                },
            };
            match target {
                Some(target) => current = target,
                None => break,
            }
        }
        current
    }

    fn fields(&self, schema: &'a Value, indent: &str, depth: usize, lines: &mut Vec<String>) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let width = properties.keys().map(|name| one_line(name).chars().count()).max().unwrap_or(0);
        for (name, field) in in_order(properties, &required) {
            if lines.len() >= MAX_LINES {
                lines.push(format!("{indent}… and more: see them with --json"));
                return;
            }
            let resolved = self.resolve(field);
            let mut facts = vec![self.kind(resolved)];
            if required.contains(&name.as_str()) {
                facts.push("required".into());
            }
            facts.extend(constraints(resolved));
            // The default stands at the field, beside a reference.
            if let Some(default) = field.get("default").or_else(|| resolved.get("default")) {
                facts.push(format!("default {}", one_line(&default.to_string())));
            }
            let description = field
                .get("description")
                .or_else(|| resolved.get("description"))
                .or_else(|| field.get("title"))
                .and_then(Value::as_str)
                .map(|text| format!("  {}", styled(DIM, one_line(text))))
                .unwrap_or_default();
            let name = one_line(name);
            let padding = " ".repeat(width.saturating_sub(name.chars().count()));
            lines.push(format!("{indent}{}{padding}  {}{description}", styled(NAME, name), facts.join(", ")));
            if depth < MAX_DEPTH && lines.len() < MAX_LINES {
                let nested = self.nested(resolved);
                self.fields(nested, &format!("{indent}  "), depth + 1, lines);
            }
        }
    }

    /// What has the fields to show below a field: its own, those of the items of a list, or those of the one alternative
    /// to null.
    fn nested(&self, schema: &'a Value) -> &'a Value {
        if let Some(items) = schema.get("items") {
            return self.resolve(items);
        }
        match self.alternatives(schema).as_deref() {
            Some([only]) => only,
            _ => schema,
        }
    }

    /// The alternatives other than null.
    fn alternatives(&self, schema: &'a Value) -> Option<Vec<&'a Value>> {
        let of = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
        Some(
            of.iter()
                .map(|one| self.resolve(one))
                .filter(|one| one.get("type") != Some(&"null".into()))
                .collect(),
        )
    }

    /// The type in words.
    fn kind(&self, schema: &'a Value) -> String {
        self.kind_within(schema, 0)
    }

    fn kind_within(&self, schema: &'a Value, depth: usize) -> String {
        if depth > MAX_DEPTH {
            return "…".into();
        }
        if let Some(value) = schema.get("const") {
            return one_line(&value.to_string());
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return listed(values.iter().map(|value| one_line(&value.to_string())));
        }
        if let Some(alternatives) = self.alternatives(schema) {
            // An enumeration whose values have descriptions arrives as alternatives, too.
            return listed(alternatives.iter().map(|one| self.kind_within(one, depth + 2)));
        }
        let named: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
            }
            _ => vec![],
        };
        match named.as_slice() {
            [] => "anything".into(),
            ["array"] => match schema.get("items") {
                Some(items) => format!("list of {}", self.kind_within(self.resolve(items), depth + 1)),
                None => "list".into(),
            },
            names => names.join(" | "),
        }
    }
}

fn listed(kinds: impl ExactSizeIterator<Item = String>) -> String {
    let more = kinds.len() > MAX_ALTERNATIVES;
    let mut text = kinds.take(MAX_ALTERNATIVES).collect::<Vec<_>>().join(" | ");
    if more {
        text.push_str(" | …");
    }
    text
}

/// Required fields first, each group in the order of the schema.
fn in_order<'a>(properties: &'a Map<String, Value>, required: &[&str]) -> Vec<(&'a String, &'a Value)> {
    let (mut first, rest): (Vec<_>, Vec<_>) =
        properties.iter().partition(|(name, _)| required.contains(&name.as_str()));
    first.extend(rest);
    first
}

/// Bounds, lengths, patterns and formats.
fn constraints(schema: &Value) -> Vec<String> {
    let text = |key: &str| {
        schema.get(key).filter(|value| !value.is_null()).map(|value| one_line(&value.to_string()))
    };
    let mut facts = Vec::new();
    match (text("minimum"), text("maximum")) {
        (Some(least), Some(most)) => facts.push(format!("{least} to {most}")),
        (Some(least), None) => facts.push(format!("at least {least}")),
        (None, Some(most)) => facts.push(format!("at most {most}")),
        (None, None) => {}
    }
    facts.extend(text("exclusiveMinimum").map(|bound| format!("more than {bound}")));
    facts.extend(text("exclusiveMaximum").map(|bound| format!("less than {bound}")));
    facts.extend(text("multipleOf").map(|step| format!("a multiple of {step}")));
    for (least, most, unit) in [("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items")] {
        match (text(least), text(most)) {
            (Some(least), Some(most)) => facts.push(format!("{least} to {most} {unit}")),
            (Some(least), None) => facts.push(format!("at least {least} {unit}")),
            (None, Some(most)) => facts.push(format!("at most {most} {unit}")),
            (None, None) => {}
        }
    }
    facts.extend(
        schema.get("pattern").and_then(Value::as_str).map(|pattern| format!("like /{}/", one_line(pattern))),
    );
    // `double`, `uint32` and the like only repeat the type.
    let format = schema.get("format").and_then(Value::as_str);
    let number = matches!(format, Some("double" | "float"))
        || format.is_some_and(|format| format.starts_with("int") || format.starts_with("uint"));
    if let Some(format) = format.filter(|_| !number) {
        facts.push(one_line(format));
    }
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(schema: &Value) -> String {
        let rendered = render(schema, "  ");
        let text = format!("{}\n{}", rendered.kind, rendered.lines.join("\n"));
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_field_is_a_line() {
        let schema = json!({
            "type": "object",
            "properties": {
                "edge": {"type": "integer", "format": "uint32", "minimum": 1, "maximum": 8192, "default": 256,
                         "description": "Longest edge,\nin pixels."},
                "name": {"type": ["string", "null"], "maxLength": 9},
                "a": {"type": "number"}
            },
            "required": ["a"]
        });
        assert_eq!(
            plain(&schema),
            "object\n  a     number, required\n  \
             edge  integer, 1 to 8192, default 256  Longest edge, in pixels.\n  \
             name  string, at most 9 characters"
        );
    }

    #[test]
    fn references_lists_and_alternatives_are_followed() {
        let schema = json!({
            "type": "object",
            "properties": {
                "format": {"$ref": "#/$defs/Format", "default": "png"},
                "boxes": {"type": "array", "items": {"$ref": "#/$defs/Box"}},
                "one": {"anyOf": [{"$ref": "#/$defs/Box"}, {"type": "null"}]}
            },
            "$defs": {
                "Format": {"oneOf": [{"const": "png"}, {"const": "webp"}]},
                "Box": {"type": "object", "properties": {"w": {"type": "number"}}, "required": ["w"]}
            }
        });
        let text = plain(&schema);
        assert!(text.contains("format  \"png\" | \"webp\", default \"png\""), "{text}");
        assert!(text.contains("boxes   list of object\n    w  number, required"), "{text}");
        assert!(text.contains("one     object\n    w  number, required"), "{text}");
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let tree = json!({"type": "object", "properties": {"left": {"$ref": "#"}}});
        assert_eq!(plain(&tree).lines().count(), 2 + MAX_DEPTH);
        let names = (0..50).map(|n| (format!("f{n}"), json!({"$ref": "#"}))).collect::<Map<_, _>>();
        let wide = json!({"type": "object", "properties": names});
        assert!(plain(&wide).lines().count() < MAX_LINES + 60);
        let forked = json!({"anyOf": vec![json!({"$ref": "#"}); 1000]});
        assert!(plain(&forked).len() < 100_000);
        let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}});
        assert!(plain(&circle).starts_with("anything"));
        let list = json!({"type": "array", "items": {"$ref": "#"}});
        assert!(plain(&list).starts_with("list of list of"));
        assert!(plain(&json!(true)).starts_with("anything"));
    }
}
