//! A stream of results to the host.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use wit_bindgen::StreamWriter;

use super::bindings::imports::cjm::plugin::cancellation;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::value::Value;

pub(crate) struct Writer {
    stream: StreamWriter<Value>,
    /// Started by the first write that has to wait and kept for those after it: one host call for a stream, not one for
    /// an item.
    cancelled: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    pub(crate) fn new(stream: StreamWriter<Value>) -> Self {
        Self { stream, cancelled: None }
    }

    /// Waits until the value was read, unless the job is cancelled or the reader goes away.
    pub(crate) async fn send(&mut self, value: Value) -> Result<()> {
        Job::current().check_cancelled()?;
        let mut write = pin!(self.stream.write_one(value));
        let cancelled = &mut self.cancelled;
        poll_fn(|context| {
            if let Poll::Ready(refused) = write.as_mut().poll(context) {
                return Poll::Ready(if refused.is_none() { Ok(()) } else { Err(Error::Cancelled) });
            }
            let cancelled = cancelled.get_or_insert_with(|| Box::pin(cancellation::requested()));
            cancelled.as_mut().poll(context).map(|()| Err(Error::Cancelled))
        })
        .await
    }
}
