//! The queue as a whole: `/v1/status`, `/v1/stats`, `/v1/profiles`, `/v1/tidy`, `/v1/vacuum`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use cjm_host::{Error, Holder, Profile, ProfileFilter, QueueStats, Tidied};

use super::Shared;
use super::reply::Reply;
use super::request::Parameters;
use crate::wire::{Done, Purged, Status};

pub(super) async fn stats(State(shared): State<Arc<Shared>>) -> Reply<Json<QueueStats>> {
    Ok(Json(shared.queue.stats().await?))
}

pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Reply<Json<Status>> {
    let data_dir = shared.queue.data_dir().to_owned();
    let stats = shared.queue.stats().await?;
    let holder = {
        let data_dir = data_dir.clone();
        tokio::task::spawn_blocking(move || Holder::of(&data_dir))
            .await
            .map_err(|error| Error::fatal(format!("the holder of the queue could not be read: {error}")))??
    };
    let closed = || Error::Transient { message: "the queue is closed".to_owned(), retry_after: None };
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        holder: holder.ok_or_else(closed)?,
        data_dir,
        stats,
    }))
}

pub(super) async fn profiles(
    State(shared): State<Arc<Shared>>,
    parameters: Parameters,
) -> Reply<Json<Vec<Profile>>> {
    let filter = parameters.fold(ProfileFilter::default(), ProfileFilter::parameter)?;
    Ok(Json(shared.queue.profiles(&filter)))
}

pub(super) async fn forget_profiles(
    State(shared): State<Arc<Shared>>,
    parameters: Parameters,
) -> Reply<Json<Purged>> {
    let filter = parameters.fold(ProfileFilter::default(), ProfileFilter::parameter)?;
    Ok(Json(Purged { purged: shared.queue.forget_profiles(&filter).await? }))
}

pub(super) async fn tidy(State(shared): State<Arc<Shared>>) -> Reply<Json<Tidied>> {
    Ok(Json(shared.queue.tidy().await?))
}

pub(super) async fn vacuum(State(shared): State<Arc<Shared>>) -> Reply<Json<Done>> {
    shared.queue.vacuum().await?;
    Ok(Json(Done { done: true }))
}
