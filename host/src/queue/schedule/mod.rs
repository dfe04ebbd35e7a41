//! Which job goes next: what is kept in memory of the jobs that have not ended.
//!
//! It follows the database: it is changed when a change was committed, in the order of the commits.

mod gate;
mod pick;
mod resources;
mod stock;
#[cfg(test)]
mod tests;
mod waiters;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::event::Block;
use super::id::{JobId, SequenceId};
use super::runs::Current;
use gate::{Gate, GateKey};
pub(super) use pick::{Asked, Now, Picked, Rooms};
pub(super) use resources::Eviction;
use stock::Stock;
pub(super) use stock::{Survey, Terms};
use waiters::Waiters;

/// When a job may run at the earliest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    /// On the wall's clock, in milliseconds since 1970-01-01 UTC: somebody named a time.
    Wall(i64),
    /// On the clock that nobody puts back: somebody named a wait.
    After(Instant),
    /// When the step before it has ended. It is put in again then.
    Held,
}

/// A job that waits, as it is put into the schedule.
#[derive(Debug, Clone)]
pub(super) struct Waiting<'a> {
    pub(super) id: JobId,
    pub(super) number: i64,
    pub(super) instance: &'a str,
    pub(super) lane: Option<&'a str>,
    pub(super) priority: i32,
    pub(super) attempt: u32,
    pub(super) due: Due,
    pub(super) deadline: Option<i64>,
}

/// What may run at once.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) all: usize,
    pub(super) lanes: HashMap<String, usize>,
}

#[derive(Debug)]
struct Entry {
    number: i64,
    gate: GateKey,
    priority: i32,
    attempt: u32,
    deadline: Option<i64>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// It waits for its time.
    Later(Due),
    /// It waits for its turn.
    Ready,
    /// It is its turn, but that is not stored yet.
    Taken,
    /// It runs.
    Running(Arc<Current>),
}

/// All jobs that have not ended.
#[derive(Debug)]
pub(super) struct Schedule {
    bounds: Bounds,
    jobs: HashMap<JobId, Entry>,
    gates: HashMap<GateKey, Gate>,
    by_wall: BTreeSet<(i64, JobId)>,
    by_clock: BTreeSet<(Instant, JobId)>,
    deadlines: BTreeSet<(i64, JobId)>,
    /// Jobs that are taken or run: of each instance, of each lane, of all.
    of_instance: HashMap<Arc<str>, usize>,
    of_lane: HashMap<Arc<str>, usize>,
    going: usize,
    /// What is known of memory, and who has it.
    pub(super) stock: Stock,
    waiters: Waiters<JobId>,
    /// Sequences that have not ended.
    pub(super) sequences: Waiters<SequenceId>,
    /// One copy of each name, however many jobs have it.
    names: BTreeMap<Arc<str>, usize>,
    /// Nothing is started.
    pub(super) paused: bool,
    /// Nothing is started or accepted any more.
    pub(super) closing: bool,
}

/// What comes first: the higher priority, then the lower number.
type Rank = (Reverse<i32>, i64);

impl Schedule {
    pub(super) fn new(bounds: Bounds, terms: Terms) -> Self {
        Self {
            bounds,
            jobs: HashMap::new(),
            gates: HashMap::new(),
            by_wall: BTreeSet::new(),
            by_clock: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            of_instance: HashMap::new(),
            of_lane: HashMap::new(),
            going: 0,
            stock: Stock::new(terms),
            waiters: Waiters::default(),
            sequences: Waiters::default(),
            names: BTreeMap::new(),
            paused: false,
            closing: false,
        }
    }

    /// Puts in a job that waits. One that is in is replaced.
    pub(super) fn add(&mut self, job: &Waiting<'_>) {
        self.take_out(job.id);
        let gate = GateKey { instance: self.name(job.instance), lane: job.lane.map(|lane| self.name(lane)) };
        let Waiting { number, priority, attempt, deadline, .. } = *job;
        let place = Place::Later(job.due);
        self.jobs.insert(job.id, Entry { number, gate, priority, attempt, deadline, place });
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, job.id));
        }
        self.put(job.id, job.due);
    }

    /// Its turn was not stored, so that it waits again.
    pub(super) fn put_back(&mut self, id: JobId, due: Due) {
        if self.jobs.get(&id).is_some_and(|entry| matches!(entry.place, Place::Taken)) {
            self.leave_place(id);
            self.put(id, due);
        }
    }

    /// Its turn could not come any more. One that was put in again since goes on waiting.
    pub(super) fn missed(&mut self, id: JobId) {
        if self.jobs.get(&id).is_some_and(|entry| matches!(entry.place, Place::Taken)) {
            self.ended(id);
        }
    }

    /// Its turn is stored.
    pub(super) fn running(&mut self, id: JobId, current: Arc<Current>) {
        if self.jobs.get(&id).is_some_and(|entry| !matches!(entry.place, Place::Taken)) {
            // It was put in again since it was its turn.
            self.start(id);
        }
        if let Some(entry) = self.jobs.get_mut(&id) {
            entry.attempt = current.number;
            entry.place = Place::Running(current);
        }
    }

    /// It has ended: whoever waits for that is told.
    pub(super) fn ended(&mut self, id: JobId) {
        self.take_out(id);
        self.waiters.ended(id);
    }

    /// It goes on waiting, with another priority.
    pub(super) fn reorder(&mut self, id: JobId, priority: i32) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        let old = (Reverse(entry.priority), entry.number);
        entry.priority = priority;
        if matches!(entry.place, Place::Ready) {
            let (rank, key) = ((Reverse(priority), entry.number), entry.gate.clone());
            if let Some(gate) = self.gates.get_mut(&key) {
                gate.ready.remove(&old);
                gate.ready.insert(rank, id);
            }
        }
    }

    /// Resolves when the job has ended; none where it has, or is not known.
    pub(super) fn waiter(&mut self, id: JobId) -> Option<oneshot::Receiver<()>> {
        if !self.jobs.contains_key(&id) {
            return None;
        }
        self.waiters.begun(id);
        self.waiters.waiter(id)
    }

    /// The attempt that is being made, if one is.
    pub(super) fn current(&self, id: JobId) -> Option<&Arc<Current>> {
        match &self.jobs.get(&id)?.place {
            Place::Running(current) => Some(current),
            _ => None,
        }
    }

    /// All attempts that are being made.
    pub(super) fn attempts(&self) -> impl Iterator<Item = &Arc<Current>> {
        self.jobs.values().filter_map(|entry| match &entry.place {
            Place::Running(current) => Some(current),
            _ => None,
        })
    }

    /// Why a job that could run does not; none where it runs, waits for its time, or goes next.
    pub(super) fn block(&self, id: JobId) -> Option<Block> {
        let entry = self.jobs.get(&id)?;
        match entry.place {
            Place::Ready => {
                self.gates.get(&entry.gate)?.blocked.as_ref().map(|blocked| blocked.reason.clone())
            }
            Place::Later(Due::Held) => Some(Block::Step),
            _ => None,
        }
    }

    /// How many are taken or run.
    pub(super) fn going(&self) -> usize {
        self.going
    }

    /// How many have not ended.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// How many jobs of a lane may run at once.
    fn lane_bound(&self, lane: &str) -> usize {
        self.bounds.lanes.get(lane).copied().unwrap_or(1)
    }

    /// Lets a job, which has no place, wait for its time or its turn.
    fn put(&mut self, id: JobId, due: Due) {
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        entry.place = match due {
            Due::Now => Place::Ready,
            later => Place::Later(later),
        };
        match due {
            Due::Now => {
                let (rank, key) = ((Reverse(entry.priority), entry.number), entry.gate.clone());
                self.gates.entry(key).or_default().ready.insert(rank, id);
            }
            Due::Wall(at) => {
                self.by_wall.insert((at, id));
            }
            Due::After(at) => {
                self.by_clock.insert((at, id));
            }
            Due::Held => {}
        }
    }

    /// Forgets a job.
    fn take_out(&mut self, id: JobId) {
        self.leave_place(id);
        let Some(entry) = self.jobs.remove(&id) else { return };
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        self.forget_name(&entry.gate.instance);
        if let Some(lane) = &entry.gate.lane {
            self.forget_name(lane);
        }
    }

    fn leave_place(&mut self, id: JobId) {
        let Some(entry) = self.jobs.get(&id) else { return };
        let (rank, key) = ((Reverse(entry.priority), entry.number), entry.gate.clone());
        match entry.place {
            Place::Later(Due::Wall(at)) => {
                self.by_wall.remove(&(at, id));
            }
            Place::Later(Due::After(at)) => {
                self.by_clock.remove(&(at, id));
            }
            Place::Later(Due::Now | Due::Held) => {}
            Place::Ready => {
                if let Some(gate) = self.gates.get_mut(&key) {
                    gate.ready.remove(&rank);
                    if gate.ready.is_empty() {
                        self.gates.remove(&key);
                    }
                }
            }
            Place::Taken | Place::Running(_) => {
                self.going = self.going.saturating_sub(1);
                less(&mut self.of_instance, &key.instance);
                if let Some(lane) = &key.lane {
                    less(&mut self.of_lane, lane);
                }
                self.stock.give_back(id, &key.instance);
            }
        }
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        let known = self.names.get_key_value(name).map(|(known, _)| known.clone());
        let name = known.unwrap_or_else(|| name.into());
        *self.names.entry(name.clone()).or_default() += 1;
        name
    }

    fn forget_name(&mut self, name: &Arc<str>) {
        if let Some(count) = self.names.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.names.remove(name);
            }
        }
    }
}

fn less(counts: &mut HashMap<Arc<str>, usize>, name: &Arc<str>) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}
