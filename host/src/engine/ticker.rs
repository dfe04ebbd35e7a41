//! The thread that advances an engine's epoch while guests run.
//!
//! It is a thread of the operating system, never a task: a guest that spins can hold the very worker that would
//! drive the task's timer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// Ticks without any call after which the thread goes to sleep, so that an idle host costs nothing.
const IDLE_TICKS: u32 = 100;

pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    /// Calls that ever began, and that ever ended. Calls are running where the two differ; where the first has
    /// moved, the host is busy even if no call runs right now.
    begun: AtomicU64,
    ended: AtomicU64,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// Keeps the epoch advancing for as long as it is held.
pub(crate) struct Ticking<'a> {
    shared: &'a Shared,
}

impl Ticker {
    /// Starts the thread. It holds the engine weakly, and ends with it.
    pub(crate) fn start(engine: &Engine, tick: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let handle = thread::Builder::new().name("cjm-ticker".into()).spawn({
            let (shared, engine) = (shared.clone(), engine.weak());
            move || run(&shared, &engine, tick)
        })?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    /// Marks a call as running.
    pub(crate) fn hold(&self) -> Ticking<'_> {
        let shared = &*self.shared;
        shared.begun.fetch_add(1, Ordering::SeqCst);
        if shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Ticking { shared }
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.shared.ended.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn run(shared: &Shared, engine: &EngineWeak, tick: Duration) {
    let (mut idle, mut seen) = (0, 0);
    while !shared.stop.load(Ordering::SeqCst) {
        thread::park_timeout(tick);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
        let begun = shared.begun.load(Ordering::Relaxed);
        let busy = begun != seen || shared.is_running();
        seen = begun;
        idle = if busy { 0 } else { idle + 1 };
        if idle > IDLE_TICKS {
            sleep(shared);
            idle = 0;
        }
    }
}

impl Shared {
    fn is_running(&self) -> bool {
        // In this order, a call that ends in between counts as running for a moment longer.
        let ended = self.ended.load(Ordering::Acquire);
        self.begun.load(Ordering::SeqCst) != ended
    }
}

/// Sleeps until a call begins. `asleep` is raised before `begun` is looked at, and a call does it the other way
/// round, so that one of the two sees the other.
fn sleep(shared: &Shared) {
    shared.asleep.store(true, Ordering::SeqCst);
    while !shared.is_running() && !shared.stop.load(Ordering::SeqCst) {
        thread::park();
    }
    shared.asleep.store(false, Ordering::SeqCst);
}
