//! Accepting jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::blobs::{Pin, is_small};
use super::event::{Cause, JobEvent};
use super::id::JobId;
use super::new_job::NewJob;
use super::schedule::{Due, Waiting};
use super::time::to_millis;
use super::{Inner, Queue};
use crate::error::{Error, Result};
use crate::store::{Batch, Content, Fault, JobState, Keyed, NewRow, NewStep, Payload};
use crate::value::Value;

impl Queue {
    /// Accepts a job: when this returns its id, it is on the disk, and is run whatever happens to this process.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where the job cannot be what it says, or its idempotency key belongs to another job; what
    /// [`Runs::check`](crate::Runs::check) says against it; `resource-exhausted`, where the disk is full, or the job can
    /// never have the memory that it needs; `transient`, where the queue is closed. Nothing is stored then.
    ///
    /// # Cancellation
    ///
    /// Dropping the future may leave the job accepted. An idempotency key lets it be submitted again.
    pub async fn submit(&self, mut job: NewJob) -> Result<JobId> {
        let inner = self.inner();
        job.validate()?;
        inner.open()?;
        inner.runner.check(&mut job).await?;
        inner.fits(job.instance())?;
        let id = JobId::new();
        let idempotency = job.idempotency_key.as_ref().map(|key| (key.clone(), hash(&job)));
        let (row, pin) = inner.row(id, job, idempotency, None).await?;
        let event = JobEvent::state(JobState::Pending, Cause::Submitted).json()?;
        let row = Arc::new(row);
        let accept = {
            let row = row.clone();
            move |batch: &mut Batch<'_>| accept(batch, &row, event)
        };
        let schedule = {
            let inner = inner.clone();
            move |accepted: &Result<Accepted>| {
                if let Ok(Accepted::New(number)) = accepted {
                    inner.schedule().add(&waiting(id, *number, &row));
                    inner.changed.notify_one();
                }
                // The row is there, or never will be.
                drop(pin);
            }
        };
        match inner.writer.write("store a job in", accept, schedule).await? {
            Accepted::New(_) => Ok(id),
            Accepted::Before(id) => Ok(id),
        }
    }
}

enum Accepted {
    New(i64),
    Before(JobId),
}

fn accept(batch: &mut Batch<'_>, row: &NewRow, event: String) -> Result<Accepted, Fault> {
    if let Some((key, hash)) = &row.idempotency
        && let Some(Keyed { id, hash: known }) = batch.keyed(&row.instance, key)?
    {
        let id = JobId::of(id);
        if known == *hash {
            return Ok(Accepted::Before(id));
        }
        return Err(Fault::Told(Error::invalid(format!(
            "the idempotency key `{key}` belongs to job {id}, which has another action or input; use another key, or \
             purge that job"
        ))));
    }
    let number = batch.insert_job(row)?;
    batch.tell(row.about(), event)?;
    Ok(Accepted::New(number))
}

pub(super) fn waiting(id: JobId, number: i64, row: &NewRow) -> Waiting<'_> {
    let due = match row.due_at {
        _ if row.step.as_ref().is_some_and(|step| step.held) => Due::Held,
        None => Due::Now,
        Some(at) => Due::Wall(at),
    };
    Waiting {
        id,
        number,
        instance: &row.instance,
        lane: row.lane.as_deref(),
        priority: row.priority,
        attempt: 0,
        due,
        deadline: row.deadline,
    }
}

/// The SHA-256 of what a key stands for: the action and the input.
fn hash(job: &NewJob) -> [u8; 32] {
    let mut hash = Hash::new();
    hash.job(job);
    hash.finish()
}

/// A SHA-256 of parts.
pub(super) struct Hash(Context);

impl Hash {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// With its length, so that nothing of one part can pass for a piece of another.
    pub(super) fn part(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    pub(super) fn job(&mut self, job: &NewJob) {
        let (media_type, bytes) = match &job.input {
            Value::Json(text) => ("", text.as_bytes()),
            Value::Blob(blob) => (blob.media_type.as_str(), blob.data.as_slice()),
        };
        for part in [job.action.as_bytes(), media_type.as_bytes(), bytes] {
            self.part(part);
        }
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(self.0.finish().as_ref()) {
            *to = *from;
        }
        hash
    }
}

/// Labels as they are stored.
pub(super) fn labels_json(labels: &BTreeMap<String, String>) -> Result<Option<String>> {
    if labels.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(labels)
        .map(Some)
        .map_err(|error| Error::fatal(format!("the labels cannot be written: {error}")))
}

impl Inner {
    /// # Errors
    ///
    /// `transient`, where the queue is closed or about to be.
    pub(super) fn open(&self) -> Result<()> {
        if self.schedule().closing {
            return Err(Error::Transient {
                message: "the queue is closed; submit to one that is open".to_owned(),
                retry_after: None,
            });
        }
        Ok(())
    }

    /// Takes a job apart into what is stored of it.
    pub(super) async fn row(
        self: &Arc<Self>,
        id: JobId,
        job: NewJob,
        idempotency: Option<(String, [u8; 32])>,
        step: Option<NewStep>,
    ) -> Result<(NewRow, Option<Pin>)> {
        let NewJob { instance, action, input, priority, lane, labels, options, not_before, deadline, .. } =
            job;
        let (input, pin) = self.store(Arc::new(input)).await?;
        let options = serde_json::to_string(&options)
            .map_err(|error| Error::fatal(format!("the options of a job cannot be written: {error}")))?;
        let row = NewRow {
            id: *id.as_bytes(),
            instance,
            action,
            priority,
            lane,
            labels: labels_json(&labels)?,
            options,
            idempotency,
            due_at: not_before.map(to_millis),
            deadline: deadline.map(to_millis),
            input,
            step,
        };
        Ok((row, pin))
    }

    /// Takes a value apart into what is stored of it. Small ones need no file, and so no thread to wait in.
    pub(super) async fn store(self: &Arc<Self>, value: Arc<Value>) -> Result<(Payload, Option<Pin>)> {
        if is_small(&value) {
            return self.blobs.store(&value);
        }
        self.blocking(move |inner| inner.blobs.store(&value)).await
    }

    /// The opposite.
    pub(super) async fn load(self: &Arc<Self>, payload: Payload) -> Result<Value> {
        match payload.content {
            Content::Here(_) => self.blobs.load(payload),
            Content::File(_) => self.blocking(move |inner| inner.blobs.load(payload)).await,
        }
    }
}
