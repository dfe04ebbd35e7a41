//! `cjm-ctl enable` and `disable`.

use serde_json::json;

use crate::cli::SwitchArgs;
use crate::failure::Result;
use crate::output::{Console, GOOD, NAME, WARNING, styled};
use crate::project::{Missing, Project};

/// Switches instances on or off.
pub(crate) fn switch(args: &SwitchArgs, on: bool, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "switching plugins on or off", console, async |manager| {
        for id in &args.instances {
            match on {
                true => manager.enable(id).await?,
                false => manager.disable(id).await?,
            }
            let done = if on { styled(GOOD, "enabled") } else { styled(WARNING, "disabled") };
            console.note(format!("{done} {}", styled(NAME, id)));
        }
        if console.json() {
            return console.print_json(&json!({ "instances": args.instances, "enabled": on }));
        }
        Ok(())
    })
}
