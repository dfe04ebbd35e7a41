//! Changing jobs. Each change names the state that it begins in, and does nothing where the job is in another.

use rusqlite::{OptionalExtension, ToSql, params, params_from_iter, types::Value};

use super::payload::{self, Payload, Which};
use super::read::JobQuery;
use super::row::{COLUMNS, Found, JobRow, JobState};
use crate::store::events::About;
use crate::store::fault::Fault;
use crate::store::group::Batch;

/// A job that is about to be accepted.
#[derive(Debug)]
pub(crate) struct NewRow {
    pub(crate) id: [u8; 16],
    pub(crate) instance: String,
    pub(crate) action: String,
    pub(crate) priority: i32,
    pub(crate) lane: Option<String>,
    pub(crate) labels: Option<String>,
    pub(crate) options: String,
    /// The key, and the SHA-256 of what it stands for.
    pub(crate) idempotency: Option<(String, [u8; 32])>,
    pub(crate) due_at: Option<i64>,
    pub(crate) deadline: Option<i64>,
    pub(crate) input: Payload,
    pub(crate) step: Option<NewStep>,
}

impl NewRow {
    /// What events of the job are of, before its first attempt.
    pub(crate) fn about(&self) -> About<'_> {
        About {
            job: Some(&self.id),
            instance: &self.instance,
            attempt: 0,
            sequence_id: self.step.as_ref().map(|step| &step.sequence_id),
        }
    }
}

/// The place of a job in a sequence.
#[derive(Debug)]
pub(crate) struct NewStep {
    pub(crate) sequence_id: [u8; 16],
    /// From 0.
    pub(crate) step: u32,
    pub(crate) name: Option<String>,
    /// Whether it waits for the step before it.
    pub(crate) held: bool,
}

/// What an attempt begins with.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) row: JobRow,
    pub(crate) input: Payload,
}

/// The job that has an idempotency key.
#[derive(Debug)]
pub(crate) struct Keyed {
    pub(crate) id: [u8; 16],
    /// Of what the key stands for.
    pub(crate) hash: [u8; 32],
}

/// How a job ends.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) state: JobState,
    /// JSON.
    pub(crate) error: Option<String>,
    pub(crate) result: Option<Payload>,
}

/// The id of a job, and that of its sequence, as far as there are any that can be read.
pub(crate) type Ids = (Option<[u8; 16]>, Option<[u8; 16]>);

impl Batch<'_> {
    /// Accepts a job; its number.
    pub(crate) fn insert_job(&mut self, job: &NewRow) -> Result<i64, Fault> {
        let (key, hash) = match &job.idempotency {
            Some((key, hash)) => (Some(key), Some(hash)),
            None => (None, None),
        };
        let step = job.step.as_ref();
        self.connection
            .prepare_cached(
                "INSERT INTO jobs (id, instance, action, state, priority, lane, labels, options, idempotency_key,
                 idempotency_hash, submitted_at, due_at, deadline, sequence_id, step, step_name, held)
                 VALUES (?1, ?2, ?3, 'pending', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?
            .execute(params![
                job.id,
                job.instance,
                job.action,
                job.priority,
                job.lane,
                job.labels,
                job.options,
                key,
                hash,
                self.now(),
                job.due_at,
                job.deadline,
                step.map(|step| step.sequence_id),
                step.map(|step| step.step),
                step.and_then(|step| step.name.as_deref()),
                step.is_some_and(|step| step.held)
            ])?;
        let number = self.connection.last_insert_rowid();
        payload::insert(self.connection, Which::Input, number, &job.input)?;
        Ok(number)
    }

    /// The job that has this key already, with the hash of what it stands for.
    pub(crate) fn keyed(&mut self, instance: &str, key: &str) -> Result<Option<Keyed>, Fault> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT id, idempotency_hash FROM jobs WHERE instance = ?1 AND idempotency_key = ?2",
            )?
            .query_row([instance, key], |row| Ok(Keyed { id: row.get(0)?, hash: row.get(1)? }))
            .optional()?)
    }

    /// A job as it is.
    pub(crate) fn job(&mut self, id: &[u8; 16]) -> Result<Option<JobRow>, Fault> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"))?
            .query_row([id], |row| Ok(JobRow::of(row)))
            .optional()?
            .transpose()
    }

    /// All that are running; and the numbers of those that are damaged, with what is damaged.
    pub(crate) fn running(&mut self) -> Result<Found<JobRow>, Fault> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM jobs WHERE state = 'running' ORDER BY number"))?;
        Found::of(statement.query([])?, JobRow::of)
    }

    /// The id of a job, of which anything may be damaged, and that of its sequence.
    pub(crate) fn ids_of(&mut self, number: i64) -> Result<Ids, Fault> {
        Ok(self
            .connection
            .prepare_cached("SELECT id, sequence_id FROM jobs WHERE number = ?1")?
            .query_row([number], |row| Ok((row.get(0).ok(), row.get(1).unwrap_or_default())))?)
    }

    /// Takes those whose state is none for running: they were accepted, and that is all that is known of them. Their
    /// numbers.
    pub(crate) fn recapture(&mut self) -> Result<Vec<i64>, Fault> {
        let states = JobState::ALL.map(|state| format!("'{state}'")).join(", ");
        let mut statement = self.connection.prepare_cached(&format!(
            "UPDATE jobs SET state = 'running', finished_at = NULL WHERE state NOT IN ({states}) RETURNING number"
        ))?;
        let numbers = statement.query_map([], |row| row.get(0))?;
        Ok(numbers.collect::<rusqlite::Result<_>>()?)
    }

    /// Pending to running, with one more attempt. None where it is not pending any more.
    pub(crate) fn claim(&mut self, number: i64) -> Result<Option<Claim>, Fault> {
        let now = self.now();
        let changed = self.change(
            "UPDATE jobs SET state = 'running', attempt = attempt + 1, started_at = ?2, due_at = NULL
             WHERE number = ?1 AND state = 'pending' AND held = 0",
            params![number, now],
        )?;
        if !changed {
            return Ok(None);
        }
        // Apart: to return rows from an update, SQLite makes a table for them, which costs more than all the rest.
        let row = self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM jobs WHERE number = ?1"))?
            .query_row([number], |row| Ok(JobRow::of(row)))??;
        let input = payload::read(self.connection, Which::Input, number)?.ok_or_else(|| {
            Fault::Told(crate::error::Error::fatal(format!(
                "the input of the job of number {number} is missing in the database; submit the job again"
            )))
        })?;
        Ok(Some(Claim { row, input }))
    }

    /// From `from` to an end.
    pub(crate) fn end(&mut self, number: i64, from: JobState, ending: &Ending) -> Result<bool, Fault> {
        let now = self.now();
        let changed = self.change(
            "UPDATE jobs SET state = ?3, finished_at = ?4, error = ?5, due_at = NULL
             WHERE number = ?1 AND state = ?2",
            params![number, from, ending.state, now, ending.error],
        )?;
        if let (true, Some(result)) = (changed, &ending.result) {
            payload::insert(self.connection, Which::Result, number, result)?;
        }
        Ok(changed)
    }

    /// Running to pending, to be attempted again from `due_at` on.
    pub(crate) fn postpone(
        &mut self,
        number: i64,
        due_at: Option<i64>,
        error: Option<&str>,
        interrupted: bool,
    ) -> Result<bool, Fault> {
        self.change(
            "UPDATE jobs SET state = 'pending', due_at = ?2, error = coalesce(?3, error), started_at = NULL,
             interruptions = interruptions + ?4 WHERE number = ?1 AND state = 'running'",
            params![number, due_at, error, interrupted],
        )
    }

    /// Remembers that a running job is to stop. False where that is known already.
    pub(crate) fn request_cancel(&mut self, number: i64) -> Result<bool, Fault> {
        self.change(
            "UPDATE jobs SET cancel_requested = 1 WHERE number = ?1 AND state = 'running' AND cancel_requested = 0",
            params![number],
        )
    }

    /// Another priority, of a job that is pending.
    pub(crate) fn set_priority(&mut self, number: i64, priority: i32) -> Result<bool, Fault> {
        self.change(
            "UPDATE jobs SET priority = ?2 WHERE number = ?1 AND state = 'pending'",
            params![number, priority],
        )
    }

    /// Failed or cancelled to pending, as if it were new.
    pub(crate) fn requeue(&mut self, number: i64) -> Result<bool, Fault> {
        self.change(
            "UPDATE jobs SET state = 'pending', attempt = 0, interruptions = 0, cancel_requested = 0, due_at = NULL,
             deadline = NULL, started_at = NULL, finished_at = NULL, error = NULL
             WHERE number = ?1 AND state IN ('failed', 'cancelled')",
            params![number],
        )
    }

    /// Deletes jobs that have ended and are no steps, with their inputs and results, the oldest first; `limit` at most.
    /// How many.
    pub(crate) fn purge(&mut self, query: &JobQuery, limit: usize) -> Result<usize, Fault> {
        let (condition, mut values) = query.condition();
        values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        Ok(self
            .connection
            .prepare_cached(&format!(
                "DELETE FROM jobs WHERE number IN
                 (SELECT number FROM jobs WHERE finished_at IS NOT NULL AND sequence_id IS NULL AND {condition}
                  ORDER BY number LIMIT ?)"
            ))?
            .execute(params_from_iter(values))?)
    }

    /// Deletes one job that has ended and is no step, also a damaged one. None where there is no such job.
    pub(crate) fn purge_one(&mut self, id: &[u8; 16]) -> Result<Option<bool>, Fault> {
        let purged = self.change(
            "DELETE FROM jobs WHERE id = ?1 AND state NOT IN ('pending', 'running')
             AND NOT EXISTS (SELECT 1 FROM sequences WHERE sequences.id = jobs.sequence_id)",
            params![id],
        )?;
        let known = || -> Result<bool, Fault> {
            Ok(self.connection.prepare_cached("SELECT 1 FROM jobs WHERE id = ?1")?.exists([id])?)
        };
        Ok(if purged || known()? { Some(purged) } else { None })
    }

    /// Deletes what ended first, jobs and whole sequences, until `keep` jobs that have ended are left; about `limit` at
    /// most. How many jobs.
    pub(crate) fn purge_over(&mut self, keep: u64, limit: usize) -> Result<usize, Fault> {
        // Of steps that have ended, only those count that could go.
        let ended: i64 = self
            .connection
            .prepare_cached(
                "SELECT (SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL AND sequence_id IS NULL)
                 + (SELECT coalesce(sum(steps), 0) FROM sequences WHERE finished_at IS NOT NULL)",
            )?
            .query_row([], |row| row.get(0))?;
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let over = ended.saturating_sub(keep).min(i64::try_from(limit).unwrap_or(i64::MAX));
        let mut left = usize::try_from(over).unwrap_or(0);
        let mut purged = 0;
        for (sequence, number, jobs) in self.oldest_ended(left)? {
            if left == 0 {
                break;
            }
            let table = if sequence { "sequences" } else { "jobs" };
            self.change(&format!("DELETE FROM {table} WHERE number = ?1"), params![number])?;
            left = left.saturating_sub(jobs);
            purged += jobs;
        }
        Ok(purged)
    }

    /// What ended first, `limit` at most: whether it is a sequence, its number, and how many jobs it is.
    fn oldest_ended(&mut self, limit: usize) -> Result<Vec<(bool, i64, usize)>, Fault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 0, number, 1, finished_at FROM jobs WHERE finished_at IS NOT NULL AND sequence_id IS NULL
             UNION ALL SELECT 1, number, max(steps, 1), finished_at FROM sequences WHERE finished_at IS NOT NULL
             ORDER BY 4, 2 LIMIT ?1",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, usize::try_from(row.get::<_, i64>(2)?).unwrap_or(1)))
        };
        let rows = statement.query_map([limit], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    pub(in crate::store) fn change(&mut self, sql: &str, parameters: &[&dyn ToSql]) -> Result<bool, Fault> {
        Ok(self.connection.prepare_cached(sql)?.execute(parameters)? > 0)
    }
}
