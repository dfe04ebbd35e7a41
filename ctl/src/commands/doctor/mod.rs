//! `cjm-ctl doctor`: what is wrong with the project and the machine, and how to mend it.

mod data;
mod machine;
mod plugins;
mod queue;
mod report;

use cjm_host::{Release, Settings};
use serde::Serialize;

use self::report::{Finding, Level, Section};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::Console;
use crate::project::{self, Project};
use crate::runtime;

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    release: Release,
    problems: usize,
    warnings: usize,
    checks: &'a [Finding],
}

/// Looks at everything, and says what to mend.
pub(crate) fn doctor(project: &Project, console: &Console) -> Result<()> {
    let findings = runtime::block_on(async {
        let mut interrupts = Interrupts::listen()?;
        tokio::select! {
            biased;
            _ = interrupts.next() => Err(Failure::cancelled("looking for problems")),
            findings = examine(project, console) => Ok(findings),
        }
    })?;
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (problems, warnings) = (count(Level::Problem), count(Level::Warning));
    if console.json() {
        console.print_json(&Report { release: Release::current(), problems, warnings, checks: &findings })?;
    } else {
        console.print(&report::page(&findings, console.verbosity() > 0))?;
    }
    match problems {
        0 => Ok(()),
        1 => Err(Failure::fatal("there is a problem; what to do is said above")),
        several => Err(Failure::fatal(format!("there are {several} problems; what to do is said above"))),
    }
}

/// All checks, of which none keeps the others from being made.
async fn examine(project: &Project, console: &Console) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = settings(project, &mut findings);
    if let Some(settings) = &settings {
        let usable = data::look(settings, &mut findings).await;
        queue::look(settings, &mut findings).await;
        let opened = match usable {
            true => plugins::look(settings, console, &mut findings).await,
            false => None,
        };
        machine::look(Some(settings), opened.as_ref(), &mut findings).await;
    } else {
        machine::look(None, None, &mut findings).await;
    }
    findings
}

/// The settings, where they can be read and there is a project.
fn settings(project: &Project, findings: &mut Vec<Finding>) -> Option<Settings> {
    let finding = Finding::of(Section::Project, "settings");
    match project.settings() {
        Err(failure) => {
            findings.push(finding.problem(failure.error.to_string()).hint(failure.hint));
            None
        }
        Ok(settings) if !project::exists(&settings) => {
            let failure = project::no_project(&settings);
            findings.push(finding.warning(failure.error.to_string()).hint(failure.hint));
            None
        }
        Ok(settings) => {
            findings.push(finding.ok(match settings.file() {
                Some(file) => project::shown(file),
                None => "no cjm.toml: the defaults hold".to_owned(),
            }));
            Some(settings)
        }
    }
}
