//! The body of a response, which must keep coming.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

use super::failure;

pub(super) struct ResponseBody {
    incoming: Incoming,
    patience: Duration,
    /// Runs while the next part is waited for.
    timeout: Pin<Box<Sleep>>,
    waits: bool,
    /// A connection is taken until the body is read or dropped.
    _connection: OwnedSemaphorePermit,
}

impl ResponseBody {
    /// `patience` is how long to wait for each part, at most some years. To be called where timers are driven.
    pub(super) fn new(incoming: Incoming, patience: Duration, connection: OwnedSemaphorePermit) -> Self {
        let timeout = Box::pin(tokio::time::sleep(patience));
        Self { incoming, patience, timeout, waits: false, _connection: connection }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.incoming).poll_frame(context) {
            Poll::Ready(frame) => {
                this.waits = false;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| failure::of_hyper(&error))))
            }
            Poll::Pending => {
                // What the guest does between its reads is not counted.
                if !std::mem::replace(&mut this.waits, true) {
                    this.timeout.as_mut().reset(Instant::now() + this.patience);
                }
                match this.timeout.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(Error::ConnectionReadTimeout))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
