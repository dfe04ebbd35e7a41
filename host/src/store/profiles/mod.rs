//! The table of profiles: what jobs need, by what attempts at them used.
//!
//! What an attempt used is put in where its end is stored, and written once for the whole group of operations that are
//! committed together, in their transaction: a profile holds attempts whose ends are on the disk, each once. Only where
//! a profile cannot be written while all else can, what was measured is given up: no job waits for figures.

mod kept;
mod row;
#[cfg(test)]
mod tests;
mod welford;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::Batch;
pub(crate) use kept::Profiles;
pub(super) use kept::{Changed, flush};
pub(crate) use welford::Welford;

/// Units of usage that are kept of one profile. What comes after is left out.
const UNITS: usize = 256;

/// What the jobs of an instance use under one configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredProfile {
    pub(crate) key: ProfileKey,
    pub(crate) samples: u64,
    pub(crate) successes: u64,
    /// In milliseconds.
    pub(crate) duration: Welford,
    /// In bytes.
    pub(crate) memory: Welford,
    /// In milliseconds.
    pub(crate) cpu: Welford,
    /// In bytes.
    pub(crate) gpu: Welford,
    pub(crate) usage: BTreeMap<String, f64>,
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) since: i64,
    pub(crate) updated_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProfileKey {
    pub(crate) instance: Arc<str>,
    /// SHA-256 of the component and the configuration.
    pub(crate) configuration: [u8; 32],
}

/// What one attempt used.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) key: ProfileKey,
    /// None where it did not come to its own end: then only its usage counts.
    pub(crate) ended: Option<Ended>,
    pub(crate) usage: Vec<(String, f64)>,
}

/// An attempt that came to its own end, well or badly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) well: bool,
    pub(crate) duration_ms: f64,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) cpu_time_ms: Option<f64>,
    pub(crate) gpu_memory_bytes: Option<u64>,
}

/// Which profiles are meant; what is none matches all.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfileQuery {
    pub(crate) instance: Option<String>,
    pub(crate) configuration: Option<[u8; 32]>,
}

/// What an operation does with profiles, until its group is committed.
#[derive(Debug)]
pub(super) enum Change {
    Add(Sample),
    Forget(ProfileQuery),
}

impl From<&ProfileKey> for ProfileQuery {
    fn from(key: &ProfileKey) -> Self {
        Self { instance: Some(key.instance.to_string()), configuration: Some(key.configuration) }
    }
}

impl ProfileQuery {
    pub(crate) fn matches(&self, key: &ProfileKey) -> bool {
        self.instance.as_deref().is_none_or(|instance| instance == &*key.instance)
            && self.configuration.is_none_or(|configuration| configuration == key.configuration)
    }
}

impl StoredProfile {
    fn new(key: ProfileKey, now: i64) -> Self {
        let none = Welford::default();
        Self {
            key,
            samples: 0,
            successes: 0,
            duration: none,
            memory: none,
            cpu: none,
            gpu: none,
            usage: BTreeMap::new(),
            since: now,
            updated_at: now,
        }
    }

    fn add(&mut self, sample: Sample, now: i64) {
        self.updated_at = now;
        if let Some(ended) = sample.ended {
            self.samples += 1;
            self.successes += u64::from(ended.well);
            self.duration.add(ended.duration_ms);
            let bytes = |figure: &mut Welford, bytes: Option<u64>| {
                if let Some(bytes) = bytes {
                    figure.add(bytes as f64);
                }
            };
            bytes(&mut self.memory, ended.memory_bytes);
            bytes(&mut self.gpu, ended.gpu_memory_bytes);
            if let Some(time) = ended.cpu_time_ms {
                self.cpu.add(time);
            }
        }
        for (unit, amount) in sample.usage {
            let full = self.usage.len() >= UNITS;
            match self.usage.get_mut(&unit) {
                Some(sum) => *sum = (*sum + amount).min(f64::MAX),
                None if full => {}
                None => drop(self.usage.insert(unit, amount)),
            }
        }
    }
}

impl Batch<'_> {
    /// Counts what an attempt used.
    pub(crate) fn sample(&mut self, sample: Sample) {
        self.profiles.push(Change::Add(sample));
    }

    /// Deletes profiles.
    pub(crate) fn forget_profiles(&mut self, query: ProfileQuery) {
        self.profiles.push(Change::Forget(query));
    }
}
