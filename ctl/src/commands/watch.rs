//! `cjm-ctl watch`: all plugins loaded, the folder followed, what happens printed.

use std::pin::pin;

use cjm_host::{Event, EventKind, Manager};

use crate::events;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::{BAD, Console, DIM, GOOD, NAME, WARNING, styled};
use crate::project::{self, Project, shown};
use crate::runtime;
use crate::text::one_line;

/// Watches until Ctrl-C, with which it is meant to end: that is success.
pub(crate) fn watch(project: &Project, console: &Console) -> Result<()> {
    let settings = project.settings()?;
    if !project::exists(&settings) {
        return Err(project::no_project(&settings));
    }
    runtime::block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let manager = tokio::select! {
            biased;
            _ = interrupts.next() => return Ok(()),
            manager = project::open(settings, console) => manager?,
        };
        follow(&manager, &mut interrupts, console).await?;
        console.note("unloading; Ctrl-C again waits for nothing");
        tokio::select! {
            biased;
            _ = interrupts.next() => {}
            () = manager.unload_all() => {}
        }
        Ok(())
    })
}

/// Prints what happens, from the loading of all plugins on.
async fn follow(manager: &Manager, interrupts: &mut Interrupts, console: &Console) -> Result<()> {
    let mut events = manager.host().events();
    let _watcher = manager.watch()?;
    console
        .note(format!("following {}; Ctrl-C ends it", styled(NAME, shown(manager.settings().plugins_dir()))));
    for problem in &manager.discovery().problems {
        tell(&unusable("", problem.path.clone(), problem.error.clone()), manager, console)?;
    }
    let mut loading = pin!(manager.load_all());
    let mut loaded = false;
    loop {
        tokio::select! {
            biased;
            _ = interrupts.next() => return Ok(()),
            event = events.next() => match event {
                Some(event) => tell(&event, manager, console)?,
                None => return Err(Failure::fatal("the host tells nothing any more")),
            },
            outcomes = &mut loading, if !loaded => {
                loaded = true;
                for outcome in outcomes {
                    if let Err(error) = outcome.result {
                        let path = manager.settings().plugins_dir().to_owned();
                        tell(&unusable(&outcome.id, path, error), manager, console)?;
                    }
                }
            }
        }
    }
}

fn unusable(instance: &str, path: std::path::PathBuf, error: cjm_host::Error) -> Event {
    Event { instance: instance.into(), job: "".into(), kind: EventKind::PluginProblem { path, error } }
}

/// Prints an event: a line for people, or for programs as it is.
fn tell(event: &Event, manager: &Manager, console: &Console) -> Result<()> {
    if console.json() {
        let json = serde_json::to_string(event)
            .map_err(|error| Failure::fatal(format!("cannot write an event as JSON: {error}")))?;
        return console.print_json_line(&json);
    }
    let Some(what) = in_words(event, manager, console) else { return Ok(()) };
    let time = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let time = time.get(11..).unwrap_or_default().to_owned();
    console.print(&format!("{} {what}\n", styled(DIM, time)))
}

/// What happened; nothing where nobody wants to know it.
fn in_words(event: &Event, manager: &Manager, console: &Console) -> Option<String> {
    let id = styled(NAME, &event.instance);
    Some(match &event.kind {
        EventKind::Loaded { digest } => {
            format!("{} {id} {}", styled(GOOD, "loaded"), styled(DIM, digest.short()))
        }
        EventKind::Replaced { digest } => {
            format!("{} {id} by {}", styled(GOOD, "replaced"), styled(DIM, digest.short()))
        }
        EventKind::Unloaded => format!("{} {id}", styled(WARNING, "unloaded")),
        EventKind::PluginProblem { path, error } => {
            let what = if event.instance.is_empty() { shown(path) } else { id };
            format!("{} {what}: {}", styled(BAD, "not usable"), one_line(&error.to_string()))
        }
        EventKind::Drift { recorded, live } => format!(
            "{} {id}: its configuration schema is {}, and was {} when it was installed",
            styled(WARNING, "drifted"),
            live.short(),
            recorded.short()
        ),
        EventKind::Log(record) if events::is_wanted(record, console) => {
            format!("{id} {}", events::log_line(record))
        }
        EventKind::Lagged { missed } => format!("{missed} events were missed"),
        other => {
            let instance = manager.instance(&event.instance).ok();
            let plugin = instance.as_ref().map_or(&*event.instance, |instance| instance.name());
            format!("{id} {}", events::refusal_line(other, Some(plugin))?)
        }
    })
}
