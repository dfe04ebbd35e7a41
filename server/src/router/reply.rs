//! Answers: JSON, values, errors.

use axum::Json;
use axum::response::{IntoResponse, Response};
use cjm_host::{Error, Value};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use crate::wire;

/// What a handler gives back.
pub(super) type Reply<T, E = Refusal> = Result<T, E>;

/// An error as an answer: the status says which kind it is, the body is its structure.
#[derive(Debug)]
pub(super) struct Refusal {
    error: Error,
    status: StatusCode,
}

impl Refusal {
    pub(super) fn of(error: Error) -> Self {
        let status = wire::status(&error);
        Self { error, status }
    }

    /// With another status than that of its category.
    pub(super) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::of(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let wait = self.error.retry_after().map(|wait| wait.as_secs_f64().ceil());
        let mut response = (self.status, Json(self.error)).into_response();
        if let Some(Ok(wait)) = wait.map(|seconds| HeaderValue::from_str(&format!("{seconds:.0}"))) {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        response
    }
}

/// A value as an answer.
pub(super) struct Content(pub(super) Value);

impl IntoResponse for Content {
    fn into_response(self) -> Response {
        wire::pack(self.0).into_response()
    }
}
