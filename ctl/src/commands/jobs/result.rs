//! `cjm-ctl result`: what a job completed with.

use super::{id, look, words};
use crate::cli::ResultArgs;
use crate::commands::run::Place;
use crate::failure::{Failure, Result};
use crate::output::Console;
use crate::project::Project;

/// Prints it, or puts it into a file.
pub(crate) fn result(args: &ResultArgs, project: &Project, console: &Console) -> Result<()> {
    let place = Place::open(args.output.as_deref())?;
    let value = look(project, "reading the result", console, async |client| {
        let id = id::job(client, &args.id).await?;
        let job = client.get(id).await?;
        if args.input {
            return Ok(client.input(id).await?);
        }
        if !job.state.is_final() {
            let failure =
                Failure::user(format!("{} is {}: it has no result yet", words::named(&job), job.state));
            return Err(failure.hint(format!("wait for it: `{}`", words::command("wait", &id))));
        }
        let explained = |error| {
            let failure = Failure::from(error);
            match job.state.is_final() && job.error.is_some() {
                true => failure.hint(format!("how it came to that: `{}`", words::command("job", &id))),
                false => failure,
            }
        };
        client.result(id).await.map_err(explained)
    })?;
    place.put(&value, None, console)
}
