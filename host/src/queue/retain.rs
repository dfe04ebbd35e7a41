//! How long things are kept.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::change::AT_ONCE;
use super::time::millis;
use super::{Inner, Queue};
use crate::error::Result;
use crate::policy::Retention;
use crate::store::{Batch, JobQuery, SequenceQuery, now};

/// How often is tidied.
const EVERY: Duration = Duration::from_secs(60);

/// Profiles that are kept; those that were not changed for the longest time go first. There is one for each
/// configuration that an instance ever ran with.
const PROFILES: usize = 10_000;

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Tidied {
    /// Jobs.
    pub jobs: u64,
    /// Events.
    pub events: u64,
    /// Files of large inputs and results.
    pub files: u64,
}

impl Queue {
    /// Deletes what need not be kept any more, as it is done every minute.
    ///
    /// # Errors
    ///
    /// What the database can fail with; some may be deleted then.
    pub async fn tidy(&self) -> Result<Tidied> {
        tidy(self.inner()).await
    }
}

/// Tidies now and then, for as long as there is a queue.
pub(super) async fn run(inner: Weak<Inner>) {
    loop {
        {
            let Some(inner) = inner.upgrade() else { return };
            if inner.schedule().closing {
                return;
            }
            if let Err(error) = tidy(&inner).await {
                tracing::warn!(%error, "what need not be kept any more could not be deleted");
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn tidy(inner: &Arc<Inner>) -> Result<Tidied> {
    let Retention { jobs, job_age, events, event_age } = inner.options.retention.clone();
    let before = |age: Option<Duration>| age.map(|age| now().saturating_sub(millis(age)));
    let mut tidied = Tidied::default();
    if let Some(ended_before) = before(job_age) {
        let query = JobQuery { ended_before: Some(ended_before), ..JobQuery::default() };
        let purge = move |batch: &mut Batch<'_>| batch.purge(&query, AT_ONCE);
        tidied.jobs += all(inner, purge).await?;
        let query = SequenceQuery { ended_before: Some(ended_before), ..SequenceQuery::default() };
        let purge = move |batch: &mut Batch<'_>| Ok(batch.purge_sequences(&query, AT_ONCE)?.1);
        tidied.jobs += all(inner, purge).await?;
    }
    if let Some(keep) = jobs {
        tidied.jobs += all(inner, move |batch| batch.purge_over(keep, AT_ONCE)).await?;
    }
    let event_before = before(event_age);
    if events.is_some() || event_before.is_some() {
        tidied.events = all(inner, move |batch| batch.cut_events(events, event_before, AT_ONCE)).await?;
    }
    let old = inner.writer.profiles().over(PROFILES);
    if !old.is_empty() {
        let forget = move |batch: &mut Batch<'_>| {
            old.iter().for_each(|key| batch.forget_profiles(key.into()));
            Ok(())
        };
        inner.writer.write("delete what is old from", forget, |_| ()).await?;
    }
    tidied.files = inner.sweep().await? as u64;
    Ok(tidied)
}

/// Does it until there is no more to do.
async fn all(
    inner: &Arc<Inner>,
    delete: impl Fn(&mut Batch<'_>) -> Result<usize, crate::store::Fault> + Clone + Send + 'static,
) -> Result<u64> {
    let mut deleted = 0;
    loop {
        match inner.writer.write("delete what is old from", delete.clone(), |_| ()).await? {
            0 => return Ok(deleted),
            count => deleted += count as u64,
        }
    }
}
