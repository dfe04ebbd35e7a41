//! What is asked of sequences.

use std::time::Duration;

use cjm_host::{
    Category, EventFilter, JobEvent, NewSequence, Notice, SequenceFilter, SequenceMode, SequenceState, Since,
    Step,
};

use super::{World, job};

#[tokio::test]
async fn a_sequence_is_submitted_and_looked_at_as_if_it_were_in_this_process() {
    World::each(async |World { client, queue, .. }| {
        let new = NewSequence::new([Step::new(job("talk")).name("first"), Step::new(job("echo"))])
            .mode(SequenceMode::BestEffort)
            .label("customer", "acme")
            .idempotency_key("k");
        let id = client.submit_sequence(new.clone()).await.unwrap();
        assert_eq!(client.submit_sequence(new).await.unwrap(), id);
        let ended = client.wait_sequence(id, None).await.unwrap();
        assert_eq!(ended.state, SequenceState::Completed);
        let here = queue.sequence(id).await.unwrap();
        assert_eq!(format!("{here:?}"), format!("{ended:?}"));
        assert_eq!(format!("{:?}", client.sequence(id).await.unwrap()), format!("{ended:?}"));
        let steps = client.steps(id).await.unwrap();
        assert_eq!(format!("{steps:?}"), format!("{:?}", queue.steps(id).await.unwrap()));
        let found = client.sequences(&SequenceFilter::default().label("customer", "acme"), 10).await.unwrap();
        assert_eq!(found.iter().map(|found| found.id).collect::<Vec<_>>(), [id]);

        let of_it = EventFilter::default().sequence(id);
        let mut events = client.subscribe(of_it, Since::Sequence(1)).await.unwrap();
        loop {
            let Notice::Event(event) = events.next().await.unwrap().unwrap() else { continue };
            assert_eq!(event.sequence_id, Some(id));
            if matches!(event.kind, JobEvent::SequenceEnded { .. }) {
                break;
            }
        }
        assert!(client.purge_sequence(id).await.unwrap());
        assert_eq!(client.sequence(id).await.unwrap_err().category(), Category::InvalidInput);
    })
    .await;
}

#[tokio::test]
async fn a_sequence_is_cancelled_as_a_whole_and_can_be_retried() {
    World::each(async |World { client, .. }| {
        let id = client.submit_sequence(NewSequence::new([job("wait"), job("echo")])).await.unwrap();
        let error = client.wait_sequence(id, Some(Duration::from_millis(20))).await.unwrap_err();
        assert_eq!(error.category(), Category::TimedOut);
        assert!(client.cancel_sequence(id).await.unwrap());
        assert_eq!(client.wait_sequence(id, None).await.unwrap().state, SequenceState::Cancelled);
        assert!(!client.cancel_sequence(id).await.unwrap());
        assert!(client.retry_sequence(id).await.unwrap());
        assert!(client.cancel_sequence_now(id).await.unwrap());
        client.wait_sequence(id, None).await.unwrap();
        let cancelled = SequenceFilter::default().states([SequenceState::Cancelled]);
        assert_eq!(client.purge_sequences(&cancelled).await.unwrap(), 1);
    })
    .await;
}
