//! Loading, unloading, reloading, and switching on and off.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use ring::rand::{SecureRandom, SystemRandom};

use super::Manager;
use super::instance::Instance;
use super::slot::Slot;
use crate::catalog::check_name;
use crate::error::{Error, Result};
use crate::host::Plugin;

/// Plugins that are loaded at the same time: initialization may wait for the disk or for code of the plugin's own.
const AT_ONCE: usize = 16;

/// What became of one instance when many were asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The instance's id.
    pub id: String,
    /// The instance, or why there is none.
    pub result: Result<Instance>,
}

impl Manager {
    /// Loads the instance that has its plugin's name, or gives it where it is loaded already.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is no plugin of this name; `invalid-input`, where its component was altered or is not
    /// trusted, its configuration does not fit, or the plugin refuses it; `not-granted`, with what has to be granted,
    /// ready to be pasted.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops the load, except for a compilation that has begun.
    pub async fn load(&self, name: &str) -> Result<Instance> {
        self.load_as(name, name).await
    }

    /// Loads an instance under an id of its own, with its own configuration: 1 to 64 characters of `[A-Za-z0-9_-]`.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load); `invalid-input`, where the id belongs to an instance of another plugin.
    pub async fn load_as(&self, name: &str, id: &str) -> Result<Instance> {
        check_name("an instance's id", id)?;
        let slot = self.slot(name, id)?;
        let loaded = {
            let _changing = slot.changing.lock().await;
            if slot.loaded().is_some() { Ok(()) } else { self.start(&slot).await }
        };
        self.settled(&slot);
        loaded.map(|()| Instance { slot })
    }

    /// Loads another instance of a plugin, under an id that is made up: the plugin's name and eight random digits.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub async fn load_another(&self, name: &str) -> Result<Instance> {
        let mut random = [0; 4];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| Error::fatal("the operating system gives no random numbers for an instance's id"))?;
        let stem: String = name.chars().take(55).collect();
        self.load_as(name, &format!("{stem}-{:08x}", u32::from_ne_bytes(random))).await
    }

    /// Loads every plugin that can be loaded, concurrently: for each the instances that `cjm.toml` names, or the one
    /// with the plugin's name. What fails keeps nothing else from being loaded. By id.
    pub async fn load_all(&self) -> Vec<Outcome> {
        let mut wanted = Vec::new();
        for record in &self.discovery().plugins {
            wanted.extend(self.instances_of(&record.name).into_iter().map(|id| (record.name.clone(), id)));
        }
        let load = |(name, id): (String, String)| async move {
            let result = self.load_as(&name, &id).await;
            Outcome { id, result }
        };
        let mut outcomes: Vec<_> = stream::iter(wanted).map(load).buffer_unordered(AT_ONCE).collect().await;
        outcomes.sort_by(|a, b| a.id.cmp(&b.id));
        outcomes
    }

    /// Lets the running calls of an instance end, tells the plugin, and drops it. Its configuration stays.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub async fn unload(&self, id: &str) -> Result<()> {
        let slot = self.known(id)?;
        let _changing = slot.changing.lock().await;
        let version = slot.take();
        self.settled(&slot);
        match version {
            Some(version) => {
                version.plugin.unload().await;
                Ok(())
            }
            None => Err(Error::NotLoaded { plugin: id.to_owned(), reason: String::new() }),
        }
    }

    /// Unloads all instances, concurrently.
    pub async fn unload_all(&self) {
        let unload = |instance: Instance| async move {
            // Where somebody else was faster there is nothing left to do.
            let _ = self.unload(instance.id()).await;
        };
        futures::future::join_all(self.instances().into_iter().map(unload)).await;
    }

    /// Loads the plugin's component as it is now, with its configuration and grants as they are now, and puts it in
    /// the place of what is loaded. Calls that run end on the old version; where the new one cannot be loaded the old
    /// one stays.
    ///
    /// # Errors
    ///
    /// `not-loaded`; otherwise as for [`discover`](Self::discover), which it begins with, and [`load`](Self::load).
    pub async fn reload(&self, id: &str) -> Result<Instance> {
        self.known(id)?.version()?;
        self.discover().await?;
        self.reload_discovered(id).await
    }

    /// As [`reload`](Self::reload), with the component that the last look into the plugins folder found.
    pub(super) async fn reload_discovered(&self, id: &str) -> Result<Instance> {
        let slot = self.known(id)?;
        {
            let _changing = slot.changing.lock().await;
            let old = slot.version()?;
            self.replace(&slot, &old.plugin).await?;
        }
        Ok(Instance { slot })
    }

    /// Takes calls again, and tells the plugin. Remembered for the next time that it is loaded.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where no plugin has an instance of this id; what the database and the plugin's hook can fail with.
    pub async fn enable(&self, id: &str) -> Result<()> {
        self.switch(id, true).await
    }

    /// Refuses calls from now on, and tells the plugin once the running ones have ended. Remembered for the next time
    /// that it is loaded.
    ///
    /// # Errors
    ///
    /// As for [`enable`](Self::enable).
    pub async fn disable(&self, id: &str) -> Result<()> {
        self.switch(id, false).await
    }

    /// Gives back the memory of an instance on which nothing runs, which stays loaded: see [`Plugin::evict`]. How much
    /// that was, in bytes.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub async fn evict(&self, id: &str) -> Result<u64> {
        let slot = self.known(id)?;
        // While it is replaced or configured it is in use.
        let Ok(_changing) = slot.changing.try_lock() else { return Ok(0) };
        Ok(slot.version()?.plugin.evict().await)
    }

    /// The instances that are loaded, by id.
    pub fn instances(&self) -> Vec<Instance> {
        let mut instances: Vec<Instance> = self
            .slots()
            .values()
            .filter(|slot| slot.loaded().is_some())
            .cloned()
            .map(|slot| Instance { slot })
            .collect();
        instances.sort_by(|a, b| a.id().cmp(b.id()));
        instances
    }

    /// The instance of this id.
    ///
    /// # Errors
    ///
    /// `not-loaded`.
    pub fn instance(&self, id: &str) -> Result<Instance> {
        let slot = self.known(id)?;
        slot.version()?;
        Ok(Instance { slot })
    }

    /// The ids of the instances that a plugin is to have.
    pub(super) fn instances_of(&self, name: &str) -> Vec<String> {
        match self.settings().plugin(name) {
            Some(plugin) => plugin.instance_ids(name).map(str::to_owned).collect(),
            None => vec![name.to_owned()],
        }
    }

    /// Makes the first version in a slot.
    async fn start(&self, slot: &Slot) -> Result<()> {
        let assembled = self.assemble(&slot.name, &slot.id).await?;
        let plugin = assembled.loader.load().await?;
        if !assembled.enabled {
            // Switched off it is whatever its hook makes of it.
            if let Err(error) = plugin.disable().await {
                tracing::warn!(%error, instance = &*slot.id, "the hook of a plugin that is switched off failed");
            }
        }
        slot.put(plugin, assembled.warnings);
        Ok(())
    }

    /// Puts the next version in the place of `old`, which is unloaded once the last call on it has ended.
    pub(super) async fn replace(&self, slot: &Slot, old: &Plugin) -> Result<()> {
        let assembled = self.assemble(&slot.name, &slot.id).await?;
        let plugin = assembled.loader.replace(old).await?;
        slot.put(plugin, assembled.warnings);
        Ok(())
    }

    /// The place of an instance, which is made where there is none.
    pub(super) fn slot(&self, name: &str, id: &str) -> Result<Arc<Slot>> {
        let mut slots = self.slots();
        match slots.get(id) {
            Some(slot) if &*slot.name == name => Ok(slot.clone()),
            Some(slot) => Err(Error::invalid(format!(
                "`{id}` is the id of an instance of `{}`; load `{name}` under another id",
                slot.name
            ))),
            None => {
                let slot = Arc::new(Slot::new(id, name));
                slots.insert(slot.id.clone(), slot.clone());
                Ok(slot)
            }
        }
    }

    /// The place of an instance, if it has one.
    pub(super) fn slot_of(&self, id: &str) -> Option<Arc<Slot>> {
        self.slots().get(id).cloned()
    }

    fn known(&self, id: &str) -> Result<Arc<Slot>> {
        self.slot_of(id).ok_or_else(|| Error::NotLoaded { plugin: id.to_owned(), reason: String::new() })
    }

    /// Forgets a slot in which nothing is loaded, unless somebody else is about to load into it.
    pub(super) fn settled(&self, slot: &Arc<Slot>) {
        let mut slots = self.slots();
        // One is the map's, one is the caller's.
        if slot.loaded().is_none() && Arc::strong_count(slot) <= 2 {
            slots.remove(&slot.id);
        }
    }
}
