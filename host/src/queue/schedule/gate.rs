//! Jobs that pass the same rungs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Rank;
use crate::queue::event::Block;
use crate::queue::id::JobId;

/// What the rungs look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GateKey {
    pub(super) instance: Arc<str>,
    pub(super) lane: Option<Arc<str>>,
}

/// The jobs that are ready to pass, in their order. Where the first cannot pass, none can.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) ready: BTreeMap<Rank, JobId>,
    pub(super) blocked: Option<Blocked>,
}

/// Why the first job of a gate does not pass.
#[derive(Debug)]
pub(super) struct Blocked {
    pub(super) job: JobId,
    pub(super) reason: Block,
    /// Since when the job has been the first and has not passed, for whatever reasons.
    pub(super) since: Instant,
    /// Since when it has been short of a resource.
    pub(super) short_since: Option<Instant>,
    /// Whether this reason was told.
    pub(super) told: bool,
}

impl Gate {
    /// The first job does not pass now.
    pub(super) fn block(&mut self, job: JobId, reason: Block, now: Instant) {
        let old = self.blocked.take().filter(|old| old.job == job);
        let short_since = match (&reason, &old) {
            (Block::Resources { .. } | Block::Older, Some(Blocked { short_since: Some(since), .. })) => {
                Some(*since)
            }
            (Block::Resources { .. }, _) => Some(now),
            _ => None,
        };
        self.blocked = Some(match old {
            // Of a resource there is now more and now less free.
            Some(old) => {
                let told = old.told && same_rung(&old.reason, &reason);
                Blocked { job, reason, since: old.since, short_since, told }
            }
            None => Blocked { job, reason, since: now, short_since, told: false },
        });
    }

    /// How long its first job has been short of a resource.
    pub(super) fn short_for(&self, job: JobId, now: Instant) -> Duration {
        let blocked = self.blocked.as_ref().filter(|blocked| blocked.job == job);
        let since = blocked.and_then(|blocked| blocked.short_since);
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

fn same_rung(one: &Block, other: &Block) -> bool {
    match (one, other) {
        (Block::Resources { kind: one, .. }, Block::Resources { kind: other, .. }) => one == other,
        (one, other) => one == other,
    }
}
