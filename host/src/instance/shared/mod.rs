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

use tokio::sync::{mpsc, oneshot};

use super::blueprint::Blueprint;
use super::live::{Hook, Live};
use super::runner::{Work, closed, turn};
use super::stream::Items;
use crate::capability::job::Job;
use crate::error::{Error, Result};
use crate::value::Value;
use driver::Driver;

pub(crate) struct Shared {
    blueprint: Arc<Blueprint>,
    sender: mpsc::Sender<Message>,
}

enum Message {
    Call(Box<Call>),
    Hook(Hook<'static>, oneshot::Sender<Result<()>>),
    Reconfigure(Arc<str>, oneshot::Sender<Result<()>>),
    Close(oneshot::Sender<()>),
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
        let driver = Driver { blueprint: blueprint.clone(), live: Some(Box::new(live)), receiver };
        tokio::spawn(driver.run());
        Ok(Self { blueprint, sender })
    }

    pub(super) async fn execute(&self, work: Work) -> Result<Value> {
        let (sender, receiver) = oneshot::channel();
        self.call(work, Reply::Value(sender), receiver).await
    }

    pub(super) async fn stream(&self, work: Work, items: Items) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.call(work, Reply::Stream(items, sender), receiver).await
    }

    pub(super) async fn hook(&self, hook: Hook<'static>) -> Result<()> {
        self.ask(|reply| Message::Hook(hook, reply)).await?
    }

    pub(super) async fn reconfigure(&self, config: Arc<str>) -> Result<()> {
        self.ask(|reply| Message::Reconfigure(config, reply)).await?
    }

    pub(super) async fn close(&self) {
        // An error says that it is closed already.
        let _ = self.ask(Message::Close).await;
    }

    async fn call<T>(
        &self,
        work: Work,
        reply: Reply,
        mut receiver: oneshot::Receiver<Result<T>>,
    ) -> Result<T> {
        let (job, what) = (work.job.clone(), work.what());
        let permit = turn(&job, || what.clone(), self.sender.reserve()).await?;
        let permit = permit.map_err(|_| closed(&self.blueprint))?;
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

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.sender.send(message(sender)).await.map_err(|_| closed(&self.blueprint))?;
        receiver.await.map_err(|_| closed(&self.blueprint))
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
