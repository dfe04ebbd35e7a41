//! `cjm-ctl inspect`.

mod common;

use cjm_tests::guest;
use common::{cjm, last_line};
use predicates::prelude::*;
use predicates::str::contains;

#[test]
fn shows_what_a_plugin_is() {
    let segment = guest("segment");
    let page = contains("segment 0.1.0")
        .and(contains("sha256:"))
        .and(contains("Rust"))
        .and(contains("sentences"))
        .and(contains("string, required"))
        .and(contains("trim  boolean, default true"))
        .and(contains("job"))
        .and(contains("cjm:plugin/streaming@0.1.0"));
    cjm().arg("inspect").arg(&segment).assert().success().stdout(page);
}

#[test]
fn shows_it_to_programs() {
    let assert = cjm().args(["--json", "inspect"]).arg(guest("calculator")).assert().success().stderr("");
    let shown = last_line(&assert.get_output().stdout);
    assert!(shown["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(shown["language"], "Rust");
    assert_eq!(shown["description"]["name"], "calculator");
    assert_eq!(shown["description"]["actions"][0]["input-schema"]["required"], serde_json::json!(["a", "b"]));
    assert!(shown["imports"]["log"].is_array());
    assert!(shown.get("error").is_none());
}

#[test]
fn shows_what_the_bytes_say_where_the_plugin_says_nothing() {
    // A plugin by its exports, but not by their types.
    let hollow = wat::parse_str(
        r#"(component (instance $empty) (export "cjm:plugin/plugin@0.1.0" (instance $empty)))"#,
    )
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hollow.wasm");
    std::fs::write(&path, hollow).unwrap();
    let assert = cjm().args(["--json", "inspect"]).arg(&path).assert().failure();
    let shown = last_line(&assert.get_output().stdout);
    assert_eq!(shown["contract"], "0.1.0");
    assert!(shown["error"]["message"].is_string());
    assert!(shown.get("description").is_none());
    cjm().arg("inspect").arg(&path).assert().failure().stdout(contains("sha256:")).stderr(contains("error:"));
}
