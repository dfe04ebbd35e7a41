//! Whether what runs is what was installed, and by whom: `verify`, `validate`, `regenerate`, `keygen`, `sign`, `trust`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::fs;

use cjm_tests::guest;
use common::Project;
use predicates::prelude::*;
use predicates::str::contains;

const ADD: [&str; 5] = ["run", "calculator", "add", "--input", r#"{"a": 1, "b": 2}"#];

#[test]
fn what_is_intact_is_said_to_be() {
    let project = Project::installed(&["calculator", "segment"]);
    project.ctl(&["verify"]).assert().success().stdout(contains("calculator").and(contains("intact")));
    let verified = project.json(&["verify", "calculator"]);
    assert_eq!(verified.as_array().unwrap().len(), 1);
    assert_eq!(verified[0]["integrity"], "intact");
    assert_eq!(verified[0]["found"], verified[0]["locked"]);
    assert!(verified[0].get("refusal").is_none());
}

#[test]
fn what_was_altered_is_found_and_does_not_run() {
    let project = Project::installed(&["calculator", "segment"]);
    project.variant(".cjm/plugins/calculator.wasm", "calculator", 1);
    let assert = project.ctl(&["verify", "--json"]).assert().code(1);
    let verified = common::lines(&assert.get_output().stdout).remove(0);
    assert_eq!(verified[0]["integrity"], "altered");
    assert!(verified[0]["refusal"]["message"].as_str().unwrap().contains("altered"));
    assert_eq!(verified[1]["integrity"], "intact");
    project
        .ctl(&["verify"])
        .assert()
        .code(1)
        .stdout(contains("altered"))
        .stderr(contains("would not be loaded"));
    project.ctl(&["verify", "segment"]).assert().success();
    project
        .ctl(&ADD)
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("altered").and(contains("nstall it again")));
    project.ctl(&["list"]).assert().success().stdout(contains("refused")).stderr(contains("altered"));

    // The operator replaced it, and says so.
    project.ctl(&["regenerate", "calculator"]).assert().code(2).stderr(contains("--yes"));
    let changes = project.json(&["regenerate", "calculator", "--yes"]);
    assert_ne!(changes["changes"]["digest"]["from"], changes["changes"]["digest"]["to"]);
    project.ctl(&["verify"]).assert().success();
    project.ctl(&ADD).assert().success().stdout("3.0\n");
}

#[test]
fn a_component_that_is_missing_is_found() {
    let project = Project::installed(&["calculator"]);
    fs::remove_file(project.path(".cjm/plugins/calculator.wasm")).unwrap();
    project.ctl(&["verify"]).assert().code(1).stdout(contains("missing"));
    project.ctl(&ADD).assert().code(2).stderr(contains("which is not there"));
    // With its manifest gone, too, as where a project was cloned, the lock still knows of it.
    fs::remove_file(project.path(".cjm/plugins/calculator.json")).unwrap();
    for command in [&ADD[..], &["info", "calculator"]] {
        project.ctl(command).assert().code(2).stderr(contains("cjm.lock has `calculator`"));
    }
    project.ctl(&["list"]).assert().success().stderr(contains("cjm.lock has `calculator`"));
    project.install(&["calculator"]);
    project.ctl(&ADD).assert().success();
}

#[test]
fn a_component_that_was_altered_beyond_use_is_told_as_altered() {
    let project = Project::installed(&["calculator"]);
    project.write(".cjm/plugins/calculator.wasm", b"\0asm\r\0\x01\0broken");
    project.ctl(&ADD).assert().code(2).stderr(contains("was altered").and(contains("nstall it again")));
    project.ctl(&["list"]).assert().success().stderr(contains("was altered"));
}

#[test]
fn every_fault_of_a_manifest_is_listed() {
    let project = Project::installed(&["calculator"]);
    let path = ".cjm/plugins/calculator.json";
    assert_eq!(project.json(&["validate", path])["valid"], true);
    project.ctl(&["validate", path]).assert().success().stderr(contains("good manifest"));

    let mut manifest: serde_json::Value = serde_json::from_str(&project.read(path)).unwrap();
    manifest["install"]["digest"] = "sha256:short".into();
    manifest["code"]["name"] = "../evil".into();
    manifest["unheard-of"] = 1.into();
    project.write("bad.json", manifest.to_string().as_bytes());
    let error = project.error(2, &["validate", "bad.json"]);
    let pointers: Vec<_> =
        error["violations"].as_array().unwrap().iter().map(|one| one["pointer"].as_str().unwrap()).collect();
    for pointer in ["/install/digest", "/code/name", "/unheard-of"] {
        assert!(pointers.iter().any(|found| found.starts_with(pointer)), "{pointer} is not in {pointers:?}");
    }
    project
        .ctl(&["validate", "bad.json"])
        .assert()
        .code(2)
        .stderr(contains("/install/digest").and(contains("/code/name")).and(contains("regenerate")));

    manifest["format"] = "3.0".into();
    project.write("new.json", manifest.to_string().as_bytes());
    project.ctl(&["validate", "new.json"]).assert().code(2).stderr(contains("2.0"));
    project.write("text.json", b"no");
    project.ctl(&["validate", "text.json"]).assert().code(2);
    project.ctl(&["validate", "none.json"]).assert().code(2).stderr(contains("none.json"));
}

#[test]
fn a_damaged_manifest_is_told_by_name_and_written_anew_with_what_was_granted() {
    let project = Project::installed(&["calculator"]);
    project.ctl(&["grant", "calculator", "environment=TZ=UTC"]).assert().success();
    let path = ".cjm/plugins/calculator.json";
    let good = project.read(path);
    let mut manifest: serde_json::Value = serde_json::from_str(&good).unwrap();
    manifest["unheard-of"] = 1.into();
    project.write(path, manifest.to_string().as_bytes());
    for command in
        [&ADD[..], &["info", "calculator"], &["grants", "calculator"], &["config", "get", "calculator"]]
    {
        project.ctl(command).assert().code(2).stderr(contains("/unheard-of").and(contains("regenerate")));
    }
    project.ctl(&["regenerate", "calculator"]).assert().code(2).stderr(contains("--yes"));
    project.ctl(&["regenerate", "calculator", "--yes"]).assert().success();
    assert_eq!(project.read(path), good);
    project.ctl(&ADD).assert().success().stdout("3.0\n");

    // Installing it again keeps what was granted, too.
    project.write(path, manifest.to_string().as_bytes());
    project.install(&["calculator"]);
    project.ctl(&["grants", "calculator"]).assert().success().stdout(contains("TZ=UTC"));

    // Where that cannot be read, nobody but the operator may let it go.
    project.write(path, b"{");
    let component = guest("calculator").display().to_string();
    for command in [&["regenerate", "calculator", "--yes"][..], &["install", &component, "--yes"]] {
        project.ctl(command).assert().code(2).stderr(contains("what was decided"));
    }
    assert_eq!(project.read(path), "{");
    project.ctl(&["remove", "calculator", "--yes"]).assert().success();
    assert!(!project.path(path).exists());
    project.ctl(&["verify"]).assert().success().stdout("");
    project
        .ctl(&["remove", "calculator", "--yes"])
        .assert()
        .code(2)
        .stderr(contains("no plugin of this name"));
}

#[test]
fn a_name_that_two_files_claim_is_told_as_such() {
    let project = Project::new();
    project.write(".cjm/plugins/a.wasm", &fs::read(guest("calculator")).unwrap());
    project.write(".cjm/plugins/b.wasm", &fs::read(guest("calculator")).unwrap());
    project.ctl(&ADD).assert().code(2).stderr(contains("`b.wasm`").and(contains("Remove one of the two")));
}

#[test]
fn keys_sign_and_are_trusted() {
    let project = Project::with("trust = \"signed\"\n");
    let made = project.json(&["keygen", "acme"]);
    assert_eq!(made["name"], "acme");
    project.ctl(&["keygen", "acme"]).assert().code(2).stderr(contains("never overwritten"));
    project.ctl(&["keygen", "../acme"]).assert().code(2);
    let component = project.variant_arg("calculator.wasm", "calculator", 3);
    let signed = project.json(&["sign", &component, "--key", "acme.sec"]);
    assert_eq!(signed[0]["number"], made["number"]);
    assert!(project.path("calculator.wasm.sig").is_file());

    project.ctl(&["install", "--yes", &component]).assert().code(2).stderr(contains("cjm-ctl trust add"));
    project.ctl(&["trust", "add", "acme.pub"]).assert().success().stdout(contains("sha256:"));
    project.ctl(&["trust", "add", "acme.pub"]).assert().success();
    project.ctl(&["trust", "add", "acme.pub", "--name", "again"]).assert().code(2).stderr(contains("`acme`"));
    let listed = project.json(&["trust", "list"]);
    assert_eq!(listed[0]["fingerprint"], made["fingerprint"]);
    project.ctl(&["install", "--yes", &component]).assert().success().stderr(contains("acme"));
    project.ctl(&["verify"]).assert().success().stdout(contains("acme"));
    project.ctl(&ADD).assert().success();

    project.ctl(&["trust", "remove", "acme"]).assert().success();
    project.ctl(&["trust", "remove", "acme"]).assert().code(2).stderr(contains("no trusted key"));
    project.ctl(&["verify"]).assert().code(1);
    project.ctl(&ADD).assert().code(2).stderr(contains("not trusted"));
}

#[test]
fn a_signature_that_does_not_fit_is_refused_at_every_level() {
    let project = Project::new();
    project.ctl(&["keygen", "acme", "--quiet"]).assert().success();
    project.ctl(&["trust", "add", "acme.pub"]).assert().success();
    let component = project.variant_arg("calculator.wasm", "calculator", 1);
    project.ctl(&["sign", &component, "--key", "acme.sec"]).assert().success();
    project.variant("calculator.wasm", "calculator", 2);
    project.ctl(&["install", "--yes", &component]).assert().code(2).stderr(contains("does not fit"));
}

#[test]
fn only_components_are_signed_and_only_with_secret_keys() {
    let project = Project::new();
    project.ctl(&["keygen", "acme", "--quiet"]).assert().success();
    project.write("text.wasm", b"text");
    project.ctl(&["sign", "text.wasm", "--key", "acme.sec"]).assert().code(2);
    let mut ctl = project.ctl(&["sign", "--key", "acme.pub"]);
    ctl.arg(guest("calculator")).assert().code(2);
    project.ctl(&["sign", "none.wasm", "--key", "acme.sec"]).assert().code(2).stderr(contains("none.wasm"));
}

#[test]
fn what_was_dropped_in_is_refused_where_the_lock_is_asked_for() {
    let project = Project::with("trust = \"locked\"\n");
    project.write(".cjm/plugins/calculator.wasm", &fs::read(guest("calculator")).unwrap());
    project.ctl(&ADD).assert().code(2).stderr(contains("cjm-ctl install"));
    project.ctl(&["verify"]).assert().code(1).stdout(contains("not locked"));
    project.ctl(&ADD).env("CJM_TRUST", "any").assert().success();
}
