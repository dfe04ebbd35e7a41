//! Answering whoever connects.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::Listener;
use crate::router::{Shared, router};

/// How long a connection may be silent before and between its requests.
const SILENCE: Duration = Duration::from_secs(60);

/// How long is waited after a connection could not be taken, as where the process has no more files.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until it is to end, and for `ending` more at most what was asked before.
pub(crate) async fn serve(listener: Listener, shared: Arc<Shared>, connections: usize, ending: Duration) {
    let router = router(shared.clone());
    let room = Arc::new(Semaphore::new(connections));
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shared.end() => break,
            Some(_) = conversations.join_next() => {}
            accepted = accept(&listener, &room) => match accepted {
                Ok((stream, place)) => {
                    let conversation = converse(stream, router.clone(), shared.clone());
                    conversations.spawn(async move {
                        conversation.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the worker could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    // From here on, others find nobody.
    drop(listener);
    let rest = async { while conversations.join_next().await.is_some() {} };
    if tokio::time::timeout(ending, rest).await.is_err() {
        tracing::warn!("some answers were not taken in time, and break off");
    }
}

/// Waits for room, and for somebody of this user who wants it.
async fn accept(
    listener: &Listener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = room.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    loop {
        let stream = listener.accept().await?;
        if listener.knows(&stream) {
            return Ok((stream, place));
        }
        tracing::warn!("another user wanted to speak with the worker, and was sent away");
    }
}

/// Answers one request after the other. Whoever hangs up drops what was being done for the answer.
async fn converse(stream: UnixStream, router: Router, shared: Arc<Shared>) {
    let answer = service_fn(move |request: Request<Incoming>| router.clone().oneshot(request.map(Body::new)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shared.end() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the worker broke off");
    }
}
