//! A hundred thousand jobs that wait.

use std::collections::HashSet;

use futures::future::join_all;

use super::*;

const JOBS: usize = 100_000;
const AT_ONCE: usize = 500;

/// Does the same with all of these, many at once.
async fn with_each<T, R>(all: Vec<T>, work: impl AsyncFn(T) -> R) -> Vec<R> {
    let mut all = all.into_iter();
    let mut done = Vec::new();
    loop {
        let some: Vec<_> = all.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return done;
        }
        done.extend(join_all(some.into_iter().map(|one| work(one))).await);
    }
}

/// All jobs, the oldest first, page by page.
async fn listed(queue: &Queue, state: JobState) -> Vec<Job> {
    let mut all: Vec<Job> = Vec::new();
    loop {
        let mut filter = JobFilter::default().states([state]);
        if let Some(last) = all.last() {
            filter = filter.before(last.number);
        }
        let page = queue.list(&filter, 30_000).await.unwrap();
        if page.is_empty() {
            all.reverse();
            return all;
        }
        all.extend(page);
    }
}

async fn count(queue: &Queue) -> [u64; 3] {
    let jobs = queue.stats().await.unwrap().jobs;
    [JobState::Pending, JobState::Completed, JobState::Cancelled].map(|state| jobs[&state])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_jobs_wait_are_cancelled_and_run_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let builder = Queue::builder(dir.path()).concurrency(1).paused();
    let queue = builder.clone().open(Script::default()).await.unwrap();
    let submit = async |n: usize| {
        let job = NewJob::new(format!("i{}", n % 10), "echo", json!(n)).priority((n % 3) as i32);
        queue.submit(job).await.unwrap()
    };
    let ids = with_each((0..JOBS).collect(), submit).await;
    queue.close(Duration::ZERO).await;

    let script = Script::default();
    let queue = builder.clone().open(script.clone()).await.unwrap();
    assert_eq!(count(&queue).await, [JOBS as u64, 0, 0]);
    let jobs = listed(&queue, JobState::Pending).await;
    assert_eq!(jobs.len(), JOBS);
    assert!(jobs.iter().zip(1..).all(|(job, number)| job.number == number));
    assert_eq!(jobs.iter().map(|job| job.id).collect::<HashSet<_>>(), ids.iter().copied().collect());

    // Every 97th is cancelled, and one that is far behind is called up.
    let cancelled: Vec<_> = jobs.iter().step_by(97).map(|job| job.id).collect();
    let cancels = with_each(cancelled.clone(), async |id| queue.cancel(id).await.unwrap()).await;
    assert!(cancels.iter().all(|cancelled| *cancelled));
    let called = &jobs[JOBS - 1];
    assert!(queue.reorder(called.id, 100).await.unwrap());

    // A part of them runs: the best, in the order of their submission.
    let gone: HashSet<_> = cancelled.iter().collect();
    let best = jobs.iter().filter(|job| job.priority == 2 && !gone.contains(&job.id) && job.id != called.id);
    let order: Vec<_> = [called].into_iter().chain(best).map(|job| job.id).take(300).collect();
    queue.resume();
    ended(&queue, order[299]).await;
    queue.pause();
    queue.close(Duration::from_secs(10)).await;
    let begun = script.begun();
    assert_eq!(begun[..300], order);

    let queue = builder.open(Script::default()).await.unwrap();
    let (ran, cancelled) = (begun.len() as u64, cancelled.len() as u64);
    assert_eq!(count(&queue).await, [JOBS as u64 - ran - cancelled, ran, cancelled]);
    // Each was submitted; each that was cancelled or called up, too; each that ran began and ended.
    let events = JOBS as u64 + cancelled + 1 + 2 * ran;
    let told = queue.stats().await.unwrap();
    assert!(told.first_event == 1 && told.last_event >= events, "{told:?} of {events}");
    queue.close(Duration::ZERO).await;
}
