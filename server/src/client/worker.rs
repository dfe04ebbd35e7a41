//! What can be asked of the queue as a whole.

use cjm_host::{Profile, ProfileFilter, QueueStats, Result, Tidied};
use http::Method;

use super::Client;
use crate::wire::{Done, Purged, Status};

impl Client {
    /// Who runs the jobs.
    ///
    /// # Errors
    ///
    /// What the database can fail with; `transient`, where the queue is closed.
    pub async fn status(&self) -> Result<Status> {
        self.fetch("/v1/status", &[]).await
    }

    /// See [`Queue::stats`](cjm_host::Queue::stats).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn stats(&self) -> Result<QueueStats> {
        self.fetch("/v1/stats", &[]).await
    }

    /// See [`Queue::profiles`](cjm_host::Queue::profiles).
    ///
    /// # Errors
    ///
    /// None but those of all requests.
    pub async fn profiles(&self, filter: &ProfileFilter) -> Result<Vec<Profile>> {
        self.fetch("/v1/profiles", &filter.parameters()).await
    }

    /// See [`Queue::forget_profiles`](cjm_host::Queue::forget_profiles).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn forget_profiles(&self, filter: &ProfileFilter) -> Result<u64> {
        let Purged { purged } =
            self.ask(Method::DELETE, "/v1/profiles", &filter.parameters(), None::<&()>).await?;
        Ok(purged)
    }

    /// See [`Queue::tidy`](cjm_host::Queue::tidy).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn tidy(&self) -> Result<Tidied> {
        self.ask(Method::POST, "/v1/tidy", &[], None::<&()>).await
    }

    /// See [`Queue::vacuum`](cjm_host::Queue::vacuum).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn vacuum(&self) -> Result<()> {
        let Done { .. } = self.ask(Method::POST, "/v1/vacuum", &[], None::<&()>).await?;
        Ok(())
    }
}
