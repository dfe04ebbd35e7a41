//! What can be asked, and who answers.

mod events;
mod jobs;
mod reply;
mod request;
mod sequences;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post, put};
use cjm_host::{Error, Queue};
use http::StatusCode;
use tokio::sync::{Semaphore, watch};

use reply::Refusal;

/// What all answers are made of.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    /// The size that one body may have, in bytes.
    pub(crate) body_limit: usize,
    /// Room for bodies that are being read, in KiB.
    pub(crate) bodies: Semaphore,
    /// Whether what goes on without an end is to end.
    pub(crate) ending: watch::Sender<bool>,
}

impl Shared {
    /// Waits until it is to end. Cancel safe.
    pub(crate) async fn end(&self) {
        // The sender is in `self`, so that it cannot be gone.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }

    /// What whoever waits is told then.
    fn ends(what: fmt::Arguments<'_>) -> Error {
        Error::Transient {
            message: format!(
                "the worker ends, and {what} has not ended yet; wait for it once there is another"
            ),
            retry_after: Some(Duration::from_secs(1)),
        }
    }
}

/// The router, for a socket or within the process.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/status", get(worker::status))
        .route("/v1/stats", get(worker::stats))
        .route("/v1/profiles", get(worker::profiles).delete(worker::forget_profiles))
        .route("/v1/tidy", post(worker::tidy))
        .route("/v1/vacuum", post(worker::vacuum))
        .route("/v1/events", get(events::events))
        .route("/v1/jobs", get(jobs::list).post(jobs::submit).delete(jobs::purge_all))
        .route("/v1/jobs/{id}", get(jobs::get).delete(jobs::purge))
        .route("/v1/jobs/{id}/input", get(jobs::input))
        .route("/v1/jobs/{id}/result", get(jobs::result))
        .route("/v1/jobs/{id}/timeline", get(jobs::timeline))
        .route("/v1/jobs/{id}/logs", get(jobs::logs))
        .route("/v1/jobs/{id}/wait", get(jobs::wait))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/jobs/{id}/retry", post(jobs::retry))
        .route("/v1/jobs/{id}/priority", put(jobs::reorder))
        .route("/v1/sequences", get(sequences::list).post(sequences::submit).delete(sequences::purge_all))
        .route("/v1/sequences/{id}", get(sequences::get).delete(sequences::purge))
        .route("/v1/sequences/{id}/steps", get(sequences::steps))
        .route("/v1/sequences/{id}/wait", get(sequences::wait))
        .route("/v1/sequences/{id}/cancel", post(sequences::cancel))
        .route("/v1/sequences/{id}/retry", post(sequences::retry))
        .method_not_allowed_fallback(|method: http::Method, uri: http::Uri| async move {
            let message =
                format!("`{}` cannot be asked with {method}; docs/api.md has what can be", uri.path());
            Refusal::of(Error::invalid(message)).with(StatusCode::METHOD_NOT_ALLOWED)
        })
        .fallback(|uri: http::Uri| async move {
            let message = format!(
                "there is no `{}` in release {}; docs/api.md has what there is",
                uri.path(),
                env!("CARGO_PKG_VERSION")
            );
            Refusal::of(Error::invalid(message)).with(StatusCode::NOT_FOUND)
        })
        .with_state(shared)
}
