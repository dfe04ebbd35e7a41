//! `cjm-ctl config show`: the settings of the project, and where each comes from.

use serde_json::json;

use crate::cli::ConfigShowArgs;
use crate::failure::Result;
use crate::output::Console;
use crate::project::Project;
use crate::table::{Table, Tone};

/// Prints every setting.
pub(super) fn show(args: &ConfigShowArgs, project: &Project, console: &Console) -> Result<()> {
    let settings = project.settings()?;
    let all = settings.origins();
    if console.json() {
        let all: Vec<_> = all
            .iter()
            .map(|(key, value, origin)| match args.origin {
                true => json!({ "key": key, "value": value, "origin": origin }),
                false => json!({ "key": key, "value": value }),
            })
            .collect();
        return console.print_json(&json!({ "file": settings.file(), "settings": all }));
    }
    if !args.origin {
        // As it could stand in a file.
        return console
            .print(&all.iter().map(|(key, value, _)| format!("{key} = {value}\n")).collect::<String>());
    }
    let mut table = Table::new(["SETTING", "VALUE", "FROM"]);
    for (key, value, origin) in &all {
        let from = origin.to_string();
        let tone = if matches!(origin, cjm_host::Origin::Default) { Tone::Dim } else { Tone::Good };
        table.row([(Tone::Name, key), (Tone::Plain, value), (tone, &from)]);
    }
    console.print(&table.render())
}
