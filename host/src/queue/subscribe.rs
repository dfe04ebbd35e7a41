//! Following what happens: from the store as far as it is past, and live from there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Queue;
use super::event::QueueEvent;
use super::id::{JobId, SequenceId};
use crate::error::{Error, Result};
use crate::store::{Database, EventQuery, StoredEvent};

/// Events that are read from the store at once.
const PAGE: usize = 500;

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// With what happens after it was made.
    Now,
    /// With the event of this number, whether it is past or yet to come; 1 is the first of all.
    Sequence(u64),
}

/// Which events are told. The default means all.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    pub(super) query: EventQuery,
    /// The number of the last event that is wanted.
    pub(super) until: Option<i64>,
}

impl EventFilter {
    /// Those of one job.
    pub fn job(mut self, id: JobId) -> Self {
        self.query.job = Some(*id.as_bytes());
        self
    }

    /// Those of one sequence and its steps.
    pub fn sequence(mut self, id: SequenceId) -> Self {
        self.query.sequence_id = Some(*id.as_bytes());
        self
    }

    /// Those of one instance.
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.query.instance = Some(instance.into());
        self
    }

    /// Those up to the event of this number, after which the stream ends: to read what is past and no more.
    pub fn until(mut self, sequence: u64) -> Self {
        self.until = Some(i64::try_from(sequence).unwrap_or(i64::MAX));
        self
    }

    fn matches(&self, event: &StoredEvent) -> bool {
        self.until.is_none_or(|last| event.sequence <= last)
            && self.query.job.is_none_or(|job| Some(job) == event.job)
            && self.query.sequence_id.is_none_or(|id| Some(id) == event.sequence_id)
            && self.query.instance.as_deref().is_none_or(|instance| instance == &*event.instance)
    }
}

/// What a subscriber is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "notice")]
#[non_exhaustive]
pub enum Notice {
    /// The subscriber is slower than the events, and so many behind. Nothing is lost: it reads on from the store.
    Behind {
        /// How many, of all events.
        events: u64,
    },
    /// So many events were wanted that are not stored any more: see [`Retention`](crate::Retention).
    Cut {
        /// How many, of all events.
        events: u64,
    },
    /// Something happened. Where it is serialized, this is the event as it is.
    #[serde(untagged)]
    Event(QueueEvent),
}

/// A stream of events without gaps and duplicates. It holds up nobody, and does not keep the queue open.
#[derive(Debug)]
pub struct QueueEvents {
    database: Database,
    receiver: broadcast::Receiver<Arc<[StoredEvent]>>,
    last: Arc<AtomicI64>,
    filter: EventFilter,
    /// The number of the next event, of all events.
    next: i64,
    /// Whether that one is to be read from the store.
    behind: bool,
    ready: VecDeque<Result<Notice>>,
}

impl Queue {
    /// Follows what happens, from now on or from a point in the past.
    pub fn subscribe(&self, filter: EventFilter, since: Since) -> QueueEvents {
        let inner = self.inner();
        // First to be told what comes, then to look what has been: what is told twice is left out.
        let receiver = inner.events.subscribe();
        let (next, behind) = match since {
            Since::Now => (inner.last_event.load(Ordering::Acquire) + 1, false),
            Since::Sequence(sequence) => (i64::try_from(sequence).unwrap_or(i64::MAX).max(1), true),
        };
        QueueEvents {
            database: inner.writer.database().clone(),
            receiver,
            last: inner.last_event.clone(),
            filter,
            next,
            behind,
            ready: VecDeque::new(),
        }
    }
}

impl QueueEvents {
    /// The number of the last event that was looked at, whether it matched or not; at first, of the one before the
    /// subscription begins. 0 where there is none.
    pub fn position(&self) -> u64 {
        u64::try_from(self.next - 1).unwrap_or(0)
    }

    /// Waits for the next notice. None once the queue is gone and everything was told, or the last that was wanted is
    /// past. Cancel safe.
    ///
    /// # Errors
    ///
    /// `fatal`, where an event is damaged: the next call goes on behind it. What reading the database can fail with: the
    /// next call tries again.
    pub async fn next(&mut self) -> Option<Result<Notice>> {
        loop {
            if let Some(notice) = self.ready.pop_front() {
                return Some(notice);
            }
            if self.filter.until.is_some_and(|last| self.next > last) {
                return None;
            }
            if self.behind {
                if let Err(error) = self.read().await {
                    return Some(Err(error));
                }
                continue;
            }
            match self.receiver.recv().await {
                Ok(group) => self.take(&group),
                Err(RecvError::Lagged(_)) => {
                    self.behind = true;
                    let events = self.last.load(Ordering::Acquire) + 1 - self.next;
                    self.ready.push_back(Ok(Notice::Behind { events: u64::try_from(events).unwrap_or(0) }));
                }
                Err(RecvError::Closed) => {
                    // What was told last may have been lost on the way here.
                    if self.next > self.last.load(Ordering::Acquire) {
                        return None;
                    }
                    self.behind = true;
                }
            }
        }
    }

    /// Takes what happens now.
    fn take(&mut self, group: &[StoredEvent]) {
        for event in group {
            if event.sequence > self.next {
                self.behind = true;
                return;
            }
            if event.sequence == self.next {
                self.next += 1;
                self.tell(event.clone());
            }
        }
    }

    /// Reads what is past.
    async fn read(&mut self) -> Result<()> {
        let (database, next, query) = (self.database.clone(), self.next, self.filter.query.clone());
        let read = tokio::task::spawn_blocking(move || database.events().from(next, &query, PAGE)).await;
        let page = read.map_err(|error| Error::fatal(format!("the events could not be read: {error}")))??;
        if let Some(first) = page.first.filter(|first| *first > self.next) {
            let events = u64::try_from(first - self.next).unwrap_or(0);
            self.ready.push_back(Ok(Notice::Cut { events }));
        }
        for event in page.events {
            self.tell(event);
        }
        self.behind = page.more;
        // A number that is yet to come is waited for.
        self.next = self.next.max(page.upto + 1);
        Ok(())
    }

    fn tell(&mut self, event: StoredEvent) {
        if self.filter.matches(&event) {
            self.ready.push_back(QueueEvent::of(event).map(Notice::Event));
        }
    }
}
