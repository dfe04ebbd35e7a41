use serde_json::json;

use super::*;
use crate::error::Category;

fn schema(json: Value) -> Schema {
    Schema::parse("the schema", &json.to_string()).unwrap()
}

/// What is wrong with a configuration: pointers and messages, in their order.
fn violations(schema: &Schema, given: Value, strictness: Strictness) -> Vec<(String, String)> {
    let error = complete("x", schema, given, strictness).unwrap_err();
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(error.to_string().starts_with("configuration of `x` does not fit its schema\n"), "{error}");
    error.violations().iter().map(|found| (found.pointer.clone(), found.message.clone())).collect()
}

fn pointers(of: Value, given: Value) -> Vec<String> {
    violations(&schema(of), given, Strictness::Strict).into_iter().map(|(pointer, _)| pointer).collect()
}

/// The fields that are taken for unknown ones.
fn unknown(of: Value, given: Value) -> Vec<String> {
    let completed = complete("x", &schema(of), given, Strictness::Lenient).unwrap();
    completed.warnings.into_iter().map(|warning| warning.pointer).collect()
}

#[test]
fn defaults_are_filled_in_and_what_was_given_stays() {
    let of = schema(json!({
        "properties": {
            "model": { "type": "string", "default": "small" },
            "server": {
                "properties": { "host": { "type": "string" }, "port": { "type": "integer", "default": 80 } },
                "required": ["host"],
            },
        },
    }));
    let completed = complete("x", &of, json!({ "server": { "host": "a" } }), Strictness::Strict).unwrap();
    assert_eq!(completed.value, json!({ "model": "small", "server": { "host": "a", "port": 80 } }));
    assert_eq!(completed.warnings, []);
    assert_eq!(complete("x", &of, json!({}), Strictness::Strict).unwrap().value, json!({ "model": "small" }));
}

/// A schema of one field for each keyword, values that violate it, and the pointers that tell.
fn keywords() -> Vec<(&'static str, Value, Value, Vec<&'static str>)> {
    vec![
        ("type", json!({ "type": "integer" }), json!("x"), vec![""]),
        ("types", json!({ "type": ["string", "null"] }), json!(1), vec![""]),
        ("enum", json!({ "enum": ["a", "b"] }), json!("c"), vec![""]),
        ("const", json!({ "const": 1 }), json!(2), vec![""]),
        ("minimum", json!({ "minimum": 1 }), json!(0), vec![""]),
        ("maximum", json!({ "maximum": 1 }), json!(2), vec![""]),
        ("exclusiveMinimum", json!({ "exclusiveMinimum": 1 }), json!(1), vec![""]),
        ("exclusiveMaximum", json!({ "exclusiveMaximum": 1 }), json!(1), vec![""]),
        ("multipleOf", json!({ "multipleOf": 3 }), json!(4), vec![""]),
        ("minLength", json!({ "minLength": 2 }), json!("ü"), vec![""]),
        ("maxLength", json!({ "maxLength": 2 }), json!("abc"), vec![""]),
        ("pattern", json!({ "pattern": "^a" }), json!("b"), vec![""]),
        ("date-time", json!({ "format": "date-time" }), json!("yesterday"), vec![""]),
        ("email", json!({ "format": "email" }), json!("nobody"), vec![""]),
        ("ipv4", json!({ "format": "ipv4" }), json!("1.2.3"), vec![""]),
        ("uri", json!({ "format": "uri" }), json!("not an address"), vec![""]),
        ("uuid", json!({ "format": "uuid" }), json!("1"), vec![""]),
        ("items", json!({ "items": { "type": "integer" } }), json!([1, "x", 2, "y"]), vec!["/1", "/3"]),
        ("prefixItems", json!({ "prefixItems": [{ "type": "integer" }] }), json!(["x"]), vec!["/0"]),
        ("further items", json!({ "prefixItems": [{}], "items": false }), json!([1, 2]), vec!["/1"]),
        ("minItems", json!({ "minItems": 1 }), json!([]), vec![""]),
        ("maxItems", json!({ "maxItems": 1 }), json!([1, 2]), vec![""]),
        ("uniqueItems", json!({ "uniqueItems": true }), json!([1, 1]), vec![""]),
        ("contains", json!({ "contains": { "const": 1 } }), json!([2]), vec![""]),
        ("minContains", json!({ "contains": { "const": 1 }, "minContains": 2 }), json!([1]), vec![""]),
        ("maxContains", json!({ "contains": { "const": 1 }, "maxContains": 1 }), json!([1, 1]), vec![""]),
        (
            "unevaluatedItems",
            json!({ "prefixItems": [{}], "unevaluatedItems": false }),
            json!([1, 2]),
            vec![""],
        ),
        ("required", json!({ "required": ["a", "b"] }), json!({ "a": 1 }), vec!["/b"]),
        ("properties", json!({ "properties": { "a": { "type": "string" } } }), json!({ "a": 1 }), vec!["/a"]),
        (
            "patternProperties",
            json!({ "patternProperties": { "^n": { "type": "null" } } }),
            json!({ "n1": 1 }),
            vec!["/n1"],
        ),
        (
            "additionalProperties",
            json!({ "additionalProperties": { "type": "null" } }),
            json!({ "a": 1 }),
            vec!["/a"],
        ),
        (
            "no additionalProperties",
            json!({ "properties": { "a": {} }, "additionalProperties": false }),
            json!({ "a": 1, "b": 2, "c": 3 }),
            vec!["/b", "/c"],
        ),
        (
            "unevaluatedProperties",
            json!({ "allOf": [{ "properties": { "a": {} } }], "unevaluatedProperties": false }),
            json!({ "a": 1, "b": 2 }),
            vec!["/b"],
        ),
        ("propertyNames", json!({ "propertyNames": { "maxLength": 1 } }), json!({ "ab": 1 }), vec![""]),
        ("minProperties", json!({ "minProperties": 1 }), json!({}), vec![""]),
        ("maxProperties", json!({ "maxProperties": 1 }), json!({ "a": 1, "b": 1 }), vec![""]),
        ("dependentRequired", json!({ "dependentRequired": { "a": ["b"] } }), json!({ "a": 1 }), vec!["/b"]),
        (
            "dependentSchemas",
            json!({ "dependentSchemas": { "a": { "required": ["b"] } } }),
            json!({ "a": 1 }),
            vec!["/b"],
        ),
        ("allOf", json!({ "allOf": [{ "minimum": 5 }, { "multipleOf": 2 }] }), json!(3), vec!["", ""]),
        ("anyOf", json!({ "anyOf": [{ "minimum": 5 }, { "maximum": 1 }] }), json!(3), vec![""]),
        ("oneOf", json!({ "oneOf": [{ "minimum": 5 }, { "maximum": 1 }] }), json!(3), vec![""]),
        (
            "oneOf, of which two fit",
            json!({ "oneOf": [{ "minimum": 1 }, { "maximum": 5 }] }),
            json!(3),
            vec![""],
        ),
        ("not", json!({ "not": { "type": "null" } }), json!(null), vec![""]),
        (
            "if and then",
            json!({ "if": { "required": ["a"] }, "then": { "required": ["b"] } }),
            json!({ "a": 1 }),
            vec!["/b"],
        ),
        (
            "if and else",
            json!({ "if": { "required": ["a"] }, "else": { "required": ["b"] } }),
            json!({}),
            vec!["/b"],
        ),
        ("$ref", json!({ "$ref": "#/$defs/positive" }), json!(-1), vec![""]),
        ("false", json!(false), json!(1), vec![""]),
    ]
}

#[test]
fn each_keyword_that_is_violated_is_told_at_its_pointer() {
    for (keyword, field, value, expected) in keywords() {
        let of = json!({ "$defs": { "positive": { "minimum": 0 } }, "properties": { "f": field } });
        let at: Vec<_> = expected.iter().map(|pointer| format!("/f{pointer}")).collect();
        let mut found = violations(&schema(of), json!({ "f": value }), Strictness::Strict);
        found.sort();
        let found: (Vec<_>, Vec<_>) = found.into_iter().unzip();
        assert_eq!(found.0, at, "{keyword}");
        assert!(found.1.iter().all(|message| !message.is_empty()), "{keyword}");
    }
}

#[test]
fn a_configuration_that_violates_every_keyword_at_once_is_told_all_of_it() {
    let (mut properties, mut given, mut expected) =
        (serde_json::Map::new(), serde_json::Map::new(), Vec::new());
    for (index, (_, field, value, pointers)) in keywords().into_iter().enumerate() {
        properties.insert(format!("f{index}"), field);
        given.insert(format!("f{index}"), value);
        expected.extend(pointers.iter().map(|pointer| format!("/f{index}{pointer}")));
    }
    let of = json!({
        "$defs": { "positive": { "minimum": 0 } },
        "type": "object",
        "properties": properties,
        "required": ["missing"],
        "additionalProperties": false,
    });
    given.insert("extra".into(), json!(1));
    expected.extend(["/missing".to_owned(), "/extra".to_owned()]);
    let mut found = pointers(of, given.into());
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn nothing_that_is_given_panics() {
    let kinds =
        [json!(null), json!(true), json!(-1.5e300), json!("ü"), json!([[]]), json!({ "": { "a/b~": [] } })];
    for (keyword, field, ..) in keywords() {
        let of = json!({ "$defs": { "positive": {} }, "properties": { "f": field.clone() }, "items": field });
        let of = schema(of);
        for kind in &kinds {
            for given in
                [kind.clone(), json!({ "f": kind }), json!([kind, kind]), json!({ "f": { "f": kind } })]
            {
                for strictness in [Strictness::Strict, Strictness::Lenient] {
                    let _ = complete(keyword, &of, given.clone(), strictness);
                }
                for path in ["f", "f.f", "/", "f.0", "/0/-", "f.a.b"] {
                    let path: ConfigPath = path.parse().unwrap();
                    let _ = (get(&given, &path), unset(&given, &path));
                    for value in ["1", "x", "{}", "[", ""] {
                        let _ = assign(&of, &given, &format!("{path}={value}"));
                    }
                }
            }
        }
    }
}

#[test]
fn a_misspelt_field_is_refused_with_what_was_probably_meant() {
    let of = schema(json!({ "properties": {
        "model": { "type": "string" },
        "server": { "properties": { "port": { "type": "integer" } } },
    } }));
    let given = json!({ "modell": "x", "server": { "prt": 1, "zzzzzz": 2 } });
    let expected = [
        ("/modell", "there is no such field in the schema; did you mean `model`?"),
        ("/server/prt", "there is no such field in the schema; did you mean `port`?"),
        ("/server/zzzzzz", "there is no such field in the schema"),
    ]
    .map(|(pointer, message)| (pointer.to_owned(), message.to_owned()));
    assert_eq!(violations(&of, given.clone(), Strictness::Strict), expected);
    let completed = complete("x", &of, given.clone(), Strictness::Lenient).unwrap();
    assert_eq!(completed.value, given, "nothing is dropped");
    let warnings: Vec<_> =
        completed.warnings.into_iter().map(|warning| (warning.pointer, warning.message)).collect();
    assert_eq!(warnings, expected);
}

#[test]
fn what_the_schema_forbids_is_refused_leniently_as_well() {
    let of = schema(json!({ "properties": { "model": {} }, "additionalProperties": false }));
    for strictness in [Strictness::Strict, Strictness::Lenient] {
        let found = violations(&of, json!({ "modell": 1 }), strictness);
        let message = "there is no such field in the schema; did you mean `model`?";
        assert_eq!(found, [("/modell".to_owned(), message.to_owned())]);
    }
    // Of what does not fit for another reason, no warnings are made.
    let of = schema(json!({ "properties": { "a": { "type": "string" } } }));
    let found = violations(&of, json!({ "a": 1, "b": 2 }), Strictness::Lenient);
    assert_eq!(found.len(), 1);
    assert_eq!(violations(&of, json!({ "a": 1, "b": 2 }), Strictness::Strict).len(), 2);
}

#[test]
fn a_map_may_have_any_keys() {
    for of in [
        json!({}),
        json!({ "type": "object" }),
        json!({ "properties": { "b": {} }, "additionalProperties": true }),
        json!({ "properties": { "b": {} }, "additionalProperties": { "type": "integer" } }),
        json!({ "properties": { "b": {} }, "unevaluatedProperties": {} }),
        json!({ "properties": { "b": {} }, "patternProperties": { "^a$": {} } }),
        json!({ "propertyNames": { "maxLength": 3 } }),
        json!({ "required": ["a"] }),
        json!({ "allOf": [{ "properties": { "b": {} } }, { "additionalProperties": true }] }),
        json!({ "properties": { "b": {} }, "if": { "properties": { "a": { "const": 1 } } } }),
        json!({ "properties": { "b": {} }, "dependentSchemas": { "b": { "properties": { "a": {} } } } }),
    ] {
        assert_eq!(unknown(of.clone(), json!({ "a": 1 })), [] as [&str; 0], "{of}");
    }
}

#[test]
fn fields_are_known_through_references_and_combinations() {
    let of = json!({
        "$defs": { "base": { "$anchor": "base", "properties": { "a": {} } } },
        "allOf": [{ "$ref": "#/$defs/base" }, { "properties": { "b": {} } }],
        "anyOf": [{ "required": ["a"] }, { "properties": { "c": {} } }],
        "if": { "required": ["a"] },
        "then": { "properties": { "d": {} } },
    });
    let given = json!({ "a": 1, "b": 1, "c": 1, "d": 1, "e": 1 });
    assert_eq!(unknown(of, given), ["/e"]);
    let list = json!({
        "$defs": { "node": {
            "properties": { "value": {}, "children": { "type": "array", "items": { "$ref": "#/$defs/node" } } },
        } },
        "$ref": "#/$defs/node",
    });
    let given = json!({ "children": [{ "children": [{ "vlaue": 1 }] }, { "x": 1 }] });
    assert_eq!(unknown(list, given), ["/children/0/children/0/vlaue", "/children/1/x"]);
    let tuple =
        json!({ "prefixItems": [{ "properties": { "a": {} } }], "items": { "properties": { "b": {} } } });
    assert_eq!(unknown(tuple, json!([{ "b": 1 }, { "b": 1 }])), ["/0/b"]);
}

#[test]
fn of_alternatives_the_one_that_is_meant_tells_the_fields() {
    let tagged = json!({ "oneOf": [
        { "properties": { "kind": { "const": "circle" }, "radius": {} }, "required": ["kind"] },
        { "$ref": "#/$defs/square" },
    ], "$defs": { "square": { "properties": { "kind": { "enum": ["square"] }, "side": {} }, "required": ["kind"] } } });
    assert_eq!(unknown(tagged.clone(), json!({ "kind": "square", "side": 1 })), [] as [&str; 0]);
    assert_eq!(unknown(tagged.clone(), json!({ "kind": "square", "radius": 1 })), ["/radius"]);
    assert_eq!(unknown(tagged, json!({ "kind": "circle", "side": 1 })), ["/side"]);
    let optional =
        json!({ "properties": { "a": { "anyOf": [{ "properties": { "b": {} } }, { "type": "null" }] } } });
    assert_eq!(unknown(optional.clone(), json!({ "a": { "c": 1 } })), ["/a/c"]);
    assert_eq!(unknown(optional, json!({ "a": null })), [] as [&str; 0]);
    // An alternative that takes any object is not to be told apart from the others by its fields.
    for free in [json!({ "type": "object" }), json!({}), json!(true), json!({ "additionalProperties": true })]
    {
        let of = json!({ "anyOf": [{ "properties": { "b": {} } }, free] });
        assert_eq!(unknown(of, json!({ "c": 1 })), [] as [&str; 0], "{free}");
        let nested = json!({ "anyOf": [
            { "properties": { "a": { "properties": { "b": {} } } } },
            { "properties": { "a": free } },
        ] });
        assert_eq!(unknown(nested, json!({ "a": { "c": 1 } })), [] as [&str; 0], "{free}");
    }
}

#[test]
fn what_only_a_default_says_is_not_held_against_whoever_configures() {
    let of = json!({ "properties": { "a": { "properties": { "b": {} }, "default": { "c": 1 } } } });
    let completed = complete("x", &schema(of), json!({}), Strictness::Strict).unwrap();
    assert_eq!(completed.value, json!({ "a": { "c": 1 } }));
}

#[test]
fn what_is_huge_is_refused_in_time() {
    let many: serde_json::Map<_, _> = (0..300_000).map(|n| (n.to_string(), json!({}))).collect();
    let of =
        schema(json!({ "properties": { "m": { "additionalProperties": { "properties": { "a": {} } } } } }));
    let found = violations(&of, json!({ "m": many }), Strictness::Strict);
    assert!(found.iter().any(|(_, message)| message.contains("too large to be looked through")), "{found:?}");
    let of = schema(json!({ "properties": { "a": {} } }));
    let many: serde_json::Map<_, _> = (0..150).map(|n| (format!("x{n}"), json!(1))).collect();
    let found = violations(&of, many.into(), Strictness::Strict);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100].1, "and 50 more");
    let within = |value| Value::Object([("a".to_owned(), value)].into_iter().collect());
    let deep = (0..100_000).fold(json!(1), |value, _| within(value));
    let of = schema(json!({ "properties": { "a": { "$ref": "#" } } }));
    assert!(of.unknown_fields(&deep).is_empty());
    // Dropping it would recurse.
    std::mem::forget(deep);
}

/// What becomes of a configuration when a value is set.
fn assigned(of: &Value, config: Value, assignment: &str) -> Value {
    assign(&schema(of.clone()), &config, assignment).unwrap()
}

#[test]
fn a_value_is_read_as_the_schema_wants_it() {
    let of = json!({ "properties": {
        "text": { "type": "string" },
        "number": { "type": "number" },
        "flag": { "type": "boolean" },
        "list": { "type": "array", "items": { "type": "string" } },
        "maybe": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
        "either": { "type": ["integer", "string"] },
        "choice": { "enum": ["auto", 5, 8] },
        "threads": { "oneOf": [{ "type": "integer" }, { "const": "auto" }] },
        "free": {},
    } });
    for (assignment, value) in [
        ("text=5", json!("5")),
        ("text=a=b", json!("a=b")),
        ("text=", json!("")),
        ("text=\"x\"", json!("\"x\"")),
        ("text=null", json!("null")),
        ("number=5", json!(5)),
        ("number=5e-1", json!(0.5)),
        ("number=five", json!("five")),
        ("flag=true", json!(true)),
        ("flag=yes", json!("yes")),
        ("list=[\"a\", \"b\"]", json!(["a", "b"])),
        ("maybe=7", json!("7")),
        ("maybe=null", json!("null")),
        ("either=7", json!("7")),
        ("choice=auto", json!("auto")),
        ("choice=5", json!(5)),
        ("choice=6", json!("6")),
        ("threads=4", json!(4)),
        ("threads=auto", json!("auto")),
        ("free={\"a\": 1}", json!({ "a": 1 })),
        ("free=two words", json!("two words")),
        ("free=1e999", json!("1e999")),
        ("unknown=1", json!(1)),
    ] {
        let field = assignment.split_once('=').unwrap().0;
        assert_eq!(assigned(&of, json!({}), assignment)[field], value, "{assignment}");
    }
    assert_eq!(assigned(&of, json!({ "list": [] }), "list.-=1"), json!({ "list": ["1"] }));
    assert_eq!(assigned(&of, json!({}), "list.-=1"), json!({ "list": ["1"] }));
    assert_eq!(assigned(&of, json!({ "list": ["a", "b"] }), "/list/0=1"), json!({ "list": ["1", "b"] }));
}

#[test]
fn what_a_path_leads_through_is_made_out_of_the_defaults() {
    let of = json!({ "properties": {
        "server": {
            "properties": { "host": { "type": "string" }, "port": { "type": "integer" } },
            "default": { "host": "localhost", "port": 80 },
        },
        "tags": { "type": "array", "items": { "type": "string" }, "default": ["a"] },
        "log": { "anyOf": [{ "properties": { "level": { "type": "string", "default": "info" } } }, { "type": "null" }] },
    } });
    assert_eq!(
        assigned(&of, json!({}), "server.port=81"),
        json!({ "server": { "host": "localhost", "port": 81 } })
    );
    assert_eq!(assigned(&of, json!({}), "tags.-=b"), json!({ "tags": ["a", "b"] }));
    assert_eq!(assigned(&of, json!({ "tags": [] }), "tags.0=b"), json!({ "tags": ["b"] }));
    assert_eq!(
        assigned(&of, json!({ "log": null }), "log.level=debug"),
        json!({ "log": { "level": "debug" } })
    );
    assert_eq!(assigned(&of, json!({}), "x.y.0=1"), json!({ "x": { "y": { "0": 1 } } }));
    assert_eq!(assigned(&of, json!({}), "/a.b=1"), json!({ "a.b": 1 }));
    let path = "server.port".parse().unwrap();
    let set = set(&schema(of), &json!({}), &path, json!("any")).unwrap();
    assert_eq!(set, json!({ "server": { "host": "localhost", "port": "any" } }));
}

#[test]
fn a_path_that_leads_nowhere_says_where_it_ends() {
    let of = schema(json!({}));
    let config = json!({ "text": "x", "list": [1] });
    for (assignment, said) in [
        ("text.a=1", "/text is a text, which has nothing within it"),
        ("list.2=1", "/list is a list of 1, which has no `2`"),
        ("list.01=1", "which has no `01`"),
        ("list.a=1", "which has no `a`"),
        ("text", "sets nothing"),
        ("=1", "a name is empty"),
        ("a..b=1", "a name is empty"),
    ] {
        let error = assign(&of, &config, assignment).unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().contains(said), "{assignment}: {error}");
    }
    assert!(assign(&of, &json!(5), "a=1").unwrap_err().to_string().contains("the configuration is a number"));
}

#[test]
fn values_are_got_and_unset() {
    let config = json!({ "a": { "b": [1, { "c": 2 }] }, "n": null });
    let path = |text: &str| text.parse::<ConfigPath>().unwrap();
    assert_eq!(get(&config, &path("a.b.1.c")), Some(&json!(2)));
    assert_eq!(get(&config, &path("/a/b/0")), Some(&json!(1)));
    assert_eq!(get(&config, &path("n")), Some(&json!(null)));
    for nothing in ["a.b.2", "a.b.-", "a.b.00", "x", "n.x", "a.b.0.x"] {
        assert_eq!(get(&config, &path(nothing)), None, "{nothing}");
        assert_eq!(unset(&config, &path(nothing)), None, "{nothing}");
    }
    assert_eq!(unset(&config, &path("a.b.0")).unwrap(), json!({ "a": { "b": [{ "c": 2 }] }, "n": null }));
    assert_eq!(unset(&config, &path("a.b.1.c")).unwrap(), json!({ "a": { "b": [1, {}] }, "n": null }));
    assert_eq!(unset(&config, &path("n")).unwrap(), json!({ "a": { "b": [1, { "c": 2 }] } }));
}
