//! `cjm-ctl list` and `categories`: which plugins there are.

use std::collections::BTreeMap;

use cjm_host::{Capability, LockFile, Problem, Query, Record};
use serde::Serialize;

use crate::cli::ListArgs;
use crate::commands::info;
use crate::failure::Result;
use crate::output::{BAD, Console, WARNING, styled};
use crate::project::{Missing, Project, shown};
use crate::table::{Table, Tone};
use crate::text;

/// What `--json` prints.
#[derive(Serialize)]
struct Listing<'a> {
    plugins: Vec<Listed<'a>>,
    problems: &'a [Problem],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Listed<'a> {
    #[serde(flatten)]
    record: &'a Record,
    installed: bool,
    /// Whether any of its instances takes calls.
    enabled: bool,
    imports: &'a BTreeMap<Capability, Vec<String>>,
}

/// Lists the plugins that fit.
pub(crate) fn list(args: &ListArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "listing the plugins", console, async |manager| {
        let records = manager.find(&query(args));
        let discovery = manager.discovery();
        let lock = LockFile::read(manager.settings().lock_file())?;
        let mut plugins = Vec::with_capacity(records.len());
        for record in &records {
            let instances = info::instances(&manager, record).await?;
            plugins.push(Listed {
                record,
                installed: lock.get(&record.name).is_some(),
                enabled: instances.iter().any(|instance| instance.enabled),
                imports: &record.inspection.imports,
            });
        }
        if console.json() {
            return console.print_json(&Listing { plugins, problems: &discovery.problems });
        }
        match (records.is_empty(), discovery.plugins.is_empty()) {
            (true, true) => console.note(format!(
                "no plugins in {}: `cjm-ctl install FILE`, or put a component there",
                shown(manager.settings().plugins_dir())
            )),
            (true, false) => console.note("no plugin fits all of that"),
            (false, _) => {
                let mut table = Table::new(["NAME", "VERSION", "FOR", "STATE", "SUMMARY"]);
                plugins.iter().for_each(|listed| add(&mut table, listed));
                console.print(&table.render())?;
            }
        }
        for record in &records {
            if let Some(refusal) = &record.refusal {
                console.note(format!("{} {}", styled(BAD, "refused:"), text::one_line(&refusal.to_string())));
            }
        }
        for problem in &discovery.problems {
            let why = text::one_line(&problem.error.to_string());
            console.note(format!("{} {}: {why}", styled(WARNING, "not usable:"), shown(&problem.path)));
        }
        Ok(())
    })
}

fn query(args: &ListArgs) -> Query {
    let mut query = Query::default();
    if let Some(name) = &args.name {
        query = query.name(name);
    }
    if let Some(category) = &args.category {
        query = query.category(category);
    }
    if let Some(domain) = &args.domain {
        query = query.domain(domain);
    }
    if let Some(role) = &args.role {
        query = query.role(role);
    }
    if let Some(platform) = &args.platform {
        query = query.platform(platform);
    }
    let query = args.capability.iter().fold(query, |query, capability| query.with(*capability));
    args.without.iter().fold(query, |query, capability| query.without(*capability))
}

fn add(table: &mut Table, listed: &Listed<'_>) {
    let record = listed.record;
    let description = &record.description;
    let purpose: Vec<&str> =
        [&description.category, &description.domain].into_iter().filter_map(|one| one.as_deref()).collect();
    let (tone, state) = state(record, listed.installed, listed.enabled);
    table.row([
        (Tone::Name, record.name.as_str()),
        (Tone::Plain, &description.version.to_string()),
        (Tone::Plain, &purpose.join(", ")),
        (tone, state),
        (Tone::Dim, &description.summary),
    ]);
}

/// How a plugin stands, in a word or two.
pub(super) fn state(record: &Record, installed: bool, enabled: bool) -> (Tone, &'static str) {
    match (&record.refusal, enabled, installed) {
        (Some(_), _, _) => (Tone::Bad, "refused"),
        (None, false, _) => (Tone::Warning, "disabled"),
        (None, true, true) => (Tone::Good, "installed"),
        (None, true, false) => (Tone::Plain, "dropped in"),
    }
}

/// Shows the plugins by category.
pub(crate) fn categories(project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "listing the categories", console, async |manager| {
        let categories = manager.categories().await?;
        if console.json() {
            return console.print_json(&categories);
        }
        if categories.is_empty() {
            console.note("there are no plugins yet: `cjm-ctl install FILE`");
            return Ok(());
        }
        let mut table = Table::new(["CATEGORY", "PLUGIN", "ID", "CONFIGURED", "SUMMARY"]);
        for category in &categories {
            for (at, entry) in category.entries.iter().enumerate() {
                let configured =
                    if entry.is_configured { (Tone::Good, "yes") } else { (Tone::Warning, "no") };
                table.row([
                    (Tone::Plain, if at == 0 { &category.display_name } else { "" }),
                    (Tone::Name, &entry.display_name),
                    (Tone::Plain, &entry.id),
                    configured,
                    (Tone::Dim, &entry.plugin.description.summary),
                ]);
            }
        }
        console.print(&table.render())
    })
}
