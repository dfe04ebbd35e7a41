//! A damaged store, a full disk, a clock that was put back.

use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::error::Category;

/// Does something to the database behind the queue's back.
fn meddle(dir: &Path, sql: &str) {
    let connection = Connection::open(dir.join("cjm.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn damage_in_any_column_is_a_typed_error_and_harms_only_its_job() {
    let columns =
        ["options", "labels", "error", "instance", "lane", "due_at", "deadline", "attempt", "number"];
    let values = ["'[]'", "'7'", "'\"x\"'", "NULL", "-1", "9223372036854775807", "x'ff'", "'{\"retry\":1}'"];
    for column in columns {
        for value in values {
            let dir = tempfile::tempdir().unwrap();
            let queue = Queue::builder(dir.path()).paused().open(Script::default()).await.unwrap();
            let bad = queue.submit(job("echo").label("a", "b")).await.unwrap();
            let good = queue.submit(job("echo")).await.unwrap();
            let sql = format!(
                "PRAGMA ignore_check_constraints = 1; UPDATE OR IGNORE jobs SET {column} = {value} WHERE number = 1"
            );
            // Tables are strict: some of it cannot be.
            let connection = Connection::open(dir.path().join("cjm.db")).unwrap();
            let _ = connection.execute_batch(&sql);
            queue.close(Duration::ZERO).await;
            let queue = Queue::builder(dir.path()).open(Script::default()).await.unwrap();
            assert_eq!(ended(&queue, good).await.state, JobState::Completed, "{column} {value}");
            if let Err(error) = queue.get(bad).await {
                assert_eq!(error.category(), Category::Fatal, "{column} {value}: {error}");
            }
            // Whatever it is, one can get rid of it.
            let _ = queue.cancel(bad).await;
            queue.close(Duration::from_secs(5)).await;
        }
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_fails_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let queue = Queue::builder(dir.path()).paused().open(Script::default()).await.unwrap();
    let options = queue.submit(job("echo")).await.unwrap();
    let input = queue.submit(job("echo")).await.unwrap();
    let large = queue
        .submit(NewJob::new("i", "echo", crate::value::Value::blob("a/b", vec![0; 1 << 17])))
        .await
        .unwrap();
    meddle(
        dir.path(),
        r#"UPDATE jobs SET options = '{"retry":1}' WHERE number = 1; DELETE FROM inputs WHERE job = 2"#,
    );
    for file in std::fs::read_dir(dir.path().join("blobs")).unwrap() {
        std::fs::write(file.unwrap().path(), "other").unwrap();
    }
    queue.resume();
    let says = [(input, "input of the job"), (large, "not what was written")];
    for (id, says) in says {
        let error = ended(&queue, id).await.error.unwrap().error;
        assert_eq!(error.category(), Category::Fatal);
        assert!(error.to_string().contains(says), "{error}");
    }
    let error = queue.wait(options, None).await.unwrap_err();
    assert!(error.to_string().contains("stored options"), "{error}");
    assert_eq!(states(&queue, options).await.last(), Some(&(JobState::Failed, Cause::Ended)));
}

#[tokio::test]
async fn a_damaged_event_is_told_and_read_past() {
    let (dir, queue) = opened().await;
    let id = queue.submit(job("echo")).await.unwrap();
    ended(&queue, id).await;
    meddle(dir.path(), "UPDATE events SET what = '{}' WHERE sequence = 2");
    let mut events = queue.subscribe(EventFilter::default(), Since::Sequence(1));
    assert!(matches!(events.next().await, Some(Ok(Notice::Event(_)))));
    let error = events.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("event of number 2"), "{error}");
    assert!(matches!(events.next().await, Some(Ok(Notice::Event(event))) if event.sequence == 3));
}

#[tokio::test]
async fn a_full_disk_refuses_jobs_and_damages_nothing() {
    let (_dir, queue) = opened().await;
    let before = queue.submit(job("echo")).await.unwrap();
    ended(&queue, before).await;
    let pages = |count: u32| queue.inner().writer.database().limit_pages(count);
    pages(1);
    let (mut refused, mut accepted) = (0, vec![before]);
    for _ in 0..50 {
        let input = json!("x".repeat(20_000));
        match queue.submit(NewJob::new("i", "echo", input)).await {
            Ok(id) => accepted.push(id),
            Err(error) => {
                assert_eq!(error.category(), Category::ResourceExhausted, "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    pages(u32::MAX - 1);
    let after = queue.submit(job("echo")).await.unwrap();
    accepted.push(after);
    for id in &accepted {
        assert_eq!(ended(&queue, *id).await.state, JobState::Completed);
    }
    // What was refused is not there.
    assert_eq!(queue.list(&JobFilter::default(), 99).await.unwrap().len(), accepted.len());
    queue.inner().writer.database().check().unwrap();
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn times_and_ids_go_on_where_the_clock_is_put_back() {
    let (dir, queue) = opened().await;
    let first = queue.submit(job("echo")).await.unwrap();
    ended(&queue, first).await;
    // The same as if the clock went back by an hour now.
    let ahead = "UPDATE events SET at = at + 3600000; UPDATE jobs SET submitted_at = submitted_at + 3600000";
    meddle(dir.path(), ahead);
    let second = queue.submit(job("echo")).await.unwrap();
    ended(&queue, second).await;
    assert!(second > first);
    let mut times = Vec::new();
    for id in [first, second] {
        times.extend(queue.timeline(id).await.unwrap().into_iter().map(|event| event.at));
    }
    assert!(times.is_sorted(), "{times:?}");
    assert_gapless(&queue).await;
}
