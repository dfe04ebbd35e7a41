//! The client and the server, with a queue whose jobs do what their input says.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod errors;
mod events;
mod jobs;
mod limits;
mod sequences;

use std::path::Path;

use cjm_host::{
    Attempt, Error, EventKind, LogLevel, LogRecord, NewJob, Progress, Queue, Result, Runs, Value,
};
use serde_json::json;
use tempfile::TempDir;

use crate::{Client, Server, Serving};

/// Does what its action says.
pub(crate) struct Runner;

impl Runs for Runner {
    async fn run(&self, attempt: Attempt, input: Value) -> Result<Value> {
        match attempt.action() {
            "wait" => {
                attempt.stopped().await;
                Err(Error::Cancelled { what: "the wait".to_owned(), forced: false })
            }
            "talk" => {
                let message = "a\nb\r\nü".to_owned();
                let record = LogRecord { level: LogLevel::Info, target: "stdout".to_owned(), message };
                attempt.report(EventKind::Log(record));
                attempt.report(EventKind::Progress(Progress { fraction: Some(0.5), message: String::new() }));
                Ok(input)
            }
            "fail" => Err(input.to::<Error>().unwrap()),
            _ => Ok(input),
        }
    }
}

/// A queue that is asked in one of the ways in which it can be.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) queue: Queue,
    pub(crate) client: Client,
    pub(crate) serving: Option<Serving>,
}

impl World {
    pub(crate) async fn within() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::builder(dir.path()).open(Runner).await.unwrap();
        let client = Client::within(&queue);
        Self { dir, queue, client, serving: None }
    }

    pub(crate) async fn served() -> Self {
        Self::with(|server| server).await
    }

    pub(crate) async fn with(change: impl FnOnce(Server) -> Server) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::builder(dir.path()).open(Runner).await.unwrap();
        let serving = change(Server::new(queue.clone())).listen().unwrap();
        let client = connect(dir.path()).await;
        Self { dir, queue, client, serving: Some(serving) }
    }

    /// Both ways, one after the other.
    pub(crate) async fn each(test: impl AsyncFn(World)) {
        test(Self::within().await).await;
        test(Self::served().await).await;
    }
}

pub(crate) async fn connect(dir: &Path) -> Client {
    Client::connect(dir).await.unwrap().unwrap()
}

pub(crate) fn job(action: &str) -> NewJob {
    NewJob::new("i", action, json!({}))
}
