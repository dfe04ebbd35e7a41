//! What is submitted as a sequence.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::queue::new_job::NewJob;
use crate::store::SequenceMode;
use crate::value::Value;

/// A sequence that is about to be submitted: jobs of which each begins when the one before it has ended.
///
/// The input of a step may hold results of steps before it. A JSON object whose only member is `$result` stands for
/// one: its value is a JSON Pointer (RFC 6901) into the result of the step just before, `""` for the whole of it; or an
/// object of `step`, a name or a place from 0, and `at`, a pointer into the result of that step, `""` where it is left
/// out. It is replaced when the attempt begins. A result that is a blob can only be the whole input.
///
/// # Examples
///
/// ```
/// use cjm_host::{NewJob, NewSequence, Step};
/// use serde_json::json;
///
/// let fetch = NewJob::new("downloader", "fetch", json!({ "url": "https://example.org/talk.wav" }));
/// let transcribe = NewJob::new("transcriber", "transcribe", json!({
///     "file": { "$result": "/path" },
///     "language": "en",
/// }));
/// let report = NewJob::new("reporter", "report", json!({
///     "text": { "$result": "/text" },
///     "source": { "$result": { "step": "fetch", "at": "/path" } },
/// }));
/// let sequence = NewSequence::new([Step::new(fetch).name("fetch"), Step::new(transcribe), Step::new(report)])
///     .label("customer", "acme");
/// assert_eq!(sequence.steps().len(), 3);
/// ```
///
/// # As JSON or TOML
///
/// The same, as the local API and files take it: each step is a [`NewJob`] that may have a `name`. Where all steps run
/// the same action, its fields stand once, and `inputs` in place of `steps`. Unknown fields are errors.
///
/// ```
/// let sequence: cjm_host::NewSequence = serde_json::from_str(
///     r#"{
///         "mode": "best-effort", "labels": { "customer": "acme" }, "idempotency-key": "talk",
///         "steps": [
///             { "name": "fetch", "instance": "downloader", "action": "fetch", "input": { "url": "https://example.org/a" } },
///             { "instance": "transcriber", "action": "transcribe", "input": { "file": { "$result": "/path" } } }
///         ]
///     }"#,
/// )?;
/// let sequence: cjm_host::NewSequence = serde_json::from_str(
///     r#"{ "instance": "thumbnail", "action": "resize", "inputs": [{ "to": 64 }, { "to": 128 }], "retry": 2 }"#,
/// )?;
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewSequence {
    pub(in crate::queue) mode: SequenceMode,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::queue) labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::queue) idempotency_key: Option<String>,
    pub(in crate::queue) steps: Vec<Step>,
}

/// One job of a sequence.
#[derive(Debug, Clone)]
pub struct Step {
    pub(in crate::queue) name: Option<String>,
    pub(in crate::queue) job: NewJob,
}

impl NewSequence {
    /// Steps in their order: 1 to 10,000. A step that does not complete ends the sequence.
    pub fn new(steps: impl IntoIterator<Item = impl Into<Step>>) -> Self {
        Self {
            mode: SequenceMode::default(),
            labels: BTreeMap::new(),
            idempotency_key: None,
            steps: steps.into_iter().map(Into::into).collect(),
        }
    }

    /// The same action on the same instance for each of these inputs. Options of all steps are set with
    /// [`each`](Self::each).
    pub fn uniform(
        instance: impl Into<String>,
        action: impl Into<String>,
        inputs: impl IntoIterator<Item = impl Into<Value>>,
    ) -> Self {
        let (instance, action) = (instance.into(), action.into());
        Self::new(inputs.into_iter().map(|input| NewJob::new(instance.clone(), action.clone(), input)))
    }

    /// What a step that does not complete does to those after it. Default: they are cancelled.
    pub fn mode(mut self, mode: SequenceMode) -> Self {
        self.mode = mode;
        self
    }

    /// Of several submissions with the same key, only the first is a sequence; the others get its id. The key is free
    /// again when that sequence is purged. At most 256 bytes.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Marks the sequence for whoever looks for it; its steps have labels of their own. At most 64 labels, with names of
    /// 256 bytes and values of 1,024.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// One more step at the end.
    pub fn step(mut self, step: impl Into<Step>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// Changes the job of each step that there is so far.
    pub fn each(mut self, change: impl Fn(NewJob) -> NewJob) -> Self {
        self.steps =
            self.steps.into_iter().map(|Step { name, job }| Step { name, job: change(job) }).collect();
        self
    }

    /// The steps in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl Step {
    /// A step with the options of this job, which cannot have an idempotency key of its own.
    pub fn new(job: NewJob) -> Self {
        Self { name: None, job }
    }

    /// The name by which later steps call its result, and by which it is shown. No other step of the sequence may have
    /// it. At most 256 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The job.
    pub fn job(&self) -> &NewJob {
        &self.job
    }
}

impl From<NewJob> for Step {
    fn from(job: NewJob) -> Self {
        Step::new(job)
    }
}
