//! What is free, counted when it was looked, and kept right from one job to the next.

use std::sync::Arc;
use std::time::Duration;

use super::{Stock, after, name};
use crate::error::{Error, ResourceKind};
use crate::queue::demand::{Demand, Footprint};
use crate::queue::event::Block;
use crate::queue::machine::Space;

/// What all take up, and what there is for them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// None where nothing bounds it.
    memory: Option<Pool>,
    /// Of each GPU that is known.
    gpus: Vec<Pool>,
    /// Of all GPUs together, where the queue may use no more.
    gpu_budget: Option<Pool>,
}

/// A resource that all share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pool {
    /// What there would be for jobs and instances if none had any of it.
    capacity: u64,
    /// What they hold or have reserved, whichever is more.
    taken: u64,
}

impl Pool {
    fn free(&self) -> u64 {
        self.capacity.saturating_sub(self.taken)
    }
}

/// What a job is short of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::queue::schedule) struct Lack {
    pub(in crate::queue::schedule) kind: ResourceKind,
    /// What it needs beyond what its instance has.
    pub(in crate::queue::schedule) needed: u64,
    pub(in crate::queue::schedule) available: u64,
    /// Whether it would have enough if all others ended.
    pub(in crate::queue::schedule) others_have_it: bool,
}

impl Lack {
    pub(in crate::queue::schedule) fn block(&self) -> Block {
        Block::Resources { kind: self.kind.clone(), needed: self.needed, available: self.available }
    }

    /// How much has to become free.
    pub(in crate::queue::schedule) fn short(&self) -> u64 {
        self.needed.saturating_sub(self.available)
    }

    /// What the job fails with that does not wait, or waited too long.
    pub(in crate::queue::schedule) fn error(&self, instance: &str, waited: Option<Duration>) -> Error {
        let Self { kind, needed, available, .. } = self;
        let kind_name = name(kind);
        let (after, todo) = match waited {
            None => (String::new(), "retry it later, or let jobs wait with the admission `queue`"),
            Some(limit) => (
                format!(" after a wait of {} s", limit.as_secs()),
                "retry it later, or raise the queue's `admission-timeout`",
            ),
        };
        let message = format!(
            "a job of `{instance}` needs {needed} bytes of {kind_name}, and {available} are free{after}; {todo}"
        );
        Error::exhausted(kind.clone(), message, Some(*needed), Some(*available))
    }
}

impl Stock {
    /// Counts what is free.
    pub(super) fn count(&self) -> Account {
        let Some(seen) = &self.seen else { return Account::default() };
        let gpus = &seen.figures.gpus;
        let mut held_by_gpu = vec![0_u64; gpus.len()];
        let mut taken_by_gpu = vec![0_u64; gpus.len()];
        let (mut held, mut taken) = (Demand::NONE, Demand::NONE);
        let fullest = fullest(gpus);
        let with_held = seen.held.iter().map(|(instance, (held, _))| (instance, *held));
        let new = self.taken.keys().filter(|instance| !seen.held.contains_key(*instance));
        for (instance, holds) in with_held.chain(new.map(|instance| (instance, Demand::NONE))) {
            let has = self.has(instance);
            held = held.plus(holds);
            taken = taken.plus(has);
            let gpu = self.gpus.get(instance).copied().unwrap_or(fullest);
            let add = |to: &mut Vec<u64>, bytes: u64| {
                if let Some(sum) = to.get_mut(gpu) {
                    *sum = sum.saturating_add(bytes);
                }
            };
            add(&mut held_by_gpu, holds.gpu_memory_bytes);
            add(&mut taken_by_gpu, has.gpu_memory_bytes);
        }
        let live = seen.figures.memory.map(|memory| memory.free.saturating_add(held.memory_bytes));
        let capacity = match (live, self.terms.memory) {
            (Some(live), Some(budget)) => Some(live.min(budget)),
            (live, budget) => live.or(budget),
        };
        let gpus = gpus.iter().zip(held_by_gpu).zip(taken_by_gpu).map(|((gpu, held), taken)| Pool {
            // What an instance holds is an estimate; there is never more than there is.
            capacity: gpu.free.saturating_add(held).min(gpu.total),
            taken,
        });
        Account {
            memory: capacity.map(|capacity| Pool { capacity, taken: taken.memory_bytes }),
            gpus: gpus.collect(),
            gpu_budget: self
                .terms
                .gpu_memory
                .map(|capacity| Pool { capacity, taken: taken.gpu_memory_bytes }),
        }
    }

    /// What a job needs beyond what its instance holds or has reserved.
    pub(in crate::queue::schedule) fn needs(&self, instance: &Arc<str>, footprint: &Footprint) -> Demand {
        let (held, taken) = (self.held(instance), self.taken(instance));
        after(taken, footprint).most(held).less(taken.most(held))
    }

    /// What an instance takes up: what it held when it was last looked, or what its jobs have reserved if that is more.
    pub(super) fn has(&self, instance: &Arc<str>) -> Demand {
        self.taken(instance).most(self.held(instance))
    }

    /// What an instance held when it was last looked.
    fn held(&self, instance: &Arc<str>) -> Demand {
        self.seen.as_ref().and_then(|seen| seen.held.get(instance)).map_or(Demand::NONE, |(held, _)| *held)
    }

    /// What its jobs have reserved.
    fn taken(&self, instance: &Arc<str>) -> Demand {
        self.taken.get(instance).map_or(Demand::NONE, |taken| taken.demand)
    }

    /// Whether there is as much as is needed: then on which GPU, where it needs one.
    pub(in crate::queue::schedule) fn weigh(
        &mut self,
        instance: &Arc<str>,
        needs: Demand,
    ) -> Result<Option<usize>, Lack> {
        let own = self.has(instance);
        let account = match self.account.take() {
            Some(account) => account,
            None => self.count(),
        };
        let account = self.account.insert(account);
        let enough = |pool: &Pool, kind: ResourceKind| {
            let needed = needs.of(&kind);
            if needed <= pool.free() {
                return Ok(());
            }
            let others_have_it = needed <= pool.capacity.saturating_sub(own.of(&kind));
            Err(Lack { kind, needed, available: pool.free(), others_have_it })
        };
        if let Some(pool) = &account.memory {
            enough(pool, ResourceKind::SystemMemory)?;
        }
        if needs.gpu_memory_bytes == 0 {
            return Ok(None);
        }
        if let Some(pool) = &account.gpu_budget {
            enough(pool, ResourceKind::GpuMemory)?;
        }
        // Where its instance is already, or else where there is the most room.
        let placed = self.gpus.get(instance).and_then(|gpu| Some((*gpu, account.gpus.get(*gpu)?)));
        let emptiest = || account.gpus.iter().enumerate().max_by_key(|(_, pool)| pool.free());
        match placed.or_else(emptiest) {
            Some((gpu, pool)) => {
                enough(pool, ResourceKind::GpuMemory)?;
                Ok(Some(gpu))
            }
            None => Ok(None),
        }
    }
}

impl Account {
    /// Counts in what an instance takes up instead of what it took up before. False where that has to be counted anew.
    pub(super) fn change(&mut self, before: Demand, after: Demand) -> bool {
        if let Some(pool) = &mut self.memory {
            pool.taken = pool.taken.saturating_add(after.memory_bytes).saturating_sub(before.memory_bytes);
        }
        // Where it is may have changed, too.
        before.gpu_memory_bytes == after.gpu_memory_bytes
    }
}

/// The GPU with the least room: what is on a GPU, and nobody knows on which, is most likely there.
fn fullest(gpus: &[Space]) -> usize {
    gpus.iter().enumerate().min_by_key(|(_, gpu)| gpu.free).map_or(0, |(index, _)| index)
}
