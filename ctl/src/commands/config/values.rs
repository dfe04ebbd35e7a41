//! `cjm-ctl config get`, `set` and `unset`: the values of one instance.

use std::io::Read;
use std::path::Path;

use cjm_host::{ConfigEdit, ConfigPath, Error, Manager, Strictness, Violation};
use serde_json::Value;

use crate::cli::{ConfigGetArgs, ConfigSetArgs, ConfigUnsetArgs};
use crate::failure::{Failure, Result};
use crate::output::{Console, GOOD, NAME, WARNING, styled};
use crate::project::{Missing, Project};
use crate::text::one_line;

/// Prints a configuration, or one value of it.
pub(super) fn get(args: &ConfigGetArgs, project: &Project, console: &Console) -> Result<()> {
    let path = args.key.as_deref().map(str::parse::<ConfigPath>).transpose()?;
    project.manage(Missing::Refuse, "reading the configuration", console, async |manager| {
        let configured = manager.config(&args.plugin).await?;
        let Some(path) = path else {
            return match console.json() {
                true => console.print_json(&configured),
                false => console.print_json(&configured.effective),
            };
        };
        match (configured.effective.pointer(&path.to_string()), console.json()) {
            // As a script wants it: without quotes.
            (Some(Value::String(text)), false) => {
                console.print(&format!("{}\n", crate::text::printable(text)))
            }
            (Some(value), _) => console.print_json(value),
            (None, _) => Err(Failure::user(format!("nothing is set at `{path}` of `{}`", args.plugin))
                .hint(format!("`cjm-ctl config schema {}` shows what can be", configured.plugin))),
        }
    })
}

/// Sets values, or all of it.
pub(super) fn set(args: &ConfigSetArgs, project: &Project, console: &Console) -> Result<()> {
    let whole = args.file.as_deref().map(read).transpose()?;
    let strictness = if args.lenient { Strictness::Lenient } else { Strictness::Strict };
    project.manage(Missing::Refuse, "setting the configuration", console, async |manager| {
        let warnings = match whole {
            Some(config) => manager.set_config(&args.plugin, config, strictness).await,
            None => {
                let edits: Vec<_> = args.values.iter().cloned().map(ConfigEdit::Assign).collect();
                manager.edit_config(&args.plugin, &edits, strictness).await
            }
        };
        let warnings = warnings.map_err(|error| explained(error, &args.plugin))?;
        done("set", &args.plugin, &warnings, &manager, console).await
    })
}

/// Takes values back.
pub(super) fn unset(args: &ConfigUnsetArgs, project: &Project, console: &Console) -> Result<()> {
    let edits =
        args.keys.iter().map(|key| Ok(ConfigEdit::Unset(key.parse()?))).collect::<Result<Vec<_>>>()?;
    project.manage(Missing::Refuse, "setting the configuration", console, async |manager| {
        let mut warnings = Vec::new();
        if args.all {
            if !manager.reset_config(&args.plugin).await? {
                console.note(format!("nothing was set for {}", styled(NAME, &args.plugin)));
            }
        } else {
            // What was stored leniently is not to be in the way of taking something back.
            warnings = manager.edit_config(&args.plugin, &edits, Strictness::Lenient).await?;
        }
        done("unset", &args.plugin, &warnings, &manager, console).await
    })
}

async fn done(
    what: &str,
    id: &str,
    warnings: &[Violation],
    manager: &Manager,
    console: &Console,
) -> Result<()> {
    for warning in warnings {
        console.note(format!("{} {}", styled(WARNING, "warning:"), one_line(&warning.to_string())));
    }
    console.note(format!("{}; {} is configured with", styled(GOOD, what), styled(NAME, id)));
    let configured = manager.config(id).await?;
    match console.json() {
        true => console.print_json(&configured),
        false => console.print_json(&configured.effective),
    }
}

/// Says what to do where a configuration does not fit.
fn explained(error: Error, id: &str) -> Failure {
    let violated = !error.violations().is_empty();
    let failure = Failure::from(error);
    match violated {
        true => failure.hint(format!("nothing was stored; `cjm-ctl config schema {id}` shows what fits")),
        false => failure,
    }
}

fn read(path: &Path) -> Result<Value> {
    let mut text = String::new();
    let name = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_string(&mut text).map(|_| "standard input".to_owned()),
        false => std::fs::read_to_string(path).map(|read| {
            text = read;
            path.display().to_string()
        }),
    };
    let name = name.map_err(|error| Failure::io("read", path, &error))?;
    serde_json::from_str(&text).map_err(|error| Failure::user(format!("{name} is not JSON: {error}")))
}
