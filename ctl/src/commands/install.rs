//! `cjm-ctl install` and `upgrade`: fetch, look, ask, commit.

use std::path::Path;

use cjm_host::{Candidate, Digest, Error, Grant, LockFile, Manager, PluginSource};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cli::{ConfirmArgs, InstallArgs, UpgradeArgs};
use crate::commands::{grants, plan};
use crate::failure::{Failure, Result};
use crate::output::{BAD, Console, DIM, GOOD, NAME, styled};
use crate::progress::{Progress, Report, Several};
use crate::project::{Missing, Project};
use crate::{prompt, text};

/// What is to be fetched, and what it has to be.
#[derive(Debug, Clone)]
struct Wanted {
    source: String,
    /// The name that it must have.
    name: Option<String>,
}

/// What `--json` prints of each plugin.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Done {
    name: String,
    version: String,
    digest: Digest,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<cjm_host::Changes>,
    /// What it cannot be loaded without, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Installed,
    Upgraded,
    UpToDate,
}

/// Takes plugins into the project.
pub(crate) fn install(args: &InstallArgs, project: &Project, console: &Console) -> Result<()> {
    if args.sources.len() > 1 {
        if !args.grants.is_empty() {
            return Err(Failure::user("which of the plugins is to be granted this?")
                .hint("install it alone, or grant it later: cjm-ctl grant NAME GRANT"));
        }
        if args.digest.is_some() {
            return Err(
                Failure::user("which of the plugins is to have this digest?").hint("install it alone")
            );
        }
    }
    let given = grants::from_here(&args.grants)?;
    project.manage(Missing::Create, "installing", console, async |manager| {
        let mut done = Vec::new();
        let wanted = match args.all {
            true => declared(&manager, &mut done, console)?,
            false => args.sources.iter().map(|source| Wanted::given(source)).collect::<Result<_>>()?,
        };
        let candidates = fetch(&manager, wanted, console).await?;
        for candidate in &candidates {
            check_digest(&manager, candidate, args)?;
        }
        let verb = Verb { question: "Install", doing: "installing" };
        commit(&manager, candidates, &given, verb, args.confirm, &mut done, console).await?;
        if console.json() { console.print_json(&done) } else { Ok(()) }
    })
}

/// Fetches plugins anew, and installs what is new.
pub(crate) fn upgrade(args: &UpgradeArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, "upgrading", console, async |manager| {
        let wanted = installed(&manager, &args.names)?;
        if wanted.is_empty() {
            console.note("no plugin is installed: `cjm-ctl install FILE`");
        }
        let candidates = fetch(&manager, wanted, console).await?;
        let verb = Verb { question: "Upgrade", doing: "upgrading" };
        let mut done = Vec::new();
        commit(&manager, candidates, &[], verb, args.confirm, &mut done, console).await?;
        if console.json() { console.print_json(&done) } else { Ok(()) }
    })
}

impl Wanted {
    /// What the command line names: a path is one from here, whoever fetches it later.
    fn given(source: &str) -> Result<Self> {
        let source = match source.contains("://") {
            true => source.to_owned(),
            false => std::path::absolute(source)
                .map_err(|error| Failure::io("find", Path::new(source), &error))?
                .display()
                .to_string(),
        };
        Ok(Wanted { source, name: None })
    }
}

/// What `cjm.toml` declares and is not installed as it says. What is, goes to `done`.
fn declared(manager: &Manager, done: &mut Vec<Done>, console: &Console) -> Result<Vec<Wanted>> {
    let settings = manager.settings();
    let mut wanted = Vec::new();
    let mut any = false;
    for (name, plugin) in settings.plugins() {
        let Some(source) = &plugin.source else { continue };
        any = true;
        let source = match source {
            PluginSource::Url(url) => url.clone(),
            PluginSource::Path(path) => path.display().to_string(),
            _ => source.to_string(),
        };
        let discovery = manager.discovery();
        let known = discovery.get(name).filter(|record| {
            let from_there =
                record.manifest.as_ref().is_some_and(|manifest| manifest.install.source == source);
            from_there && record.refusal.is_none() && plugin.digest.is_none_or(|pin| pin == record.digest)
        });
        match known {
            Some(record) => {
                say_up_to_date(name, console);
                done.push(Done::up_to_date(name, record.description.version.to_string(), record.digest));
            }
            None => wanted.push(Wanted { source, name: Some(name.clone()) }),
        }
    }
    match (any, settings.file()) {
        (true, _) => Ok(wanted),
        (false, Some(file)) => {
            Err(Failure::user(format!("{} declares no plugin with a source", file.display()))
                .hint("write for example:\n\n  [plugins.calculator]\n  source = \"calculator.wasm\""))
        }
        (false, None) => Err(Failure::user("there is no cjm.toml that declares what to install")
            .hint("write one here, or name it with --config-file")),
    }
}

/// Where the installed plugins came from.
fn installed(manager: &Manager, names: &[String]) -> Result<Vec<Wanted>> {
    let discovery = manager.discovery();
    let records = match names.is_empty() {
        true => discovery.plugins.clone(),
        false => names.iter().map(|name| manager.record(name)).collect::<cjm_host::Result<_>>()?,
    };
    let lock = LockFile::read(manager.settings().lock_file())?;
    let mut wanted = Vec::new();
    for record in records {
        match lock.get(&record.name) {
            Some(locked) => {
                wanted.push(Wanted { source: locked.source.clone(), name: Some(record.name.clone()) });
            }
            None if names.is_empty() => {}
            None => {
                return Err(Failure::user(format!(
                    "`{}` was dropped in, and comes from nowhere",
                    record.name
                ))
                .hint(format!("install it from where it is: cjm-ctl install {}", record.path.display())));
            }
        }
    }
    Ok(wanted)
}

/// Fetches all of them and looks into them, a few at a time, each with its bar. Where one fails, nothing is installed.
async fn fetch(manager: &Manager, wanted: Vec<Wanted>, console: &Console) -> Result<Vec<Candidate>> {
    const AT_ONCE: usize = 4;
    let several = Several::new(console);
    let mut queue = wanted.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut candidates = Vec::new();
    let mut failures = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some((at, wanted)) = queue.next()
        {
            let progress = several.add(&title(&wanted));
            let manager = manager.clone();
            running.spawn(async move { (at, prepare(&manager, wanted, progress).await) });
        }
        match running.join_next().await {
            Some(Ok((at, Ok(candidate)))) => candidates.push((at, candidate)),
            Some(Ok((at, Err(failure)))) => failures.push((at, failure)),
            Some(Err(error)) => {
                failures.push((usize::MAX, Failure::fatal(format!("a fetch ended: {error}"))))
            }
            None => break,
        }
    }
    failures.sort_by_key(|(at, _)| *at);
    let nothing = candidates.len() + failures.len() > 1;
    let mut failures = failures.into_iter().map(|(_, failure)| failure);
    let Some(first) = failures.next() else {
        candidates.sort_by_key(|(at, _)| *at);
        return Ok(candidates.into_iter().map(|(_, candidate)| candidate).collect());
    };
    for other in failures {
        console.note(format!("{} {}", styled(BAD, "also:"), text::one_line(&other.error.to_string())));
    }
    Err(if nothing && first.hint.is_none() { first.hint("nothing was installed") } else { first })
}

/// What the bar of a fetch is called.
fn title(wanted: &Wanted) -> String {
    let file = || wanted.source.rsplit(['/', '\\']).next().filter(|file| !file.is_empty());
    wanted.name.as_deref().or_else(file).unwrap_or(&wanted.source).to_owned()
}

async fn prepare(manager: &Manager, wanted: Wanted, mut progress: Progress) -> Result<Candidate> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let preparing = manager.prepare(&wanted.source, move |done, total| {
        // Where nobody watches any more there is nobody to tell.
        let _ = tell.send((done, total));
    });
    let mut preparing = std::pin::pin!(preparing);
    progress.phase("fetching");
    let candidate = loop {
        tokio::select! {
            biased;
            Some((done, total)) = told.recv() => downloaded(&mut progress, done, total),
            prepared = &mut preparing => break prepared?,
        }
    };
    let found = &candidate.description().name;
    match wanted.name {
        Some(name) if name != *found => Err(Failure::user(format!(
            "{} is the plugin `{}`, and not `{name}`",
            wanted.source,
            text::one_line(found)
        ))
        .hint("change the name in cjm.toml, or the source")),
        _ => Ok(candidate),
    }
}

fn downloaded(progress: &mut Progress, done: u64, total: Option<u64>) {
    match total {
        Some(total) if done >= total => {
            progress.go_on_to("looking into it; the first time this takes a while")
        }
        Some(total) => {
            // How exact the bar is does not matter.
            let fraction = done as f64 / total as f64;
            progress.report(Report::new(Some(fraction), format!("{} of {}", size(done), size(total))));
        }
        None => progress.report(Report::new(None, size(done))),
    }
}

fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).to_string()
}

/// Refuses what has another digest than the command line says, or than `cjm.lock` has where that is what it is for.
fn check_digest(manager: &Manager, candidate: &Candidate, args: &InstallArgs) -> Result<()> {
    let found = candidate.inspection().digest;
    if let Some(wanted) = args.digest.filter(|wanted| *wanted != found) {
        return Err(Failure::user(format!("{} is {found}, and not {wanted}", candidate.source()))
            .hint("it was altered, or is another version: ask whoever gave you the digest"));
    }
    if !args.all && !args.locked {
        return Ok(());
    }
    let lock = LockFile::read(manager.settings().lock_file())?;
    let name = &candidate.description().name;
    match lock.get(name) {
        Some(locked) if locked.digest == found => Ok(()),
        Some(locked) => Err(Failure::user(format!(
            "{} is {found}, and cjm.lock has {} for `{name}`",
            candidate.source(),
            locked.digest
        ))
        .hint(format!(
            "if you mean to go over to it: cjm-ctl install {}",
            text::shell_quoted(Path::new(candidate.source()))
        ))),
        None if args.locked => {
            Err(Failure::user(format!("cjm.lock does not have `{name}`"))
                .hint("leave out --locked to add it"))
        }
        None => Ok(()),
    }
}

/// What is being done, in words.
#[derive(Debug, Clone, Copy)]
struct Verb {
    question: &'static str,
    doing: &'static str,
}

/// Shows what is new, asks, and installs it.
async fn commit(
    manager: &Manager,
    candidates: Vec<Candidate>,
    given: &[Grant],
    verb: Verb,
    confirm: ConfirmArgs,
    done: &mut Vec<Done>,
    console: &Console,
) -> Result<()> {
    let kept = manager.settings().secrets()?.list()?;
    let mut new = Vec::new();
    for candidate in candidates {
        // What is granted anew is reason enough to write it down.
        let granted = candidate.grants();
        let nothing_new = given.iter().all(|grant| granted.iter().any(|known| known == *grant));
        if candidate.is_up_to_date() && nothing_new {
            let description = candidate.description();
            say_up_to_date(&description.name, console);
            let digest = candidate.inspection().digest;
            done.push(Done::up_to_date(&description.name, description.version.to_string(), digest));
        } else {
            new.push(candidate);
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    distinct(&new)?;
    for candidate in &new {
        let missing = candidate.check_needs(given).await.err();
        let page = plan::page(candidate, given, &kept, missing.as_ref());
        match (console.json(), confirm.yes) {
            (true, _) => {}
            (false, true) => console.note(page),
            // A question is shown with what it is about, however little is to be said.
            (false, false) => console.complain(&page),
        }
    }
    let names: Vec<&str> = new.iter().map(|candidate| candidate.description().name.as_str()).collect();
    let question = format!("{} {}?", verb.question, names.join(", "));
    prompt::confirm(confirm, &question, verb.doing, console).await?;
    for candidate in new {
        let missing = candidate.check_needs(given).await.err();
        let state = if candidate.installed().is_some() { State::Upgraded } else { State::Installed };
        let installed = candidate.commit(given).await?;
        let one = Done {
            name: installed.name,
            version: installed.version.to_string(),
            digest: installed.digest,
            state,
            changes: installed.changes,
            missing,
        };
        one.say(console);
        done.push(one);
    }
    Ok(())
}

/// Refuses two that would take each other's place.
fn distinct(candidates: &[Candidate]) -> Result<()> {
    for (at, candidate) in candidates.iter().enumerate() {
        let name = &candidate.description().name;
        let before = candidates.iter().take(at).find(|other| other.description().name == *name);
        if let Some(other) = before {
            return Err(Failure::user(format!(
                "{} and {} are both the plugin `{name}`",
                other.source(),
                candidate.source()
            ))
            .hint("install the one that is meant"));
        }
    }
    Ok(())
}

fn say_up_to_date(name: &str, console: &Console) {
    console.note(format!("{} {}", styled(DIM, "up to date"), styled(NAME, name)));
}

impl Done {
    fn up_to_date(name: &str, version: String, digest: Digest) -> Self {
        Done { name: name.to_owned(), version, digest, state: State::UpToDate, changes: None, missing: None }
    }

    /// Says what was done, and what is left to do before it can run.
    fn say(&self, console: &Console) {
        let done = if self.state == State::Upgraded { "upgraded" } else { "installed" };
        console.note(format!("{} {} {}", styled(GOOD, done), styled(NAME, &self.name), self.version));
        if let Some(missing) = &self.missing {
            grants::tell_missing(missing, console);
        }
    }
}
