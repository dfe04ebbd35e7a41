//! The task that owns a shared instance: runs rounds of calls, and what must not run during one.

use std::sync::Arc;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;

use super::round::{Broken, Round};
use super::serve::{Functions, serve_calls};
use super::{Call, Message};
use crate::engine::Metered;
use crate::error::Result;
use crate::instance::blueprint::Blueprint;
use crate::instance::convert;
use crate::instance::exclusive::shut_down;
use crate::instance::live::{Hook, Live};

/// The task that owns the instance.
pub(super) struct Driver {
    pub(super) blueprint: Arc<Blueprint>,
    pub(super) live: Option<Box<Live>>,
    pub(super) receiver: mpsc::Receiver<Message>,
}

impl Driver {
    pub(super) async fn run(mut self) {
        let mut next = None;
        loop {
            let message = match next.take() {
                Some(message) => message,
                None => match self.receiver.recv().await {
                    Some(message) => message,
                    None => return,
                },
            };
            match message {
                Message::Call(call) => next = self.round(call).await,
                Message::Hook(hook, reply) => {
                    // Whoever asked may have gone away.
                    let _ = reply.send(self.hook(hook).await);
                }
                Message::Reconfigure(config, reply) => {
                    let _ = reply.send(self.reconfigure(config).await);
                }
                Message::Close(reply) => {
                    self.receiver.close();
                    if let Some(mut live) = self.live.take() {
                        shut_down(&self.blueprint, &mut live).await;
                    }
                    let _ = reply.send(());
                    return;
                }
            }
        }
    }

    /// Runs calls, the given one first, until there are none; gives back a message of another kind that ended it.
    async fn round(&mut self, first: Box<Call>) -> Option<Message> {
        let mut live = match self.live().await {
            Ok(live) => live,
            Err(error) => {
                first.refuse(error);
                return None;
            }
        };
        let round = Round::new(&self.blueprint, live.stopper().clone());
        let functions = match self.functions(&mut live) {
            Ok(functions) => functions,
            Err(error) => {
                first.refuse(error);
                self.live = Some(live);
                return None;
            }
        };
        let (watch, mut watched) = mpsc::unbounded_channel();
        round.enter(&mut live.store);
        let ended = {
            let _ticking = self.blueprint.catalogued.engine.ticker.hold();
            let receiver = &mut self.receiver;
            let (round, store) = (&round, &mut live.store);
            let guest = async move {
                store
                    .run_concurrent(async |accessor| {
                        serve_calls(accessor, functions, round, first, receiver, watch).await
                    })
                    .await
            };
            let mut guest = std::pin::pin!(guest);
            round.stopper.meter.begin_first_slice();
            let mut guest = Metered::new(&round.stopper.meter, guest.as_mut());
            let mut watches = FuturesUnordered::new();
            loop {
                tokio::select! {
                    biased;
                    Some(watch) = watched.recv() => watches.push(watch),
                    Some(Some(job)) = watches.next() => break Err(Broken::Forced(job)),
                    ended = &mut guest => break ended.map_err(Broken::Failed),
                }
            }
        };
        match ended {
            Ok(message) => {
                round.leave(&mut live.store);
                self.live = Some(live);
                message
            }
            Err(broken) => {
                round
                    .fail(broken, |error, call| live.failure(error, &call.work.limits, || call.what.clone()));
                drop(live);
                self.revive(&round).await;
                None
            }
        }
    }

    fn functions(&self, live: &mut Live) -> Result<Functions> {
        let exports = &self.blueprint.catalogued.exports;
        let what = || format!("a call to `{}`", self.blueprint.sinks.instance);
        let execute = live.function(&exports.execute, what)?;
        let stream = match &exports.execute_stream {
            Some(index) => Some(live.function(index, what)?),
            None => None,
        };
        Ok(Functions { execute, stream })
    }

    async fn live(&mut self) -> Result<Box<Live>> {
        match self.live.take() {
            Some(live) => Ok(live),
            None => Ok(Box::new(Live::start(&self.blueprint, None).await?)),
        }
    }

    async fn revive(&mut self, round: &Round) {
        match Live::start(&self.blueprint, None).await {
            Ok(live) => self.live = Some(Box::new(live)),
            Err(error) => {
                tracing::warn!(instance = &*self.blueprint.sinks.instance, %error, "an instance could not be made anew");
            }
        }
        round.answer_failed(self.live.is_some());
    }

    async fn hook(&mut self, hook: Hook<'_>) -> Result<()> {
        let Some(indices) = &self.blueprint.clone().catalogued.exports.lifecycle else { return Ok(()) };
        let mut live = self.live().await?;
        let outcome = live.hook(&self.blueprint, indices, hook).await?;
        self.live = Some(live);
        outcome.map_err(|error| convert::error_from_guest("the hook", error))
    }

    async fn reconfigure(&mut self, config: Arc<str>) -> Result<()> {
        let old = self.blueprint.config();
        if let Some(indices) = &self.blueprint.clone().catalogued.exports.lifecycle {
            let mut live = self.live().await?;
            let hook = Hook::Reconfigure { old: &old, new: &config };
            if let Ok(Ok(())) = live.hook(&self.blueprint, indices, hook).await {
                self.blueprint.set_config(config);
                self.live = Some(live);
                return Ok(());
            }
        }
        self.blueprint.set_config(config);
        match Live::start(&self.blueprint, None).await {
            Ok(live) => {
                self.live = Some(Box::new(live));
                Ok(())
            }
            Err(error) => {
                self.blueprint.set_config(old);
                Err(error)
            }
        }
    }
}
