//! The latest records of an instance, for whoever asks afterwards.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use crate::event::{LogRecord, rfc3339};

/// What is kept of one instance at most: so many records, of so many bytes together.
const MAX_RECORDS: usize = 1024;
const MAX_BYTES: usize = 1 << 20;

/// What a record takes beside its texts.
const OVERHEAD_BYTES: usize = size_of::<LoggedRecord>();

/// A record that a plugin logged or printed, and when, and on behalf of which job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct LoggedRecord {
    /// When it reached the host.
    #[serde(serialize_with = "rfc3339")]
    pub at: SystemTime,
    /// The id of the job that it was logged for; of a hook or an initialization, which have jobs of their own, too.
    pub job: String,
    /// The record itself.
    #[serde(flatten)]
    pub record: LogRecord,
}

/// The latest records of an instance. Takes no memory before the first one.
#[derive(Debug, Default)]
pub(crate) struct LogRing {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<LoggedRecord>,
    bytes: usize,
}

impl LogRing {
    /// Keeps one more, at the cost of the oldest where there is no room.
    pub(crate) fn push(&self, job: &Arc<str>, record: LogRecord) {
        let logged = LoggedRecord { at: SystemTime::now(), job: job.to_string(), record };
        let mut kept = self.kept();
        kept.bytes = kept.bytes.saturating_add(size(&logged));
        kept.records.push_back(logged);
        while kept.records.len() > MAX_RECORDS || kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.records.pop_front() else { return };
            kept.bytes = kept.bytes.saturating_sub(size(&oldest));
        }
    }

    /// The records that are kept, the oldest first.
    pub(crate) fn all(&self) -> Vec<LoggedRecord> {
        self.kept().records.iter().cloned().collect()
    }

    /// Those of one job.
    pub(crate) fn of(&self, job: &str) -> Vec<LoggedRecord> {
        self.kept().records.iter().filter(|logged| logged.job == job).cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(logged: &LoggedRecord) -> usize {
    OVERHEAD_BYTES + logged.job.len() + logged.record.target.len() + logged.record.message.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LogLevel;

    fn push(ring: &LogRing, job: &str, message: &str) {
        let record = LogRecord { level: LogLevel::Info, target: "t".into(), message: message.into() };
        ring.push(&job.into(), record);
    }

    #[test]
    fn keeps_the_latest_in_records_and_in_bytes() {
        let ring = LogRing::default();
        for n in 0..MAX_RECORDS + 10 {
            push(&ring, "a", &n.to_string());
        }
        let kept = ring.all();
        assert_eq!((kept.len(), kept[0].record.message.as_str()), (MAX_RECORDS, "10"));
        for _ in 0..200 {
            push(&ring, "a", &"x".repeat(8 << 10));
        }
        let bytes: usize = ring.all().iter().map(|logged| logged.record.message.len()).sum();
        assert!((MAX_BYTES / 2..=MAX_BYTES).contains(&bytes), "{bytes}");
        push(&ring, "a", &"x".repeat(2 << 20));
        assert!(ring.all().is_empty(), "what does not fit at all is not kept");
        push(&ring, "a", "fits");
        assert_eq!(ring.all().len(), 1);
    }

    #[test]
    fn tells_jobs_apart() {
        let ring = LogRing::default();
        for (job, message) in [("a", "one"), ("b", "two"), ("a", "three")] {
            push(&ring, job, message);
        }
        let messages: Vec<_> = ring.of("a").into_iter().map(|logged| logged.record.message).collect();
        assert_eq!(messages, ["one", "three"]);
    }

    #[test]
    fn has_a_stable_structure() {
        let record = LogRecord { level: LogLevel::Warn, target: "t".into(), message: "m".into() };
        let logged = LoggedRecord { at: SystemTime::UNIX_EPOCH, job: "j".into(), record };
        assert_eq!(
            serde_json::to_value(logged).unwrap(),
            serde_json::json!({
                "at": "1970-01-01T00:00:00.000Z", "job": "j", "level": "warn", "target": "t", "message": "m",
            })
        );
    }
}
