//! Streaming actions in their three forms (sender, iterator, stream), each read to its end or fed into a channel.

use std::future::{Future, poll_fn};
use std::pin::pin;

use futures_core::Stream;

use super::{ActionResult, Channel};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sender::Sender;
use crate::value::{Output, Value};

/// A JSON array that grows by an item at a time.
struct JsonArray(String);

impl JsonArray {
    fn new() -> Self {
        Self("[".to_owned())
    }

    fn push<T: Output>(&mut self, item: T) -> Result<()> {
        match item.into_value()? {
            Value::Json(text) => {
                if self.0.len() > 1 {
                    self.0.push(',');
                }
                self.0.push_str(&text);
                Ok(())
            }
            Value::Blob(_) => {
                Err(Error::invalid("the results of this action are blobs, which only a stream can carry"))
            }
        }
    }

    fn into_value(mut self) -> Value {
        self.0.push(']');
        Value::Json(self.0)
    }
}

/// `execute` on an action that takes a sender.
pub async fn collect_sender<T, F>(action: impl FnOnce(Sender<T>) -> F) -> Result<Value>
where
    T: Output,
    F: Future<Output: ActionResult<Output = ()>>,
{
    let (sender, items) = Sender::collecting();
    action(sender).await.into_result()?;
    let mut array = JsonArray::new();
    for item in items.take() {
        array.push(item)?;
    }
    Ok(array.into_value())
}

/// `execute` on an action that gives an iterator.
pub fn collect_iter<I>(job: &Job, items: I) -> Result<Value>
where
    I: Iterator<Item: ActionResult<Output: Output>>,
{
    let mut array = JsonArray::new();
    for item in items {
        job.check_cancelled()?;
        array.push(item.into_result()?)?;
    }
    Ok(array.into_value())
}

/// `execute` on an action that gives a stream.
pub async fn collect_stream<S>(job: &Job, items: S) -> Result<Value>
where
    S: Stream<Item: ActionResult<Output: Output>>,
{
    let mut items = pin!(items);
    let mut array = JsonArray::new();
    while let Some(item) = poll_fn(|context| items.as_mut().poll_next(context)).await {
        job.check_cancelled()?;
        array.push(item.into_result()?)?;
    }
    Ok(array.into_value())
}

/// `execute-stream` on an action that takes a sender.
pub async fn feed_sender<T, F>(out: Channel, action: impl FnOnce(Sender<T>) -> F) -> Result<()>
where
    T: Output,
    F: Future<Output: ActionResult<Output = ()>>,
{
    action(Sender::over(out)).await.into_result()
}

/// `execute-stream` on an action that gives an iterator.
pub async fn feed_iter<I>(mut out: Channel, items: I) -> Result<()>
where
    I: Iterator<Item: ActionResult<Output: Output>>,
{
    for item in items {
        out.send(item.into_result()?.into_value()?).await?;
    }
    Ok(())
}

/// `execute-stream` on an action that gives a stream.
pub async fn feed_stream<S>(mut out: Channel, items: S) -> Result<()>
where
    S: Stream<Item: ActionResult<Output: Output>>,
{
    let mut items = pin!(items);
    while let Some(item) = poll_fn(|context| items.as_mut().poll_next(context)).await {
        out.send(item.into_result()?.into_value()?).await?;
    }
    Ok(())
}

/// `execute-stream` on an action that does not stream: its one result.
pub async fn feed_one(mut out: Channel, result: Result<Value>) -> Result<()> {
    out.send(result?).await
}
