//! The way of a stream's items from the guest to the caller: bounded, and taken all at once.
//!
//! The reader takes whatever is there under one lock, so that a fast guest and a fast caller wake each other once for
//! many items, not once for each.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::value::Value;

/// What waits for the caller at most, before the guest has to.
const PENDING_ITEMS: usize = 1024;
const PENDING_BYTES: usize = 4 << 20;

/// Makes both ends.
pub(super) fn pipe() -> (PipeWriter, PipeReader) {
    let shared = Arc::new(Mutex::new(State::default()));
    (PipeWriter { shared: shared.clone() }, PipeReader { shared, taken: VecDeque::new() })
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Value>,
    bytes: usize,
    /// One of the ends is gone.
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The end into which an instance puts items.
#[derive(Debug)]
pub(super) struct PipeWriter {
    shared: Arc<Mutex<State>>,
}

/// The end from which the caller takes them; a [`Stream`](futures::Stream) of items.
#[derive(Debug)]
pub(crate) struct PipeReader {
    shared: Arc<Mutex<State>>,
    taken: VecDeque<Value>,
}

/// The other end is gone.
#[derive(Debug)]
pub(super) struct Closed;

impl PipeWriter {
    /// Waits until there is room.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = lock(&self.shared);
        if state.closed {
            return Poll::Ready(Err(Closed));
        }
        if state.items.len() < PENDING_ITEMS && state.bytes < PENDING_BYTES {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Puts items in, after there was room.
    pub(super) fn send(&mut self, items: impl IntoIterator<Item = Value>) -> Result<(), Closed> {
        let mut state = lock(&self.shared);
        if state.closed {
            return Err(Closed);
        }
        for item in items {
            state.bytes = state.bytes.saturating_add(item.len());
            state.items.push_back(item);
        }
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        let reader = {
            let mut state = lock(&self.shared);
            state.closed = true;
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl futures::Stream for PipeReader {
    type Item = Value;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Value>> {
        let this = &mut *self;
        if let Some(item) = this.taken.pop_front() {
            return Poll::Ready(Some(item));
        }
        let mut state = lock(&this.shared);
        std::mem::swap(&mut state.items, &mut this.taken);
        state.bytes = 0;
        let Some(item) = this.taken.pop_front() else {
            if state.closed {
                return Poll::Ready(None);
            }
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        };
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Some(item))
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let writer = {
            let mut state = lock(&self.shared);
            state.closed = true;
            state.items.clear();
            state.writer.take()
        };
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn ready(writer: &mut PipeWriter) -> Option<Result<(), Closed>> {
        std::future::poll_fn(|context| writer.poll_ready(context)).now_or_never()
    }

    fn item(size: usize) -> Value {
        Value::blob("a/b", vec![0; size])
    }

    #[test]
    fn items_arrive_in_order_and_the_end_is_seen_after_them() {
        let (mut writer, mut reader) = pipe();
        assert!(reader.next().now_or_never().is_none());
        writer.send([item(1), item(2)]).unwrap();
        drop(writer);
        let lengths: Vec<usize> = reader.map(|item| item.len()).collect().now_or_never().unwrap();
        assert_eq!(lengths, [1, 2]);
    }

    #[test]
    fn the_writer_waits_for_room_in_items_and_in_bytes() {
        let (mut writer, mut reader) = pipe();
        writer.send((0..PENDING_ITEMS).map(|_| item(0))).unwrap();
        assert!(ready(&mut writer).is_none());
        reader.next().now_or_never().unwrap().unwrap();
        assert!(ready(&mut writer).unwrap().is_ok(), "the reader took all of them");
        writer.send([item(PENDING_BYTES)]).unwrap();
        assert!(ready(&mut writer).is_none());
    }

    #[test]
    fn a_reader_that_is_gone_is_noticed() {
        let (mut writer, reader) = pipe();
        drop(reader);
        assert!(ready(&mut writer).unwrap().is_err());
        assert!(writer.send([item(1)]).is_err());
    }
}
