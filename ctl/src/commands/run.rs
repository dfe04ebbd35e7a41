//! `cjm-ctl run`: one action of a plugin, from its input to its result.

mod input;
mod result;
mod watch;

use std::pin::pin;

use cjm_host::{
    Call, Canceller, Clock, Error, Host, Limits, Plugin, ResourceKind, Source, Subscription, Value,
};

use serde_json::json;

use self::result::{Items, Place};
use self::watch::Watch;
use crate::cli::{LimitArgs, RunArgs};
use crate::commands::inspect;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::Console;
use crate::progress::Progress;
use crate::runtime;

/// Runs the action.
pub(crate) fn run(args: &RunArgs, console: &Console) -> Result<()> {
    let Some(action) = args.action.as_deref() else {
        return Err(inspect::which_action(&args.plugin, &args.cache, console));
    };
    // Read before anything listens for Ctrl-C, which has to end a wait for standard input too.
    let value = input::read(&args.input)?;
    let job = Job { args, action, limits: limits(&args.limits), console };
    runtime::block_on(job.run(value))
}

fn limits(args: &LimitArgs) -> Limits {
    let defaults = Limits::default();
    Limits {
        memory_bytes: args.memory.map_or(defaults.memory_bytes, |size| size.as_u64()),
        wall_time: args.timeout.or(defaults.wall_time),
        cpu_time: args.cpu_time.or(defaults.cpu_time),
        // A budget for the action: the host needs to know that fuel is counted, but getting ready is to use none of it.
        fuel: args.fuel.map(|_| u64::MAX),
        grace: args.grace.unwrap_or(defaults.grace),
        ..defaults
    }
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
        _ => return error.into(),
    };
    Failure::from(error).hint(format!("allow it more with {option}"))
}

/// One run.
struct Job<'a> {
    args: &'a RunArgs,
    action: &'a str,
    limits: Limits,
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
        let interrupts = Interrupts::listen()?;
        let progress = Progress::new(self.console, self.action);
        progress.phase("loading; the first time this takes a while");
        let host = runtime::host(&self.args.cache, self.console)?;
        let watch = Watch::new(progress, self.limits.grace);
        let mut session = Session { interrupts, events: host.events(), watch };

        let plugin = self.load(&host, &mut session).await?;
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

    async fn load(&self, host: &Host, session: &mut Session) -> Result<Plugin> {
        let mut loader = host.loader(Source::path(&self.args.plugin)).limits(self.limits.clone());
        if let Some(config) = &self.args.config {
            loader = loader.config(input::config(config)?);
        }
        for secret in &self.args.secrets {
            let (name, value) = input::secret(secret)?;
            loader = loader.secret(name, value);
        }
        let mut load = pin!(loader.load());
        let loaded = loop {
            tokio::select! {
                biased;
                _ = session.interrupts.next() => {
                    return Err(Failure::cancelled(format!("loading {}", self.args.plugin.display())));
                }
                Some(event) = session.events.next() => session.watch.show(event),
                loaded = &mut load => break loaded,
            }
        };
        session.drain();
        session.watch.phase("");
        Ok(loaded?)
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
                Some(event) = session.events.next() => session.watch.show(event),
                result = &mut running => break result,
            }
        };
        session.finish();
        place.put(&result.map_err(explained)?, canceller.stats(), self.console)
    }

    async fn stream(&self, plugin: &Plugin, value: Value, session: &mut Session) -> Result<()> {
        let mut items = Items::open(self.args.output.as_deref())?;
        let mut stream = self.call(plugin, value).stream();
        let canceller = stream.canceller();
        loop {
            tokio::select! {
                biased;
                count = session.interrupts.next() => self.interrupted(count, plugin, &canceller)?,
                Some(event) = session.events.next() => session.watch.show(event),
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
            self.watch.show(event);
        }
    }

    /// Shows the last of it, and clears the way for the result.
    fn finish(&mut self) {
        self.drain();
        self.watch.finish();
    }
}
