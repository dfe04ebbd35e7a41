//! Reading jobs.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params, params_from_iter};

use super::payload::{self, Payload, Which};
use super::row::{COLUMNS, Found, JobRow, JobState, Listed, OPEN_COLUMNS, OpenJob};
use crate::error::Result;
use crate::store::Database;

/// The tables, borrowed from their [`Database`]. What is read is what was committed.
pub(crate) struct Jobs<'a> {
    database: &'a Database,
}

/// A step as far as a later one uses it.
#[derive(Debug)]
pub(crate) struct StepResult {
    pub(crate) state: JobState,
    pub(crate) result: Option<Payload>,
}

/// Which jobs are meant; what is empty matches all.
#[derive(Debug, Clone, Default)]
pub(crate) struct JobQuery {
    pub(crate) states: Vec<JobState>,
    pub(crate) instance: Option<String>,
    pub(crate) lane: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
    /// The steps of one sequence.
    pub(crate) sequence_id: Option<[u8; 16]>,
    /// Those that were accepted before the one of this number.
    pub(crate) before: Option<i64>,
    /// Those that ended before this time.
    pub(crate) ended_before: Option<i64>,
    /// Those whose id begins or ends with these hexadecimal digits, in capitals.
    pub(crate) id_part: Option<String>,
}

impl JobQuery {
    /// The condition, and its parameters.
    pub(super) fn condition(&self) -> (String, Vec<Value>) {
        let (mut terms, mut values) = (vec!["1".to_owned()], Vec::new());
        let mut term = |sql: &str, parameters: Vec<Value>| {
            terms.push(sql.to_owned());
            values.extend(parameters);
        };
        if !self.states.is_empty() {
            let places = vec!["?"; self.states.len()].join(", ");
            let states = self.states.iter().map(|state| Value::Text(state.as_str().to_owned()));
            term(&format!("state IN ({places})"), states.collect());
        }
        if let Some(instance) = &self.instance {
            term("instance = ?", vec![Value::Text(instance.clone())]);
        }
        if let Some(lane) = &self.lane {
            term("lane = ?", vec![Value::Text(lane.clone())]);
        }
        if let Some(id) = &self.sequence_id {
            term("sequence_id = ?", vec![Value::Blob(id.to_vec())]);
        }
        for (name, value) in &self.labels {
            term(
                "EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ? AND value = ?)",
                vec![Value::Text(name.clone()), Value::Text(value.clone())],
            );
        }
        if let Some(before) = self.before {
            term("number < ?", vec![Value::Integer(before)]);
        }
        if let Some(before) = self.ended_before {
            term("finished_at < ?", vec![Value::Integer(before)]);
        }
        if let Some(part) = &self.id_part {
            let length = Value::Integer(i64::try_from(part.len()).unwrap_or(i64::MAX));
            let part = Value::Text(part.clone());
            // Not by LIKE, for which some characters stand for others.
            term(
                "(substr(hex(id), -?) = ? OR substr(hex(id), 1, ?) = ?)",
                vec![length.clone(), part.clone(), length, part],
            );
        }
        (terms.join(" AND "), values)
    }
}

impl<'a> Jobs<'a> {
    pub(in crate::store) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// What is stored of a job; none where there is none.
    pub(crate) fn get(&self, id: &[u8; 16]) -> Result<Option<JobRow>> {
        self.database.read_beside("read a job from", |connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"))?
                .query_row([id], |row| Ok(JobRow::of(row)))
                .optional()?
                .transpose()
        })
    }

    /// The input or the result of a job.
    pub(crate) fn payload(&self, which: Which, job: i64) -> Result<Option<Payload>> {
        self.database.read_beside("read a job from", |connection| payload::read(connection, which, job))
    }

    /// What became of a step, and its result.
    pub(crate) fn step(&self, sequence: &[u8; 16], step: u32) -> Result<Option<StepResult>> {
        self.database.read_beside("read a job from", |connection| {
            let found = connection
                .prepare_cached("SELECT number, state FROM jobs WHERE sequence_id = ?1 AND step = ?2")?
                .query_row(params![sequence, step], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((number, state)) = found else { return Ok(None) };
            Ok(Some(StepResult { state, result: payload::read(connection, Which::Result, number)? }))
        })
    }

    /// Jobs, the newest first, `limit` at most; damaged ones as far as they can be read.
    pub(crate) fn list(&self, query: &JobQuery, limit: usize) -> Result<Vec<Listed>> {
        let (condition, mut values) = query.condition();
        values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        self.database.read_beside("list the jobs in", |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM jobs WHERE {condition} ORDER BY number DESC LIMIT ?"
            ))?;
            let mut rows = statement.query(params_from_iter(values))?;
            let mut jobs = Vec::new();
            while let Some(row) = rows.next()? {
                jobs.extend(Listed::of(row));
            }
            Ok(jobs)
        })
    }

    /// All that are pending, in the order in which they were accepted; and the numbers of those that are damaged.
    pub(crate) fn pending(&self) -> Result<Found<OpenJob>> {
        self.database.read_beside("list the jobs in", |connection| {
            let mut statement = connection.prepare(&format!(
                "SELECT {OPEN_COLUMNS} FROM jobs WHERE state = 'pending' ORDER BY number"
            ))?;
            Found::of(statement.query([])?, OpenJob::of)
        })
    }

    /// How many there are in each state.
    pub(crate) fn count(&self) -> Result<Vec<(JobState, u64)>> {
        self.database.read_beside("count the jobs in", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT state, count(*) FROM jobs GROUP BY state")?;
            // A state that is none is settled when the queue is opened.
            let count = |row: &Row<'_>| {
                let state = row.get(0).unwrap_or(JobState::Failed);
                Ok((state, row.get::<_, i64>(1)?.try_into().unwrap_or(0)))
            };
            let rows = statement.query_map([], count)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Whether any job needs the file of this digest.
    pub(crate) fn uses(&self, digest: &[u8; 32]) -> Result<bool> {
        self.database.read_beside("look for files that nothing needs in", |connection| {
            payload::is_used(connection, digest)
        })
    }
}
