//! `cjm-ctl jobs --watch`: a live table on a terminal, a line for each event elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use cjm_host::{EventFilter, Job, JobEvent, JobId, JobState, QueueEvent, QueueStats, Settings, Since};
use tokio::time::MissedTickBehavior;

use super::follow::{self, Follow};
use super::line;
use super::list::{filter, summary};
use super::reach::{Purpose, Reach};
use super::screen::Screen;
use crate::cli::{JobsArgs, WhichArgs};
use crate::failure::Result;
use crate::interrupt::Interrupts;
use crate::output::{Console, WARNING, styled};
use crate::project::{self, Project};
use crate::{runtime, terminal};
use cjm_server::Client;

/// The table is drawn no more often than this, however much happens.
const EVERY: Duration = Duration::from_millis(200);

/// It is drawn no less often than this: times go on.
const AT_LEAST_EVERY: u32 = 5;

/// Jobs whose fit is remembered, before they are asked for anew.
const REMEMBERED: usize = 10_000;

/// Follows jobs until Ctrl-C, with which it is meant to end: that is success.
pub(super) fn watch(args: &JobsArgs, project: &Project, console: &Console) -> Result<()> {
    let settings = project.settings()?;
    if !project::exists(&settings) {
        return Err(project::no_project(&settings));
    }
    runtime::block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let table = std::io::stdout().is_terminal() && !console.json();
        let work = async {
            match table {
                true => Table::new(args, &settings, console).run().await,
                false => lines(args, &settings, console).await,
            }
        };
        tokio::select! {
            biased;
            _ = interrupts.next() => Ok(()),
            done = work => done,
        }
    })
}

/// A line for each event of the jobs that fit.
async fn lines(args: &JobsArgs, settings: &Settings, console: &Console) -> Result<()> {
    let mut events = EventFilter::default();
    if let Some(instance) = &args.which.instance {
        events = events.instance(instance);
    }
    let mut follow = Follow::new(settings.clone(), events, None, console);
    follow.begin().await?;
    console.note("following the jobs; Ctrl-C ends it");
    let mut fits = Fits { which: &args.which, known: HashMap::new() };
    loop {
        let event = follow.next().await?;
        if !fits.fits(&event, follow.client()).await? {
            continue;
        }
        match console.json() {
            true => console.print_json_line(&follow::json(&event)?)?,
            false => {
                if let Some(line) = line::among_others(&event, console) {
                    console.print(&line)?;
                }
            }
        }
    }
}

/// Which events are of jobs that are meant.
struct Fits<'a> {
    which: &'a WhichArgs,
    known: HashMap<JobId, bool>,
}

impl Fits<'_> {
    async fn fits(&mut self, event: &QueueEvent, client: Option<&Client>) -> Result<bool> {
        let WhichArgs { states, lane, labels, .. } = self.which;
        // Of states, those are meant into which a job comes.
        let state = match &event.kind {
            JobEvent::State { state, .. } => states.is_empty() || states.contains(state),
            _ => states.is_empty(),
        };
        if !state || (lane.is_none() && labels.is_empty()) {
            return Ok(state);
        }
        let (Some(id), Some(client)) = (event.job, client) else { return Ok(false) };
        if let Some(fits) = self.known.get(&id) {
            return Ok(*fits);
        }
        let of_all = WhichArgs { states: Vec::new(), ..self.which.clone() };
        let fits = !client.list(&filter(&of_all).id_part(&id.to_string()), 1).await?.is_empty();
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(id, fits);
        Ok(fits)
    }
}

/// The live table.
struct Table<'a> {
    args: &'a JobsArgs,
    settings: &'a Settings,
    console: &'a Console,
    screen: Screen,
}

impl<'a> Table<'a> {
    fn new(args: &'a JobsArgs, settings: &'a Settings, console: &'a Console) -> Self {
        Table { args, settings, console, screen: Screen::new() }
    }

    async fn run(mut self) -> Result<()> {
        loop {
            match Client::connect(self.settings.data_dir()).await? {
                Some(client) => self.with_worker(&client).await?,
                None => self.without_worker().await?,
            }
        }
    }

    /// Draws what the worker does, until it ends.
    async fn with_worker(&mut self, client: &Client) -> Result<()> {
        let mut events = match client.subscribe(EventFilter::default(), Since::Now).await {
            Ok(events) => events,
            Err(error) if error.is_retriable() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut changed, mut still) = (true, 0);
        loop {
            tokio::select! {
                notice = events.next() => match notice {
                    Some(Ok(_)) => changed = true,
                    Some(Err(error)) if !error.is_retriable() => return Err(error.into()),
                    Some(Err(_)) | None => return Ok(()),
                },
                _ = tick.tick() => {
                    still += 1;
                    if !changed && still < AT_LEAST_EVERY {
                        continue;
                    }
                    (changed, still) = (false, 0);
                    match self.fetch(client).await {
                        Ok((jobs, stats)) => self.draw(&jobs, &stats, true),
                        Err(error) if error.is_retriable() => return Ok(()),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }

    /// Draws what is stored, until there is a worker. The queue is let go of before: that one needs it.
    async fn without_worker(&mut self) -> Result<()> {
        let reach = Reach::open(Purpose::Look, self.settings, self.console).await?;
        let (jobs, stats) = self.fetch(&reach.client).await?;
        reach.let_go().await;
        loop {
            self.draw(&jobs, &stats, false);
            tokio::time::sleep(EVERY * AT_LEAST_EVERY).await;
            if Client::connect(self.settings.data_dir()).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// The jobs to be shown: those that run, those that wait, and those that ended last, as far as there is room.
    async fn fetch(&self, client: &Client) -> cjm_host::Result<(Vec<Job>, QueueStats)> {
        let mut room =
            usize::from(terminal::height().unwrap_or(24)).saturating_sub(4).min(self.args.limit).max(1);
        let stats = client.stats().await?;
        let which = &self.args.which;
        if !which.states.is_empty() {
            return Ok((client.list(&filter(which), room).await?, stats));
        }
        let mut jobs = Vec::new();
        let ended = [JobState::Completed, JobState::Failed, JobState::Cancelled];
        for states in [&[JobState::Running][..], &[JobState::Pending], &ended] {
            if room == 0 {
                break;
            }
            let found = client.list(&filter(which).states(states.iter().copied()), room).await?;
            room = room.saturating_sub(found.len());
            jobs.extend(found);
        }
        Ok((jobs, stats))
    }

    fn draw(&mut self, jobs: &[Job], stats: &QueueStats, worker: bool) {
        let mut foot = match stats.jobs.values().sum::<u64>() {
            0 => "no jobs yet".to_owned(),
            _ => summary(stats, jobs.len()),
        };
        if !worker {
            foot = format!("{foot}  {}", styled(WARNING, "no worker runs: cjm-ctl worker"));
        }
        self.screen.draw(jobs, &foot, SystemTime::now());
    }
}
