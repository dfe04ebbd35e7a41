//! `cjm-ctl sequence`: jobs that follow one another.

mod file;
pub(super) mod id;
mod show;
mod wait;

use std::time::SystemTime;

use cjm_host::{Sequence, SequenceFilter, SequenceId};
use serde_json::json;

use crate::cli::{
    SequenceCancelArgs, SequenceCommand, SequenceIdsArgs, SequenceListArgs, SequenceSubmitArgs,
    SequenceWaitArgs,
};
use crate::commands::jobs::{Purpose, Reach, look, with, words};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::{Console, GOOD, NAME, styled};
use crate::project::{Project, patiently};
use crate::table::{Table, Tone};
use crate::time;

/// Submits, lists, shows, waits, cancels or retries.
pub(crate) fn sequence(command: &SequenceCommand, project: &Project, console: &Console) -> Result<()> {
    match command {
        SequenceCommand::Submit(args) => submit(args, project, console),
        SequenceCommand::List(args) => list(args, project, console),
        SequenceCommand::Show(args) => show::show(args, project, console),
        SequenceCommand::Wait(args) => wait(args, project, console),
        SequenceCommand::Cancel(args) => cancel(args, project, console),
        SequenceCommand::Retry(args) => retry(args, project, console),
    }
}

fn submit(args: &SequenceSubmitArgs, project: &Project, console: &Console) -> Result<()> {
    // Read before anything listens for Ctrl-C, which has to end a wait for standard input too.
    let mut sequence = file::read(&args.file)?;
    if let Some(key) = &args.idempotency_key {
        sequence = sequence.idempotency_key(key);
    }
    for (name, value) in &args.labels {
        sequence = sequence.label(name, value);
    }
    let purpose = if args.wait { Purpose::Run } else { Purpose::Submit };
    let ended = with(purpose, project, "submitting", console, async |reach, interrupts| {
        let submit = reach.client.submit_sequence(sequence);
        let submit = patiently(submit, "sequence", "submitting", console);
        let id = tokio::select! {
            biased;
            _ = interrupts.next() => {
                let failure = Failure::cancelled("submitting");
                return Err(failure.hint("it may have been stored: `cjm-ctl sequence list`"));
            }
            id = submit => id?,
        };
        if args.wait {
            match console.json() {
                true => console.event("submitted", &json!({ "id": id })),
                false => console.note(format!("sequence {id}")),
            }
            return wait::wait(reach, id, None, interrupts, console).await.map(Some);
        }
        if !reach.is_worker() {
            console.note("no worker runs: the sequence is stored, and runs when one does: `cjm-ctl worker`");
        }
        match console.json() {
            true => console.print_json(&json!({ "id": id }))?,
            false => console.print(&format!("{id}\n"))?,
        }
        Ok(None)
    })?;
    match ended {
        Some(sequence) => tell_end(&sequence, console),
        None => Ok(()),
    }
}

fn wait(args: &SequenceWaitArgs, project: &Project, console: &Console) -> Result<()> {
    let work = async |reach: &Reach, interrupts: &mut Interrupts| {
        let id = id::sequence(&reach.client, &args.id).await?;
        wait::wait(reach, id, args.timeout, interrupts, console).await
    };
    let sequence = with(Purpose::Run, project, "waiting", console, work)?;
    tell_end(&sequence, console)
}

fn tell_end(sequence: &Sequence, console: &Console) -> Result<()> {
    if console.json() {
        console.print_json(sequence)?;
    }
    wait::ended(sequence, console)
}

fn list(args: &SequenceListArgs, project: &Project, console: &Console) -> Result<()> {
    let sequences = look(project, "listing the sequences", console, async |client| {
        let filter = SequenceFilter::default().states(args.states.iter().copied());
        let filter = args.labels.iter().fold(filter, |filter, (name, value)| filter.label(name, value));
        Ok(client.sequences(&filter, args.limit).await?)
    })?;
    if console.json() {
        return console.print_json(&sequences);
    }
    if sequences.is_empty() {
        console.note("no sequence is there that fits: `cjm-ctl sequence submit FILE`");
        return Ok(());
    }
    let now = SystemTime::now();
    let mut table = Table::new(["ID", "STATE", "STEPS", "SUBMITTED", "TOOK", ""]);
    for sequence in &sequences {
        let took = sequence.finished_at.map(|end| time::span(time::between(sequence.submitted_at, end)));
        let (tone, detail) = detail(sequence);
        table.row([
            (Tone::Plain, &words::short(&sequence.id)),
            (words::sequence_tone(sequence.state), sequence.state.as_str()),
            (Tone::Plain, &format!("{} of {}", sequence.completed, sequence.steps)),
            (Tone::Dim, &time::relative(sequence.submitted_at, now)),
            (Tone::Plain, &took.unwrap_or_default()),
            (tone, &detail),
        ]);
    }
    console.print(&table.render())
}

/// What is best known of a sequence in a line.
fn detail(sequence: &Sequence) -> (Tone, String) {
    if let Some(failure) = &sequence.error {
        let error = failure.error.to_string();
        return (Tone::Plain, crate::text::one_line(error.lines().next().unwrap_or_default()));
    }
    match (&sequence.current_name, sequence.current) {
        (Some(name), _) => (Tone::Dim, crate::text::one_line(name)),
        (None, Some(step)) => (Tone::Dim, format!("step {}", u64::from(step) + 1)),
        (None, None) => (Tone::Dim, String::new()),
    }
}

fn cancel(args: &SequenceCancelArgs, project: &Project, console: &Console) -> Result<()> {
    look(project, "cancelling sequences", console, async |client| {
        let mut done = Vec::new();
        for id in id::sequences(client, &args.ids).await? {
            let cancelled = match args.now {
                true => client.cancel_sequence_now(id).await?,
                false => client.cancel_sequence(id).await?,
            };
            let state = client.sequence(id).await?.state;
            let name = styled(NAME, words::short(&id));
            match (cancelled, state.is_final()) {
                (false, _) => console.note(format!("{} had ended already: {state}", words::short(&id))),
                (true, true) => console.note(format!("{} {name}", styled(GOOD, state))),
                (true, false) => console.note(format!(
                    "{} {name}; `cjm-ctl sequence wait {}` waits until it has",
                    styled(GOOD, "asked to stop:"),
                    words::short(&id)
                )),
            }
            done.push(json!({ "id": id, "cancelled": cancelled, "status": state }));
        }
        if console.json() { console.print_json(&done) } else { Ok(()) }
    })
}

fn retry(args: &SequenceIdsArgs, project: &Project, console: &Console) -> Result<()> {
    look(project, "retrying sequences", console, async |client| {
        let (mut done, mut refused) = (Vec::new(), None::<SequenceId>);
        for id in id::sequences(client, &args.ids).await? {
            let retried = client.retry_sequence(id).await?;
            match retried {
                true => console.note(format!(
                    "{} {}",
                    styled(GOOD, "goes on where it failed:"),
                    styled(NAME, words::short(&id))
                )),
                false => {
                    refused.get_or_insert(id);
                }
            }
            done.push(json!({ "id": id, "retried": retried }));
        }
        if console.json() {
            console.print_json(&done)?;
        }
        match refused {
            None => Ok(()),
            Some(id) => {
                let state = client.sequence(id).await?.state;
                Err(Failure::user(format!(
                    "sequence {} is {state}: only what failed or was cancelled goes on once more",
                    words::short(&id)
                )))
            }
        }
    })
}
