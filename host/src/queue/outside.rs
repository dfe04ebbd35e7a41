//! What happens outside of jobs, stored among what happens to them.

use std::sync::Weak;

use super::Inner;
use super::event::JobEvent;
use crate::event::{Event, Subscription};
use crate::store::{About, Batch};

/// Events that are stored at once, at most.
const AT_ONCE: usize = 256;

/// Stores what is told, for as long as there is a queue and somebody tells.
pub(super) async fn run(queue: Weak<Inner>, mut events: Subscription) {
    while let Some(first) = events.next().await {
        let mut group = vec![first];
        while let Some(event) = events.try_next() {
            group.push(event);
            if group.len() == AT_ONCE {
                break;
            }
        }
        let Some(inner) = queue.upgrade() else { return };
        if inner.schedule().closing {
            return;
        }
        // An instance that was loaded or unloaded has other room than before.
        inner.changed.notify_one();
        let store = move |batch: &mut Batch<'_>| {
            for Event { instance, kind, .. } in group {
                let about = About { job: None, instance: &instance, attempt: 0, sequence_id: None };
                batch.tell(about, JobEvent::Told(kind).json()?)?;
            }
            Ok(())
        };
        if let Err(error) = inner.writer.write("store what happened outside of jobs in", store, |_| ()).await
        {
            tracing::warn!(%error, "what happened outside of jobs could not be stored");
        }
    }
}
