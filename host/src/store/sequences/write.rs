//! Changing sequences.

use rusqlite::{OptionalExtension, params, params_from_iter, types::Value};

use super::read::{SequenceQuery, StepCounts};
use super::state::{SequenceMode, SequenceState};
use crate::store::fault::Fault;
use crate::store::group::Batch;
use crate::store::jobs::{COLUMNS, Found, JobRow, Keyed, OPEN_COLUMNS, OpenJob};

/// A sequence that is about to be accepted; its steps are inserted by themselves.
#[derive(Debug)]
pub(crate) struct NewSequenceRow {
    pub(crate) id: [u8; 16],
    pub(crate) mode: SequenceMode,
    pub(crate) steps: u32,
    /// JSON.
    pub(crate) labels: Option<String>,
    /// The key, and the SHA-256 of what it stands for.
    pub(crate) idempotency: Option<(String, [u8; 32])>,
}

/// What has to be known of a sequence to take it further. It can be read whatever of the row is damaged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    pub(crate) mode: SequenceMode,
    pub(crate) steps: u32,
    pub(crate) ended: bool,
    pub(crate) cancel_requested: bool,
}

/// What came of letting the next step go.
#[derive(Debug)]
pub(crate) enum Release {
    /// This one goes.
    Step(OpenJob),
    /// The next one is the job of this number, which is damaged.
    Damaged(i64, crate::error::Error),
    /// One that went before has not ended.
    Going,
    /// There is none left.
    Nothing,
}

impl Batch<'_> {
    /// Accepts a sequence.
    pub(crate) fn insert_sequence(&mut self, sequence: &NewSequenceRow) -> Result<(), Fault> {
        let (key, hash) = match &sequence.idempotency {
            Some((key, hash)) => (Some(key), Some(hash)),
            None => (None, None),
        };
        let now = self.now();
        self.change(
            "INSERT INTO sequences (id, mode, state, steps, labels, idempotency_key, idempotency_hash, submitted_at)
             VALUES (?1, ?2, 'running', ?3, ?4, ?5, ?6, ?7)",
            params![sequence.id, sequence.mode, sequence.steps, sequence.labels, key, hash, now],
        )?;
        Ok(())
    }

    /// The sequence that has this key already, with the hash of what it stands for.
    pub(crate) fn keyed_sequence(&mut self, key: &str) -> Result<Option<Keyed>, Fault> {
        Ok(self
            .connection
            .prepare_cached("SELECT id, idempotency_hash FROM sequences WHERE idempotency_key = ?1")?
            .query_row([key], |row| Ok(Keyed { id: row.get(0)?, hash: row.get(1)? }))
            .optional()?)
    }

    /// How a sequence stands; none where there is none.
    pub(crate) fn course(&mut self, id: &[u8; 16]) -> Result<Option<Course>, Fault> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT mode = 'best-effort', steps, finished_at IS NOT NULL, cancel_requested != 0 FROM sequences
                 WHERE id = ?1",
            )?
            .query_row([id], |row| {
                let mode = if row.get(0)? { SequenceMode::BestEffort } else { SequenceMode::FailFast };
                let steps = row.get(1).unwrap_or(u32::MAX);
                Ok(Course { mode, steps, ended: row.get(2)?, cancel_requested: row.get(3)? })
            })
            .optional()?)
    }

    /// How many steps of a sequence ended how.
    pub(crate) fn step_counts(&mut self, id: &[u8; 16]) -> Result<StepCounts, Fault> {
        StepCounts::of(self.connection, id)
    }

    /// The steps of a sequence that have not ended, in their order; and the numbers of those that are damaged.
    pub(crate) fn open_steps(&mut self, id: &[u8; 16]) -> Result<Found<JobRow>, Fault> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM jobs WHERE sequence_id = ?1 AND finished_at IS NULL ORDER BY step"
        ))?;
        Found::of(statement.query([id])?, JobRow::of)
    }

    /// Lets the next step of a sequence go, if none goes already.
    pub(crate) fn release(&mut self, id: &[u8; 16]) -> Result<Release, Fault> {
        let of_open = "FROM jobs WHERE sequence_id = ?1 AND finished_at IS NULL";
        let going =
            self.connection.prepare_cached(&format!("SELECT 1 {of_open} AND held = 0"))?.exists([id])?;
        if going {
            return Ok(Release::Going);
        }
        let next: Option<i64> = self
            .connection
            .prepare_cached(&format!("SELECT number {of_open} AND held = 1 ORDER BY step LIMIT 1"))?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let Some(number) = next else { return Ok(Release::Nothing) };
        let released = self
            .connection
            .prepare_cached(&format!("UPDATE jobs SET held = 0 WHERE number = ?1 RETURNING {OPEN_COLUMNS}"))?
            .query_row([number], |row| Ok(OpenJob::of(row)))?;
        match released {
            Ok(job) => Ok(Release::Step(job)),
            Err(Fault::Told(error)) => Ok(Release::Damaged(number, error)),
            Err(fault) => Err(fault),
        }
    }

    /// Running to an end.
    pub(crate) fn end_sequence(&mut self, id: &[u8; 16], state: SequenceState) -> Result<bool, Fault> {
        let now = self.now();
        self.change(
            "UPDATE sequences SET state = ?2, finished_at = ?3 WHERE id = ?1 AND finished_at IS NULL",
            params![id, state, now],
        )
    }

    /// Remembers that a sequence is to stop.
    pub(crate) fn request_sequence_cancel(&mut self, id: &[u8; 16]) -> Result<(), Fault> {
        self.change(
            "UPDATE sequences SET cancel_requested = 1 WHERE id = ?1 AND finished_at IS NULL",
            params![id],
        )?;
        Ok(())
    }

    /// Failed or cancelled to running: those of its steps that did not complete are pending, as if they were new, and
    /// held. They are in their order. None where the sequence is in another state.
    ///
    /// # Errors
    ///
    /// Damage of a step.
    pub(crate) fn requeue_sequence(&mut self, id: &[u8; 16]) -> Result<Option<Vec<OpenJob>>, Fault> {
        let changed = self.change(
            "UPDATE sequences SET state = 'running', finished_at = NULL, cancel_requested = 0
             WHERE id = ?1 AND state IN ('failed', 'cancelled')",
            params![id],
        )?;
        if !changed {
            return Ok(None);
        }
        let mut statement = self.connection.prepare_cached(&format!(
            "UPDATE jobs SET state = 'pending', attempt = 0, interruptions = 0, cancel_requested = 0, due_at = NULL,
             deadline = NULL, started_at = NULL, finished_at = NULL, error = NULL, held = 1
             WHERE sequence_id = ?1 AND state IN ('failed', 'cancelled') RETURNING {OPEN_COLUMNS}"
        ))?;
        let Found { mut jobs, damaged } = Found::of(statement.query([id])?, OpenJob::of)?;
        if let Some((_, error)) = damaged.into_iter().next() {
            return Err(Fault::Told(error));
        }
        jobs.sort_by_key(|job| job.step);
        Ok(Some(jobs))
    }

    /// Deletes one sequence that has ended, with its jobs. None where there is no such sequence.
    pub(crate) fn purge_sequence(&mut self, id: &[u8; 16]) -> Result<Option<bool>, Fault> {
        let purged =
            self.change("DELETE FROM sequences WHERE id = ?1 AND finished_at IS NOT NULL", params![id])?;
        let known = || -> Result<bool, Fault> {
            Ok(self.connection.prepare_cached("SELECT 1 FROM sequences WHERE id = ?1")?.exists([id])?)
        };
        Ok(if purged || known()? { Some(purged) } else { None })
    }

    /// Deletes sequences that have ended, with their jobs, the oldest first, until about `limit` jobs went. How many
    /// sequences, and how many jobs.
    pub(crate) fn purge_sequences(
        &mut self,
        query: &SequenceQuery,
        limit: usize,
    ) -> Result<(usize, usize), Fault> {
        let (condition, values) = query.condition();
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT number, max(steps, 1) FROM sequences WHERE finished_at IS NOT NULL AND {condition} ORDER BY number"
        ))?;
        let mut rows = statement.query(params_from_iter(values))?;
        let (mut numbers, mut jobs) = (Vec::new(), 0);
        while jobs < limit
            && let Some(row) = rows.next()?
        {
            numbers.push(Value::Integer(row.get(0)?));
            jobs += row.get::<_, i64>(1)?.try_into().unwrap_or(1);
        }
        drop(rows);
        for number in &numbers {
            self.change("DELETE FROM sequences WHERE number = ?1", params![number])?;
        }
        Ok((numbers.len(), jobs))
    }
}
