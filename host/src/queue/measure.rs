//! What an attempt uses: looked at while it is made, told once in a while, and counted at its end.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::runs::Current;
use crate::catalog::Digest;
use crate::event::{EventKind, Measured};
use crate::store::{Ended, ProfileKey, Sample};

/// The shortest interval in which is told what an attempt uses: what it tells is stored no more often either.
const SHORTEST: Duration = Duration::from_millis(100);

type Look = Arc<dyn Fn() -> Option<Measured> + Send + Sync>;

/// Where a runner says how its attempt is measured.
#[derive(Default)]
pub(super) struct Measure {
    by: Mutex<Option<(Digest, Look)>>,
}

impl Measure {
    pub(super) fn set(&self, configuration: Digest, look: Look) {
        *self.by() = Some((configuration, look));
    }

    /// What is used now; none where the runner does not say, or the attempt does not run yet.
    pub(super) fn now(&self) -> Option<Measured> {
        let (_, look) = self.by().clone()?;
        look()
    }

    /// What was used in the end, and with which configuration. The runner is let go.
    fn end(&self) -> Option<(Digest, Measured)> {
        let (configuration, look) = self.by().take()?;
        Some((configuration, look()?))
    }

    fn by(&self) -> MutexGuard<'_, Option<(Digest, Look)>> {
        self.by.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measure").finish_non_exhaustive()
    }
}

/// Tells in each interval what the attempt uses; where that is what it was, there is nothing to tell.
pub(super) async fn tell(current: &Current, interval: Option<Duration>) -> Infallible {
    let Some(interval) = interval else { return std::future::pending().await };
    loop {
        tokio::time::sleep(interval.max(SHORTEST)).await;
        if let Some(measured) = current.measure.now() {
            current.report.push(EventKind::Resources(measured));
        }
    }
}

/// An attempt that has ended, and what it used.
#[derive(Debug, Clone)]
pub(super) struct Used {
    key: ProfileKey,
    measured: Measured,
    took: Duration,
    usage: Vec<(String, f64)>,
}

impl Used {
    /// None where the runner did not measure it, or it never ran. To be asked once, when all was told.
    pub(super) fn of(current: &Current, took: Duration) -> Option<Self> {
        let (configuration, measured) = current.measure.end()?;
        // Whoever saw it grow sees where it ended.
        if current.report.has_told_resources() {
            current.report.push(EventKind::Resources(measured));
        }
        let key = ProfileKey {
            instance: current.instance.as_str().into(),
            configuration: *configuration.as_bytes(),
        };
        Some(Self { key, measured, took, usage: current.report.used() })
    }

    /// What of it goes into the profile of its instance. `well` says how it ended; none where it did not come to an end
    /// of its own.
    pub(super) fn sample(self, well: Option<bool>) -> Sample {
        let Self { key, measured, took, usage } = self;
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let ended = well.map(|well| Ended {
            well,
            duration_ms: millis(took),
            memory_bytes: measured.peak_memory_bytes.max(measured.memory_bytes),
            cpu_time_ms: measured.cpu_time.map(millis),
            gpu_memory_bytes: measured.peak_gpu_memory_bytes.max(measured.gpu_memory_bytes),
        });
        Sample { key, ended, usage }
    }
}
