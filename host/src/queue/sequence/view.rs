//! What is known of a sequence.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::queue::id::SequenceId;
use crate::queue::job::Failure;
use crate::queue::time::{from_millis, rfc3339, to_millis};
use crate::store::{SequenceMode, SequenceQuery, SequenceRow, SequenceState};

/// A sequence as it was when it was looked at. Its jobs are those that have its id as their `sequence_id`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Sequence {
    /// Its id.
    pub id: SequenceId,
    /// Its place among all sequences, in the order in which they were accepted, from 1.
    pub number: u64,
    /// Where it is.
    #[serde(rename = "status")]
    pub state: SequenceState,
    /// What a step that does not complete does to those after it.
    pub mode: SequenceMode,
    /// How many steps it has.
    pub steps: u32,
    /// Steps that completed.
    pub completed: u32,
    /// Steps that failed.
    pub failed: u32,
    /// Steps that were cancelled.
    pub cancelled: u32,
    /// The step that it has come to, from 0; none where it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u32>,
    /// The name of that step, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_name: Option<String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The key under which it is submitted only once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Whether somebody cancelled it.
    pub cancel_requested: bool,
    /// When it was accepted.
    #[serde(with = "rfc3339")]
    pub submitted_at: SystemTime,
    /// When its last step ended.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<SystemTime>,
    /// How the first of its steps that failed did, where one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Which sequences are meant. The default means all.
#[derive(Debug, Clone, Default)]
pub struct SequenceFilter {
    pub(in crate::queue) query: SequenceQuery,
}

impl Sequence {
    /// # Errors
    ///
    /// `fatal`, where the row was damaged.
    pub(super) fn of(row: SequenceRow) -> Result<Self> {
        let id = SequenceId::of(row.id);
        let damaged = |what: &str, error: &serde_json::Error| {
            Error::fatal(format!(
                "the stored {what} of sequence {id} cannot be read: {error}; cancel and purge it, and submit it again"
            ))
        };
        let labels = row.labels.as_deref().map(serde_json::from_str).transpose();
        let error = row.error.as_deref().map(serde_json::from_str).transpose();
        let (current, current_name) = row.current.map_or((None, None), |(step, name)| (Some(step), name));
        Ok(Self {
            id,
            number: u64::try_from(row.number).unwrap_or(0),
            state: row.state,
            mode: row.mode,
            steps: row.steps,
            completed: row.counts.completed,
            failed: row.counts.failed,
            cancelled: row.counts.cancelled,
            current,
            current_name,
            labels: labels.map_err(|error| damaged("labels", &error))?.unwrap_or_default(),
            idempotency_key: row.idempotency_key,
            cancel_requested: row.cancel_requested,
            submitted_at: from_millis(row.submitted_at),
            finished_at: row.finished_at.map(from_millis),
            error: error.map_err(|error| damaged("error", &error))?,
        })
    }
}

impl SequenceFilter {
    /// Those in one of these states. All, where none is named.
    pub fn states(mut self, states: impl IntoIterator<Item = SequenceState>) -> Self {
        self.query.states.extend(states);
        self
    }

    /// Those that have this label; of several calls, those that have all.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.labels.push((name.into(), value.into()));
        self
    }

    /// Those whose id begins or ends with these hexadecimal digits, as people abbreviate ids; hyphens do not count.
    pub fn id_part(mut self, digits: &str) -> Self {
        self.query.id_part = Some(digits.replace('-', "").to_uppercase());
        self
    }

    /// Those that were accepted before the one of this [number](Sequence::number): to go on with a list.
    pub fn before(mut self, number: u64) -> Self {
        self.query.before = Some(i64::try_from(number).unwrap_or(i64::MAX));
        self
    }

    /// Those that ended before this time.
    pub fn ended_before(mut self, time: SystemTime) -> Self {
        self.query.ended_before = Some(to_millis(time));
        self
    }

    pub(super) fn query(&self) -> &SequenceQuery {
        &self.query
    }
}
