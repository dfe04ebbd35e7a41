//! Waiting for jobs, and showing what they do meanwhile.

use std::time::{Duration, Instant, SystemTime};

use cjm_host::{Clock, Error, EventFilter, Job, JobEvent, JobId, JobState, Notice, QueueEvent, Since};
use serde_json::json;

use super::reach::{Purpose, Reach, with};
use super::{id, show, words};
use crate::cli::WaitArgs;
use crate::commands::run::Watch;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::{Console, GOOD, WARNING, styled};
use crate::progress::Progress;
use crate::project::Project;
use crate::text::one_line;
use crate::time;
use cjm_server::{Client, Events};

/// Waits for a job; where no worker runs, runs the queue meanwhile.
pub(crate) fn wait(args: &WaitArgs, project: &Project, console: &Console) -> Result<()> {
    let job = with(Purpose::Run, project, "waiting", console, async |reach, interrupts| {
        let id = id::job(&reach.client, &args.id).await?;
        let events = reach.client.subscribe(EventFilter::default().job(id), Since::Now).await?;
        Wait { reach, id, timeout: args.timeout, console }.run(events, interrupts).await
    })?;
    if console.json() {
        console.print_json(&job)?;
    } else if job.state == JobState::Completed {
        let took = words::took(&job, SystemTime::now()).map(time::span);
        let took = took.map(|took| format!(" in {took}")).unwrap_or_default();
        let next = words::command("result", &job.id);
        console.note(format!("{}{took}; its result: `{next}`", styled(GOOD, "completed")));
    }
    ended(&job)
}

/// A job that has ended, as the end of a command.
pub(super) fn ended(job: &Job) -> Result<()> {
    if job.state == JobState::Completed {
        return Ok(());
    }
    let error = match &job.error {
        Some(failure) => failure.error.clone(),
        None => Error::fatal(format!("{} is {}", words::named(job), job.state)),
    };
    let hint = match job.state {
        JobState::Cancelled => format!("`{}` runs it once more", words::command("retry", &job.id)),
        _ => format!("how it came to that: `{}`", words::command("job", &job.id)),
    };
    Err(Failure::from(error).hint(hint))
}

/// A wait for one job.
pub(super) struct Wait<'a> {
    pub(super) reach: &'a Reach,
    pub(super) id: JobId,
    /// How long at most; none for without end.
    pub(super) timeout: Option<Duration>,
    pub(super) console: &'a Console,
}

impl Wait<'_> {
    /// Shows the job's `events` until it has ended. They have to be subscribed to already: what was before the job is
    /// looked at is in the job, and what is after is told.
    pub(super) async fn run(self, events: Events, interrupts: &mut Interrupts) -> Result<Job> {
        let job = self.client().get(self.id).await?;
        if job.state.is_final() {
            return Ok(job);
        }
        let mut progress = Progress::new(self.console, &job.action);
        if !self.reach.is_worker() {
            progress.console().note("no worker runs: the queue is run here until the job has ended");
        }
        progress.phase(&standing(&job));
        if let Some(so_far) =
            job.progress.as_ref().filter(|progress| **progress != cjm_host::Progress::default())
        {
            progress.report(crate::progress::Report::new(so_far.fraction, &*so_far.message));
        }
        let mut watch = Watch::new(progress);
        watch.is_about(Some(job.plugin.as_deref().unwrap_or(&job.instance)), None);
        let ended = self.follow(events, &mut watch, interrupts).await;
        watch.finish();
        ended
    }

    fn client(&self) -> &Client {
        &self.reach.client
    }

    async fn follow(
        &self,
        mut events: Events,
        watch: &mut Watch,
        interrupts: &mut Interrupts,
    ) -> Result<Job> {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let over = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        let mut over = std::pin::pin!(over);
        loop {
            let notice = tokio::select! {
                biased;
                _ = interrupts.next() => return Err(self.cut_short()),
                () = &mut over => return Err(self.timed_out()),
                notice = events.next() => notice,
            };
            match notice {
                Some(Ok(Notice::Event(event))) => {
                    show_event(&event, watch);
                    if show::is_end(&event) {
                        return Ok(self.client().get(self.id).await?);
                    }
                }
                // Its end may have been among what is not stored any more.
                Some(Ok(Notice::Cut { .. })) => {
                    let job = self.client().get(self.id).await?;
                    if job.state.is_final() {
                        return Ok(job);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.lost(error)),
                None => {
                    let message = "the worker has ended".to_owned();
                    return Err(self.lost(Error::Transient { message, retry_after: None }));
                }
            }
        }
    }

    fn cut_short(&self) -> Failure {
        let (wait, cancel) = (words::command("wait", &self.id), words::command("cancel", &self.id));
        Failure::cancelled(format!("waiting for job {}", words::short(&self.id)))
            .hint(format!("the job stays in the queue: `{wait}` goes on waiting, `{cancel}` cancels it"))
    }

    fn timed_out(&self) -> Failure {
        let limit = self.timeout.unwrap_or_default();
        let what = format!("the wait for job {}", words::short(&self.id));
        Failure::from(Error::TimedOut { what, clock: Clock::Wall, limit })
            .hint(format!("the job stays in the queue: `{}` waits again", words::command("wait", &self.id)))
    }

    fn lost(&self, error: Error) -> Failure {
        Failure::from(error)
            .hint(format!("the job is in the queue: `{}` waits again", words::command("wait", &self.id)))
    }
}

/// What a job does before it says anything.
fn standing(job: &Job) -> String {
    match (job.state, &job.blocked) {
        (JobState::Running, _) => "running".to_owned(),
        (_, Some(blocked)) => format!("waits: {}", words::block(blocked)),
        (_, None) => match job.due_at.filter(|due| *due > SystemTime::now()) {
            Some(due) => format!("runs {}, at {}", time::relative(due, SystemTime::now()), time::exact(due)),
            None => "waits for its turn".to_owned(),
        },
    }
}

fn show_event(event: &QueueEvent, watch: &mut Watch) {
    let console = watch.console().clone();
    match &event.kind {
        JobEvent::Told(kind) => watch.show(kind.clone()),
        JobEvent::State { state, error, due_at, .. } => {
            if console.json() && !console.quiet() {
                return console.event("state", &json!({ "status": state, "attempt": event.attempt }));
            }
            match (state, error) {
                (JobState::Running, _) => watch.phase("running"),
                (JobState::Pending, Some(error)) => {
                    let due =
                        due_at.map(|due| format!(" {}", time::relative(due, event.at))).unwrap_or_default();
                    console.note(format!(
                        "{} {}; tried again{due}",
                        styled(WARNING, format!("attempt {} failed:", event.attempt)),
                        one_line(&error.to_string())
                    ));
                    watch.phase("waits for its next attempt");
                }
                _ => watch.phase(state.as_str()),
            }
        }
        JobEvent::Blocked { reason } if console.json() && !console.quiet() => {
            console.event("blocked", reason)
        }
        JobEvent::Blocked { reason } => watch.phase(&format!("waits: {}", words::block(reason))),
        _ => {}
    }
}
