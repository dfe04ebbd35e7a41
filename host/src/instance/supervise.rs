//! Running one piece of guest work under a clock and a request to stop.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::runner::CallLimits;
use crate::capability::job::Job;
use crate::engine::{Meter, Metered, Stop, Ticker};
use crate::event::CancelPhase;

/// Runs `guest`, whose first slice has begun, until it ends or must be stopped. In the second case the Store must be
/// dropped: the guest is somewhere in the middle of its work.
///
/// Most calls end at the first poll, so that the timers are set up only after it. The future is pinned by the caller,
/// because moving it around would cost more than many a call.
pub(super) async fn supervise<T>(
    ticker: &Ticker,
    meter: &Meter,
    job: &Job,
    limits: &CallLimits,
    guest: Pin<&mut impl Future<Output = wasmtime::Result<T>>>,
) -> wasmtime::Result<T> {
    let _ticking = ticker.hold();
    let mut guest = Metered::new(meter, guest);
    if let Poll::Ready(ended) = futures::poll!(&mut guest) {
        return ended;
    }
    // Boxed, because what is seldom needed would make the future of every call larger.
    Box::pin(wait(job, limits, guest)).await
}

async fn wait<T>(
    job: &Job,
    limits: &CallLimits,
    guest: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    tokio::select! {
        biased;
        () = job.cancellation().must_force(limits.grace, || job.enter(CancelPhase::Cooperative)) => {
            Err(wasmtime::Error::new(Stop::Forced))
        }
        () = out_of_time(limits.wall_time) => Err(wasmtime::Error::new(Stop::WallTime)),
        ended = guest => ended,
    }
}

async fn out_of_time(wall_time: Option<Duration>) {
    match wall_time {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}
