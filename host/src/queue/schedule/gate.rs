//! Jobs that pass the same rungs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

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
    /// Whether this reason was told.
    pub(super) told: bool,
}

impl Gate {
    /// The first job does not pass now.
    pub(super) fn block(&mut self, job: JobId, reason: Block, now: Instant) {
        self.blocked = Some(match self.blocked.take() {
            Some(old) if old.job == job && old.reason == reason => old,
            Some(old) if old.job == job => Blocked { job, reason, since: old.since, told: false },
            _ => Blocked { job, reason, since: now, told: false },
        });
    }
}
