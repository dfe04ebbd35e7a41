//! The data folder: whether it can be used, by whom, and how the database in it is.

use std::fs;
use std::io;
use std::path::Path;

use bytesize::ByteSize;
use cjm_host::{DatabaseHealth, Queue, Settings};

use super::report::{Finding, Section};
use crate::project::shown;
use crate::text::shell_quoted;

/// A journal that is longer was never taken into the database, mostly because somebody reads from it all the time.
const LONG_JOURNAL: u64 = 1 << 30;

/// Looks at it; false where nothing else in it can be looked at.
pub(super) async fn look(settings: &Settings, findings: &mut Vec<Finding>) -> bool {
    let dir = settings.data_dir();
    let finding = Finding::of(Section::Project, "data folder");
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(finding.ok(format!("{}, which is made when something is stored", shown(dir))));
            return true;
        }
        Err(error) => {
            findings.push(
                finding
                    .problem(format!("cannot look at {}: {error}", shown(dir)))
                    .hint("give yourself the right to, or choose another folder with --data-dir".to_owned()),
            );
            return false;
        }
        Ok(found) if !found.is_dir() => {
            findings.push(
                finding
                    .problem(format!("{} is a file, and has to be a folder", shown(dir)))
                    .hint("move it away, or choose another folder with --data-dir".to_owned()),
            );
            return false;
        }
        Ok(_) => {}
    }
    findings.push(writable(dir, finding));
    secret_from_others(settings, findings);
    database(dir, findings).await
}

/// Whether files can be made there: the only way to know it for sure is to make one.
fn writable(dir: &Path, finding: Finding) -> Finding {
    match tempfile::Builder::new().prefix(".cjm-doctor-").tempfile_in(dir) {
        Ok(_) => finding.ok(shown(dir)),
        Err(error) => finding
            .problem(format!("{} cannot be written to: {error}", shown(dir)))
            .hint(format!("chmod u+rwx {}, or choose another folder with --data-dir", shell_quoted(dir))),
    }
}

/// Inputs, results and secrets are in there.
#[cfg(unix)]
fn secret_from_others(settings: &Settings, findings: &mut Vec<Finding>) {
    use std::os::unix::fs::PermissionsExt;
    let dir = settings.data_dir();
    let mode = |path: &Path| fs::metadata(path).map(|found| found.permissions().mode() & 0o777).ok();
    let mut good = true;
    let mut tell = |path: &Path, what: &str, change: &str| {
        let finding = Finding::of(Section::Project, "permissions").warning(format!("{} {what}", shown(path)));
        findings.push(finding.hint(format!("chmod {change} {}", shell_quoted(path))));
        good = false;
    };
    if mode(dir).is_some_and(|mode| mode & 0o022 != 0) {
        tell(dir, "can be written to by other users, who could put plugins there", "go-w");
    }
    let files =
        [settings.database_file(), settings.secrets_dir(), dir.join("blobs"), dir.join("worker.sock")];
    for path in files {
        if mode(&path).is_some_and(|mode| mode & 0o077 != 0) {
            tell(&path, "is open to other users", "go=");
        }
    }
    if good {
        let finding = Finding::of(Section::Project, "permissions");
        findings.push(finding.ok("what is private can be read by its owner alone"));
    }
}

#[cfg(not(unix))]
fn secret_from_others(_settings: &Settings, _findings: &mut Vec<Finding>) {}

/// Whether the database is whole; false where it cannot be used.
async fn database(dir: &Path, findings: &mut Vec<Finding>) -> bool {
    let finding = Finding::of(Section::Project, "database");
    match Queue::check(dir).await {
        Err(error) => {
            findings.push(finding.error(&error));
            false
        }
        Ok(None) => {
            findings.push(finding.ok("none yet"));
            true
        }
        Ok(Some(health)) => {
            findings.push(whole(&health, finding));
            true
        }
    }
}

fn whole(health: &DatabaseHealth, finding: Finding) -> Finding {
    let version = match health.version == health.latest {
        true => format!("version {}", health.version),
        false => format!("version {}, which the next use brings to {}", health.version, health.latest),
    };
    let size = ByteSize(health.bytes.saturating_add(health.journal_bytes));
    let finding = finding.ok(format!("{}: whole, {version}, {size}", shown(&health.path)));
    if health.journal_bytes < LONG_JOURNAL {
        return finding;
    }
    let journal = ByteSize(health.journal_bytes);
    finding
        .warning(format!("{}: whole, {version}, but {journal} of it wait beside it", shown(&health.path)))
        .hint(
            "stop what reads from it all the time, then `cjm-ctl purge --older-than 30d --vacuum`".to_owned(),
        )
}
