//! What is submitted, with its options.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::retry::Retry;
use super::sequence::Uses;
use crate::error::{Error, Result};
use crate::value::Value;

/// The longest name of an instance, an action, a lane or a label, and the longest idempotency key, in bytes.
const NAME_BYTES: usize = 256;

/// The longest value of a label, in bytes.
const LABEL_BYTES: usize = 1024;

/// Labels of one job at most.
const LABELS: usize = 64;

/// A job that is about to be submitted: one action on one instance, and how it is to be run.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use cjm_host::{NewJob, Retry};
///
/// let job = NewJob::new("transcriber", "transcribe", serde_json::json!({ "file": "/in/a.wav" }))
///     .priority(10)
///     .timeout(Duration::from_secs(600))
///     .retry(Retry::times(3))
///     .idempotency_key("a.wav")
///     .label("customer", "acme")
///     .lane("gpu");
/// assert_eq!(job.action(), "transcribe");
/// ```
///
/// # As JSON or TOML
///
/// The same, as the local API and files take it; all but `instance` and `action` may be left out, unknown fields are
/// errors. The input is the value of `input`, which is kept as it was written, or the bytes of a `blob`.
///
/// ```
/// let job: cjm_host::NewJob = serde_json::from_str(
///     r#"{
///         "instance": "transcriber", "action": "transcribe", "input": { "file": "/in/a.wav" },
///         "priority": 10, "timeout": "10m", "retry": { "times": 3, "first": "1s", "longest": "5m" },
///         "interrupted": "fail", "idempotency-key": "a.wav", "labels": { "customer": "acme" }, "lane": "gpu",
///         "not-before": "2030-01-31T12:00:00Z", "deadline": "2030-02-01T12:00:00Z", "keep-result": false
///     }"#,
/// )?;
/// let job: cjm_host::NewJob = serde_json::from_str(
///     r#"{ "instance": "thumbnail", "action": "thumbnail", "blob": { "media-type": "image/png", "base64": "iVBO" } }"#,
/// )?;
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct NewJob {
    pub(super) instance: String,
    pub(super) action: String,
    pub(super) input: Value,
    pub(super) priority: i32,
    pub(super) not_before: Option<SystemTime>,
    pub(super) deadline: Option<SystemTime>,
    pub(super) idempotency_key: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) lane: Option<String>,
    pub(super) options: Options,
}

/// What is looked at only when the job runs; stored as JSON.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Options {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timeout_ms: Option<u64>,
    #[serde(default)]
    pub(super) retry: Retry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) interrupted: Option<Interrupted>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) drop_result: bool,
    /// The plugin that its instance was of when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plugin: Option<String>,
    /// Of a step of a sequence: the steps whose results its input uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) uses: Vec<Uses>,
}

/// What becomes of a job whose attempt ended because the process did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interrupted {
    /// It is run again, as the next attempt: for actions that can be repeated.
    #[default]
    Retry,
    /// It fails: for actions that must not happen twice.
    Fail,
}

impl NewJob {
    /// A job with the default options: priority 0, at once, no retries, run again after a crash.
    pub fn new(instance: impl Into<String>, action: impl Into<String>, input: impl Into<Value>) -> Self {
        Self {
            instance: instance.into(),
            action: action.into(),
            input: input.into(),
            priority: 0,
            not_before: None,
            deadline: None,
            idempotency_key: None,
            labels: BTreeMap::new(),
            lane: None,
            options: Options::default(),
        }
    }

    /// Jobs of a higher priority go before those of a lower one; among equals, the older goes first. A steady stream of
    /// higher ones keeps the lower ones waiting.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Not before this time, to the millisecond.
    pub fn not_before(mut self, time: SystemTime) -> Self {
        self.not_before = Some(time);
        self
    }

    /// Not after this time: a job that waits then fails as `timed-out`, and one that runs is stopped.
    pub fn deadline(mut self, time: SystemTime) -> Self {
        self.deadline = Some(time);
        self
    }

    /// Time on the wall that one attempt may take, to the millisecond.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout_ms = Some(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// How often, and how long after, an attempt that failed with a retriable error is made again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.options.retry = retry;
        self
    }

    /// What becomes of the job if the process ends while it runs. Default: what its runner says; of a plugin's action
    /// that is idempotent, it is run again, and of another it fails.
    pub fn interrupted(mut self, interrupted: Interrupted) -> Self {
        self.options.interrupted = Some(interrupted);
        self
    }

    /// The same, where nothing was said of it yet.
    pub fn interrupted_or(&mut self, interrupted: Interrupted) {
        self.options.interrupted.get_or_insert(interrupted);
    }

    /// Says which plugin the instance is of: for a runner to know, and not for whoever submits.
    pub fn is_for(&mut self, plugin: impl Into<String>) {
        self.options.plugin = Some(plugin.into());
    }

    /// Of several submissions to one instance with the same key, only the first is a job; the others get its id. The
    /// key is free again when that job is purged. At most 256 bytes.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Marks the job for whoever looks for it. At most 64 labels, with names of 256 bytes and values of 1,024.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Jobs of one lane share its concurrency, whatever instances they run on. A lane runs one job at a time, unless
    /// [`QueueBuilder::lane`](crate::QueueBuilder::lane) says otherwise.
    pub fn lane(mut self, lane: impl Into<String>) -> Self {
        self.lane = Some(lane.into());
        self
    }

    /// Whether the result is stored. Default: it is.
    pub fn keep_result(mut self, keep: bool) -> Self {
        self.options.drop_result = !keep;
        self
    }

    /// The id of the instance that it is to run on.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The action.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The input.
    pub fn input(&self) -> &Value {
        &self.input
    }

    /// Holds it against the limits that hold for all jobs.
    pub(super) fn validate(&self) -> Result<()> {
        name("instance", &self.instance)?;
        name("action", &self.action)?;
        if let Some(lane) = &self.lane {
            name("lane", lane)?;
        }
        if let Some(key) = &self.idempotency_key {
            name("idempotency key", key)?;
        }
        check_labels(&self.labels)?;
        if let (Some(from), Some(to)) = (self.not_before, self.deadline)
            && from >= to
        {
            return Err(Error::invalid(
                "the job is not to begin before its deadline has passed; set an earlier `not-before`, or a later \
                 `deadline`",
            ));
        }
        if self.options.timeout_ms == Some(0) {
            return Err(Error::invalid(
                "a timeout of nothing lets no job run; set one of a millisecond or more",
            ));
        }
        self.options.retry.validate()
    }
}

/// Holds labels against their limits.
pub(super) fn check_labels(labels: &BTreeMap<String, String>) -> Result<()> {
    if labels.len() > LABELS {
        return Err(Error::invalid(format!(
            "a job or a sequence has {LABELS} labels at most, and this one {}; put the rest into an input",
            labels.len()
        )));
    }
    for (label, value) in labels {
        name("label", label)?;
        if value.len() > LABEL_BYTES {
            return Err(Error::invalid(format!(
                "the label `{label}` is {} bytes long, over the limit of {LABEL_BYTES}; put it into an input",
                value.len()
            )));
        }
    }
    Ok(())
}

/// Holds a name against the limits of all names.
pub(super) fn name(what: &str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid(format!("the {what} must not be empty; name one")));
    }
    if text.len() > NAME_BYTES {
        return Err(Error::invalid(format!(
            "the {what} is {} bytes long, over the limit of {NAME_BYTES}; shorten it",
            text.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn job() -> NewJob {
        NewJob::new("i", "a", serde_json::json!(1))
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_with_what_to_do() {
        let later = UNIX_EPOCH + Duration::from_secs(1);
        let labels = (0..65).fold(job(), |job, n| job.label(n.to_string(), ""));
        for (bad, says) in [
            (NewJob::new("", "a", serde_json::json!(1)), "the instance must not be empty"),
            (NewJob::new("i", "x".repeat(257), serde_json::json!(1)), "the action is 257 bytes long"),
            (job().lane(""), "the lane"),
            (job().idempotency_key("k".repeat(300)), "the idempotency key"),
            (labels, "64 labels at most"),
            (job().label("l", "x".repeat(1025)), "the label `l` is 1025 bytes long"),
            (job().not_before(later).deadline(UNIX_EPOCH), "before its deadline has passed"),
            (job().timeout(Duration::from_micros(9)), "a timeout of nothing"),
            (job().retry(Retry { first: Duration::MAX, ..Retry::times(1) }), "at most a day"),
        ] {
            let error = bad.validate().unwrap_err();
            assert_eq!(error.category(), crate::error::Category::InvalidInput);
            assert!(error.to_string().contains(says), "{error}");
        }
        job().label("l", "v").lane("x").not_before(UNIX_EPOCH).deadline(later).validate().unwrap();
    }
}
