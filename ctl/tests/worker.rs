//! `cjm-ctl worker`: it runs jobs, others reach it, and it ends in good order.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up fails")]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use cjm_host::{
    Attempt, EventFilter, Interrupted, JobEvent, JobFilter, JobId, JobState, NewJob, Notice, Queue, Runs,
    Since,
};
use cjm_server::Client;
use common::{Project, binary, cache_dir, lines};
use serde_json::{Value, json};

/// A worker of a project.
struct Worker {
    child: Child,
    stderr: BufReader<ChildStderr>,
    stdout: JoinHandle<Vec<u8>>,
}

impl Worker {
    fn start(project: &Project, arguments: &[&str]) -> Self {
        Self::started(project, arguments, Command::new(binary()))
    }

    fn started(project: &Project, arguments: &[&str], mut command: Command) -> Self {
        let mut child = command
            .args(["worker", "--json"])
            .args(arguments)
            .current_dir(project.dir.path())
            .env("CJM_CACHE_DIR", cache_dir())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut stdout = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || {
            let mut printed = Vec::new();
            stdout.read_to_end(&mut printed).unwrap();
            printed
        });
        let mut worker = Worker { child, stderr, stdout };
        let ready = worker.wait_for("ready");
        assert_eq!(ready["pid"], worker.child.id());
        worker
    }

    /// Reads up to the line on standard error that has this key.
    fn wait_for(&mut self, key: &str) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "no `{key}` was said");
            let said: Value = serde_json::from_str(&line).unwrap();
            if let Some(value) = said.get(key) {
                return value.clone();
            }
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// How it ended, and the events that it printed.
    fn ended(mut self) -> (Option<i32>, Vec<Value>) {
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap().code();
        (status, lines(&self.stdout.join().unwrap()))
    }
}

async fn connect(project: &Project) -> Client {
    Client::connect(&project.path(".cjm")).await.unwrap().unwrap()
}

/// A job that ends only when it is told to.
async fn running(client: &Client) -> JobId {
    let job = NewJob::new("misbehave", "wait-for-cancellation", json!({})).interrupted(Interrupted::Retry);
    let id = client.submit(job).await.unwrap();
    runs(client, id, 1).await;
    id
}

async fn runs(client: &Client, id: JobId, attempt: u32) {
    let mut events = client.subscribe(EventFilter::default().job(id), Since::Sequence(1)).await.unwrap();
    while let Some(notice) = events.next().await {
        let Notice::Event(event) = notice.unwrap() else { continue };
        if matches!(event.kind, JobEvent::State { state: JobState::Running, .. }) && event.attempt == attempt
        {
            return;
        }
    }
    unreachable!("the worker ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_what_others_submit_and_lets_what_runs_end_when_it_is_told_to_stop() {
    let project = Project::installed(&["calculator", "misbehave"]);
    let mut worker = Worker::start(&project, &["--drain", "1h"]);
    let client = connect(&project).await;
    assert_eq!(client.status().await.unwrap().holder.pid, worker.child.id());
    let sum = client.submit(NewJob::new("calculator", "add", json!({ "a": 1, "b": 2 }))).await.unwrap();
    assert_eq!(client.wait(sum, None).await.unwrap().state, JobState::Completed);
    assert_eq!(client.result(sum).await.unwrap().to::<f64>().unwrap(), 3.0);
    let refused = client.submit(NewJob::new("calculator", "add", json!({ "a": "x" }))).await.unwrap_err();
    assert!(!refused.violations().is_empty(), "{refused}");

    let second = project.error(1, &["worker"]);
    let pid = format!("process {},", worker.child.id());
    assert!(second["message"].as_str().unwrap().contains(&pid), "{second}");

    let id = running(&client).await;
    worker.signal("-TERM");
    assert!(worker.wait_for("note").as_str().unwrap().contains("one job has 1h to end"));
    let closed = client.submit(NewJob::new("calculator", "add", json!({ "a": 1, "b": 2 }))).await;
    assert!(closed.unwrap_err().is_retriable());
    assert!(client.cancel(id).await.unwrap());
    let (status, events) = worker.ended();
    assert_eq!(status, Some(0));
    let numbers: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (numbers[0]..=numbers[numbers.len() - 1]).collect::<Vec<_>>());
    let last = events.iter().rfind(|event| event["job"] == id.to_string()).unwrap();
    assert_eq!((last["event"].as_str(), last["state"].as_str()), (Some("state"), Some("cancelled")));
    assert!(Client::connect(&project.path(".cjm")).await.unwrap().is_none());
    assert!(!project.path(".cjm/worker.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_goes_on_with_the_next_worker() {
    let project = Project::installed(&["misbehave"]);
    // Its time is over at once; or somebody will not wait for it.
    for (drain, signals) in [("0s", 1), ("1h", 2)] {
        let mut worker = Worker::start(&project, &["--drain", drain]);
        let client = connect(&project).await;
        let id = running(&client).await;
        for _ in 0..signals {
            worker.signal("-TERM");
            worker.wait_for("note");
        }
        let (status, events) = worker.ended();
        assert_eq!(status, Some(0));
        let interrupted = |event: &Value| event["cause"] == "interrupted" && event["job"] == id.to_string();
        assert!(events.iter().any(interrupted), "{events:?}");

        let worker = Worker::start(&project, &[]);
        let client = connect(&project).await;
        runs(&client, id, 2).await;
        client.cancel_now(id).await.unwrap();
        client.wait(id, None).await.unwrap();
        worker.signal("-INT");
        assert_eq!(worker.ended().0, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_killed_leaves_nothing_in_the_way() {
    let project = Project::installed(&["misbehave"]);
    let worker = Worker::start(&project, &[]);
    let id = running(&connect(&project).await).await;
    worker.signal("-KILL");
    assert_eq!(worker.ended().0, None);
    assert!(project.path(".cjm/worker.sock").exists());
    assert!(Client::connect(&project.path(".cjm")).await.unwrap().is_none());

    let worker = Worker::start(&project, &["--concurrency", "1", "--lane", "gpu=2"]);
    let client = connect(&project).await;
    runs(&client, id, 2).await;
    // One at a time was asked for.
    let next = client.submit(NewJob::new("misbehave", "echo", json!(1))).await.unwrap();
    let pending = JobFilter::default().states([JobState::Pending]);
    assert_eq!(client.list(&pending, 10).await.unwrap()[0].id, next);
    client.cancel_now(id).await.unwrap();
    assert_eq!(client.wait(next, None).await.unwrap().state, JobState::Completed);
    worker.signal("-TERM");
    assert_eq!(worker.ended().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_in_whose_time_nothing_happens_ends_as_well() {
    let project = Project::installed(&["calculator"]);
    let worker = Worker::start(&project, &[]);
    let client = connect(&project).await;
    let id = client.submit(NewJob::new("calculator", "add", json!({ "a": 1, "b": 2 }))).await.unwrap();
    client.wait(id, None).await.unwrap();
    worker.signal("-TERM");
    assert_eq!(worker.ended().0, Some(0));

    let worker = Worker::start(&project, &[]);
    worker.signal("-TERM");
    assert_eq!(worker.ended(), (Some(0), Vec::new()));
}

/// Runs nothing.
struct Nobody;

impl Runs for Nobody {
    async fn run(&self, _attempt: Attempt, input: cjm_host::Value) -> cjm_host::Result<cjm_host::Value> {
        Ok(input)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_has_the_queue_for_a_moment_does_not_keep_it_from_starting() {
    let project = Project::installed(&["calculator"]);
    let held = Queue::builder(project.path(".cjm")).paused().open(Nobody).await.unwrap();
    let letting_go = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        held.close(Duration::ZERO).await;
    });
    let worker = Worker::start(&project, &[]);
    letting_go.await.unwrap();
    worker.signal("-TERM");
    assert_eq!(worker.ended().0, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_supervisor_that_asks_for_it_is_told_when_it_is_ready_and_when_it_stops() {
    let project = Project::installed(&["calculator"]);
    let socket = std::os::unix::net::UnixDatagram::bind(project.path("notify")).unwrap();
    let mut command = Command::new(binary());
    command.env("NOTIFY_SOCKET", project.path("notify"));
    let worker = Worker::started(&project, &[], command);
    let told = || {
        let mut state = [0; 64];
        let length = socket.recv(&mut state).unwrap();
        String::from_utf8(state[..length].to_vec()).unwrap()
    };
    assert_eq!(told(), "READY=1");
    worker.signal("-TERM");
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(worker.ended().0, Some(0));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_opened() {
    let project = Project::new();
    for arguments in [["--lane", "gpu"], ["--concurrency", "0"], ["--drain", "soon"]] {
        project.ctl(&["worker"]).args(arguments).assert().code(2);
    }
    let error = project.error(2, &["worker"]);
    assert!(error["message"].as_str().unwrap().contains("there is no project"), "{error}");
}
