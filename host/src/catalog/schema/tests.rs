use serde_json::json;

use super::*;
use crate::error::Category;

fn schema(json: Value) -> Schema {
    Schema::parse("the schema", &json.to_string()).unwrap()
}

fn refused(json: &Value) -> String {
    let error = Schema::parse("the schema", &json.to_string()).unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    error.to_string()
}

fn violations(schema: Value, value: Value) -> Vec<(String, String)> {
    let found = self::schema(schema).validate(&value);
    found.into_iter().map(|violation| (violation.pointer, violation.message)).collect()
}

fn pointers(schema: Value, value: Value) -> Vec<String> {
    violations(schema, value).into_iter().map(|(pointer, _)| pointer).collect()
}

fn filled(schema: Value, mut value: Value) -> Value {
    self::schema(schema).fill_defaults(&mut value);
    value
}

#[test]
fn names_every_violation_at_its_field() {
    let person = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 1 },
            "age": { "type": "integer", "minimum": 0 },
            "mail": { "type": "string", "format": "email" },
        },
        "required": ["name", "a/b"],
        "additionalProperties": false,
    });
    assert_eq!(pointers(person.clone(), json!({ "name": "x", "a/b": 1 })), ["/a~1b"]);
    let mut found = violations(person, json!({ "age": -1, "mail": "nobody", "colour": "red" }));
    found.sort();
    let expected = [
        ("/age", "-1 is less than the minimum of 0"),
        ("/a~1b", "required, but missing"),
        ("/colour", "there is no such field in the schema"),
        ("/mail", "\"nobody\" is not a \"email\""),
        ("/name", "required, but missing"),
    ];
    assert_eq!(found, expected.map(|(pointer, message)| (pointer.to_owned(), message.to_owned())));
}

#[test]
fn goes_by_the_draft_that_the_schema_names() {
    let tuple = |draft: &str| json!({ "$schema": draft, "items": [{ "type": "string" }] });
    assert_eq!(pointers(tuple("http://json-schema.org/draft-07/schema#"), json!([1])), ["/0"]);
    assert!(refused(&tuple("https://json-schema.org/draft/2020-12/schema")).contains("/items"));
    assert!(refused(&tuple("https://example.com/my-own")).contains("/$schema: `https://example.com/my-own`"));
}

#[test]
fn looks_into_the_alternative_that_was_evidently_meant() {
    let shape = json!({ "anyOf": [
        { "type": "null" },
        { "type": "object", "properties": { "radius": { "type": "number" } }, "required": ["radius"] },
    ] });
    assert_eq!(pointers(shape.clone(), json!({ "radius": "big" })), ["/radius"]);
    assert_eq!(
        violations(shape, json!(7)),
        [(String::new(), "7 fits none of the 2 alternatives".to_owned())]
    );
    let tagged = json!({ "oneOf": [
        { "properties": { "kind": { "const": "circle" }, "radius": { "type": "number" } }, "required": ["radius"] },
        { "properties": { "kind": { "const": "square" }, "side": { "type": "number" } }, "required": ["side"] },
    ] });
    assert_eq!(pointers(tagged, json!({ "kind": "square", "side": "long" })), ["/side"]);
}

#[test]
fn does_not_repeat_large_values_nor_go_on_for_ever() {
    let [(_, message)] = &violations(json!({ "type": "number" }), json!("ü".repeat(100_000)))[..] else {
        panic!()
    };
    assert!(message.chars().count() < 200, "{message}");
    let many = violations(json!({ "items": { "type": "string" } }), json!(vec![1; 150]));
    assert_eq!(many.len(), 101);
    assert_eq!(many[100], (String::new(), "and 50 more".to_owned()));
}

#[test]
fn names_only_the_first_violation_in_what_is_too_large_to_list() {
    let large = json!(vec![1; 1_000_000]);
    let found = violations(json!({ "items": { "type": "string" } }), large.clone());
    assert_eq!(found[0].0, "/0");
    assert!(found[1].1.starts_with("there may be more"));
    let found =
        violations(json!({ "items": { "anyOf": [{ "type": "string" }, { "type": "null" }] } }), large);
    assert!(found[0].1.contains("too large to say where"));
}

#[test]
fn says_what_is_wrong_with_a_schema() {
    assert!(
        Schema::parse("the schema", "{").unwrap_err().to_string().contains("the schema is not JSON: EOF")
    );
    assert!(
        Schema::parse("the schema", &" ".repeat(2 << 20))
            .unwrap_err()
            .to_string()
            .contains("at most 1048576")
    );
    assert!(refused(&json!({ "properties": { "a": { "type": "strin" } } })).contains("/properties/a/type"));
    assert!(
        refused(&json!({ "pattern": "(?=a)" }))
            .contains("/pattern: \"(?=a)\" is not a pattern that can be used")
    );
    for outside in ["https://example.com/schema", "file:///etc/passwd", "other.json"] {
        let said = refused(&json!({ "items": { "$ref": outside } }));
        assert!(said.contains(&format!("/items/$ref: `{outside}` is outside of the schema")), "{said}");
    }
    assert!(refused(&json!({ "$ref": "#/$defs/gone" })).contains("leads to nothing"));
    assert!(
        refused(&json!({ "$defs": { "a": { "$id": "b" } } })).contains("/$defs/a: has an `$id` of its own")
    );
    assert!(refused(&json!({ "anyOf": [{ "$ref": "#" }] })).contains("refers to itself"));
}

#[test]
fn takes_recursive_schemas_and_named_ones() {
    let tree = json!({
        "$anchor": "tree",
        "properties": { "value": { "type": "integer" }, "children": { "items": { "$ref": "#tree" } } },
    });
    let value = json!({ "value": 1, "children": [{ "value": 2, "children": [{ "value": "x" }] }] });
    assert_eq!(pointers(tree, value), ["/children/0/children/0/value"]);
}

/// Schemas each of which refers to the one before, as `make` says.
fn chain(length: usize, make: impl Fn(String) -> Value) -> Value {
    let mut schemas = json!({ "s0": { "type": "object" } });
    for index in 1..length {
        schemas[format!("s{index}")] = make(format!("#/$defs/s{}", index - 1));
    }
    json!({ "$defs": schemas, "$ref": format!("#/$defs/s{}", length - 1) })
}

#[test]
fn refuses_schemas_that_would_take_for_ever() {
    let said = refused(&chain(20, |next| json!({ "anyOf": [{ "$ref": next }, { "$ref": next }] })));
    assert!(said.contains("more than 32 references"), "{said}");
    let said = refused(&chain(14, |next| json!({ "anyOf": [{ "$ref": next }, { "$ref": next }] })));
    assert!(said.contains("applies more than 2000 schemas"), "{said}");
    let said =
        refused(&chain(14, |next| json!({ "allOf": [{ "$ref": next }], "unevaluatedProperties": true })));
    assert!(said.contains("applies more than 2000 schemas"), "{said}");
    let said = refused(&chain(9_000, |next| json!({ "properties": { "a": { "$ref": next } } })));
    assert!(said.contains("more than 10000 schemas"), "{said}");
    let patterns: Vec<_> = (0..300).map(|n| json!({ "pattern": format!("{n}") })).collect();
    assert!(refused(&json!({ "anyOf": patterns })).contains("300 patterns"));
}

#[test]
fn stays_cheap_where_a_schema_multiplies_with_depth() {
    let both = json!({ "properties": { "a": { "$ref": "#" } } });
    let schema = schema(json!({ "type": "object", "allOf": [both, both] }));
    let nested = |depth| (0..depth).fold(json!(1), |value, _| json!({ "a": value }));
    assert_eq!(schema.validate(&nested(3))[0].pointer, "/a/a/a");
    assert!(schema.validate(&nested(100))[0].message.contains("too large to say where"));
}

#[test]
fn survives_the_deepest_values_on_a_small_stack() {
    let small = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        // As many schemas within one another as are allowed, on every level.
        let mut tree =
            chain(8, |next| json!({ "anyOf": [{ "allOf": [{ "$ref": next }] }, { "type": "null" }] }));
        tree["$defs"]["s0"] = json!({ "type": "object", "properties": { "a": { "$ref": "#" } } });
        let schema = schema(tree);
        for depth in [1, 20, 127] {
            let good = (0..depth).fold(json!({}), |value, _| json!({ "a": value }));
            let bad = (0..depth).fold(json!(1), |value, _| json!({ "a": value }));
            assert!(schema.validate(&good).is_empty());
            assert!(!schema.validate(&bad).is_empty());
        }
        let deep = (0..100_000).fold(json!(1), |value, _| Value::Array(vec![value]));
        assert!(schema.validate(&deep)[0].message.contains("nested more than 128 deep"));
        // Dropping it would recurse as well.
        std::mem::forget(deep);
    });
    small.unwrap().join().unwrap();
}

#[test]
fn fills_in_defaults_within_defaults() {
    let server = json!({
        "$defs": { "tls": { "properties": { "version": { "default": "1.3" } } } },
        "properties": {
            "port": { "default": 80 },
            "tls": { "$ref": "#/$defs/tls", "default": {} },
            "log": { "properties": { "level": { "default": "info" } } },
        },
    });
    assert_eq!(filled(server.clone(), json!({})), json!({ "port": 80, "tls": { "version": "1.3" } }));
    assert_eq!(
        filled(server, json!({ "port": null, "log": {}, "tls": { "version": "1.2" } })),
        json!({ "port": null, "log": { "level": "info" }, "tls": { "version": "1.2" } })
    );
    assert_eq!(filled(json!({ "properties": { "a": { "default": 1 } } }), json!([1])), json!([1]));
}

#[test]
fn finds_defaults_through_combinations() {
    let point = json!({ "properties": { "x": { "default": 0 } } });
    assert_eq!(filled(json!({ "allOf": [point] }), json!({})), json!({ "x": 0 }));
    assert_eq!(filled(json!({ "anyOf": [point, { "type": "null" }] }), json!({})), json!({ "x": 0 }));
    assert_eq!(filled(json!({ "anyOf": [point, { "type": "object" }] }), json!({})), json!({}));
    assert_eq!(filled(json!({ "items": point }), json!([{}, { "x": 1 }])), json!([{ "x": 0 }, { "x": 1 }]));
    assert_eq!(
        filled(json!({ "additionalProperties": point }), json!({ "a": {} })),
        json!({ "a": { "x": 0 } })
    );
    let by_reference =
        json!({ "$defs": { "x": { "default": 5 } }, "properties": { "x": { "$ref": "#/$defs/x" } } });
    assert_eq!(filled(by_reference, json!({})), json!({ "x": 5 }));
}

#[test]
fn ends_where_defaults_hold_themselves() {
    let endless = json!({ "properties": { "next": { "$ref": "#", "default": {} } } });
    assert_eq!(filled(endless.clone(), json!({})), json!({ "next": {} }));
    assert_eq!(
        filled(endless, json!({ "next": { "next": {} } })),
        json!({ "next": { "next": { "next": {} } } })
    );
    let large = json!({ "items": { "properties": { "a": { "default": "x".repeat(500_000) } } } });
    let sum: usize = filled(large, json!(vec![json!({}); 10_000])).to_string().len();
    assert!(sum < 20 << 20, "{sum}");
}

#[test]
fn checks_json_without_building_it() {
    assert!(check_json(" {\"a\": [1, 2.5e3, null]} ").is_ok());
    let said = check_json("{\n  \"a\": }").unwrap_err().to_string();
    assert_eq!(said, "not well-formed JSON: expected value at line 2 column 8");
    for bad in ["", "{} {}", "nan", "'a'", "\"\u{1}\"", "[1,]", &"[".repeat(1_000_000)] {
        assert!(check_json(bad).is_err(), "{}", bad.chars().take(10).collect::<String>());
    }
}
