//! `cjm-ctl run`: one action of a plugin, from its input to its result.

mod input;
mod result;
mod target;
mod watch;

use std::pin::pin;

use cjm_host::{Call, Canceller, Clock, Error, Loader, Plugin, ResourceKind, Subscription, Value};
use serde_json::json;

pub(super) use self::input::read;
use self::result::Items;
pub(super) use self::result::Place;
pub(super) use self::watch::Watch;
use crate::cli::RunArgs;
use crate::commands::inspect;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::Console;
use crate::progress::Progress;
use crate::project::Project;
use crate::runtime;

/// Runs the action.
pub(crate) fn run(args: &RunArgs, project: &Project, console: &Console) -> Result<()> {
    let Some(action) = args.action.as_deref() else {
        return Err(target::which_action(args, project, console));
    };
    // Read before anything listens for Ctrl-C, which has to end a wait for standard input too.
    let value = read(&args.input)?;
    let job = Job { args, action, project, console };
    runtime::block_on(job.run(value))
}

/// Says which option moves the limit that was hit.
fn explained(error: Error) -> Failure {
    let option = match &error {
        Error::TimedOut { clock: Clock::Wall, .. } => "--timeout DURATION",
        Error::TimedOut { clock: Clock::Cpu, .. } => "--cpu-time DURATION",
        Error::ResourceExhausted(shortfall) => match shortfall.kind {
            ResourceKind::Fuel => "--fuel N",
            ResourceKind::SystemMemory => "--memory SIZE",
            _ => return error.into(),
        },
        _ => return target::explained(error),
    };
    Failure::from(error).hint(format!("allow it more with {option}"))
}

/// One run.
struct Job<'a> {
    args: &'a RunArgs,
    action: &'a str,
    project: &'a Project,
    console: &'a Console,
}

/// What a run needs from its beginning to its end.
struct Session {
    interrupts: Interrupts,
    /// Of the whole host, in which there is this plugin alone: what it says while it is loaded counts, too.
    events: Subscription,
    watch: Watch,
}

impl Job<'_> {
    async fn run(&self, value: Value) -> Result<()> {
        let mut interrupts = Interrupts::listen()?;
        let progress = Progress::new(self.console, self.action);
        progress.phase("loading; the first time this takes a while");
        let mut watch = Watch::new(progress);
        let opened = tokio::select! {
            biased;
            _ = interrupts.next() => return Err(self.cut_short()),
            opened = target::open(self.args, self.project, watch.console()) => opened?,
        };
        watch.is_about(opened.name.as_deref(), Some(opened.limits.grace));
        let mut session = Session { interrupts, events: opened.host.events(), watch };

        let plugin = self.load(opened.loader, &mut session).await?;
        if plugin.description().action(self.action).is_none() {
            return Err(inspect::no_such_action(plugin.description(), self.action));
        }
        let outcome = match self.args.stream {
            true => self.stream(&plugin, value, &mut session).await,
            false => self.execute(&plugin, value, &mut session).await,
        };
        // In good order, unless the user will not wait for it.
        if session.interrupts.count() < IMPATIENT {
            tokio::select! {
                () = plugin.unload() => {}
                _ = session.interrupts.next() => {}
            }
        }
        session.drain();
        outcome
    }

    fn cut_short(&self) -> Failure {
        Failure::cancelled(format!("loading {}", self.args.plugin.display()))
    }

    async fn load(&self, loader: Loader, session: &mut Session) -> Result<Plugin> {
        let mut load = pin!(loader.load());
        let loaded = loop {
            tokio::select! {
                biased;
                _ = session.interrupts.next() => return Err(self.cut_short()),
                Some(event) = session.events.next() => session.watch.show(event.kind),
                loaded = &mut load => break loaded,
            }
        };
        session.drain();
        session.watch.phase("");
        loaded.map_err(target::explained)
    }

    fn call(&self, plugin: &Plugin, value: Value) -> Call {
        if self.console.json() && !self.console.quiet() {
            let started = json!({ "plugin": plugin.id(), "digest": plugin.digest(), "action": self.action });
            self.console.event("started", &started);
        }
        let call = plugin.call(self.action, value);
        match self.args.limits.fuel {
            Some(fuel) => call.fuel(fuel),
            None => call,
        }
    }

    async fn execute(&self, plugin: &Plugin, value: Value, session: &mut Session) -> Result<()> {
        let place = Place::open(self.args.output.as_deref())?;
        let mut running = self.call(plugin, value).start();
        let canceller = running.canceller();
        let result = loop {
            tokio::select! {
                biased;
                count = session.interrupts.next() => self.interrupted(count, plugin, &canceller)?,
                Some(event) = session.events.next() => session.watch.show(event.kind),
                result = &mut running => break result,
            }
        };
        session.finish();
        place.put(&result.map_err(explained)?, Some(canceller.stats()), self.console)
    }

    async fn stream(&self, plugin: &Plugin, value: Value, session: &mut Session) -> Result<()> {
        let mut items = Items::open(self.args.output.as_deref())?;
        let mut stream = self.call(plugin, value).stream();
        let canceller = stream.canceller();
        loop {
            tokio::select! {
                biased;
                count = session.interrupts.next() => self.interrupted(count, plugin, &canceller)?,
                Some(event) = session.events.next() => session.watch.show(event.kind),
                item = stream.next() => match item {
                    Some(Ok(item)) => {
                        if let Err(failure) = items.put(&item, session.watch.console()) {
                            canceller.cancel_now();
                            if failure.is_silent() {
                                session.watch.mute();
                            }
                            return Err(failure);
                        }
                    }
                    Some(Err(error)) => {
                        session.finish();
                        return Err(explained(error));
                    }
                    None => break,
                },
            }
        }
        session.finish();
        items.finish(canceller.stats(), self.console)
    }

    /// Passes a Ctrl-C on; at some point there is no more waiting.
    fn interrupted(&self, count: u32, plugin: &Plugin, canceller: &Canceller) -> Result<()> {
        match count {
            1 => canceller.cancel(),
            IMPATIENT.. => {
                return Err(Failure::cancelled(format!("action `{}` of `{}`", self.action, plugin.id())));
            }
            _ => canceller.cancel_now(),
        }
        Ok(())
    }
}

/// The Ctrl-C after which nothing is waited for any more.
const IMPATIENT: u32 = 3;

impl Session {
    /// Shows what was told but not yet shown.
    fn drain(&mut self) {
        while let Some(event) = self.events.try_next() {
            self.watch.show(event.kind);
        }
    }

    /// Shows the last of it, and clears the way for the result.
    fn finish(&mut self) {
        self.drain();
        self.watch.finish();
    }
}
