//! What the jobs of an instance need, by what those before them used.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Queue;
use super::time::{from_millis, rfc3339};
use crate::catalog::Digest;
use crate::error::Result;
use crate::store::{Batch, ProfileQuery, StoredProfile, Welford};

/// What the jobs of an instance were measured to use under one configuration.
///
/// Each attempt that came to its own end counts as one sample, whether it completed or failed. One that was cancelled,
/// or cut short by the end of its process or its queue, says nothing of what the whole would have needed: of it only the
/// usage counts. One that did not come to run, because its instance could not be loaded or would not take it, does not
/// count at all.
///
/// A profile is changed in the transaction in which the end of the attempt is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Profile {
    /// The instance.
    pub instance: String,
    /// What the attempts ran with; see [`Plugin::configuration_digest`](crate::Plugin::configuration_digest). Another
    /// release of the component, or another configuration, has a profile of its own.
    pub configuration: Digest,
    /// Attempts that came to their own end.
    pub samples: u64,
    /// Those that completed.
    pub successes: u64,
    /// The share of them that completed, from 0 to 1; none before the first sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_rate: Option<f64>,
    /// Time from the beginning of an attempt to its end, with what it waited for its instance to be loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<Spread>,
    /// The most linear memory that the instance had during an attempt. It keeps what an earlier call made it take, and the
    /// calls of a `shared` instance have it together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<Spread>,
    /// Time in which the guest computed. None of a `shared` instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_time_ms: Option<Spread>,
    /// The most memory of a graphics processor during an attempt, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_memory_bytes: Option<Spread>,
    /// What all attempts together used, by the plugin's own units; the first 256 of them.
    pub usage: BTreeMap<String, f64>,
    /// When the first attempt was counted.
    #[serde(with = "rfc3339")]
    pub since: SystemTime,
    /// When the last was.
    #[serde(with = "rfc3339")]
    pub updated_at: SystemTime,
}

/// One figure of a [`Profile`], in the unit that the name of its field says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Spread {
    /// Samples of which it is known.
    pub samples: u64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation; 0 of a single one.
    pub deviation: f64,
    /// The greatest.
    pub peak: f64,
}

/// Which profiles are meant. The default means all.
#[derive(Debug, Clone, Default)]
pub struct ProfileFilter {
    pub(super) query: ProfileQuery,
}

impl ProfileFilter {
    /// Those of one instance.
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.query.instance = Some(instance.into());
        self
    }

    /// Those of one configuration.
    pub fn configuration(mut self, configuration: &Digest) -> Self {
        self.query.configuration = Some(*configuration.as_bytes());
        self
    }
}

impl Profile {
    fn of(stored: &StoredProfile) -> Self {
        Self {
            instance: stored.key.instance.to_string(),
            configuration: Digest::from_bytes(stored.key.configuration),
            samples: stored.samples,
            successes: stored.successes,
            success_rate: (stored.samples > 0).then(|| stored.successes as f64 / stored.samples as f64),
            duration_ms: Spread::of(&stored.duration),
            memory_bytes: Spread::of(&stored.memory),
            cpu_time_ms: Spread::of(&stored.cpu),
            gpu_memory_bytes: Spread::of(&stored.gpu),
            usage: stored.usage.clone(),
            since: from_millis(stored.since),
            updated_at: from_millis(stored.updated_at),
        }
    }
}

impl Spread {
    fn of(known: &Welford) -> Option<Self> {
        (known.count() > 0).then(|| Self {
            samples: known.count(),
            mean: known.mean(),
            deviation: known.deviation(),
            peak: known.peak(),
        })
    }
}

impl Queue {
    /// What jobs were measured to use, by instance; of one instance, the configuration first that was measured last. It
    /// is answered from memory, with what is on the disk.
    pub fn profiles(&self, filter: &ProfileFilter) -> Vec<Profile> {
        let profiles = self.inner().writer.profiles().list(&filter.query);
        profiles.iter().map(|profile| Profile::of(profile)).collect()
    }

    /// What the jobs of an instance were measured to use under a configuration; none where none was measured.
    pub fn profile(&self, instance: &str, configuration: &Digest) -> Option<Profile> {
        let profile = self.inner().writer.profiles().get(instance, configuration.as_bytes());
        profile.map(|profile| Profile::of(&profile))
    }

    /// Deletes profiles, so that they begin anew with the next attempt; how many there were.
    ///
    /// # Errors
    ///
    /// What the database can fail with.
    pub async fn forget_profiles(&self, filter: &ProfileFilter) -> Result<u64> {
        let query = filter.query.clone();
        let count = self.inner().writer.profiles().list(&query).len() as u64;
        let forget = move |batch: &mut Batch<'_>| {
            batch.forget_profiles(query);
            Ok(())
        };
        self.inner().writer.write("delete profiles from", forget, |_| ()).await?;
        Ok(count)
    }
}
