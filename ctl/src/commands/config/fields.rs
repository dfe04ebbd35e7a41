//! `cjm-ctl config schema` and `options`: what can be set.

use crate::cli::{ConfigOptionsArgs, ConfigSchemaArgs};
use crate::failure::Result;
use crate::output::{Console, NAME, styled};
use crate::project::{Missing, Project, patiently};
use crate::schema;
use crate::table::{Table, Tone};

/// Prints the schema of a configuration.
pub(super) fn schema(args: &ConfigSchemaArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "reading the schema", console, async |manager| {
        let record = manager.record(&manager.config(&args.plugin).await?.plugin)?;
        let json = record.description.config_schema.as_json();
        if console.json() {
            return console.print_json(json);
        }
        let rendered = schema::render(json, "");
        if rendered.lines.is_empty() {
            console.note(format!("{} has nothing to configure", styled(NAME, &record.name)));
            return Ok(());
        }
        console.print(&rendered.lines.iter().map(|line| format!("{line}\n")).collect::<String>())
    })
}

/// Asks a plugin what can be chosen right now.
pub(super) fn options(args: &ConfigOptionsArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "asking for the options", console, async |manager| {
        let id = &args.plugin;
        let name = manager.config(id).await?.plugin;
        let asked = async {
            manager.load_as(&name, id).await?;
            let options = manager.config_options(id).await;
            manager.unload(id).await?;
            options
        };
        let options = patiently(asked, id, "asking", console).await?;
        if console.json() {
            return console.print_json(&options);
        }
        if options.is_empty() {
            console.note(format!(
                "no field of {} has values that depend on what is there; `cjm-ctl config schema {id}` shows them",
                styled(NAME, &name)
            ));
            return Ok(());
        }
        let mut table = Table::new(["FIELD", "VALUE", "WHAT IT IS"]);
        for (pointer, choices) in &options {
            for (at, choice) in choices.iter().enumerate() {
                table.row([
                    (Tone::Name, if at == 0 { pointer.as_str() } else { "" }),
                    (Tone::Plain, &choice.value.to_string()),
                    (Tone::Dim, &choice.label),
                ]);
            }
            if choices.is_empty() {
                table.row([(Tone::Name, pointer), (Tone::Dim, "nothing right now"), (Tone::Plain, "")]);
            }
        }
        console.print(&table.render())
    })
}
