//! The table of events: what happened, numbered without gaps.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Database;
use super::fault::Fault;
use super::group::Batch;
use crate::error::Result;

/// What is stored of one event.
#[derive(Debug, Clone)]
pub(crate) struct StoredEvent {
    /// From 1.
    pub(crate) sequence: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) at: i64,
    pub(crate) job: Option<[u8; 16]>,
    /// Empty where it is of none.
    pub(crate) instance: Arc<str>,
    /// 0 where it is of none.
    pub(crate) attempt: u32,
    pub(crate) sequence_id: Option<[u8; 16]>,
    /// JSON.
    pub(crate) what: Arc<str>,
}

/// What an event is of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) job: Option<&'a [u8; 16]>,
    pub(crate) instance: &'a str,
    pub(crate) attempt: u32,
    pub(crate) sequence_id: Option<&'a [u8; 16]>,
}

/// Which events are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventQuery {
    pub(crate) job: Option<[u8; 16]>,
    pub(crate) sequence_id: Option<[u8; 16]>,
    pub(crate) instance: Option<String>,
}

/// Some events, in their order, and what they are of the whole.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<StoredEvent>,
    /// The first number that is stored; none where nothing is.
    pub(crate) first: Option<i64>,
    /// All events that match are here up to this number, where it is not before the first that was asked for.
    pub(crate) upto: i64,
    /// Whether there may be more beyond that.
    pub(crate) more: bool,
}

/// The table, borrowed from its [`Database`].
pub(crate) struct Events<'a> {
    database: &'a Database,
}

const COLUMNS: &str = "sequence, at, job, instance, attempt, sequence_id, what";

impl<'a> Events<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// The first and the last number that are stored; none where nothing happened yet.
    pub(crate) fn range(&self) -> Result<Option<(i64, i64)>> {
        self.database.read_beside("read the events in", |connection| {
            let last = Self::last(connection)?;
            Ok(Self::first(connection)?.zip(last.map(|(sequence, _)| sequence)))
        })
    }

    /// Events from a number on, in their order, `limit` at most.
    pub(crate) fn from(&self, from: i64, query: &EventQuery, limit: usize) -> Result<Page> {
        self.database.read_beside("read the events in", |connection| {
            // The planner takes an index only where it can see that it is asked for what is in it.
            let (table, of) = match query {
                EventQuery { job: Some(_), .. } => {
                    ("events INDEXED BY events_by_job", "job = ?2 AND (?3 IS NULL OR sequence_id = ?3)")
                }
                EventQuery { sequence_id: Some(_), .. } => {
                    ("events INDEXED BY events_by_sequence", "?2 IS NULL AND sequence_id = ?3")
                }
                _ => ("events", "?2 IS NULL AND ?3 IS NULL"),
            };
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {table} WHERE sequence >= ?1 AND {of} AND (?4 IS NULL OR instance = ?4)
                 ORDER BY sequence LIMIT ?5"
            ))?;
            let at_most = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows =
                statement.query(params![from, query.job, query.sequence_id, query.instance, at_most])?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                events.push(stored(row)?);
            }
            let more = events.len() >= limit;
            let upto = match events.last() {
                Some(last) if more => last.sequence,
                _ => Self::last(connection)?.map_or(0, |(sequence, _)| sequence),
            };
            Ok(Page { events, first: Self::first(connection)?, upto, more })
        })
    }

    fn first(connection: &Connection) -> Result<Option<i64>, Fault> {
        Ok(connection
            .prepare_cached("SELECT sequence FROM events ORDER BY sequence LIMIT 1")?
            .query_row([], |row| row.get(0))
            .optional()?)
    }

    /// The number and the time of the last event.
    pub(super) fn last(connection: &Connection) -> Result<Option<(i64, i64)>, Fault> {
        Ok(connection
            .prepare_cached("SELECT sequence, at FROM events ORDER BY sequence DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    pub(super) fn insert(connection: &Connection, event: &StoredEvent) -> Result<(), Fault> {
        connection
            .prepare_cached(&format!("INSERT INTO events ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"))?
            .execute(params![
                event.sequence,
                event.at,
                event.job,
                event.instance,
                event.attempt,
                event.sequence_id,
                event.what
            ])?;
        Ok(())
    }
}

impl Batch<'_> {
    /// Cuts events off at the beginning: `limit` at most, all but the newest `keep`, and of those all that are older
    /// than `before`. The last one stays, so that numbers go on. How many went.
    pub(crate) fn cut_events(
        &mut self,
        keep: Option<u64>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<usize, Fault> {
        let Some((last, _)) = Events::last(self.connection)? else { return Ok(0) };
        let keep = keep.and_then(|keep| i64::try_from(keep).ok()).unwrap_or(i64::MAX);
        let by_count = last.saturating_sub(keep).min(last - 1);
        // Times never go back along the numbers, so that the first that is young enough ends the cut.
        let by_age = match before {
            Some(before) => self
                .connection
                .prepare_cached("SELECT sequence FROM events WHERE at >= ?1 ORDER BY sequence LIMIT 1")?
                .query_row([before], |row| row.get::<_, i64>(0))
                .optional()?
                .map_or(last - 1, |young| young - 1),
            None => 0,
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(self
            .connection
            .prepare_cached(
                "DELETE FROM events WHERE sequence IN
                 (SELECT sequence FROM events WHERE sequence <= ?1 ORDER BY sequence LIMIT ?2)",
            )?
            .execute(params![by_count.max(by_age).min(last - 1), limit])?)
    }
}

fn stored(row: &Row<'_>) -> Result<StoredEvent, Fault> {
    Ok(StoredEvent {
        sequence: row.get(0)?,
        at: row.get(1)?,
        job: row.get(2)?,
        instance: row.get(3)?,
        attempt: row.get(4)?,
        sequence_id: row.get(5)?,
        what: row.get(6)?,
    })
}
