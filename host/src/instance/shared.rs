//! Several calls at a time in one instance, interleaved where they await.
//!
//! wasmtime gives one task the Store for as long as anything in it runs, so that a task of its own drives the
//! instance, and callers send it their work. A call that must be stopped by force takes the Store with it: the
//! others that were in it are told that they may try again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};
use wasmtime::AsContextMut;
use wasmtime::component::Accessor;

use super::blueprint::Blueprint;
use super::convert;
use super::exclusive::shut_down;
use super::live::{ExecuteOwned, ExecuteStream, Hook, Live};
use super::runner::{CallLimits, Work, closed, turn};
use super::state::State;
use super::stream::{Items, serve};
use crate::capability::job::{CallStats, Job, Stopper};
use crate::engine::{Metered, Stop};
use crate::error::{Clock, Error, Result};
use crate::event::CancelPhase;
use crate::value::Value;

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

    async fn call<T>(&self, work: Work, reply: Reply, receiver: oneshot::Receiver<Result<T>>) -> Result<T> {
        let job = work.job.clone();
        let what = work.what();
        let sent = turn(&job, || what.clone(), self.sender.reserve()).await;
        match sent {
            Ok(Ok(permit)) => {
                let abandoned = CancelOnDrop(Some(&job));
                permit.send(Message::Call(Box::new(Call { work, reply })));
                let ended = receiver.await;
                abandoned.disarm();
                ended.unwrap_or_else(|_| Err(closed(&self.blueprint)))
            }
            Ok(Err(_)) => Err(closed(&self.blueprint)),
            Err(cancelled) => Err(cancelled),
        }
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

/// The task that owns the instance.
struct Driver {
    blueprint: Arc<Blueprint>,
    live: Option<Box<Live>>,
    receiver: mpsc::Receiver<Message>,
}

impl Driver {
    async fn run(mut self) {
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
                self.live = Some(live);
                message
            }
            Err(broken) => {
                round.fail(broken, |error, call| live.failure(error, &call.limits, || call.what.clone()));
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
        if self.blueprint.catalogued.exports.lifecycle.is_some()
            && let Some(indices) = &self.blueprint.clone().catalogued.exports.lifecycle
        {
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

struct Functions {
    execute: ExecuteOwned,
    stream: Option<ExecuteStream>,
}

/// Why the Store of a round cannot be used any more.
enum Broken {
    Failed(wasmtime::Error),
    Forced(Arc<Job>),
}

/// The calls that are in the Store between two moments of rest.
struct Round {
    blueprint: Arc<Blueprint>,
    stopper: Arc<Stopper>,
    calls: Mutex<Vec<Arc<InFlight>>>,
    failed: Mutex<Vec<(Arc<InFlight>, Error)>>,
}

struct InFlight {
    job: Arc<Job>,
    limits: Arc<CallLimits>,
    what: String,
    began: Instant,
    timed_out: AtomicBool,
    reply: Mutex<Option<Answer>>,
}

enum Answer {
    Value(oneshot::Sender<Result<Value>>),
    Stream(oneshot::Sender<Result<()>>),
}

impl InFlight {
    fn refuse(&self, error: Error) {
        match self.answer() {
            Some(Answer::Value(reply)) => drop(reply.send(Err(error))),
            Some(Answer::Stream(reply)) => drop(reply.send(Err(error))),
            None => {}
        }
    }

    fn answer(&self) -> Option<Answer> {
        self.reply.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the guest says of its end, seen with what the host knows.
    fn error(&self, error: crate::capability::bindings::types::Error) -> Error {
        if self.timed_out.load(Ordering::Relaxed) {
            return self.out_of_time();
        }
        convert::error_from_guest(&self.what, error)
    }

    fn out_of_time(&self) -> Error {
        Error::TimedOut {
            what: self.what.clone(),
            clock: Clock::Wall,
            limit: self.limits.wall_time.unwrap_or_default(),
        }
    }

    /// Waits until the call must be stopped by force. A call that is out of time is asked first, because others
    /// would lose their work with it.
    async fn must_force(self: Arc<Self>) -> Option<Arc<Job>> {
        let out_of_time = async {
            match self.limits.wall_time {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
            self.timed_out.store(true, Ordering::Relaxed);
            self.job.cancel(false);
            std::future::pending::<()>().await;
        };
        let forced = self
            .job
            .cancellation()
            .must_force(self.limits.grace, || self.job.enter(CancelPhase::Cooperative));
        tokio::select! {
            () = out_of_time => {}
            () = forced => {}
        }
        let pending = self.reply.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        pending.then(|| self.job.clone())
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

impl Round {
    fn new(blueprint: &Arc<Blueprint>, stopper: Arc<Stopper>) -> Self {
        Self { blueprint: blueprint.clone(), stopper, calls: Mutex::default(), failed: Mutex::default() }
    }

    fn begin(&self, call: InFlight) -> Arc<InFlight> {
        let call = Arc::new(call);
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
        // A guest that spins lets no other call begin, so that the last one to begin bounds it.
        let deadline = call.limits.cpu_time.map(|limit| self.stopper.meter.cpu_time().saturating_add(limit));
        self.stopper.meter.set_deadline(deadline);
        call
    }

    fn end(&self, call: &Arc<InFlight>) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| !Arc::ptr_eq(other, call));
    }

    /// Decides what each call that was in the Store is told.
    fn fail(&self, broken: Broken, classify: impl Fn(&wasmtime::Error, &InFlight) -> Error) {
        let calls = std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        let alone = calls.len() == 1;
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        for call in calls {
            let error = match &broken {
                Broken::Failed(_) if call.timed_out.load(Ordering::Relaxed) => call.out_of_time(),
                Broken::Failed(error) if alone || !matches!(error.downcast_ref(), Some(Stop::Forced)) => {
                    classify(error, &call)
                }
                Broken::Failed(_) => self.collateral(),
                Broken::Forced(job) if Arc::ptr_eq(job, &call.job) => {
                    call.job.enter(CancelPhase::Forced);
                    if call.timed_out.load(Ordering::Relaxed) {
                        call.out_of_time()
                    } else {
                        Error::Cancelled { what: call.what.clone(), forced: true }
                    }
                }
                Broken::Forced(_) => self.collateral(),
            };
            failed.push((call, error));
        }
    }

    fn collateral(&self) -> Error {
        Error::Transient {
            message: format!(
                "instance `{}` was dropped because another of its calls had to be stopped by force; try again",
                self.blueprint.sinks.instance
            ),
            retry_after: Some(Duration::ZERO),
        }
    }

    /// Answers once there is a new instance, so that a caller that is told of its end can call again at once.
    fn answer_failed(&self, revived: bool) {
        for (call, error) in self.failed.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if revived && call.job.cancellation().phase() == CancelPhase::Forced {
                call.job.enter(CancelPhase::Reloaded);
            }
            call.refuse(error);
        }
    }
}

type Watch = BoxFuture<'static, Option<Arc<Job>>>;

/// Runs inside of the Store: takes calls while there is room, and answers them.
async fn serve_calls(
    accessor: &Accessor<State>,
    functions: Functions,
    round: &Round,
    first: Box<Call>,
    receiver: &mut mpsc::Receiver<Message>,
    watch: mpsc::UnboundedSender<Watch>,
) -> Option<Message> {
    let room = round.blueprint.limits.max_concurrency.max(1) as usize;
    let mut running = FuturesUnordered::new();
    running.push(serve_call(accessor, &functions, round, *first, &watch));
    let mut other = None;
    while !running.is_empty() {
        tokio::select! {
            biased;
            message = receiver.recv(), if other.is_none() && running.len() < room => match message {
                Some(Message::Call(call)) => running.push(serve_call(accessor, &functions, round, *call, &watch)),
                Some(message) => other = Some(message),
                // No caller is left that could send another.
                None => while running.next().await.is_some() {},
            },
            _ = running.next() => {}
        }
    }
    other
}

async fn serve_call(
    accessor: &Accessor<State>,
    functions: &Functions,
    round: &Round,
    call: Call,
    watch: &mpsc::UnboundedSender<Watch>,
) {
    let what = call.work.what();
    let Work { job, limits, action, input } = call.work;
    let (items, answer) = match call.reply {
        Reply::Value(reply) => (None, Answer::Value(reply)),
        Reply::Stream(items, reply) => (Some(items), Answer::Stream(reply)),
    };
    let output_bytes = limits.output_bytes;
    let call = round.begin(InFlight {
        job,
        limits,
        what,
        began: Instant::now(),
        timed_out: AtomicBool::new(false),
        reply: Mutex::new(Some(answer)),
    });
    // The other end lives as long as the round.
    let _ = watch.send(Box::pin(call.clone().must_force()));
    let (action, input) = (action.to_string(), convert::to_guest(input));
    let ended = match items {
        None => serve_execute(accessor, functions.execute, &call, action, input).await.map(|outcome| {
            let value = outcome.map_err(|error| call.error(error));
            Ended::Value(
                value.and_then(|value| convert::from_guest(|| call.what.clone(), value, output_bytes)),
            )
        }),
        Some(items) => match functions.stream {
            None => Ok(Ended::Stream(Err(Error::invalid(format!("{} does not stream", call.what))))),
            Some(stream) => serve(accessor, stream, action, input, items)
                .await
                .map(|outcome| Ended::Stream(outcome.map_err(|error| call.error(error)))),
        },
    };
    // A failure of the engine breaks the whole round, which answers its calls.
    let Ok(ended) = ended else { return };
    round.end(&call);
    let memory = accessor.with(|mut access| {
        let store = access.as_context_mut();
        let limiter = &store.data().limiter;
        (limiter.memory_bytes(), limiter.peak_memory_bytes())
    });
    call.job.measured(CallStats {
        wall: call.began.elapsed(),
        cpu: Duration::ZERO,
        memory_bytes: memory.0,
        peak_memory_bytes: memory.1,
        fuel_used: None,
    });
    // The caller may have gone away.
    match (call.answer(), ended) {
        (Some(Answer::Value(reply)), Ended::Value(value)) => drop(reply.send(value)),
        (Some(Answer::Stream(reply)), Ended::Stream(end)) => drop(reply.send(end)),
        _ => {}
    }
}

enum Ended {
    Value(Result<Value>),
    Stream(Result<()>),
}

async fn serve_execute(
    accessor: &Accessor<State>,
    execute: ExecuteOwned,
    call: &InFlight,
    action: String,
    input: crate::capability::bindings::types::Value,
) -> wasmtime::Result<super::live::Outcome<crate::capability::bindings::types::Value>> {
    let (started, task) = accessor.with(|mut access| -> wasmtime::Result<_> {
        let started = execute.start_call_concurrent(&mut access, (action, input))?;
        let task = started.task();
        access.as_context_mut().data_mut().jobs.begin_task(task, call.job.clone());
        Ok((started, task))
    })?;
    let (outcome,) = execute.finish_call_concurrent(accessor, started).await?;
    accessor.with(|mut access| access.as_context_mut().data_mut().jobs.end_task(task));
    Ok(outcome)
}
