//! What happens, as it happens: from whoever runs the jobs, now or later.

use std::time::Duration;

use cjm_host::{EventFilter, Notice, QueueEvent, Settings, Since};

use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::{Console, WARNING, styled};
use crate::project::{self, Project};
use crate::runtime;
use cjm_server::{Client, Events};

/// How often is looked whether a worker runs.
const LOOK: Duration = Duration::from_millis(500);

/// A subscription that outlives the worker: what the next one tells follows on what the last one told.
///
/// It never opens the queue itself: who only watches must not keep a worker from starting.
pub(super) struct Follow {
    settings: Settings,
    filter: EventFilter,
    /// The number of the next event; none for "from now on".
    next: Option<u64>,
    worker: Option<(Client, Events)>,
    /// Whether it was said that no worker runs.
    said: bool,
    console: Console,
}

impl Follow {
    pub(super) fn new(settings: Settings, filter: EventFilter, next: Option<u64>, console: &Console) -> Self {
        Follow { settings, filter, next, worker: None, said: false, console: console.clone() }
    }

    /// Hands over each event until `with` answers no, or Ctrl-C, which is how it is meant to end.
    pub(super) fn run(
        filter: EventFilter,
        next: Option<u64>,
        project: &Project,
        console: &Console,
        mut with: impl FnMut(&QueueEvent) -> Result<bool>,
    ) -> Result<()> {
        let settings = project.settings()?;
        if !project::exists(&settings) {
            return Err(project::no_project(&settings));
        }
        runtime::block_on(async {
            let mut interrupts = Interrupts::listen()?;
            let mut follow = Follow::new(settings, filter, next, console);
            loop {
                let event = tokio::select! {
                    biased;
                    _ = interrupts.next() => return Ok(()),
                    event = follow.next() => event?,
                };
                if !with(&event)? {
                    return Ok(());
                }
            }
        })
    }

    /// Waits until there is something to follow: what happens from then on is told.
    pub(super) async fn begin(&mut self) -> Result<()> {
        if self.worker.is_none() {
            self.worker = Some(self.connect().await?);
        }
        Ok(())
    }

    /// Waits for the next event. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<QueueEvent> {
        loop {
            self.begin().await?;
            let Some((_, stream)) = &mut self.worker else { continue };
            match stream.next().await {
                Some(Ok(Notice::Event(event))) => {
                    self.next = Some(event.sequence.saturating_add(1));
                    return Ok(event);
                }
                Some(Ok(Notice::Cut { events })) => self.console.note(format!(
                    "{} {events} older events are not stored any more",
                    styled(WARNING, "warning:")
                )),
                // It reads on from the store, and nothing is lost.
                Some(Ok(_)) => {}
                // The worker has ended, or was ended.
                Some(Err(error)) if error.is_retriable() => self.worker = None,
                None => self.worker = None,
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// The worker that told the last event.
    pub(super) fn client(&self) -> Option<&Client> {
        self.worker.as_ref().map(|(client, _)| client)
    }

    /// Waits for a worker.
    async fn connect(&mut self) -> Result<(Client, Events)> {
        loop {
            if let Some(client) = Client::connect(self.settings.data_dir()).await? {
                // What was between two workers is not to be missed.
                let since = self.next.map_or(Since::Now, Since::Sequence);
                self.said = false;
                match client.subscribe(self.filter.clone(), since).await {
                    Ok(events) => return Ok((client, events)),
                    Err(error) if error.is_retriable() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if !self.said {
                self.said = true;
                self.console.note(format!(
                    "{} no worker runs; waiting for one: `cjm-ctl worker`",
                    styled(WARNING, "note:")
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// An event as a program gets it.
pub(super) fn json(event: &QueueEvent) -> Result<String> {
    serde_json::to_string(event)
        .map_err(|error| Failure::fatal(format!("cannot write an event as JSON: {error}")))
}
