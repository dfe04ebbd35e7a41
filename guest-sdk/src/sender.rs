//! The way by which a streaming action gives its results.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::error::Result;
use crate::runtime::Channel;
use crate::value::Output;

/// Takes the results of a streaming action, one by one.
///
/// An `async fn` that takes one is a streaming action. The stream ends when the action returns; what it returns says how
/// the work ended.
///
/// ```
/// # use cjm_guest::{NoConfig, Plugin, Result, Sender};
/// # struct Counter;
/// # impl Plugin for Counter {
/// #     type Config = NoConfig;
/// #     fn new(_: NoConfig) -> Result<Self> { Ok(Self) }
/// # }
/// #[cjm_guest::actions]
/// impl Counter {
///     /// Counts from 1 to a number.
///     async fn count(&self, to: u32, mut out: Sender<u32>) -> Result<()> {
///         for n in 1..=to {
///             out.send(n).await?;
///         }
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Sender<T> {
    sink: Sink<T>,
}

#[derive(Debug)]
enum Sink<T> {
    /// For `execute` on a streaming action, and for tests.
    Items(Rc<RefCell<Vec<T>>>),
    Channel(Channel, PhantomData<fn(T)>),
}

impl<T> Sender<T> {
    /// A sender whose items are kept.
    pub(crate) fn collecting() -> (Self, Rc<RefCell<Vec<T>>>) {
        let items = Rc::default();
        (Self { sink: Sink::Items(Rc::clone(&items)) }, items)
    }
}

impl<T: Output> Sender<T> {
    pub(crate) fn over(channel: Channel) -> Self {
        Self { sink: Sink::Channel(channel, PhantomData) }
    }

    /// Gives one result. Waits while nobody reads: so the work goes no faster than its reader.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`](crate::Error::Cancelled) where the reader has lost interest or cancellation was requested:
    /// return it with `?`. Fatal where the item cannot be serialized.
    pub async fn send(&mut self, item: T) -> Result<()> {
        match &mut self.sink {
            Sink::Items(items) => {
                items.borrow_mut().push(item);
                Ok(())
            }
            Sink::Channel(channel, _) => channel.send(item.into_value()?).await,
        }
    }
}
