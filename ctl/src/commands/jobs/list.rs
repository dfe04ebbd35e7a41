//! `cjm-ctl jobs`: which jobs there are.

use std::time::SystemTime;

use cjm_host::{Job, JobFilter, JobState, QueueStats};

use super::live;
use super::reach::{Purpose, with};
use super::words;
use crate::cli::{JobsArgs, WhichArgs};
use crate::failure::Result;
use crate::output::{Console, DIM, styled};
use crate::project::Project;
use crate::table::{Table, Tone};
use crate::time;

/// Lists the jobs that fit, or follows them.
pub(crate) fn jobs(args: &JobsArgs, project: &Project, console: &Console) -> Result<()> {
    if args.watch {
        return live::watch(args, project, console);
    }
    let (jobs, stats, worker) =
        with(Purpose::Look, project, "listing the jobs", console, async |reach, _| {
            let jobs = reach.client.list(&filter(&args.which), args.limit).await?;
            Ok((jobs, reach.client.stats().await?, reach.is_worker()))
        })?;
    if console.json() {
        return console.print_json(&jobs);
    }
    if jobs.is_empty() {
        console.note(match stats.jobs.values().sum::<u64>() {
            0 => "no jobs yet: `cjm-ctl submit NAME ACTION`",
            _ => "no job fits all of that",
        });
        return Ok(());
    }
    console.print(&table(&jobs, SystemTime::now()))?;
    console.note(summary(&stats, jobs.len()));
    if !worker && stats.jobs.get(&JobState::Pending).is_some_and(|pending| *pending > 0) {
        console.note("nothing runs them now: `cjm-ctl worker` does");
    }
    Ok(())
}

/// The filter of these options.
pub(super) fn filter(which: &WhichArgs) -> JobFilter {
    let WhichArgs { instance, states, lane, labels } = which;
    let mut filter = JobFilter::default().states(states.iter().copied());
    if let Some(instance) = instance {
        filter = filter.instance(instance);
    }
    if let Some(lane) = lane {
        filter = filter.lane(lane);
    }
    labels.iter().fold(filter, |filter, (name, value)| filter.label(name, value))
}

/// The jobs as a table.
pub(super) fn table(jobs: &[Job], now: SystemTime) -> String {
    let mut table = Table::new(["ID", "STATE", "NAME", "ACTION", "SUBMITTED", "TOOK", ""]);
    for job in jobs {
        let (tone, detail) = words::detail(job, now);
        let took = words::took(job, now).map(time::span).unwrap_or_default();
        table.row([
            (Tone::Plain, &words::short(&job.id)),
            (words::tone(job.state), job.state.as_str()),
            (Tone::Name, &job.instance),
            (Tone::Plain, &job.action),
            (Tone::Dim, &time::relative(job.submitted_at, now)),
            (Tone::Plain, &took),
            (tone, &cut(&detail)),
        ]);
    }
    table.render()
}

/// What fits into two or three lines of a column.
fn cut(detail: &str) -> String {
    const MOST: usize = 160;
    match detail.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", detail.get(..end).unwrap_or(detail)),
        None => detail.to_owned(),
    }
}

/// How many jobs there are, where that says more than the table does.
pub(super) fn summary(stats: &QueueStats, shown: usize) -> String {
    let total: u64 = stats.jobs.values().sum();
    let counts: Vec<String> = JobState::ALL
        .iter()
        .filter_map(|state| Some((state, *stats.jobs.get(state)?)))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let all = match u64::try_from(shown).is_ok_and(|shown| shown < total) {
        true => format!("{shown} of {total} jobs: "),
        false => String::new(),
    };
    styled(DIM, format!("{all}{}", counts.join(", ")))
}
