//! Asking for what a queue does, in another process or in this one.

mod answer;
mod events;
mod jobs;
mod sequences;
mod worker;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use cjm_host::{Error, Queue, Result};
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt;

pub use self::events::Events;
use crate::server::Server;
#[cfg(unix)]
use crate::socket::{Dial, dial};
use crate::wire;

/// What a worker lists at once.
const PAGE: usize = 1_000;

/// Whoever runs the jobs of a data folder, asked over its socket or within this process. Cheap to clone.
///
/// All methods have the errors of the queue's methods of the same names, as if it were in this process. Over a socket
/// they can fail besides as `transient`, where the worker ended meanwhile, and as `fatal`, where it is of a release that
/// answers otherwise. None waits longer than the queue does.
///
/// # Cancellation
///
/// Dropping a future hangs up. What only looks or waits ends with that; what was asked to be changed may be changed.
#[derive(Debug, Clone)]
pub struct Client {
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    #[cfg(unix)]
    Socket(Arc<Path>),
    Within(Router),
}

impl Client {
    /// Reaches the worker that runs the jobs of a data folder; none where there is none.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where the worker is another user's. `transient`, where it takes no
    /// more connections now. What files can fail with.
    pub async fn connect(data_dir: &Path) -> Result<Option<Self>> {
        #[cfg(unix)]
        {
            Ok(match dial(data_dir).await? {
                Dial::Answered(path) => Some(Self { way: Way::Socket(path.into()) }),
                Dial::Nobody => None,
            })
        }
        #[cfg(not(unix))]
        {
            // Nobody listens there.
            let _ = data_dir;
            Ok(None)
        }
    }

    /// Asks a queue of this process. Answers are made in the same way as for other processes.
    pub fn within(queue: &Queue) -> Self {
        Self { way: Way::Within(Server::new(queue.clone()).router()) }
    }

    async fn fetch<T: DeserializeOwned>(&self, path: &str, parameters: &[(String, String)]) -> Result<T> {
        self.ask(Method::GET, path, parameters, None::<&()>).await
    }

    /// A list, in parts: `next` narrows the filter to what comes after the last one of a part.
    async fn pages<F: Clone, T: DeserializeOwned>(
        &self,
        path: &str,
        mut filter: F,
        parameters: impl Fn(&F) -> Vec<(String, String)>,
        next: impl Fn(F, &T) -> F,
        limit: usize,
    ) -> Result<Vec<T>> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let page = PAGE.min(limit - all.len());
            let mut parameters = parameters(&filter);
            parameters.push(("limit".to_owned(), page.to_string()));
            let more: Vec<T> = self.fetch(path, &parameters).await?;
            let whole = more.len() < page;
            all.extend(more);
            match all.last() {
                Some(last) if !whole && all.len() < limit => filter = next(filter, last),
                _ => return Ok(all),
            }
        }
    }

    /// Asks, and reads the answer.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        parameters: &[(String, String)],
        body: Option<&impl Serialize>,
    ) -> Result<T> {
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(|error| Error::invalid(format!("it cannot be written as JSON: {error}")))?;
        let response = self.send(method, &wire::target(path, parameters), body.map(Bytes::from)).await?;
        answer::json(&answer::whole(response).await?)
    }

    /// Asks; the answer is none that is an error.
    async fn send(&self, method: Method, target: &str, body: Option<Bytes>) -> Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(target);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, wire::JSON);
        }
        let request = request
            .body(body.map_or_else(Body::empty, Body::from))
            .map_err(|error| Error::fatal(format!("a request to the worker cannot be made: {error}")))?;
        let response = match &self.way {
            #[cfg(unix)]
            Way::Socket(path) => crate::socket::send(path, request).await?,
            Way::Within(router) => match router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
        };
        answer::succeeded(response).await
    }
}
