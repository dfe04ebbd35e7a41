//! The calls that are in a shared instance at the same time, and what becomes of them when it breaks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use wasmtime::Store;

use crate::capability::bindings::types;
use crate::capability::job::{Job, Stopper};
use crate::engine::Stop;
use crate::error::{Clock, Error, Result};
use crate::event::CancelPhase;
use crate::instance::blueprint::Blueprint;
use crate::instance::convert;
use crate::instance::runner::Work;
use crate::instance::state::State;
use crate::instance::stats::Ended;
use crate::value::Value;

/// Why the Store of a round cannot be used any more.
pub(super) enum Broken {
    Failed(wasmtime::Error),
    Forced(Arc<Job>),
}

/// The calls that are in the Store between two moments of rest.
pub(super) struct Round {
    pub(super) blueprint: Arc<Blueprint>,
    pub(super) stopper: Arc<Stopper>,
    calls: Mutex<Vec<Arc<InFlight>>>,
    /// What the Store's fuel was set to by the last call to begin.
    fuel: AtomicU64,
    failed: Mutex<Vec<(Arc<InFlight>, Error)>>,
}

pub(super) struct InFlight {
    /// Kept until the caller is told how it went, because the job ends with it.
    pub(super) work: Work,
    pub(super) what: String,
    pub(super) began: Instant,
    pub(super) timed_out: AtomicBool,
    pub(super) reply: Mutex<Option<Answer>>,
}

pub(super) enum Answer {
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

    pub(super) fn answer(&self) -> Option<Answer> {
        self.reply.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the guest says of its end, seen with what the host knows.
    pub(super) fn error(&self, error: types::Error) -> Error {
        if self.timed_out.load(Ordering::Relaxed) {
            return self.out_of_time();
        }
        convert::error_from_guest(&self.what, error)
    }

    fn out_of_time(&self) -> Error {
        Error::TimedOut {
            what: self.what.clone(),
            clock: Clock::Wall,
            limit: self.work.limits.wall_time.unwrap_or_default(),
        }
    }

    /// Waits until the call must be stopped by force. A call that is out of time is asked first, because others
    /// would lose their work with it.
    pub(super) async fn must_force(self: Arc<Self>) -> Option<Arc<Job>> {
        let out_of_time = async {
            match self.work.limits.wall_time {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
            self.timed_out.store(true, Ordering::Relaxed);
            self.work.job.cancel(false);
            std::future::pending::<()>().await;
        };
        let forced = self
            .work
            .job
            .cancellation()
            .must_force(self.work.limits.grace, || self.work.job.enter(CancelPhase::Cooperative));
        tokio::select! {
            () = out_of_time => {}
            () = forced => {}
        }
        let pending = self.reply.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        pending.then(|| self.work.job.clone())
    }
}

impl Round {
    pub(super) fn new(blueprint: &Arc<Blueprint>, stopper: Arc<Stopper>) -> Self {
        Self {
            blueprint: blueprint.clone(),
            stopper,
            calls: Mutex::default(),
            fuel: AtomicU64::new(0),
            failed: Mutex::default(),
        }
    }

    /// Makes the Store ready for calls. What the guest prints cannot be put down to one of them, so that it goes to a
    /// job of the round's own.
    pub(super) fn enter(&self, store: &mut Store<State>) {
        store.set_epoch_deadline(1);
        let state = store.data_mut();
        state.limiter.begin_call();
        state.stdio.begin_call();
        state.jobs.begin(Some(self.blueprint.new_job()));
    }

    pub(super) fn leave(&self, store: &mut Store<State>) {
        let state = store.data_mut();
        state.stdio.end_call();
        state.jobs.begin(None);
        self.account_fuel(store.get_fuel().ok(), 0);
        self.account_cpu();
    }

    /// Counts what the calls of this instance computed since this was last done.
    pub(super) fn account_cpu(&self) {
        self.blueprint.counters.used_cpu(self.stopper.meter.unaccounted());
    }

    /// Counts the fuel that was used since this was last done, and notes what the Store's is set to.
    pub(super) fn account_fuel(&self, left: Option<u64>, set_to: u64) {
        let before = self.fuel.swap(set_to, Ordering::Relaxed);
        if let Some(used) = left.and_then(|left| before.checked_sub(left)) {
            self.blueprint.counters.used_fuel(used);
        }
    }

    pub(super) fn begin(&self, call: InFlight) -> Arc<InFlight> {
        let call = Arc::new(call);
        call.work.job.attach_shared(&self.stopper);
        self.blueprint.counters.begin();
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
        // A guest that spins lets no other call begin, so that the last one to begin bounds it.
        let deadline =
            call.work.limits.cpu_time.map(|limit| self.stopper.meter.cpu_time().saturating_add(limit));
        self.stopper.meter.set_deadline(deadline);
        call
    }

    pub(super) fn end(&self, call: &Arc<InFlight>, ended: Ended) {
        self.took(call);
        self.blueprint.counters.end(ended);
        self.account_cpu();
        call.work.job.detach();
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| !Arc::ptr_eq(other, call));
    }

    /// Decides what each call that was in the Store is told.
    pub(super) fn fail(&self, broken: Broken, classify: impl Fn(&wasmtime::Error, &InFlight) -> Error) {
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
                Broken::Forced(job) if Arc::ptr_eq(job, &call.work.job) => {
                    call.work.job.enter(CancelPhase::Forced);
                    if call.timed_out.load(Ordering::Relaxed) {
                        call.out_of_time()
                    } else {
                        Error::Cancelled { what: call.what.clone(), forced: true }
                    }
                }
                Broken::Forced(_) => self.collateral(),
            };
            self.took(&call);
            self.blueprint.counters.end((&error).into());
            call.work.job.detach();
            failed.push((call, error));
        }
    }

    fn took(&self, call: &InFlight) {
        let now = Instant::now();
        self.blueprint.counters.took(now.saturating_duration_since(call.began), now);
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
    pub(super) fn answer_failed(&self, revived: bool) {
        for (call, error) in self.failed.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if revived && call.work.job.cancellation().phase() == CancelPhase::Forced {
                call.work.job.enter(CancelPhase::Reloaded);
            }
            call.refuse(error);
        }
    }
}
