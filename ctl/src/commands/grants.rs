//! `cjm-ctl grant`, `revoke` and `grants`: what plugins may use, and who said so.

use std::path::Path;

use cjm_host::{Error, Grant, Manager, SecretState};

use crate::cli::{GrantArgs, GrantsArgs, RevokeArgs};
use crate::failure::{Failure, Result};
use crate::output::{Console, DIM, GOOD, NAME, WARNING, styled};
use crate::project::{Missing, Project, shown};
use crate::table::{Table, Tone};
use crate::text::{one_line, printable};

/// Lets a plugin use something.
pub(crate) fn grant(args: &GrantArgs, project: &Project, console: &Console) -> Result<()> {
    let grants = from_here(&args.grants)?;
    project.manage(Missing::Refuse, "granting", console, async |manager| {
        let new = manager.grant(&args.name, &grants).await?;
        for (grant, new) in grants.iter().zip(&new) {
            let done = if *new { styled(GOOD, "granted") } else { styled(DIM, "granted already") };
            console.note(format!("{done} {grant}"));
            remarks(&manager, grant, console)?;
        }
        let after = manager.grants(&args.name).await?;
        if let Some(missing) = &after.missing {
            tell_missing(missing, console);
        }
        if console.json() { console.print_json(&after) } else { Ok(()) }
    })
}

/// Takes back what was granted.
pub(crate) fn revoke(args: &RevokeArgs, project: &Project, console: &Console) -> Result<()> {
    let grants = from_here(&args.grants)?;
    project.manage(Missing::Refuse, "revoking", console, async |manager| {
        let gone = manager.revoke(&args.name, &grants).await?;
        let after = manager.grants(&args.name).await?;
        for (grant, gone) in grants.iter().zip(&gone) {
            if *gone {
                console.note(format!("{} {grant}", styled(GOOD, "revoked")));
            }
            // By whatever else says so: the operator believes it to be gone.
            if let Some(still) = after.granted.iter().find(|granted| is_same(&granted.grant, grant)) {
                return Err(Failure::user(format!("{} still grants `{}`", shown(&still.by), still.grant))
                    .hint(format!("take it away there, under [plugins.{}.grants]", args.name)));
            }
            if !gone {
                return Err(Failure::user(format!("`{}` was not granted `{grant}`", args.name))
                    .hint(format!("`cjm-ctl grants {}` shows what it was", args.name)));
            }
        }
        if console.json() { console.print_json(&after) } else { Ok(()) }
    })
}

/// Whether revoking the one is meant to revoke the other: whatever its access.
fn is_same(granted: &Grant, revoked: &Grant) -> bool {
    let mut grants: cjm_host::Grants = [granted.clone()].into_iter().collect();
    grants.remove(revoked)
}

/// Shows what is granted, and what is missing.
pub(crate) fn grants(args: &GrantsArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "reading the grants", console, async |manager| {
        let names: Vec<String> = match &args.name {
            Some(name) => vec![name.clone()],
            None => manager.discovery().plugins.iter().map(|record| record.name.clone()).collect(),
        };
        let mut all = Vec::new();
        for name in &names {
            all.push(manager.grants(name).await?);
        }
        if console.json() {
            return console.print_json(&all);
        }
        let mut table = Table::new(["PLUGIN", "MAY USE", "AS SAYS"]);
        let mut rows = 0;
        for one in &all {
            for (at, granted) in one.granted.iter().enumerate() {
                let name = if at == 0 { one.plugin.as_str() } else { "" };
                table.row([
                    (Tone::Name, name),
                    (Tone::Plain, &granted.grant.to_string()),
                    (Tone::Dim, &shown(&granted.by)),
                ]);
                rows += 1;
            }
        }
        match (rows, &args.name) {
            (0, Some(name)) => console.note(format!("nothing is granted to {}", styled(NAME, name))),
            (0, None) => console.note("nothing is granted to any plugin"),
            _ => console.print(&table.render())?,
        }
        for one in &all {
            if let Some(missing) = &one.missing {
                tell_missing(missing, console);
            }
            let optional = one.secrets.iter().filter(|secret| !secret.need.required);
            for secret in optional.filter(|secret| !(secret.granted && secret.set)) {
                console.note(could_use(&one.plugin, secret));
            }
        }
        Ok(())
    })
}

/// Says what a plugin cannot be loaded without, so that it can be pasted.
pub(super) fn tell_missing(missing: &Error, console: &Console) {
    if console.json() {
        // It is in the result.
        return;
    }
    let message = missing.to_string();
    let mut lines = message.lines().map(printable);
    let first = lines.next().unwrap_or_default();
    let rest: String = lines.map(|line| format!("\n  {line}")).collect();
    console.note(format!("{} {first}{rest}", styled(WARNING, "missing:")));
}

/// A secret that a plugin does not need but could use, and how it gets it.
fn could_use(plugin: &str, secret: &SecretState) -> String {
    let name = one_line(&secret.need.name);
    let way = match secret.granted {
        false => format!("cjm-ctl grant {plugin} secret={name}"),
        true => format!("cjm-ctl secret set {name}"),
    };
    let what = one_line(&secret.need.description);
    format!(
        "{} `{plugin}` could use the secret `{name}`: {way}  {}",
        styled(DIM, "optional:"),
        styled(DIM, what)
    )
}

/// The grants with folders that begin in the current folder, as whoever types them means it.
pub(super) fn from_here(grants: &[Grant]) -> Result<Vec<Grant>> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::io("find the current folder", Path::new("."), &error))?;
    let rebased = |grant: &Grant| {
        let mut grant = grant.clone();
        grant.rebase(&here);
        grant
    };
    Ok(grants.iter().map(rebased).collect())
}

/// What whoever grants this should know.
fn remarks(manager: &Manager, grant: &Grant, console: &Console) -> Result<()> {
    match grant {
        Grant::Folder(folder) if !folder.host.is_dir() => console.note(format!(
            "{} the folder {} is not there; the plugin is not loaded without it",
            styled(WARNING, "warning:"),
            shown(&folder.host)
        )),
        Grant::Secret(name) if !manager.settings().secrets()?.list()?.contains(name) => {
            console.note(format!("no such secret is kept yet: cjm-ctl secret set {name}"));
        }
        _ => {}
    }
    Ok(())
}
