//! `cjm-ctl inspect`: what a plugin is, what it can do and what it needs.

mod render;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cjm_host::{Action, Description, Inspection, Source};
use serde::Serialize;

use crate::cli::{CacheArgs, InspectArgs};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::Console;
use crate::progress::Progress;
use crate::project::Project;
use crate::runtime;
use crate::text::{one_line, shell_quoted};

/// Prints what there is to know.
pub(crate) fn inspect(args: &InspectArgs, project: &Project, console: &Console) -> Result<()> {
    let looked = look_at(&args.plugin, args.cache, project, console)?;
    if console.json() {
        console.print_json(&looked)?;
    } else {
        console.print(&page(&looked.inspection, looked.description.as_ref()))?;
    }
    match looked.problem {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// The page for people.
pub(crate) fn page(inspection: &Inspection, description: Option<&Description>) -> String {
    render::all(inspection, description)
}

/// What a plugin is: by its bytes, and by its own account.
#[derive(Debug, Serialize)]
pub(crate) struct Looked {
    #[serde(flatten)]
    inspection: Inspection,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Description>,
    /// Why the plugin could not describe itself.
    #[serde(rename = "error", skip_serializing_if = "Option::is_none")]
    problem: Option<Failure>,
}

/// Looks at the bytes, then lets the plugin describe itself in a sandbox in which nothing is granted to it.
pub(crate) fn look_at(path: &Path, cache: CacheArgs, project: &Project, console: &Console) -> Result<Looked> {
    let bytes = read(path)?;
    let name = path.display().to_string();
    let inspection = cjm_host::inspect_bytes(&name, &bytes)?;
    let described = runtime::block_on(async {
        let mut interrupts = Interrupts::listen()?;
        let progress = Progress::new(console, &name);
        progress.phase("compiling");
        let host = runtime::host(cache, project, console)?;
        tokio::select! {
            description = host.describe(Source::bytes(&name, bytes)) => Ok(description?),
            _ = interrupts.next() => Err(Failure::cancelled(format!("inspecting {name}"))),
        }
    });
    match described {
        Ok(description) => Ok(Looked { inspection, description: Some(description), problem: None }),
        Err(failure) => Ok(Looked { inspection, description: None, problem: Some(failure) }),
    }
}

impl Looked {
    /// The same, if this is a plugin that could be run.
    pub(crate) fn into_plugin(mut self) -> Result<Self> {
        match self.problem.take() {
            Some(failure) => Err(failure),
            None => Ok(self),
        }
    }

    /// What to do with a plugin that was built.
    pub(crate) fn next_steps(&self, component: &Path) -> String {
        let file = shell_quoted(component);
        let run = match self.description.as_ref().and_then(|description| description.actions.first()) {
            Some(action) => {
                format!("\n  cjm-ctl run {file} {}{}", action.name, render::example_input(action))
            }
            None => String::new(),
        };
        format!("\n  cjm-ctl inspect {file}{run}")
    }
}

/// Reads no more than what shows that a file is too large: it may be a device without end.
const MAX_READ: u64 = 257 << 20;

/// Reads the file once, so that what is inspected and what is described are the same bytes.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_READ).read_to_end(&mut bytes))
        .map_err(|error| Failure::io("read", path, &error))?;
    Ok(bytes)
}

/// The failure where no action was named: it names them all.
pub(crate) fn which_action(path: &Path, cache: CacheArgs, project: &Project, console: &Console) -> Failure {
    match look_at(path, cache, project, console) {
        Ok(Looked { description: Some(description), .. }) => which_of(&description),
        Ok(Looked { problem: Some(failure), .. }) | Err(failure) => failure,
        Ok(_) => Failure::user("which action is to run?"),
    }
}

/// The same, of a plugin whose description is known.
pub(crate) fn which_of(description: &Description) -> Failure {
    Failure::user(format!("which action of `{}` is to run?", description.name)).hint(actions(description))
}

/// The failure where an action was named that there is none of.
pub(crate) fn no_such_action(description: &Description, name: &str) -> Failure {
    Failure::from(description.unknown_action(name)).hint(
        "`cjm-ctl inspect PLUGIN.wasm`, or `info NAME` of an installed one, says what each of them does",
    )
}

fn actions(description: &Description) -> String {
    let width = description.actions.iter().map(|action| action.name.len()).max().unwrap_or(0);
    let line = |action: &Action| {
        let padding = " ".repeat(width.saturating_sub(action.name.len()));
        format!("\n  {}{padding}  {}", action.name, one_line(&action.description))
    };
    format!("the actions are{}", description.actions.iter().map(line).collect::<String>())
}
