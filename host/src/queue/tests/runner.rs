//! A runner that does as it is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::catalog::Digest;
use crate::error::{Error, Result};
use crate::event::{CancelPhase, EventKind, LogLevel, LogRecord, Measured, Progress};
use crate::queue::{Attempt, JobId, NewJob, Runs, Stop};
use crate::value::Value;

/// What an action does is in its name.
#[derive(Clone)]
pub(super) struct Script {
    /// What `gate` waits for.
    pub(super) gate: Arc<Semaphore>,
    /// What was begun, in its order.
    pub(super) begun: Arc<Mutex<Vec<(JobId, u32)>>>,
    /// Room of instances, or why there is none; others have room for all.
    pub(super) rooms: Arc<Mutex<HashMap<String, Result<usize>>>>,
}

impl Default for Script {
    fn default() -> Self {
        Self { gate: Arc::new(Semaphore::new(0)), begun: Arc::default(), rooms: Arc::default() }
    }
}

impl Script {
    pub(super) fn room(&self, instance: &str, room: Result<usize>) {
        self.rooms.lock().unwrap().insert(instance.to_owned(), room);
    }

    pub(super) fn begun(&self) -> Vec<JobId> {
        self.begun.lock().unwrap().iter().map(|(id, _)| *id).collect()
    }
}

pub(super) fn log(message: &str) -> EventKind {
    EventKind::Log(LogRecord { level: LogLevel::Info, target: "test".into(), message: message.into() })
}

/// The configuration of all that is measured.
pub(super) fn configuration() -> Digest {
    Digest::of(b"a configuration")
}

/// So many bytes, and as many milliseconds.
fn measured(n: u64) -> Option<Measured> {
    Some(Measured {
        memory_bytes: Some(n),
        peak_memory_bytes: Some(2 * n),
        cpu_time: Some(Duration::from_millis(n)),
        ..Measured::default()
    })
}

impl Runs for Script {
    async fn check(&self, job: &mut NewJob) -> Result<()> {
        self.check_step(job).await
    }

    async fn check_step(&self, job: &mut NewJob) -> Result<()> {
        match job.action() {
            "unknown" => Err(Error::invalid("there is no action `unknown`")),
            _ => Ok(()),
        }
    }

    fn room(&self, instance: &str) -> Result<usize> {
        self.rooms.lock().unwrap().get(instance).cloned().unwrap_or(Ok(usize::MAX))
    }

    async fn run(&self, attempt: Attempt, input: Value) -> Result<Value> {
        self.begun.lock().unwrap().push((attempt.id(), attempt.number()));
        let stopped = |forced| Error::Cancelled { what: "it".into(), forced };
        match attempt.action() {
            "echo" => Ok(input),
            "gate" => tokio::select! {
                permit = self.gate.acquire() => { permit.unwrap().forget(); Ok(input) }
                _ = attempt.stopped() => Err(stopped(false)),
            },
            "stubborn" => {
                attempt.stopped_more(Stop::Cancelled).await;
                attempt.report(EventKind::Cancel { phase: CancelPhase::Forced });
                Err(stopped(true))
            }
            "busy" if attempt.number() <= input.to::<u32>()? => {
                Err(Error::Transient { message: "busy".into(), retry_after: None })
            }
            "busy" => Ok(input),
            "tell" => {
                for step in 1..=1000 {
                    let fraction = Some(f64::from(step) / 1000.0);
                    attempt.report(EventKind::Progress(Progress { fraction, message: String::new() }));
                    attempt.report(EventKind::Usage { unit: "steps".into(), amount: 1.0 });
                }
                attempt.report(log("one"));
                attempt.report(log("two"));
                Ok(input)
            }
            "use" => {
                let n: u64 = input.to()?;
                attempt.measure(configuration(), move || measured(n));
                attempt.report(EventKind::Usage { unit: "steps".into(), amount: n as f64 });
                if n.is_multiple_of(2) { Ok(input) } else { Err(Error::fatal("it is odd")) }
            }
            "grow" => {
                let seen = AtomicU64::new(0);
                attempt.measure(configuration(), move || measured(seen.fetch_add(1, Ordering::Relaxed)));
                attempt.report(EventKind::Usage { unit: "steps".into(), amount: 1.0 });
                tokio::select! {
                    permit = self.gate.acquire() => { permit.unwrap().forget(); Ok(input) }
                    _ = attempt.stopped() => Err(stopped(false)),
                }
            }
            "never" => {
                attempt.measure(configuration(), || None);
                Err(Error::NotLoaded { plugin: "i".into(), reason: "it never was".into() })
            }
            "panic" => panic!("as it was told"),
            _ => Err(Error::fatal("it fails")),
        }
    }
}
