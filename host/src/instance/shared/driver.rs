//! The task that owns a shared instance: runs rounds of calls, and what must not run during one.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::round::{Broken, Round};
use super::serve::{Functions, serve_calls};
use super::{Call, Message, Request};
use crate::engine::Metered;
use crate::error::Result;
use crate::instance::blueprint::Blueprint;
use crate::instance::exclusive::revived;
use crate::instance::hook::{Answer, Hook};
use crate::instance::live::Live;
use crate::instance::options::Choices;
use crate::instance::reconfigure::reconfigure;
use crate::instance::runner::disabled;

/// The task that owns the instance.
pub(super) struct Driver {
    blueprint: Arc<Blueprint>,
    /// None where the instance is to be made when it is needed.
    live: Option<Box<Live>>,
    receiver: mpsc::Receiver<Message>,
    disabled: bool,
}

impl Driver {
    pub(super) fn new(blueprint: Arc<Blueprint>, live: Live, receiver: mpsc::Receiver<Message>) -> Self {
        Self { blueprint, live: Some(Box::new(live)), receiver, disabled: false }
    }

    /// Serves until it is closed, or until no caller is left that could send anything.
    pub(super) async fn run(mut self) {
        let mut next = None;
        let mut closing = false;
        loop {
            let message = match next.take() {
                Some(message) => message,
                None => match self.receiver.recv().await {
                    Some(message) => message,
                    None => break,
                },
            };
            match message {
                Message::Call(call) if self.disabled => call.refuse(disabled(&self.blueprint)),
                Message::Call(call) => next = self.round(call).await,
                Message::Request(Request::Close) => {
                    // What was sent before is still served.
                    self.receiver.close();
                    closing = true;
                }
                Message::Request(request) => self.serve(request).await,
            }
        }
        if let (true, Some(mut live)) = (closing, self.live.take()) {
            live.shut_down(&self.blueprint).await;
        }
    }

    async fn serve(&mut self, request: Request) {
        match request {
            Request::Prefetch(stall, reply) => answer(reply, self.prefetch(stall)).await,
            Request::Switch(on, reply) => answer(reply, self.switch(on)).await,
            Request::ConfigOptions(reply) => answer(reply, self.config_options()).await,
            Request::Reconfigure(config, reply) => answer(reply, self.reconfigure(config)).await,
            // Whoever asked has lost patience with the calls that came before.
            Request::Evict(reply) if reply.is_closed() => {}
            Request::Evict(reply) => answer(reply, self.evict()).await,
            Request::Close => {}
        }
    }

    async fn evict(&mut self) -> Result<bool> {
        let Some(mut live) = self.live.take() else { return Ok(false) };
        live.wind_up(&self.blueprint).await;
        Ok(true)
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
        round.leave(&mut live.store);
        match ended {
            Ok(message) => {
                self.live = Some(live);
                message
            }
            Err(broken) => {
                round
                    .fail(broken, |error, call| live.failure(error, &call.work.limits, || call.what.clone()));
                drop(live);
                self.live = revived(&self.blueprint).await;
                round.answer_failed(self.live.is_some());
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

    async fn prefetch(&mut self, stall: Duration) -> Result<()> {
        self.hook(Hook::Prefetch { stall }).await
    }

    async fn switch(&mut self, on: bool) -> Result<()> {
        self.disabled = !on;
        self.hook(if on { Hook::Enabled } else { Hook::Disabled }).await
    }

    async fn hook(&mut self, hook: Hook<'_>) -> Result<()> {
        let blueprint = self.blueprint.clone();
        let Some(indices) = &blueprint.catalogued.exports.lifecycle else { return Ok(()) };
        let mut live = self.live().await?;
        let answer = live.hook(&blueprint, indices, hook).await;
        self.settle(live, answer).await
    }

    async fn config_options(&mut self) -> Result<Choices> {
        let blueprint = self.blueprint.clone();
        let Some(index) = &blueprint.catalogued.exports.options else { return Ok(Choices::new()) };
        let mut live = self.live().await?;
        let answer = live.choices(&blueprint, index).await;
        self.settle(live, answer).await
    }

    async fn reconfigure(&mut self, config: Arc<str>) -> Result<()> {
        let (live, ended) = reconfigure(&self.blueprint, self.live.take(), config).await;
        self.live = live;
        ended
    }

    /// Puts the instance back, or a new one where it cannot go on.
    async fn settle<T>(&mut self, live: Box<Live>, answer: Answer<T>) -> Result<T> {
        match answer {
            Ok(answer) => {
                self.live = Some(live);
                answer
            }
            Err(error) => {
                drop(live);
                self.live = revived(&self.blueprint).await;
                Err(error)
            }
        }
    }
}

/// Does what was asked for, unless whoever asked goes away: then the instance goes with it, as it does in a call.
async fn answer<T>(mut reply: oneshot::Sender<Result<T>>, work: impl Future<Output = Result<T>>) {
    let done = tokio::select! {
        biased;
        done = work => done,
        () = reply.closed() => return,
    };
    // Whoever asked may have gone away.
    let _ = reply.send(done);
}
