//! What a sequence goes through.

use std::time::SystemTime;

use super::*;
use crate::Retention;
use crate::error::Category;
use crate::value::Value;

/// Waits, but not forever.
async fn over(queue: &Queue, id: SequenceId) -> Sequence {
    queue.wait_sequence(id, Some(Duration::from_secs(30))).await.unwrap()
}

async fn run(queue: &Queue, sequence: NewSequence) -> (SequenceId, Sequence) {
    let id = queue.submit_sequence(sequence).await.unwrap();
    (id, over(queue, id).await)
}

fn step(action: &str, input: serde_json::Value) -> NewJob {
    NewJob::new("i", action, input)
}

async fn step_states(queue: &Queue, id: SequenceId) -> Vec<JobState> {
    queue.steps(id).await.unwrap().iter().map(|job| job.state).collect()
}

use JobState::{Cancelled, Completed, Failed, Pending, Running};

#[tokio::test]
async fn steps_follow_one_another_and_use_what_those_before_them_gave() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default();
    let queue = Queue::builder(dir.path()).open(script.clone()).await.unwrap();
    let sequence = NewSequence::new([
        Step::new(step("echo", json!({ "path": "/x", "sizes": [1, 2.50] })).priority(3)).name("fetch"),
        Step::new(step("echo", json!({ "of": { "$result": "/sizes/1" }, "whole": [{ "$result": "" }] }))),
        Step::new(
            NewJob::new("j", "echo", json!({ "$result": { "step": "fetch", "at": "/path" } }))
                .label("k", "v"),
        ),
        Step::new(step("echo", json!([{ "$result": { "step": 1, "at": "/of" } }, { "$result": "" }]))),
    ]);
    let (id, sequence) = run(&queue, sequence.label("customer", "acme")).await;
    assert_eq!((sequence.state, sequence.steps, sequence.completed), (SequenceState::Completed, 4, 4));
    assert_eq!((sequence.current, sequence.labels["customer"].as_str()), (None, "acme"));
    assert!(sequence.submitted_at <= sequence.finished_at.unwrap());
    let jobs = queue.steps(id).await.unwrap();
    assert_eq!(script.begun(), jobs.iter().map(|job| job.id).collect::<Vec<_>>());
    assert_eq!(
        (jobs[0].step_name.as_deref(), jobs[0].priority, jobs[2].labels["k"].as_str()),
        (Some("fetch"), 3, "v")
    );
    for (job, result) in jobs.iter().zip([
        r#"{"path":"/x","sizes":[1,2.5]}"#,
        r#"{"of":2.5,"whole":[{"path":"/x","sizes":[1,2.5]}]}"#,
        r#""/x""#,
        r#"[2.5,"/x"]"#,
    ]) {
        assert_eq!(queue.result(job.id).await.unwrap(), Value::Json(result.to_owned()));
        assert_eq!(job.sequence_id, Some(id));
    }
    // What was submitted stays what it was.
    assert!(matches!(queue.input(jobs[2].id).await.unwrap(), Value::Json(json) if json.contains("$result")));
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn everything_about_a_sequence_is_told_to_who_follows_it() {
    let (_dir, queue) = opened().await;
    queue.submit(job("echo")).await.unwrap();
    let (id, _) = run(&queue, NewSequence::new([step("echo", json!(1)), step("fail", json!(2))])).await;
    queue.submit(job("echo")).await.unwrap();
    let jobs = queue.steps(id).await.unwrap();
    let mut events = queue.subscribe(EventFilter::default().sequence(id), Since::Sequence(1));
    let mut told = Vec::new();
    while !told.last().is_some_and(|last: &String| last.contains("ended")) {
        let Notice::Event(event) = events.next().await.unwrap().unwrap() else { continue };
        assert_eq!(event.sequence_id, Some(id));
        let of = event.job.map(|id| jobs.iter().position(|job| job.id == id).unwrap());
        told.push(match event.kind {
            JobEvent::State { state, cause, .. } => format!("{of:?} {state} {cause:?}"),
            JobEvent::Advanced { step, steps } => format!("{of:?} {step} of {steps}"),
            JobEvent::SequenceStarted { steps, cause } => format!("{of:?} started {steps} {cause:?}"),
            JobEvent::SequenceEnded { state } => format!("{of:?} ended {state}"),
            other => format!("{of:?} {other:?}"),
        });
    }
    assert_eq!(
        told,
        [
            "None started 2 Submitted",
            "Some(0) pending Submitted",
            "Some(1) pending Submitted",
            "Some(0) running Started",
            "Some(0) completed Ended",
            "Some(1) 1 of 2",
            "Some(1) running Started",
            "Some(1) failed Ended",
            "None ended failed",
        ]
    );
    let of_both = EventFilter::default().sequence(id).job(jobs[1].id);
    let mut events = queue.subscribe(of_both, Since::Sequence(1));
    assert!(matches!(events.next().await, Some(Ok(Notice::Event(event))) if event.job == Some(jobs[1].id)));
}

#[tokio::test]
async fn a_step_that_fails_ends_a_sequence_that_is_fail_fast() {
    let (_dir, queue) = opened().await;
    let steps = ["echo", "fail", "echo", "echo"].map(|action| step(action, json!(1)));
    let (id, sequence) = run(&queue, NewSequence::new(steps)).await;
    assert_eq!((sequence.state, sequence.completed, sequence.cancelled), (SequenceState::Failed, 1, 2));
    assert_eq!(sequence.error.unwrap().error.to_string(), "it fails");
    assert_eq!(step_states(&queue, id).await, [Completed, Failed, Cancelled, Cancelled]);
    let last = queue.steps(id).await.unwrap()[3].id;
    assert_eq!(states(&queue, last).await[1], (Cancelled, Cause::Sequence));
    let error = queue.result(last).await.unwrap_err();
    assert!(error.to_string().contains(&format!("step 3 of sequence {id}")), "{error}");
    assert_eq!(ended(&queue, last).await.attempt, 0);
}

#[tokio::test]
async fn a_sequence_that_is_best_effort_runs_what_it_can() {
    let (_dir, queue) = opened().await;
    let sequence = NewSequence::new([
        step("fail", json!(1)),
        step("echo", json!(2)),
        step("echo", json!({ "$result": { "step": 0 } })),
        step("echo", json!({ "$result": { "step": 1 } })),
    ]);
    let (id, sequence) = run(&queue, sequence.mode(SequenceMode::BestEffort)).await;
    assert_eq!((sequence.state, sequence.failed), (SequenceState::Failed, 2));
    assert_eq!(step_states(&queue, id).await, [Failed, Completed, Failed, Completed]);
    let jobs = queue.steps(id).await.unwrap();
    let error = &jobs[2].error.as_ref().unwrap().error;
    assert!(error.to_string().contains("step 0, whose result it uses, is failed"), "{error}");
    assert_eq!(queue.result(jobs[3].id).await.unwrap().to::<u32>().unwrap(), 2);
}

#[tokio::test]
async fn a_blob_is_the_whole_of_an_input_or_none_of_it() {
    let (dir, queue) = opened().await;
    let large = Value::blob("image/png", vec![7; 1 << 20]);
    let sequence = NewSequence::new([NewJob::new("i", "echo", large.clone())])
        .step(step("echo", json!({ "$result": "" })))
        .step(step("echo", json!({ "$result": { "step": 0, "at": "/x" } })));
    let (id, sequence) = run(&queue, sequence).await;
    let jobs = queue.steps(id).await.unwrap();
    assert_eq!(queue.result(jobs[1].id).await.unwrap(), large);
    let error = sequence.error.unwrap().error;
    assert!(error.to_string().contains("can only be the whole of an input"), "{error}");
    let (_, sequence) =
        run(&queue, NewSequence::new([step("echo", json!(1)), step("echo", json!({ "$result": "/a" }))]))
            .await;
    let error = sequence.error.unwrap().error;
    assert!(error.to_string().contains("has nothing at `/a`"), "{error}");
    assert_eq!(error.category(), Category::InvalidInput);
    assert!(queue.purge_sequence(id).await.unwrap());
    assert_eq!(std::fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_sequence_that_cannot_be_is_refused_with_the_step_that_is_to_blame() {
    let (_dir, queue) = opened().await;
    let one = || Step::new(step("echo", json!(1)));
    let with = |input| Step::new(step("echo", input));
    let of = |of: serde_json::Value| with(json!({ "a": { "$result": { "step": of } } }));
    let many = NewSequence::uniform("i", "echo", (0..10_001).map(|n| json!(n)));
    for (sequence, says) in [
        (NewSequence::new(Vec::<Step>::new()), "1 to 10000 steps, and this one 0"),
        (many, "1 to 10000 steps, and this one 10001"),
        (
            NewSequence::new([with(json!({ "$result": "" }))]),
            "step 0: its input uses the result of the step before",
        ),
        (
            NewSequence::new([one(), of(json!(1))]),
            "step 1: its input uses the result of step 1, which is not before it",
        ),
        (NewSequence::new([one(), of(json!(7)), one()]), "the result of step 7"),
        (
            NewSequence::new([of(json!("b")), one().name("b")]),
            "step 0: its input uses the result of a step `b`",
        ),
        (NewSequence::new([one().name("a"), one().name("a")]), "step 1 (`a`): step 0 has the same name"),
        (NewSequence::new([one().name("")]), "the name of a step must not be empty"),
        (NewSequence::new([Step::new(job("echo").idempotency_key("k"))]), "no idempotency key of its own"),
        (NewSequence::new([Step::new(job("echo").keep_result(false)), of(json!(0))]), "which is not kept"),
        (
            NewSequence::new([one(), Step::new(job("unknown")).name("u")]),
            "step 1 (`u`): there is no action `unknown`",
        ),
        (
            NewSequence::new([one(), Step::new(step("unknown", json!({ "$result": "" })))]),
            "step 1: there is no action `unknown`",
        ),
        (NewSequence::new([one(), with(json!({ "$result": "a" }))]), "step 1: `$result` with \"a\""),
        (NewSequence::new([one()]).label("", ""), "the label must not be empty"),
        (NewSequence::new([one()]).idempotency_key(""), "the idempotency key must not be empty"),
    ] {
        let error = queue.submit_sequence(sequence).await.unwrap_err();
        assert_eq!(error.category(), Category::InvalidInput);
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(queue.stats().await.unwrap().last_event, 0);
    let nobody = SequenceId::new();
    for error in [
        queue.sequence(nobody).await.unwrap_err(),
        queue.steps(nobody).await.unwrap_err(),
        queue.wait_sequence(nobody, None).await.unwrap_err(),
        queue.cancel_sequence(nobody).await.unwrap_err(),
        queue.retry_sequence(nobody).await.unwrap_err(),
        queue.purge_sequence(nobody).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains(&format!("there is no sequence {nobody}")), "{error}");
    }
}

#[tokio::test]
async fn the_same_action_runs_for_each_input() {
    let (_dir, queue) = opened().await;
    let sequence = NewSequence::uniform("i", "echo", (0..20).map(|n| json!(n)));
    let (id, sequence) = run(&queue, sequence.each(|job| job.label("k", "v").lane("l"))).await;
    assert_eq!((sequence.state, sequence.completed), (SequenceState::Completed, 20));
    for (n, job) in queue.steps(id).await.unwrap().into_iter().enumerate() {
        assert_eq!(
            (job.step, job.labels["k"].as_str(), job.lane.as_deref()),
            (Some(n as u32), "v", Some("l"))
        );
        assert_eq!(queue.result(job.id).await.unwrap().to::<usize>().unwrap(), n);
    }
}

#[tokio::test]
async fn a_sequence_is_cancelled_as_a_whole() {
    let (_dir, queue) = opened().await;
    let steps = || NewSequence::new(["echo", "gate", "echo", "echo"].map(job)).mode(SequenceMode::BestEffort);
    let id = queue.submit_sequence(steps()).await.unwrap();
    let jobs = queue.steps(id).await.unwrap();
    is(&queue, jobs[1].id, Running).await;
    let seen = queue.sequence(id).await.unwrap();
    assert_eq!((seen.state, seen.completed, seen.current), (SequenceState::Running, 1, Some(1)));
    assert_eq!(queue.get(jobs[2].id).await.unwrap().blocked, Some(Block::Step));
    let error = queue.wait_sequence(id, Some(Duration::from_millis(5))).await.unwrap_err();
    assert_eq!(error.category(), Category::TimedOut);
    assert!(queue.cancel_sequence(id).await.unwrap());
    let sequence = over(&queue, id).await;
    assert_eq!((sequence.state, sequence.cancel_requested), (SequenceState::Cancelled, true));
    assert_eq!(step_states(&queue, id).await, [Completed, Cancelled, Cancelled, Cancelled]);
    assert!(!queue.cancel_sequence(id).await.unwrap());

    // One that does not stop by itself is made to.
    let id = queue.submit_sequence(NewSequence::new(["stubborn", "echo"].map(job))).await.unwrap();
    is(&queue, queue.steps(id).await.unwrap()[0].id, Running).await;
    assert!(queue.cancel_sequence(id).await.unwrap());
    assert!(queue.cancel_sequence_now(id).await.unwrap());
    assert_eq!(over(&queue, id).await.state, SequenceState::Cancelled);
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn who_cancels_one_step_cancels_the_rest_only_where_it_is_fail_fast() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default();
    let queue = Queue::builder(dir.path()).open(script.clone()).await.unwrap();
    let steps = || NewSequence::new(["gate", "echo", "echo"].map(job));
    let id = queue.submit_sequence(steps()).await.unwrap();
    let jobs = queue.steps(id).await.unwrap();
    is(&queue, jobs[0].id, Running).await;
    assert!(queue.cancel(jobs[2].id).await.unwrap());
    assert_eq!(over(&queue, id).await.state, SequenceState::Cancelled);
    assert_eq!(step_states(&queue, id).await, [Cancelled; 3]);

    let id = queue.submit_sequence(steps().mode(SequenceMode::BestEffort)).await.unwrap();
    let jobs = queue.steps(id).await.unwrap();
    is(&queue, jobs[0].id, Running).await;
    assert!(queue.cancel(jobs[1].id).await.unwrap());
    script.gate.add_permits(1);
    assert_eq!(over(&queue, id).await.state, SequenceState::Cancelled);
    assert_eq!(step_states(&queue, id).await, [Completed, Cancelled, Completed]);
}

#[tokio::test]
async fn a_sequence_that_failed_goes_on_where_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::default();
    let queue = Queue::builder(dir.path()).open(script.clone()).await.unwrap();
    let sequence = NewSequence::new([
        step("echo", json!(7)),
        step("gate", json!({ "$result": "" })).timeout(Duration::from_millis(20)),
        step("echo", json!([{ "$result": "" }])),
    ]);
    let (id, sequence) = run(&queue, sequence).await;
    assert_eq!((sequence.state, sequence.completed), (SequenceState::Failed, 1));
    let jobs = queue.steps(id).await.unwrap();
    // A step by itself is neither run again nor deleted.
    let error = queue.retry(jobs[1].id).await.unwrap_err();
    assert!(error.to_string().contains("retry the sequence"), "{error}");
    let error = queue.purge(jobs[0].id).await.unwrap_err();
    assert!(error.to_string().contains("purge the sequence"), "{error}");
    assert!(!queue.retry(jobs[0].id).await.unwrap());

    script.gate.add_permits(1);
    assert!(queue.retry_sequence(id).await.unwrap());
    let sequence = over(&queue, id).await;
    assert_eq!((sequence.state, sequence.error.is_none()), (SequenceState::Completed, true));
    assert_eq!(queue.result(jobs[2].id).await.unwrap(), Value::Json("[7]".into()));
    assert_eq!(script.begun(), [0, 1, 1, 2].map(|step: usize| jobs[step].id));
    assert!(!queue.retry_sequence(id).await.unwrap());
    assert_gapless(&queue).await;
}

#[tokio::test]
async fn a_step_that_is_held_past_its_deadline_fails() {
    let (_dir, queue) = opened().await;
    let soon = SystemTime::now() + Duration::from_millis(40);
    let sequence = NewSequence::new([job("gate"), job("echo").deadline(soon)]);
    let (id, sequence) = run(&queue, sequence).await;
    assert_eq!(sequence.state, SequenceState::Failed);
    assert_eq!(sequence.error.unwrap().error.category(), Category::TimedOut);
    assert_eq!(step_states(&queue, id).await, [Cancelled, Failed]);
}

#[tokio::test]
async fn a_step_waits_for_its_time_after_the_one_before_it() {
    let (_dir, queue) = opened().await;
    let at = SystemTime::now() + Duration::from_millis(100);
    let (id, sequence) = run(&queue, NewSequence::new([job("echo"), job("echo").not_before(at)])).await;
    assert_eq!(sequence.state, SequenceState::Completed);
    let begun = queue.steps(id).await.unwrap()[1].started_at.unwrap();
    assert!(begun + Duration::from_millis(1) > at, "{begun:?} {at:?}");
}

#[tokio::test]
async fn one_key_is_one_sequence() {
    let (_dir, queue) = opened().await;
    queue.pause();
    let keyed = |input| NewSequence::new([step("echo", json!(1)), step("echo", input)]).idempotency_key("k");
    let id = queue.submit_sequence(keyed(json!(2))).await.unwrap();
    assert_eq!(queue.submit_sequence(keyed(json!(2))).await.unwrap(), id);
    for other in [keyed(json!(3)), keyed(json!(2)).mode(SequenceMode::BestEffort)] {
        let error = queue.submit_sequence(other).await.unwrap_err();
        assert!(error.to_string().contains(&id.to_string()), "{error}");
    }
    assert_eq!(queue.stats().await.unwrap().jobs[&Pending], 2);
    assert!(!queue.purge_sequence(id).await.unwrap());
    queue.cancel_sequence(id).await.unwrap();
    assert!(queue.purge_sequence(id).await.unwrap());
    assert_ne!(queue.submit_sequence(keyed(json!(3))).await.unwrap(), id);
}

#[tokio::test]
async fn sequences_are_listed_by_what_they_are_and_purged() {
    let (_dir, queue) = opened().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        let actions = if n == 2 { ["fail", "echo"] } else { ["echo", "echo"] };
        let (id, _) = run(&queue, NewSequence::new(actions.map(job)).label("n", n.to_string())).await;
        ids.push(id);
    }
    let list = async |filter: SequenceFilter, limit| -> Vec<SequenceId> {
        queue.sequences(&filter, limit).await.unwrap().into_iter().map(|sequence| sequence.id).collect()
    };
    let all = SequenceFilter::default;
    assert_eq!(list(all(), 2).await, [ids[3], ids[2]]);
    assert_eq!(list(all().before(queue.sequence(ids[2]).await.unwrap().number), 9).await, [ids[1], ids[0]]);
    assert_eq!(list(all().states([SequenceState::Failed]), 9).await, [ids[2]]);
    assert_eq!(list(all().label("n", "1"), 9).await, [ids[1]]);
    assert_eq!(list(all().id_part(&ids[3].to_string()[24..]), 9).await, [ids[3]]);
    let of_sequence = queue.list(&JobFilter::default().sequence(ids[1]), 9).await.unwrap();
    assert!(of_sequence.len() == 2 && of_sequence.iter().all(|job| job.sequence_id == Some(ids[1])));
    assert_eq!(queue.stats().await.unwrap().sequences[&SequenceState::Completed], 3);
    // Steps do not go without their sequence.
    assert_eq!(queue.purge_all(&JobFilter::default()).await.unwrap(), 0);
    assert_eq!(queue.purge_sequences(&all().states([SequenceState::Failed])).await.unwrap(), 1);
    assert_eq!(list(all(), 9).await, [ids[3], ids[1], ids[0]]);
    assert_eq!(queue.purge_sequences(&all()).await.unwrap(), 3);
    assert_eq!(queue.list(&JobFilter::default(), 9).await.unwrap().len(), 0);
}

#[tokio::test]
async fn old_sequences_go_as_a_whole_and_those_that_have_not_ended_stay() {
    let dir = tempfile::tempdir().unwrap();
    let retention = Retention { jobs: Some(3), job_age: None, events: None, event_age: None };
    let builder = Queue::builder(dir.path()).retention(retention);
    let queue = builder.clone().open(Script::default()).await.unwrap();
    let (old, _) = run(&queue, NewSequence::new(["echo", "echo"].map(job))).await;
    let single = queue.submit(job("echo")).await.unwrap();
    ended(&queue, single).await;
    let (young, _) = run(&queue, NewSequence::new(["echo", "echo"].map(job))).await;
    let going =
        queue.submit_sequence(NewSequence::new(["echo", "echo", "echo", "gate"].map(job))).await.unwrap();
    is(&queue, queue.steps(going).await.unwrap()[3].id, Running).await;
    assert_eq!(queue.tidy().await.unwrap().jobs, 2);
    let left = async |queue: &Queue| -> Vec<SequenceId> {
        let listed = queue.sequences(&SequenceFilter::default(), 9).await.unwrap();
        listed.into_iter().map(|sequence| sequence.id).collect()
    };
    assert_eq!(left(&queue).await, [going, young]);
    assert!(queue.sequence(old).await.is_err() && queue.get(single).await.is_ok());
    queue.close(Duration::ZERO).await;
    let retention = Retention { job_age: Some(Duration::ZERO), jobs: None, events: None, event_age: None };
    let queue = builder.retention(retention).open(Script::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3)).await;
    queue.tidy().await.unwrap();
    assert_eq!(left(&queue).await, [going]);
    assert_eq!(step_states(&queue, going).await[..3], [Completed; 3]);
}

#[tokio::test]
async fn a_sequence_of_as_many_steps_as_there_may_be_is_stored_cancelled_and_purged() {
    let (_dir, queue) = opened().await;
    queue.pause();
    let sequence = NewSequence::uniform("i", "echo", (0..10_000).map(|n| json!(n)));
    let id = queue.submit_sequence(sequence).await.unwrap();
    let pending = queue.list(&JobFilter::default().sequence(id).states([Pending]), usize::MAX).await.unwrap();
    assert_eq!(pending.len(), 10_000);
    assert!(queue.cancel_sequence(id).await.unwrap());
    assert_eq!(over(&queue, id).await.cancelled, 10_000);
    assert!(queue.purge_sequence(id).await.unwrap());
    assert_eq!(queue.stats().await.unwrap().jobs.values().sum::<u64>(), 0);
}
