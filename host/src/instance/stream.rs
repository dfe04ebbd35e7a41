//! Results as they come: from the guest's stream, through a bounded pipe, to the caller.
//!
//! The guest writes no faster than the caller reads.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wasmtime::component::{
    Accessor, FutureConsumer, Source, StreamConsumer, StreamResult, TypedFuncCallConcurrent,
};
use wasmtime::{AsContextMut, StoreContextMut};

use super::convert;
use super::live::{ExecuteStream, Outcome};
use super::pipe::{PipeReader, PipeWriter, pipe};
use super::runner::CallLimits;
use super::state::State;
use crate::capability::bindings::types;
use crate::capability::job::Job;
use crate::error::{Error, ResourceKind, Result};
use crate::value::Value;

/// Items that are taken from the guest at once.
const BATCH_ITEMS: usize = 256;

/// The end into which an instance puts items.
pub(crate) struct Items {
    pipe: PipeWriter,
    what: String,
    limits: Arc<CallLimits>,
    items: u64,
    bytes: u64,
}

impl Items {
    /// `what` names the work in errors.
    pub(crate) fn new(what: String, limits: Arc<CallLimits>) -> (Self, PipeReader) {
        let (pipe, reader) = pipe();
        (Self { pipe, what, limits, items: 0, bytes: 0 }, reader)
    }

    /// Gives the one result of an action that does not stream.
    pub(crate) fn single(mut self, value: Value) {
        // The caller may have gone away.
        let _ = self.pipe.send([value]);
    }

    /// Takes items of a guest within the limits.
    fn check(&mut self, batch: Vec<types::Value>) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(batch.len());
        for item in batch {
            let value = convert::from_guest(|| self.what.clone(), item, self.limits.output_bytes)?;
            self.items += 1;
            self.bytes += value.len() as u64;
            if self.items > self.limits.stream_items {
                return Err(self.over("items", "stream-items", self.limits.stream_items));
            }
            if self.bytes > self.limits.stream_bytes {
                return Err(self.over("bytes", "stream-bytes", self.limits.stream_bytes));
            }
            values.push(value);
        }
        Ok(values)
    }

    fn over(&self, unit: &str, limit: &str, allowed: u64) -> Error {
        Error::exhausted(
            ResourceKind::Stream,
            format!("{} streamed over its limit of {allowed} {unit}; raise `{limit}`", self.what),
            None,
            Some(allowed),
        )
    }
}

impl StreamConsumer<State> for Items {
    type Item = types::Value;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        mut source: Source<'_, types::Value>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.pipe.poll_ready(context) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let remaining = source.remaining(store.as_context_mut());
        if remaining == 0 {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let mut batch = Vec::with_capacity(remaining.min(BATCH_ITEMS));
        source.read(store, &mut batch)?;
        let batch = self.check(batch).map_err(wasmtime::Error::new)?;
        match self.pipe.send(batch) {
            Ok(()) => Poll::Ready(Ok(StreamResult::Completed)),
            Err(_) => Poll::Ready(Ok(StreamResult::Dropped)),
        }
    }
}

/// Tells, by being dropped, that the guest ended the stream.
struct Ending {
    items: Items,
    _ended: oneshot::Sender<()>,
}

impl StreamConsumer<State> for Ending {
    type Item = types::Value;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        source: Source<'_, types::Value>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        Pin::new(&mut self.items).poll_consume(context, store, source, finish)
    }
}

/// Takes the outcome that follows the stream.
struct Verdict(Option<oneshot::Sender<Outcome<()>>>);

impl FutureConsumer<State> for Verdict {
    type Item = Outcome<()>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        mut source: Source<'_, Outcome<()>>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut outcome = None;
        source.read(store, &mut outcome)?;
        if let (Some(outcome), Some(sender)) = (outcome, self.0.take()) {
            // Nobody waits any more where the call was dropped.
            let _ = sender.send(outcome);
        }
        Poll::Ready(Ok(()))
    }
}

/// A call of `execute-stream` that has begun.
type StartedStream =
    TypedFuncCallConcurrent<State, (String, types::Value), (Outcome<super::live::StreamEnds>,)>;

/// Runs a streaming action to its end. `job` is the one that it runs for where the Store runs several.
pub(super) async fn serve(
    accessor: &Accessor<State>,
    execute: ExecuteStream,
    action: String,
    input: types::Value,
    items: Items,
    job: Option<&Arc<Job>>,
) -> wasmtime::Result<Outcome<()>> {
    let (started, task) = accessor.with(|mut access| -> wasmtime::Result<_> {
        let started = execute.start_call_concurrent(&mut access, (action, input))?;
        let task = started.task();
        if let Some(job) = job {
            access.as_context_mut().data_mut().jobs.begin_task(task, job.clone());
        }
        Ok((started, task))
    })?;
    let outcome = drain(accessor, execute, started, items).await;
    if job.is_some() {
        accessor.with(|mut access| access.as_context_mut().data_mut().jobs.end_task(task));
    }
    outcome
}

async fn drain(
    accessor: &Accessor<State>,
    execute: ExecuteStream,
    started: StartedStream,
    items: Items,
) -> wasmtime::Result<Outcome<()>> {
    let (outcome,) = execute.finish_call_concurrent(accessor, started).await?;
    let (stream, verdict) = match outcome {
        Ok(ends) => ends,
        Err(error) => return Ok(Err(error)),
    };
    let (ended, stream_ended) = oneshot::channel();
    let (sender, verdict_given) = oneshot::channel();
    accessor.with(|mut store| {
        stream.pipe(&mut store, Ending { items, _ended: ended })?;
        verdict.pipe(&mut store, Verdict(Some(sender)))
    })?;
    // Dropped, not sent: both are told by the ends of the guest being closed.
    let _ = stream_ended.await;
    Ok(verdict_given.await.unwrap_or_else(|_| {
        Err(types::Error::Fatal("the plugin ended its stream without saying how it went".into()))
    }))
}
