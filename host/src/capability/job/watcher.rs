//! Who misses nothing of a job, and may look at what it uses while it runs.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cancel::Stopper;
use crate::engine::{MemoryGauge, Meter};
use crate::event::{EventKind, Measured};

/// Told all that happens in one job, on the thread on which it happens: it must neither block nor take long.
/// Subscribers beside it may lag behind, and miss some.
pub(crate) struct Watcher {
    pub(crate) tell: Box<dyn Fn(EventKind) + Send + Sync>,
    pub(crate) gauges: Arc<Gauges>,
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("gauges", &self.gauges).finish_non_exhaustive()
    }
}

/// What a job uses, over all Stores in which it runs one after another. It is read off what they count anyway, so that
/// looking costs the guest nothing.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The Store in which it runs.
    store: Option<InStore>,
    /// Of those in which it ran: none where it did not run yet.
    ran: Option<Ran>,
}

#[derive(Debug)]
struct InStore {
    memory: Arc<MemoryGauge>,
    /// What it read when the job came in. None where others run in the Store as well, so that it tells nothing of one.
    meter: Option<(Arc<Meter>, Duration)>,
}

#[derive(Debug, Clone, Copy)]
struct Ran {
    memory_bytes: u64,
    peak_memory_bytes: u64,
    cpu_time: Option<Duration>,
}

impl Gauges {
    /// The job runs in this Store alone.
    pub(super) fn enter(&self, store: &Stopper) {
        let meter = Some((store.meter.clone(), store.meter.cpu_time()));
        self.state().store = Some(InStore { memory: store.memory.clone(), meter });
    }

    /// The job runs in this Store beside others.
    pub(super) fn enter_shared(&self, store: &Stopper) {
        self.state().store = Some(InStore { memory: store.memory.clone(), meter: None });
    }

    /// The job left the Store.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.ran = state.now();
        state.store = None;
    }

    /// What the job uses now, or did in the end; none where it has not come to run.
    pub(crate) fn read(&self) -> Option<Measured> {
        let ran = self.state().now()?;
        Some(Measured {
            memory_bytes: Some(ran.memory_bytes),
            peak_memory_bytes: Some(ran.peak_memory_bytes),
            cpu_time: ran.cpu_time,
            ..Measured::default()
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn now(&self) -> Option<Ran> {
        let Some(store) = &self.store else { return self.ran };
        // The memory of a Store never becomes less.
        let memory_bytes = store.memory.now();
        let here = store.meter.as_ref().map(|(meter, before)| meter.cpu_time().saturating_sub(*before));
        let before =
            self.ran.unwrap_or(Ran { memory_bytes: 0, peak_memory_bytes: 0, cpu_time: Some(Duration::ZERO) });
        Some(Ran {
            memory_bytes,
            peak_memory_bytes: before.peak_memory_bytes.max(memory_bytes),
            cpu_time: before.cpu_time.zip(here).map(|(before, here)| before.saturating_add(here)),
        })
    }
}
