//! What came back.

use axum::body::Body;
use bytes::Bytes;
use cjm_host::{Error, Result};
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;

/// The longest error that is read, in bytes: a backtrace has its length.
const ERROR_BYTES: usize = 64 << 20;

/// An answer whose body is here.
pub(super) struct Whole {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Makes an error of an answer that is one.
pub(super) async fn succeeded(response: Response<Body>) -> Result<Response<Body>> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body = Limited::new(response.into_body(), ERROR_BYTES).collect().await;
    let error = body.ok().and_then(|body| serde_json::from_slice::<Error>(&body.to_bytes()).ok());
    Err(error.unwrap_or_else(|| {
        Error::fatal(format!(
            "the worker answered {status}, and nothing that release {} knows; restart it with this release",
            env!("CARGO_PKG_VERSION")
        ))
    }))
}

pub(super) async fn whole(response: Response<Body>) -> Result<Whole> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| broken(&error))?.to_bytes();
    Ok(Whole { headers: parts.headers, body })
}

pub(super) fn json<T: DeserializeOwned>(whole: &Whole) -> Result<T> {
    serde_json::from_slice(&whole.body).map_err(|error| unknown(&error))
}

/// An answer that means nothing to this release.
pub(super) fn unknown(error: &serde_json::Error) -> Error {
    Error::fatal(format!(
        "the worker answered what release {} does not know ({error}); restart it with this release",
        env!("CARGO_PKG_VERSION")
    ))
}

/// An answer that ended before its end.
pub(super) fn broken(error: &axum::Error) -> Error {
    Error::Transient {
        message: format!("the worker ended before its answer did ({error}); ask again once there is another"),
        retry_after: None,
    }
}
