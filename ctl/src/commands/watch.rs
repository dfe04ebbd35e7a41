//! `cjm-ctl watch`: all plugins loaded, the folder followed, what happens printed.

use std::pin::pin;

use cjm_host::{Event, EventKind, Manager};

use crate::events;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::{Console, DIM, NAME, styled};
use crate::project::{self, Project, shown};
use crate::runtime;

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
    let plugin = manager.instance(&event.instance).ok();
    let plugin = plugin.as_ref().map_or(&*event.instance, |instance| instance.name());
    let Some(what) = events::in_words(&event.instance, &event.kind, plugin, console) else { return Ok(()) };
    let time = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let time = time.get(11..).unwrap_or_default().to_owned();
    console.print(&format!("{} {what}\n", styled(DIM, time)))
}
