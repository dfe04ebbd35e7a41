//! The ladder of admission.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gate::GateKey;
use super::resources::Eviction;
use super::{Due, Place, Rank, Schedule};
use crate::error::{Error, ResourceKind};
use crate::queue::demand::{Demand, Footprint};
use crate::queue::event::Block;
use crate::queue::id::JobId;
use crate::queue::time::until;

/// How long a job waits before it is told what for: most waits are over at once.
const TELL_AFTER: Duration = Duration::from_millis(250);

/// How long a job lets others go before it for want of its second rung. After that, what it needs is kept free for it.
const HOLD_AFTER: Duration = Duration::from_secs(1);

/// How often it is asked whether an instance takes jobs again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long is slept at most while somebody waits for a time on the wall's clock, which may be put forward.
const WALL_STEP: Duration = Duration::from_secs(5);

/// What the runner says of each instance.
pub(in crate::queue) type Rooms = HashMap<Arc<str>, Asked>;

/// What the runner says of an instance.
#[derive(Debug, Clone)]
pub(in crate::queue) struct Asked {
    /// How many jobs it may run at once, or why none.
    pub(in crate::queue) room: Result<usize, String>,
    /// What each of them takes up.
    pub(in crate::queue) footprint: Footprint,
}

/// Both clocks.
#[derive(Debug, Clone, Copy)]
pub(in crate::queue) struct Now {
    /// Milliseconds since 1970-01-01 UTC.
    pub(in crate::queue) wall: i64,
    pub(in crate::queue) clock: Instant,
}

/// What is to be done now.
#[derive(Debug, Default)]
pub(in crate::queue) struct Picked {
    /// These go, in their order: they take up room already.
    pub(in crate::queue) start: Vec<(JobId, i64)>,
    /// These waited past their deadline: they take up room already.
    pub(in crate::queue) expired: Vec<(JobId, i64)>,
    /// These fail, since what they need is not there: they take up room already.
    pub(in crate::queue) refused: Vec<(JobId, i64, Error)>,
    /// These give back what they hold.
    pub(in crate::queue) evictions: Vec<Eviction>,
    /// It is to be looked what is free; nobody else does.
    pub(in crate::queue) look: bool,
    /// These are to be told what they wait for.
    pub(in crate::queue) blocked: Vec<(JobId, Block)>,
    /// When to look again if nothing happens before.
    pub(in crate::queue) again: Option<Duration>,
}

impl Picked {
    pub(super) fn again_in(&mut self, wait: Duration) {
        self.again = Some(self.again.map_or(wait, |again| again.min(wait)));
    }
}

impl Schedule {
    /// The instances of which it matters how much room they have.
    pub(in crate::queue) fn instances(&self) -> HashSet<Arc<str>> {
        self.gates.keys().map(|key| key.instance.clone()).collect()
    }

    /// Decides who goes. A gate whose instance is not in `rooms` is left for the next time.
    pub(in crate::queue) fn pick(&mut self, now: Now, rooms: &Rooms) -> Picked {
        let mut picked = Picked::default();
        self.expire(now, &mut picked);
        self.ripen(now, &mut picked);
        if !self.paused && !self.closing {
            self.climb(now, rooms, &mut picked);
        }
        picked
    }

    /// Takes those whose deadline has passed. Those that run are stopped by their attempt.
    fn expire(&mut self, now: Now, picked: &mut Picked) {
        while let Some(&(deadline, id)) = self.deadlines.first() {
            if deadline > now.wall {
                picked.again_in(until(now.wall, deadline).min(WALL_STEP));
                break;
            }
            self.deadlines.pop_first();
            let Some(entry) = self.jobs.get(&id) else { continue };
            if matches!(entry.place, Place::Later(_) | Place::Ready) {
                let number = entry.number;
                self.start(id);
                picked.expired.push((id, number));
            }
        }
    }

    /// Makes those ready whose time has come.
    fn ripen(&mut self, now: Now, picked: &mut Picked) {
        while let Some(&(at, id)) = self.by_wall.first() {
            if at > now.wall {
                picked.again_in(until(now.wall, at).min(WALL_STEP));
                break;
            }
            self.by_wall.pop_first();
            self.put(id, Due::Now);
        }
        while let Some(&(at, id)) = self.by_clock.first() {
            if at > now.clock {
                picked.again_in(at.saturating_duration_since(now.clock));
                break;
            }
            self.by_clock.pop_first();
            self.put(id, Due::Now);
        }
    }

    /// Lets the first job of each gate try, the best of them first, until none can pass any more.
    fn climb(&mut self, now: Now, rooms: &Rooms, picked: &mut Picked) {
        let first = |(key, gate): (&GateKey, &super::Gate)| {
            gate.ready.first_key_value().map(|(rank, id)| (*rank, (key.clone(), *id)))
        };
        let mut firsts: BTreeMap<Rank, (GateKey, JobId)> = self.gates.iter().filter_map(first).collect();
        let mut climb = Climb { now, held: Held::default(), picked };
        while let Some((_, (key, id))) = firsts.pop_first() {
            let Some(asked) = rooms.get(&key.instance) else {
                climb.picked.again_in(Duration::ZERO);
                continue;
            };
            // It is woken when that is over.
            if self.stock.is_evicting(&key.instance) {
                continue;
            }
            let step = match self.rung(&key, &asked.room, &climb.held) {
                Some(reason) => {
                    // Who cannot run, whatever is free, keeps nothing free.
                    let may_hold = key.lane.is_some()
                        && matches!(
                            reason,
                            Block::LaneConcurrency { .. } | Block::InstanceConcurrency { .. }
                        );
                    Step::Wait { reason, may_hold }
                }
                None => self.resources(&key, id, asked.footprint, &mut climb),
            };
            let number = self.jobs.get(&id).map_or(0, |entry| entry.number);
            match step {
                Step::Go => climb.picked.start.push((id, number)),
                Step::Refuse(error) => climb.picked.refused.push((id, number, error)),
                Step::Wait { reason, may_hold } => {
                    self.blocked(key, id, reason, may_hold, &mut climb);
                    continue;
                }
                Step::Look => continue,
            }
            self.start(id);
            if let Some(gate) = self.gates.get_mut(&key) {
                gate.blocked = None;
                firsts.extend(first((&key, gate)));
            }
        }
    }

    /// The rung that keeps a job from running.
    fn rung(&self, key: &GateKey, room: &Result<usize, String>, held: &Held) -> Option<Block> {
        let limit = match room {
            Ok(limit) => *limit,
            Err(message) => return Some(Block::Instance { message: message.clone() }),
        };
        let mut kept = false;
        if let Some(lane) = &key.lane {
            let (limit, taken) = (self.lane_bound(lane), self.of_lane.get(lane).copied().unwrap_or(0));
            if taken >= limit {
                return Some(Block::LaneConcurrency { limit });
            }
            kept |= taken.saturating_add(held.in_lane(lane)) >= limit;
        }
        let taken = self.of_instance.get(&key.instance).copied().unwrap_or(0);
        if taken >= limit {
            return Some(Block::InstanceConcurrency { limit });
        }
        kept |= taken.saturating_add(held.on_instance(&key.instance)) >= limit;
        if self.going >= self.bounds.all {
            return Some(Block::Concurrency { limit: self.bounds.all });
        }
        kept.then_some(Block::Older)
    }

    fn blocked(&mut self, key: GateKey, id: JobId, reason: Block, may_hold: bool, climb: &mut Climb<'_>) {
        let Some(gate) = self.gates.get_mut(&key) else { return };
        let (now, picked) = (climb.now, &mut *climb.picked);
        if matches!(reason, Block::Instance { .. }) {
            picked.again_in(ASK_AGAIN);
        }
        gate.block(id, reason, now.clock);
        let Some(blocked) = &mut gate.blocked else { return };
        let waited = now.clock.saturating_duration_since(blocked.since);
        if !blocked.told {
            if waited >= TELL_AFTER {
                blocked.told = true;
                picked.blocked.push((id, blocked.reason.clone()));
            } else {
                picked.again_in(TELL_AFTER - waited);
            }
        }
        if may_hold {
            if waited >= HOLD_AFTER {
                climb.held.hold(key, &blocked.reason);
            } else {
                picked.again_in(HOLD_AFTER - waited);
            }
        }
    }

    /// Takes up room for a job that goes.
    pub(super) fn start(&mut self, id: JobId) {
        self.leave_place(id);
        let Some(entry) = self.jobs.get_mut(&id) else { return };
        entry.place = Place::Taken;
        let GateKey { instance, lane } = entry.gate.clone();
        self.going += 1;
        *self.of_instance.entry(instance).or_default() += 1;
        if let Some(lane) = lane {
            *self.of_lane.entry(lane).or_default() += 1;
        }
    }
}

/// What is known while the first jobs are looked at one after the other.
pub(super) struct Climb<'a> {
    pub(super) now: Now,
    pub(super) held: Held,
    pub(super) picked: &'a mut Picked,
}

/// What becomes of the first job of a gate.
pub(super) enum Step {
    Go,
    Refuse(Error),
    Wait {
        reason: Block,
        /// Whether what it needs is kept free for it once it has waited long.
        may_hold: bool,
    },
    /// It is not known yet what is free.
    Look,
}

/// What is kept free for those who waited long: a job that needs several things would otherwise starve where each is
/// always taken by somebody who needs only that one, or less of it.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Places on each instance, and in each lane.
    instances: HashMap<Arc<str>, usize>,
    lanes: HashMap<Arc<str>, usize>,
    kinds: Vec<ResourceKind>,
}

impl Held {
    fn hold(&mut self, key: GateKey, reason: &Block) {
        *self.instances.entry(key.instance).or_default() += 1;
        if let Some(lane) = key.lane {
            *self.lanes.entry(lane).or_default() += 1;
        }
        if let Block::Resources { kind, .. } = reason {
            self.kinds.push(kind.clone());
        }
    }

    fn on_instance(&self, instance: &str) -> usize {
        self.instances.get(instance).copied().unwrap_or(0)
    }

    fn in_lane(&self, lane: &str) -> usize {
        self.lanes.get(lane).copied().unwrap_or(0)
    }

    /// Whether something of this is kept for somebody else.
    pub(super) fn keeps(&self, needs: Demand) -> bool {
        self.kinds.iter().any(|kind| needs.of(kind) > 0)
    }
}
