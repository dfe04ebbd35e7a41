//! `cjm-ctl profiles`: what jobs were measured to use.

use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use cjm_host::{Profile, ProfileFilter, Spread};

use super::look;
use crate::cli::ProfilesArgs;
use crate::failure::Result;
use crate::output::{Console, DIM, NAME, styled};
use crate::project::Project;
use crate::table::{Table, Tone};
use crate::text::one_line;
use crate::time;

/// Prints them: a table, or of a single instance all that is known.
pub(crate) fn profiles(args: &ProfilesArgs, project: &Project, console: &Console) -> Result<()> {
    let profiles = look(project, "reading the profiles", console, async |client| {
        let mut filter = ProfileFilter::default();
        if let Some(name) = &args.name {
            filter = filter.instance(name);
        }
        Ok(client.profiles(&filter).await?)
    })?;
    if console.json() {
        return console.print_json(&profiles);
    }
    if profiles.is_empty() {
        console.note(match &args.name {
            Some(name) => format!("no job of {} has ended yet", one_line(name)),
            None => "no job has ended yet: what each needs is measured while it runs".to_owned(),
        });
        return Ok(());
    }
    let now = SystemTime::now();
    match args.name {
        None => console.print(&table(&profiles, now)),
        Some(_) => {
            let pages: Vec<String> = profiles.iter().map(|profile| page(profile, now)).collect();
            console.print(&pages.join("\n"))
        }
    }
}

fn table(profiles: &[Profile], now: SystemTime) -> String {
    let mut table =
        Table::new(["NAME", "CONFIG", "JOBS", "DONE", "TIME", "COMPUTING", "MEMORY", "GPU", "LAST"]);
    for profile in profiles {
        table.row([
            (Tone::Name, &profile.instance),
            (Tone::Dim, &profile.configuration.short()),
            (Tone::Plain, &profile.samples.to_string()),
            (Tone::Plain, &profile.success_rate.map(percent).unwrap_or_default()),
            (Tone::Plain, &mean(&profile.duration_ms, millis)),
            (Tone::Plain, &mean(&profile.cpu_time_ms, millis)),
            (Tone::Plain, &peak(&profile.memory_bytes, bytes)),
            (Tone::Plain, &peak(&profile.gpu_memory_bytes, bytes)),
            (Tone::Dim, &time::relative(profile.updated_at, now)),
        ]);
    }
    table.render()
}

fn page(profile: &Profile, now: SystemTime) -> String {
    let mut page =
        format!("{} {}\n", styled(NAME, one_line(&profile.instance)), styled(DIM, profile.configuration));
    let mut fact = |name: &str, what: String| {
        page.push_str(&format!("  {} {what}\n", styled(DIM, format!("{name:<10}"))));
    };
    let rate = profile.success_rate.map(|rate| format!(", {} completed", percent(rate))).unwrap_or_default();
    fact("jobs", format!("{}{rate}", profile.samples));
    let figures = [
        ("time", &profile.duration_ms, millis as fn(f64) -> String),
        ("computing", &profile.cpu_time_ms, millis),
        ("memory", &profile.memory_bytes, bytes),
        ("GPU memory", &profile.gpu_memory_bytes, bytes),
    ];
    for (name, spread, write) in figures {
        if let Some(Spread { mean, deviation, peak, .. }) = spread {
            fact(name, format!("{} ± {}, at most {}", write(*mean), write(*deviation), write(*peak)));
        }
    }
    for (unit, amount) in &profile.usage {
        fact("used", format!("{amount} {}", one_line(unit)));
    }
    fact("since", time::exact(profile.since));
    fact(
        "last",
        format!(
            "{} {}",
            time::exact(profile.updated_at),
            styled(DIM, time::relative(profile.updated_at, now))
        ),
    );
    page
}

fn mean(spread: &Option<Spread>, write: fn(f64) -> String) -> String {
    spread.as_ref().map(|spread| write(spread.mean)).unwrap_or_default()
}

fn peak(spread: &Option<Spread>, write: fn(f64) -> String) -> String {
    spread.as_ref().map(|spread| write(spread.peak)).unwrap_or_default()
}

fn millis(millis: f64) -> String {
    time::span(Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default())
}

/// A cast of a figure that is no number, or negative, gives 0.
fn bytes(bytes: f64) -> String {
    ByteSize(bytes as u64).to_string()
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_units_that_people_read() {
        assert_eq!((millis(4_250.0).as_str(), millis(f64::NAN).as_str()), ("4.2s", "0ms"));
        assert_eq!((bytes(1_048_576.0).as_str(), bytes(-1.0).as_str()), ("1.0 MiB", "0 B"));
        assert_eq!(percent(0.996), "100%");
    }
}
