//! The machine: versions, memory for plugins, space on the disk, GPUs.

use std::path::Path;

use bytesize::ByteSize;
use cjm_host::{Figures, Host, Manager, Release, Settings, Space};

use super::report::{Finding, Section};
use crate::project::shown;

/// With less space on the disk, a few large results may fill it.
const LITTLE_SPACE: u64 = 1 << 30;

/// With less than this, nothing can be stored reliably.
const NO_SPACE: u64 = 64 << 20;

fn finding(check: &str) -> Finding {
    Finding::of(Section::Machine, check)
}

/// Looks at it.
pub(super) async fn look(settings: Option<&Settings>, opened: Option<&Manager>, findings: &mut Vec<Finding>) {
    let Release { cjm, wasmtime, sqlite, .. } = Release::current();
    findings.push(finding("versions").ok(format!("cjm {cjm}, wasmtime {wasmtime}, SQLite {sqlite}")));
    findings.push(engine(opened));
    // Asking the drivers may take a moment.
    if let Ok(figures) = tokio::task::spawn_blocking(Figures::now).await {
        findings.push(memory(&figures));
        findings.extend(gpus(&figures));
    }
    if let Some(settings) = settings {
        findings.push(cache(settings.cache_dir()));
        findings.extend(space(settings));
    }
}

/// How much memory jobs can have.
fn memory(figures: &Figures) -> Finding {
    let finding = finding("memory");
    match figures.memory {
        None => finding
            .warning("the operating system does not say how much there is; jobs are not held against it"),
        Some(space) => finding.ok(free_of(space)),
    }
}

/// The GPUs that jobs can have, as far as their driver tells.
fn gpus(figures: &Figures) -> Vec<Finding> {
    if figures.gpus.is_empty() {
        return vec![finding("GPU").ok("none, or none whose driver says how much memory it has (NVML)")];
    }
    let each = |(at, space): (usize, &Space)| finding(&format!("GPU {at}")).ok(free_of(*space));
    figures.gpus.iter().enumerate().map(each).collect()
}

fn free_of(Space { total, free }: Space) -> String {
    format!("{} of {} free", ByteSize(free), ByteSize(total))
}

/// Whether instances are cheap to make.
fn engine(opened: Option<&Manager>) -> Finding {
    let finding = finding("plugin memory");
    let pools = match opened {
        Some(manager) => Ok(manager.host().pools_memory()),
        None => Host::builder().build().map(|host| host.pools_memory()),
    };
    match pools {
        Err(error) => finding.error(&error),
        Ok(true) => finding.ok("from a pool"),
        Ok(false) => finding
            .warning("taken from the system for each instance, which costs time: there is no room for a pool")
            .hint("let the process have more address space: ulimit -v unlimited".to_owned()),
    }
}

/// Whether compiled plugins can be kept.
fn cache(dir: &Path) -> Finding {
    let finding = finding("compiled plugins");
    // It is made when the first is compiled: what counts is the nearest folder that there is.
    let Some(there) = dir.ancestors().find(|dir| dir.is_dir()) else { return finding.ok(shown(dir)) };
    match tempfile::Builder::new().prefix(".cjm-doctor-").tempfile_in(there) {
        Ok(_) => finding.ok(shown(dir)),
        Err(error) => finding
            .warning(format!("cannot be kept in {}: {error}; each start compiles them anew", shown(dir)))
            .hint(
                "give yourself the right to write there, or choose another folder with --cache-dir"
                    .to_owned(),
            ),
    }
}

/// How much can still be stored.
#[cfg(unix)]
fn space(settings: &Settings) -> Option<Finding> {
    let there = settings.data_dir().ancestors().find(|dir| dir.is_dir())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(free(stat.f_bavail.saturating_mul(stat.f_frsize), there))
}

#[cfg(not(unix))]
fn space(_settings: &Settings) -> Option<Finding> {
    None
}

/// What so much free space means.
#[cfg(unix)]
fn free(bytes: u64, at: &Path) -> Finding {
    let finding = finding("disk");
    let said = format!("{} free at {}", ByteSize(bytes), shown(at));
    let hint = "free some space; `cjm-ctl purge --older-than 7d --vacuum` deletes jobs that ended long ago"
        .to_owned();
    match bytes {
        ..NO_SPACE => finding.problem(format!("only {said}: jobs may be refused")).hint(hint),
        NO_SPACE..LITTLE_SPACE => finding.warning(format!("only {said}")).hint(hint),
        _ => finding.ok(said),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::report::Level;
    use super::*;

    #[test]
    fn a_full_disk_is_a_problem_before_it_is_full() {
        for (bytes, level) in [(0, Level::Problem), (100 << 20, Level::Warning), (2 << 30, Level::Ok)] {
            assert_eq!(free(bytes, Path::new("/")).level, level);
        }
    }

    #[test]
    fn a_cache_that_cannot_be_kept_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(cache(&dir.path().join("compiled")).level, Level::Ok);
    }
}
