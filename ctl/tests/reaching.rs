//! A plugin that reaches out: refused with what to grant, and told whenever it reaches further.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use cjm_tests::guest;
use common::{Project, lines, serve};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

const PAGE: &[u8] = b"<!doctype html><title>Somewhere</title><p>Hello.";

fn input(server: &str) -> String {
    serde_json::json!({ "url": format!("{server}/page.html") }).to_string()
}

#[test]
fn what_it_needs_is_said_until_it_is_granted() {
    let server = serve(vec![("/page.html", PAGE.to_vec())]);
    let project = Project::new();
    let file = guest("fetch");
    project.ctl(&["install", "--yes", file.to_str().unwrap()]).assert().success().stderr(
        contains("installed fetch")
            .and(contains("[plugins.fetch.grants]"))
            .and(contains("cjm-ctl grant fetch")),
    );
    let input = input(&server);
    let run = ["run", "fetch", "fetch", "--input", &input];
    let error = project.error(2, &run);
    assert_eq!(error["category"], "not-granted");
    assert_eq!(error["command"], "cjm-ctl grant fetch 'network=https://*'");
    assert!(error["hint"].as_str().unwrap().contains("--grant 'network=https://*'"), "{error}");
    let missing = &project.json(&["grants", "fetch"])[0]["missing"];
    assert_eq!(missing["grants"][0], "network=https://*");

    project.ctl(&["grant", "fetch", &format!("network={server},private")]).assert().success();
    project.ctl(&run).assert().success().stdout(contains("Somewhere"));
    assert!(project.json(&["grants", "fetch"])[0].get("missing").is_none());
}

#[test]
fn what_it_reaches_for_beyond_its_grants_is_told() {
    let server = serve(vec![("/page.html", PAGE.to_vec())]);
    let project = Project::new();
    let file = guest("fetch");
    let input = input(&server);
    let run = |grant: &str| {
        let mut ctl =
            project.ctl(&["run", file.to_str().unwrap(), "fetch", "--input", &input, "--grant", grant]);
        ctl.arg("--json");
        ctl
    };
    let granted = run(&format!("network={server},private")).assert().success();
    assert!(!String::from_utf8_lossy(&granted.get_output().stderr).contains("grant-refused"));

    let refused = run("network=https://example.org").assert().failure();
    let told: Vec<Value> = lines(&refused.get_output().stderr);
    let event = told.iter().find_map(|line| line.get("grant-refused")).unwrap();
    assert_eq!(event["capability"], "network");
    assert!(event["grant"].as_str().unwrap().starts_with("network=http://127.0.0.1"), "{event}");
    project
        .ctl(&[
            "run",
            file.to_str().unwrap(),
            "fetch",
            "--input",
            &input,
            "--grant",
            "network=https://example.org",
        ])
        .assert()
        .failure()
        .stderr(contains("refused network:").and(contains("--grant network=http://127.0.0.1")));
    assert!(!project.path(".cjm").exists());
}
