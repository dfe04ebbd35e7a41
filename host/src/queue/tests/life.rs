//! What a job goes through.

use super::*;
use crate::error::Category;
use crate::policy::Retention;
use crate::value::Value;

const FAST: Retry = Retry { times: 3, first: Duration::from_millis(1), longest: Duration::from_millis(4) };

#[tokio::test]
async fn a_job_is_submitted_run_and_completed() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("echo").label("k", "v").priority(7)).await.unwrap();
    let job = ended(&queue, id).await;
    assert_eq!((job.state, job.attempt, job.priority), (JobState::Completed, 1, 7));
    assert_eq!(job.labels["k"], "v");
    assert!(job.submitted_at <= job.started_at.unwrap() && job.started_at <= job.finished_at);
    assert_eq!(queue.result(id).await.unwrap().to::<u32>().unwrap(), 1);
    assert_eq!(queue.input(id).await.unwrap().to::<u32>().unwrap(), 1);
    assert_eq!(
        states(&queue, id).await,
        [
            (JobState::Pending, Cause::Submitted),
            (JobState::Running, Cause::Started),
            (JobState::Completed, Cause::Ended)
        ]
    );
    assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_not_stored() {
    let (_dir, queue) = opened().await;
    for bad in [job(""), job("unknown")] {
        assert_eq!(queue.submit(bad).await.unwrap_err().category(), Category::InvalidInput);
    }
    assert_eq!(queue.list(&JobFilter::default(), 10).await.unwrap().len(), 0);
    let nobody = JobId::new();
    for error in [
        queue.get(nobody).await.unwrap_err(),
        queue.wait(nobody, None).await.unwrap_err(),
        queue.cancel(nobody).await.unwrap_err(),
        queue.retry(nobody).await.unwrap_err(),
        queue.result(nobody).await.unwrap_err(),
        queue.purge(nobody).await.unwrap_err(),
        queue.reorder(nobody, 1).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains(&format!("there is no job {nobody}")), "{error}");
    }
    assert_eq!(queue.stats().await.unwrap().last_event, 0);
}

#[tokio::test]
async fn a_failure_is_stored_as_what_it_is() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("fail").retry(FAST)).await.unwrap();
    let job = ended(&queue, id).await;
    let failure = job.error.unwrap();
    assert_eq!((job.state, failure.attempt, failure.instance.as_str()), (JobState::Failed, 1, "i"));
    assert_eq!(failure.error.category(), Category::Fatal);
    assert_eq!(queue.result(id).await.unwrap_err().to_string(), "it fails");
}

#[tokio::test]
async fn what_is_transient_is_tried_again_and_each_attempt_told() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(NewJob::new("i", "busy", json!(2)).retry(FAST)).await.unwrap();
    let job = ended(&queue, id).await;
    assert_eq!((job.state, job.attempt), (JobState::Completed, 3));
    let again = [(JobState::Running, Cause::Started), (JobState::Pending, Cause::Retry)];
    let states = states(&queue, id).await;
    assert_eq!(states[1..5], [again, again].concat());
    let id = queue.submit(NewJob::new("i", "busy", json!(9)).retry(FAST)).await.unwrap();
    let job = ended(&queue, id).await;
    assert_eq!((job.state, job.attempt), (JobState::Failed, 4));
    assert_eq!(job.error.unwrap().error.category(), Category::Transient);
}

#[tokio::test]
async fn a_panic_of_the_runner_fails_one_job_alone() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("panic")).await.unwrap();
    assert!(ended(&queue, id).await.error.unwrap().error.to_string().contains("panicked"));
    let id = queue.submit(job("echo")).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_is_stopped() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("gate").timeout(Duration::from_millis(20))).await.unwrap();
    let late = ended(&queue, id).await;
    assert_eq!(late.state, JobState::Failed);
    let said = late.error.unwrap().error;
    assert_eq!(said.category(), Category::TimedOut);
    assert!(said.to_string().contains("20 ms"), "{said}");
    let soon = std::time::SystemTime::now() + Duration::from_millis(30);
    let id = queue.submit(job("gate").deadline(soon).retry(FAST)).await.unwrap();
    let late = ended(&queue, id).await;
    assert_eq!((late.state, late.attempt), (JobState::Failed, 1));
}

#[tokio::test]
async fn a_pending_job_is_cancelled_at_once() {
    let (_dir, queue) = opened().await;
    queue.pause();
    let id = queue.submit(job("echo")).await.unwrap();
    assert!(queue.cancel(id).await.unwrap());
    let cancelled = ended(&queue, id).await;
    assert_eq!((cancelled.state, cancelled.attempt), (JobState::Cancelled, 0));
    assert!(!queue.cancel(id).await.unwrap());
    assert_eq!(queue.result(id).await.unwrap_err().category(), Category::Cancelled);
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop_and_then_made_to() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("gate")).await.unwrap();
    is(&queue, id, JobState::Running).await;
    assert!(queue.cancel(id).await.unwrap());
    assert_eq!(ended(&queue, id).await.state, JobState::Cancelled);

    let id = queue.submit(job("stubborn").retry(FAST)).await.unwrap();
    is(&queue, id, JobState::Running).await;
    assert!(queue.cancel(id).await.unwrap());
    assert!(queue.get(id).await.unwrap().cancel_requested);
    assert!(queue.cancel_now(id).await.unwrap());
    let job = ended(&queue, id).await;
    assert!(matches!(job.error.unwrap().error, Error::Cancelled { forced: true, .. }));
    let kinds: Vec<_> =
        queue.timeline(id).await.unwrap().into_iter().map(|event| event.kind.json().unwrap()).collect();
    let phases = kinds.iter().filter(|kind| kind.contains("\"phase\"")).count();
    assert_eq!(phases, 2, "{kinds:?}");
}

#[tokio::test]
async fn one_key_is_one_job() {
    let (_dir, queue) = opened().await;
    queue.pause();
    let keyed = || job("echo").idempotency_key("k");
    let id = queue.submit(keyed()).await.unwrap();
    assert_eq!(queue.submit(keyed()).await.unwrap(), id);
    let mut other = keyed();
    other.input = Value::Json("2".into());
    let error = queue.submit(other).await.unwrap_err();
    assert!(error.to_string().contains(&id.to_string()), "{error}");
    let mut elsewhere = keyed();
    elsewhere.instance = "j".into();
    assert_ne!(queue.submit(elsewhere).await.unwrap(), id);
    queue.cancel(id).await.unwrap();
    assert!(queue.purge(id).await.unwrap());
    assert_ne!(queue.submit(keyed()).await.unwrap(), id);
}

#[tokio::test]
async fn many_submissions_of_one_key_at_once_are_one_job() {
    let (_dir, queue) = opened().await;
    let submit = || queue.submit(job("echo").idempotency_key("k"));
    let ids = futures::future::try_join_all((0..50).map(|_| submit())).await.unwrap();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(queue.list(&JobFilter::default(), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_large_is_kept_in_files_until_nobody_needs_it() {
    let (dir, queue) = opened().await;
    let files = || std::fs::read_dir(dir.path().join("blobs")).unwrap().count();
    let large = Value::blob("image/png", vec![7; 1 << 20]);
    let id = queue.submit(NewJob::new("i", "echo", large.clone())).await.unwrap();
    ended(&queue, id).await;
    assert_eq!(queue.result(id).await.unwrap(), large);
    assert_eq!(queue.input(id).await.unwrap(), large);
    assert_eq!(files(), 1);
    queue.purge(id).await.unwrap();
    assert_eq!(files(), 0);
    queue.vacuum().await.unwrap();
}

#[tokio::test]
async fn a_result_that_is_not_to_be_kept_is_not() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("echo").keep_result(false)).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Completed);
    assert!(queue.result(id).await.unwrap_err().to_string().contains("keep-result"));
}

#[tokio::test]
async fn a_job_that_failed_can_be_run_once_more() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(NewJob::new("i", "busy", json!(1))).await.unwrap();
    assert_eq!(ended(&queue, id).await.state, JobState::Failed);
    assert!(queue.retry(id).await.unwrap());
    let again = ended(&queue, id).await;
    assert_eq!((again.state, again.attempt), (JobState::Failed, 1));
    let id = queue.submit(job("echo")).await.unwrap();
    ended(&queue, id).await;
    assert!(!queue.retry(id).await.unwrap());
    assert_eq!(queue.result(id).await.unwrap().to::<u32>().unwrap(), 1);
}

#[tokio::test]
async fn a_wait_has_an_end_and_the_job_goes_on() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("gate")).await.unwrap();
    let error = queue.wait(id, Some(Duration::from_millis(5))).await.unwrap_err();
    assert_eq!(error.category(), Category::TimedOut);
    assert_eq!(queue.result(id).await.unwrap_err().category(), Category::Transient);
    queue.cancel(id).await.unwrap();
    ended(&queue, id).await;
}

#[tokio::test]
async fn jobs_are_listed_by_what_they_are() {
    let (_dir, queue) = opened().await;
    queue.pause();
    let mut ids = Vec::new();
    for n in 0..5 {
        let new = NewJob::new(format!("i{}", n % 2), "echo", json!(n)).label("n", n.to_string()).lane("l");
        ids.push(queue.submit(new).await.unwrap());
    }
    queue.cancel(ids[0]).await.unwrap();
    let list = async |filter: JobFilter, limit| -> Vec<JobId> {
        queue.list(&filter, limit).await.unwrap().into_iter().map(|job| job.id).collect()
    };
    let all = JobFilter::default;
    assert_eq!(list(all(), 2).await, [ids[4], ids[3]]);
    assert_eq!(list(all().before(queue.get(ids[3]).await.unwrap().number), 2).await, [ids[2], ids[1]]);
    assert_eq!(list(all().states([JobState::Cancelled]), 9).await, [ids[0]]);
    assert_eq!(list(all().instance("i1"), 9).await, [ids[3], ids[1]]);
    assert_eq!(list(all().label("n", "2"), 9).await, [ids[2]]);
    assert_eq!(list(all().label("n", "2").label("m", "2"), 9).await, []);
    assert_eq!(list(all().lane("x"), 9).await, []);
    let id = ids[2].to_string();
    assert_eq!(list(all().id_part(&id[28..]), 9).await, [ids[2]]);
    assert_eq!(list(all().id_part(&id), 9).await, [ids[2]]);
    // They begin with the same hours.
    assert_eq!(list(all().id_part(&id[..4]), 9).await.len(), 5);
    assert_eq!(list(all().id_part("%"), 9).await, []);
    let stats = queue.stats().await.unwrap();
    assert_eq!((stats.jobs[&JobState::Pending], stats.jobs[&JobState::Cancelled]), (4, 1));
    assert_eq!(queue.purge_all(&all()).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_old_goes_and_what_has_not_ended_stays() {
    let dir = tempfile::tempdir().unwrap();
    let retention = Retention { jobs: Some(2), job_age: None, events: Some(3), event_age: None };
    let builder = Queue::builder(dir.path()).retention(retention);
    let queue = builder.clone().open(Script::default()).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(queue.submit(job("echo")).await.unwrap());
        ended(&queue, ids[ids.len() - 1]).await;
    }
    let running = queue.submit(job("gate")).await.unwrap();
    is(&queue, running, JobState::Running).await;
    queue.tidy().await.unwrap();
    let left: Vec<_> = queue.list(&JobFilter::default(), 9).await.unwrap().iter().map(|job| job.id).collect();
    assert_eq!(left, [running, ids[4], ids[3]]);
    let stats = queue.stats().await.unwrap();
    assert_eq!((stats.first_event, stats.last_event), (15, 17));
    // Whoever wants what is gone is told how much it was.
    let mut events = queue.subscribe(EventFilter::default(), Since::Sequence(1));
    assert!(matches!(events.next().await, Some(Ok(Notice::Cut { events: 14 }))));
    assert!(matches!(events.next().await, Some(Ok(Notice::Event(event))) if event.sequence == 15));
    queue.close(Duration::ZERO).await;
    // By age, everything is old after a moment; the numbers go on all the same.
    let now = Some(Duration::ZERO);
    let retention = Retention { jobs: None, job_age: now, events: None, event_age: now };
    let queue = builder.retention(retention).open(Script::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3)).await;
    queue.tidy().await.unwrap();
    let left: Vec<_> = queue.list(&JobFilter::default(), 9).await.unwrap().iter().map(|job| job.id).collect();
    assert_eq!(left, [running]);
    let before = queue.stats().await.unwrap().last_event;
    assert!(before > 17, "{before}");
    queue.cancel(running).await.unwrap();
    ended(&queue, running).await;
    assert!(queue.stats().await.unwrap().last_event > before);
}
