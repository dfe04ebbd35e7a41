//! What there is of the machine's memory: who takes it up, who needs it, and who can give it back.

mod account;
mod victims;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use account::Account;
pub(super) use account::Lack;

use crate::error::{Error, ResourceKind};
use crate::policy::{Admission, QueueOptions};
use crate::queue::demand::{Demand, Footprint, Holding};
use crate::queue::id::JobId;
use crate::queue::machine::{Figures, Space};

/// How old what was seen of the machine may be.
const FRESH: Duration = Duration::from_secs(1);

/// The same while somebody waits for something to become free.
pub(super) const FRESH_IF_SHORT: Duration = Duration::from_millis(100);

/// What the queue was told of resources.
#[derive(Debug, Clone, Default)]
pub(in crate::queue) struct Terms {
    pub(in crate::queue) admission: Admission,
    pub(in crate::queue) timeout: Option<Duration>,
    /// What all may take up together, in bytes.
    pub(in crate::queue) memory: Option<u64>,
    pub(in crate::queue) gpu_memory: Option<u64>,
}

impl From<&QueueOptions> for Terms {
    fn from(options: &QueueOptions) -> Self {
        Self {
            admission: options.admission,
            timeout: options.admission_timeout,
            memory: options.memory,
            gpu_memory: options.gpu_memory,
        }
    }
}

/// What was seen of the machine, and of the instances in it.
#[derive(Debug, Default)]
pub(in crate::queue) struct Survey {
    pub(in crate::queue) figures: Figures,
    pub(in crate::queue) holdings: Vec<Holding>,
}

/// What an instance's jobs have reserved.
#[derive(Debug, Default)]
struct Taken {
    /// Jobs that are going. Without any, what they took counts until it is looked again what the instance holds.
    jobs: usize,
    demand: Demand,
}

/// All that is known of resources. Nothing is, with [`Admission::Permissive`].
#[derive(Debug)]
pub(in crate::queue) struct Stock {
    pub(super) terms: Terms,
    seen: Option<Seen>,
    /// What is free by all that follows; none where it has to be counted anew.
    account: Option<Account>,
    /// Somebody is looking.
    looking: bool,
    taken: HashMap<Arc<str>, Taken>,
    jobs: HashMap<JobId, Footprint>,
    /// The GPU on which an instance is taken to be: nobody tells.
    gpus: HashMap<Arc<str>, usize>,
    /// Instances that are giving back what they hold: they take no jobs meanwhile.
    evicting: HashSet<Arc<str>>,
    /// Instances that gave nothing back, and are left alone for a while.
    spared: HashMap<Arc<str>, Instant>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    figures: Figures,
    held: HashMap<Arc<str>, (Demand, Option<Duration>)>,
    /// Instances have given back since what they held.
    stale: bool,
}

impl Seen {
    /// What an instance held is free again, as far as it was seen to hold it.
    fn freed(&mut self, instance: &str, freed: Demand, gpu: Option<usize>) {
        let Some((held, _)) = self.held.get_mut(instance) else { return };
        let left = held.less(freed);
        let freed = held.less(left);
        *held = left;
        let add =
            |space: &mut Space, bytes: u64| space.free = space.free.saturating_add(bytes).min(space.total);
        if let Some(memory) = &mut self.figures.memory {
            add(memory, freed.memory_bytes);
        }
        if let Some(gpu) = gpu.and_then(|gpu| self.figures.gpus.get_mut(gpu)) {
            add(gpu, freed.gpu_memory_bytes);
        }
    }
}

impl Stock {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            terms,
            seen: None,
            account: None,
            looking: false,
            taken: HashMap::new(),
            jobs: HashMap::new(),
            gpus: HashMap::new(),
            evicting: HashSet::new(),
            spared: HashMap::new(),
        }
    }

    /// Whether resources are looked at at all.
    pub(in crate::queue) fn counts(&self) -> bool {
        self.terms.admission != Admission::Permissive
    }

    /// Whether it is to be looked again now: asked where somebody needs something. Whoever is told so looks.
    pub(super) fn look_due(&mut self, now: Instant, short: bool) -> bool {
        let due = match &self.seen {
            None => true,
            Some(seen) => seen.stale || !self.is_fresh(now, if short { FRESH_IF_SHORT } else { FRESH }),
        };
        due && !std::mem::replace(&mut self.looking, true)
    }

    /// Whether it was looked once.
    pub(super) fn is_seen(&self) -> bool {
        self.seen.is_some()
    }

    /// Whether what was seen is not older than this, and still true.
    pub(super) fn is_fresh(&self, now: Instant, age: Duration) -> bool {
        self.seen.as_ref().is_some_and(|seen| !seen.stale && now.saturating_duration_since(seen.at) < age)
    }

    /// Takes note of what was seen.
    pub(in crate::queue) fn saw(&mut self, at: Instant, survey: Survey) {
        self.looking = false;
        let held = survey
            .holdings
            .into_iter()
            .map(|holding| (holding.instance.into(), (holding.held, holding.idle)));
        let held: HashMap<Arc<str>, _> = held.collect();
        self.taken.retain(|_, taken| taken.jobs > 0);
        let holds =
            |instance: &Arc<str>| held.get(instance).is_some_and(|(held, _)| held.gpu_memory_bytes > 0);
        self.gpus.retain(|instance, _| self.taken.contains_key(instance) || holds(instance));
        self.spared.retain(|_, until| *until > at);
        self.account = None;
        self.seen = Some(Seen { at, figures: survey.figures, held, stale: false });
    }

    /// Reserves what a job needs.
    pub(super) fn take(&mut self, id: JobId, instance: &Arc<str>, footprint: Footprint, gpu: Option<usize>) {
        if !self.counts() || footprint.job.is_none() {
            return;
        }
        self.jobs.insert(id, footprint);
        if let Some(gpu) = gpu {
            self.gpus.entry(instance.clone()).or_insert(gpu);
        }
        let before = self.has(instance);
        let taken = self.taken.entry(instance.clone()).or_default();
        taken.demand = after(taken.demand, &footprint);
        taken.jobs += 1;
        self.changed(instance, before);
    }

    /// A job has ended, or does not run after all.
    pub(super) fn give_back(&mut self, id: JobId, instance: &Arc<str>) {
        let Some(footprint) = self.jobs.remove(&id) else { return };
        let before = self.has(instance);
        let Some(taken) = self.taken.get_mut(instance) else { return };
        taken.jobs = taken.jobs.saturating_sub(1);
        // What a shared instance took it keeps; how much that is will be seen.
        if footprint.each {
            taken.demand = taken.demand.less(footprint.job);
            if taken.jobs == 0 {
                self.taken.remove(instance);
            }
            let gpu = self.gpus.get(instance).copied();
            if let Some(seen) = &mut self.seen {
                seen.freed(instance, footprint.job, gpu);
            }
            self.changed(instance, before);
        }
    }

    /// Keeps the account right when an instance has other than before.
    fn changed(&mut self, instance: &Arc<str>, before: Demand) {
        let after = self.has(instance);
        if !self.account.as_mut().is_some_and(|account| account.change(before, after)) {
            self.account = None;
        }
    }

    /// Whether the account is what it would be if it were counted anew.
    #[cfg(test)]
    pub(super) fn is_right(&self) -> bool {
        self.account.as_ref().is_none_or(|account| *account == self.count())
    }

    /// Whether nothing is reserved, and nobody gives anything back.
    #[cfg(test)]
    pub(super) fn is_untouched(&self) -> bool {
        self.taken.is_empty() && self.jobs.is_empty() && self.evicting.is_empty() && self.gpus.is_empty()
    }

    /// Whether an instance is giving back what it holds.
    pub(super) fn is_evicting(&self, instance: &str) -> bool {
        self.evicting.contains(instance)
    }

    /// Why a job can never run, whatever else runs: as far as that is known.
    pub(in crate::queue) fn never(&self, instance: &str, footprint: &Footprint) -> Option<Error> {
        if !self.counts() {
            return None;
        }
        let (needed, figures) = (footprint.job, self.seen.as_ref().map(|seen| &seen.figures));
        let machine = figures.and_then(|figures| figures.memory).map(|memory| memory.total);
        let gpu = figures.and_then(|figures| figures.gpus.iter().map(|gpu| gpu.total).max());
        let (memory, gpu_memory) = (ResourceKind::SystemMemory, ResourceKind::GpuMemory);
        let bounds = [
            (&memory, footprint.memory_limit, "its limit is", "raise `memory-bytes`"),
            (&memory, self.terms.memory, "the queue may use", "raise the queue's `memory`"),
            (&memory, machine, "the machine has", "run it on a larger one"),
            (&gpu_memory, self.terms.gpu_memory, "the queue may use", "raise the queue's `gpu-memory`"),
            (&gpu_memory, gpu, "the largest GPU has", "run it on a larger one"),
        ];
        let (kind, bound, says, todo) = bounds
            .into_iter()
            .filter_map(|(kind, bound, says, todo)| Some((kind, bound?, says, todo)))
            .find(|(kind, bound, ..)| needed.of(kind) > *bound)?;
        let message = format!(
            "a job of `{instance}` takes up {} bytes of {}, and {says} {bound}: it can never run; {todo}",
            needed.of(kind),
            name(kind)
        );
        Some(Error::exhausted(kind.clone(), message, Some(needed.of(kind)), Some(bound)))
    }
}

/// What an instance's jobs take up together after one more has begun.
fn after(taken: Demand, footprint: &Footprint) -> Demand {
    if footprint.each { taken.plus(footprint.job) } else { taken.most(footprint.job) }
}

/// A kind of resource in a sentence.
pub(super) fn name(kind: &ResourceKind) -> &'static str {
    match kind {
        ResourceKind::GpuMemory => "GPU memory",
        _ => "memory",
    }
}
