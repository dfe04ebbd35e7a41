//! `/v1/status` and `/v1/stats`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use cjm_host::{Error, Holder, QueueStats};

use super::Shared;
use super::reply::Reply;
use crate::wire::Status;

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
