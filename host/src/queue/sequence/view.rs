//! What is known of a sequence.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::queue::id::SequenceId;
use crate::queue::job::Failure;
use crate::queue::time::rfc3339;
use crate::store::{SequenceMode, SequenceState};

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
