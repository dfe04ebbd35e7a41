//! The results of a call, one by one.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{future::poll_fn, sync::Arc};

use futures::Stream;
use tokio::task::JoinHandle;

use super::running::{Canceller, joined};
use crate::capability::job::Job;
use crate::error::Result;
use crate::instance::PipeReader;
use crate::value::Value;

/// The results of a call as they come; a [`Stream`]. After the last one, or after an error, it ends.
///
/// Dropping it cancels the call.
#[derive(Debug)]
pub struct ResultStream {
    handle: Canceller,
    items: PipeReader,
    task: Option<JoinHandle<Result<()>>>,
}

impl ResultStream {
    pub(super) fn new(job: Arc<Job>, items: PipeReader, task: JoinHandle<Result<()>>) -> Self {
        Self { handle: Canceller::new(job), items, task: Some(task) }
    }

    /// Waits for the next result; none after the last. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Value>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// A handle that can be used while this one is awaited.
    pub fn canceller(&self) -> Canceller {
        self.handle.clone()
    }
}

impl std::ops::Deref for ResultStream {
    type Target = Canceller;

    fn deref(&self) -> &Canceller {
        &self.handle
    }
}

impl Stream for ResultStream {
    type Item = Result<Value>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Value>>> {
        if let Some(value) = ready!(Pin::new(&mut self.items).poll_next(context)) {
            return Poll::Ready(Some(Ok(value)));
        }
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let ended = ready!(Pin::new(task).poll(context));
        self.task = None;
        Poll::Ready(joined(ended).err().map(Err))
    }
}

impl Drop for ResultStream {
    fn drop(&mut self) {
        if self.task.is_some() {
            self.handle.cancel();
        }
    }
}
