//! How a queue runs its jobs, and for how long it keeps them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::units::{Count, Unit, amount, limit};

/// How a queue runs its jobs: the keys and values of `[queue]` in `cjm.toml`.
///
/// # Examples
///
/// ```
/// use cjm_host::QueueOptions;
///
/// let options: QueueOptions = serde_json::from_str(r#"{ "memory": "8 GiB", "lanes": { "gpu": 1 } }"#).unwrap();
/// assert_eq!(options.memory, Some(8 << 30));
/// assert_eq!(options.concurrency, QueueOptions::default().concurrency);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct QueueOptions {
    /// Jobs that run at once, at least 1. Default: 256.
    #[serde(deserialize_with = "at_least_one")]
    pub concurrency: usize,
    /// Jobs of a lane that run at once, at least 1. Of a lane that is not named here: 1.
    #[serde(deserialize_with = "lanes")]
    pub lanes: BTreeMap<String, usize>,
    /// How often a job may be interrupted by the end of its process before it fails: it may be what ends it. Default: 5.
    pub interruptions: u32,
    /// How much is kept of the backtraces of traps.
    pub backtraces: Backtraces,
    /// What becomes of a job for which the machine has no room now.
    pub admission: Admission,
    /// How long such a job waits, before it fails. In milliseconds where it is serialized. Default: without end.
    #[serde(with = "limit")]
    pub admission_timeout: Option<Duration>,
    /// Memory that running jobs and loaded instances may take up together, in bytes. Default: what the machine has.
    #[serde(with = "limit")]
    pub memory: Option<u64>,
    /// The same of the memory of all GPUs. Default: what the machine has.
    #[serde(with = "limit")]
    pub gpu_memory: Option<u64>,
    /// How often it is told what a running job uses; none: never. In milliseconds where it is serialized. Default: 1 s.
    #[serde(with = "limit")]
    pub snapshot_interval: Option<Duration>,
    /// How long jobs that have ended, and events, are kept.
    pub retention: Retention,
}

/// How much is kept of the backtrace of a trap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backtraces {
    /// All frames.
    #[default]
    Full,
    /// The three innermost frames.
    Summary,
    /// None.
    None,
}

/// What becomes of a job that needs more memory or GPU memory than is free when it is its turn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// It runs: nobody looks at resources.
    Permissive,
    /// It fails as `resource-exhausted`, with what it is short of.
    Safe,
    /// It waits until there is room, or its time is over.
    #[default]
    Queue,
}

/// How long jobs that have ended, and events, are kept. What is pending or runs is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Retention {
    /// Jobs that have ended at most; those that ended first go first, steps with their whole sequence. Default: 100,000.
    #[serde(serialize_with = "limit::serialize", deserialize_with = "count_or_none")]
    pub jobs: Option<u64>,
    /// The time since a job has ended. In milliseconds where it is serialized. Default: 30 days.
    #[serde(with = "limit")]
    pub job_age: Option<Duration>,
    /// Events at most; the oldest go first. Default: 1,000,000.
    #[serde(serialize_with = "limit::serialize", deserialize_with = "count_or_none")]
    pub events: Option<u64>,
    /// The age of an event. In milliseconds where it is serialized. Default: 30 days.
    #[serde(with = "limit")]
    pub event_age: Option<Duration>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            concurrency: 256,
            lanes: BTreeMap::new(),
            interruptions: 5,
            backtraces: Backtraces::default(),
            admission: Admission::default(),
            admission_timeout: None,
            memory: None,
            gpu_memory: None,
            snapshot_interval: Some(Duration::from_secs(1)),
            retention: Retention::default(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        Self { jobs: Some(100_000), job_age: Some(month), events: Some(1_000_000), event_age: Some(month) }
    }
}

fn count_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(limit::deserialize::<Count, D>(deserializer)?.map(|count| count.to_number()))
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    positive(amount::deserialize(deserializer)?)
}

fn lanes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, usize>, D::Error> {
    let lanes = BTreeMap::<String, u64>::deserialize(deserializer)?;
    lanes.into_iter().map(|(lane, jobs)| Ok((lane, positive(Count(jobs))?))).collect()
}

fn positive<E: serde::de::Error>(count: Count) -> Result<usize, E> {
    match usize::try_from(count.to_number()) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(E::custom("at least one job has to run at once, or none ever would")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_units_and_machines_numbers() {
        let options: QueueOptions = toml::from_str(
            r#"
            concurrency = 32
            backtraces = "summary"
            admission = "safe"
            admission-timeout = "10m"
            memory = "12 GiB"
            snapshot-interval = "none"
            lanes = { gpu = 1, "net work" = 8 }
            [retention]
            jobs = "none"
            event-age = "7d"
            "#,
        )
        .unwrap();
        let expected = QueueOptions {
            concurrency: 32,
            lanes: BTreeMap::from([("gpu".to_owned(), 1), ("net work".to_owned(), 8)]),
            backtraces: Backtraces::Summary,
            admission: Admission::Safe,
            admission_timeout: Some(Duration::from_secs(600)),
            memory: Some(12 << 30),
            snapshot_interval: None,
            retention: Retention {
                jobs: None,
                event_age: Some(Duration::from_secs(7 * 24 * 60 * 60)),
                ..Retention::default()
            },
            ..QueueOptions::default()
        };
        assert_eq!(options, expected);
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<QueueOptions>(&json).unwrap(), options);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (toml, says) in [
            ("concurrency = 0", "at least one job"),
            ("lanes = { gpu = 0 }", "at least one job"),
            ("memory = \"lots\"", "256 MiB"),
            ("admission = \"maybe\"", "unknown variant"),
            ("speed = 1", "unknown field"),
            ("[retention]\nage = 1", "unknown field"),
            ("[retention]\njobs = \"1 MiB\"", "a number"),
        ] {
            let error = toml::from_str::<QueueOptions>(toml).unwrap_err().to_string();
            assert!(error.contains(says), "{toml}: {error}");
        }
    }
}
