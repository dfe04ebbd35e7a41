//! Accepting sequences.

use std::sync::Arc;

use super::new::NewSequence;
use super::reference::Uses;
use crate::error::{Error, Result};
use crate::queue::blobs::Pin;
use crate::queue::event::{Cause, JobEvent};
use crate::queue::id::{JobId, SequenceId};
use crate::queue::new_job::NewJob;
use crate::queue::submit::{Hash, labels_json, waiting};
use crate::queue::{Inner, Queue};
use crate::store::{About, Batch, Fault, JobState, Keyed, NewRow, NewSequenceRow, NewStep};

impl Queue {
    /// Accepts a sequence: when this returns its id, all its steps are jobs on the disk, and are run in their order
    /// whatever happens to this process.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where the sequence or one of its steps cannot be what it says, a reference is to no earlier step,
    /// or the idempotency key belongs to another sequence; what [`Runs::check`](crate::Runs::check) says against a step,
    /// or [`Runs::check_step`](crate::Runs::check_step), where its input is not known yet; `resource-exhausted`, where
    /// the disk is full; `transient`, where the queue is closed. Nothing is stored then. The message says which step it
    /// is.
    ///
    /// # Cancellation
    ///
    /// Dropping the future may leave the sequence accepted. An idempotency key lets it be submitted again.
    pub async fn submit_sequence(&self, sequence: NewSequence) -> Result<SequenceId> {
        let inner = self.inner();
        let mut sequence = sequence;
        let uses = sequence.validate()?;
        inner.open()?;
        inner.check(&mut sequence, &uses).await?;
        let accepted = Accepted::prepare(inner, sequence, uses).await?;
        let (accepted, pins) = (Arc::new(accepted.0), accepted.1);
        let accept = {
            let accepted = accepted.clone();
            move |batch: &mut Batch<'_>| accept(batch, &accepted)
        };
        let schedule = {
            let inner = inner.clone();
            let accepted = accepted.clone();
            move |done: &Result<Done>| {
                if let Ok(Done::New(numbers)) = done {
                    let mut schedule = inner.schedule();
                    schedule.sequences.begun(SequenceId::of(accepted.row.id));
                    for (step, number) in accepted.steps.iter().zip(numbers) {
                        schedule.add(&waiting(JobId::of(step.id), *number, step));
                    }
                    drop(schedule);
                    inner.changed.notify_one();
                }
                // The rows are there, or never will be.
                drop(pins);
            }
        };
        match inner.writer.write("store a sequence in", accept, schedule).await? {
            Done::New(_) => Ok(SequenceId::of(accepted.row.id)),
            Done::Before(id) => Ok(id),
        }
    }
}

impl Inner {
    /// Holds each step against what is known of its instance and action.
    async fn check(&self, sequence: &mut NewSequence, uses: &[Vec<Uses>]) -> Result<()> {
        for (place, (step, uses)) in sequence.steps.iter_mut().zip(uses).enumerate() {
            let checked = if uses.is_empty() {
                self.runner.check(&mut step.job).await
            } else {
                self.runner.check_step(&mut step.job).await
            };
            checked
                .and_then(|()| self.fits(step.job.instance()))
                .map_err(|error| of_step(place, step.name.as_deref(), error))?;
        }
        Ok(())
    }
}

/// An error that says which step it is of.
pub(super) fn of_step(place: usize, name: Option<&str>, error: Error) -> Error {
    let of = |message: &mut String| {
        let name = name.map(|name| format!(" (`{name}`)")).unwrap_or_default();
        *message = format!("step {place}{name}: {message}");
    };
    match error {
        Error::InvalidInput(mut invalid) => {
            of(&mut invalid.message);
            Error::InvalidInput(invalid)
        }
        Error::ResourceExhausted(mut shortfall) => {
            of(&mut shortfall.message);
            Error::ResourceExhausted(shortfall)
        }
        Error::Transient { mut message, retry_after } => {
            of(&mut message);
            Error::Transient { message, retry_after }
        }
        Error::Fatal { mut message } => {
            of(&mut message);
            Error::Fatal { message }
        }
        // These name the plugin.
        other => other,
    }
}

/// What is stored of a sequence.
struct Accepted {
    row: NewSequenceRow,
    steps: Vec<NewRow>,
}

impl Accepted {
    async fn prepare(
        inner: &Arc<Inner>,
        sequence: NewSequence,
        uses: Vec<Vec<Uses>>,
    ) -> Result<(Self, Vec<Pin>)> {
        let hash = sequence.hash();
        let NewSequence { mode, labels, idempotency_key, steps } = sequence;
        let row = NewSequenceRow {
            id: *SequenceId::new().as_bytes(),
            mode,
            steps: u32::try_from(steps.len()).unwrap_or(u32::MAX),
            labels: labels_json(&labels)?,
            idempotency: idempotency_key.map(|key| (key, hash)),
        };
        let (mut rows, mut pins) = (Vec::with_capacity(steps.len()), Vec::new());
        for (place, (step, uses)) in (0..).zip(steps.into_iter().zip(uses)) {
            let mut job: NewJob = step.job;
            job.options.uses = uses;
            let step = NewStep { sequence_id: row.id, step: place, name: step.name, held: place > 0 };
            let (row, pin) = inner.row(JobId::new(), job, None, Some(step)).await?;
            rows.push(row);
            pins.extend(pin);
        }
        Ok((Self { row, steps: rows }, pins))
    }
}

impl NewSequence {
    /// The SHA-256 of what its key stands for: what is run on what, in which order.
    fn hash(&self) -> [u8; 32] {
        let mut hash = Hash::new();
        hash.part(self.mode.as_str().as_bytes());
        for step in &self.steps {
            hash.part(step.name.as_deref().unwrap_or_default().as_bytes());
            hash.part(step.job.instance.as_bytes());
            hash.job(&step.job);
        }
        hash.finish()
    }
}

enum Done {
    /// With the numbers of the jobs.
    New(Vec<i64>),
    Before(SequenceId),
}

fn accept(batch: &mut Batch<'_>, accepted: &Accepted) -> Result<Done, Fault> {
    let Accepted { row, steps } = accepted;
    if let Some((key, hash)) = &row.idempotency
        && let Some(Keyed { id, hash: known }) = batch.keyed_sequence(key)?
    {
        let id = SequenceId::of(id);
        if known == *hash {
            return Ok(Done::Before(id));
        }
        return Err(Fault::Told(Error::invalid(format!(
            "the idempotency key `{key}` belongs to sequence {id}, which has other steps; use another key, or purge that \
             sequence"
        ))));
    }
    batch.insert_sequence(row)?;
    let about = About { sequence_id: Some(&row.id), ..About::default() };
    batch.tell(about, JobEvent::SequenceStarted { steps: row.steps, cause: Cause::Submitted }.json()?)?;
    let event = JobEvent::state(JobState::Pending, Cause::Submitted).json()?;
    let mut numbers = Vec::with_capacity(steps.len());
    for step in steps {
        numbers.push(batch.insert_job(step)?);
        batch.tell(step.about(), event.clone())?;
    }
    Ok(Done::New(numbers))
}
