//! Putting another version of a plugin in the place of one that is loaded, while it is in use.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::plugin::{Loaded, Plugin};
use super::{Host, Loader};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::instance::{CallLimits, Items, Undone, Work};
use crate::value::Value;

impl Loader {
    /// Loads the component in the place of a plugin that is loaded, under its id.
    ///
    /// The new version is loaded beside the old one. Once it is ready it takes the place, and the calls that come after;
    /// the calls that run or wait end on the old version, which is then told that it goes and is dropped. That happens
    /// beside the caller; await [`old.unload()`](Plugin::unload) to see it end. Handles on the old version pass calls on
    /// to the new one, subscribers of [`Plugin::events`] and [`Plugin::logs`] go on, and whether the plugin is enabled
    /// stays as it is.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// As for [`load`](Loader::load); `not-loaded`, where the old one was unloaded or replaced before the new one was
    /// ready. Then the old one, or what took its place, stays.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the old one in its place.
    pub async fn replace(mut self, old: &Plugin) -> Result<Plugin> {
        if self.id.get_or_insert_with(|| old.id().to_owned()) != old.id() {
            return Err(Error::invalid(format!(
                "`{}` cannot be replaced under another id; leave the id away, or load it beside the other",
                old.id()
            )));
        }
        let host = self.host.clone();
        let new = self.prepare_instance(Some(&old.loaded)).await?;
        if let Err(error) = host.swap(&old.loaded, &new) {
            new.runner.close().await;
            return Err(error);
        }
        let retired = old.clone();
        tokio::spawn(async move { retired.loaded.runner.close().await });
        Ok(Plugin { loaded: new })
    }
}

impl Host {
    /// Registers a plugin in the place of another, if that is still there.
    fn swap(&self, old: &Arc<Loaded>, new: &Arc<Loaded>) -> Result<()> {
        let mut all = self.loaded();
        let in_place = all.get(&old.id).is_some_and(|known| old.is(known));
        if !in_place || !old.registered.swap(false, Ordering::AcqRel) {
            return Err(Error::NotLoaded {
                plugin: old.id.to_string(),
                reason: "it was unloaded or replaced while another version was loaded".into(),
            });
        }
        new.enabled.store(old.enabled.load(Ordering::Acquire), Ordering::Release);
        new.registered.store(true, Ordering::Release);
        all.insert(new.id.clone(), Arc::downgrade(new));
        old.replaced.store(true, Ordering::Release);
        drop(all);
        self.retire(old);
        let digest = new.prepared.inspection.digest;
        new.blueprint.sinks().emit(|| EventKind::Replaced { digest });
        Ok(())
    }

    /// Remembers a plugin that is to be dropped once its calls have ended.
    fn retire(&self, old: &Arc<Loaded>) {
        let mut retired = self.retired();
        retired.retain(|known| known.strong_count() > 0);
        retired.push(Arc::downgrade(old));
    }
}

impl Loaded {
    /// Runs work to its end: here, or in what took this plugin's place before the work began.
    pub(super) async fn execute(&self, work: Work) -> Result<Value> {
        match self.runner.execute(work).await {
            Ok(value) => Ok(value),
            Err(Undone::Failed(error)) => Err(error),
            Err(Undone::Closed(work)) => Box::pin(self.pass_on(*work)).await,
        }
    }

    /// As [`execute`](Self::execute), with the results one by one.
    pub(super) async fn stream(&self, work: Work, items: Items) -> Result<()> {
        match self.runner.stream(work, items).await {
            Ok(()) => Ok(()),
            Err(Undone::Failed(error)) => Err(error),
            Err(Undone::Closed(undone)) => {
                let (work, items) = *undone;
                let (new, work) = self.renew(work)?;
                if new.streams(&work.action) {
                    return Box::pin(new.stream(work, items)).await;
                }
                items.single(Box::pin(new.execute(work)).await?);
                Ok(())
            }
        }
    }

    async fn pass_on(&self, work: Work) -> Result<Value> {
        let (new, work) = self.renew(work)?;
        new.execute(work).await
    }

    /// What took this plugin's place, and the work held against what that one knows.
    fn renew(&self, work: Work) -> Result<(Arc<Self>, Work)> {
        let new = self.successor()?;
        let (job, limits, action, input) = work.into_parts();
        let limits = new.limits_of(self, limits);
        let work = new.work(&action, input, limits, job)?;
        Ok((new, work))
    }

    /// What took this plugin's place.
    pub(super) fn successor(&self) -> Result<Arc<Self>> {
        let gone = |reason: &str| Error::NotLoaded { plugin: self.id.to_string(), reason: reason.to_owned() };
        if !self.was_replaced() {
            return Err(gone("it was unloaded"));
        }
        let host = self.host.upgrade().ok_or_else(|| gone("the host was shut down"))?;
        let new =
            host.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&self.id).cloned();
        new.and_then(|new| new.upgrade()).ok_or_else(|| gone("it was unloaded"))
    }

    /// The limits of a call that was made for another version: what it does not change is what holds here.
    pub(super) fn limits_of(&self, old: &Self, limits: Arc<CallLimits>) -> Arc<CallLimits> {
        let unchanged = Arc::ptr_eq(&limits, old.blueprint.call_limits());
        if unchanged { self.blueprint.call_limits().clone() } else { limits }
    }

    pub(super) fn was_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }
}
