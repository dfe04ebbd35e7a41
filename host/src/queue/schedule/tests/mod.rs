mod fairness;
mod resources;

use std::time::Duration;

use super::*;
use crate::queue::demand::Footprint;

struct Bench {
    schedule: Schedule,
    rooms: Rooms,
    now: Now,
    next: i64,
}

fn bench(all: usize, lanes: &[(&str, usize)]) -> Bench {
    let lanes = lanes.iter().map(|(lane, bound)| ((*lane).to_owned(), *bound)).collect();
    Bench {
        schedule: Schedule::new(Bounds { all, lanes }, Terms::default()),
        rooms: Rooms::new(),
        now: Now { wall: 1_000_000, clock: Instant::now() },
        next: 1,
    }
}

impl Bench {
    fn add(&mut self, instance: &str, lane: Option<&str>, priority: i32, due: Due) -> JobId {
        let asked = Asked { room: Ok(1), footprint: Footprint::default() };
        self.rooms.entry(instance.into()).or_insert(asked);
        let (id, number) = (JobId::new(), self.next);
        self.next += 1;
        let deadline = None;
        self.schedule.add(&Waiting { id, number, instance, lane, priority, attempt: 0, due, deadline });
        id
    }

    /// Puts in once more one that is in.
    fn again(&mut self, id: JobId, due: Due) {
        let entry = &self.schedule.jobs[&id];
        let (number, instance) = (entry.number, entry.gate.instance.clone());
        let (lane, priority, attempt, deadline) = (None, entry.priority, entry.attempt, None);
        self.schedule.add(&Waiting {
            id,
            number,
            instance: &instance,
            lane,
            priority,
            attempt,
            due,
            deadline,
        });
    }

    fn ready(&mut self, instance: &str, lane: Option<&str>) -> JobId {
        self.add(instance, lane, 0, Due::Now)
    }

    fn pick(&mut self) -> Vec<JobId> {
        let picked = self.schedule.pick(self.now, &self.rooms);
        picked.start.into_iter().map(|(id, _)| id).collect()
    }

    fn pass(&mut self, time: Duration) {
        self.now.clock += time;
        self.now.wall += i64::try_from(time.as_millis()).unwrap();
    }
}

#[test]
fn nobody_starves_who_needs_two_things_of_which_each_is_always_taken() {
    let mut bench = bench(10, &[("lane", 1)]);
    let on_instance = bench.ready("a", None);
    assert_eq!(bench.pick(), [on_instance]);
    let on_lane = bench.ready("b", Some("lane"));
    assert_eq!(bench.pick(), [on_lane]);
    let both = bench.ready("a", Some("lane"));
    let mut going = [on_instance, on_lane];
    // Each time that one of the two is free, somebody younger wants it.
    for round in 0..20 {
        bench.pass(Duration::from_millis(200));
        let which = round % 2;
        bench.schedule.ended(going[which]);
        let younger = if which == 0 { bench.ready("a", None) } else { bench.ready("b", Some("lane")) };
        let picked = bench.pick();
        if picked.contains(&both) {
            assert!(round >= 5, "others may go before it for a while");
            return;
        }
        if picked == [younger] {
            going[which] = younger;
        }
    }
    panic!("it starved");
}

#[test]
fn who_cannot_run_at_all_keeps_nothing_from_others() {
    let mut bench = bench(10, &[]);
    bench.ready("off", Some("lane"));
    let asked = Asked { room: Err("disabled".into()), footprint: Footprint::default() };
    bench.rooms.insert("off".into(), asked);
    assert_eq!(bench.pick(), []);
    bench.pass(Duration::from_secs(60));
    let other = bench.ready("on", Some("lane"));
    assert_eq!(bench.pick(), [other]);
}

#[test]
fn what_a_job_waits_for_is_told_once_and_not_at_once() {
    let mut bench = bench(1, &[]);
    let (first, second) = (bench.ready("a", None), bench.ready("b", None));
    assert_eq!(bench.pick(), [first]);
    let picked = bench.schedule.pick(bench.now, &bench.rooms);
    assert_eq!(picked.blocked, []);
    assert_eq!(picked.again, Some(Duration::from_millis(250)));
    bench.pass(Duration::from_millis(250));
    let picked = bench.schedule.pick(bench.now, &bench.rooms);
    assert_eq!(picked.blocked, [(second, Block::Concurrency { limit: 1 })]);
    assert_eq!(bench.schedule.pick(bench.now, &bench.rooms).blocked, []);
}

#[test]
fn a_clock_that_is_put_back_moves_named_times_but_no_waits() {
    let mut bench = bench(10, &[]);
    let wall = bench.now.wall + 1_000;
    let named = bench.add("a", None, 0, Due::Wall(wall));
    let waits = bench.add("b", None, 0, Due::After(bench.now.clock + Duration::from_secs(1)));
    bench.pass(Duration::from_secs(1));
    bench.now.wall -= 3_600_000;
    assert_eq!(bench.pick(), [waits]);
    bench.now.wall = wall;
    assert_eq!(bench.pick(), [named]);
}

#[test]
fn a_job_that_is_held_goes_only_when_it_is_let_go() {
    let mut bench = bench(10, &[]);
    let held = bench.add("a", None, 9, Due::Held);
    let other = bench.ready("a", None);
    assert_eq!(bench.pick(), [other]);
    assert_eq!(bench.schedule.block(held), Some(Block::Step));
    bench.schedule.ended(other);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.pick(), []);
    bench.again(held, Due::Now);
    assert_eq!(bench.pick(), [held]);
}

#[test]
fn who_waits_again_is_not_taken_for_one_whose_turn_is_over() {
    let mut bench = bench(10, &[]);
    let job = bench.ready("a", None);
    assert_eq!(bench.pick(), [job]);
    // It was cancelled and is to run once more, before it was stored that it is its turn.
    bench.again(job, Due::Now);
    bench.schedule.missed(job);
    assert_eq!(bench.pick(), [job]);
    bench.schedule.missed(job);
    assert_eq!((bench.schedule.len(), bench.schedule.going()), (0, 0));
}

#[test]
fn nothing_is_left_of_jobs_that_ended() {
    let mut bench = bench(3, &[("l", 2)]);
    let mut ids = Vec::new();
    for n in 0..30 {
        let due = [Due::Now, Due::Wall(5), Due::After(bench.now.clock), Due::Held][n % 4];
        ids.push(bench.add(&format!("i{}", n % 4), Some("l").filter(|_| n % 2 == 0), n as i32 % 5, due));
    }
    for id in ids.iter().step_by(4) {
        bench.schedule.reorder(*id, 9);
        bench.schedule.ended(*id);
    }
    // Those that are held.
    for id in ids.iter().skip(3).step_by(4) {
        bench.again(*id, Due::Now);
    }
    loop {
        let picked = bench.pick();
        if picked.is_empty() {
            break;
        }
        assert!(bench.schedule.going() <= 3);
        for id in picked {
            bench.schedule.ended(id);
        }
    }
    let Schedule { jobs, gates, by_wall, by_clock, of_instance, of_lane, going, names, .. } = &bench.schedule;
    assert!(jobs.is_empty() && gates.is_empty() && by_wall.is_empty() && by_clock.is_empty());
    assert!(of_instance.is_empty() && of_lane.is_empty() && *going == 0 && names.is_empty());
}
