//! Random jobs on a machine that is too small for all of them.

use std::collections::BTreeMap;

use super::*;
use crate::queue::demand::{Demand, Holding};
use crate::queue::machine::{Figures, Space};

const CAPACITY: u64 = 100;
const STEP: Duration = Duration::from_millis(100);
/// How many steps a job waits at most, where none runs for more than ten.
const PATIENCE: usize = 300;

struct World {
    bench: Bench,
    random: fastrand::Rng,
    instances: Vec<(String, Option<&'static str>)>,
    /// Each with the step at which it was submitted.
    waiting: HashMap<JobId, (String, usize)>,
    /// Each with the step at which it ends.
    running: HashMap<JobId, (String, usize)>,
    /// What instances keep that live on.
    kept: BTreeMap<String, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bench = bench(12, &[("lane", 2)]);
        let mut instances = Vec::new();
        for number in 0..12 {
            let instance = format!("i{number}");
            // One needs nearly all there is, and some nothing.
            let memory_bytes = match number {
                0 => CAPACITY - 3,
                1 | 2 => 0,
                _ => random.u64(1..40),
            };
            let (each, room) = (random.bool(), random.usize(1..5));
            let job = Demand { memory_bytes, ..Demand::NONE };
            let footprint = Footprint { job, each, ..Footprint::default() };
            let room = if each { room } else { 1 };
            bench.rooms.insert(instance.as_str().into(), Asked { room: Ok(room), footprint });
            instances.push((instance, Some("lane").filter(|_| random.bool())));
        }
        let (waiting, running, kept) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        Self { bench, random, instances, waiting, running, kept }
    }

    fn footprint(&self, instance: &str) -> Footprint {
        self.bench.rooms[instance].footprint
    }

    /// What an instance really has now.
    fn has(&self, instance: &str) -> u64 {
        let footprint = self.footprint(instance);
        let jobs = self.running.values().filter(|(on, _)| on == instance).count() as u64;
        if footprint.each {
            jobs * footprint.job.memory_bytes
        } else {
            self.kept.get(instance).copied().unwrap_or(0)
        }
    }

    fn look(&mut self) {
        let mut holdings = Vec::new();
        for (instance, _) in &self.instances {
            let memory_bytes = self.has(instance);
            let busy = self.running.values().any(|(on, _)| on == instance);
            let idle = (!busy).then_some(Duration::from_secs(1));
            let held = Demand { memory_bytes, ..Demand::NONE };
            holdings.push(Holding { instance: instance.clone(), held, idle });
        }
        let had: u64 = holdings.iter().map(|holding| holding.held.memory_bytes).sum();
        let memory = Some(Space { total: CAPACITY, free: CAPACITY - had });
        let survey = Survey { figures: Figures { memory, gpus: Vec::new() }, holdings };
        self.bench.schedule.stock.saw(self.bench.now.clock, survey);
    }

    fn step(&mut self, step: usize) {
        self.bench.pass(STEP);
        let over: Vec<_> =
            self.running.iter().filter(|(_, (_, end))| *end <= step).map(|(id, _)| *id).collect();
        for id in over {
            self.running.remove(&id);
            self.bench.schedule.ended(id);
        }
        while self.waiting.len() < 30 {
            // The one that needs nearly everything is rare.
            let index = if self.random.u32(0..40) == 0 { 0 } else { self.random.usize(1..12) };
            let (instance, lane) = self.instances[index].clone();
            let id = self.bench.add(&instance, lane, 0, Due::Now);
            self.waiting.insert(id, (instance, step));
        }
        if self.random.bool() {
            self.look();
        }
        let picked = self.bench.schedule.pick(self.bench.now, &self.bench.rooms);
        assert!(picked.refused.is_empty(), "{:?}", picked.refused);
        for (id, _) in picked.start {
            let (instance, since) = self.waiting.remove(&id).unwrap();
            assert!(step - since <= PATIENCE, "a job of {instance} waited for {} steps", step - since);
            let footprint = self.footprint(&instance);
            if !footprint.each {
                self.kept.insert(instance.clone(), footprint.job.memory_bytes);
            }
            self.running.insert(id, (instance, step + self.random.usize(1..=10)));
        }
        for Eviction { from, .. } in picked.evictions {
            for instance in from {
                assert!(!self.running.values().any(|(on, _)| *on == *instance), "{instance} is busy");
                let memory_bytes = self.kept.remove(&*instance).unwrap_or(0);
                let freed = Demand { memory_bytes, ..Demand::NONE };
                self.bench.schedule.stock.evicted(self.bench.now.clock, &instance, freed);
            }
        }
        if picked.look {
            self.look();
        }
        let had: u64 = self.instances.iter().map(|(instance, _)| self.has(instance)).sum();
        assert!(had <= CAPACITY, "{had} of {CAPACITY} are taken up");
        assert!(self.bench.schedule.stock.is_right());
        for (waits, since) in self.waiting.values() {
            assert!(step - since <= PATIENCE, "a job of {waits} starves");
        }
    }
}

#[test]
fn nobody_starves_and_never_is_more_taken_up_than_there_is() {
    for seed in 0..32 {
        let mut world = World::new(seed);
        for step in 0..1_500 {
            world.step(step);
        }
        // All that was reserved is given back.
        let ids: Vec<_> = world.waiting.keys().chain(world.running.keys()).copied().collect();
        for id in ids {
            world.bench.schedule.ended(id);
        }
        world.kept.clear();
        world.running.clear();
        world.look();
        assert!(world.bench.schedule.stock.is_untouched(), "seed {seed}");
    }
}

#[test]
fn one_place_is_kept_for_who_waited_long_and_the_others_are_free() {
    let mut bench = bench(10, &[("lane", 1)]);
    let room = |room| Asked { room: Ok(room), footprint: Footprint::default() };
    bench.rooms.insert("a".into(), room(3));
    // It goes on for as long as it likes.
    let on_lane = bench.ready("b", Some("lane"));
    assert_eq!(bench.pick(), [on_lane]);
    bench.ready("a", Some("lane"));
    assert_eq!(bench.pick(), []);
    bench.pass(Duration::from_secs(60));
    let others = [bench.ready("a", None), bench.ready("a", None), bench.ready("a", None)];
    assert_eq!(bench.pick(), others[..2]);
    assert_eq!(bench.schedule.block(others[2]), Some(Block::Older));
    bench.schedule.ended(others[0]);
    assert_eq!(bench.pick(), others[2..]);
}
