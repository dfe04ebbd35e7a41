//! `cjm-ctl worker`: the jobs of the project, run until it is told to stop.

mod supervisor;
mod told;

use std::pin::pin;
use std::time::{Duration, Instant};

use cjm_host::{JobState, Manager, Queue, Watcher};
use cjm_server::{Client, Server, Serving};
use serde_json::json;

use self::told::Told;
use crate::cli::WorkerArgs;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::{BAD, Console, NAME, WARNING, styled};
use crate::project::{self, Project, shown};
use crate::runtime;
use crate::text::one_line;

/// How long others may take to let go of the queue: commands hold it for a moment only.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often is looked whether they have.
const LOOK: Duration = Duration::from_millis(50);

/// Runs jobs until Ctrl-C or SIGTERM, with which it is meant to end: that is success.
pub(crate) fn worker(args: &WorkerArgs, project: &Project, console: &Console) -> Result<()> {
    let settings = project.settings()?;
    if !project::exists(&settings) {
        return Err(project::no_project(&settings));
    }
    runtime::block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let opening = async {
            let manager = project::open(settings, console).await?;
            let queue = open(args, &manager).await?;
            Ok::<_, Failure>((manager, queue))
        };
        let (manager, queue) = tokio::select! {
            biased;
            _ = interrupts.next() => return Ok(()),
            opened = opening => opened?,
        };
        let serving = Server::new(queue.clone()).listen()?;
        let told = Told::from_now(&queue, console);
        let watcher = begin(&manager, &queue, &serving, console).await?;
        supervisor::tell(supervisor::READY);
        interrupts.next().await;
        supervisor::tell(supervisor::STOPPING);
        drop(watcher);
        drain(&queue, args.drain, &mut interrupts, console).await?;
        let end = async {
            told.up_to(queue.stats().await?.last_event).await;
            serving.stop().await;
            manager.unload_all().await;
            Ok(())
        };
        tokio::select! {
            biased;
            _ = interrupts.next() => Err(Failure::cancelled("the end of the worker")),
            ended = end => ended,
        }
    })
}

/// The queue, in which nothing runs yet.
async fn open(args: &WorkerArgs, manager: &Manager) -> Result<Queue> {
    let mut builder = Queue::of(manager).paused();
    if let Some(jobs) = args.concurrency {
        builder = builder.concurrency(usize::try_from(jobs).unwrap_or(usize::MAX));
    }
    for (lane, jobs) in &args.lanes {
        builder = builder.lane(lane, *jobs);
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match builder.clone().open(manager.clone()).await {
            Err(error) if error.is_retriable() && Instant::now() < deadline => {
                if Client::connect(manager.settings().data_dir()).await?.is_some() {
                    // Who lends it is not going to let go of it.
                    return Err(error.into());
                }
                tokio::time::sleep(LOOK).await;
            }
            opened => return Ok(opened?),
        }
    }
}

/// Lets jobs run, and says so.
async fn begin(
    manager: &Manager,
    queue: &Queue,
    serving: &Serving,
    console: &Console,
) -> Result<Option<Watcher>> {
    for problem in &manager.discovery().problems {
        let (path, error) = (shown(&problem.path), one_line(&problem.error.to_string()));
        console.note(format!("{} {path}: {error}", styled(BAD, "not usable")));
    }
    let watcher = manager.watch().inspect_err(|error| {
        console.note(format!("{} changes of plugins go unseen: {error}", styled(WARNING, "warning:")));
    });
    let pending = count(queue, JobState::Pending).await?;
    let pid = std::process::id();
    queue.resume();
    if console.json() {
        console.event("ready", &json!({ "pid": pid, "socket": serving.path(), "pending": pending }));
    } else {
        console.note(format!(
            "running the jobs of {} as process {pid}, {pending} pending; Ctrl-C ends it",
            styled(NAME, shown(queue.data_dir()))
        ));
    }
    Ok(watcher.ok())
}

/// Lets what runs end, or stops it. Whoever asks is answered meanwhile.
async fn drain(queue: &Queue, time: Duration, interrupts: &mut Interrupts, console: &Console) -> Result<()> {
    let running = count(queue, JobState::Running).await?;
    let mut closing = pin!(queue.close(time));
    tokio::select! {
        biased;
        () = &mut closing => return Ok(()),
        // From here on, none is accepted.
        () = std::future::ready(()) => {}
    }
    if running > 0 {
        console.note(format!(
            "no more jobs begin; {} {} to end, and Ctrl-C again stops what runs",
            if running == 1 { "one job has".to_owned() } else { format!("{running} jobs have") },
            humantime::format_duration(time)
        ));
    }
    tokio::select! {
        biased;
        _ = interrupts.next() => {}
        () = closing => return Ok(()),
    }
    console.note("stopping what runs; Ctrl-C again waits for nothing");
    tokio::select! {
        biased;
        _ = interrupts.next() => Err(Failure::cancelled("the end of the worker")),
        () = queue.close(Duration::ZERO) => Ok(()),
    }
}

async fn count(queue: &Queue, state: JobState) -> Result<u64> {
    Ok(queue.stats().await?.jobs.get(&state).copied().unwrap_or(0))
}
