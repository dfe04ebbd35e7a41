//! What subscribers are told.

use super::*;
use crate::event::EventKind;

#[tokio::test]
async fn progress_is_coalesced_and_logs_are_the_jobs_own() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("tell")).await.unwrap();
    let other = queue.submit(job("tell")).await.unwrap();
    ended(&queue, id).await;
    ended(&queue, other).await;
    let (mut progress, mut used) = (Vec::new(), 0.0);
    for event in queue.timeline(id).await.unwrap() {
        match event.kind {
            JobEvent::Told(EventKind::Progress(told)) => progress.push(told.fraction.unwrap()),
            JobEvent::Told(EventKind::Usage { amount, .. }) => used += amount,
            _ => {}
        }
    }
    assert_eq!(progress.last(), Some(&1.0));
    assert!(progress.len() < 100, "{}", progress.len());
    assert_eq!(used, 1000.0);
    let messages: Vec<_> = queue.logs(id).await.unwrap().into_iter().map(|record| record.message).collect();
    assert_eq!(messages, ["one", "two"]);
    assert_gapless(&queue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_and_the_present_come_without_gap_or_duplicate() {
    let (_dir, queue) = opened().await;
    let submit = async |count| {
        let submit = |_| async {
            let id = queue.submit(job("echo")).await.unwrap();
            ended(&queue, id).await;
        };
        futures::future::join_all((0..count).map(submit)).await;
    };
    submit(100).await;
    // One that reads at once, and one that begins late; both while more happens.
    let follow = |mut events: QueueEvents, until: u64| async move {
        let mut numbers = Vec::new();
        while numbers.last().is_none_or(|last| *last < until) {
            if let Notice::Event(event) = events.next().await.unwrap().unwrap() {
                numbers.push(event.sequence);
            }
        }
        numbers
    };
    let past = tokio::spawn(follow(queue.subscribe(EventFilter::default(), Since::Sequence(1)), 900));
    let slow = queue.subscribe(EventFilter::default(), Since::Now);
    submit(200).await;
    assert_eq!(past.await.unwrap(), (1..=900).collect::<Vec<_>>());
    assert_eq!(follow(slow, 900).await, (301..=900).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_slow_subscriber_is_told_that_it_lags_and_loses_nothing() {
    let (_dir, queue) = opened().await;
    let mut events = queue.subscribe(EventFilter::default(), Since::Now);
    // One group of events each.
    for _ in 0..600 {
        let id = queue.submit(job("echo")).await.unwrap();
        ended(&queue, id).await;
    }
    let Some(Ok(Notice::Behind { events: behind })) = events.next().await else { panic!("it lags") };
    assert_eq!(behind, 1800);
    for expected in 1..=1800 {
        let Some(Ok(Notice::Event(event))) = events.next().await else { panic!("it reads on") };
        assert_eq!(event.sequence, expected);
    }
}

#[tokio::test]
async fn a_subscription_is_of_one_job_or_one_instance_and_ends_with_the_queue() {
    let (_dir, queue) = opened().await;
    let mut of_instance = queue.subscribe(EventFilter::default().instance("j"), Since::Sequence(1));
    let i = queue.submit(job("echo")).await.unwrap();
    let j = queue.submit(NewJob::new("j", "echo", json!(1))).await.unwrap();
    ended(&queue, i).await;
    ended(&queue, j).await;
    let mut of_job = queue.subscribe(EventFilter::default().job(i), Since::Sequence(1));
    queue.close(Duration::from_secs(1)).await;
    drop(queue);
    for (events, job) in [(&mut of_instance, j), (&mut of_job, i)] {
        let mut told = 0;
        while let Some(notice) = events.next().await {
            let Notice::Event(event) = notice.unwrap() else { continue };
            assert_eq!(event.job, Some(job));
            told += 1;
        }
        assert_eq!(told, 3);
    }
}

#[tokio::test]
async fn what_is_past_can_be_read_and_no_more() {
    let (_dir, queue) = opened().await;
    let id = queue.submit(job("echo")).await.unwrap();
    ended(&queue, id).await;
    let last = queue.stats().await.unwrap().last_event;
    let read = async |filter: EventFilter, until| {
        let mut events = queue.subscribe(filter.until(until), Since::Sequence(1));
        let mut count = 0;
        while let Some(notice) = events.next().await {
            assert!(matches!(notice.unwrap(), Notice::Event(event) if event.sequence <= until));
            count += 1;
        }
        count
    };
    assert_eq!(read(EventFilter::default(), last).await, last);
    assert_eq!(read(EventFilter::default(), last - 1).await, last - 1);
    // Also where the last ones are of others.
    assert_eq!(read(EventFilter::default().instance("other"), last).await, 0);
}
