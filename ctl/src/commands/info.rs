//! `cjm-ctl info`: all that is known of a plugin in the project.

use cjm_host::{Configured, Inspection, Manager, Manifest, PluginGrants, Record, Verdict};
use serde::Serialize;

use crate::cli::InfoArgs;
use crate::commands::list::state;
use crate::commands::{grants, inspect, verify};
use crate::failure::Result;
use crate::output::{BAD, Console, DIM, GOOD, WARNING, styled};
use crate::project::{Missing, Project, shown};
use crate::table::Tone;
use crate::text::one_line;

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Info<'a> {
    #[serde(flatten)]
    record: &'a Record,
    inspection: &'a Inspection,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<&'a Manifest>,
    verdict: &'a Verdict,
    grants: &'a PluginGrants,
    instances: &'a [Configured],
}

/// Prints what there is to know.
pub(crate) fn info(args: &InfoArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "looking at the plugin", console, async |manager| {
        let record = manager.record(&args.name)?;
        let grants = manager.grants(&record.name).await?;
        let verdicts = manager.verify(Some(&record.name)).await?;
        let instances = instances(&manager, &record).await?;
        let Some(verdict) = verdicts.first() else { return Ok(()) };
        if console.json() {
            return console.print_json(&Info {
                record: &record,
                inspection: &record.inspection,
                manifest: record.manifest.as_deref(),
                verdict,
                grants: &grants,
                instances: &instances,
            });
        }
        let mut page = inspect::page(&record.inspection, Some(&record.description));
        installation(&record, verdict, &instances, &mut page);
        allowed(&grants, &mut page);
        configured(&instances, &mut page);
        console.print(&page)?;
        if let Some(refusal) = &record.refusal {
            console.note(format!("{} {}", styled(BAD, "refused:"), one_line(&refusal.to_string())));
        }
        if let Some(missing) = &grants.missing {
            grants::tell_missing(missing, console);
        }
        Ok(())
    })
}

/// The instances that the plugin is to have.
pub(super) async fn instances(manager: &Manager, record: &Record) -> Result<Vec<Configured>> {
    let declared = manager.settings().plugin(&record.name);
    let ids: Vec<String> = match declared {
        Some(declared) => declared.instance_ids(&record.name).map(str::to_owned).collect(),
        None => vec![record.name.clone()],
    };
    let mut instances = Vec::new();
    for id in ids {
        instances.push(manager.config(&id).await?);
    }
    Ok(instances)
}

fn fact(page: &mut String, name: &str, what: &str) {
    page.push_str(&format!("  {} {what}\n", styled(DIM, format!("{name:<9}"))));
}

fn section(page: &mut String, title: &str) {
    page.push_str(&format!("\n{}\n", styled(GOOD, title)));
}

fn toned(tone: Tone, text: &str) -> String {
    match tone {
        Tone::Good => styled(GOOD, text),
        Tone::Warning => styled(WARNING, text),
        Tone::Bad => styled(BAD, text),
        _ => text.to_owned(),
    }
}

fn installation(record: &Record, verdict: &Verdict, instances: &[Configured], page: &mut String) {
    section(page, "Installation");
    let enabled = instances.iter().any(|instance| instance.enabled);
    let (tone, state) = state(record, verdict.locked.is_some(), enabled);
    fact(page, "state", &toned(tone, state));
    fact(page, "file", &shown(&record.path));
    if let Some(manifest) = &record.manifest {
        let install = &manifest.install;
        fact(page, "source", &one_line(&install.source));
        let when = humantime::format_rfc3339_seconds(install.installed_at);
        fact(
            page,
            "installed",
            &format!("{when} by {} {}", install.installer.name, install.installer.version),
        );
    }
    let digest = match (&verdict.locked, verdict.found) {
        (Some(locked), Some(found)) if *locked == found => styled(GOOD, "in cjm.lock, intact"),
        (Some(_), _) => styled(BAD, "in cjm.lock, and it is another"),
        (None, _) => "not in cjm.lock".into(),
    };
    fact(page, "digest", &digest);
    let (tone, signature) = verify::signature(&verdict.signature);
    fact(page, "signature", &toned(tone, &signature));
}

fn allowed(grants: &PluginGrants, page: &mut String) {
    section(page, "May use");
    if grants.granted.is_empty() {
        page.push_str("  nothing beyond computing\n");
    }
    for granted in &grants.granted {
        page.push_str(&format!("  {}  {}\n", granted.grant, styled(DIM, shown(&granted.by))));
    }
}

fn configured(instances: &[Configured], page: &mut String) {
    section(page, if instances.len() == 1 { "Instance" } else { "Instances" });
    for instance in instances {
        let enabled = if instance.enabled { styled(GOOD, "enabled") } else { styled(WARNING, "disabled") };
        let config = match &instance.stored {
            Some(_) => one_line(&instance.effective.to_string()),
            None => styled(DIM, format!("{} (nothing was set)", one_line(&instance.effective.to_string()))),
        };
        page.push_str(&format!("  {}  {enabled}  {config}\n", instance.instance));
    }
}
