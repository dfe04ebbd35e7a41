//! The calculator as a host calls it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use calculator::Calculator;
use cjm_guest::testing::Harness;
use cjm_guest::{Error, Result};

fn call(action: &str, input: &str) -> Result<String> {
    Harness::<Calculator>::new("{}").unwrap().call_json(action, input)
}

fn offending(result: Result<String>) -> Vec<String> {
    match result {
        Err(Error::InvalidInput(invalid)) => invalid.fields,
        other => panic!("{other:?}"),
    }
}

#[test]
fn calculates() {
    assert_eq!(call("add", r#"{"a":1,"b":2}"#).unwrap(), "3.0");
    assert_eq!(call("subtract", r#"{"a":1,"b":2}"#).unwrap(), "-1.0");
    assert_eq!(call("multiply", r#"{"a":1.5,"b":2}"#).unwrap(), "3.0");
    assert_eq!(call("divide", r#"{"a":1,"b":2}"#).unwrap(), "0.5");
    assert_eq!(call("evaluate", r#"{"expression":"2*(3+4)"}"#).unwrap(), "14.0");
}

#[test]
fn division_by_zero_points_at_the_divisor() {
    assert_eq!(offending(call("divide", r#"{"a":1,"b":0}"#)), ["/b"]);
    assert_eq!(offending(call("evaluate", r#"{"expression":"1/0"}"#)), ["/expression"]);
}

#[test]
fn what_json_cannot_say_is_refused() {
    assert_eq!(offending(call("multiply", r#"{"a":1e308,"b":1e308}"#)), ["/a", "/b"]);
    assert_eq!(offending(call("evaluate", r#"{"expression":"1e308*10"}"#)), ["/expression"]);
}

#[test]
fn input_of_another_shape_is_refused() {
    assert_eq!(offending(call("add", r#"{"a":1,"b":"two"}"#)), ["/b"]);
    assert!(
        call("modulo", "{}").unwrap_err().to_string().contains("add, subtract, multiply, divide, evaluate")
    );
}

#[test]
fn describes_itself() {
    let description = Harness::<Calculator>::description();
    assert_eq!(description.name, "calculator");
    assert_eq!(description.actions.len(), 5);
    for action in description.actions {
        assert!(!action.description.is_empty(), "{}", action.name);
        assert!(action.input_schema.is_some_and(|schema| schema.contains("additionalProperties")));
        assert!(!action.streams);
    }
}
