//! The job of the running call: the host knows which one it is.

use super::bindings::imports::cjm::plugin::{cancellation, job};

#[derive(Debug)]
pub(crate) struct Backend;

impl Backend {
    pub(crate) fn id(&self) -> String {
        job::id()
    }

    pub(crate) fn attempt(&self) -> u32 {
        job::attempt()
    }

    pub(crate) fn progress(&self, fraction: Option<f64>, message: &str) {
        job::report_progress(fraction, message);
    }

    pub(crate) fn usage(&self, unit: &str, amount: f64) {
        job::report_usage(unit, amount);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        job::is_cancelled()
    }

    pub(crate) async fn cancelled(&self) {
        cancellation::requested().await;
    }
}

impl crate::Job {
    /// The job of the call that is running.
    pub(crate) fn current() -> Self {
        Self { backend: Backend }
    }
}
