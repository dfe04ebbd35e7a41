//! `/v1/sequences`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use cjm_host::{Job, NewSequence, Sequence, SequenceFilter, SequenceId};
use http::header::LOCATION;
use http::{HeaderName, Request, StatusCode};

use super::Shared;
use super::reply::Reply;
use super::request::{Id, Parameters};
use crate::wire::{Done, Purged, Submitted};

pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
) -> Reply<(StatusCode, [(HeaderName, String); 1], Json<Submitted<SequenceId>>)> {
    let sequence: NewSequence = shared.read(request).await?.json()?;
    let id = shared.queue.submit_sequence(sequence).await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/v1/sequences/{id}"))], Json(Submitted { id })))
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    mut parameters: Parameters,
) -> Reply<Json<Vec<Sequence>>> {
    let limit = parameters.limit()?;
    let filter = parameters.fold(SequenceFilter::default(), SequenceFilter::parameter)?;
    Ok(Json(shared.queue.sequences(&filter, limit).await?))
}

pub(super) async fn purge_all(
    State(shared): State<Arc<Shared>>,
    parameters: Parameters,
) -> Reply<Json<Purged>> {
    let filter = parameters.fold(SequenceFilter::default(), SequenceFilter::parameter)?;
    Ok(Json(Purged { purged: shared.queue.purge_sequences(&filter).await? }))
}

pub(super) async fn get(State(shared): State<Arc<Shared>>, Id(id): Id<SequenceId>) -> Reply<Json<Sequence>> {
    Ok(Json(shared.queue.sequence(id).await?))
}

pub(super) async fn steps(
    State(shared): State<Arc<Shared>>,
    Id(id): Id<SequenceId>,
) -> Reply<Json<Vec<Job>>> {
    Ok(Json(shared.queue.steps(id).await?))
}

pub(super) async fn purge(State(shared): State<Arc<Shared>>, Id(id): Id<SequenceId>) -> Reply<Json<Done>> {
    Ok(Json(Done { done: shared.queue.purge_sequence(id).await? }))
}

/// Holds the request until the sequence has ended, as that of a job.
pub(super) async fn wait(
    State(shared): State<Arc<Shared>>,
    Id(id): Id<SequenceId>,
    mut parameters: Parameters,
) -> Reply<Json<Sequence>> {
    let timeout = parameters.take("timeout-ms", "a number of milliseconds")?;
    parameters.none()?;
    tokio::select! {
        sequence = shared.queue.wait_sequence(id, timeout.map(Duration::from_millis)) => Ok(Json(sequence?)),
        () = shared.end() => Err(Shared::ends(format_args!("sequence {id}")).into()),
    }
}

pub(super) async fn cancel(
    State(shared): State<Arc<Shared>>,
    Id(id): Id<SequenceId>,
    mut parameters: Parameters,
) -> Reply<Json<Done>> {
    let now = parameters.take("now", "true or false")?.unwrap_or(false);
    parameters.none()?;
    let done = match now {
        true => shared.queue.cancel_sequence_now(id).await?,
        false => shared.queue.cancel_sequence(id).await?,
    };
    Ok(Json(Done { done }))
}

pub(super) async fn retry(State(shared): State<Arc<Shared>>, Id(id): Id<SequenceId>) -> Reply<Json<Done>> {
    Ok(Json(Done { done: shared.queue.retry_sequence(id).await? }))
}
