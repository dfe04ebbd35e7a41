//! How commands reach the queue: through the worker that has it open, or by opening it here.

use std::time::{Duration, Instant};

use cjm_host::{Attempt, Category, Error, JobState, Manager, NewJob, Queue, Runs, Settings, Value};

use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::{Console, WARNING, styled};
use crate::project::{self, Project};
use crate::runtime;
use cjm_server::{Client, Server, Serving};

/// How long others may take to let go of the queue: commands hold it for a moment only.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often is looked whether they have.
const LOOK: Duration = Duration::from_millis(50);

/// What the queue is reached for, which decides what has to be there where it is opened here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Purpose {
    /// To look at what is stored, or to change it: no plugin is needed, and no job runs.
    Look,
    /// To submit: plugins say whether an input fits, and no job runs.
    Submit,
    /// To run jobs.
    Run,
}

/// The queue, within reach.
pub(in crate::commands) struct Reach {
    pub(in crate::commands) client: Client,
    /// The queue, where it was opened here.
    here: Option<Here>,
}

struct Here {
    queue: Queue,
    /// It is lent to other processes as long as jobs are run here.
    serving: Option<Serving>,
}

impl Reach {
    /// The worker's queue, or the one of the data folder.
    ///
    /// Another process may hold it without lending it: that is an error, once it has had time to be a command that
    /// holds it for a moment, or a worker that is just starting.
    pub(in crate::commands) async fn open(
        purpose: Purpose,
        settings: &Settings,
        console: &Console,
    ) -> Result<Self> {
        if let Some(client) = Client::connect(settings.data_dir()).await? {
            return Ok(Reach { client, here: None });
        }
        let manager = match purpose {
            Purpose::Look => None,
            Purpose::Submit | Purpose::Run => Some(project::open(settings.clone(), console).await?),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match open_here(purpose, settings, manager.as_ref()).await {
                Ok(queue) => return Ok(Self::here(purpose, queue, console)),
                Err(error) if error.category() != Category::Transient => return Err(error.into()),
                Err(error) if Instant::now() > deadline => return Err(held(error)),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
            if let Some(client) = Client::connect(settings.data_dir()).await? {
                return Ok(Reach { client, here: None });
            }
        }
    }

    fn here(purpose: Purpose, queue: Queue, console: &Console) -> Self {
        let serving = (purpose == Purpose::Run).then(|| Server::new(queue.clone()).listen());
        let serving = match serving.transpose() {
            Ok(serving) => serving,
            Err(error) => {
                console.note(format!(
                    "{} other commands cannot see these jobs: {error}",
                    styled(WARNING, "warning:")
                ));
                None
            }
        };
        Reach { client: Client::within(&queue), here: Some(Here { queue, serving }) }
    }

    /// Whether a worker runs the jobs.
    pub(in crate::commands) fn is_worker(&self) -> bool {
        self.here.is_none()
    }

    /// Lets go of a queue that was only looked at.
    pub(in crate::commands) async fn let_go(self) {
        if let Some(Here { queue, .. }) = self.here {
            queue.close(Duration::ZERO).await;
        }
    }

    /// Lets go of the queue. Jobs that were begun here are let to their end, unless Ctrl-C was pressed or is: then they
    /// are stopped, and go on when the queue is opened again. Ctrl-C after that waits for nothing.
    pub(in crate::commands) async fn close(self, interrupts: &mut Interrupts, console: &Console) {
        let Some(Here { queue, serving }) = self.here else { return };
        queue.pause();
        let impatient = interrupts.count() > 0;
        let stats = queue.stats().await;
        if stats.is_ok_and(|stats| stats.jobs.get(&JobState::Running).is_some_and(|running| *running > 0)) {
            console.note(match impatient {
                false => "waiting for other jobs that have begun; Ctrl-C stops them",
                true => {
                    "stopping what has begun here; it is run again later, where its `interrupted` is `retry`"
                }
            });
        }
        let grace = if impatient { Duration::ZERO } else { Duration::MAX };
        let stopped = tokio::select! {
            biased;
            _ = interrupts.next() => false,
            () = queue.close(grace) => true,
        };
        if !stopped {
            if impatient {
                return;
            }
            tokio::select! {
                biased;
                _ = interrupts.next() => return,
                () = queue.close(Duration::ZERO) => {}
            }
        }
        // After the queue, so that whoever waits for a job hears of its end.
        if let Some(serving) = serving {
            serving.stop().await;
        }
    }
}

async fn open_here(
    purpose: Purpose,
    settings: &Settings,
    manager: Option<&Manager>,
) -> cjm_host::Result<Queue> {
    match manager {
        Some(manager) if purpose == Purpose::Run => Queue::open(manager.clone()).await,
        Some(manager) => Queue::of(manager).paused().open(manager.clone()).await,
        None => {
            let queue = Queue::builder(settings.data_dir()).options(settings.queue().clone()).paused();
            queue.open(Nobody).await
        }
    }
}

/// Says what to do about a queue that somebody else has.
fn held(error: Error) -> Failure {
    Failure::from(error).hint(
        "what has it open does not lend it: an application does with the crate cjm-server; otherwise stop it first",
    )
}

/// Runs nothing: for a queue that is opened to be looked at.
struct Nobody;

impl Runs for Nobody {
    async fn check(&self, _job: &mut NewJob) -> cjm_host::Result<()> {
        Err(nothing_runs())
    }

    async fn run(&self, _attempt: Attempt, _input: Value) -> cjm_host::Result<Value> {
        Err(nothing_runs())
    }
}

fn nothing_runs() -> Error {
    Error::Transient { message: "this queue was opened to be looked at".to_owned(), retry_after: None }
}

/// Does something with the queue of the project, until it is done or Ctrl-C is pressed; `doing` says then what was cut
/// short.
pub(in crate::commands) fn with<T>(
    purpose: Purpose,
    project: &Project,
    doing: &str,
    console: &Console,
    command: impl AsyncFnOnce(&Reach, &mut Interrupts) -> Result<T>,
) -> Result<T> {
    let settings = project.settings()?;
    if !project::exists(&settings) {
        return Err(project::no_project(&settings));
    }
    runtime::block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let reach = tokio::select! {
            biased;
            _ = interrupts.next() => return Err(Failure::cancelled(doing)),
            reach = Reach::open(purpose, &settings, console) => reach?,
        };
        let done = command(&reach, &mut interrupts).await;
        reach.close(&mut interrupts, console).await;
        done
    })
}

/// The same for what needs no plugins, and takes a moment only.
pub(in crate::commands) fn look<T>(
    project: &Project,
    doing: &str,
    console: &Console,
    command: impl AsyncFnOnce(&Client) -> Result<T>,
) -> Result<T> {
    with(Purpose::Look, project, doing, console, async |reach, interrupts| {
        tokio::select! {
            biased;
            _ = interrupts.next() => Err(Failure::cancelled(doing)),
            done = command(&reach.client) => done,
        }
    })
}
