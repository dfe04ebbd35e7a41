//! Jobs from the command line, where no worker runs: they are stored, looked at, run by whoever waits for them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::fs;

use common::{Project, last_line, lines};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::{Value, json};

const SUM: &str = r#"{"a": 1, "b": 2}"#;

/// Submits, and gives the job's id.
fn submitted(project: &Project, arguments: &[&str]) -> String {
    let assert = project.ctl(&["submit", "--quiet"]).args(arguments).assert().success();
    let id = String::from_utf8(assert.get_output().stdout.clone()).unwrap().trim().to_owned();
    assert_eq!(id.len(), 36, "{id}");
    id
}

/// The digits of an id that people type.
fn short(id: &str) -> &str {
    &id[28..]
}

#[test]
fn a_job_is_stored_then_run_by_who_waits_for_it() {
    let project = Project::installed(&["calculator"]);
    let submit = project.ctl(&["submit", "calculator", "add", "--input", SUM]).assert().success();
    let id = String::from_utf8(submit.get_output().stdout.clone()).unwrap().trim().to_owned();
    submit.stderr(contains("no worker runs").and(contains("cjm-ctl worker")));
    let jobs = project.json(&["jobs"]);
    assert_eq!((&jobs[0]["id"], &jobs[0]["status"]), (&json!(id), &json!("pending")));
    let error = project.error(2, &["result", &id]);
    assert!(error["hint"].as_str().unwrap().contains("cjm-ctl wait"), "{error}");

    project.ctl(&["wait", short(&id)]).assert().success().stdout("").stderr(contains("completed"));
    project.ctl(&["result", short(&id)]).assert().success().stdout("3.0\n");
    assert_eq!(project.json(&["result", &id])["value"], 3.0);
    assert_eq!(project.json(&["result", &id, "--input"])["value"], json!({"a": 1, "b": 2}));
    project.ctl(&["jobs"]).assert().success().stdout(contains(short(&id)).and(contains("completed")));
    // To wait once more takes no time.
    assert_eq!(project.json(&["wait", &id])["status"], "completed");

    let job = project.json(&["job", short(&id)]);
    assert_eq!((&job["action"], &job["attempt"]), (&json!("add"), &json!(1)));
    let causes: Vec<_> =
        job["timeline"].as_array().unwrap().iter().map(|event| event["cause"].clone()).collect();
    assert_eq!(causes, ["submitted", "started", "ended"]);
    project
        .ctl(&["job", &id])
        .assert()
        .success()
        .stdout(contains("attempt 1 began").and(contains("\"a\": 1")));
}

#[test]
fn the_result_is_waited_for_and_put_where_it_is_wanted() {
    let project = Project::installed(&["misbehave"]);
    let bytes = b"\x89PNG\r\n\x1a\n\0\xff";
    project.write("in.png", bytes);
    let arguments = ["submit", "misbehave", "echo", "-f", "in.png", "--wait", "-o", "out.png"];
    project.ctl(&arguments).assert().success().stdout("");
    assert_eq!(fs::read(project.path("out.png")).unwrap(), bytes);
    let id = project.json(&["jobs"])[0]["id"].as_str().unwrap().to_owned();
    project.ctl(&["result", &id]).assert().success().stdout(bytes.as_slice());

    // A folder that is not there shows before anything is submitted.
    project.ctl(&["submit", "misbehave", "echo", "--wait", "-o", "no/such/out"]).assert().code(2);
    assert_eq!(project.json(&["jobs"]).as_array().unwrap().len(), 1);
}

#[test]
fn who_waits_sees_what_the_plugin_says_and_ends_as_the_job_does() {
    let project = Project::installed(&["misbehave"]);
    let assert = project.ctl(&["submit", "misbehave", "report", "--wait", "--json"]).assert().success();
    let said = lines(&assert.get_output().stderr);
    let log = json!({"log": {"level": "warn", "target": "here", "message": "logged"}});
    assert!(said.contains(&log), "{said:?}");
    assert!(said.contains(&json!({"state": {"status": "running", "attempt": 1}})), "{said:?}");
    assert!(said.iter().any(|line| line["submitted"]["id"].is_string()), "{said:?}");

    for (action, code, category) in
        [("panic", 1, "trapped"), ("fatal", 1, "fatal"), ("invalid-input", 2, "invalid-input")]
    {
        let error = project.error(code, &["submit", "misbehave", action, "--wait"]);
        assert_eq!(error["category"], category);
        let id = project.json(&["jobs"])[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(project.error(code, &["wait", &id])["category"], category);
        assert_eq!(project.error(code, &["result", &id])["category"], category);
    }
    let retried = ["submit", "misbehave", "transient", "--wait", "--retries", "1", "--retry-first", "10ms"];
    project.ctl(&retried).assert().code(1).stderr(contains("attempt 1 failed: busy"));
    assert_eq!(project.json(&["jobs"])[0]["attempt"], 2);
}

#[test]
fn logs_are_the_jobs_own() {
    let project = Project::installed(&["misbehave"]);
    let [one, other] = ["report", "report"].map(|action| submitted(&project, &["misbehave", action]));
    project.ctl(&["wait", &one]).assert().success();
    project.ctl(&["wait", &other]).assert().success();
    for id in [&one, &other] {
        let assert = project.ctl(&["logs", id, "--json"]).assert().success();
        let messages: Vec<_> =
            lines(&assert.get_output().stdout).iter().map(|line| line["message"].clone()).collect();
        assert_eq!(messages, ["logged", "printed", "complained"]);
    }
    // Of a job that has ended there is nothing to follow.
    project.ctl(&["logs", &one, "--follow"]).assert().success().stdout(contains(" warn here logged"));
}

#[test]
fn jobs_are_changed_while_they_wait() {
    let project = Project::installed(&["calculator"]);
    let id = submitted(
        &project,
        &[
            "calculator",
            "add",
            "--input",
            SUM,
            "--not-before",
            "1h",
            "--label",
            "a=b",
            "--lane",
            "x",
            "-p",
            "-3",
        ],
    );
    let job = project.json(&["job", &id]);
    assert_eq!(
        (&job["priority"], &job["lane"], &job["labels"]),
        (&json!(-3), &json!("x"), &json!({"a": "b"}))
    );
    let not_twice = submitted(&project, &["calculator", "add", "--input", SUM, "--interrupted", "fail"]);
    assert_eq!(project.json(&["job", &not_twice])["interrupted"], "fail");
    project.ctl(&["cancel", &not_twice]).assert().success();
    assert_eq!(project.json(&["jobs", "--label", "a=b", "--lane", "x", "calculator"])[0]["id"], json!(id));
    assert_eq!(project.json(&["jobs", "--label", "a=c"]), json!([]));
    assert_eq!(project.json(&["jobs", "--state", "failed,cancelled", "--lane", "x"]), json!([]));

    project.ctl(&["reorder", short(&id), "7"]).assert().success();
    assert_eq!(project.json(&["job", &id])["priority"], 7);
    let error = project.error(1, &["wait", &id, "--timeout", "50ms"]);
    assert_eq!(error["category"], "timed-out");
    project.ctl(&["purge", &id, "--yes"]).assert().code(2).stderr(contains("cjm-ctl cancel"));

    assert_eq!(
        project.json(&["cancel", short(&id)]),
        json!([{"id": id, "cancelled": true, "status": "cancelled"}])
    );
    assert_eq!(project.json(&["cancel", &id])[0]["cancelled"], false);
    assert_eq!(project.error(130, &["wait", &id])["category"], "cancelled");
    assert_eq!(project.error(2, &["reorder", &id, "1"])["category"], "invalid-input");
    assert_eq!(project.json(&["retry", &id]), json!([{"id": id, "retried": true}]));
    project.ctl(&["retry", &id]).assert().code(2).stderr(contains("is pending"));
    project.ctl(&["cancel", &id]).assert().success();

    // Who can be asked is asked.
    project.ctl(&["purge", &id]).assert().code(2).stderr(contains("--yes"));
    assert_eq!(project.json(&["purge", "--state", "completed", "--yes"])["purged"], 0);
    assert_eq!(
        project.json(&["purge", "--label", "a=b", "--older-than", "0s", "--yes", "--vacuum"])["purged"],
        1
    );
    let error = project.error(2, &["job", &id]);
    assert!(error["message"].as_str().unwrap().contains("there is no job"), "{error}");
}

#[test]
fn one_key_is_one_job() {
    let project = Project::installed(&["calculator"]);
    let submit = |input: &str| {
        let mut ctl =
            project.ctl(&["submit", "calculator", "add", "--idempotency-key", "k", "--json", "--input"]);
        ctl.arg(input).assert()
    };
    let id =
        |assert: assert_cmd::assert::Assert| last_line(&assert.success().get_output().stdout)["id"].clone();
    assert_eq!(id(submit(SUM)), id(submit(SUM)));
    submit(r#"{"a": 2, "b": 2}"#).code(2).stderr(contains("idempotency key `k`"));
}

#[test]
fn events_have_numbers_from_which_they_go_on() {
    let project = Project::installed(&["calculator"]);
    let id = submitted(&project, &["calculator", "add", "--input", SUM]);
    project.ctl(&["wait", &id]).assert().success();
    let other = submitted(&project, &["calculator", "add", "--input", SUM]);
    let events = |arguments: &[&str]| -> Vec<Value> {
        let assert = project.ctl(&["events", "--json"]).args(arguments).assert().success();
        lines(&assert.get_output().stdout)
    };
    let all = events(&["--from", "1"]);
    let numbers: Vec<_> = all.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
    assert_eq!(events(&[]), all);
    assert_eq!(events(&["--from", "2"]), all[1..]);
    let of_job = events(&["--job", short(&id)]);
    assert!(of_job.len() >= 3 && of_job.iter().all(|event| event["job"] == json!(id)), "{of_job:?}");
    assert_eq!(events(&["--job", &other]).len(), 1);
    assert_eq!(events(&["--instance", "nobody"]), [] as [Value; 0]);
    project.ctl(&["events"]).assert().success().stdout(contains("completed").and(contains("calculator")));
}

#[test]
fn ids_are_abbreviated_where_that_says_which_is_meant() {
    let project = Project::installed(&["calculator"]);
    let ids = [0, 1].map(|_| submitted(&project, &["calculator", "add", "--input", SUM]));
    project.ctl(&["job", &ids[0][30..]]).assert().success().stdout(contains(&ids[0]));
    // They begin with the same hours.
    let error = project.error(2, &["job", &ids[0][..6]]);
    let message = error["message"].as_str().unwrap();
    assert!(ids.iter().all(|id| message.contains(id)), "{message}");
    for wrong in ["calculator", "abc", "ffffffffffff", "01900000-0000-7000-8000-000000000000"] {
        assert_eq!(project.error(2, &["job", wrong])["category"], "invalid-input", "{wrong}");
    }
}

#[test]
fn what_cannot_be_is_refused_and_not_stored() {
    let project = Project::installed(&["calculator"]);
    for (arguments, says) in [
        (&["calculator", "add", "--input", r#"{"a": "x"}"#][..], "does not fit its schema"),
        (&["calculator", "ad"], "did you mean `add`"),
        (&["nobody", "add"], "cjm-ctl list"),
        (&["calculator", "add", "--input", SUM, "--label", "x"], "NAME=VALUE"),
        (&["calculator", "add", "--input", SUM, "--not-before", "soon"], "2030-01-31"),
        (&["calculator", "add", "--input", SUM, "--not-before", "2h", "--deadline", "1h"], "deadline"),
        (&["calculator", "add", "--input", "{"], "not JSON"),
    ] {
        project.ctl(&["submit"]).args(arguments).assert().code(2).stderr(contains(says));
    }
    assert_eq!(project.json(&["jobs"]), json!([]));
    Project::new().ctl(&["jobs"]).assert().code(2).stderr(contains("there is no project"));
}
