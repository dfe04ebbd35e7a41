//! Which instances are switched off, as the database says it to all processes that use it.

use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::Manager;
use super::slot::Slot;
use crate::error::Result;
use crate::event::EventKind;

impl Manager {
    pub(super) async fn switch(&self, id: &str, enabled: bool) -> Result<()> {
        let name = self.plugin_of(id).await?;
        let slot = self.slot(&name, id)?;
        let changing = slot.changing.lock().await;
        let (database, to_write) = (self.database().clone(), id.to_owned());
        let written = self.blocking("remember it", move || {
            database.configurations().set_enabled(&to_write, &name, enabled)
        });
        let written = written.await;
        let switched = match &written {
            Ok(()) => self.apply(&slot, enabled).await,
            Err(_) => Ok(()),
        };
        drop(changing);
        self.settled(&slot);
        written.and(switched)
    }

    /// Whether an instance is switched off, loaded or not.
    pub(crate) fn is_disabled(&self, id: &str) -> bool {
        self.disabled().contains(id)
    }

    /// Does what other processes have switched.
    pub(super) async fn follow_switches(&self) -> Result<()> {
        let database = self.database().clone();
        let now: HashSet<Arc<str>> =
            self.blocking("read what is switched off", move || database.configurations().disabled()).await?;
        let before = self.disabled().clone();
        for id in now.symmetric_difference(&before) {
            let slot = self.slots().get(id).cloned();
            match slot {
                // Whoever is changing it may be the one who switched it, and is not to be waited for.
                Some(slot) if slot.changing.try_lock().is_err() => {}
                Some(slot) => {
                    let manager = self.clone();
                    tokio::spawn(async move {
                        if let Err(error) = manager.follow_switch(&slot).await {
                            tracing::warn!(%error, instance = %slot.id, "the plugin did not take being switched");
                        }
                    });
                }
                None => self.note(id, !now.contains(id)),
            }
        }
        Ok(())
    }

    /// Switches an instance as the database says now, since it may have been switched again meanwhile.
    async fn follow_switch(&self, slot: &Slot) -> Result<()> {
        let _changing = slot.changing.lock().await;
        let (database, id) = (self.database().clone(), slot.id.clone());
        let stored =
            self.blocking("read what is switched off", move || database.configurations().get(&id)).await?;
        let enabled = stored.is_none_or(|stored| stored.enabled);
        if enabled != self.is_disabled(&slot.id) {
            return Ok(());
        }
        self.apply(slot, enabled).await
    }

    async fn apply(&self, slot: &Slot, enabled: bool) -> Result<()> {
        self.note(&slot.id, enabled);
        match slot.loaded() {
            Some(version) if enabled => version.plugin.enable().await,
            Some(version) => version.plugin.disable().await,
            None => Ok(()),
        }
    }

    fn note(&self, id: &str, enabled: bool) {
        let changed = match enabled {
            true => self.disabled().remove(id),
            false => self.disabled().insert(id.into()),
        };
        if changed {
            self.host().tell(id, if enabled { EventKind::Enabled } else { EventKind::Disabled });
        }
    }

    fn disabled(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.inner.disabled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
