//! One row of the table of jobs.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, Rows};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::store::events::About;
use crate::store::fault::Fault;

/// Where a job is between its submission and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// It waits: for its turn, for its time, or for its next attempt.
    Pending,
    /// An attempt is being made.
    Running,
    /// It ended with a result.
    Completed,
    /// It ended with an error.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl JobState {
    /// All states, in the order in which a job comes through them.
    pub const ALL: [JobState; 5] =
        [JobState::Pending, JobState::Running, JobState::Completed, JobState::Failed, JobState::Cancelled];

    /// The name, as it is printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Pending => "pending",
            JobState::Running => "running",
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    /// Whether the job has ended: by itself it will not change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, JobState::Pending | JobState::Running)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JobState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        JobState::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let names = JobState::ALL.map(JobState::as_str).join(", ");
            Error::invalid(format!("`{text}` is no state of a job; the states are {names}"))
        })
    }
}

impl ToSql for JobState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for JobState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error: Error| FromSqlError::Other(Box::new(error)))
    }
}

/// What is stored of one job, without its input and its result. Times are milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone)]
pub(crate) struct JobRow {
    pub(crate) number: i64,
    pub(crate) id: [u8; 16],
    pub(crate) instance: String,
    pub(crate) action: String,
    pub(crate) state: JobState,
    pub(crate) priority: i32,
    pub(crate) lane: Option<String>,
    /// JSON.
    pub(crate) labels: Option<String>,
    /// JSON.
    pub(crate) options: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) interruptions: u32,
    pub(crate) cancel_requested: bool,
    pub(crate) submitted_at: i64,
    pub(crate) due_at: Option<i64>,
    pub(crate) deadline: Option<i64>,
    pub(crate) started_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
    /// JSON.
    pub(crate) error: Option<String>,
    /// The sequence of which it is a step.
    pub(crate) sequence_id: Option<[u8; 16]>,
    /// Its place in the sequence, from 0.
    pub(crate) step: Option<u32>,
    pub(crate) step_name: Option<String>,
}

pub(in crate::store) const COLUMNS: &str =
    "number, id, instance, action, state, priority, lane, labels, options, idempotency_key, attempt,
     interruptions, cancel_requested, submitted_at, due_at, deadline, started_at, finished_at, error,
     sequence_id, step, step_name";

impl JobRow {
    /// What events of the job, as it is now, are of.
    pub(crate) fn about(&self) -> About<'_> {
        About {
            job: Some(&self.id),
            instance: &self.instance,
            attempt: self.attempt,
            sequence_id: self.sequence_id.as_ref(),
        }
    }

    /// # Errors
    ///
    /// Damage, with the number of the job that it is of.
    pub(in crate::store) fn of(row: &Row<'_>) -> Result<Self, Fault> {
        Self::read(row).map_err(|error| Fault::Told(damaged(row, &error)))
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            id: row.get(1)?,
            instance: row.get(2)?,
            action: row.get(3)?,
            state: row.get(4)?,
            priority: row.get(5)?,
            lane: row.get(6)?,
            labels: row.get(7)?,
            options: row.get(8)?,
            idempotency_key: row.get(9)?,
            attempt: row.get(10)?,
            interruptions: row.get(11)?,
            cancel_requested: row.get(12)?,
            submitted_at: row.get(13)?,
            due_at: row.get(14)?,
            deadline: row.get(15)?,
            started_at: row.get(16)?,
            finished_at: row.get(17)?,
            error: row.get(18)?,
            sequence_id: row.get(19)?,
            step: row.get(20)?,
            step_name: row.get(21)?,
        })
    }

    /// What can be read of a job of which something cannot.
    fn salvage(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            id: row.get(1)?,
            instance: row.get(2).unwrap_or_default(),
            action: row.get(3).unwrap_or_default(),
            state: row.get(4).unwrap_or(JobState::Failed),
            priority: row.get(5).unwrap_or_default(),
            lane: row.get(6).unwrap_or_default(),
            labels: row.get(7).unwrap_or_default(),
            options: row.get(8).unwrap_or_default(),
            idempotency_key: row.get(9).unwrap_or_default(),
            attempt: row.get(10).unwrap_or_default(),
            interruptions: row.get(11).unwrap_or_default(),
            cancel_requested: row.get(12).unwrap_or_default(),
            submitted_at: row.get(13).unwrap_or_default(),
            due_at: row.get(14).unwrap_or_default(),
            deadline: row.get(15).unwrap_or_default(),
            started_at: row.get(16).unwrap_or_default(),
            finished_at: row.get(17).unwrap_or_default(),
            error: row.get(18).unwrap_or_default(),
            sequence_id: row.get(19).unwrap_or_default(),
            step: row.get(20).unwrap_or_default(),
            step_name: row.get(21).unwrap_or_default(),
        })
    }
}

/// A job in a list: one that is damaged hides no other.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) row: JobRow,
    /// What is wrong with it; what cannot be read is empty then.
    pub(crate) damage: Option<Error>,
}

impl Listed {
    /// None where there is not even an id to name it by.
    pub(super) fn of(row: &Row<'_>) -> Option<Self> {
        match JobRow::read(row) {
            Ok(row) => Some(Self { row, damage: None }),
            Err(error) => {
                let damage = damaged(row, &error);
                match JobRow::salvage(row) {
                    Ok(row) => Some(Self { row, damage: Some(damage) }),
                    Err(_) => {
                        tracing::error!(error = %damage, "a job was left out of a list");
                        None
                    }
                }
            }
        }
    }
}

/// Jobs as far as they can be read.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) jobs: Vec<T>,
    /// The numbers of those that are damaged, with what is wrong with them.
    pub(crate) damaged: Vec<(i64, Error)>,
}

impl<T> Found<T> {
    pub(in crate::store) fn of(
        mut rows: Rows<'_>,
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Self, Fault> {
        let (mut jobs, mut damaged) = (Vec::new(), Vec::new());
        while let Some(row) = rows.next()? {
            match read(row) {
                Ok(job) => jobs.push(job),
                Err(Fault::Told(error)) => damaged.push((row.get(0)?, error)),
                Err(fault) => return Err(fault),
            }
        }
        Ok(Self { jobs, damaged })
    }
}

/// What has to be known of a job that has not ended, to decide when it runs.
#[derive(Debug, Clone)]
pub(crate) struct OpenJob {
    pub(crate) number: i64,
    pub(crate) id: [u8; 16],
    pub(crate) instance: String,
    pub(crate) lane: Option<String>,
    pub(crate) priority: i32,
    pub(crate) attempt: u32,
    pub(crate) due_at: Option<i64>,
    pub(crate) deadline: Option<i64>,
    pub(crate) sequence_id: Option<[u8; 16]>,
    pub(crate) step: Option<u32>,
    /// Whether it waits for the step before it.
    pub(crate) held: bool,
}

pub(in crate::store) const OPEN_COLUMNS: &str =
    "number, id, instance, lane, priority, attempt, due_at, deadline, sequence_id, step, held";

impl OpenJob {
    /// What events of the job, as it is now, are of.
    pub(crate) fn about(&self) -> About<'_> {
        About {
            job: Some(&self.id),
            instance: &self.instance,
            attempt: self.attempt,
            sequence_id: self.sequence_id.as_ref(),
        }
    }

    /// # Errors
    ///
    /// Damage, with the number of the job that it is of.
    pub(in crate::store) fn of(row: &Row<'_>) -> Result<Self, Fault> {
        Self::read(row).map_err(|error| Fault::Told(damaged(row, &error)))
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            id: row.get(1)?,
            instance: row.get(2)?,
            lane: row.get(3)?,
            priority: row.get(4)?,
            attempt: row.get(5)?,
            due_at: row.get(6)?,
            deadline: row.get(7)?,
            sequence_id: row.get(8)?,
            step: row.get(9)?,
            held: row.get(10)?,
        })
    }
}

/// A job of which some column cannot be read; or the database, where it is more than that.
fn damaged(row: &Row<'_>, error: &rusqlite::Error) -> Error {
    let number = row.get::<_, i64>(0).unwrap_or(0);
    Error::fatal(format!(
        "the row of the job of number {number} is damaged ({error}): purge it once it has ended, which it has when the \
         queue is opened the next time, and submit it again"
    ))
}
