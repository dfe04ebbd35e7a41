//! `cjm-ctl submit`: a job that is run whatever happens to this process.

use cjm_host::{EventFilter, Interrupted, NewJob, Retry, Since, Value};

use super::change;
use super::reach::{Purpose, Reach, with};
use super::wait::{Wait, ended};
use crate::cli::{Interruption, JobOptions, SubmitArgs};
use crate::commands::run::{self, Place};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::Console;
use crate::project::{Project, patiently};

/// Submits it, and waits for its end where that is wanted.
pub(crate) fn submit(args: &SubmitArgs, project: &Project, console: &Console) -> Result<()> {
    // Read before anything listens for Ctrl-C, which has to end a wait for standard input too.
    let job = new(args, run::read(&args.input)?);
    if !args.wait {
        return with(Purpose::Submit, project, "submitting", console, async |reach, interrupts| {
            let id = submitted(job, reach, interrupts, console).await?;
            if !reach.is_worker() {
                console.note("no worker runs: the job is stored, and runs when one does: `cjm-ctl worker`");
            }
            match console.json() {
                true => console.print_json(&change::printed(id)),
                false => console.print(&format!("{id}\n")),
            }
        });
    }
    let place = Place::open(args.output.as_deref())?;
    let value = with(Purpose::Run, project, "submitting", console, async |reach, interrupts| {
        let before = reach.client.stats().await?.last_event;
        let id = submitted(job, reach, interrupts, console).await?;
        match console.json() {
            true => console.event("submitted", &change::printed(id)),
            false => console.note(format!("job {id}")),
        }
        // From the submission on, so that nothing that it says is missed.
        let since = Since::Sequence(before.saturating_add(1));
        let events = reach.client.subscribe(EventFilter::default().job(id), since).await?;
        let job = Wait { reach, id, timeout: None, console }.run(events, interrupts).await?;
        ended(&job)?;
        Ok(reach.client.result(id).await?)
    })?;
    place.put(&value, None, console)
}

/// Hands it over. The plugin may have to be loaded for it, which takes a while the first time.
async fn submitted(
    job: NewJob,
    reach: &Reach,
    interrupts: &mut Interrupts,
    console: &Console,
) -> Result<cjm_host::JobId> {
    let action = job.action().to_owned();
    let submit = patiently(reach.client.submit(job), &action, "submitting", console);
    tokio::select! {
        biased;
        _ = interrupts.next() => Err(Failure::cancelled("submitting").hint("it may have been stored: `cjm-ctl jobs`")),
        id = submit => Ok(id?),
    }
}

/// The job that the options describe.
fn new(args: &SubmitArgs, input: Value) -> NewJob {
    let JobOptions {
        priority,
        not_before,
        deadline,
        timeout,
        retries,
        retry_first,
        retry_longest,
        idempotency_key,
        labels,
        lane,
        no_keep_result,
        interrupted,
    } = args.options.clone();
    let usual = Retry::times(retries);
    let retry = Retry {
        times: retries,
        first: retry_first.unwrap_or(usual.first),
        longest: retry_longest.unwrap_or(usual.longest),
    };
    let mut job = NewJob::new(&args.name, &args.action, input)
        .priority(priority)
        .retry(retry)
        .keep_result(!no_keep_result);
    job = match interrupted {
        Some(Interruption::Retry) => job.interrupted(Interrupted::Retry),
        Some(Interruption::Fail) => job.interrupted(Interrupted::Fail),
        // As the plugin says of the action.
        None => job,
    };
    if let Some(time) = not_before {
        job = job.not_before(time);
    }
    if let Some(time) = deadline {
        job = job.deadline(time);
    }
    if let Some(limit) = timeout {
        job = job.timeout(limit);
    }
    if let Some(key) = idempotency_key {
        job = job.idempotency_key(key);
    }
    if let Some(lane) = lane {
        job = job.lane(lane);
    }
    labels.into_iter().fold(job, |job, (name, value)| job.label(name, value))
}
