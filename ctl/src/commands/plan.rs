//! What is about to be installed, for whoever decides on it.

use cjm_host::{Candidate, Capability, Description, Error, Grant, Grants, Inspection, Signed};

use crate::output::{BAD, BOLD, DIM, GOOD, NAME, WARNING, styled};
use crate::project;
use crate::text::{one_line, printable};

/// What a capability lets a plugin do.
fn in_words(capability: Capability) -> &'static str {
    match capability {
        Capability::Job => "report progress",
        Capability::Log => "log",
        Capability::Cancellation => "be cancelled",
        Capability::Secrets => "read secrets, of those that it is granted",
        Capability::Cli => "print",
        Capability::Clocks => "tell the time",
        Capability::Random => "draw random numbers",
        Capability::Io => "wait for data",
        Capability::Filesystem => "use folders, of those that it is granted",
        Capability::Network => "send requests over HTTP",
        Capability::Sockets => "open connections of any kind",
        Capability::Gpu => "compute on the machine's GPUs",
        _ => "use what this host does not have",
    }
}

/// What can reach beyond the sandbox once it is granted; the rest is harmless.
fn reaches_out(capability: Capability) -> bool {
    !matches!(
        capability,
        Capability::Job
            | Capability::Log
            | Capability::Cancellation
            | Capability::Cli
            | Capability::Clocks
            | Capability::Random
            | Capability::Io
    )
}

/// The page on one candidate. `grants` are those of the command line; `missing` is what it still lacks with them.
pub(super) fn page(
    candidate: &Candidate,
    grants: &[Grant],
    secrets_kept: &[String],
    missing: Option<&Error>,
) -> String {
    let description = candidate.description();
    let mut all = candidate.grants();
    all.extend(grants.iter().cloned());
    let mut page = String::new();
    let mut line = |text: String| {
        page.push_str(text.trim_end());
        page.push('\n');
    };
    line(format!(
        "{} {}  {}",
        styled(NAME, &description.name),
        description.version,
        one_line(&description.summary)
    ));
    let fact = |name: &str, what: &str| format!("  {} {what}", styled(DIM, format!("{name:<9}")));
    line(fact("source", &project::shown(std::path::Path::new(candidate.source()))));
    line(fact("digest", &candidate.inspection().digest.to_string()));
    line(fact("signed by", &signed_by(candidate.signature())));
    line(fact("actions", &actions(description)));
    wants(description, candidate.inspection(), &all, secrets_kept).into_iter().for_each(&mut line);
    for grant in all.iter() {
        line(fact("granted", &styled(GOOD, grant)));
    }
    if let Some(changes) = candidate.changes().filter(|changes| !changes.is_empty()) {
        for (at, change) in changes.to_string().lines().enumerate() {
            line(fact(if at == 0 { "changes" } else { "" }, &coloured(&printable(change))));
        }
    }
    if let Some(missing) = missing {
        line(fact("missing", &styled(WARNING, first_line(missing))));
    }
    page
}

fn first_line(error: &Error) -> String {
    let message = error.to_string();
    one_line(message.lines().next().unwrap_or_default())
}

/// What came is good to see, what went or changed deserves a look.
fn coloured(change: &str) -> String {
    match change.chars().next() {
        Some('+') => styled(GOOD, change),
        Some('-') => styled(BAD, change),
        Some('~') => styled(WARNING, change),
        _ => change.to_owned(),
    }
}

fn signed_by(signature: &Signed) -> String {
    match signature {
        Signed::Unsigned => "nobody".into(),
        Signed::By { key } => styled(GOOD, key),
        Signed::Untrusted { number } => {
            format!("the key {number}, which {}", styled(WARNING, "is not trusted"))
        }
        Signed::Invalid { reason } => styled(BAD, one_line(reason)),
        _ => "something unknown".into(),
    }
}

fn actions(description: &Description) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&str> =
        description.actions.iter().take(SHOWN).map(|action| action.name.as_str()).collect();
    let more = description.actions.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    if names.is_empty() { "none".into() } else { names.join(", ") + &more }
}

/// What it would use: first what reaches out, each with its imports; then in one line what does not.
fn wants(
    description: &Description,
    inspection: &Inspection,
    grants: &Grants,
    secrets_kept: &[String],
) -> Vec<String> {
    let mut lines = Vec::new();
    let label = |lines: &[String]| styled(DIM, format!("{:<9}", if lines.is_empty() { "wants" } else { "" }));
    for (capability, imports) in inspection.imports.iter().filter(|(capability, _)| reaches_out(**capability))
    {
        let imports: Vec<_> = imports.iter().map(|import| one_line(import)).collect();
        lines.push(format!(
            "  {} {} {} {}",
            label(&lines),
            styled(BOLD, format!("{capability}:")),
            in_words(*capability),
            styled(DIM, format!("({})", shortened(&imports)))
        ));
    }
    for secret in &description.secrets {
        let granted = grants.secrets.contains(&secret.name);
        let state = match (granted, secrets_kept.contains(&secret.name)) {
            (true, true) => styled(GOOD, "granted"),
            (true, false) => styled(WARNING, "granted, but not kept yet"),
            (false, _) => styled(WARNING, "not granted"),
        };
        let need = if secret.required { "required" } else { "optional" };
        lines.push(format!(
            "  {} {} {}, {need}, {state}  {}",
            label(&lines),
            styled(BOLD, "secret:"),
            styled(NAME, one_line(&secret.name)),
            styled(DIM, one_line(&secret.description)),
        ));
    }
    let harmless: Vec<_> =
        inspection.imports.keys().filter(|capability| !reaches_out(**capability)).collect();
    if !harmless.is_empty() {
        let words: Vec<_> = harmless.into_iter().map(|capability| in_words(*capability)).collect();
        lines.push(format!("  {} {}", label(&lines), styled(DIM, words.join(", "))));
    }
    lines
}

/// Each package with its interfaces once, and no more than fit into a line or two.
fn shortened(imports: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<&str> = imports.iter().take(SHOWN).map(String::as_str).collect();
    match imports.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
