//! A fresh instance for each call: nothing is kept, and calls run beside each other.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::blueprint::Blueprint;
use super::convert;
use super::exclusive::stream;
use super::live::Live;
use super::runner::{Work, closed, turn};
use super::stream::Items;
use crate::capability::job::Job;
use crate::error::{Error, Result};
use crate::event::CancelPhase;
use crate::value::Value;

pub(crate) struct Fresh {
    blueprint: Arc<Blueprint>,
    permits: Semaphore,
    concurrency: u32,
}

impl Fresh {
    pub(super) async fn start(blueprint: Arc<Blueprint>) -> Result<Self> {
        drop(Live::start(&blueprint, None).await?);
        let concurrency = blueprint.limits.max_concurrency.max(1);
        Ok(Self { blueprint, permits: Semaphore::new(concurrency as usize), concurrency })
    }

    pub(super) async fn execute(&self, mut work: Work) -> Result<Value> {
        let permit = self.enter(&work).await?;
        let mut live = Live::start(&self.blueprint, Some(&work.job)).await?;
        let input = work.take_input();
        let what = || work.what();
        let ended = live.execute(&self.blueprint.catalogued, &work, &input).await;
        drop(input);
        leave(live, &ended, &work.job);
        drop(permit);
        let value = ended?.map_err(|error| convert::error_from_guest(&what(), error))?;
        convert::from_guest(what, value, work.limits.output_bytes)
    }

    pub(super) async fn stream(&self, mut work: Work, items: Items) -> Result<()> {
        let permit = self.enter(&work).await?;
        let mut live = Live::start(&self.blueprint, Some(&work.job)).await?;
        let ended = stream(&self.blueprint, &mut live, &mut work, items).await;
        leave(live, &ended, &work.job);
        drop(permit);
        ended?.map_err(|error| convert::error_from_guest(&work.what(), error))
    }

    pub(super) async fn reconfigure(&self, config: Arc<str>) -> Result<()> {
        let old = self.blueprint.config();
        self.blueprint.set_config(config);
        match Live::start(&self.blueprint, None).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.blueprint.set_config(old);
                Err(error)
            }
        }
    }

    pub(super) async fn close(&self) {
        // All permits are free once the running calls have ended.
        let all = self.permits.acquire_many(self.concurrency).await;
        self.permits.close();
        drop(all);
    }

    async fn enter(&self, work: &Work) -> Result<SemaphorePermit<'_>> {
        turn(&work.job, || work.what(), self.permits.acquire())
            .await
            .and_then(|permit| permit.map_err(|_| closed(&self.blueprint)))
    }
}

fn leave<T>(live: Live, ended: &Result<T>, job: &Job) {
    if matches!(ended, Err(Error::Cancelled { forced: true, .. })) {
        job.enter(CancelPhase::Forced);
    }
    drop(live);
}
