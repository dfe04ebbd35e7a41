//! `cjm-ctl events`: what happened, in its order.

use cjm_host::{EventFilter, Notice, QueueEvent, Since};

use super::follow::{self, Follow};
use super::{id, line, look};
use crate::cli::EventsArgs;
use crate::commands::sequence;
use crate::failure::Result;
use crate::output::{Console, WARNING, styled};
use crate::project::Project;
use cjm_server::Client;

/// So many of the last are printed where nothing else is asked for.
const LAST: u64 = 50;

/// Prints them.
pub(crate) fn events(args: &EventsArgs, project: &Project, console: &Console) -> Result<()> {
    let (filter, next) = look(project, "reading the events", console, async |client| {
        let mut filter = EventFilter::default();
        if let Some(job) = &args.job {
            filter = filter.job(id::job(client, job).await?);
        }
        if let Some(sequence) = &args.sequence {
            filter = filter.sequence(sequence::id::sequence(client, sequence).await?);
        }
        if let Some(instance) = &args.instance {
            filter = filter.instance(instance);
        }
        let next = past(args, filter.clone(), client, console).await?;
        Ok((filter, next))
    })?;
    if !args.follow {
        return Ok(());
    }
    Follow::run(filter, Some(next), project, console, |event| {
        print(event, console)?;
        Ok(true)
    })
}

/// Prints what is stored; gives the number of the event after that.
async fn past(args: &EventsArgs, filter: EventFilter, client: &Client, console: &Console) -> Result<u64> {
    let last = client.stats().await?.last_event;
    let from = match args.from {
        Some(from) => from.max(1),
        // Those of one job or sequence are few; of all, the last are the ones of interest.
        None if args.follow => last.saturating_add(1),
        None if args.job.is_some() || args.sequence.is_some() || args.instance.is_some() => 1,
        None => last.saturating_sub(LAST - 1).max(1),
    };
    if from > last {
        if !args.follow {
            console.note("nothing has happened there yet");
        }
        return Ok(from);
    }
    let mut stream = client.subscribe(filter.until(last), Since::Sequence(from)).await?;
    let mut printed = 0_u64;
    while let Some(notice) = stream.next().await {
        match notice? {
            Notice::Event(event) => {
                printed += 1;
                print(&event, console)?;
            }
            Notice::Cut { events } if args.from.is_some_and(|from| from > 1) => console.note(format!(
                "{} {events} older events are not stored any more",
                styled(WARNING, "warning:")
            )),
            _ => {}
        }
    }
    if printed == 0 && !args.follow {
        console.note("nothing happened there");
    }
    Ok(last.saturating_add(1))
}

fn print(event: &QueueEvent, console: &Console) -> Result<()> {
    if console.json() {
        return console.print_json_line(&follow::json(event)?);
    }
    match line::among_others(event, console) {
        Some(line) => console.print(&line),
        None => Ok(()),
    }
}
