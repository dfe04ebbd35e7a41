//! What an instance did and used, counted while calls go by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use serde::{Serialize, Serializer};

use crate::engine::MemoryGauge;
use crate::error::{Error, Result};
use crate::event::rfc3339;

/// What an instance did and used since it was loaded, over all its lives: those that ended in a trap or a forced
/// cancellation count as well.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct InstanceStats {
    /// Calls that began to run. Those that were refused, or were cancelled while they waited, did not.
    pub calls: u64,
    /// Calls that run now.
    pub running: u64,
    /// Calls that ended in an error other than a cancellation.
    pub failures: u64,
    /// Calls that were cancelled while they ran, or whose caller went away.
    pub cancelled: u64,
    /// Linear memory now, in bytes; of a plugin whose instances are `fresh`, of all that run.
    pub memory_bytes: u64,
    /// The most linear memory that there ever was, in bytes.
    pub peak_memory_bytes: u64,
    /// Time in which the guest computed: in calls, hooks and initializations. In milliseconds where it is serialized.
    #[serde(rename = "cpu-time-ms", serialize_with = "millis")]
    pub cpu_time: Duration,
    /// Time on the wall that calls, hooks and initializations took together. In milliseconds where it is serialized.
    #[serde(rename = "wall-time-ms", serialize_with = "millis")]
    pub wall_time: Duration,
    /// Fuel that calls used; none where fuel is not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel_used: Option<u64>,
    /// How often an instance was made and initialized: once, and once more after each trap, each forced cancellation,
    /// and each configuration that asks for it; for each call where instances are `fresh`.
    pub instances_made: u64,
    /// When the plugin was loaded.
    #[serde(serialize_with = "rfc3339")]
    pub loaded_at: SystemTime,
}

fn millis<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64() * 1000.0)
}

/// The counters behind [`InstanceStats`]. A call costs four relaxed additions and a store.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) memory: Arc<MemoryGauge>,
    begun: AtomicU64,
    ended: AtomicU64,
    failures: AtomicU64,
    cancelled: AtomicU64,
    cpu_nanos: AtomicU64,
    wall_nanos: AtomicU64,
    fuel: AtomicU64,
    instances: AtomicU64,
    loaded_at: SystemTime,
    origin: Instant,
    /// When a call or hook last ended, in nanoseconds since `origin`.
    used_at: AtomicU64,
}

impl Counters {
    pub(super) fn new() -> Self {
        Self {
            memory: Arc::default(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            cpu_nanos: AtomicU64::new(0),
            wall_nanos: AtomicU64::new(0),
            fuel: AtomicU64::new(0),
            instances: AtomicU64::new(0),
            loaded_at: SystemTime::now(),
            origin: Instant::now(),
            used_at: AtomicU64::new(0),
        }
    }

    /// Calls that run now.
    pub(super) fn running(&self) -> u64 {
        // In this order; see `read`.
        let ended = self.ended.load(Ordering::Relaxed);
        self.begun.load(Ordering::Relaxed).saturating_sub(ended)
    }

    /// How long no call or hook has run; none while a call does.
    pub(super) fn idle(&self) -> Option<Duration> {
        let used_at = Duration::from_nanos(self.used_at.load(Ordering::Relaxed));
        (self.running() == 0).then(|| self.origin.elapsed().saturating_sub(used_at))
    }

    /// What was counted; `fueled` says whether fuel is.
    pub(super) fn read(&self, fueled: bool) -> InstanceStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // In this order, so that a call that ends meanwhile makes the number too large by one, never negative.
        let ended = of(&self.ended);
        let calls = of(&self.begun);
        InstanceStats {
            calls,
            running: calls.saturating_sub(ended),
            failures: of(&self.failures),
            cancelled: of(&self.cancelled),
            memory_bytes: self.memory.now(),
            peak_memory_bytes: self.memory.peak(),
            cpu_time: Duration::from_nanos(of(&self.cpu_nanos)),
            wall_time: Duration::from_nanos(of(&self.wall_nanos)),
            fuel_used: fueled.then(|| of(&self.fuel)),
            instances_made: of(&self.instances),
            loaded_at: self.loaded_at,
        }
    }

    pub(super) fn made_instance(&self) {
        add(&self.instances, 1);
    }

    pub(super) fn used_cpu(&self, time: Duration) {
        add(&self.cpu_nanos, nanos(time));
    }

    /// Something ended now that took so long.
    pub(super) fn took(&self, time: Duration, now: Instant) {
        add(&self.wall_nanos, nanos(time));
        self.used_at.store(nanos(now.saturating_duration_since(self.origin)), Ordering::Relaxed);
    }

    pub(super) fn used_fuel(&self, units: u64) {
        add(&self.fuel, units);
    }

    /// Counts a call that begins; [`end`](Self::end) must follow. See also [`Counted`].
    pub(super) fn begin(&self) {
        add(&self.begun, 1);
    }

    pub(super) fn end(&self, ended: Ended) {
        match ended {
            Ended::Well => {}
            Ended::Failed => add(&self.failures, 1),
            Ended::Cancelled => add(&self.cancelled, 1),
        }
        add(&self.ended, 1);
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Failed,
    Cancelled,
}

impl<T> From<&Result<T>> for Ended {
    fn from(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Ended::Well,
            Err(error) => error.into(),
        }
    }
}

impl From<&Error> for Ended {
    fn from(error: &Error) -> Self {
        match error {
            Error::Cancelled { .. } => Ended::Cancelled,
            _ => Ended::Failed,
        }
    }
}

/// A call that is counted from its beginning on until this is dropped. One that ends without a result was abandoned.
pub(super) struct Counted<'a> {
    counters: &'a Counters,
    ended: Ended,
}

impl<'a> Counted<'a> {
    pub(super) fn begin(counters: &'a Counters) -> Self {
        counters.begin();
        Self { counters, ended: Ended::Cancelled }
    }

    /// Notes how the call ended.
    pub(super) fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        self.ended = (&result).into();
        result
    }

    /// Notes that the call failed.
    pub(super) fn failed(&mut self, error: &Error) {
        self.ended = error.into();
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.counters.end(self.ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_calls_however_they_end() {
        let counters = Counters::new();
        let call = |result: Option<Result<()>>| {
            let mut counted = Counted::begin(&counters);
            assert_eq!(counters.read(false).running, 1);
            if let Some(result) = result {
                let _ = counted.note(result);
            }
        };
        call(Some(Ok(())));
        call(Some(Err(Error::fatal("no"))));
        call(Some(Err(Error::Cancelled { what: "it".into(), forced: true })));
        call(None);
        let stats = counters.read(false);
        assert_eq!((stats.calls, stats.running, stats.failures, stats.cancelled), (4, 0, 1, 2));
        assert_eq!(stats.fuel_used, None);
        assert_eq!(counters.read(true).fuel_used, Some(0));
    }

    #[test]
    fn is_idle_from_the_end_of_the_last_call_on() {
        let counters = Counters::new();
        let second = Duration::from_secs(1);
        let counters = Counters { origin: counters.origin.checked_sub(10 * second).unwrap(), ..counters };
        assert!(counters.idle().unwrap() >= 10 * second);
        counters.begin();
        assert_eq!(counters.idle(), None);
        counters.took(second, counters.origin + 10 * second);
        counters.end(Ended::Well);
        assert!(counters.idle().unwrap() < 10 * second);
    }

    #[test]
    fn has_a_stable_structure() {
        let counters = Counters { loaded_at: SystemTime::UNIX_EPOCH, ..Counters::new() };
        counters.used_cpu(Duration::from_micros(1500));
        counters.took(Duration::from_millis(20), Instant::now());
        counters.made_instance();
        assert_eq!(
            serde_json::to_value(counters.read(false)).unwrap(),
            serde_json::json!({
                "calls": 0, "running": 0, "failures": 0, "cancelled": 0,
                "memory-bytes": 0, "peak-memory-bytes": 0,
                "cpu-time-ms": 1.5, "wall-time-ms": 20.0,
                "instances-made": 1, "loaded-at": "1970-01-01T00:00:00.000Z",
            })
        );
    }
}
