//! What happens to jobs and sequences, as it is stored and told.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize};

use super::demand::Demand;
use super::id::{JobId, SequenceId};
use super::time::{self, rfc3339};
use crate::error::{Error, ResourceKind, Result};
use crate::event::{EventKind, as_str};
use crate::store::{JobState, SequenceState, StoredEvent};

/// Something that happened. It is stored when it is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct QueueEvent {
    /// Its number: from 1, without gaps, in the order in which things happened.
    pub sequence: u64,
    /// When. It never goes back, even where the machine's clock does.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// The job that it happened to; none where it is not of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// The instance, the job's where it is of one; empty where it is of none.
    #[serde(
        default,
        serialize_with = "as_str",
        deserialize_with = "shared",
        skip_serializing_if = "str::is_empty"
    )]
    pub instance: Arc<str>,
    /// The attempt that it belongs to; 0 before the first.
    pub attempt: u32,
    /// The sequence that it happened to, or of which the job is a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_id: Option<SequenceId>,
    /// What happened.
    #[serde(flatten)]
    pub kind: JobEvent,
}

/// The kinds of events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "event")]
#[non_exhaustive]
pub enum JobEvent {
    /// The job is in a state, in which it was not before.
    State {
        /// The state.
        state: JobState,
        /// How it came there.
        cause: Cause,
        /// What the last attempt failed with, where one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
        /// When it is tried again, where it waits for that.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
        due_at: Option<SystemTime>,
    },
    /// The job goes before or after others now.
    Reordered {
        /// Its new priority.
        priority: i32,
    },
    /// The job would run next, if it were not for this. Told when it has waited a quarter of a second for it.
    Blocked {
        /// What it waits for.
        reason: Block,
    },
    /// A sequence came to this job: the step before it has ended.
    Advanced {
        /// The job's place in the sequence, from 0.
        step: u32,
        /// How many steps there are.
        steps: u32,
    },
    /// A sequence was submitted, or is run again from where it failed. Not of a job.
    SequenceStarted {
        /// How many steps there are.
        steps: u32,
        /// Which of the two: [`Cause::Submitted`] or [`Cause::Requested`].
        cause: Cause,
    },
    /// All steps of a sequence have ended. Not of a job.
    SequenceEnded {
        /// How.
        state: SequenceState,
    },
    /// An instance on which nothing ran gave back what it took up, so that the job gets it.
    Evicted {
        /// The instance that gave it back; its next job gets it again.
        from: String,
        /// What it gave back.
        freed: Demand,
    },
    /// The job's instance is made anew before the next attempt, since the last one ran out of memory.
    Reloaded,
    /// What an attempt tells: progress, usage, logs, phases of a cancellation. Without a job, what happened to an instance:
    /// it was loaded, unloaded or replaced, was refused something, or drifted.
    #[serde(untagged)]
    Told(EventKind),
}

/// How a job came into its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// It was submitted.
    Submitted,
    /// It is its turn.
    Started,
    /// Its attempt ended by itself.
    Ended,
    /// Its attempt failed, and is made again.
    Retry,
    /// The process ended while it ran.
    Interrupted,
    /// Somebody asked for it.
    Requested,
    /// Its deadline passed while it waited.
    Deadline,
    /// What it needs of the machine is not there, or not within the time that it may wait for that.
    Refused,
    /// Another step of its sequence did not complete.
    Sequence,
    /// What is stored of it cannot be read.
    Damaged,
}

/// What a job that could run waits for: a rung of the ladder of admission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "rung")]
#[non_exhaustive]
pub enum Block {
    /// The instance takes no jobs.
    Instance {
        /// Why: it is disabled or not loaded.
        message: String,
    },
    /// As many jobs of its lane run as may.
    LaneConcurrency {
        /// How many may run at once.
        limit: usize,
    },
    /// As many jobs of its instance run as may.
    InstanceConcurrency {
        /// How many may run at once.
        limit: usize,
    },
    /// As many jobs run as may.
    Concurrency {
        /// How many may run at once.
        limit: usize,
    },
    /// The step before it in its sequence has not ended. Not told as an event: [`JobEvent::Advanced`] says when it has.
    Step,
    /// What it takes up is not free.
    Resources {
        /// Memory, or memory of a GPU.
        kind: ResourceKind,
        /// How much it needs beyond what its instance holds already, in bytes.
        needed: u64,
        /// How much was free when it was last looked, in bytes.
        available: u64,
    },
    /// An older job waits for the same lane, instance or kind of resource, and would never get it if others always went
    /// first.
    Older,
}

fn shared<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(from).map(Arc::from)
}

impl QueueEvent {
    /// # Errors
    ///
    /// `fatal`, where the row was damaged.
    pub(super) fn of(stored: StoredEvent) -> Result<Self> {
        let kind = serde_json::from_str(&stored.what).map_err(|error| {
            Error::fatal(format!(
                "the stored event of number {} cannot be read: {error}; read on from the next one",
                stored.sequence
            ))
        })?;
        Ok(Self {
            sequence: u64::try_from(stored.sequence).unwrap_or(0),
            at: time::from_millis(stored.at),
            job: stored.job.map(JobId::of),
            instance: stored.instance,
            attempt: stored.attempt,
            sequence_id: stored.sequence_id.map(SequenceId::of),
            kind,
        })
    }
}

impl JobEvent {
    pub(super) fn state(state: JobState, cause: Cause) -> Self {
        JobEvent::State { state, cause, error: None, due_at: None }
    }

    /// As it is stored.
    pub(super) fn json(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::fatal(format!("an event cannot be written: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{CancelPhase, LogLevel, LogRecord, Measured, Progress};

    #[test]
    fn an_event_is_the_same_when_it_is_read_again() {
        let retry = JobEvent::State {
            state: JobState::Pending,
            cause: Cause::Retry,
            error: Some(Error::fatal("broken")),
            due_at: Some(time::from_millis(1_700_000_000_123)),
        };
        let measured = Measured {
            memory_bytes: Some(65_536),
            cpu_time: Some(Duration::from_nanos(1_234_567_891)),
            ..Measured::default()
        };
        let record = LogRecord { level: LogLevel::Warn, target: "stdout".into(), message: "ü".into() };
        for (event, name) in [
            (JobEvent::state(JobState::Running, Cause::Started), "state"),
            (retry, "state"),
            (JobEvent::Reordered { priority: -3 }, "reordered"),
            (JobEvent::Blocked { reason: Block::LaneConcurrency { limit: 2 } }, "blocked"),
            (JobEvent::Advanced { step: 1, steps: 3 }, "advanced"),
            (JobEvent::SequenceStarted { steps: 3, cause: Cause::Submitted }, "sequence-started"),
            (JobEvent::SequenceEnded { state: SequenceState::Cancelled }, "sequence-ended"),
            (
                JobEvent::Blocked {
                    reason: Block::Resources { kind: ResourceKind::GpuMemory, needed: 2, available: 1 },
                },
                "blocked",
            ),
            (JobEvent::Evicted { from: "i".into(), freed: Demand::NONE }, "evicted"),
            (JobEvent::Reloaded, "reloaded"),
            (JobEvent::Told(EventKind::Log(record)), "log"),
            (
                JobEvent::Told(EventKind::Progress(Progress { fraction: None, message: "m".into() })),
                "progress",
            ),
            (JobEvent::Told(EventKind::Resources(measured)), "resources"),
            (JobEvent::Told(EventKind::Resources(Measured::default())), "resources"),
            (JobEvent::Told(EventKind::Usage { unit: "tokens".into(), amount: 1.5 }), "usage"),
            (JobEvent::Told(EventKind::Cancel { phase: CancelPhase::Forced }), "cancel"),
        ] {
            let json = event.json().unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["event"], name);
            assert_eq!(serde_json::from_str::<JobEvent>(&json).unwrap().json().unwrap(), json);
        }
    }
}
