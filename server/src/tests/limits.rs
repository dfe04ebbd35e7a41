//! What others can ask is bounded.

use std::time::Duration;

use cjm_host::{Category, EventFilter, NewJob, Since, Value};

use super::{World, job};

#[tokio::test]
async fn what_is_too_large_is_refused_with_the_limit_and_the_rest_goes_on() {
    let World { client, dir: _dir, queue: _queue, serving: _serving } =
        World::with(|server| server.body_limit(4_096)).await;
    let large = NewJob::new("i", "echo", Value::blob("a/b", vec![7; 30_000]));
    let error = client.submit(large).await.unwrap_err();
    assert_eq!(error.category(), Category::ResourceExhausted);
    assert!(error.to_string().contains("over the limit of 4096 bytes"), "{error}");
    let id = client.submit(NewJob::new("i", "echo", Value::blob("a/b", vec![7; 2_000]))).await.unwrap();
    client.wait(id, None).await.unwrap();
}

#[tokio::test]
async fn one_who_is_over_the_number_of_connections_waits_for_a_place() {
    let World { client, dir: _dir, queue: _queue, serving: _serving } =
        World::with(|server| server.connections(1)).await;
    let events = client.subscribe(EventFilter::default(), Since::Now).await.unwrap();
    let mut waiting = Box::pin(client.stats());
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    drop(events);
    waiting.await.unwrap();
}

#[tokio::test]
async fn one_who_does_not_wait_any_more_is_not_waited_for() {
    let World { client, queue, dir: _dir, serving: _serving } =
        World::with(|server| server.connections(1)).await;
    let id = queue.submit(job("wait")).await.unwrap();
    let gone = tokio::time::timeout(Duration::from_millis(50), client.wait(id, None)).await;
    assert!(gone.is_err());
    // There is one place alone, so that this is answered only after that one was dropped.
    client.stats().await.unwrap();
    queue.cancel_now(id).await.unwrap();
}
