//! What is taken from a request, with errors of the taxonomy where it does not fit.

use std::str::FromStr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Query};
use bytes::{Bytes, BytesMut};
use cjm_host::{Error, ResourceKind, Result};
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::sync::SemaphorePermit;

use super::Shared;
use super::reply::Refusal;

/// How much more than its limit is read of a body, so that the one who sends it comes to hear why it is refused.
const PATIENCE: usize = 16;

/// How many a list has where nobody says how many.
const LISTED: usize = 100;

/// The most that a list has: it is made in memory.
const LISTED_AT_MOST: usize = 10_000;

/// How long may pass between two parts of a body: it keeps others from being read.
const STALL: Duration = Duration::from_secs(30);

/// The id in a path.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr<Err = Error>, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Error::invalid(format!("the path cannot be read: {rejection}")))?;
        Ok(Self(id.parse()?))
    }
}

/// The parameters of a query.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let Query(parameters) = Query::try_from_uri(&parts.uri)
            .map_err(|rejection| Error::invalid(format!("the query cannot be read: {rejection}")))?;
        Ok(Self(parameters))
    }
}

impl Parameters {
    /// Takes one out. Of several with the same name, the last one counts.
    pub(super) fn take<T: FromStr>(&mut self, name: &str, wanted: &str) -> Result<Option<T>> {
        let Some((_, value)) = self.0.iter().rfind(|(known, _)| known == name) else { return Ok(None) };
        let value = value.parse().map_err(|_| {
            Error::invalid(format!("the parameter `{name}` is `{value}`, but it must be {wanted}"))
        })?;
        self.0.retain(|(known, _)| known != name);
        Ok(Some(value))
    }

    /// Takes out how long a list may be.
    pub(super) fn limit(&mut self) -> Result<usize> {
        Ok(self.take("limit", "how many are listed")?.unwrap_or(LISTED).min(LISTED_AT_MOST))
    }

    /// Makes something of the rest.
    pub(super) fn fold<T>(self, start: T, add: impl Fn(T, &str, &str) -> Result<T>) -> Result<T> {
        self.0.iter().try_fold(start, |whole, (name, value)| add(whole, name, value))
    }

    /// There are to be no more.
    pub(super) fn none(self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(Error::invalid(format!("there is no parameter `{name}` here; leave it out")))
            }
        }
    }
}

/// A body as it was read, and the room that it takes.
pub(super) struct Whole<'a> {
    bytes: Bytes,
    _room: SemaphorePermit<'a>,
}

impl Whole<'_> {
    /// Makes something of its JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| Error::invalid(format!("the body of the request cannot be used: {error}")))
    }
}

impl Shared {
    /// Reads the body of a request as far as it may be long, once there is room for it.
    pub(super) async fn read(&self, request: Request<Body>) -> Result<Whole<'_>, Refusal> {
        let body = request.into_body();
        let told = axum::body::HttpBody::size_hint(&body).exact().and_then(|size| usize::try_from(size).ok());
        let most = told.unwrap_or(self.body_limit).min(self.body_limit);
        let room = u32::try_from(most / 1024 + 1).unwrap_or(u32::MAX);
        let room =
            self.bodies.acquire_many(room).await.map_err(|_| Error::fatal("no more bodies are read"))?;
        let mut body = body;
        let mut bytes = BytesMut::with_capacity(told.unwrap_or(0).min(self.body_limit));
        let mut size = 0_usize;
        let stalled = |_| Error::invalid("nothing more came of the body of the request; send it in one go");
        while let Some(frame) = tokio::time::timeout(STALL, body.frame()).await.map_err(stalled)? {
            let frame = frame
                .map_err(|error| Error::invalid(format!("the body of the request broke off: {error}")))?;
            let Some(data) = frame.data_ref() else { continue };
            size = size.saturating_add(data.len());
            if size <= self.body_limit {
                bytes.extend_from_slice(data);
            } else if size > self.body_limit.saturating_mul(PATIENCE) {
                break;
            }
        }
        if size > self.body_limit {
            let message = format!(
                "the body of the request is over the limit of {} bytes; put what is large into files, and hand over \
                 their paths",
                self.body_limit
            );
            let (needed, available) = (size as u64, self.body_limit as u64);
            let error = Error::exhausted(ResourceKind::Input, message, Some(needed), Some(available));
            return Err(Refusal::of(error).with(StatusCode::PAYLOAD_TOO_LARGE));
        }
        Ok(Whole { bytes: bytes.freeze(), _room: room })
    }
}
