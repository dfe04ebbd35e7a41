//! Reading sequences.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::state::{SequenceMode, SequenceState};
use crate::error::{Error, Result};
use crate::store::Database;
use crate::store::fault::Fault;

/// The table, borrowed from its [`Database`]. What is read is what was committed.
pub(crate) struct Sequences<'a> {
    database: &'a Database,
}

/// What is stored of one sequence, and of its steps as far as it stands for them. Times are milliseconds since
/// 1970-01-01 UTC.
#[derive(Debug, Clone)]
pub(crate) struct SequenceRow {
    pub(crate) number: i64,
    pub(crate) id: [u8; 16],
    pub(crate) mode: SequenceMode,
    pub(crate) state: SequenceState,
    pub(crate) steps: u32,
    /// JSON.
    pub(crate) labels: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) cancel_requested: bool,
    pub(crate) submitted_at: i64,
    pub(crate) finished_at: Option<i64>,
    pub(crate) counts: StepCounts,
    /// The step that it has come to, and its name.
    pub(crate) current: Option<(u32, Option<String>)>,
    /// JSON: of the first step that failed.
    pub(crate) error: Option<String>,
}

/// How many steps ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StepCounts {
    pub(crate) completed: u32,
    pub(crate) failed: u32,
    pub(crate) cancelled: u32,
}

/// Which sequences are meant; what is empty matches all.
#[derive(Debug, Clone, Default)]
pub(crate) struct SequenceQuery {
    pub(crate) states: Vec<SequenceState>,
    pub(crate) labels: Vec<(String, String)>,
    /// Those whose id begins or ends with these hexadecimal digits, in capitals.
    pub(crate) id_part: Option<String>,
    /// Those that were accepted before the one of this number.
    pub(crate) before: Option<i64>,
    /// Those that ended before this time.
    pub(crate) ended_before: Option<i64>,
}

const COLUMNS: &str =
    "number, id, mode, state, steps, labels, idempotency_key, cancel_requested, submitted_at, finished_at";

impl SequenceQuery {
    /// The condition, and its parameters.
    pub(super) fn condition(&self) -> (String, Vec<Value>) {
        let (mut terms, mut values) = (vec!["1".to_owned()], Vec::new());
        if !self.states.is_empty() {
            terms.push(format!("state IN ({})", vec!["?"; self.states.len()].join(", ")));
            values.extend(self.states.iter().map(|state| Value::Text(state.as_str().to_owned())));
        }
        for (name, value) in &self.labels {
            terms.push("EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ? AND value = ?)".to_owned());
            values.extend([Value::Text(name.clone()), Value::Text(value.clone())]);
        }
        if let Some(part) = &self.id_part {
            let length = Value::Integer(i64::try_from(part.len()).unwrap_or(i64::MAX));
            let part = Value::Text(part.clone());
            terms.push("(substr(hex(id), -?) = ? OR substr(hex(id), 1, ?) = ?)".to_owned());
            values.extend([length.clone(), part.clone(), length, part]);
        }
        if let Some(before) = self.before {
            terms.push("number < ?".to_owned());
            values.push(Value::Integer(before));
        }
        if let Some(before) = self.ended_before {
            terms.push("finished_at < ?".to_owned());
            values.push(Value::Integer(before));
        }
        (terms.join(" AND "), values)
    }
}

impl<'a> Sequences<'a> {
    pub(in crate::store) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// What is stored of a sequence; none where there is none.
    pub(crate) fn get(&self, id: &[u8; 16]) -> Result<Option<SequenceRow>> {
        self.database.read_beside("read a sequence from", |connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {COLUMNS} FROM sequences WHERE id = ?1"))?;
            let mut rows = statement.query([id])?;
            rows.next()?.map(|row| SequenceRow::of(connection, row)).transpose()
        })
    }

    /// Sequences, the newest first, `limit` at most.
    pub(crate) fn list(&self, query: &SequenceQuery, limit: usize) -> Result<Vec<SequenceRow>> {
        let (condition, mut values) = query.condition();
        values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        self.database.read_beside("list the sequences in", |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM sequences WHERE {condition} ORDER BY number DESC LIMIT ?"
            ))?;
            let mut rows = statement.query(params_from_iter(values))?;
            let mut sequences = Vec::new();
            while let Some(row) = rows.next()? {
                sequences.push(SequenceRow::of(connection, row)?);
            }
            Ok(sequences)
        })
    }

    /// The ids of those that have not ended.
    pub(crate) fn open(&self) -> Result<Vec<[u8; 16]>> {
        self.database.read_beside("list the sequences in", |connection| {
            let mut statement = connection
                .prepare_cached("SELECT id FROM sequences WHERE finished_at IS NULL ORDER BY number")?;
            let ids = statement.query_map([], |row| row.get(0))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// How many there are in each state.
    pub(crate) fn count(&self) -> Result<Vec<(SequenceState, u64)>> {
        self.database.read_beside("count the sequences in", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT state, count(*) FROM sequences GROUP BY state")?;
            let count = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.try_into().unwrap_or(0)));
            let rows = statement.query_map([], count)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

impl SequenceRow {
    /// # Errors
    ///
    /// Damage, with the number of the sequence that it is of.
    fn of(connection: &Connection, row: &Row<'_>) -> Result<Self, Fault> {
        let damaged = |error: rusqlite::Error| {
            let number = row.get::<_, i64>(0).unwrap_or(0);
            Fault::Told(Error::fatal(format!(
                "the row of the sequence of number {number} is damaged ({error}): cancel and purge it, and submit it again"
            )))
        };
        let mut sequence = Self::read(row).map_err(damaged)?;
        sequence.counts = StepCounts::of(connection, &sequence.id)?;
        if !sequence.state.is_final() {
            sequence.current = connection
                .prepare_cached(
                    "SELECT step, step_name FROM jobs WHERE sequence_id = ?1 AND finished_at IS NULL AND held = 0
                     ORDER BY step LIMIT 1",
                )?
                .query_row([&sequence.id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
        }
        if sequence.counts.failed > 0 {
            sequence.error = connection
                .prepare_cached(
                    "SELECT error FROM jobs WHERE sequence_id = ?1 AND state = 'failed' ORDER BY step LIMIT 1",
                )?
                .query_row([&sequence.id], |row| row.get(0))
                .optional()?
                .flatten();
        }
        Ok(sequence)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            id: row.get(1)?,
            mode: row.get(2)?,
            state: row.get(3)?,
            steps: row.get(4)?,
            labels: row.get(5)?,
            idempotency_key: row.get(6)?,
            cancel_requested: row.get(7)?,
            submitted_at: row.get(8)?,
            finished_at: row.get(9)?,
            counts: StepCounts::default(),
            current: None,
            error: None,
        })
    }
}

impl StepCounts {
    pub(super) fn of(connection: &Connection, sequence: &[u8; 16]) -> Result<Self, Fault> {
        // A sum of nothing is null.
        let sum = |state: &str| format!("coalesce(sum(state = '{state}'), 0)");
        Ok(connection
            .prepare_cached(&format!(
                "SELECT {}, {}, {} FROM jobs WHERE sequence_id = ?1",
                sum("completed"),
                sum("failed"),
                sum("cancelled")
            ))?
            .query_row([sequence], |row| {
                Ok(Self { completed: row.get(0)?, failed: row.get(1)?, cancelled: row.get(2)? })
            })?)
    }
}
