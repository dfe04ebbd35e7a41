//! Asking a job to stop, and making it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::engine::{MemoryGauge, Meter, Stop};
use crate::event::CancelPhase;

/// How urgently a job was asked to stop. The levels only rise.
const NO: u8 = 0;
const REQUESTED: u8 = 1;
const AT_ONCE: u8 = 2;

/// The request to stop a job, and how far it has come.
#[derive(Debug)]
pub(crate) struct Cancellation {
    level: AtomicU8,
    phase: AtomicU8,
    changed: Notify,
    stopper: Mutex<Option<Arc<Stopper>>>,
}

/// What a Store can be stopped and measured by from outside: its flag, an epoch that makes a guest that computes look
/// at it, and its memory.
#[derive(Debug)]
pub(crate) struct Stopper {
    pub(crate) meter: Arc<Meter>,
    pub(crate) memory: Arc<MemoryGauge>,
    pub(crate) engine: wasmtime::Engine,
}

impl Stopper {
    pub(crate) fn stop(&self, why: Stop) {
        self.meter.stop(why);
        self.engine.increment_epoch();
    }
}

impl Cancellation {
    pub(crate) fn new() -> Self {
        Self {
            level: AtomicU8::new(NO),
            phase: AtomicU8::new(0),
            changed: Notify::new(),
            stopper: Mutex::new(None),
        }
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.level.load(Ordering::Acquire) >= REQUESTED
    }

    fn is_at_once(&self) -> bool {
        self.level.load(Ordering::Acquire) >= AT_ONCE
    }

    /// Raises the request.
    pub(super) fn request(&self, at_once: bool) {
        let level = if at_once { AT_ONCE } else { REQUESTED };
        let before = self.level.fetch_max(level, Ordering::AcqRel);
        if before < level {
            self.changed.notify_waiters();
        }
        if at_once && let Some(stopper) = self.stopper().as_deref() {
            stopper.stop(Stop::Forced);
        }
    }

    /// Lends the job the means to stop its Store, for as long as it runs in there alone.
    pub(super) fn attach(&self, stopper: &Arc<Stopper>) {
        *self.stopper() = Some(stopper.clone());
        if self.is_at_once() {
            stopper.stop(Stop::Forced);
        }
    }

    pub(super) fn detach(&self) {
        *self.stopper() = None;
    }

    fn stopper(&self) -> std::sync::MutexGuard<'_, Option<Arc<Stopper>>> {
        self.stopper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody asks the job to stop.
    pub(crate) async fn requested(&self) {
        self.reached(REQUESTED).await;
    }

    /// Waits until the job must be stopped by force: at once where that was asked for, or after the grace time.
    /// `on_cooperative` is called when that time begins.
    pub(crate) async fn must_force(&self, grace: Duration, on_cooperative: impl FnOnce()) {
        self.requested().await;
        if self.is_at_once() {
            return;
        }
        on_cooperative();
        tokio::select! {
            () = self.reached(AT_ONCE) => {}
            () = tokio::time::sleep(grace) => {}
        }
    }

    async fn reached(&self, level: u8) {
        loop {
            let changed = self.changed.notified();
            if self.level.load(Ordering::Acquire) >= level {
                return;
            }
            changed.await;
        }
    }

    /// Whether a guest runs for the job in a Store of its own.
    pub(super) fn is_attached(&self) -> bool {
        self.stopper().is_some()
    }

    pub(crate) fn phase(&self) -> CancelPhase {
        match self.phase.load(Ordering::Acquire) {
            0 => CancelPhase::None,
            1 => CancelPhase::Requested,
            2 => CancelPhase::Cooperative,
            3 => CancelPhase::Forced,
            4 => CancelPhase::Reloaded,
            _ => CancelPhase::Done,
        }
    }

    /// Goes on to a later phase; false if it was there already.
    pub(super) fn advance(&self, phase: CancelPhase) -> bool {
        let code = match phase {
            CancelPhase::None => 0,
            CancelPhase::Requested => 1,
            CancelPhase::Cooperative => 2,
            CancelPhase::Forced => 3,
            CancelPhase::Reloaded => 4,
            CancelPhase::Done => 5,
        };
        self.phase.fetch_max(code, Ordering::AcqRel) < code
    }
}
