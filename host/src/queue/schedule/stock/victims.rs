//! Which instances give back what they hold.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Stock;
use crate::error::ResourceKind;
use crate::queue::demand::Demand;

/// How long an instance is left alone that gave nothing back.
const SPARED_FOR: Duration = Duration::from_secs(5);

impl Stock {
    /// Chooses instances on which nothing runs and that together hold as much as is needed: those that were not used
    /// for the longest time, and of several such those that hold the most. None, where they do not hold enough: they
    /// would give up what they hold for nothing. They take no jobs until [`evicted`](Self::evicted).
    pub(in crate::queue::schedule) fn choose(
        &mut self,
        now: Instant,
        kind: &ResourceKind,
        short: u64,
        busy: impl Fn(&str) -> bool,
    ) -> Vec<Arc<str>> {
        let (chosen, sum) = self.candidates(now, kind, short, busy);
        if sum < short {
            return Vec::new();
        }
        self.evicting.extend(chosen.iter().cloned());
        chosen
    }

    /// The same, however much they hold.
    pub(in crate::queue::schedule) fn choose_any(
        &mut self,
        now: Instant,
        kind: &ResourceKind,
        short: u64,
        busy: impl Fn(&str) -> bool,
    ) -> Vec<Arc<str>> {
        let (chosen, _) = self.candidates(now, kind, short, busy);
        self.evicting.extend(chosen.iter().cloned());
        chosen
    }

    fn candidates(
        &self,
        now: Instant,
        kind: &ResourceKind,
        short: u64,
        busy: impl Fn(&str) -> bool,
    ) -> (Vec<Arc<str>>, u64) {
        let (mut chosen, mut sum) = (Vec::new(), 0_u64);
        let Some(seen) = &self.seen else { return (chosen, sum) };
        // One round at a time: what the last one freed is not seen yet.
        if self.is_waiting() {
            return (chosen, sum);
        }
        let rests = |instance: &Arc<str>| {
            !busy(instance) && self.spared.get(instance).is_none_or(|until| *until <= now)
        };
        let mut idle: Vec<_> = seen
            .held
            .iter()
            .filter_map(|(instance, (held, idle))| Some(((*idle)?, held.of(kind), instance)))
            .filter(|(_, held, instance)| *held > 0 && rests(instance))
            .collect();
        // Whole seconds, so that what was used at about the same time is told apart by what it holds.
        idle.sort_by_key(|(idle, held, _)| Reverse((idle.as_secs(), *held)));
        for (_, held, instance) in idle {
            if sum >= short {
                break;
            }
            sum = sum.saturating_add(held);
            chosen.push(instance.clone());
        }
        (chosen, sum)
    }

    /// Whether instances are giving back what they hold.
    pub(in crate::queue::schedule) fn is_waiting(&self) -> bool {
        !self.evicting.is_empty()
    }

    /// An instance gave back so much; it takes jobs again.
    pub(in crate::queue) fn evicted(&mut self, now: Instant, instance: &Arc<str>, freed: Demand) {
        self.evicting.remove(instance);
        self.account = None;
        if freed.is_none() {
            self.spared.insert(instance.clone(), now + SPARED_FOR);
        } else if self.taken.get(instance).is_some_and(|taken| taken.jobs == 0) {
            self.taken.remove(instance);
        }
        if let Some(seen) = &mut self.seen {
            seen.held.remove(instance);
            seen.stale = true;
        }
    }
}
