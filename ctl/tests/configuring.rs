//! `config`, `secret`, `grant`, `enable` and the like: what an operator sets for a plugin, and what it may use.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::fs;

use cjm_tests::guest;
use common::{Project, last_line, lines};
use predicates::prelude::*;
use predicates::str::contains;

fn sentences(project: &Project, more: &[&str]) -> serde_json::Value {
    let mut ctl = project.ctl(&["run", "segment", "sentences", "--input", r#"{"text": "One. Two."}"#]);
    let assert = ctl.args(more).assert().success();
    last_line(&assert.get_output().stdout)
}

#[test]
fn what_is_configured_holds_at_the_next_run() {
    let project = Project::installed(&["segment"]);
    assert_eq!(project.json(&["config", "get", "segment"])["effective"]["trim"], true);
    assert_eq!(sentences(&project, &[])[0]["text"], "One.");
    project
        .ctl(&["config", "set", "segment", "trim=false"])
        .assert()
        .success()
        .stdout(contains("\"trim\":false"));
    assert_eq!(sentences(&project, &[])[0]["text"], "One. ");
    assert_eq!(sentences(&project, &["--config", "{}"])[0]["text"], "One.");
    project.ctl(&["config", "get", "segment", "trim"]).assert().success().stdout("false\n");
    project.ctl(&["config", "get", "segment", "none"]).assert().code(2).stderr(contains("config schema"));
    project.ctl(&["config", "unset", "segment", "trim"]).assert().success();
    project.ctl(&["config", "get", "segment", "trim"]).assert().success().stdout("true\n");

    let file = project.write("c.json", br#"{"trim": false}"#);
    let configured = project.json(&["config", "set", "segment", "--file", file.to_str().unwrap()]);
    assert_eq!(configured["stored"]["trim"], false);
    let mut ctl = project.ctl(&["config", "set", "segment", "--file", "-"]);
    ctl.write_stdin("{}").assert().success();
    project.ctl(&["config", "unset", "segment", "--all"]).assert().success();
    assert!(project.json(&["config", "get", "segment"]).get("stored").is_none());
}

#[test]
fn what_does_not_fit_is_listed_and_not_stored() {
    let project = Project::installed(&["thumbnail"]);
    let before = project.json(&["config", "get", "thumbnail"]);
    let error =
        project.error(2, &["config", "set", "thumbnail", "longest_edge=0", "format=bmp", "colour=red"]);
    let pointers: Vec<_> =
        error["violations"].as_array().unwrap().iter().map(|one| one["pointer"].as_str().unwrap()).collect();
    for pointer in ["/longest_edge", "/format", "/colour"] {
        assert!(pointers.contains(&pointer), "{pointer} is not in {pointers:?}");
    }
    assert!(error["hint"].as_str().unwrap().contains("cjm-ctl config schema thumbnail"));
    assert_eq!(project.json(&["config", "get", "thumbnail"]), before);
    project.ctl(&["config", "set", "thumbnail", "quality"]).assert().code(2).stderr(contains("quality"));
    project.write("bad.json", b"{");
    project
        .ctl(&["config", "set", "thumbnail", "--file", "bad.json"])
        .assert()
        .code(2)
        .stderr(contains("bad.json"));
}

#[test]
fn a_schema_is_shown_in_words_and_as_it_is() {
    let project = Project::installed(&["thumbnail", "calculator"]);
    project
        .ctl(&["config", "schema", "thumbnail"])
        .assert()
        .success()
        .stdout(contains("format").and(contains("webp")));
    assert_eq!(project.json(&["config", "schema", "thumbnail"])["type"], "object");
    project.ctl(&["config", "options", "calculator"]).assert().success().stderr(contains("no field"));
    project.ctl(&["config", "schema", "thumbnails"]).assert().code(2).stderr(contains("`thumbnail`"));
}

/// The plugin that gives options, with the secret that it requires.
fn configurable() -> Project {
    let project = Project::new();
    project.ctl(&["secret", "set", "api.key"]).write_stdin("s3cret").assert().success();
    let mut ctl = project.ctl(&["install", "--yes", "--grant", "secret=api.key"]);
    ctl.arg(guest("configurable")).assert().success();
    project
}

#[test]
fn what_can_be_chosen_right_now_is_asked_for() {
    let project = configurable();
    project
        .ctl(&["config", "options", "configurable"])
        .assert()
        .success()
        .stdout(contains("/model").and(contains("\"small\"")));
    let options = project.json(&["config", "options", "configurable"]);
    assert_eq!(options["/model"][0]["value"], "small");
    assert!(options["/model"][0]["label"].is_string());
}

#[test]
fn paths_lead_into_a_configuration() {
    let project = configurable();
    project
        .ctl(&["config", "set", "configurable", "server.port=80", "/server/region=west"])
        .assert()
        .success();
    project.ctl(&["config", "get", "configurable", "server.port"]).assert().success().stdout("80\n");
    project.ctl(&["config", "get", "configurable", "server.region"]).assert().success().stdout("west\n");
    project
        .ctl(&["config", "get", "configurable", "server"])
        .assert()
        .success()
        .stdout(contains("\"port\":80"));
    let error = project.error(2, &["config", "set", "configurable", "server.port=99999"]);
    assert_eq!(error["violations"][0]["pointer"], "/server/port");
    project.ctl(&["config", "get", "configurable", "server.port"]).assert().success().stdout("80\n");
}

#[test]
fn fields_that_nobody_knows_are_stored_only_where_that_is_asked_for() {
    let project = Project::installed(&["misbehave"]);
    let error = project.error(2, &["config", "set", "misbehave", "initialise=refuse"]);
    assert_eq!(error["violations"][0]["pointer"], "/initialise");
    assert!(error["violations"][0]["message"].as_str().unwrap().contains("`initialize`"), "{error}");
    project
        .ctl(&["config", "set", "misbehave", "initialise=refuse", "--lenient"])
        .assert()
        .success()
        .stderr(contains("warning:").and(contains("/initialise")));
    assert_eq!(project.json(&["config", "get", "misbehave"])["stored"]["initialise"], "refuse");
    // What the schema itself forbids stays refused.
    let project = configurable();
    project.error(2, &["config", "set", "configurable", "volumes=1", "--lenient"]);
}

#[test]
fn settings_say_where_they_come_from() {
    let project = Project::with("trust = \"locked\"\n[limits]\nmemory-bytes = \"64 MiB\"\n");
    project
        .ctl(&["config", "show", "--origin", "--data-dir", "here"])
        .env("CJM_PREFETCH_STALL", "5s")
        .assert()
        .success()
        .stdout(
            contains("cjm.toml:1")
                .and(contains("--data-dir"))
                .and(contains("CJM_PREFETCH_STALL"))
                .and(contains("default")),
        );
    let shown = project.json(&["config", "show", "--origin"]);
    let trust =
        shown["settings"].as_array().unwrap().iter().find(|one| one["key"] == "trust").unwrap().clone();
    assert_eq!(trust["origin"]["layer"], "file");
    assert!(project.json(&["config", "show"])["settings"][0].get("origin").is_none());
    let project = Project::with("unheard-of = 1\n");
    project
        .ctl(&["config", "show"])
        .assert()
        .code(2)
        .stderr(contains("unheard-of").and(contains("cjm.toml")));
    project.ctl(&["list", "--config-file", "none.toml"]).assert().code(2).stderr(contains("none.toml"));
}

#[test]
fn a_secret_is_kept_granted_and_never_printed() {
    const VALUE: &str = "hunter2-in-the-vault";
    let project = Project::installed(&["misbehave"]);
    let mut printed = Vec::new();
    let mut say = |arguments: &[&str], stdin: &str, code: i32| {
        let output = project.ctl(arguments).write_stdin(stdin).assert().code(code).get_output().clone();
        printed.extend([output.stdout.clone(), output.stderr]);
        String::from_utf8(output.stdout).unwrap()
    };
    say(&["secret", "set", "api-key"], &format!("{VALUE}\n"), 0);
    say(&["secret", "set", "api-key", "--scope", "other"], VALUE, 0);
    say(&["secret", "list", "--json"], "", 0);
    assert_eq!(say(&["secret", "list"], "", 0), "api-key\n");
    say(&["info", "misbehave"], "", 0);
    say(&["config", "show", "--origin"], "", 0);
    assert_eq!(say(&["run", "misbehave", "secret", "--input", "\"api-key\""], "", 0), "null\n");
    say(&["grant", "misbehave", "secret=api-key"], "", 0);
    say(&["grants"], "", 0);
    say(&["secret", "set", "../x"], VALUE, 2);
    say(&["secret", "delete", "none"], "", 2);
    assert!(printed.iter().all(|text| !String::from_utf8_lossy(text).contains(VALUE)));

    let mut ctl = project.ctl(&["run", "misbehave", "secret", "--input", "\"api-key\""]);
    ctl.assert().success().stdout(format!("\"{VALUE}\"\n"));
    project.ctl(&["secret", "delete", "api-key"]).assert().success();
    project
        .ctl(&["run", "misbehave", "secret", "--input", "\"api-key\""])
        .assert()
        .success()
        .stdout("null\n");
    assert_eq!(
        project.json(&["secret", "list", "--scope", "other"])["secrets"],
        serde_json::json!(["api-key"])
    );
}

#[test]
fn grants_are_given_shown_and_taken_back() {
    let project = Project::installed(&["calculator"]);
    fs::create_dir(project.path("in")).unwrap();
    project.write("cjm.toml", b"[plugins.calculator.grants]\nenvironment = [\"TZ\"]\n");
    let given = ["grant", "calculator", "folder=in:/in", "network=https://example.org"];
    project.ctl(&given).assert().success().stderr(contains("granted network=https://example.org"));
    project.ctl(&given).assert().success().stderr(contains("granted already"));
    let shown = project.json(&["grants", "calculator"]);
    let granted = shown[0]["granted"].as_array().unwrap();
    assert_eq!(granted.len(), 3);
    assert!(granted.iter().any(|one| one["by"].as_str().unwrap().ends_with("cjm.toml")));
    assert!(granted.iter().any(|one| one["by"].as_str().unwrap().ends_with("calculator.json")));
    // From wherever the command was run: the folder is that one.
    let folder = format!("folder={}:/in", project.path("in").canonicalize().unwrap().display());
    assert!(granted.iter().any(|one| one["grant"].as_str().unwrap().starts_with(&folder)), "{granted:?}");
    project.ctl(&["grants"]).assert().success().stdout(contains("network=https://example.org"));

    project.ctl(&["revoke", "calculator", "folder=in:/in"]).assert().success();
    project.ctl(&["revoke", "calculator", "folder=in:/in"]).assert().code(2).stderr(contains("not granted"));
    project.ctl(&["revoke", "calculator", "environment=TZ"]).assert().code(2).stderr(contains("cjm.toml"));
    assert_eq!(project.json(&["grants"])[0]["granted"].as_array().unwrap().len(), 2);
    project.ctl(&["grant", "calculator", "network=nonsense"]).assert().code(2);
    project.ctl(&["grant", "calculater", "gpu"]).assert().code(2).stderr(contains("`calculator`"));
}

#[test]
fn what_was_dropped_in_is_granted_as_it_is_and_not_as_it_may_become() {
    let project = Project::new();
    project.write(".cjm/plugins/segment.wasm", &fs::read(guest("segment")).unwrap());
    project.ctl(&["grant", "segment", "environment=TZ"]).assert().success();
    assert_eq!(project.json(&["list"])["plugins"][0]["installed"], false);
    sentences(&project, &[]);
    project.variant(".cjm/plugins/segment.wasm", "segment", 1);
    let input = ["run", "segment", "sentences", "--input", r#"{"text": "One."}"#];
    project.ctl(&input).assert().code(2).stderr(contains("altered"));
}

#[test]
fn a_plugin_that_is_disabled_stays_so() {
    let project = Project::installed(&["segment"]);
    project.ctl(&["disable", "segment"]).assert().success().stderr(contains("disabled segment"));
    let input = ["run", "segment", "sentences", "--input", r#"{"text": "One."}"#];
    assert_eq!(project.error(2, &input)["category"], "disabled");
    assert_eq!(project.json(&["config", "get", "segment"])["enabled"], false);
    assert_eq!(project.json(&["list"])["plugins"][0]["enabled"], false);
    project.ctl(&["list"]).assert().success().stdout(contains("disabled"));
    assert_eq!(project.json(&["enable", "segment"])["enabled"], true);
    sentences(&project, &[]);
    project.ctl(&["disable", "segmant"]).assert().code(2).stderr(contains("`segment`"));
}

#[test]
fn instances_have_configurations_of_their_own() {
    let project = Project::with("[plugins.segment]\ninstances = [\"raw\", \"trimmed\"]\n");
    project.install(&["segment"]);
    project.ctl(&["config", "set", "raw", "trim=false"]).assert().success();
    assert_eq!(sentences(&project, &["--instance", "raw"])[0]["text"], "One. ");
    assert_eq!(sentences(&project, &["--instance", "trimmed"])[0]["text"], "One.");
    project.ctl(&["disable", "raw"]).assert().success();
    sentences(&project, &["--instance", "trimmed"]);
    let info = project.json(&["info", "segment"]);
    let ids: Vec<_> =
        info["instances"].as_array().unwrap().iter().map(|one| one["instance"].clone()).collect();
    assert_eq!(ids, ["raw", "trimmed"]);
    let run = |arguments: &[&str]| {
        project.ctl(&["run"]).args(arguments).args(["sentences", "--input", "{}"]).assert().code(2)
    };
    run(&["raw"]).stderr(contains("cjm-ctl run segment --instance raw"));
    for id in ["other", "../raw", ""] {
        run(&["segment", "--instance", id])
            .stderr(contains("has no instance").and(contains("instances = [")));
    }
}

#[test]
fn limits_of_the_project_hold_and_options_win() {
    let project = Project::with("[plugins.misbehave.limits]\nwall-time = \"200ms\"\n");
    project.install(&["misbehave"]);
    assert_eq!(project.error(1, &["run", "misbehave", "spin"])["category"], "timed-out");
    project.write("cjm.toml", b"[limits]\nwall-time = \"1h\"\n");
    assert_eq!(
        project.error(1, &["run", "misbehave", "spin", "--timeout", "200ms"])["category"],
        "timed-out"
    );
}

#[test]
fn a_prefetch_shows_how_far_it_is_and_ends_where_it_stalls() {
    let project = Project::installed(&["misbehave"]);
    let prefetch = |way: &str| {
        project.ctl(&["config", "set", "misbehave", &format!("prefetch={way}")]).assert().success();
        let mut ctl = project.ctl(&["prefetch", "misbehave", "--json"]);
        ctl.env("CJM_PREFETCH_STALL", "500ms").assert()
    };
    let said = lines(&prefetch("prefetch-progresses").success().get_output().stderr);
    assert!(said.iter().any(|line| line["progress"]["message"] == "fetching"), "{said:?}");
    let error = last_line(&prefetch("prefetch-repeats").code(1).get_output().stderr);
    assert_eq!(error["error"]["category"], "timed-out");
}

#[test]
fn prefetching_succeeds_where_there_is_nothing_to_fetch() {
    let project = Project::installed(&["calculator"]);
    assert_eq!(project.json(&["prefetch", "calculator"])["prefetched"], "calculator");
}
