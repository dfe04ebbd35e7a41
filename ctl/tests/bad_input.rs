//! What cannot be used: every command says what was found and what to do, and ends with the same status.

mod common;

use std::fs;

use cjm_tests::guest;
use common::{cjm, last_line};
use predicates::prelude::*;
use predicates::str::contains;

#[test]
fn a_command_line_that_is_wrong() {
    cjm().arg("frobnicate").assert().code(2).stderr(contains("frobnicate"));
    cjm().assert().code(2).stderr(contains("Usage"));
    cjm().args(["run", "x.wasm", "a", "--timeout", "soon"]).assert().code(2).stderr(contains("--timeout"));
    cjm().args(["run", "x.wasm", "a", "--memory", "a lot"]).assert().code(2).stderr(contains("--memory"));
}

#[test]
fn a_command_line_that_is_wrong_as_json() {
    let assert = cjm().args(["--json", "frobnicate"]).assert().code(2).stdout("");
    let error = last_line(&assert.get_output().stderr);
    assert_eq!(error["error"]["category"], "invalid-input");
}

#[test]
fn help_and_completions_are_no_failure() {
    cjm().arg("--help").assert().success().stdout(contains("Exit status").and(contains("130")));
    cjm().args(["run", "--help"]).assert().success().stdout(contains("Examples"));
    cjm().arg("--version").assert().success().stdout(contains(env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        cjm().args(["completions", shell]).assert().success().stdout(contains("cjm-ctl"));
    }
}

#[test]
fn files_that_are_no_plugin() {
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8]); 4] = [
        ("empty.wasm", b""),
        ("text.wasm", b"#!/bin/sh\n"),
        ("module.wasm", b"\0asm\x01\0\0\0"),
        ("component.wasm", b"\0asm\x0d\0\x01\0"),
    ];
    for (name, bytes) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        for command in [vec!["inspect"], vec!["run"]] {
            let mut ctl = cjm();
            ctl.args(&command).arg(&path);
            if command == ["run"] {
                ctl.arg("any");
            }
            ctl.assert().code(2).stderr(contains("error:").and(contains(name)));
        }
    }
    cjm().args(["inspect", "no-such.wasm"]).assert().code(2).stderr(contains("no-such.wasm"));
    cjm().args(["run", "no-such.wasm", "a"]).assert().code(2).stderr(contains("no-such.wasm"));
    cjm().arg("inspect").arg(dir.path()).assert().code(2);
}

#[test]
fn a_plugin_that_is_cut_off_or_altered() {
    let whole = fs::read(guest("calculator")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.wasm");
    for part in [1, 9, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..part]).unwrap();
        cjm().arg("inspect").arg(&path).assert().code(2).stderr(contains("cut.wasm"));
    }
    let mut altered = whole.clone();
    let middle = altered.len() / 2;
    altered[middle..middle + 64].fill(0xff);
    fs::write(&path, &altered).unwrap();
    let code = cjm().arg("inspect").arg(&path).assert().get_output().status.code();
    assert!(matches!(code, Some(0..=2)), "{code:?}");
}

#[test]
fn inputs_that_do_not_fit() {
    let calculator = guest("calculator");
    let run = |arguments: &[&str]| {
        let mut ctl = cjm();
        ctl.arg("--json").arg("run").arg(&calculator).args(arguments);
        let assert = ctl.assert().code(2).stdout("");
        last_line(&assert.get_output().stderr)["error"].clone()
    };
    let error = run(&["add", "--input", r#"{"a": "x", "b": true}"#]);
    assert_eq!(error["category"], "invalid-input");
    let pointers: Vec<_> =
        error["violations"].as_array().unwrap().iter().map(|one| one["pointer"].clone()).collect();
    assert_eq!(pointers, ["/a", "/b"]);

    assert!(run(&["add", "--input", "{"])["message"].as_str().unwrap().contains("not JSON"));
    assert!(run(&["ad", "--input", "{}"])["message"].as_str().unwrap().contains("`add`"));
    assert!(run(&["add", "--config", r#"{"no such key": 1}"#])["category"] == "invalid-input");
    assert!(run(&["add", "--config", "no-such.json"])["hint"].is_string());
    assert!(run(&["divide", "--input", r#"{"a": 1, "b": 0}"#])["category"] == "invalid-input");
    assert!(
        run(&["add", "--output", "no/such/place", "--input", r#"{"a":1,"b":2}"#])["category"]
            == "invalid-input"
    );
}

#[test]
fn without_an_action_they_are_listed() {
    let calculator = guest("calculator");
    cjm()
        .arg("run")
        .arg(&calculator)
        .assert()
        .code(2)
        .stderr(contains("add").and(contains("divide")).and(contains("evaluate")));
}

#[test]
fn a_cache_that_cannot_be_one() {
    let mut ctl = cjm();
    ctl.arg("inspect").arg(guest("calculator")).args(["--cache-dir", "/dev/null/cache"]);
    ctl.assert().code(2).stderr(contains("/dev/null/cache").and(contains("--no-cache")));
}
