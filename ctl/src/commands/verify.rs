//! `cjm-ctl verify` and `regenerate`: whether plugins are what was installed, and saying that they are.

use cjm_host::{Error, Integrity, Signed, Verdict};
use serde::Serialize;
use serde_json::json;

use crate::cli::{RegenerateArgs, VerifyArgs};
use crate::failure::{Failure, Result};
use crate::output::{BAD, Console, GOOD, NAME, styled};
use crate::project::{Missing, Project, patiently};
use crate::prompt;
use crate::table::{Table, Tone};
use crate::text;

/// What `--json` prints of each plugin.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Verified {
    #[serde(flatten)]
    verdict: Verdict,
    /// Why it would not be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Error>,
}

/// Holds plugins against what was written down about them.
pub(crate) fn verify(args: &VerifyArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "verifying", console, async |manager| {
        let level = manager.settings().trust();
        let mut verdicts = Vec::new();
        if args.names.is_empty() {
            verdicts = manager.verify(None).await?;
        }
        for name in &args.names {
            verdicts.extend(manager.verify(Some(name)).await?);
        }
        let verified: Vec<_> = verdicts
            .into_iter()
            .map(|verdict| Verified { refusal: verdict.admit(level).err(), verdict })
            .collect();
        if console.json() {
            console.print_json(&verified)?;
        } else if verified.is_empty() {
            console.note("there are no plugins to verify");
        } else {
            console.print(&table(&verified))?;
        }
        let refused: Vec<_> =
            verified.iter().filter_map(|one| Some((&one.verdict.name, one.refusal.as_ref()?))).collect();
        if refused.is_empty() {
            return Ok(());
        }
        for (_, refusal) in &refused {
            console.note(format!("{} {}", styled(BAD, "refused:"), text::one_line(&refusal.to_string())));
        }
        // The machine's state is at fault, and not what was typed.
        Err(Failure::fatal(match refused.as_slice() {
            [(name, _)] => format!("`{name}` would not be loaded"),
            several => format!("{} of {} plugins would not be loaded", several.len(), verified.len()),
        }))
    })
}

fn table(verified: &[Verified]) -> String {
    let mut table = Table::new(["PLUGIN", "STATE", "SIGNATURE", "DIGEST"]);
    for Verified { verdict, refusal } in verified {
        let state = match verdict.integrity {
            Integrity::Intact => "intact",
            Integrity::NotLocked => "not locked",
            Integrity::Altered => "altered",
            Integrity::Missing => "missing",
            _ => "unusable",
        };
        let tone = match verdict.integrity {
            _ if refusal.is_some() => Tone::Bad,
            Integrity::Intact => Tone::Good,
            _ => Tone::Warning,
        };
        let (signature_tone, signature) = signature(&verdict.signature);
        let digest = verdict.found.map(|digest| digest.short()).unwrap_or_default();
        table.row([
            (Tone::Name, verdict.name.as_str()),
            (tone, state),
            (signature_tone, &signature),
            (Tone::Dim, &digest),
        ]);
    }
    table.render()
}

/// A signature in words.
pub(super) fn signature(signed: &Signed) -> (Tone, String) {
    match signed {
        Signed::Unsigned => (Tone::Dim, "unsigned".into()),
        Signed::By { key } => (Tone::Good, key.clone()),
        Signed::Untrusted { number } => (Tone::Warning, format!("{number}, not trusted")),
        _ => (Tone::Bad, "does not fit".into()),
    }
}

/// Writes a manifest anew.
pub(crate) fn regenerate(args: &RegenerateArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "writing the manifest", console, async |manager| {
        let component = match (manager.record(&args.name), manager.discovery().problem(&args.name)) {
            (Ok(record), _) => record.digest.to_string(),
            (Err(_), Some(problem)) => problem.path.with_extension("wasm").display().to_string(),
            (Err(unknown), None) => return Err(unknown.into()),
        };
        let question = format!("Take {component} for what `{}` is from now on?", args.name);
        prompt::confirm(args.confirm, &question, "writing a manifest anew", console).await?;
        let work = manager.regenerate(&args.name);
        let changes = patiently(work, &args.name, "looking at the component", console).await?;
        if console.json() {
            return console.print_json(&json!({ "name": args.name, "changes": changes }));
        }
        console.note(format!("{} the manifest of {}", styled(GOOD, "wrote"), styled(NAME, &args.name)));
        match changes {
            Some(changes) => console.print(&format!("{changes}\n")),
            None => Ok(()),
        }
    })
}
