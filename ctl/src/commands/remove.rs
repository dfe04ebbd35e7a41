//! `cjm-ctl remove`.

use serde_json::json;

use crate::cli::RemoveArgs;
use crate::failure::Result;
use crate::output::{Console, GOOD, NAME, styled};
use crate::project::{Missing, Project};
use crate::prompt;

/// Takes plugins out of the project.
pub(crate) fn remove(args: &RemoveArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "removing plugins", console, async |manager| {
        // Before anything is asked or done: a name that is misspelt ends it.
        for name in &args.names {
            // What is installed can be removed also where it cannot be used.
            if let Err(unknown) = manager.record(name)
                && manager.verify(Some(name)).await.is_err()
            {
                return Err(unknown.into());
            }
        }
        let what = if args.purge { ", with all that was configured for it" } else { "" };
        let question = format!("Remove {}{what}?", args.names.join(", "));
        prompt::confirm(args.confirm, &question, "removing plugins", console).await?;
        for name in &args.names {
            manager.remove(name, args.purge).await?;
            let with = if args.purge { ", and its configuration" } else { "" };
            console.note(format!("{} {}{with}", styled(GOOD, "removed"), styled(NAME, name)));
            if manager.settings().plugin(name).is_some_and(|declared| declared.source.is_some()) {
                console.note("cjm.toml still declares it: `cjm-ctl install --all` would install it again");
            }
        }
        if console.json() {
            return console.print_json(&json!({ "removed": args.names, "purged": args.purge }));
        }
        Ok(())
    })
}
