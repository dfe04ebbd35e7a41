//! What is taken for a description, and what is said of the rest.

use super::*;

fn action(name: &str, input_schema: Option<&str>) -> ActionData {
    ActionData {
        name: name.into(),
        description: "Adds.".into(),
        input_schema: input_schema.map(str::to_owned),
        output_schema: None,
        streams: false,
        idempotent: true,
    }
}

fn calculator() -> DescriptionData {
    DescriptionData {
        name: "calculator".into(),
        version: "1.2.3".into(),
        summary: "Calculates.".into(),
        authors: vec!["A. Author".into()],
        category: Some("arithmetic".into()),
        domain: None,
        platforms: Vec::new(),
        secrets: Vec::new(),
        config_schema: "{}".into(),
        actions: vec![
            action("add", Some(r#"{"type":"object","required":["a","b"]}"#)),
            action("divide", None),
        ],
        instance: InstanceMode::Fresh,
    }
}

#[test]
fn shows_schemas_as_json() {
    let description = Description::new("`a.wasm`", calculator()).unwrap();
    assert_eq!(
        serde_json::to_value(&description).unwrap(),
        serde_json::json!({
            "name": "calculator",
            "version": "1.2.3",
            "summary": "Calculates.",
            "authors": ["A. Author"],
            "category": "arithmetic",
            "config-schema": {},
            "actions": [
                {
                    "name": "add",
                    "description": "Adds.",
                    "input-schema": { "type": "object", "required": ["a", "b"] },
                    "streams": false,
                    "idempotent": true,
                },
                { "name": "divide", "description": "Adds.", "streams": false, "idempotent": true },
            ],
            "instance": "fresh",
        })
    );
}

#[test]
fn names_every_fault_at_once() {
    let mut data = calculator();
    data.name = "a b".into();
    data.version = "one".into();
    data.config_schema = r#"{"type":"strin"}"#.into();
    data.actions.push(action("add", Some("{")));
    data.actions.push(action("", None));
    let error = Description::new("`a.wasm`", data).unwrap_err();
    assert!(error.to_string().starts_with("`a.wasm` describes itself in a way that breaks the contract"));
    let pointers: Vec<_> = error.violations().iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/name",
            "/version",
            "/config-schema",
            "/actions/2/name",
            "/actions/2/input-schema",
            "/actions/3/name"
        ]
    );
}

#[test]
fn takes_names_of_the_pattern_alone() {
    let with_name =
        |name: &str| Description::new("it", DescriptionData { name: name.into(), ..calculator() }).is_ok();
    assert!(with_name("a") && with_name("A_b-9") && with_name(&"x".repeat(64)));
    for name in ["", "a.b", "a/b", "ä", "a\n", &"x".repeat(65)] {
        assert!(!with_name(name), "{name:?}");
    }
}

#[test]
fn suggests_the_action_that_was_meant() {
    let description = Description::new("it", calculator()).unwrap();
    assert_eq!(description.action("divide").unwrap().name, "divide");
    assert!(description.action("Divide").is_none());
    assert_eq!(
        description.unknown_action("devide").to_string(),
        "plugin `calculator` has no action `devide`; did you mean `divide`? It has `add`, `divide`"
    );
    assert_eq!(
        description.unknown_action("transcribe\n").to_string(),
        "plugin `calculator` has no action `transcribe\\n`. It has `add`, `divide`"
    );
}

#[test]
fn holds_input_against_the_schema_where_there_is_one() {
    let description = Description::new("it", calculator()).unwrap();
    let (add, divide) = (description.action("add").unwrap(), description.action("divide").unwrap());
    assert!(add.validate_input_json(r#"{"a":1,"b":2}"#).is_ok());
    let error = add.validate_input_json("{}").unwrap_err();
    assert_eq!(error.violations().len(), 2);
    assert!(error.to_string().starts_with("input of action `add` does not fit its schema\n  /a: "));
    assert!(divide.validate_input_json("[null]").is_ok());
    for action in [add, divide] {
        let said = action.validate_input_json("{").unwrap_err().to_string();
        assert!(said.contains(" is not well-formed JSON: EOF") && said.contains("line 1"), "{said}");
    }
}

fn pointers(data: DescriptionData) -> Vec<String> {
    let error = Description::new("it", data).unwrap_err();
    error.violations().iter().map(|violation| violation.pointer.clone()).collect()
}

#[test]
fn bounds_what_it_keeps() {
    let data = DescriptionData {
        summary: "x".repeat(5 << 10),
        authors: vec!["x".repeat(201), "y".into()],
        category: Some("a category".into()),
        domain: Some(String::new()),
        actions: vec![ActionData { description: "x".repeat(65 << 10), ..action("add", None) }],
        ..calculator()
    };
    assert_eq!(pointers(data), ["/summary", "/authors/0", "/category", "/domain", "/actions/0/description"]);
    let many = DescriptionData {
        authors: vec![String::new(); 101],
        platforms: vec!["linux".into(); 65],
        secrets: (0..65).map(|n| secret(&n.to_string())).collect(),
        actions: (0..1025).map(|n| action(&n.to_string(), None)).collect(),
        ..calculator()
    };
    assert_eq!(pointers(many), ["/authors", "/platforms", "/secrets", "/actions"]);
}

fn secret(name: &str) -> SecretNeed {
    SecretNeed { name: name.into(), description: "A key.".into(), required: true }
}

#[test]
fn takes_platforms_and_secrets_of_their_forms_alone() {
    let platforms = ["linux", "linux-x86_64", "Linux", "linux-x86-64", "", "-", "macos-", "win dows"];
    let data = DescriptionData {
        platforms: platforms.map(str::to_owned).into(),
        secrets: [secret("api.key_1-a"), secret("a b"), secret(""), secret("api.key_1-a")].into(),
        ..calculator()
    };
    let expected =
        ["/platforms/2", "/platforms/3", "/platforms/4", "/platforms/5", "/platforms/6", "/platforms/7"];
    let secrets = ["/secrets/1/name", "/secrets/2/name", "/secrets/3/name"];
    assert_eq!(pointers(data), [&expected[..], &secrets].concat());
}

#[test]
fn knows_where_it_runs() {
    let on = |platforms: &[&str]| {
        let platforms = platforms.iter().map(|&platform| platform.to_owned()).collect();
        Description::new("it", DescriptionData { platforms, ..calculator() }).unwrap()
    };
    assert!(on(&[]).runs_on("plan9", "mips"));
    let some = on(&["linux", "macos-aarch64"]);
    assert!(some.runs_on("linux", "riscv64") && some.runs_on("macos", "aarch64"));
    assert!(!some.runs_on("macos", "x86_64") && !some.runs_on("windows", "x86_64"));
}

#[test]
fn annotations_of_the_configuration_are_part_of_the_contract() {
    let config_schema = r#"{"properties":{"model":{"x-cjm-reload":1}}}"#.to_owned();
    let error = Description::new("it", DescriptionData { config_schema, ..calculator() }).unwrap_err();
    let [violation] = error.violations() else { panic!("{error}") };
    assert_eq!(violation.pointer, "/config-schema");
    assert!(violation.message.starts_with("/properties/model/x-cjm-reload: is not the name"), "{violation}");
}
