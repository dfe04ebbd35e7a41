//! What is run: a plugin of the project, or a file.

use std::path::{Path, PathBuf};

use cjm_host::{Error, Grants, Host, Limits, Loader, Source};
use tempfile::TempDir;

use super::input;
use crate::cli::{LimitArgs, RunArgs};
use crate::commands::{grants, inspect};
use crate::failure::{Failure, Result};
use crate::output::{Console, NAME, WARNING, styled};
use crate::project::{self, Project};
use crate::{runtime, text};

/// What the command line means by a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A file, run with what the options give it.
    File(PathBuf),
    /// A plugin of the project, by name.
    Named(String),
}

impl Target {
    /// A name has no path separator and no `.wasm` at its end.
    pub(super) fn of(plugin: &Path) -> Self {
        let text = plugin.to_string_lossy();
        let is_file = text.contains(['/', '\\']) || plugin.extension().is_some_and(|end| end == "wasm");
        match is_file {
            true => Target::File(plugin.to_owned()),
            false => Target::Named(text.into_owned()),
        }
    }
}

/// A plugin that is ready to be loaded.
pub(super) struct Opened {
    pub(super) host: Host,
    pub(super) loader: Loader,
    pub(super) limits: Limits,
    /// The plugin's name where it is of the project; what its grants go by.
    pub(super) name: Option<String>,
    /// Where compiled code is kept for as long as this is, where it is to be kept nowhere.
    _cache: Option<TempDir>,
}

/// Opens what the command line means, with what it gives it.
pub(super) async fn open(args: &RunArgs, project: &Project, console: &Console) -> Result<Opened> {
    let opened = match Target::of(&args.plugin) {
        Target::File(path) => of_file(&path, args, project, console)?,
        Target::Named(name) => match of_project(&name, args, project, console).await? {
            Some(opened) => opened,
            None => of_file(Path::new(&name), args, project, console)?,
        },
    };
    given(opened, args)
}

fn of_file(path: &Path, args: &RunArgs, project: &Project, console: &Console) -> Result<Opened> {
    if let Some(id) = &args.instance {
        return Err(Failure::user(format!("{} is a file, and has no instance `{id}`", path.display()))
            .hint("--instance is for plugins of the project, by name"));
    }
    let host = runtime::host(args.cache, project, console)?;
    let limits = over(&args.limits, host.limits().clone());
    let loader = host.loader(Source::path(path));
    Ok(Opened { host, loader, limits, name: None, _cache: None })
}

/// The plugin of the project; none where there is no such plugin, but a file of this name.
async fn of_project(
    name: &str,
    args: &RunArgs,
    project: &Project,
    console: &Console,
) -> Result<Option<Opened>> {
    let is_file = Path::new(name).is_file();
    let mut layer = project.layer();
    let mut cache = None;
    if args.cache.no_cache {
        let dir = tempfile::tempdir()
            .map_err(|error| Failure::io("make a folder in", &std::env::temp_dir(), &error))?;
        layer = layer.cache_dir(dir.path());
        cache = Some(dir);
    }
    let settings = layer.load()?;
    if !project::exists(&settings) {
        return if is_file { Ok(None) } else { Err(nothing(name)) };
    }
    let manager = cjm_host::create(settings).await?;
    if is_file {
        if manager.discovery().get(name).is_none() {
            return Ok(None);
        }
        console.note(format!(
            "running the plugin {} of the project; for the file of this name: ./{name}",
            styled(NAME, name)
        ));
    }
    let id = args.instance.as_deref().unwrap_or(name);
    let of = match manager.config(id).await {
        Err(Error::NotLoaded { .. }) if id != name => {
            manager.record(name)?;
            return Err(Failure::user(format!("`{name}` has no instance `{}`", text::one_line(id)))
                .hint(format!("name its instances in cjm.toml: [plugins.{name}] instances = […]")));
        }
        config => config?.plugin,
    };
    if of != name {
        return Err(match id == name {
            true => Failure::user(format!("`{id}` is no plugin, but an instance of `{of}`"))
                .hint(format!("run it with `cjm-ctl run {of} --instance {id} ACTION`")),
            false => Failure::user(format!("`{id}` is an instance of `{of}`, and not of `{name}`")),
        });
    }
    let assembled = manager.assemble(name, id).await?;
    if !assembled.enabled {
        return Err(Failure::from(Error::Disabled { plugin: id.to_owned() })
            .hint(format!("switch it on: cjm-ctl enable {id}")));
    }
    for warning in &assembled.warnings {
        console.note(format!("{} {}", styled(WARNING, "warning:"), text::one_line(warning)));
    }
    let limits = over(&args.limits, assembled.limits);
    let (host, loader) = (manager.host().clone(), assembled.loader);
    Ok(Some(Opened { host, loader, limits, name: Some(name.to_owned()), _cache: cache }))
}

/// Adds what the options give.
fn given(mut opened: Opened, args: &RunArgs) -> Result<Opened> {
    let mut loader = opened.loader.limits(opened.limits.clone());
    if let Some(config) = &args.config {
        loader = loader.config(input::config(config)?);
    }
    for secret in &args.secrets {
        let (name, value) = input::secret(secret)?;
        loader = loader.secret(name, value);
    }
    opened.loader = loader.grants(grants::from_here(&args.grants)?.into_iter().collect::<Grants>());
    Ok(opened)
}

/// The limits that the options set, over others.
fn over(args: &LimitArgs, base: Limits) -> Limits {
    Limits {
        memory_bytes: args.memory.map_or(base.memory_bytes, |size| size.as_u64()),
        wall_time: args.timeout.or(base.wall_time),
        cpu_time: args.cpu_time.or(base.cpu_time),
        // A budget for the action: the host needs to know that fuel is counted, but getting ready is to use none of it.
        fuel: args.fuel.map(|_| u64::MAX).or(base.fuel),
        grace: args.grace.unwrap_or(base.grace),
        ..base
    }
}

/// Says what to do where something is missing that options can give.
pub(super) fn explained(error: Error) -> Failure {
    match &error {
        Error::NotGranted(missing) if !missing.grants.is_empty() => {
            let option = |grant: &String| match grant.strip_prefix("secret=") {
                Some(name) => format!("--secret {}=env:VARIABLE", text::shell_word(name)),
                None => format!("--grant {}", text::shell_word(grant)),
            };
            let options: Vec<_> = missing.grants.iter().map(option).collect();
            let hint = format!("for this run alone: {}", options.join(" "));
            Failure::from(error).hint(hint)
        }
        _ => error.into(),
    }
}

fn nothing(name: &str) -> Failure {
    Failure::user(format!("there is neither a project with a plugin `{name}` here, nor a file {name}"))
        .hint("install it: `cjm-ctl install FILE`; or name a file: FILE.wasm")
}

/// The failure where no action was named: it names them all.
pub(super) fn which_action(args: &RunArgs, project: &Project, console: &Console) -> Failure {
    let Target::Named(name) = Target::of(&args.plugin) else {
        return inspect::which_action(&args.plugin, args.cache, project, console);
    };
    let described = runtime::block_on(async {
        let settings = project.settings()?;
        if !project::exists(&settings) {
            return if Path::new(&name).is_file() { Ok(None) } else { Err(nothing(&name)) };
        }
        let manager = project::open(settings, console).await?;
        match manager.record(&name) {
            Err(_) if Path::new(&name).is_file() => Ok(None),
            record => Ok(Some(record?.description.clone())),
        }
    });
    match described {
        Ok(Some(description)) => inspect::which_of(&description),
        Ok(None) => inspect::which_action(&args.plugin, args.cache, project, console),
        Err(failure) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_are_told_apart() {
        for file in ["./calculator", "a/b", "calculator.wasm", "../x", "/x.wasm"] {
            assert_eq!(Target::of(Path::new(file)), Target::File(file.into()), "{file}");
        }
        for name in ["calculator", "calculator.js", "a-b_c"] {
            assert_eq!(Target::of(Path::new(name)), Target::Named(name.into()), "{name}");
        }
    }

    #[test]
    fn options_win_over_other_limits() {
        let base = Limits { memory_bytes: 1, grace: std::time::Duration::from_secs(9), ..Limits::default() };
        let args = LimitArgs {
            timeout: None,
            cpu_time: None,
            grace: None,
            memory: Some(bytesize::ByteSize::mib(2)),
            fuel: Some(7),
        };
        let limits = over(&args, base.clone());
        assert_eq!((limits.memory_bytes, limits.fuel, limits.grace), (2 << 20, Some(u64::MAX), base.grace));
    }
}
