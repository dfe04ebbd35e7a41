//! What is asked of jobs.

use std::time::Duration;

use cjm_host::{Category, JobFilter, JobState, NewJob, Value};
use serde_json::json;

use super::{World, job};
use crate::Client;

#[tokio::test]
async fn a_job_is_submitted_and_looked_at_as_if_it_were_in_this_process() {
    World::each(async |World { client, queue, .. }| {
        let precise = Value::Json(r#"{"z":12345678901234567890123,"a":1.10}"#.to_owned());
        let new = NewJob::new("i", "talk", precise.clone())
            .label("customer", "a&b=c")
            .priority(3)
            .timeout(Duration::from_secs(60))
            .idempotency_key("k");
        let id = client.submit(new.clone()).await.unwrap();
        assert_eq!(client.submit(new).await.unwrap(), id);
        let ended = client.wait(id, None).await.unwrap();
        assert_eq!(ended.state, JobState::Completed);
        let same = |one: &_, other: &_| {
            assert_eq!(
                serde_json::to_value::<&cjm_host::Job>(one).unwrap(),
                serde_json::to_value(other).unwrap()
            )
        };
        same(&ended, &queue.get(id).await.unwrap());
        same(&client.get(id).await.unwrap(), &ended);
        assert_eq!(client.result(id).await.unwrap(), precise);
        assert_eq!(client.input(id).await.unwrap(), precise);
        let logs = client.logs(id).await.unwrap();
        assert_eq!(logs, queue.logs(id).await.unwrap());
        assert_eq!(logs[0].message, "a\nb\r\nü");
        let timeline = client.timeline(id).await.unwrap();
        assert_eq!(format!("{timeline:?}"), format!("{:?}", queue.timeline(id).await.unwrap()));
        assert_eq!(client.stats().await.unwrap(), queue.stats().await.unwrap());

        let found = client.list(&JobFilter::default().label("customer", "a&b=c"), 10).await.unwrap();
        assert_eq!(found.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
        let none = client.list(&JobFilter::default().states([JobState::Failed]), 10).await.unwrap();
        assert!(none.is_empty());
        assert!(client.purge(id).await.unwrap());
        assert_eq!(client.get(id).await.unwrap_err().category(), Category::InvalidInput);
    })
    .await;
}

#[tokio::test]
async fn bytes_stay_bytes() {
    World::each(async |World { client, .. }| {
        for value in [Value::blob("image/png", [0, 159, 255]), Value::blob("application/json", "{}")] {
            let id = client.submit(NewJob::new("i", "echo", value.clone())).await.unwrap();
            client.wait(id, None).await.unwrap();
            assert_eq!(client.input(id).await.unwrap(), value);
            assert_eq!(client.result(id).await.unwrap(), value);
        }
    })
    .await;
}

#[tokio::test]
async fn what_runs_is_cancelled_and_what_was_can_be_retried() {
    World::each(async |World { client, queue, .. }| {
        let id = client.submit(job("wait")).await.unwrap();
        assert!(client.cancel(id).await.unwrap());
        assert_eq!(client.wait(id, None).await.unwrap().state, JobState::Cancelled);
        assert!(!client.cancel(id).await.unwrap());
        assert!(client.retry(id).await.unwrap());
        assert!(client.cancel_now(id).await.unwrap());
        client.wait(id, None).await.unwrap();

        queue.pause();
        let pending = client.submit(job("echo")).await.unwrap();
        assert!(client.reorder(pending, -7).await.unwrap());
        assert_eq!(client.get(pending).await.unwrap().priority, -7);
        assert!(!client.reorder(id, 1).await.unwrap());
        assert!(!client.purge(pending).await.unwrap());
        assert_eq!(client.purge_all(&JobFilter::default()).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_wait_ends_with_its_time_and_the_job_goes_on() {
    World::each(async |World { client, .. }| {
        let id = client.submit(job("wait")).await.unwrap();
        let error = client.wait(id, Some(Duration::from_millis(20))).await.unwrap_err();
        assert_eq!(error.category(), Category::TimedOut);
        assert!(!client.get(id).await.unwrap().state.is_final());
        let error = client.result(id).await.unwrap_err();
        assert_eq!(error.category(), Category::Transient);
        client.cancel_now(id).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_long_list_comes_in_parts() {
    let World { client, queue, dir: _dir, .. } = World::within().await;
    queue.pause();
    for number in 0..1_005 {
        queue.submit(NewJob::new("i", "echo", json!(number))).await.unwrap();
    }
    let numbers = async |limit| {
        let jobs = client.list(&JobFilter::default(), limit).await.unwrap();
        jobs.iter().map(|job| job.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(usize::MAX).await, (1..=1_005).rev().collect::<Vec<_>>());
    assert_eq!(numbers(1_001).await, (5..=1_005).rev().collect::<Vec<_>>());
    assert_eq!(numbers(0).await, Vec::<u64>::new());
}

#[tokio::test]
async fn a_worker_says_who_it_is() {
    World::each(async |World { client, dir, .. }| {
        let status = client.status().await.unwrap();
        assert_eq!(status.holder.pid, std::process::id());
        assert_eq!(status.data_dir, dir.path());
        assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(status.stats, client.stats().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn where_no_worker_is_there_is_no_client() {
    let World { dir, queue, serving, client, .. } = World::served().await;
    assert!(client.stats().await.is_ok());
    queue.close(Duration::ZERO).await;
    serving.unwrap().stop().await;
    assert!(Client::connect(dir.path()).await.unwrap().is_none());
    let error = client.stats().await.unwrap_err();
    assert!(error.is_retriable() && error.to_string().contains("has ended"), "{error}");
}
