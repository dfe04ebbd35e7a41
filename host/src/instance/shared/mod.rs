//! Several calls at a time in one instance, interleaved where they await.
//!
//! wasmtime gives one task the Store for as long as anything in it runs, so that a task of its own drives the
//! instance, and callers send it their work. A call that must be stopped by force takes the Store with it: the
//! others that were in it are told that they may try again.

mod driver;
mod round;
mod serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

use super::blueprint::Blueprint;
use super::live::Live;
use super::options::Choices;
use super::runner::{Undone, Work, closed, turn};
use super::stream::Items;
use crate::capability::job::Job;
use crate::error::{Error, Result};
use crate::value::Value;
use driver::Driver;

pub(crate) struct Shared {
    blueprint: Arc<Blueprint>,
    sender: mpsc::Sender<Message>,
    /// Ends with the driver.
    ended: futures::future::Shared<oneshot::Receiver<()>>,
}

enum Message {
    Call(Box<Call>),
    /// What runs between two calls.
    Request(Request),
}

enum Request {
    Prefetch(Duration, oneshot::Sender<Result<()>>),
    Switch(bool, oneshot::Sender<Result<()>>),
    ConfigOptions(oneshot::Sender<Result<Choices>>),
    Reconfigure(Arc<str>, oneshot::Sender<Result<()>>),
    Evict(oneshot::Sender<Result<bool>>),
    /// Ends the driver, after the messages that were sent before.
    Close,
}

struct Call {
    work: Work,
    reply: Reply,
    /// Raised by whoever is first: the driver that begins the call, or the caller that cancels it before.
    taken: Arc<AtomicBool>,
}

enum Reply {
    Value(oneshot::Sender<Result<Value>>),
    Stream(Items, oneshot::Sender<Result<()>>),
}

impl Shared {
    pub(super) async fn start(blueprint: Arc<Blueprint>) -> Result<Self> {
        let live = Live::start(&blueprint, None).await?;
        let (sender, receiver) = mpsc::channel(1);
        let (end, ended) = oneshot::channel();
        let driver = Driver::new(blueprint.clone(), live, receiver);
        tokio::spawn(async move {
            driver.run().await;
            // Nobody may be left to hear it.
            let _ = end.send(());
        });
        Ok(Self { blueprint, sender, ended: ended.shared() })
    }

    pub(super) async fn execute(&self, work: Work) -> Result<Value, Undone<Work>> {
        let Some(permit) = self.enter(&work).await? else {
            return Err(Undone::Closed(Box::new(work)));
        };
        let (sender, receiver) = oneshot::channel();
        Ok(self.call(permit, work, Reply::Value(sender), receiver).await?)
    }

    pub(super) async fn stream(&self, work: Work, items: Items) -> Result<(), Undone<(Work, Items)>> {
        let Some(permit) = self.enter(&work).await? else {
            return Err(Undone::Closed(Box::new((work, items))));
        };
        let (sender, receiver) = oneshot::channel();
        Ok(self.call(permit, work, Reply::Stream(items, sender), receiver).await?)
    }

    pub(super) async fn prefetch(&self, stall: Duration) -> Result<()> {
        self.ask(|reply| Request::Prefetch(stall, reply)).await
    }

    pub(super) async fn switch(&self, on: bool) -> Result<()> {
        self.ask(|reply| Request::Switch(on, reply)).await
    }

    pub(super) async fn config_options(&self) -> Result<Choices> {
        self.ask(Request::ConfigOptions).await
    }

    pub(super) async fn reconfigure(&self, config: Arc<str>) -> Result<()> {
        self.ask(|reply| Request::Reconfigure(config, reply)).await
    }

    pub(super) async fn evict(&self) -> bool {
        if self.blueprint.counters.running() > 0 {
            return false;
        }
        let (sender, receiver) = oneshot::channel();
        // Where there is no room for it, calls are on their way.
        if self.sender.try_send(Message::Request(Request::Evict(sender))).is_err() {
            return false;
        }
        matches!(receiver.await, Ok(Ok(true)))
    }

    pub(super) async fn close(&self) {
        // An error says that it is closing already.
        let _ = self.sender.send(Message::Request(Request::Close)).await;
        // An error says that the driver is gone, which is the same.
        let _ = self.ended.clone().await;
    }

    /// Waits for the call's turn to be sent to the driver; none where there will be none. What has a permit is served,
    /// whatever happens meanwhile.
    async fn enter(&self, work: &Work) -> Result<Option<mpsc::Permit<'_, Message>>> {
        Ok(turn(&work.job, || work.what(), self.sender.reserve()).await?.ok())
    }

    async fn call<T>(
        &self,
        permit: mpsc::Permit<'_, Message>,
        work: Work,
        reply: Reply,
        mut receiver: oneshot::Receiver<Result<T>>,
    ) -> Result<T> {
        let (job, what) = (work.job.clone(), work.what());
        let taken = Arc::new(AtomicBool::new(false));
        let abandoned = CancelOnDrop(Some(&job));
        permit.send(Message::Call(Box::new(Call { work, reply, taken: taken.clone() })));
        let ended = tokio::select! {
            biased;
            ended = &mut receiver => ended,
            () = job.cancellation().requested() => {
                if !taken.swap(true, Ordering::AcqRel) {
                    return Err(Error::Cancelled { what, forced: false });
                }
                receiver.await
            }
        };
        abandoned.disarm();
        // The driver may hold the work a moment longer.
        job.finish();
        ended.unwrap_or_else(|_| Err(closed(&self.blueprint)))
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let sent = self.sender.send(Message::Request(request(sender))).await;
        sent.map_err(|_| closed(&self.blueprint))?;
        receiver.await.map_err(|_| closed(&self.blueprint))?
    }
}

/// A caller that goes away has lost interest in its call.
struct CancelOnDrop<'a>(Option<&'a Job>);

impl CancelOnDrop<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.0 {
            job.cancel(false);
        }
    }
}

impl Call {
    fn refuse(self, error: Error) {
        // The caller may have gone away.
        match self.reply {
            Reply::Value(reply) => drop(reply.send(Err(error))),
            Reply::Stream(_, reply) => drop(reply.send(Err(error))),
        }
    }
}
