//! Sequences from the command line, where no worker runs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use common::{Project, last_line};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::json;

/// 1 + 2, then three times that.
const SUMS: &str = r#"
labels = { customer = "acme" }

[[steps]]
name = "sum"
instance = "calculator"
action = "add"
input = { a = 1, b = 2 }

[[steps]]
instance = "calculator"
action = "multiply"
input = { a = { "$result" = "" }, b = { "$result" = { step = "sum", at = "" } } }
"#;

#[test]
fn the_result_of_a_step_is_in_the_input_of_the_next() {
    let project = Project::installed(&["calculator"]);
    project.write("sums.toml", SUMS.as_bytes());
    let submit = project.ctl(&["sequence", "submit", "sums.toml"]).assert().success();
    let id = String::from_utf8(submit.get_output().stdout.clone()).unwrap().trim().to_owned();
    submit.stderr(contains("cjm-ctl worker"));
    let short = &id[28..];
    let shown = project.json(&["sequence", "show", short]);
    assert_eq!((&shown["status"], &shown["steps"]), (&json!("running"), &json!(2)));
    assert_eq!(project.json(&["sequence", "list", "--label", "customer=acme"])[0]["id"], json!(id));

    assert_eq!(project.json(&["sequence", "wait", short])["status"], "completed");
    let shown = project.json(&["sequence", "show", &id]);
    let last = shown["jobs"][1]["id"].as_str().unwrap();
    project.ctl(&["result", last]).assert().success().stdout("9.0\n");
    project
        .ctl(&["sequence", "show", &id])
        .assert()
        .success()
        .stdout(contains("1 sum").and(contains("multiply")));
    project.ctl(&["sequence", "list"]).assert().success().stdout(contains("2 of 2"));
    assert_eq!(project.json(&["sequence", "cancel", short])[0]["cancelled"], false);
    project.ctl(&["sequence", "retry", short]).assert().code(2).stderr(contains("is completed"));
}

#[test]
fn a_step_that_fails_ends_it_and_its_error_is_the_end_of_the_command() {
    let project = Project::installed(&["misbehave"]);
    let steps = |first: &str| {
        json!({"steps": [
            {"instance": "misbehave", "action": first, "input": {}},
            {"instance": "misbehave", "action": "echo", "input": {"after": first}},
        ]})
    };
    project.write("fails.json", steps("fatal").to_string().as_bytes());
    let error = project.error(1, &["sequence", "submit", "fails.json", "--wait"]);
    assert_eq!(error["category"], "fatal");
    let listed = project.json(&["sequence", "list", "--state", "failed"]);
    assert_eq!((&listed[0]["failed"], &listed[0]["cancelled"]), (&json!(1), &json!(1)));
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(project.json(&["sequence", "retry", id])[0]["retried"], true);
    assert_eq!(project.json(&["sequence", "cancel", id])[0]["status"], "cancelled");
    assert_eq!(project.error(130, &["sequence", "wait", id])["category"], "cancelled");

    project.write("works.json", steps("report").to_string().as_bytes());
    let mut from_stdin = project.ctl(&["sequence", "submit", "-", "--wait", "--json"]);
    let assert = from_stdin.write_stdin(steps("report").to_string()).assert().success();
    assert_eq!(last_line(&assert.get_output().stdout)["completed"], 2);
}

#[test]
fn what_cannot_be_is_refused_as_a_whole() {
    let project = Project::installed(&["calculator"]);
    for (name, text, says) in [
        ("a.toml", "[[step]]", "sequence submit --help"),
        ("b.json", "{", "is no sequence in JSON"),
        ("c.json", r#"{"steps": []}"#, "steps"),
        (
            "d.json",
            r#"{"steps": [{"instance": "calculator", "action": "add", "input": {"a": 1, "b": 2}},
                          {"instance": "calculator", "action": "ad", "input": {"a": 1, "b": 2}}]}"#,
            "did you mean `add`",
        ),
    ] {
        project.write(name, text.as_bytes());
        project.ctl(&["sequence", "submit", name]).assert().code(2).stderr(contains(says));
    }
    project.ctl(&["sequence", "submit", "no/such.json"]).assert().code(2);
    project.ctl(&["sequence", "show", "ffffffff"]).assert().code(2).stderr(contains("there is no sequence"));
    assert_eq!(project.json(&["sequence", "list"]), json!([]));
    assert_eq!(project.json(&["jobs"]), json!([]));
}
