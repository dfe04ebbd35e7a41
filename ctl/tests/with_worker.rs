//! Jobs from the command line, where somebody runs them already.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use cjm_host::{Attempt, Queue, Runs, Value as Input};
use common::{Project, binary, cache_dir, lines};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::{Value, json};

/// A command that goes on, read line by line.
struct Going {
    child: Child,
    output: BufReader<Box<dyn Read>>,
    /// Open until its end: it is not to write into a pipe that nobody reads.
    _told: Option<BufReader<ChildStderr>>,
}

impl Going {
    /// Its standard output is read.
    fn printing(project: &Project, arguments: &[&str]) -> Self {
        let mut child = Self::command(project, arguments).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(Box::new(child.stdout.take().unwrap()) as Box<dyn Read>);
        Going { child, output, _told: None }
    }

    /// The same, from when it says that it follows.
    fn following(project: &Project, arguments: &[&str]) -> Self {
        let mut child = Self::command(project, arguments).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut note = String::new();
        told.read_line(&mut note).unwrap();
        assert!(note.contains("following"), "{note}");
        let output = BufReader::new(Box::new(child.stdout.take().unwrap()) as Box<dyn Read>);
        Going { child, output, _told: Some(told) }
    }

    /// Its standard error is read.
    fn telling(project: &Project, arguments: &[&str]) -> Self {
        let mut child = Self::command(project, arguments).stdout(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(Box::new(child.stderr.take().unwrap()) as Box<dyn Read>);
        Going { child, output, _told: None }
    }

    fn command(project: &Project, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("--json").args(arguments).current_dir(project.dir.path());
        command.env("CJM_CACHE_DIR", cache_dir()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn worker(project: &Project) -> Self {
        let mut worker = Self::telling(project, &["worker"]);
        worker.read_to(|line| line["ready"].is_object());
        worker
    }

    /// Reads up to the line of which this holds.
    fn read_to(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended before");
            let said: Value = serde_json::from_str(&line).unwrap();
            if is_it(&said) {
                return said;
            }
        }
    }

    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    fn ended(mut self) -> Option<i32> {
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).unwrap();
        self.child.wait().unwrap().code()
    }
}

fn submitted(project: &Project, arguments: &[&str]) -> String {
    let assert = project.ctl(&["submit"]).args(arguments).assert().success().stderr("");
    String::from_utf8(assert.get_output().stdout.clone()).unwrap().trim().to_owned()
}

#[test]
fn commands_ask_the_worker() {
    let project = Project::installed(&["calculator", "misbehave"]);
    let worker = Going::worker(&project);
    let mut events = Going::printing(&project, &["events", "--follow", "--from", "1"]);
    let watch = ["jobs", "--watch", "--label", "a=b", "--state", "completed"];
    let mut watched = Going::following(&project, &watch);

    let sum = submitted(&project, &["calculator", "add", "--input", r#"{"a": 1, "b": 2}"#]);
    assert_eq!(project.json(&["wait", &sum[28..]])["status"], "completed");
    project.ctl(&["result", &sum]).assert().success().stdout("3.0\n");
    project
        .ctl(&["submit", "calculator", "add", "--input", r#"{"a": 2, "b": 2}"#, "--wait"])
        .assert()
        .success()
        .stdout("4.0\n")
        .stderr(contains("no worker").not());

    let stuck = submitted(&project, &["misbehave", "wait-for-cancellation"]);
    let mut logs = Going::printing(&project, &["events", "--follow", "--job", &stuck, "--from", "1"]);
    logs.read_to(|event| event["state"] == "running");
    let queued = submitted(&project, &["misbehave", "report", "--label", "a=b"]);
    assert_eq!(project.json(&["reorder", &queued, "3"])["priority"], 3);
    assert_eq!(project.json(&["purge", "--state", "completed", "--yes", "--vacuum"])["purged"], 2);
    assert_eq!(project.json(&["cancel", &stuck])[0]["cancelled"], true);
    assert_eq!(project.error(130, &["wait", &stuck])["category"], "cancelled");
    let followed = project.ctl(&["logs", &queued, "--follow", "--json"]).assert().success();
    let said: Vec<_> =
        lines(&followed.get_output().stdout).iter().map(|line| line["message"].clone()).collect();
    assert_eq!(said, ["logged", "printed", "complained"]);

    // What is followed is what happened, and of the jobs that were asked for.
    events.read_to(|event| event["job"] == json!(queued) && event["state"] == "completed");
    assert_eq!(watched.read_to(|_| true)["job"], json!(queued));
    for following in [events, watched, logs] {
        following.interrupt();
        assert_eq!(following.ended(), Some(0));
    }
    let profiles = project.json(&["profiles"]);
    assert!(profiles.as_array().unwrap().iter().any(|one| one["instance"] == "calculator"), "{profiles}");
    project.ctl(&["profiles", "calculator"]).assert().success().stdout(contains("100% completed"));
    let report = project.json(&["doctor"]);
    let socket =
        report["checks"].as_array().unwrap().iter().find(|check| check["check"] == "socket").unwrap();
    assert_eq!(socket["level"], "ok", "{report}");
    worker.interrupt();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn who_stops_waiting_leaves_the_job_alone() {
    let project = Project::installed(&["misbehave"]);
    let worker = Going::worker(&project);
    let mut waiting = Going::telling(&project, &["submit", "misbehave", "wait-for-cancellation", "--wait"]);
    let id = waiting.read_to(|line| line["submitted"].is_object())["submitted"]["id"].clone();
    waiting.read_to(|line| line["state"]["status"] == "running");
    waiting.interrupt();
    let error = waiting.read_to(|line| line["error"].is_object());
    assert!(error["error"]["hint"].as_str().unwrap().contains("cjm-ctl cancel"), "{error}");
    assert_eq!(waiting.ended(), Some(130));
    let id = id.as_str().unwrap();
    assert_eq!(project.json(&["job", id])["status"], "running");
    project.ctl(&["cancel", "--now", id]).assert().success();
    worker.interrupt();
    assert_eq!(worker.ended(), Some(0));

    // Where it ran within the command, it goes on when somebody runs jobs again.
    let submit = ["submit", "misbehave", "wait-for-cancellation", "--wait", "--interrupted", "retry"];
    let mut waiting = Going::telling(&project, &submit);
    let id = waiting.read_to(|line| line["submitted"].is_object())["submitted"]["id"].clone();
    waiting.read_to(|line| line["state"]["status"] == "running");
    waiting.interrupt();
    assert_eq!(waiting.ended(), Some(130));
    assert_eq!(project.json(&["job", id.as_str().unwrap()])["status"], "pending");
}

#[test]
fn who_runs_the_queue_while_waiting_lends_it() {
    let project = Project::installed(&["misbehave"]);
    let mut waiting = Going::telling(&project, &["submit", "misbehave", "wait-for-cancellation", "--wait"]);
    let id = waiting.read_to(|line| line["submitted"].is_object())["submitted"]["id"].clone();
    waiting.read_to(|line| line["state"]["status"] == "running");
    assert_eq!(project.json(&["jobs", "--state", "running"])[0]["id"], id);
    assert_eq!(project.json(&["cancel", "--now", id.as_str().unwrap()])[0]["cancelled"], true);
    waiting.read_to(|line| line["error"]["category"] == "cancelled");
    assert_eq!(waiting.ended(), Some(130));
}

#[test]
fn what_is_followed_goes_on_from_one_worker_to_the_next() {
    let project = Project::installed(&["misbehave"]);
    let mut events = Going::printing(&project, &["events", "--follow", "--from", "1"]);
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let worker = Going::worker(&project);
        let id = submitted(&project, &["misbehave", "report"]);
        loop {
            let event = events.read_to(|_| true);
            numbers.push(event["sequence"].as_u64().unwrap());
            if event["job"] == json!(id) && event["state"] == "completed" {
                break;
            }
        }
        worker.interrupt();
        assert_eq!(worker.ended(), Some(0));
    }
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    events.interrupt();
    assert_eq!(events.ended(), Some(0));
}

/// Runs nothing.
struct Nothing;

impl Runs for Nothing {
    async fn run(&self, _attempt: Attempt, input: Input) -> cjm_host::Result<Input> {
        Ok(input)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_lent_is_told_with_who_has_it() {
    let project = Project::installed(&["calculator"]);
    let queue = Queue::builder(project.path(".cjm")).paused().open(Nothing).await.unwrap();
    let error = project.error(1, &["jobs"]);
    assert_eq!(error["category"], "transient");
    let pid = format!("process {},", std::process::id());
    assert!(error["message"].as_str().unwrap().contains(&pid), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("cjm-server"), "{error}");
    let report = project.json(&["doctor"]);
    let socket =
        report["checks"].as_array().unwrap().iter().find(|check| check["check"] == "socket").unwrap();
    assert_eq!(socket["level"], "warning", "{report}");
    queue.close(std::time::Duration::ZERO).await;
    project.ctl(&["jobs"]).assert().success();
}
