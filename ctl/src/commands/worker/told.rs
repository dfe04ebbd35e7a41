//! What a worker prints: each event, on a thread of its own, so that nobody waits for whoever reads it.

use cjm_host::{EventFilter, Notice, Queue, QueueEvent, QueueEvents, Since};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::commands::jobs;
use crate::failure::{Failure, Result};
use crate::output::{Console, WARNING, styled};

/// Printing, in the background.
pub(super) struct Told {
    /// The number of the last event that is to be printed, once that is known.
    last: watch::Sender<Option<u64>>,
    thread: JoinHandle<()>,
}

impl Told {
    /// Prints what happens from now on.
    pub(super) fn from_now(queue: &Queue, console: &Console) -> Self {
        let events = queue.subscribe(EventFilter::default(), Since::Now);
        let (last, until) = watch::channel(None);
        let printed = events.position();
        let mut printer = Printer { events, printed, console: console.clone(), muted: false };
        let runtime = Handle::current();
        let thread = tokio::task::spawn_blocking(move || runtime.block_on(printer.run(until)));
        Self { last, thread }
    }

    /// Prints what is not printed yet, up to the event of this number.
    pub(super) async fn up_to(self, last: u64) {
        self.last.send_replace(Some(last));
        // An error says that it panicked, which its thread has told.
        let _ = self.thread.await;
    }
}

struct Printer {
    events: QueueEvents,
    /// The number of the last event that is printed, or was before the first.
    printed: u64,
    console: Console,
    /// Whether nobody reads it any more: jobs are run all the same.
    muted: bool,
}

impl Printer {
    async fn run(&mut self, mut until: watch::Receiver<Option<u64>>) {
        loop {
            if until.borrow_and_update().is_some_and(|last| self.printed >= last) {
                return;
            }
            let notice = tokio::select! {
                notice = self.events.next() => notice,
                changed = until.changed() => match changed {
                    Ok(()) => continue,
                    // Nobody waits for it.
                    Err(_) => return,
                },
            };
            match notice {
                Some(Ok(Notice::Event(event))) => {
                    self.printed = event.sequence;
                    self.print(&event);
                }
                // It reads on from the store, and nothing is lost.
                Some(Ok(_)) => {}
                Some(Err(error)) => self.console.note(format!("{} {error}", styled(WARNING, "warning:"))),
                None => return,
            }
        }
    }

    fn print(&mut self, event: &QueueEvent) {
        if self.muted {
            return;
        }
        if let Err(failure) = line(event, &self.console) {
            self.muted = true;
            if !failure.is_silent() {
                self.console.failure(&failure);
            }
        }
    }
}

fn line(event: &QueueEvent, console: &Console) -> Result<()> {
    if console.json() {
        let json = serde_json::to_string(event)
            .map_err(|error| Failure::fatal(format!("cannot write an event as JSON: {error}")))?;
        return console.print_json_line(&json);
    }
    jobs::among_others(event, console).map_or(Ok(()), |line| console.print(&line))
}
