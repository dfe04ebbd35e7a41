//! `cjm-ctl install`, `upgrade` and `remove`: what gets into a project, and what is said before it does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::fs;
use std::process::{Command, Stdio};

use cjm_tests::guest;
use common::{Project, binary, cache_dir, lines, serve};
use predicates::prelude::*;
use predicates::str::contains;

const ADD: [&str; 5] = ["run", "calculator", "add", "--input", r#"{"a": 1, "b": 2}"#];

#[test]
fn an_installed_plugin_runs_by_its_name() {
    let project = Project::new();
    let plan = contains("calculator 0.1.0")
        .and(contains("sha256:"))
        .and(contains("nobody"))
        .and(contains("add, subtract"))
        .and(contains("installed calculator"));
    let mut ctl = project.ctl(&["install", "--yes"]);
    ctl.arg(guest("calculator")).assert().success().stdout("").stderr(plan);
    for file in [".cjm/plugins/calculator.wasm", ".cjm/plugins/calculator.json", "cjm.lock"] {
        assert!(project.path(file).is_file(), "{file}");
    }
    project.ctl(&ADD).assert().success().stdout("3.0\n");
}

#[test]
fn what_was_installed_is_told_to_programs() {
    let project = Project::new();
    let file = guest("calculator");
    let done = project.json(&["install", "--yes", file.to_str().unwrap()]);
    assert_eq!(done[0]["name"], "calculator");
    assert_eq!(done[0]["state"], "installed");
    assert!(done[0]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert!(done[0].get("missing").is_none());
    let again = project.json(&["install", "--yes", file.to_str().unwrap()]);
    assert_eq!(again[0]["state"], "up-to-date");
}

#[test]
fn nothing_is_installed_without_a_yes() {
    let project = Project::new();
    let mut ctl = project.ctl(&["install"]);
    ctl.arg(guest("calculator"))
        .write_stdin("y\n")
        .assert()
        .code(2)
        .stderr(contains("calculator 0.1.0").and(contains("confirmed")).and(contains("--yes")));
    assert!(!project.path("cjm.lock").exists());
    assert!(!project.path(".cjm/plugins/calculator.wasm").exists());
}

#[test]
fn several_at_once_or_none() {
    let project = Project::new();
    let mut ctl = project.ctl(&["install", "--yes", "--json"]);
    ctl.arg(guest("calculator")).arg("no-such.wasm").arg(guest("segment"));
    let assert = ctl.assert().code(2);
    assert!(String::from_utf8_lossy(&assert.get_output().stderr).contains("no-such.wasm"));
    assert!(!project.path("cjm.lock").exists());

    let mut ctl = project.ctl(&["install", "--yes"]);
    ctl.arg(guest("calculator")).arg(guest("segment")).assert().success();
    let listed = project.json(&["list"]);
    let names: Vec<_> = listed["plugins"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["calculator", "segment"]);
}

#[test]
fn two_files_with_one_plugin_are_refused() {
    let project = Project::new();
    let (one, two) =
        (project.variant_arg("1.wasm", "calculator", 1), project.variant_arg("2.wasm", "calculator", 2));
    let error = project.error(2, &["install", "--yes", &one, &two]);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("1.wasm") && message.contains("2.wasm"), "{message}");
    assert!(!project.path("cjm.lock").exists());
}

#[test]
fn what_is_no_plugin_is_not_installed() {
    let project = Project::new();
    project.write("text.wasm", b"#!/bin/sh\n");
    project.ctl(&["install", "--yes", "text.wasm"]).assert().code(2).stderr(contains("text.wasm"));
    project
        .ctl(&["install", "--yes", "ftp://example.org/a.wasm"])
        .assert()
        .code(2)
        .stderr(contains("https://"));
    project.ctl(&["install", "--yes", ".."]).assert().code(2);
    project
        .ctl(&["install", "--yes", "x.wasm", "--grant", "everything"])
        .assert()
        .code(2)
        .stderr(contains("folder="));
    assert_eq!(
        fs::read_dir(project.path(".cjm/plugins")).map_or(0, |dir| {
            dir.filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
                .count()
        }),
        0
    );
}

#[test]
fn all_that_is_declared_again_and_again() {
    let project = Project::with(
        "[plugins.calculator]\nsource = \"in/calculator.wasm\"\n[plugins.segment]\nsource = \"in/segment.wasm\"\n\
         [plugins.other]\nconfig = {}\n",
    );
    for name in ["calculator", "segment"] {
        project.write(&format!("in/{name}.wasm"), &fs::read(guest(name)).unwrap());
    }
    let states = || {
        let done = project.json(&["install", "--all", "--yes"]);
        done.as_array()
            .unwrap()
            .iter()
            .map(|one| one["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(states(), ["installed", "installed"]);
    let lock = project.read("cjm.lock");
    assert_eq!(states(), ["up-to-date", "up-to-date"]);
    project.ctl(&["install", "--all"]).assert().success().stderr(contains("up to date"));
    assert_eq!(project.read("cjm.lock"), lock);

    // Somebody else's checkout has the lock, and not the plugins.
    fs::remove_dir_all(project.path(".cjm")).unwrap();
    project.ctl(&["install", "--all", "--locked", "--yes"]).assert().success();
    assert_eq!(project.read("cjm.lock"), lock);
    fs::remove_dir_all(project.path(".cjm")).unwrap();
    project.variant("in/calculator.wasm", "calculator", 7);
    let error = project.error(2, &["install", "--all", "--yes"]);
    assert!(error["message"].as_str().unwrap().contains("cjm.lock"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("cjm-ctl install "), "{error}");
}

#[test]
fn a_declaration_holds_what_is_installed_to_its_name_and_digest() {
    let project = Project::with("[plugins.adder]\nsource = \"calculator.wasm\"\n");
    project.write("calculator.wasm", &fs::read(guest("calculator")).unwrap());
    let error = project.error(2, &["install", "--all", "--yes"]);
    assert!(error["message"].as_str().unwrap().contains("`calculator`"), "{error}");

    let pin = format!("sha256:{}", "0".repeat(64));
    project.write(
        "cjm.toml",
        format!("[plugins.calculator]\nsource = \"calculator.wasm\"\ndigest = \"{pin}\"\n").as_bytes(),
    );
    let error = project.error(2, &["install", "--all", "--yes"]);
    assert!(error["message"].as_str().unwrap().contains(&pin), "{error}");

    project.write("cjm.toml", b"");
    let error = project.error(2, &["install", "--all", "--yes"]);
    assert!(error["hint"].as_str().unwrap().contains("source ="), "{error}");
}

#[test]
fn a_digest_that_was_asked_for_is_held_to() {
    let project = Project::new();
    let file = guest("calculator");
    let file = file.to_str().unwrap();
    let other = format!("sha256:{}", "0".repeat(64));
    let error = project.error(2, &["install", "--yes", file, "--digest", &other]);
    assert!(error["message"].as_str().unwrap().contains(&other), "{error}");
    assert!(!project.path("cjm.lock").exists());
    let digest = project.json(&["install", "--yes", file])[0]["digest"].as_str().unwrap().to_owned();
    project.ctl(&["install", "--yes", file, "--digest", &digest]).assert().success();
    project
        .ctl(&["install", "--yes", file, "--digest", "sha256:1"])
        .assert()
        .code(2)
        .stderr(contains("--digest"));
    project.ctl(&["install", "--yes", file, file, "--digest", &digest]).assert().code(2);
}

#[test]
fn locked_means_that_nothing_new_comes_in() {
    let project = Project::new();
    let file = guest("calculator");
    let file = file.to_str().unwrap();
    let error = project.error(2, &["install", "--locked", "--yes", file]);
    assert!(error["message"].as_str().unwrap().contains("cjm.lock"), "{error}");
    project.install(&["calculator"]);
    project.ctl(&["install", "--locked", "--yes", file]).assert().success();
    let other = project.variant_arg("other.wasm", "calculator", 1);
    project.ctl(&["install", "--locked", "--yes", &other]).assert().code(2).stderr(contains("cjm.lock"));
}

#[test]
fn what_a_plugin_lacks_is_said_when_it_is_installed() {
    let project = Project::new();
    let file = guest("configurable");
    let file = file.to_str().unwrap();
    let done = project.json(&["install", "--yes", file]);
    assert_eq!(done[0]["missing"]["command"], "cjm-ctl grant configurable secret=api.key");
    project.ctl(&["remove", "configurable", "--yes"]).assert().success();
    project.ctl(&["install", "--yes", file]).assert().success().stderr(
        contains("api.key, required, not granted").and(contains("cjm-ctl grant configurable secret=api.key")),
    );

    let run = ["run", "configurable", "count"];
    let error = project.error(2, &run);
    assert_eq!(error["category"], "not-granted");
    assert_eq!(error["command"], "cjm-ctl grant configurable secret=api.key");
    assert!(error["toml"].as_str().unwrap().starts_with("[plugins.configurable.grants]\n"));
    assert!(error["hint"].as_str().unwrap().contains("--secret api.key=env:"));
    let mut ctl = project.ctl(&run);
    ctl.args(["--secret", "api.key=env:KEY"]).env("KEY", "s3cret").assert().success();

    project
        .ctl(&["install", "--yes", file, "--grant", "secret=api.key"])
        .assert()
        .success()
        .stderr(contains("cjm-ctl secret set api.key"));
    let error = project.error(2, &run);
    assert!(error["message"].as_str().unwrap().contains("cjm-ctl secret set api.key"), "{error}");
    project.ctl(&["secret", "set", "api.key"]).write_stdin("s3cret").assert().success();
    project.ctl(&run).assert().success();
    let done = project.json(&["install", "--yes", file, "--grant", "secret=other"]);
    assert!(done[0].get("missing").is_none(), "{done}");
}

#[test]
fn one_grant_is_for_one_plugin() {
    let project = Project::new();
    let mut ctl = project.ctl(&["install", "--yes", "--grant", "gpu"]);
    ctl.arg(guest("calculator")).arg(guest("segment")).assert().code(2).stderr(contains("cjm-ctl grant"));
}

#[test]
fn an_upgrade_shows_what_changes() {
    let project = Project::new();
    let source = project.variant_arg("calculator.wasm", "calculator", 1);
    project.ctl(&["install", "--yes", &source]).assert().success();
    assert_eq!(project.json(&["upgrade", "--yes"])[0]["state"], "up-to-date");

    project.variant("calculator.wasm", "calculator", 2);
    project.ctl(&["upgrade"]).assert().code(2).stderr(contains("digest sha256:").and(contains("--yes")));
    let done = project.json(&["upgrade", "calculator", "--yes"]);
    assert_eq!(done[0]["state"], "upgraded");
    assert_ne!(done[0]["changes"]["digest"]["from"], done[0]["changes"]["digest"]["to"]);
    project.ctl(&ADD).assert().success().stdout("3.0\n");

    project.write("calculator.wasm", &fs::read(guest("segment")).unwrap());
    project.ctl(&["upgrade", "--yes"]).assert().code(2).stderr(contains("`segment`"));
    project.ctl(&["upgrade", "calculater"]).assert().code(2).stderr(contains("did you mean `calculator`?"));
}

#[test]
fn a_removed_plugin_is_gone_and_its_configuration_may_stay() {
    let project = Project::installed(&["segment"]);
    project.ctl(&["config", "set", "segment", "trim=false"]).assert().success();
    project.ctl(&["remove", "segment"]).assert().code(2).stderr(contains("--yes"));
    project.ctl(&["remove", "segmant", "--yes"]).assert().code(2).stderr(contains("did you mean `segment`?"));
    project.ctl(&["remove", "segment", "--yes"]).assert().success().stderr(contains("removed segment"));
    assert!(!project.path(".cjm/plugins/segment.wasm").exists());
    assert!(!project.read("cjm.lock").contains("segment"));

    project.install(&["segment"]);
    assert_eq!(project.json(&["config", "get", "segment"])["stored"]["trim"], false);
    assert_eq!(project.json(&["remove", "segment", "--purge", "--yes"])["purged"], true);
    project.install(&["segment"]);
    assert!(project.json(&["config", "get", "segment"]).get("stored").is_none());
}

#[test]
fn names_lead_nowhere() {
    let project = Project::installed(&["calculator"]);
    for command in [
        vec!["remove", "../calculator", "--yes"],
        vec!["info", "../../etc/passwd"],
        vec!["verify", "../calculator"],
        vec!["regenerate", "..", "--yes"],
        vec!["upgrade", "../calculator"],
        vec!["grant", "../calculator", "gpu"],
        vec!["config", "get", "../calculator"],
        vec!["enable", "../calculator"],
    ] {
        let error = project.error(2, &command);
        assert!(error["message"].is_string(), "{command:?}: {error}");
    }
    assert!(project.path(".cjm/plugins/calculator.wasm").is_file());
}

#[test]
fn plugins_come_from_addresses_too() {
    let server = serve(vec![("/a/calculator.wasm", fs::read(guest("calculator")).unwrap())]);
    let project = Project::new();
    let address = format!("{server}/a/calculator.wasm");
    let mut ctl = project.ctl(&["install", "--yes", &address, "--json"]);
    let assert = ctl.assert().success();
    assert!(lines(&assert.get_output().stdout)[0][0]["name"] == "calculator");
    assert_eq!(project.json(&["info", "calculator"])["manifest"]["install"]["source"], address.as_str());
    assert!(project.read("cjm.lock").contains(&address));
    assert_eq!(project.json(&["upgrade", "--yes"])[0]["state"], "up-to-date");

    let error = project.error(2, &["install", "--yes", &format!("{server}/none.wasm")]);
    assert!(error["message"].as_str().unwrap().contains("404"), "{error}");
}

#[test]
fn two_installers_at_once_both_succeed() {
    let project = Project::new();
    let start = |name: &str| {
        Command::new(binary())
            .args(["install", "--yes", "--quiet"])
            .arg(guest(name))
            .current_dir(project.dir.path())
            .env("CJM_CACHE_DIR", cache_dir())
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    };
    let installers: Vec<_> = ["calculator", "segment", "calculator"].into_iter().map(start).collect();
    for mut installer in installers {
        assert!(installer.wait().unwrap().success());
    }
    let verified = project.json(&["verify"]);
    let states: Vec<_> = verified.as_array().unwrap().iter().map(|one| one["integrity"].clone()).collect();
    assert_eq!(states, ["intact", "intact"]);
}
