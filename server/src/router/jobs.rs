//! `/v1/jobs`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use cjm_host::{Job, JobFilter, JobId, LogRecord, NewJob, QueueEvent};
use http::header::LOCATION;
use http::{HeaderName, Request, StatusCode};

use super::Shared;
use super::reply::{Content, Reply};
use super::request::{Id, Parameters};
use crate::wire::{Done, Priority, Purged, Submitted};

pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
) -> Reply<(StatusCode, [(HeaderName, String); 1], Json<Submitted<JobId>>)> {
    let job: NewJob = shared.read(request).await?.json()?;
    let id = shared.queue.submit(job).await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/v1/jobs/{id}"))], Json(Submitted { id })))
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    mut parameters: Parameters,
) -> Reply<Json<Vec<Job>>> {
    let limit = parameters.limit()?;
    let filter = parameters.fold(JobFilter::default(), JobFilter::parameter)?;
    Ok(Json(shared.queue.list(&filter, limit).await?))
}

pub(super) async fn purge_all(
    State(shared): State<Arc<Shared>>,
    parameters: Parameters,
) -> Reply<Json<Purged>> {
    let filter = parameters.fold(JobFilter::default(), JobFilter::parameter)?;
    Ok(Json(Purged { purged: shared.queue.purge_all(&filter).await? }))
}

pub(super) async fn get(State(shared): State<Arc<Shared>>, Id(id): Id<JobId>) -> Reply<Json<Job>> {
    Ok(Json(shared.queue.get(id).await?))
}

pub(super) async fn purge(State(shared): State<Arc<Shared>>, Id(id): Id<JobId>) -> Reply<Json<Done>> {
    Ok(Json(Done { done: shared.queue.purge(id).await? }))
}

pub(super) async fn input(State(shared): State<Arc<Shared>>, Id(id): Id<JobId>) -> Reply<Content> {
    Ok(Content(shared.queue.input(id).await?))
}

pub(super) async fn result(State(shared): State<Arc<Shared>>, Id(id): Id<JobId>) -> Reply<Content> {
    Ok(Content(shared.queue.result(id).await?))
}

pub(super) async fn timeline(
    State(shared): State<Arc<Shared>>,
    Id(id): Id<JobId>,
) -> Reply<Json<Vec<QueueEvent>>> {
    Ok(Json(shared.queue.timeline(id).await?))
}

pub(super) async fn logs(
    State(shared): State<Arc<Shared>>,
    Id(id): Id<JobId>,
) -> Reply<Json<Vec<LogRecord>>> {
    Ok(Json(shared.queue.logs(id).await?))
}

/// Holds the request until the job has ended. Whoever does not wait any more hangs up, with which this is dropped.
pub(super) async fn wait(
    State(shared): State<Arc<Shared>>,
    Id(id): Id<JobId>,
    mut parameters: Parameters,
) -> Reply<Json<Job>> {
    let timeout = parameters.take("timeout-ms", "a number of milliseconds")?;
    parameters.none()?;
    tokio::select! {
        job = shared.queue.wait(id, timeout.map(Duration::from_millis)) => Ok(Json(job?)),
        () = shared.end() => Err(Shared::ends(format_args!("job {id}")).into()),
    }
}

pub(super) async fn cancel(
    State(shared): State<Arc<Shared>>,
    Id(id): Id<JobId>,
    mut parameters: Parameters,
) -> Reply<Json<Done>> {
    let now = parameters.take("now", "true or false")?.unwrap_or(false);
    parameters.none()?;
    let done = match now {
        true => shared.queue.cancel_now(id).await?,
        false => shared.queue.cancel(id).await?,
    };
    Ok(Json(Done { done }))
}

pub(super) async fn retry(State(shared): State<Arc<Shared>>, Id(id): Id<JobId>) -> Reply<Json<Done>> {
    Ok(Json(Done { done: shared.queue.retry(id).await? }))
}

pub(super) async fn reorder(
    State(shared): State<Arc<Shared>>,
    Id(id): Id<JobId>,
    request: Request<Body>,
) -> Reply<Json<Done>> {
    let Priority { priority } = shared.read(request).await?.json()?;
    Ok(Json(Done { done: shared.queue.reorder(id, priority).await? }))
}
