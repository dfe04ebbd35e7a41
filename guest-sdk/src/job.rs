//! What an action may ask of, and tell, the job that it runs for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::error::{Error, Result};

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::double as backend;
#[cfg(target_arch = "wasm32")]
use crate::wasm::job as backend;

/// The job that a call runs for. Nothing here blocks or fails; the host bounds what it keeps.
#[derive(Debug)]
pub struct Job {
    pub(crate) backend: backend::Backend,
}

impl Job {
    /// The job's id, the same for all its attempts. At most 64 bytes of ASCII.
    pub fn id(&self) -> String {
        self.backend.id()
    }

    /// The attempt's number, from 1. An action that must not do its work twice looks here.
    pub fn attempt(&self) -> u32 {
        self.backend.attempt()
    }

    /// Tells how far the job has come: a fraction from 0 to 1, or `None` where the end is not known, and what is being
    /// done. The latest report wins. The host cuts messages over its limit (1 KiB unless configured).
    pub fn progress(&self, fraction: impl Into<Option<f64>>, message: impl AsRef<str>) {
        self.backend.progress(fraction.into(), message.as_ref());
    }

    /// Adds to what the job has used, in a unit of the plugin's own such as `input-tokens`. Amounts that are negative
    /// or not finite are ignored.
    pub fn usage(&self, unit: &str, amount: f64) {
        self.backend.usage(unit, amount);
    }

    /// True once cancellation was requested. Cheap enough for a loop.
    pub fn is_cancelled(&self) -> bool {
        self.backend.is_cancelled()
    }

    /// Stops here where cancellation was requested: `job.check_cancelled()?`.
    ///
    /// A plugin has a grace time (3 seconds unless configured) to return; after that the host drops the instance.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] once cancellation was requested.
    pub fn check_cancelled(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Returns once cancellation is requested, at once where it already was. Any number of these may wait.
    pub async fn cancelled(&self) {
        self.backend.cancelled().await;
    }

    /// Awaits `future`, or gives it up (drops it) once cancellation is requested.
    ///
    /// ```
    /// # use cjm_guest::{Job, Result};
    /// async fn fetch() -> String { String::from("text") }
    ///
    /// async fn action(job: &Job) -> Result<String> {
    ///     let text = job.unless_cancelled(fetch()).await?;
    ///     Ok(text.to_uppercase())
    /// }
    /// # let text = cjm_guest::testing::block_on(action(&Job::for_test()));
    /// # assert_eq!(text.unwrap(), "TEXT");
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] where cancellation came first.
    pub async fn unless_cancelled<F: Future>(&self, future: F) -> Result<F::Output> {
        let mut future = pin!(future);
        let mut cancelled = pin!(self.cancelled());
        poll_fn(|context| {
            // The work first: a result that is there counts, even in the moment of cancellation.
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            cancelled.as_mut().poll(context).map(|()| Err(Error::Cancelled))
        })
        .await
    }
}
