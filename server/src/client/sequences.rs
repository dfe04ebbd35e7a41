//! What can be asked of sequences.

use std::time::Duration;

use cjm_host::{Job, NewSequence, Result, Sequence, SequenceFilter, SequenceId};
use http::Method;

use super::Client;
use crate::wire::{self, Done, Purged, Submitted};

impl Client {
    /// See [`Queue::submit_sequence`](cjm_host::Queue::submit_sequence).
    ///
    /// # Errors
    ///
    /// As there. `resource-exhausted`, where all its steps together are larger than the worker takes.
    pub async fn submit_sequence(&self, sequence: NewSequence) -> Result<SequenceId> {
        let Submitted { id } = self.ask(Method::POST, "/v1/sequences", &[], Some(&sequence)).await?;
        Ok(id)
    }

    /// See [`Queue::sequence`](cjm_host::Queue::sequence).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn sequence(&self, id: SequenceId) -> Result<Sequence> {
        self.fetch(&at(id, ""), &[]).await
    }

    /// See [`Queue::sequences`](cjm_host::Queue::sequences).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn sequences(&self, filter: &SequenceFilter, limit: usize) -> Result<Vec<Sequence>> {
        let next = |filter: SequenceFilter, last: &Sequence| filter.before(last.number);
        self.pages("/v1/sequences", filter.clone(), SequenceFilter::parameters, next, limit).await
    }

    /// See [`Queue::steps`](cjm_host::Queue::steps).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn steps(&self, id: SequenceId) -> Result<Vec<Job>> {
        self.fetch(&at(id, "/steps"), &[]).await
    }

    /// See [`Queue::wait_sequence`](cjm_host::Queue::wait_sequence).
    ///
    /// # Errors
    ///
    /// As there; `transient`, where the worker ends before the sequence does.
    pub async fn wait_sequence(&self, id: SequenceId, timeout: Option<Duration>) -> Result<Sequence> {
        self.fetch(&at(id, "/wait"), &wire::timeout(timeout)).await
    }

    /// See [`Queue::cancel_sequence`](cjm_host::Queue::cancel_sequence).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn cancel_sequence(&self, id: SequenceId) -> Result<bool> {
        self.change_sequence(Method::POST, id, "/cancel").await
    }

    /// See [`Queue::cancel_sequence_now`](cjm_host::Queue::cancel_sequence_now).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn cancel_sequence_now(&self, id: SequenceId) -> Result<bool> {
        self.change_sequence(Method::POST, id, "/cancel?now=true").await
    }

    /// See [`Queue::retry_sequence`](cjm_host::Queue::retry_sequence).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn retry_sequence(&self, id: SequenceId) -> Result<bool> {
        self.change_sequence(Method::POST, id, "/retry").await
    }

    /// See [`Queue::purge_sequence`](cjm_host::Queue::purge_sequence).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn purge_sequence(&self, id: SequenceId) -> Result<bool> {
        self.change_sequence(Method::DELETE, id, "").await
    }

    /// See [`Queue::purge_sequences`](cjm_host::Queue::purge_sequences).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn purge_sequences(&self, filter: &SequenceFilter) -> Result<u64> {
        let Purged { purged } =
            self.ask(Method::DELETE, "/v1/sequences", &filter.parameters(), None::<&()>).await?;
        Ok(purged)
    }

    async fn change_sequence(&self, method: Method, id: SequenceId, what: &str) -> Result<bool> {
        let Done { done } = self.ask(method, &at(id, what), &[], None::<&()>).await?;
        Ok(done)
    }
}

fn at(id: SequenceId, what: &str) -> String {
    format!("/v1/sequences/{id}{what}")
}
