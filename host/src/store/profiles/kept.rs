//! All profiles in memory, as they are on the disk: few, and asked for whenever a job is to be started.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::{Change, ProfileKey, ProfileQuery, StoredProfile, row};
use crate::error::Result;
use crate::store::Database;
use crate::store::fault::Fault;

/// What was committed of the profiles.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    all: Mutex<All>,
}

/// By instance, and of each by configuration.
type All = HashMap<Arc<str>, BTreeMap<[u8; 32], Arc<StoredProfile>>>;

/// What a group changed, by what it comes to: none is deleted.
pub(in crate::store) type Changed = HashMap<ProfileKey, Option<StoredProfile>>;

impl Profiles {
    /// Reads all of them.
    pub(in crate::store) fn read(database: &Database) -> Result<Self> {
        let profiles = Self::default();
        let stored = database.read_beside("read the profiles in", row::all)?;
        profiles.publish(stored.into_iter().map(|profile| (profile.key.clone(), Some(profile))).collect());
        Ok(profiles)
    }

    /// What the jobs of an instance use under a configuration.
    pub(crate) fn get(&self, instance: &str, configuration: &[u8; 32]) -> Option<Arc<StoredProfile>> {
        self.all().get(instance)?.get(configuration).cloned()
    }

    /// What the jobs of an instance use under the configuration that was measured last.
    pub(crate) fn latest(&self, instance: &str) -> Option<Arc<StoredProfile>> {
        self.all().get(instance)?.values().max_by_key(|profile| profile.updated_at).cloned()
    }

    /// Those that are meant: by instance, and of one instance the last to change first.
    pub(crate) fn list(&self, query: &ProfileQuery) -> Vec<Arc<StoredProfile>> {
        let mut profiles: Vec<_> = match &query.instance {
            Some(instance) => {
                self.all().get(instance.as_str()).into_iter().flat_map(BTreeMap::values).cloned().collect()
            }
            None => self.all().values().flat_map(BTreeMap::values).cloned().collect(),
        };
        profiles.retain(|profile| query.matches(&profile.key));
        profiles.sort_by(|a, b| {
            let order = |of: &StoredProfile| (of.key.instance.clone(), std::cmp::Reverse(of.updated_at));
            order(a).cmp(&order(b))
        });
        profiles
    }

    /// The keys of those that were not changed for the longest time, so that `keep` are left.
    pub(crate) fn over(&self, keep: usize) -> Vec<ProfileKey> {
        let mut profiles: Vec<_> = self.all().values().flat_map(BTreeMap::values).cloned().collect();
        let over = profiles.len().saturating_sub(keep);
        profiles.sort_by_key(|profile| profile.updated_at);
        profiles.into_iter().take(over).map(|profile| profile.key.clone()).collect()
    }

    /// Takes over what was committed.
    pub(in crate::store) fn publish(&self, changed: Changed) {
        let mut all = self.all();
        for (ProfileKey { instance, configuration }, profile) in changed {
            match profile {
                Some(profile) => {
                    all.entry(instance).or_default().insert(configuration, Arc::new(profile));
                }
                None => {
                    let left = all.get_mut(&instance).map(|of_instance| {
                        of_instance.remove(&configuration);
                        of_instance.len()
                    });
                    if left == Some(0) {
                        all.remove(&instance);
                    }
                }
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what the operations of a group do with profiles: each profile once, however many attempts there were.
pub(in crate::store) fn flush(
    connection: &Connection,
    profiles: &Profiles,
    changes: Vec<Change>,
    now: i64,
) -> Result<Changed, Fault> {
    let mut changed = Changed::new();
    for change in changes {
        match change {
            Change::Add(sample) => {
                let stored = || profiles.get(&sample.key.instance, &sample.key.configuration);
                changed
                    .entry(sample.key.clone())
                    .or_insert_with(|| stored().map(|profile| (*profile).clone()))
                    .get_or_insert_with(|| StoredProfile::new(sample.key.clone(), now))
                    .add(sample, now);
            }
            Change::Forget(query) => {
                row::delete(connection, &query)?;
                let stored = profiles.list(&query);
                changed.extend(stored.into_iter().map(|profile| (profile.key.clone(), None)));
                changed.iter_mut().filter(|(key, _)| query.matches(key)).for_each(|(_, to)| *to = None);
            }
        }
    }
    for profile in changed.values().flatten() {
        row::write(connection, profile)?;
    }
    Ok(changed)
}
