//! Each policy, and what happens where there is not enough.

use super::*;
use crate::error::{Error, ResourceKind};
use crate::policy::Admission;
use crate::queue::demand::{Demand, Holding};
use crate::queue::machine::{Figures, Space};

fn memory(memory_bytes: u64) -> Demand {
    Demand { memory_bytes, ..Demand::NONE }
}

fn gpu(gpu_memory_bytes: u64) -> Demand {
    Demand { gpu_memory_bytes, ..Demand::NONE }
}

/// A machine with 100 bytes of memory, all of it free.
fn with(admission: Admission) -> Bench {
    let mut bench = bench(100, &[]);
    bench.schedule.stock = Stock::new(Terms { admission, ..Terms::default() });
    bench
}

fn figures(free: u64, gpus: &[u64]) -> Figures {
    let space = |free| Space { total: 100, free };
    Figures { memory: Some(space(free)), gpus: gpus.iter().copied().map(space).collect() }
}

impl Bench {
    fn saw(&mut self, figures: Figures, holdings: &[(&str, Demand, Option<u64>)]) {
        let holding = |(instance, held, idle): &(&str, Demand, Option<u64>)| Holding {
            instance: (*instance).to_owned(),
            held: *held,
            idle: idle.map(Duration::from_secs),
        };
        let holdings = holdings.iter().map(holding).collect();
        self.schedule.stock.saw(self.now.clock, Survey { figures, holdings });
    }

    /// Its jobs take up so much together.
    fn needs(&mut self, instance: &str, job: Demand) {
        let footprint = Footprint { job, ..Footprint::default() };
        self.rooms.insert(instance.into(), Asked { room: Ok(10), footprint });
    }

    /// Each of its jobs takes up so much.
    fn each_needs(&mut self, instance: &str, job: Demand) {
        let footprint = Footprint { job, each: true, ..Footprint::default() };
        self.rooms.insert(instance.into(), Asked { room: Ok(10), footprint });
    }

    fn look(&mut self) -> Picked {
        self.schedule.pick(self.now, &self.rooms)
    }
}

fn short(kind: ResourceKind, needed: u64, available: u64) -> Block {
    Block::Resources { kind, needed, available }
}

fn shortfall(error: &Error) -> (ResourceKind, u64, u64) {
    let Error::ResourceExhausted(shortfall) = error else { panic!("{error:?}") };
    (shortfall.kind.clone(), shortfall.needed.unwrap(), shortfall.available.unwrap())
}

#[test]
fn permissive_lets_everything_run_and_does_not_look() {
    let mut bench = with(Admission::Permissive);
    bench.needs("a", memory(1_000));
    bench.saw(figures(1, &[]), &[]);
    let id = bench.ready("a", None);
    let picked = bench.look();
    assert_eq!((picked.start.as_slice(), picked.look), ([(id, 1)].as_slice(), false));
    assert!(bench.schedule.stock.never("a", &bench.rooms["a"].footprint).is_none());
}

#[test]
fn safe_refuses_what_does_not_fit_at_its_turn_with_the_shortfall() {
    let mut bench = with(Admission::Safe);
    bench.needs("a", memory(60));
    bench.needs("b", memory(50));
    let (a, b) = (bench.ready("a", None), bench.ready("b", None));
    let picked = bench.look();
    assert!(picked.look && picked.start.is_empty() && picked.refused.is_empty(), "nothing is known yet");
    bench.saw(figures(100, &[]), &[]);
    let picked = bench.look();
    assert_eq!(picked.start, [(a, 1)]);
    let [(id, 2, error)] = picked.refused.as_slice() else { panic!("{:?}", picked.refused) };
    assert_eq!((*id, shortfall(error)), (b, (ResourceKind::SystemMemory, 50, 40)));
}

#[test]
fn safe_does_not_refuse_for_what_was_so_a_while_ago() {
    let mut bench = with(Admission::Safe);
    bench.needs("a", memory(60));
    bench.saw(figures(10, &[]), &[]);
    bench.pass(Duration::from_millis(600));
    let a = bench.ready("a", None);
    let picked = bench.look();
    assert!(picked.look && picked.refused.is_empty());
    bench.saw(figures(80, &[]), &[]);
    assert_eq!(bench.pick(), [a]);
}

#[test]
fn queue_waits_tells_it_once_and_then_fails() {
    let mut bench = with(Admission::Queue);
    bench.schedule.stock.terms.timeout = Some(Duration::from_secs(5));
    bench.needs("a", memory(60));
    let a = bench.ready("a", None);
    let mut told = Vec::new();
    for step in 0..50 {
        // What is free changes, which is no news.
        bench.saw(figures(step % 50, &[]), &[]);
        let picked = bench.look();
        assert!(picked.start.is_empty() && picked.refused.is_empty());
        told.extend(picked.blocked);
        bench.pass(Duration::from_millis(100));
    }
    let [(id, reason)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((*id, reason), (a, &short(ResourceKind::SystemMemory, 60, 3)));
    assert_eq!(bench.schedule.block(a), Some(short(ResourceKind::SystemMemory, 60, 49)));
    bench.pass(Duration::from_millis(100));
    let refused = bench.look().refused;
    let [(_, 1, error)] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!(shortfall(error), (ResourceKind::SystemMemory, 60, 49));
    assert!(error.to_string().contains("after a wait of 5 s"), "{error}");
}

#[test]
fn what_can_never_run_fails_at_once_and_says_why() {
    let terms = Terms { memory: Some(80), gpu_memory: Some(70), ..Terms::default() };
    let stock = |terms: &Terms| {
        let mut bench = bench(1, &[]);
        bench.schedule.stock = Stock::new(terms.clone());
        bench
    };
    let footprint = |job, memory_limit| Footprint { job, memory_limit, ..Footprint::default() };
    for (terms, footprint, kind, bound, says) in [
        (&terms, footprint(memory(81), None), ResourceKind::SystemMemory, 80, "raise the queue's `memory`"),
        (&terms, footprint(gpu(71), None), ResourceKind::GpuMemory, 70, "raise the queue's `gpu-memory`"),
        (&terms, footprint(memory(9), Some(8)), ResourceKind::SystemMemory, 8, "raise `memory-bytes`"),
        (
            &Terms::default(),
            footprint(memory(101), None),
            ResourceKind::SystemMemory,
            100,
            "the machine has 100",
        ),
        (
            &Terms::default(),
            footprint(gpu(101), None),
            ResourceKind::GpuMemory,
            100,
            "the largest GPU has 100",
        ),
    ] {
        let mut bench = stock(terms);
        bench.rooms.insert("a".into(), Asked { room: Ok(1), footprint });
        bench.saw(figures(50, &[50, 10]), &[]);
        let (_, fits) = (bench.ready("a", None), bench.ready("b", None));
        let picked = bench.look();
        let [(_, 1, error)] = picked.refused.as_slice() else { panic!("{says}: {picked:?}") };
        let needed = footprint.job.of(&kind);
        assert_eq!(shortfall(error), (kind, needed, bound));
        assert!(error.to_string().contains(says) && error.to_string().contains("can never run"), "{error}");
        // It takes up its place until that is stored.
        bench.schedule.ended(picked.refused[0].0);
        assert_eq!(bench.pick(), [fits]);
    }
}

#[test]
fn what_nobody_knows_is_not_bounded() {
    let mut bench = with(Admission::Safe);
    bench.needs("a", Demand { memory_bytes: 1_000, gpu_memory_bytes: 1_000 });
    bench.saw(Figures::default(), &[]);
    let a = bench.ready("a", None);
    assert_eq!(bench.pick(), [a]);
}

#[test]
fn a_reservation_counts_as_far_as_it_is_not_used_yet() {
    let mut bench = with(Admission::Queue);
    bench.needs("a", memory(60));
    bench.needs("b", memory(40));
    bench.saw(figures(90, &[]), &[]);
    let a = bench.ready("a", None);
    assert_eq!(bench.pick(), [a]);
    let b = bench.ready("b", None);
    assert_eq!(bench.pick(), [], "30 are left");
    // Of its 60 it has 40, so that of the 50 that are free now 20 are promised.
    bench.saw(figures(50, &[]), &[("a", memory(40), None)]);
    assert_eq!(bench.pick(), []);
    assert_eq!(bench.schedule.block(b), Some(short(ResourceKind::SystemMemory, 40, 30)));
    bench.saw(figures(60, &[]), &[("a", memory(40), None)]);
    assert_eq!(bench.pick(), [b]);
}

#[test]
fn an_instance_takes_it_up_once_unless_each_job_has_its_own() {
    let mut bench = with(Admission::Queue);
    bench.needs("shared", memory(40));
    bench.each_needs("fresh", memory(25));
    bench.saw(figures(100, &[]), &[]);
    let shared = [bench.ready("shared", None), bench.ready("shared", None), bench.ready("shared", None)];
    let fresh = [bench.ready("fresh", None), bench.ready("fresh", None), bench.ready("fresh", None)];
    assert_eq!(bench.pick(), [shared[0], shared[1], shared[2], fresh[0], fresh[1]]);
    bench.schedule.ended(fresh[0]);
    assert_eq!(bench.pick(), [fresh[2]]);
    // What a shared instance took up it keeps.
    for id in shared {
        bench.schedule.ended(id);
    }
    let more = bench.ready("fresh", None);
    assert_eq!(bench.pick(), []);
    let again = bench.ready("shared", None);
    assert_eq!(bench.pick(), [again]);
    bench.schedule.ended(again);
    bench.saw(figures(50, &[]), &[]);
    assert_eq!(bench.pick(), [], "50 are free and reserved");
    bench.saw(figures(75, &[]), &[]);
    assert_eq!(bench.pick(), [more]);
}

#[test]
fn what_a_job_had_for_itself_is_free_once_it_has_ended() {
    let mut bench = with(Admission::Safe);
    bench.each_needs("fresh", memory(60));
    bench.saw(figures(100, &[]), &[]);
    let first = bench.ready("fresh", None);
    assert_eq!(bench.pick(), [first]);
    // It was seen with what it has; that it has ended since was not.
    bench.saw(figures(45, &[]), &[("fresh", memory(55), None)]);
    bench.schedule.ended(first);
    let second = bench.ready("fresh", None);
    assert_eq!(bench.pick(), [second]);
}

#[test]
fn memory_of_a_gpu_must_be_free_on_one_of_them() {
    let mut bench = with(Admission::Queue);
    for (instance, bytes) in [("a", 50), ("b", 50), ("c", 20)] {
        bench.needs(instance, gpu(bytes));
    }
    bench.saw(figures(100, &[60, 55]), &[]);
    let (a, b, c) = (bench.ready("a", None), bench.ready("b", None), bench.ready("c", None));
    assert_eq!(bench.pick(), [a, b]);
    assert_eq!(bench.schedule.block(c), Some(short(ResourceKind::GpuMemory, 20, 10)));
    bench.schedule.ended(a);
    bench.saw(figures(100, &[60, 5]), &[("b", gpu(50), None)]);
    assert_eq!(bench.pick(), [c]);
}

#[test]
fn who_waited_long_for_memory_is_not_overtaken_by_others_who_need_it() {
    let mut bench = with(Admission::Queue);
    bench.needs("big", memory(90));
    bench.each_needs("small", memory(30));
    bench.needs("other", gpu(1));
    bench.saw(figures(100, &[100]), &[]);
    let mut going = vec![bench.ready("small", None), bench.ready("small", None), bench.ready("small", None)];
    assert_eq!(bench.pick(), going);
    let big = bench.ready("big", None);
    for round in 0..30 {
        bench.pass(Duration::from_millis(100));
        bench.saw(figures(100, &[100]), &[]);
        if !going.is_empty() {
            bench.schedule.ended(going.remove(0));
        }
        let (small, other, none) =
            (bench.ready("small", None), bench.ready("other", None), bench.ready("none", None));
        let picked = bench.pick();
        if picked.contains(&big) {
            assert!(round >= 9, "others may go before it for a while");
            return;
        }
        assert!(picked.contains(&other) && picked.contains(&none), "they need no memory");
        for id in [other, none] {
            bench.schedule.ended(id);
        }
        if picked.contains(&small) {
            going.push(small);
        } else {
            bench.schedule.ended(small);
        }
    }
    panic!("it starved");
}

#[test]
fn who_waits_for_what_strangers_have_keeps_nothing_from_others() {
    let mut bench = with(Admission::Queue);
    bench.needs("big", memory(90));
    bench.needs("small", memory(10));
    bench.saw(figures(50, &[]), &[]);
    bench.ready("big", None);
    assert_eq!(bench.pick(), []);
    bench.pass(Duration::from_secs(10));
    bench.saw(figures(50, &[]), &[]);
    let small = bench.ready("small", None);
    assert_eq!(bench.pick(), [small]);
}

#[test]
fn idle_instances_give_back_what_is_missing_the_longest_unused_first_and_then_the_most_costly() {
    let mut bench = with(Admission::Safe);
    bench.needs("a", memory(60));
    let holdings = [
        ("busy", memory(30), None),
        ("new", memory(20), Some(1)),
        ("old", memory(5), Some(50)),
        ("older", memory(5), Some(60)),
        ("as-old-but-more", memory(10), Some(50)),
    ];
    bench.saw(figures(30, &[]), &holdings);
    let a = bench.ready("a", None);
    let picked = bench.look();
    let [Eviction { job, from }] = picked.evictions.as_slice() else { panic!("{picked:?}") };
    assert_eq!(
        (*job, from.iter().map(|from| &**from).collect::<Vec<_>>()),
        (a, vec!["older", "as-old-but-more", "old", "new"])
    );
    assert!(picked.refused.is_empty() && picked.start.is_empty());
    // They take no jobs meanwhile, and nobody else is asked.
    let on_old = bench.ready("old", None);
    assert!(bench.look().evictions.is_empty());
    for from in from {
        bench.schedule.stock.evicted(bench.now.clock, from, memory(1));
    }
    let picked = bench.look();
    assert!(picked.look, "it is looked again what is free");
    assert!(picked.evictions.is_empty(), "before anybody else is asked");
    assert_eq!(picked.start, [(on_old, 2)]);
    bench.saw(figures(70, &[]), &holdings[..1]);
    assert_eq!(bench.pick(), [a]);
}

#[test]
fn nobody_gives_up_what_would_not_be_enough_and_who_gives_nothing_is_left_alone() {
    let mut bench = with(Admission::Queue);
    bench.needs("a", memory(60));
    bench.saw(figures(30, &[]), &[("idle", memory(20), Some(1))]);
    bench.ready("a", None);
    assert!(bench.look().evictions.is_empty());
    let enough = [("idle", memory(30), Some(1))];
    bench.saw(figures(30, &[]), &enough);
    let picked = bench.look();
    bench.schedule.stock.evicted(bench.now.clock, &picked.evictions[0].from[0], Demand::NONE);
    bench.saw(figures(30, &[]), &enough);
    assert!(bench.look().evictions.is_empty());
    bench.pass(Duration::from_secs(5));
    bench.saw(figures(30, &[]), &enough);
    assert_eq!(bench.look().evictions.len(), 1);
}

#[test]
fn a_budget_counts_what_idle_instances_hold() {
    let mut bench = bench(10, &[]);
    bench.schedule.stock = Stock::new(Terms { memory: Some(50), ..Terms::default() });
    bench.needs("a", memory(30));
    bench.saw(figures(100, &[]), &[("idle", memory(30), Some(1))]);
    let a = bench.ready("a", None);
    let picked = bench.look();
    assert_eq!(picked.evictions[0].from, ["idle".into()]);
    bench.schedule.stock.evicted(bench.now.clock, &picked.evictions[0].from[0], memory(30));
    bench.saw(figures(100, &[]), &[]);
    assert_eq!(bench.pick(), [a]);
}
