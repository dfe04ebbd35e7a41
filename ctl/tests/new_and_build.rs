//! `cjm-ctl new` and `build`: from nothing to a plugin that runs, anywhere on the disk.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{cjm, last_line, target_dir};
use predicates::prelude::*;
use predicates::str::contains;

/// `cjm-ctl build`, into the target directory that these tests were built in: the SDK is built there already.
fn build(dir: &Path) -> assert_cmd::Command {
    let mut ctl = cjm();
    ctl.arg("build").arg(dir).env("CARGO_TARGET_DIR", target_dir());
    ctl
}

#[test]
fn a_new_plugin_passes_its_test_builds_and_runs() {
    let dir = tempfile::tempdir().unwrap();
    // Blanks and quotes in the path reach Cargo.toml and the shell.
    let root = dir.path().join("it's \"here\"");
    fs::create_dir(&root).unwrap();
    cjm().current_dir(&root).args(["new", "my-greeter"]).assert().success().stderr(contains("cjm-ctl build"));
    let plugin = root.join("my-greeter");
    for file in ["Cargo.toml", ".gitignore", "README.md", "src/lib.rs", "rust-toolchain.toml"] {
        assert!(plugin.join(file).is_file(), "{file} is missing");
    }

    let tested = Command::new("cargo")
        .arg("test")
        .current_dir(&plugin)
        .env("CARGO_TARGET_DIR", target_dir())
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .status()
        .unwrap();
    assert!(tested.success());

    build(&plugin).assert().success().stderr(contains("my-greeter.wasm").and(contains("greet --input")));
    let component = plugin.join("my-greeter.wasm");
    cjm()
        .arg("run")
        .arg(&component)
        .args(["greet", "--input", r#"{"names": ["Ada"]}"#, "--config", r#"{"greeting": "Hi"}"#])
        .assert()
        .success()
        .stdout("{\"greetings\":[\"Hi, Ada!\"]}\n");

    let assert = build(&plugin).arg("--json").assert().success();
    let built = last_line(&assert.get_output().stdout);
    assert_eq!(built["description"]["name"], "my-greeter");
    assert!(built["component"].as_str().unwrap().ends_with("my-greeter.wasm"));
}

#[test]
fn nothing_is_overwritten_and_no_bad_name_taken() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "").unwrap();
    let new = |name: &str| {
        let mut ctl = cjm();
        ctl.arg("new").arg(name).arg("--path").arg(dir.path());
        ctl
    };
    new("greeter").assert().code(2).stderr(contains("not empty"));
    new("Bad Name").assert().code(2).stderr(contains("lower-case"));
    new("fn").assert().code(2).stderr(contains("fn-plugin"));
    new("greeter").arg("--sdk").arg(dir.path()).assert().code(2).stderr(contains("--sdk"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn crates_that_are_no_plugin() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path()).assert().code(2).stderr(contains("Cargo.toml"));
    build(&dir.path().join("none")).assert().code(2);

    let write = |kind: &str, code: &str| {
        let manifest = format!(
            "[package]\nname = \"no-plugin\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [lib]\ncrate-type = [\"{kind}\"]\n[workspace]\n"
        );
        fs::create_dir_all(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
        fs::write(dir.path().join("src/lib.rs"), code).unwrap();
    };
    write("rlib", "");
    build(dir.path()).assert().code(2).stderr(contains("cdylib"));
    write("cdylib", "nonsense");
    build(dir.path()).assert().code(2).stderr(contains("cargo said why"));
    write("cdylib", "");
    build(dir.path())
        .assert()
        .code(2)
        .stderr(contains("no plugin").and(contains("cannot be run as a plugin")));
}
