//! The project that a command works on: its settings, and the manager of its plugins.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use cjm_host::{Manager, Settings, SettingsBuilder};

use crate::cli::ProjectArgs;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupts;
use crate::output::Console;
use crate::progress::Progress;
use crate::runtime;

/// What takes no longer than this is done without a word.
const PATIENCE: Duration = Duration::from_millis(300);

/// Where the project is, as the command line says.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    args: ProjectArgs,
}

/// What becomes of a command where there is no project yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It begins one.
    Create,
    /// It has nothing to work on.
    Refuse,
}

impl Project {
    pub(crate) fn new(args: ProjectArgs) -> Self {
        Project { args }
    }

    /// The folder for compiled plugins that was named for this run.
    pub(crate) fn named_cache_dir(&self) -> Option<PathBuf> {
        let variable = std::env::var_os("CJM_CACHE_DIR").filter(|value| !value.is_empty());
        self.args.cache_dir.clone().or(variable.map(PathBuf::from))
    }

    /// The command line's layer of the settings.
    pub(crate) fn layer(&self) -> SettingsBuilder {
        let ProjectArgs { data_dir, config_file, cache_dir } = &self.args;
        let mut builder = Settings::builder();
        if let Some(dir) = data_dir {
            builder = builder.data_dir(dir);
        }
        if let Some(file) = config_file {
            builder = builder.file(file);
        }
        if let Some(dir) = cache_dir {
            builder = builder.cache_dir(dir);
        }
        builder
    }

    /// The settings, with all their layers.
    pub(crate) fn settings(&self) -> Result<Settings> {
        Ok(self.layer().load()?)
    }

    /// Runs a command on the project's plugins, until it ends or Ctrl-C is pressed; `doing` says then what was cut
    /// short.
    pub(crate) fn manage<T>(
        &self,
        missing: Missing,
        doing: &str,
        console: &Console,
        command: impl AsyncFnOnce(Manager) -> Result<T>,
    ) -> Result<T> {
        let settings = self.settings()?;
        if missing == Missing::Refuse && !exists(&settings) {
            return Err(no_project(&settings));
        }
        runtime::block_on(async {
            let mut interrupts = Interrupts::listen()?;
            let work = async { command(open(settings, console).await?).await };
            tokio::select! {
                biased;
                _ = interrupts.next() => Err(Failure::cancelled(doing)),
                done = work => done,
            }
        })
    }
}

/// Assembles the manager; says so where that takes a while, as it does where components have to be compiled.
pub(crate) async fn open(settings: Settings, console: &Console) -> Result<Manager> {
    let made = patiently(
        cjm_host::create(settings),
        "plugins",
        "looking at what is new in the plugins folder",
        console,
    );
    Ok(made.await?)
}

/// Waits for something that is mostly quick, and shows that it goes on where it is not.
pub(crate) async fn patiently<T>(
    work: impl Future<Output = T>,
    title: &str,
    phase: &str,
    console: &Console,
) -> T {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    let progress = Progress::new(console, title);
    progress.phase(phase);
    work.await
}

/// Whether anybody has begun a project there.
pub(crate) fn exists(settings: &Settings) -> bool {
    settings.file().is_some() || settings.data_dir().is_dir() || settings.plugins_dir().is_dir()
}

/// The failure of a command that needs a project.
pub(crate) fn no_project(settings: &Settings) -> Failure {
    Failure::user(format!(
        "there is no project: neither a cjm.toml nor the folder {}",
        shown(settings.data_dir())
    ))
    .hint("`cjm-ctl install` begins one here; another goes with --data-dir")
}

/// The path as it is best read: relative to the current folder where it lies within.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let within = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    match within {
        Some(within) if !within.as_os_str().is_empty() => within.display().to_string(),
        _ => path.display().to_string(),
    }
}
