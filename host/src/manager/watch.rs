//! Following the plugins folder: what is put there is loaded, what changes is replaced, what goes is unloaded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use notify_debouncer_mini::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, DebouncedEventKind, Debouncer, new_debouncer};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::{Inner, Manager};
use crate::catalog::Problem;
use crate::error::{Error, Result};
use crate::event::EventKind;

/// A file that was not written to for so long is taken to be whole.
const SETTLED: Duration = Duration::from_millis(250);

/// How often the folder itself is looked after: a watch dies with the folder that it is on, without a word where the
/// folder was on a disk that was taken away.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// Follows the plugins folder until it is dropped. Made by [`Manager::watch`].
#[derive(Debug)]
#[must_use = "the folder is followed only until this is dropped"]
pub struct Watcher {
    task: JoinHandle<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Manager {
    /// Follows the plugins folder, from what was last discovered on: loads what is put there, replaces what changes
    /// and unloads what goes. Calls that run end on the version that they began on. A file that is still being written
    /// is left alone until it has rested for 250 ms; one that is broken leaves the version before it in place. Where
    /// the whole folder vanishes nothing is unloaded, and it is followed again when it is back.
    ///
    /// It also follows what other processes that use the database enable and disable.
    ///
    /// What happens is told by events: `loaded`, `replaced`, `unloaded`, `enabled`, `disabled`, `plugin-problem`.
    ///
    /// # Errors
    ///
    /// `fatal`, where the operating system does not let the folder be watched.
    pub fn watch(&self) -> Result<Watcher> {
        let (changed, changes) = mpsc::unbounded_channel();
        let mut folder = Folder::new(self.settings().plugins_dir(), changed)?;
        folder.follow()?;
        let task = tokio::spawn(follow(Arc::downgrade(&self.inner), folder, changes));
        Ok(Watcher { task })
    }
}

/// What the watching thread tells.
enum Change {
    Settled,
    Ongoing,
}

async fn follow(manager: Weak<Inner>, mut folder: Folder, mut changes: mpsc::UnboundedReceiver<Change>) {
    let mut look_after = tokio::time::interval(LOOK_AFTER);
    look_after.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unsettled = false;
    loop {
        let due = tokio::select! {
            change = changes.recv() => match change {
                Some(Change::Settled) => true,
                Some(Change::Ongoing) => continue,
                None => return,
            },
            _ = look_after.tick() => folder.look_after() || unsettled,
        };
        let Some(manager) = manager.upgrade().map(|inner| Manager { inner }) else { return };
        if due {
            // Whatever else has come up meanwhile is seen by the same look.
            while changes.try_recv().is_ok() {}
            unsettled = !manager.follow_changes().await;
        }
        if let Err(error) = manager.follow_switches().await {
            tracing::warn!(%error, "it cannot be seen what other processes have switched; trying again");
        }
    }
}

/// The folder, and the operating system's watch on it.
struct Folder {
    path: PathBuf,
    watcher: Debouncer<RecommendedWatcher>,
    /// Which folder is watched: the path may come to lead to another.
    followed: Option<Identity>,
}

impl Folder {
    fn new(path: &Path, changed: mpsc::UnboundedSender<Change>) -> Result<Self> {
        let tell = move |events: DebounceEventResult| {
            let settled = match events {
                Ok(events) => events.iter().any(|event| event.kind == DebouncedEventKind::Any),
                // Something was missed: look at everything.
                Err(_) => true,
            };
            // Where nobody follows any more there is nobody to tell.
            let _ = changed.send(if settled { Change::Settled } else { Change::Ongoing });
        };
        let watcher = new_debouncer(SETTLED, tell).map_err(|error| cannot_watch(path, &error))?;
        Ok(Self { path: path.to_owned(), watcher, followed: None })
    }

    fn follow(&mut self) -> Result<()> {
        let identity = identity(&self.path);
        self.watcher
            .watcher()
            .watch(&self.path, RecursiveMode::NonRecursive)
            .map_err(|error| cannot_watch(&self.path, &error))?;
        self.followed = identity;
        Ok(())
    }

    /// Whether the folder came, went or was exchanged.
    fn look_after(&mut self) -> bool {
        let identity = identity(&self.path);
        if identity == self.followed {
            return false;
        }
        // The watch may be gone already, with the folder that it was on.
        let _ = self.watcher.watcher().unwatch(&self.path);
        self.followed = None;
        if identity.is_some()
            && let Err(error) = self.follow()
        {
            tracing::warn!(%error, "the plugins folder cannot be watched; trying again");
        }
        true
    }
}

fn cannot_watch(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::fatal(format!(
        "the plugins folder {} cannot be watched: {error}; check that it is there, and the system's limit of watches",
        path.display()
    ))
}

#[cfg(unix)]
type Identity = (u64, u64);

/// Which folder a path leads to; none where it leads to none.
#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).ok()?;
    meta.is_dir().then(|| (meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
type Identity = std::time::SystemTime;

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok()?.created().ok()
}

/// Whether it was told already.
fn is_same(known: &Problem, problem: &Problem) -> bool {
    known.path == problem.path && known.error.to_string() == problem.error.to_string()
}

impl Manager {
    /// Brings what is loaded in line with what is in the folder. False where something has to be looked at again
    /// soon: a file that is still being written.
    async fn follow_changes(&self) -> bool {
        let before = self.discovery();
        let now = match self.discover_settled(SETTLED).await {
            Ok(now) => now,
            Err(error) => {
                self.host()
                    .tell("", EventKind::PluginProblem { path: self.settings().plugins_dir().into(), error });
                return true;
            }
        };
        for problem in &now.problems {
            let known = before.problems.iter().any(|known| is_same(known, problem));
            if !known {
                let (path, error) = (problem.path.clone(), problem.error.clone());
                self.host().tell("", EventKind::PluginProblem { path, error });
            }
        }
        let broken: BTreeSet<&Path> = now.problems.iter().map(|problem| problem.path.as_path()).collect();
        for old in &before.plugins {
            let gone = now.get(&old.name).is_none();
            if gone && !broken.contains(old.path.as_path()) {
                self.unload_all_of(&old.name).await;
            }
        }
        for new in &now.plugins {
            if before.get(&new.name).is_some_and(|old| old.is_same(new)) {
                continue;
            }
            self.load_or_reload(&new.name).await;
        }
        !now.unsettled
    }

    async fn unload_all_of(&self, name: &str) {
        for instance in self.instances().into_iter().filter(|instance| instance.name() == name) {
            // Where somebody else was faster there is nothing left to do.
            let _ = self.unload(instance.id()).await;
        }
    }

    /// What is loaded of a plugin goes over to its new version; where nothing is, what should be is loaded.
    async fn load_or_reload(&self, name: &str) {
        let mut ids: BTreeSet<String> = self.instances_of(name).into_iter().collect();
        let loaded = self.instances().into_iter().filter(|instance| instance.name() == name);
        ids.extend(loaded.map(|instance| instance.id().to_owned()));
        for id in ids {
            let result = match self.instance(&id) {
                Ok(_) => self.reload_discovered(&id).await,
                Err(_) => self.load_as(name, &id).await,
            };
            if let Err(error) = result {
                let path = self.record(name).map(|record| record.path.clone()).unwrap_or_default();
                self.host().tell(&id, EventKind::PluginProblem { path, error });
            }
        }
    }
}
