//! For the tests of a plugin: they run natively, without a host and without WebAssembly.
//!
//! Actions are methods, so most tests call them directly, with [`Job::for_test`] where they ask for a job. [`Harness`]
//! goes the way that a host goes: by name and with JSON.
//!
//! ```
//! use cjm_guest::testing::Harness;
//! # use cjm_guest::{NoConfig, Plugin, Result};
//! # struct Greeter;
//! # impl Plugin for Greeter {
//! #     type Config = NoConfig;
//! #     fn new(_: NoConfig) -> Result<Self> { Ok(Self) }
//! # }
//! # #[cjm_guest::actions]
//! # impl Greeter {
//! #     fn greet(&self, name: String) -> Result<String> { Ok(format!("Hello, {name}!")) }
//! # }
//! let harness = Harness::<Greeter>::new("{}")?;
//! assert_eq!(harness.call_json("greet", r#""Ada""#)?, r#""Hello, Ada!""#);
//! # Ok::<(), cjm_guest::Error>(())
//! ```

pub(crate) mod double;
mod harness;

use std::collections::HashMap;
use std::future::Future;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

pub use harness::{Harness, Streamed};

use crate::job::Job;
use crate::sender::Sender;
use double::{Backend, LOGS, SECRETS};

/// A job that records what it is told, and that the test can cancel. It stands wherever a `&Job` is asked for.
#[derive(Debug)]
pub struct TestJob {
    job: Job,
}

impl Job {
    /// A job for tests, with the id `test` and the attempt 1. From here on, what this thread logs is recorded too.
    pub fn for_test() -> TestJob {
        crate::logging::install();
        LOGS.take();
        TestJob { job: Self { backend: Backend::default() } }
    }
}

impl TestJob {
    /// Sets the number of the attempt, which counts from 1.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.job.backend.attempt = attempt;
        self
    }

    /// Requests cancellation of the job.
    pub fn cancel(&self) {
        self.job.backend.cancel();
    }

    /// Requests cancellation in the moment at which the job asks for the `checks`-th time from now whether it was: so a
    /// test sees a plugin stop in the middle of its work.
    pub fn cancel_after(&self, checks: u32) {
        self.job.backend.cancel_after(checks);
    }

    /// What was reported with [`Job::progress`], in order. The host would keep only the latest.
    pub fn progress_reports(&self) -> Vec<(Option<f64>, String)> {
        self.job.backend.progress.borrow().clone()
    }

    /// The sum of what was reported with [`Job::usage`] in this unit.
    pub fn usage_of(&self, unit: &str) -> f64 {
        self.job.backend.usage.borrow().get(unit).copied().unwrap_or_default()
    }

    /// What this thread has logged since the latest [`Job::for_test`]: level, target, message.
    pub fn logs(&self) -> Vec<(log::Level, String, String)> {
        LOGS.with_borrow(Clone::clone)
    }
}

impl Deref for TestJob {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.job
    }
}

/// Grants this thread a secret; none takes it away.
pub fn set_secret(name: &str, value: Option<&str>) {
    SECRETS.with_borrow_mut(|secrets: &mut HashMap<String, String>| match value {
        Some(value) => secrets.insert(name.to_owned(), value.to_owned()),
        None => secrets.remove(name),
    });
}

/// Runs a future to its end on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Runs a streaming action that takes a [`Sender`]: gives the items that it sent, and how it ended.
///
/// ```
/// use cjm_guest::testing::collect;
/// use cjm_guest::{Result, Sender};
///
/// async fn count(to: u32, mut out: Sender<u32>) -> Result<()> {
///     for n in 1..=to {
///         out.send(n).await?;
///     }
///     Ok(())
/// }
///
/// let (items, end) = collect(|out| count(3, out));
/// assert_eq!(items, [1, 2, 3]);
/// assert!(end.is_ok());
/// ```
pub fn collect<T, F, E>(action: impl FnOnce(Sender<T>) -> F) -> (Vec<T>, Result<(), E>)
where
    F: Future<Output = Result<(), E>>,
{
    let (sender, items) = Sender::collecting();
    let end = block_on(action(sender));
    (items.take(), end)
}
