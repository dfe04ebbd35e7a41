//! The plugins: which of them cannot be used, and why.

use std::collections::BTreeSet;

use cjm_host::{Integrity, LockFile, Manager, Settings};

use super::report::{Finding, Section};
use crate::output::Console;
use crate::project;

fn finding(check: impl Into<String>) -> Finding {
    Finding::of(Section::Plugins, check)
}

/// Looks at them; gives the manager where there is one.
pub(super) async fn look(
    settings: &Settings,
    console: &Console,
    findings: &mut Vec<Finding>,
) -> Option<Manager> {
    if !settings.data_dir().is_dir() && !settings.plugins_dir().is_dir() {
        findings.push(finding("plugins").ok("none yet: `cjm-ctl install FILE`"));
        return None;
    }
    findings.push(match LockFile::read(settings.lock_file()) {
        Ok(lock) => finding("lock file").ok(match lock.iter().count() {
            0 => "nothing is pinned".to_owned(),
            count => project::shown(settings.lock_file()) + &pinned(count),
        }),
        Err(error) => finding("lock file").error(&error),
    });
    let manager = match project::open(settings.clone(), console).await {
        Ok(manager) => manager,
        Err(failure) => {
            findings.push(finding("plugins").error(&failure.error).hint(failure.hint));
            return None;
        }
    };
    unusable(&manager, findings).await;
    let before = findings.len();
    for record in &manager.discovery().plugins {
        each(&manager, record, findings).await;
    }
    if findings.len() == before && !manager.discovery().plugins.is_empty() {
        let count = manager.discovery().plugins.len();
        findings.push(finding("plugins").ok(match count {
            1 => "the one that there is can be used".to_owned(),
            count => format!("all {count} can be used"),
        }));
    }
    Some(manager)
}

fn pinned(count: usize) -> String {
    match count {
        1 => " pins one plugin".to_owned(),
        count => format!(" pins {count} plugins"),
    }
}

/// What is in the folder and is no plugin, and what should be there and is not, or is another.
async fn unusable(manager: &Manager, findings: &mut Vec<Finding>) {
    let discovery = manager.discovery();
    for problem in &discovery.problems {
        findings.push(finding(project::shown(&problem.path)).error(&problem.error));
    }
    let mut told: BTreeSet<&str> = discovery
        .plugins
        .iter()
        .filter(|record| record.refusal.is_some())
        .map(|record| record.name.as_str())
        .collect();
    told.extend(discovery.problems.iter().filter_map(|problem| problem.path.file_stem()?.to_str()));
    let verdicts = match manager.verify(None).await {
        Ok(verdicts) => verdicts,
        // The lock file cannot be read, which was said already.
        Err(_) => return,
    };
    for verdict in verdicts.iter().filter(|verdict| !told.contains(verdict.name.as_str())) {
        let finding = finding(&verdict.name);
        match verdict.integrity {
            Integrity::Missing => findings.push(
                finding
                    .problem(format!("it was installed, and its file {} is not there", verdict.file))
                    .hint(format!("install it again, or `cjm-ctl remove {}`", verdict.name)),
            ),
            Integrity::Altered => findings.push(
                finding
                    .problem(format!("{} is not what was installed", verdict.file))
                    .hint(format!(
                        "`cjm-ctl verify {0}` says more; install it again, or take it as it is: `cjm-ctl regenerate {0}`",
                        verdict.name
                    )),
            ),
            _ => {}
        }
    }
}

/// What keeps one plugin from being used, or used as it was meant.
async fn each(manager: &Manager, record: &cjm_host::Record, findings: &mut Vec<Finding>) {
    let finding = || finding(&record.name);
    if let Some(refusal) = &record.refusal {
        findings.push(finding().error(refusal));
        return;
    }
    match manager.grants(&record.name).await {
        Err(error) => findings.push(finding().error(&error)),
        Ok(grants) => {
            if let Some(missing) = &grants.missing {
                findings.push(finding().warning(missing.to_string()));
            }
        }
    }
    let drift = record.manifest.as_ref().and_then(|manifest| manifest.schema_drift(&record.description));
    if drift.is_some() {
        findings.push(
            finding()
                .warning("its configuration schema is not the one that it was installed with")
                .hint(format!("look at its configuration, then `cjm-ctl regenerate {}`", record.name)),
        );
    }
}
