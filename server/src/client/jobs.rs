//! What can be asked of jobs.

use std::time::Duration;

use cjm_host::{Job, JobFilter, JobId, LogRecord, NewJob, QueueEvent, Result, Value};
use http::Method;

use super::{Client, answer};
use crate::wire::{self, Done, Priority, Purged, Submitted};

impl Client {
    /// See [`Queue::submit`](cjm_host::Queue::submit).
    ///
    /// # Errors
    ///
    /// As there. `resource-exhausted`, where the job is larger than the worker takes.
    pub async fn submit(&self, job: NewJob) -> Result<JobId> {
        let Submitted { id } = self.ask(Method::POST, "/v1/jobs", &[], Some(&job)).await?;
        Ok(id)
    }

    /// See [`Queue::get`](cjm_host::Queue::get).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get(&self, id: JobId) -> Result<Job> {
        self.fetch(&at(id, ""), &[]).await
    }

    /// See [`Queue::list`](cjm_host::Queue::list).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn list(&self, filter: &JobFilter, limit: usize) -> Result<Vec<Job>> {
        let next = |filter: JobFilter, last: &Job| filter.before(last.number);
        self.pages("/v1/jobs", filter.clone(), JobFilter::parameters, next, limit).await
    }

    /// See [`Queue::input`](cjm_host::Queue::input).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn input(&self, id: JobId) -> Result<Value> {
        self.value(id, "/input").await
    }

    /// See [`Queue::result`](cjm_host::Queue::result).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn result(&self, id: JobId) -> Result<Value> {
        self.value(id, "/result").await
    }

    async fn value(&self, id: JobId, which: &str) -> Result<Value> {
        let whole = answer::whole(self.send(Method::GET, &at(id, which), None).await?).await?;
        wire::unpack(&whole.headers, whole.body)
    }

    /// See [`Queue::timeline`](cjm_host::Queue::timeline).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn timeline(&self, id: JobId) -> Result<Vec<QueueEvent>> {
        self.fetch(&at(id, "/timeline"), &[]).await
    }

    /// See [`Queue::logs`](cjm_host::Queue::logs).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn logs(&self, id: JobId) -> Result<Vec<LogRecord>> {
        self.fetch(&at(id, "/logs"), &[]).await
    }

    /// See [`Queue::wait`](cjm_host::Queue::wait).
    ///
    /// # Errors
    ///
    /// As there; `transient`, where the worker ends before the job does.
    pub async fn wait(&self, id: JobId, timeout: Option<Duration>) -> Result<Job> {
        self.fetch(&at(id, "/wait"), &wire::timeout(timeout)).await
    }

    /// See [`Queue::cancel`](cjm_host::Queue::cancel).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn cancel(&self, id: JobId) -> Result<bool> {
        self.change(Method::POST, id, "/cancel").await
    }

    /// See [`Queue::cancel_now`](cjm_host::Queue::cancel_now).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn cancel_now(&self, id: JobId) -> Result<bool> {
        self.change(Method::POST, id, "/cancel?now=true").await
    }

    /// See [`Queue::retry`](cjm_host::Queue::retry).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn retry(&self, id: JobId) -> Result<bool> {
        self.change(Method::POST, id, "/retry").await
    }

    /// See [`Queue::reorder`](cjm_host::Queue::reorder).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn reorder(&self, id: JobId, priority: i32) -> Result<bool> {
        let Done { done } =
            self.ask(Method::PUT, &at(id, "/priority"), &[], Some(&Priority { priority })).await?;
        Ok(done)
    }

    /// See [`Queue::purge`](cjm_host::Queue::purge).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn purge(&self, id: JobId) -> Result<bool> {
        self.change(Method::DELETE, id, "").await
    }

    /// See [`Queue::purge_all`](cjm_host::Queue::purge_all).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn purge_all(&self, filter: &JobFilter) -> Result<u64> {
        let Purged { purged } =
            self.ask(Method::DELETE, "/v1/jobs", &filter.parameters(), None::<&()>).await?;
        Ok(purged)
    }

    async fn change(&self, method: Method, id: JobId, what: &str) -> Result<bool> {
        let Done { done } = self.ask(method, &at(id, what), &[], None::<&()>).await?;
        Ok(done)
    }
}

fn at(id: JobId, what: &str) -> String {
    format!("/v1/jobs/{id}{what}")
}
