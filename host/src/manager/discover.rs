//! Looking what is in the plugins folder.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;

use super::Manager;
use super::record::{Discovery, Record, file_name};
use crate::catalog::{Found, Integrity, Problem, Stored, TrustLevel, TrustedKeys, View, closest, shown};
use crate::error::{Error, Result};
use crate::host::{Examined, Source};

/// Components that are asked what they are at the same time. Each is compiled first, by all cores.
const ASKED_AT_ONCE: usize = 2;

/// One file of the folder, as far as it could be looked into without running code of it.
enum Seen {
    Plugin(Box<Record>),
    /// Nothing is kept of it: it has to be asked what it is.
    Unknown(Box<Stored>),
    /// It was written to a moment ago: what was known of it stays for now.
    Unsettled(PathBuf),
    Problem(Problem),
}

impl Manager {
    /// Looks what is in the plugins folder. Of components that were seen before only the bytes are read and hashed;
    /// the others are compiled, and asked once what they are.
    ///
    /// Nothing is loaded or unloaded; see [`watch`](Self::watch) for that.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where the folder or `cjm.lock` cannot be read; then what was found before stays. What is wrong
    /// with single files is in [`Discovery::problems`].
    pub async fn discover(&self) -> Result<Arc<Discovery>> {
        self.discover_settled(Duration::ZERO).await
    }

    /// As [`discover`](Self::discover), but for files that have not rested for so long.
    pub(super) async fn discover_settled(&self, rest: Duration) -> Result<Arc<Discovery>> {
        let _one_at_a_time = self.inner.discovering.lock().await;
        let manager = self.clone();
        let mut seen = self.blocking("read the plugins folder", move || manager.look(rest)).await?;
        let unknown = seen.extract_if(.., |seen| matches!(seen, Seen::Unknown(_))).collect::<Vec<_>>();
        if !unknown.is_empty() {
            let ask = |seen| async {
                match seen {
                    Seen::Unknown(stored) => self.ask(*stored).await,
                    known => Ok(known),
                }
            };
            let asked: Vec<_> = stream::iter(unknown).map(ask).buffered(ASKED_AT_ONCE).collect().await;
            for asked in asked {
                seen.push(asked?);
            }
        }
        let discovery = Arc::new(gather(seen, &self.discovery()));
        *self.inner.discovery.write().unwrap_or_else(PoisonError::into_inner) = discovery.clone();
        Ok(discovery)
    }

    /// Reads and hashes every component, on all cores.
    fn look(&self, rest: Duration) -> Result<Vec<Seen>> {
        let view = self.folder().view()?;
        let scan = view.scan()?;
        let keys = self.trusted_keys()?;
        let mut seen: Vec<Seen> = scan.problems.into_iter().map(Seen::Problem).collect();
        let queue = Mutex::new(scan.components.into_iter());
        let work = || {
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            std::iter::from_fn(next)
                .map(|found| self.see(&view, &keys, found, rest))
                .collect::<Result<Vec<_>>>()
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            seen.extend(work()?);
            for other in others {
                let other = other.join().map_err(|_| Error::fatal("the plugins folder could not be read"))?;
                seen.extend(other?);
            }
            Ok(seen)
        })
    }

    /// Looks into one component, as far as can be done without running it.
    fn see(&self, view: &View, keys: &TrustedKeys, found: Found, rest: Duration) -> Result<Seen> {
        let rested = found.modified.and_then(|modified| modified.elapsed().ok());
        if rested.is_some_and(|rested| rested < rest) {
            return Ok(Seen::Unsettled(found.path));
        }
        let stored = match view.read(&found.file) {
            Ok(stored) => stored,
            Err(error) => return Ok(Seen::Problem(Problem { path: found.path, error })),
        };
        match self.host().examined(&found.path.display().to_string(), &stored.digest) {
            None => {
                let trust = self.settings().trust();
                // Where trust is asked for, code without it does not run, not even to say what it is.
                let refused = match trust {
                    TrustLevel::Any => None,
                    _ => view.verdict(&stored, stored.found.stem(), keys)?.admit(trust).err(),
                };
                Ok(match refused {
                    Some(error) => Seen::Problem(Problem { path: found.path, error }),
                    None => Seen::Unknown(Box::new(stored)),
                })
            }
            Some(Ok(examined)) => self.judge(view, keys, stored, examined),
            Some(Err(error)) => Ok(self.unusable(view, keys, &stored, error)),
        }
    }

    /// A component that is no plugin. Where it was one when it was installed, that is what is to be told.
    fn unusable(&self, view: &View, keys: &TrustedKeys, stored: &Stored, error: Error) -> Seen {
        let verdict = view.verdict(stored, stored.found.stem(), keys).ok();
        let altered = verdict.filter(|verdict| verdict.integrity == Integrity::Altered);
        let refusal = altered.and_then(|verdict| verdict.admit(self.settings().trust()).err());
        Seen::Problem(Problem { path: stored.found.path.clone(), error: refusal.unwrap_or(error) })
    }

    /// Asks a component what it is; its answer is kept.
    async fn ask(&self, stored: Stored) -> Result<Seen> {
        let path = stored.found.path.clone();
        let source = Source::bytes(path.display().to_string(), stored.bytes.as_slice());
        let examined = self.host().examine(source).await;
        let manager = self.clone();
        self.blocking("verify a plugin", move || {
            let (view, keys) = (manager.folder().view()?, manager.trusted_keys()?);
            match examined {
                Ok(examined) => manager.judge(&view, &keys, stored, examined),
                Err(error) => Ok(manager.unusable(&view, &keys, &stored, error)),
            }
        })
        .await
    }

    /// Holds a component against the lock, its manifest and its signature.
    fn judge(&self, view: &View, keys: &TrustedKeys, stored: Stored, examined: Examined) -> Result<Seen> {
        let description = examined.description;
        let name = description.name.clone();
        let verdict = view.verdict(&stored, &name, keys)?;
        let manifest = stored.found.manifest.map(Arc::new);
        let misnamed = manifest.as_ref().filter(|manifest| manifest.code.name != name).map(|manifest| {
            Error::invalid(format!(
                "{} calls itself `{name}`, and its manifest was written for `{}`; install it again",
                stored.found.path.display(),
                manifest.code.name
            ))
        });
        let refusal = misnamed.or_else(|| verdict.admit(self.settings().trust()).err());
        Ok(Seen::Plugin(Box::new(Record {
            name,
            path: stored.found.path,
            digest: stored.digest,
            inspection: Arc::new(examined.inspection),
            description,
            manifest,
            signature: verdict.signature,
            refusal,
        })))
    }
}

/// Puts the plugins in order, and has no two of one name: an installed one is not displaced by a file that was dropped
/// in, and of two that were dropped in neither can be told to be the right one.
fn gather(seen: Vec<Seen>, before: &Discovery) -> Discovery {
    let mut discovery = Discovery::default();
    let mut by_name: BTreeMap<String, Vec<Arc<Record>>> = BTreeMap::new();
    let mut found = |record: Arc<Record>| by_name.entry(record.name.clone()).or_default().push(record);
    for seen in seen {
        match seen {
            Seen::Plugin(record) => found(Arc::new(*record)),
            Seen::Problem(problem) => discovery.problems.push(problem),
            Seen::Unsettled(path) => {
                discovery.unsettled = true;
                before.plugins.iter().filter(|record| record.path == path).cloned().for_each(&mut found);
            }
            // Was asked before it came here.
            Seen::Unknown(_) => {}
        }
    }
    for (name, mut records) in by_name {
        records.sort_by(|a, b| a.path.cmp(&b.path));
        let chosen = match records.len() {
            1 => Some(0),
            _ => records.iter().position(|record| record.manifest.is_some()),
        };
        let rival = |chosen: Option<usize>, at: usize| records.get(chosen.unwrap_or(usize::from(at == 0)));
        for (at, record) in records.iter().enumerate() {
            if chosen == Some(at) {
                continue;
            }
            let other = rival(chosen, at).map(|record| file_name(&record.path)).unwrap_or_default();
            let why = match chosen {
                Some(_) => format!("`{other}` is installed under this name, and stays"),
                None => format!("so does `{other}`, and neither is installed: none of them is loaded"),
            };
            let error = Error::invalid(format!(
                "`{}` calls itself `{name}`; {why}. Remove one of the two",
                file_name(&record.path)
            ));
            let problem = Problem { path: record.path.clone(), error };
            if chosen.is_none() {
                discovery.disputed.entry(name.clone()).or_insert_with(|| problem.clone());
            }
            discovery.problems.push(problem);
        }
        if let Some(chosen) = chosen {
            discovery.plugins.push(records.swap_remove(chosen));
        }
    }
    discovery.problems.sort_by(|a, b| a.path.cmp(&b.path));
    discovery
}

impl Discovery {
    /// The error for a plugin that is not there; says why it cannot be used, or names the one that was probably meant.
    pub(super) fn unknown(&self, name: &str, dir: &Path) -> Error {
        if let Some(problem) = self.problem(name) {
            return problem.error.clone();
        }
        let known = self.plugins.iter().map(|record| record.name.as_str());
        let meant = match closest(name, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if self.plugins.is_empty() => "the folder holds no plugin: install one".to_owned(),
            None => "`cjm-ctl list` shows what there is".to_owned(),
        };
        Error::NotLoaded {
            plugin: shown(name),
            reason: format!("there is no plugin of this name in {}; {meant}", dir.display()),
        }
    }
}
