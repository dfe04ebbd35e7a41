//! Plugins by category, as an application offers them for choice and configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::Manager;
use super::record::{Record, shared};
use crate::catalog::Strictness;
use crate::error::{Error, Result};

/// The category of plugins that name none.
const NO_CATEGORY: &str = "other";

/// Plugins that can stand in for one another.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct PluginCategory {
    /// For example `transcription`; `other` for plugins that name none.
    pub name: String,
    /// For people, for example `Transcription`.
    pub display_name: String,
    /// The plugins, by id.
    pub entries: Vec<CategoryEntry>,
}

/// A plugin within its category.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct CategoryEntry {
    /// `category_name`, unique in the plugins folder, for example `transcription_whisper`. An `_` in the category is
    /// written `-` here, so that no two plugins come to the same id.
    pub id: String,
    /// For people, for example `Whisper`.
    pub display_name: String,
    /// Whether it has a configuration that it can be loaded with: one that was saved or set in `cjm.toml`, or its
    /// defaults where they suffice.
    pub is_configured: bool,
    /// What else is known of the plugin.
    #[serde(serialize_with = "shared")]
    pub plugin: Arc<Record>,
}

impl Manager {
    /// The plugins by category, as the last [`discover`](Self::discover) found them.
    ///
    /// # Errors
    ///
    /// What reading the stored configurations can fail with.
    pub async fn categories(&self) -> Result<Vec<PluginCategory>> {
        let plugins = self.discovery().plugins.clone();
        let manager = self.clone();
        self.blocking("read the configurations", move || {
            let mut categories: BTreeMap<String, PluginCategory> = BTreeMap::new();
            for record in plugins {
                let name = category_of(&record).to_owned();
                let category = categories.entry(name.clone()).or_insert_with(|| PluginCategory {
                    display_name: display_name(&name),
                    name,
                    entries: Vec::new(),
                });
                category.entries.push(CategoryEntry {
                    id: id_of(&record),
                    display_name: display_name(&record.name),
                    is_configured: manager.is_configured(&record)?,
                    plugin: record,
                });
            }
            let mut categories: Vec<_> = categories.into_values().collect();
            for category in &mut categories {
                category.entries.sort_by(|a, b| a.id.cmp(&b.id));
            }
            Ok(categories)
        })
        .await
    }

    /// The plugin of an id `category_name`.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is none.
    pub fn choice(&self, id: &str) -> Result<Arc<Record>> {
        let found = self.discovery().plugins.iter().find(|record| id_of(record) == id).cloned();
        found.ok_or_else(|| Error::NotLoaded {
            plugin: id.to_owned(),
            reason: "no plugin in the plugins folder has this id; ids are written category_name".into(),
        })
    }

    /// Saves the configuration of the plugin with this id, for the instance that has the plugin's name; one that is
    /// loaded goes over to it. As [`set_config`](Self::set_config) in all else.
    ///
    /// # Errors
    ///
    /// As for [`set_config`](Self::set_config), and `not-loaded`, where there is no such plugin.
    pub async fn save_configuration(&self, id: &str, config: serde_json::Value) -> Result<()> {
        let name = self.choice(id)?.name.clone();
        self.set_config(&name, config, Strictness::Strict).await.map(drop)
    }

    /// The configuration of the plugin with this id, with the schema's defaults filled in.
    ///
    /// # Errors
    ///
    /// `not-loaded`, where there is no such plugin; and what reading can fail with.
    pub async fn load_configuration(&self, id: &str) -> Result<serde_json::Value> {
        let name = self.choice(id)?.name.clone();
        Ok(self.config(&name).await?.effective)
    }

    /// Deletes the configuration that was saved for the plugin with this id; false where there was none. A loaded
    /// instance goes over to what is left: that of `cjm.toml`, or the defaults.
    ///
    /// # Errors
    ///
    /// As for [`save_configuration`](Self::save_configuration).
    pub async fn delete_configuration(&self, id: &str) -> Result<bool> {
        let name = self.choice(id)?.name.clone();
        self.reset_config(&name).await
    }
}

fn category_of(record: &Record) -> &str {
    record.description.category.as_deref().unwrap_or(NO_CATEGORY)
}

fn id_of(record: &Record) -> String {
    format!("{}_{}", category_of(record).replace('_', "-"), record.name)
}

/// `speech-to-text` as people write it: `Speech to text`.
fn display_name(name: &str) -> String {
    let spaced = name.replace(['-', '_'], " ");
    let mut letters = spaced.trim().chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_people_write_them() {
        assert_eq!(display_name("speech-to_text"), "Speech to text");
        assert_eq!(display_name("_"), "_");
    }
}
