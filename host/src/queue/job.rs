//! What is known of a job.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::event::Block;
use super::id::{JobId, SequenceId};
use super::new_job::{Interrupted, Options};
use super::retry::Retry;
use super::time::{from_millis, length, rfc3339, to_millis};
use crate::error::{Error, Result};
use crate::event::{Measured, Progress};
use crate::store::{JobQuery, JobRow, JobState, Listed, SequenceState};

/// A job as it was when it was looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its place among all jobs, in the order in which they were accepted, from 1.
    pub number: u64,
    /// The instance that it runs on.
    pub instance: String,
    /// The plugin that the instance was of when the job was accepted, where its runner knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The action that it runs.
    pub action: String,
    /// Where it is.
    #[serde(rename = "status")]
    pub state: JobState,
    /// The higher goes first.
    pub priority: i32,
    /// The lane that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The key under which it is submitted only once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The sequence of which it is a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_id: Option<SequenceId>,
    /// Its place in the sequence, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Its name in the sequence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_name: Option<String>,
    /// Attempts that were begun.
    pub attempt: u32,
    /// Attempts that ended with the process that made them.
    pub interruptions: u32,
    /// How often it is tried again.
    pub retry: Retry,
    /// What becomes of it if the process ends while it runs.
    pub interrupted: Interrupted,
    /// Time that one attempt may take. In milliseconds where it is serialized.
    #[serde(default, rename = "timeout-ms", with = "length", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Whether somebody cancelled it while it ran.
    pub cancel_requested: bool,
    /// When it was accepted.
    #[serde(with = "rfc3339")]
    pub submitted_at: SystemTime,
    /// When it may run at the earliest, where it waits for that.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<SystemTime>,
    /// When it must have ended.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub deadline: Option<SystemTime>,
    /// When its last attempt began.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<SystemTime>,
    /// When it ended.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<SystemTime>,
    /// How its last attempt failed, where one did; in a list also what is damaged of what is stored of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// How far it has come, where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What it uses at this moment, where it runs and that is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Measured>,
    /// What it waits for, where it could run and does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Block>,
}

/// How an attempt failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Failure {
    /// Why.
    #[serde(flatten)]
    pub error: Error,
    /// The instance.
    pub instance: String,
    /// The attempt; 0 where none was begun.
    pub attempt: u32,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
}

/// Which jobs are meant. The default means all.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    pub(super) query: JobQuery,
}

/// How many jobs and sequences there are, and how many events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct QueueStats {
    /// Jobs in each state.
    pub jobs: BTreeMap<JobState, u64>,
    /// Sequences in each state.
    #[serde(default)]
    pub sequences: BTreeMap<SequenceState, u64>,
    /// The first event that is stored; 0 where there is none.
    pub first_event: u64,
    /// The last event; 0 where there is none.
    pub last_event: u64,
}

impl Job {
    /// # Errors
    ///
    /// `fatal`, where the row was damaged.
    pub(super) fn of(row: JobRow) -> Result<Self> {
        let parts = Parts::of(&row)?;
        Ok(Self::from(row, parts))
    }

    /// The same of a job that may be damaged: it is what can be read of it, with an error that says what cannot.
    pub(super) fn listed(Listed { row, damage }: Listed) -> Self {
        let parts = damage.map_or_else(|| Parts::of(&row), Err).unwrap_or_else(|error| {
            let (instance, attempt, at) = (row.instance.clone(), row.attempt, SystemTime::now());
            Parts { error: Some(Failure { error, instance, attempt, at }), ..Parts::default() }
        });
        Self::from(row, parts)
    }

    fn from(row: JobRow, Parts { options, labels, error }: Parts) -> Self {
        Self {
            id: JobId::of(row.id),
            number: u64::try_from(row.number).unwrap_or(0),
            labels,
            error,
            instance: row.instance,
            plugin: options.plugin,
            action: row.action,
            state: row.state,
            priority: row.priority,
            lane: row.lane,
            idempotency_key: row.idempotency_key,
            sequence_id: row.sequence_id.map(SequenceId::of),
            step: row.step,
            step_name: row.step_name,
            attempt: row.attempt,
            interruptions: row.interruptions,
            retry: options.retry,
            interrupted: options.interrupted.unwrap_or_default(),
            timeout: options.timeout_ms.map(Duration::from_millis),
            cancel_requested: row.cancel_requested,
            submitted_at: from_millis(row.submitted_at),
            due_at: row.due_at.map(from_millis),
            deadline: row.deadline.map(from_millis),
            started_at: row.started_at.map(from_millis),
            finished_at: row.finished_at.map(from_millis),
            progress: None,
            resources: None,
            blocked: None,
        }
    }
}

/// What is JSON in a row.
#[derive(Default)]
struct Parts {
    options: Options,
    labels: BTreeMap<String, String>,
    error: Option<Failure>,
}

impl Parts {
    fn of(row: &JobRow) -> Result<Self> {
        let id = JobId::of(row.id);
        let labels = row.labels.as_deref().map(serde_json::from_str).transpose();
        let error = row.error.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            options: options(row)?,
            labels: labels.map_err(|error| damaged(id, "labels", &error))?.unwrap_or_default(),
            error: error.map_err(|error| damaged(id, "error", &error))?,
        })
    }
}

/// The options of a stored job.
pub(super) fn options(row: &JobRow) -> Result<Options> {
    serde_json::from_str(&row.options).map_err(|error| damaged(JobId::of(row.id), "options", &error))
}

fn damaged(id: JobId, what: &str, error: &serde_json::Error) -> Error {
    Error::fatal(format!(
        "the stored {what} of job {id} cannot be read: {error}; cancel or purge it, and submit it again"
    ))
}

impl JobFilter {
    /// Those in one of these states. All, where none is named.
    pub fn states(mut self, states: impl IntoIterator<Item = JobState>) -> Self {
        self.query.states.extend(states);
        self
    }

    /// Those of one instance.
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.query.instance = Some(instance.into());
        self
    }

    /// Those of one lane.
    pub fn lane(mut self, lane: impl Into<String>) -> Self {
        self.query.lane = Some(lane.into());
        self
    }

    /// Those that have this label; of several calls, those that have all.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.labels.push((name.into(), value.into()));
        self
    }

    /// The steps of one sequence.
    pub fn sequence(mut self, id: SequenceId) -> Self {
        self.query.sequence_id = Some(*id.as_bytes());
        self
    }

    /// Those that were accepted before the one of this [number](Job::number): to go on with a list.
    pub fn before(mut self, number: u64) -> Self {
        self.query.before = Some(i64::try_from(number).unwrap_or(i64::MAX));
        self
    }

    /// Those that ended before this time.
    pub fn ended_before(mut self, time: SystemTime) -> Self {
        self.query.ended_before = Some(to_millis(time));
        self
    }

    /// Those whose id begins or ends with these hexadecimal digits, as people abbreviate ids; hyphens do not count. The
    /// first digits of ids are a time, which jobs that were submitted one after the other share: the last ones tell them
    /// apart.
    pub fn id_part(mut self, digits: &str) -> Self {
        self.query.id_part = Some(digits.replace('-', "").to_uppercase());
        self
    }

    pub(super) fn query(&self) -> &JobQuery {
        &self.query
    }
}
