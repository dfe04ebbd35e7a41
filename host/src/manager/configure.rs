//! The configurations of instances: stored, validated, handed to the plugin.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Manager;
use super::record::Record;
use crate::catalog::configuration::{ConfigPath, Strictness, assign, complete, get, set, unset};
use crate::error::{Error, Result, Violation};
use crate::instance::Choice;
use crate::store::StoredConfiguration;

/// A change to a single value of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigEdit {
    /// `path=value`, as on a command line. The value is JSON where it is JSON and the schema asks for no text.
    Assign(String),
    /// Sets the value at a path.
    Set(ConfigPath, Value),
    /// Takes away what is set at a path, so that the default holds.
    Unset(ConfigPath),
}

/// What is known of an instance's configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Configured {
    /// The instance's id.
    pub instance: String,
    /// The plugin's name.
    pub plugin: String,
    /// What was set for this instance; none where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<Value>,
    /// What the plugin gets: what was set, else what `cjm.toml` says, with the schema's defaults filled in.
    pub effective: Value,
    /// Whether calls are taken.
    pub enabled: bool,
    /// When it was last changed, in milliseconds since 1970-01-01 UTC; none where it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<u64>,
}

impl Configured {
    /// The value at a path, of what the plugin gets.
    pub fn get(&self, path: &ConfigPath) -> Option<&Value> {
        get(&self.effective, path)
    }
}

impl Manager {
    /// The configuration of an instance, loaded or not.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where no plugin has an instance of this id; what reading the database can fail with.
    pub async fn config(&self, id: &str) -> Result<Configured> {
        let record = self.record(&self.plugin_of(id).await?)?;
        let (manager, id) = (self.clone(), id.to_owned());
        self.blocking("read the configuration", move || {
            let stored = manager.database().configurations().get(&id)?;
            Ok(manager.configured(&record, id, stored))
        })
        .await
    }

    /// What is stored of all instances, whether they are loaded or not, by id; those of plugins that are gone are left
    /// out.
    ///
    /// # Errors
    ///
    /// What reading the database can fail with.
    pub async fn configurations(&self) -> Result<Vec<Configured>> {
        let manager = self.clone();
        self.blocking("read the configurations", move || {
            let discovery = manager.discovery();
            let stored = manager.database().configurations().list(None)?;
            let known = stored.into_iter().filter_map(|stored| {
                let record = discovery.get(&stored.plugin)?;
                Some(manager.configured(record, stored.instance.clone(), Some(stored)))
            });
            Ok(known.collect())
        })
        .await
    }

    fn configured(
        &self,
        record: &Record,
        instance: String,
        stored: Option<StoredConfiguration>,
    ) -> Configured {
        let (enabled, updated_at) = match &stored {
            Some(stored) => (stored.enabled, Some(stored.updated_at)),
            None => (true, None),
        };
        let stored = stored.and_then(|stored| stored.config);
        let mut effective = stored.clone().unwrap_or_else(|| self.declared_config(&record.name));
        record.description.config_schema.fill_defaults(&mut effective);
        Configured { instance, plugin: record.name.clone(), stored, effective, enabled, updated_at }
    }

    /// Looks at every page of the database, as long as that takes.
    ///
    /// # Errors
    ///
    /// `fatal`, with what is damaged and how to recover.
    pub async fn check_database(&self) -> Result<()> {
        let database = self.database().clone();
        self.blocking("check the database", move || database.check()).await
    }

    /// Sets the whole configuration of an instance. Where it is loaded it goes over to it first, and what the plugin
    /// refuses is not stored. Gives what [`Strictness::Lenient`] lets pass: fields that the schema does not know.
    ///
    /// # Errors
    ///
    /// `invalid-input`, with every violation of the schema by JSON pointer; what the plugin says of it; what the
    /// database can fail with: then the configuration is what it was.
    pub async fn set_config(
        &self,
        id: &str,
        config: Value,
        strictness: Strictness,
    ) -> Result<Vec<Violation>> {
        self.change_config(id, strictness, move |_| Ok(config)).await
    }

    /// Sets or unsets single values of an instance's configuration; see [`set_config`](Self::set_config).
    ///
    /// # Errors
    ///
    /// As for [`set_config`](Self::set_config).
    pub async fn edit_config(
        &self,
        id: &str,
        edits: &[ConfigEdit],
        strictness: Strictness,
    ) -> Result<Vec<Violation>> {
        let record = self.record(&self.plugin_of(id).await?)?;
        let schema = &record.description.config_schema;
        self.change_config(id, strictness, |mut config| {
            for edit in edits {
                config = match edit {
                    ConfigEdit::Assign(assignment) => assign(schema, &config, assignment)?,
                    ConfigEdit::Set(path, value) => set(schema, &config, path, value.clone())?,
                    ConfigEdit::Unset(path) => unset(&config, path).ok_or_else(|| {
                        Error::invalid(format!("nothing is set at `{path}` in the configuration of `{id}`"))
                    })?,
                };
            }
            Ok(config)
        })
        .await
    }

    /// Deletes what was set for an instance, so that it has the configuration of `cjm.toml`, or the defaults; false
    /// where nothing was set.
    ///
    /// # Errors
    ///
    /// As for [`set_config`](Self::set_config).
    pub async fn reset_config(&self, id: &str) -> Result<bool> {
        let name = self.plugin_of(id).await?;
        let slot = self.slot_of(id);
        let _changing = match &slot {
            Some(slot) => Some(slot.changing.lock().await),
            None => None,
        };
        if let Some(version) = slot.as_ref().and_then(|slot| slot.loaded()) {
            version.plugin.reconfigure(self.declared_config(&name)).await?;
        }
        let (database, id) = (self.database().clone(), id.to_owned());
        self.blocking("delete the configuration", move || database.configurations().delete(&id)).await
    }

    /// The values that the dynamic fields of an instance's configuration can take right now, by JSON pointer. They
    /// stand beside the schema, and are no part of it.
    ///
    /// # Errors
    ///
    /// `not-loaded`; what can become of any call.
    pub async fn config_options(&self, id: &str) -> Result<BTreeMap<String, Vec<Choice>>> {
        self.instance(id)?.plugin()?.config_options().await
    }

    async fn change_config(
        &self,
        id: &str,
        strictness: Strictness,
        change: impl FnOnce(Value) -> Result<Value>,
    ) -> Result<Vec<Violation>> {
        let record = self.record(&self.plugin_of(id).await?)?;
        let slot = self.slot_of(id);
        let _changing = match &slot {
            Some(slot) => Some(slot.changing.lock().await),
            None => None,
        };
        let before = self.config(id).await?;
        let old = before.stored.unwrap_or_else(|| self.declared_config(&record.name));
        let new = change(old.clone())?;
        let warnings = complete(id, &record.description.config_schema, new.clone(), strictness)?.warnings;
        let version = slot.as_ref().and_then(|slot| slot.loaded());
        if let Some(version) = &version {
            version.plugin.reconfigure(new.clone()).await?;
        }
        let (database, name) = (self.database().clone(), record.name.clone());
        let instance = id.to_owned();
        let stored = self
            .blocking("store the configuration", move || {
                database.configurations().put(&instance, &name, &new)
            })
            .await;
        if let Err(error) = stored {
            // What is not stored must not be in force: at the next start it would be gone.
            if let Some(version) = &version
                && let Err(error) = version.plugin.reconfigure(old).await
            {
                tracing::warn!(%error, instance = id, "the configuration before could not be brought back");
            }
            return Err(error);
        }
        Ok(warnings)
    }

    /// Whether a plugin has a configuration that it can be loaded with. Blocks.
    pub(super) fn is_configured(&self, record: &Record) -> Result<bool> {
        let stored = self.database().configurations().get(&record.name)?.and_then(|stored| stored.config);
        let mut config = stored.unwrap_or_else(|| self.declared_config(&record.name));
        let schema = &record.description.config_schema;
        schema.fill_defaults(&mut config);
        Ok(schema.validate(&config).is_empty())
    }

    /// The name of the plugin that an instance belongs to, whether it is loaded or not.
    pub(crate) async fn plugin_of(&self, id: &str) -> Result<String> {
        if let Some(name) = self.declared_plugin_of(id) {
            return Ok(name);
        }
        let (database, instance) = (self.database().clone(), id.to_owned());
        let stored =
            self.blocking("read the configuration", move || database.configurations().get(&instance));
        match stored.await? {
            Some(stored) => Ok(stored.plugin),
            None => Err(self.record(id).err().unwrap_or_else(|| Error::NotLoaded {
                plugin: id.to_owned(),
                reason: "no plugin has an instance of this id".into(),
            })),
        }
    }

    /// The same, as far as it is known without a look into the database.
    pub(super) fn declared_plugin_of(&self, id: &str) -> Option<String> {
        if let Some(slot) = self.slot_of(id) {
            return Some(slot.name.to_string());
        }
        let mut declared = self.settings().plugins().iter();
        if let Some((name, _)) =
            declared.find(|(name, plugin)| plugin.instance_ids(name).any(|own| own == id))
        {
            return Some(name.clone());
        }
        self.discovery().get(id).map(|record| record.name.clone())
    }
}
