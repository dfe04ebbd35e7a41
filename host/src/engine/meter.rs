//! CPU time of a Store, and the flag that stops it.
//!
//! A guest runs in slices: from one poll of its future to the next epoch tick, where it looks at its own [`Meter`]
//! and yields. What it computes is measured slice by slice, so that waiting in the host costs it nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use wasmtime::UpdateDeadline;

/// Why a Store was stopped; the error that its guest ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("stopped: cancelled by force")]
    Forced,
    #[error("stopped: out of wall time")]
    WallTime,
    #[error("stopped: out of CPU time")]
    CpuTime,
}

/// What the epoch callback of a Store looks at.
#[derive(Debug)]
pub(crate) struct Meter {
    origin: Instant,
    stop: AtomicU8,
    /// CPU time of the slices that ended, in nanoseconds.
    used: AtomicU64,
    /// The reading of the slice's clock when the slice began, in nanoseconds.
    slice_began: AtomicU64,
    /// Whether the slice is measured by the thread's CPU clock or by the wall clock.
    slice_by_cpu_clock: AtomicBool,
    /// `used` at which the guest is stopped, in nanoseconds.
    deadline: AtomicU64,
    /// The wall clock at the end of a slice that it measured, in nanoseconds since `origin`; 0 after other slices.
    wall_at_end: AtomicU64,
    /// The runtime that drives what the guest waits for, where it is not the caller's own.
    runtime: Option<Handle>,
    /// CPU time that was accounted for already, in nanoseconds.
    accounted: AtomicU64,
}

impl Meter {
    pub(crate) fn new(runtime: Option<Handle>) -> Self {
        Self {
            origin: Instant::now(),
            stop: AtomicU8::new(0),
            used: AtomicU64::new(0),
            slice_began: AtomicU64::new(0),
            slice_by_cpu_clock: AtomicBool::new(false),
            deadline: AtomicU64::new(u64::MAX),
            wall_at_end: AtomicU64::new(0),
            runtime,
            accounted: AtomicU64::new(0),
        }
    }

    /// CPU time that the Store used since it was made, in whole slices.
    pub(crate) fn cpu_time(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// CPU time that the Store used since this was last asked, in whole slices. To be asked by whoever holds the Store.
    pub(crate) fn unaccounted(&self) -> Duration {
        let used = self.used.load(Ordering::Relaxed);
        let before = self.accounted.load(Ordering::Relaxed);
        self.accounted.store(used, Ordering::Relaxed);
        Duration::from_nanos(used.saturating_sub(before))
    }

    /// Stops the guest once its CPU time passes this reading of [`Meter::cpu_time`].
    pub(crate) fn set_deadline(&self, deadline: Option<Duration>) {
        let nanos = deadline.map_or(u64::MAX, |at| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        self.deadline.store(nanos, Ordering::Relaxed);
    }

    /// Stops the guest at its next look. The epoch must be advanced for it to look at once.
    pub(crate) fn stop(&self, why: Stop) {
        let code = match why {
            Stop::Forced => 1,
            Stop::WallTime => 2,
            Stop::CpuTime => 3,
        };
        // The first reason is the one.
        let _ = self.stop.compare_exchange(0, code, Ordering::Release, Ordering::Relaxed);
    }

    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::Forced),
            2 => Some(Stop::WallTime),
            _ => Some(Stop::CpuTime),
        }
    }

    /// What a guest does at an epoch tick: end if it was stopped or has used its CPU time, otherwise let its
    /// neighbours run. The stock yield goes back to the head of the same worker's queue and starves them.
    pub(crate) fn on_tick(&self) -> wasmtime::Result<UpdateDeadline> {
        if let Some(why) = self.stopped() {
            return Err(wasmtime::Error::new(why));
        }
        let used = self.used.load(Ordering::Relaxed).saturating_add(self.slice());
        if used > self.deadline.load(Ordering::Relaxed) {
            self.stop(Stop::CpuTime);
            return Err(wasmtime::Error::new(Stop::CpuTime));
        }
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    }

    /// Begins the first slice of a call. The wall clock is ten times cheaper to read than the CPU clock, and a slice
    /// ends at the next tick, so that the difference between the two is at most a tick.
    pub(crate) fn begin_first_slice(&self) -> Began {
        let wall = self.wall();
        self.slice_by_cpu_clock.store(false, Ordering::Relaxed);
        self.slice_began.store(wall, Ordering::Relaxed);
        Began { wall, used: self.used.load(Ordering::Relaxed) }
    }

    /// Time on the wall, and CPU time of the Store, since a call began. To be asked when the call has just ended.
    pub(crate) fn since(&self, began: &Began) -> (Duration, Duration) {
        let now = match self.wall_at_end.load(Ordering::Relaxed) {
            0 => self.wall(),
            at => at,
        };
        let used = self.used.load(Ordering::Relaxed);
        (
            Duration::from_nanos(now.saturating_sub(began.wall)),
            Duration::from_nanos(used.saturating_sub(began.used)),
        )
    }

    /// The moment at which something ended that took so long.
    pub(crate) fn end_of(&self, began: &Began, took: Duration) -> Instant {
        let at = Duration::from_nanos(began.wall).saturating_add(took);
        self.origin.checked_add(at).unwrap_or(self.origin)
    }

    fn begin_slice(&self) {
        self.slice_by_cpu_clock.store(true, Ordering::Relaxed);
        self.slice_began.store(self.cpu(), Ordering::Relaxed);
    }

    fn end_slice(&self) {
        let by_cpu_clock = self.slice_by_cpu_clock.load(Ordering::Relaxed);
        let now = if by_cpu_clock { self.cpu() } else { self.wall() };
        let slice = now.saturating_sub(self.slice_began.load(Ordering::Relaxed));
        self.wall_at_end.store(if by_cpu_clock { 0 } else { now }, Ordering::Relaxed);
        // Only the thread that polls the Store writes here.
        self.used.store(self.used.load(Ordering::Relaxed).saturating_add(slice), Ordering::Relaxed);
    }

    fn slice(&self) -> u64 {
        let now = if self.slice_by_cpu_clock.load(Ordering::Relaxed) { self.cpu() } else { self.wall() };
        now.saturating_sub(self.slice_began.load(Ordering::Relaxed))
    }

    fn wall(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// CPU time of this thread, in nanoseconds.
    #[cfg(unix)]
    fn cpu(&self) -> u64 {
        // Reading one's own clock does not fail; if it did, time would stand still and the wall limit remains.
        let Ok(time) = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID) else {
            return 0;
        };
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    }

    #[cfg(not(unix))]
    fn cpu(&self) -> u64 {
        self.wall()
    }
}

/// The clocks at the beginning of a call.
#[derive(Debug)]
pub(crate) struct Began {
    wall: u64,
    used: u64,
}

/// A future that runs a guest, measured in slices. The first slice was begun by
/// [`Meter::begin_first_slice`].
pub(crate) struct Metered<'a, F> {
    meter: &'a Meter,
    guest: Pin<&'a mut F>,
    first: bool,
}

impl<'a, F> Metered<'a, F> {
    pub(crate) fn new(meter: &'a Meter, guest: Pin<&'a mut F>) -> Self {
        Self { meter, guest, first: true }
    }
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if !std::mem::take(&mut this.first) {
            this.meter.begin_slice();
        }
        let entered = this.meter.runtime.as_ref().map(Handle::enter);
        let polled = this.guest.as_mut().poll(context);
        drop(entered);
        this.meter.end_slice();
        polled
    }
}
