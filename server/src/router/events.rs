//! `/v1/events`: what happens, as Server-Sent Events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, KeepAliveStream, Sse};
use cjm_host::{Error, EventFilter, Notice, Result, Since};
use futures::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, HeaderName};
use serde::Serialize;

use super::Shared;
use super::reply::Reply;
use super::request::Parameters;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How often something is sent where nothing happens, so that both sides learn it when the other has gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

type Stream = BoxStream<'static, Result<Event, Infallible>>;

/// Events are read no faster than the client takes them: one that is slow is told that it is behind, and reads on from
/// the store.
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Reply<Sse<KeepAliveStream<Stream>>> {
    let from = parameters.take("from", "the number of an event")?;
    let since = match last(&headers)? {
        // The client was cut off, and asks the same again.
        Some(last) => Since::Sequence(last.saturating_add(1)),
        None => from.map_or(Since::Now, Since::Sequence),
    };
    let filter = parameters.fold(EventFilter::default(), EventFilter::parameter)?;
    let events = shared.queue.subscribe(filter, since);
    let told = stream::unfold((events, shared), |(mut events, shared)| async move {
        let notice = tokio::select! {
            notice = events.next() => notice?,
            () = shared.end() => return None,
        };
        Some((Ok(event(notice)), (events, shared)))
    });
    Ok(Sse::new(told.boxed()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn last(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(last) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    let number = last.to_str().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| Error::invalid("`Last-Event-ID` must be the number of an event"))
}

/// An event has its number as its id; the others have a name.
fn event(notice: Result<Notice>) -> Event {
    match notice {
        Ok(Notice::Event(event)) => data(Event::default().id(event.sequence.to_string()), &event),
        Ok(notice) => data(Event::default().event("notice"), &notice),
        Err(error) => data(Event::default().event("error"), &error),
    }
}

fn data(event: Event, what: &impl Serialize) -> Event {
    let text = serde_json::to_string(what);
    event.data(text.unwrap_or_else(|error| format!("{{\"unwritten\":{:?}}}", error.to_string())))
}
