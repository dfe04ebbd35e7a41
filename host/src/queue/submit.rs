//! Accepting jobs.

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
use crate::store::{About, Batch, Content, Fault, JobState, Keyed, NewRow, Payload};
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
        let NewJob { instance, action, input, priority, lane, labels, options, not_before, deadline, .. } =
            job;
        let (input, pin) = inner.store(Arc::new(input)).await?;
        let json = |error| Error::fatal(format!("the options of a job cannot be written: {error}"));
        let row = NewRow {
            id: *id.as_bytes(),
            instance,
            action,
            priority,
            lane,
            labels: if labels.is_empty() {
                None
            } else {
                Some(serde_json::to_string(&labels).map_err(json)?)
            },
            options: serde_json::to_string(&options).map_err(json)?,
            idempotency,
            due_at: not_before.map(to_millis),
            deadline: deadline.map(to_millis),
            input,
        };
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
    batch.tell(About { job: Some(&row.id), instance: &row.instance, ..About::default() }, event)?;
    Ok(Accepted::New(number))
}

fn waiting(id: JobId, number: i64, row: &NewRow) -> Waiting<'_> {
    Waiting {
        id,
        number,
        instance: &row.instance,
        lane: row.lane.as_deref(),
        priority: row.priority,
        attempt: 0,
        due: row.due_at.map_or(Due::Now, Due::Wall),
        deadline: row.deadline,
    }
}

/// The SHA-256 of what a key stands for: the action and the input.
fn hash(job: &NewJob) -> [u8; 32] {
    let (media_type, bytes) = match &job.input {
        Value::Json(text) => ("", text.as_bytes()),
        Value::Blob(blob) => (blob.media_type.as_str(), blob.data.as_slice()),
    };
    let mut context = Context::new(&SHA256);
    // With their lengths, so that nothing of one can pass for a part of another.
    for part in [job.action.as_bytes(), media_type.as_bytes(), bytes] {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    hash
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
