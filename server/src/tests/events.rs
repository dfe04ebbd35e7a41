//! Following what happens.

use std::time::Duration;

use axum::body::Body;
use cjm_host::{EventFilter, JobEvent, JobState, Notice, Since};
use futures::StreamExt;
use http::Request;
use tower::ServiceExt;

use super::{World, connect, job};
use crate::{Events, Server};

/// The numbers of all events up to the one that says that a job has ended.
async fn numbers(events: &mut Events) -> Vec<u64> {
    let mut numbers = Vec::new();
    loop {
        let Notice::Event(event) = events.next().await.unwrap().unwrap() else { continue };
        numbers.push(event.sequence);
        if matches!(event.kind, JobEvent::State { state, .. } if state.is_final()) {
            return numbers;
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_from_now_on_or_from_the_past() {
    World::each(async |World { client, queue, .. }| {
        let mut now = client.subscribe(EventFilter::default(), Since::Now).await.unwrap();
        let id = client.submit(job("talk")).await.unwrap();
        let told = numbers(&mut now).await;
        assert_eq!(told, (1..=told.len() as u64).collect::<Vec<_>>());
        let mut past = client.subscribe(EventFilter::default().job(id), Since::Sequence(2)).await.unwrap();
        assert_eq!(numbers(&mut past).await, told[1..]);
        let other = client.submit(job("echo")).await.unwrap();
        queue.wait(other, None).await.unwrap();
        let mut of_other = client
            .subscribe(EventFilter::default().job(other).instance("i"), Since::Sequence(1))
            .await
            .unwrap();
        assert_eq!(numbers(&mut of_other).await[0], told.len() as u64 + 1);
    })
    .await;
}

#[tokio::test]
async fn an_event_is_the_same_on_the_other_side() {
    World::each(async |World { client, queue, .. }| {
        let mut here = queue.subscribe(EventFilter::default(), Since::Sequence(1));
        let mut there = client.subscribe(EventFilter::default(), Since::Sequence(1)).await.unwrap();
        client.submit(job("talk")).await.unwrap();
        loop {
            let one = here.next().await.unwrap().unwrap();
            let other = there.next().await.unwrap().unwrap();
            assert_eq!(format!("{one:?}"), format!("{other:?}"));
            let Notice::Event(event) = one else { continue };
            if matches!(event.kind, JobEvent::State { state: JobState::Completed, .. }) {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_was_cut_off_goes_on_behind_the_last_event() {
    let World { client, queue, dir: _dir, .. } = World::within().await;
    let id = client.submit(job("echo")).await.unwrap();
    client.wait(id, None).await.unwrap();
    let request = Request::get("/v1/events?from=1").header("last-event-id", "1").body(Body::empty()).unwrap();
    let response = Server::new(queue).router().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let first = response.into_body().into_data_stream().next().await.unwrap().unwrap();
    let text = std::str::from_utf8(&first).unwrap();
    assert!(text.starts_with("id: 2\ndata: {\"sequence\":2,"), "{text}");
    assert!(text.ends_with("}\n\n"), "{text}");
}

#[tokio::test]
async fn whoever_is_slow_loses_nothing_and_slows_nobody() {
    let World { client, queue, dir: _dir, serving: _serving } = World::served().await;
    let mut slow = client.subscribe(EventFilter::default(), Since::Sequence(1)).await.unwrap();
    // More than the socket, the connection and the queue keep for one who does not read.
    let submissions = (0..2_000).map(|_| queue.submit(job("talk")));
    futures::future::try_join_all(submissions).await.unwrap();
    let last = loop {
        let stats = queue.stats().await.unwrap();
        if stats.jobs[&JobState::Completed] == 2_000 {
            break stats.last_event;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let mut next = 1;
    while next <= last {
        match slow.next().await.unwrap().unwrap() {
            Notice::Event(event) => {
                assert_eq!(event.sequence, next);
                next += 1;
            }
            Notice::Behind { events } => assert!(events > 0),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn streams_and_waits_end_when_the_worker_does() {
    let World { client, queue, dir, serving } = World::served().await;
    let id = client.submit(job("wait")).await.unwrap();
    let mut events = client.subscribe(EventFilter::default(), Since::Now).await.unwrap();
    let waiting = {
        let client = connect(dir.path()).await;
        tokio::spawn(async move { client.wait(id, None).await })
    };
    serving.unwrap().stop().await;
    // The beginning of the job may have been told before.
    while let Some(notice) = events.next().await {
        notice.unwrap();
    }
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.is_retriable(), "{error}");
    queue.cancel_now(id).await.unwrap();
    queue.wait(id, None).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_told_apart_from_one_that_ends() {
    let World { client, serving, dir: _dir, queue: _queue } = World::served().await;
    let mut events = client.subscribe(EventFilter::default(), Since::Now).await.unwrap();
    drop(serving);
    assert!(events.next().await.unwrap().unwrap_err().is_retriable());
    assert!(events.next().await.is_none());
}
