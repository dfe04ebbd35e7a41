//! The rung of admission at which it is looked whether there is enough memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Schedule;
use super::gate::GateKey;
use super::pick::{Climb, Step};
use super::stock::{FRESH_IF_SHORT, Lack};
use crate::error::ResourceKind;
use crate::policy::Admission;
use crate::queue::demand::Footprint;
use crate::queue::event::Block;
use crate::queue::id::JobId;

/// How old what was seen may be where something is decided by it that cannot be undone.
const SURE: Duration = Duration::from_millis(500);

/// Instances that are to give back what they hold, for a job that waits for it.
#[derive(Debug)]
pub(in crate::queue) struct Eviction {
    pub(in crate::queue) job: JobId,
    pub(in crate::queue) from: Vec<Arc<str>>,
}

impl Schedule {
    /// Reserves what a job takes up that could run otherwise.
    pub(super) fn resources(
        &mut self,
        key: &GateKey,
        id: JobId,
        footprint: Footprint,
        climb: &mut Climb<'_>,
    ) -> Step {
        if !self.stock.counts() || footprint.job.is_none() {
            return Step::Go;
        }
        climb.picked.look |= self.stock.look_due(climb.now.clock, false);
        if let Some(error) = self.stock.never(&key.instance, &footprint) {
            return Step::Refuse(error);
        }
        if !self.stock.is_seen() {
            return Step::Look;
        }
        let needs = self.stock.needs(&key.instance, &footprint);
        // Also of one whose instance has all that it needs: it would never be idle, and give nothing back.
        if climb.held.keeps(footprint.job) {
            return Step::Wait { reason: Block::Older, may_hold: false };
        }
        match self.stock.weigh(&key.instance, needs) {
            Ok(gpu) => {
                self.stock.take(id, &key.instance, footprint, gpu);
                Step::Go
            }
            Err(lack) => self.short(key, id, &lack, climb),
        }
    }

    fn short(&mut self, key: &GateKey, id: JobId, lack: &Lack, climb: &mut Climb<'_>) -> Step {
        let now = climb.now.clock;
        climb.picked.look |= self.stock.look_due(now, true);
        climb.picked.again_in(FRESH_IF_SHORT);
        // Nobody gives up anything, or is refused, for what was so a while ago, or may be otherwise in a moment.
        let sure = self.stock.is_fresh(now, SURE);
        if sure {
            let Self { stock, of_instance, .. } = self;
            let busy = |instance: &str| of_instance.contains_key(instance) || instance == &*key.instance;
            let from = stock.choose(now, &lack.kind, lack.short(), busy);
            if !from.is_empty() {
                climb.picked.evictions.push(Eviction { job: id, from });
            }
        }
        let waited = self.gates.get(key).map(|gate| gate.short_for(id, now)).unwrap_or_default();
        let terms = &self.stock.terms;
        match (terms.admission, terms.timeout) {
            (Admission::Safe, _) if sure && !self.stock.is_waiting() => {
                Step::Refuse(lack.error(&key.instance, None))
            }
            (Admission::Queue, Some(limit)) if waited >= limit => {
                Step::Refuse(lack.error(&key.instance, Some(limit)))
            }
            (Admission::Queue, Some(limit)) => {
                climb.picked.again_in(limit - waited);
                Step::Wait { reason: lack.block(), may_hold: lack.others_have_it }
            }
            _ => Step::Wait { reason: lack.block(), may_hold: lack.others_have_it },
        }
    }

    /// Chooses instances that are to give back what they hold, for an attempt that failed for want of it: `short`
    /// bytes, or all that can be had.
    pub(in crate::queue) fn make_room(
        &mut self,
        now: Instant,
        instance: &str,
        kind: &ResourceKind,
        short: u64,
    ) -> Vec<Arc<str>> {
        let Self { stock, of_instance, .. } = self;
        let busy = |other: &str| of_instance.contains_key(other) || other == instance;
        stock.choose_any(now, kind, short, busy)
    }
}
