//! Random sequences of operations, against a model of what a queue is.

use std::cmp::Reverse;

use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::value::Value;

/// A job as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    id: JobId,
    state: JobState,
    priority: i32,
    attempt: u32,
    interruptions: u32,
    fails_if_interrupted: bool,
    sequence: Option<SequenceId>,
    /// Whether it waits for the step before it.
    held: bool,
}

/// A sequence as the model knows it.
#[derive(Debug, Clone)]
struct Course {
    id: SequenceId,
    mode: SequenceMode,
    state: SequenceState,
    cancelled: bool,
}

type Started = (JobId, u32, oneshot::Sender<Result<Value>>);

/// Has each attempt end as the test says, or when it is stopped.
struct Puppet {
    started: mpsc::UnboundedSender<Started>,
}

impl Runs for Puppet {
    async fn run(&self, attempt: Attempt, _input: Value) -> Result<Value> {
        let (end, ended) = oneshot::channel();
        self.started.send((attempt.id(), attempt.number(), end)).unwrap();
        tokio::select! {
            ended = ended => ended.unwrap(),
            _ = attempt.stopped() => Err(Error::fatal("stopped")),
        }
    }
}

struct World {
    dir: TempDir,
    queue: Queue,
    starts: mpsc::UnboundedReceiver<Started>,
    /// In the order of their submission.
    jobs: Vec<Known>,
    running: Option<(usize, oneshot::Sender<Result<Value>>)>,
    sequences: Vec<Course>,
    /// What is to end, without being told to one by one.
    ending: Vec<JobId>,
    dice: fastrand::Rng,
}

impl World {
    async fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (queue, starts) = Self::open(&dir).await;
        let (jobs, sequences, ending) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            dir,
            queue,
            starts,
            jobs,
            running: None,
            sequences,
            ending,
            dice: fastrand::Rng::with_seed(seed),
        }
    }

    async fn open(dir: &TempDir) -> (Queue, mpsc::UnboundedReceiver<Started>) {
        let (started, starts) = mpsc::unbounded_channel();
        let builder = Queue::builder(dir.path()).concurrency(1).interruptions(u32::MAX);
        (builder.open(Puppet { started }).await.unwrap(), starts)
    }

    async fn step(&mut self) {
        let any = match self.jobs.len() as u64 {
            0 => None,
            count => Some(self.dice.u64(..count) as usize),
        };
        let sequence = match self.sequences.len() as u64 {
            0 => None,
            count => Some(self.dice.u64(..count) as usize),
        };
        match (self.dice.u64(..20), any) {
            (0..=2, _) | (_, None) => self.submit().await,
            (3, _) => self.submit_sequence().await,
            (4, Some(job)) => self.cancel(job).await,
            (5, Some(job)) => self.reorder(job).await,
            (6, Some(job)) => self.retry(job).await,
            (7, Some(job)) => self.purge(job).await,
            (8, _) => self.reopen().await,
            (17, Some(_)) if sequence.is_some() => self.cancel_sequence(sequence.unwrap()).await,
            (18, Some(_)) if sequence.is_some() => self.retry_sequence(sequence.unwrap()).await,
            (19, Some(_)) if sequence.is_some() => self.purge_sequence(sequence.unwrap()).await,
            (roll, _) => self.end(roll).await,
        }
        self.settle().await;
    }

    fn any_job(&mut self) -> NewJob {
        let interrupted = if self.dice.u64(..3) == 0 { Interrupted::Fail } else { Interrupted::Retry };
        let retry = Retry { first: Duration::ZERO, ..Retry::times(1) };
        job("a").priority(self.dice.u64(..3) as i32 - 1).retry(retry).interrupted(interrupted)
    }

    async fn submit(&mut self) {
        let new = self.any_job();
        let id = self.queue.submit(new.clone()).await.unwrap();
        self.jobs.push(Known::new(id, &new));
    }

    async fn submit_sequence(&mut self) {
        let steps: Vec<_> = (0..=self.dice.u64(..4)).map(|_| self.any_job()).collect();
        let mode = SequenceMode::ALL[self.dice.u64(..2) as usize];
        let id = self.queue.submit_sequence(NewSequence::new(steps.clone()).mode(mode)).await.unwrap();
        for (job, new) in self.queue.steps(id).await.unwrap().into_iter().zip(&steps) {
            let held = job.step != Some(0);
            self.jobs.push(Known { sequence: Some(id), held, ..Known::new(job.id, new) });
        }
        self.sequences.push(Course { id, mode, state: SequenceState::Running, cancelled: false });
    }

    /// What the end of a job means for its sequence.
    fn advance(&mut self, index: usize) {
        let Some(id) = self.jobs[index].sequence else { return };
        let fail_fast =
            self.sequences.iter().any(|known| known.id == id && known.mode == SequenceMode::FailFast);
        if fail_fast && self.jobs[index].state != JobState::Completed {
            self.cancel_open(id);
        }
        self.go_on(id);
    }

    fn cancel_open(&mut self, id: SequenceId) {
        for (index, job) in self.jobs.iter_mut().enumerate() {
            if job.sequence == Some(id) && !job.state.is_final() {
                job.state = JobState::Cancelled;
                self.ending.push(job.id);
                self.running.take_if(|(running, _)| *running == index);
            }
        }
    }

    fn go_on(&mut self, id: SequenceId) {
        let Some(course) = self.sequences.iter_mut().find(|course| course.id == id) else { return };
        let mut steps: Vec<_> = self.jobs.iter_mut().filter(|job| job.sequence == Some(id)).collect();
        if steps.iter().any(|job| !job.state.is_final() && !job.held) {
            return;
        }
        if let Some(next) = steps.iter_mut().find(|job| !job.state.is_final()) {
            next.held = false;
            return;
        }
        let some = |state| steps.iter().any(|job| job.state == state);
        course.state = if steps.iter().all(|job| job.state == JobState::Completed) {
            SequenceState::Completed
        } else if some(JobState::Failed) && !course.cancelled {
            SequenceState::Failed
        } else {
            SequenceState::Cancelled
        };
    }

    async fn cancel_sequence(&mut self, index: usize) {
        let Course { id, state, .. } = self.sequences[index];
        assert_eq!(self.queue.cancel_sequence(id).await.unwrap(), !state.is_final());
        if !state.is_final() {
            self.sequences[index].cancelled = true;
            self.cancel_open(id);
            self.go_on(id);
        }
    }

    async fn retry_sequence(&mut self, index: usize) {
        let Course { id, state, .. } = self.sequences[index];
        let can = matches!(state, SequenceState::Failed | SequenceState::Cancelled);
        assert_eq!(self.queue.retry_sequence(id).await.unwrap(), can);
        if can {
            (self.sequences[index].state, self.sequences[index].cancelled) = (SequenceState::Running, false);
            let steps = self.jobs.iter_mut().filter(|job| job.sequence == Some(id));
            for job in steps.filter(|job| job.state != JobState::Completed) {
                (job.state, job.attempt, job.interruptions, job.held) = (JobState::Pending, 0, 0, true);
            }
            self.go_on(id);
        }
    }

    async fn purge_sequence(&mut self, index: usize) {
        let Course { id, state, .. } = self.sequences[index];
        assert_eq!(self.queue.purge_sequence(id).await.unwrap(), state.is_final());
        if state.is_final() {
            self.sequences.remove(index);
            let running = self.running.as_ref().map(|(running, _)| self.jobs[*running].id);
            self.jobs.retain(|job| job.sequence != Some(id));
            if let Some((index, _)) = &mut self.running {
                *index = self.jobs.iter().position(|job| Some(job.id) == running).unwrap();
            }
        }
    }

    async fn cancel(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        assert_eq!(self.queue.cancel(job.id).await.unwrap(), !job.state.is_final());
        if !job.state.is_final() {
            job.state = JobState::Cancelled;
            ended(&self.queue, job.id).await;
            self.running.take_if(|(running, _)| *running == index);
            self.advance(index);
        }
    }

    async fn reorder(&mut self, index: usize) {
        let priority = self.dice.u64(..5) as i32 - 2;
        let job = &mut self.jobs[index];
        let pending = job.state == JobState::Pending;
        assert_eq!(self.queue.reorder(job.id, priority).await.unwrap(), pending);
        if pending {
            job.priority = priority;
        }
    }

    async fn retry(&mut self, index: usize) {
        let job = &mut self.jobs[index];
        let can = matches!(job.state, JobState::Failed | JobState::Cancelled);
        if can && job.sequence.is_some() {
            return assert!(says(self.queue.retry(job.id).await).contains("retry the sequence"));
        }
        assert_eq!(self.queue.retry(job.id).await.unwrap(), can);
        if can {
            (job.state, job.attempt, job.interruptions) = (JobState::Pending, 0, 0);
        }
    }

    async fn purge(&mut self, index: usize) {
        let Known { id, state, sequence, .. } = self.jobs[index];
        if state.is_final() && sequence.is_some() {
            return assert!(says(self.queue.purge(id).await).contains("purge the sequence"));
        }
        assert_eq!(self.queue.purge(id).await.unwrap(), state.is_final());
        if state.is_final() {
            self.jobs.remove(index);
            if let Some((running, _)) = &mut self.running
                && *running > index
            {
                *running -= 1;
            }
        }
    }

    /// As after the end of a process.
    async fn reopen(&mut self) {
        self.queue.close(Duration::ZERO).await;
        if let Some((index, _)) = self.running.take() {
            let job = &mut self.jobs[index];
            if job.fails_if_interrupted {
                job.state = JobState::Failed;
            } else {
                job.state = JobState::Pending;
                job.interruptions += 1;
            }
            if job.state == JobState::Failed {
                self.advance(index);
            }
        }
        (self.queue, self.starts) = Self::open(&self.dir).await;
    }

    /// The running attempt ends.
    async fn end(&mut self, roll: u64) {
        let Some((index, end)) = self.running.take() else { return };
        let job = &mut self.jobs[index];
        let (result, state) = match roll {
            9 => (Err(Error::fatal("no")), JobState::Failed),
            10 | 11 if job.attempt - job.interruptions <= 1 => (busy(), JobState::Pending),
            10 | 11 => (busy(), JobState::Failed),
            _ => (Ok(Value::Json("1".into())), JobState::Completed),
        };
        end.send(result).unwrap();
        job.state = state;
        if state.is_final() {
            assert_eq!(ended(&self.queue, job.id).await.state, state);
            self.advance(index);
        }
    }

    /// The best that is pending runs if nothing else does; and all is as it should be.
    async fn settle(&mut self) {
        for id in std::mem::take(&mut self.ending) {
            ended(&self.queue, id).await;
        }
        let pending =
            self.jobs.iter().enumerate().filter(|(_, job)| job.state == JobState::Pending && !job.held);
        let best = pending.min_by_key(|(index, job)| (Reverse(job.priority), *index)).map(|(index, _)| index);
        if let (None, Some(best)) = (&self.running, best) {
            let (id, attempt, end) = self.starts.recv().await.unwrap();
            let job = &mut self.jobs[best];
            job.state = JobState::Running;
            job.attempt += 1;
            assert_eq!((id, attempt), (job.id, job.attempt));
            self.running = Some((best, end));
        }
        let listed = self.queue.list(&JobFilter::default(), 1000).await.unwrap();
        let is =
            listed.iter().rev().map(|job| (job.id, job.state, job.priority, job.attempt, job.interruptions));
        let should =
            self.jobs.iter().map(|job| (job.id, job.state, job.priority, job.attempt, job.interruptions));
        assert_eq!(is.collect::<Vec<_>>(), should.collect::<Vec<_>>());
        let listed = self.queue.sequences(&SequenceFilter::default(), 1000).await.unwrap();
        let is = listed.iter().rev().map(|sequence| (sequence.id, sequence.state));
        assert_eq!(
            is.collect::<Vec<_>>(),
            self.sequences.iter().map(|known| (known.id, known.state)).collect::<Vec<_>>()
        );
    }

    /// Each job went only where one can go from where it was, and is where its last event says.
    async fn timelines(&self) {
        for job in &self.jobs {
            let mut now = None;
            for (state, _) in states(&self.queue, job.id).await {
                use JobState::{Cancelled, Completed, Failed, Pending, Running};
                let may = match now {
                    None => state == Pending,
                    Some(Pending) => matches!(state, Running | Cancelled),
                    Some(Running) => matches!(state, Pending | Completed | Failed | Cancelled),
                    Some(Failed | Cancelled) => state == Pending,
                    Some(Completed) => false,
                };
                assert!(may, "{now:?} to {state}");
                now = Some(state);
            }
            assert_eq!(now, Some(job.state));
        }
        assert_gapless(&self.queue).await;
    }
}

impl Known {
    fn new(id: JobId, job: &NewJob) -> Self {
        Known {
            id,
            state: JobState::Pending,
            priority: job.priority,
            attempt: 0,
            interruptions: 0,
            fails_if_interrupted: job.options.interrupted == Some(Interrupted::Fail),
            sequence: None,
            held: false,
        }
    }
}

fn says(done: Result<bool>) -> String {
    done.unwrap_err().to_string()
}

fn busy() -> Result<Value> {
    Err(Error::Transient { message: "busy".into(), retry_after: None })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_what_its_model_says_whatever_is_done_with_it() {
    // Those that are the same each time, and one that never was.
    let seeds = (0..24).chain([fastrand::u64(..)]);
    let worlds = seeds.map(|seed| {
        let world = tokio::spawn(async move {
            let mut world = World::new(seed).await;
            for _ in 0..80 {
                world.step().await;
            }
            world.timelines().await;
        });
        (seed, world)
    });
    for (seed, world) in worlds.collect::<Vec<_>>() {
        world.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}
