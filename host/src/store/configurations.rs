//! The table of configurations: what an operator set for each instance.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::Value;

use super::fault::Fault;
use super::{Database, now};
use crate::error::{Error, Result};

/// What is stored of one instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct StoredConfiguration {
    /// The instance's id.
    pub(crate) instance: String,
    /// The plugin's name.
    pub(crate) plugin: String,
    /// The configuration as it was set, without the schema's defaults; none where none was set.
    pub(crate) config: Option<Value>,
    /// Whether calls are taken.
    pub(crate) enabled: bool,
    /// When it was last written, in milliseconds since 1970-01-01 UTC.
    pub(crate) updated_at: u64,
}

/// The table, borrowed from its [`Database`].
pub(crate) struct Configurations<'a> {
    database: &'a Database,
}

const COLUMNS: &str = "instance, plugin, config, enabled, updated_at";

impl<'a> Configurations<'a> {
    pub(super) fn new(database: &'a Database) -> Self {
        Self { database }
    }

    /// What is stored of an instance.
    pub(crate) fn get(&self, instance: &str) -> Result<Option<StoredConfiguration>> {
        self.database.read(&format!("read the configuration of `{instance}` from"), |connection| {
            row(connection, instance)
        })
    }

    /// What is stored of all instances, or those of one plugin, in the order of their ids.
    pub(crate) fn list(&self, plugin: Option<&str>) -> Result<Vec<StoredConfiguration>> {
        self.database.read("list the configurations in", |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM configurations WHERE ?1 IS NULL OR plugin = ?1 ORDER BY instance"
            ))?;
            let mut rows = statement.query(params![plugin])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(stored(row)?);
            }
            Ok(all)
        })
    }

    /// Stores a configuration in place of what there was. The instance stays enabled or disabled as it is.
    pub(crate) fn put(&self, instance: &str, plugin: &str, config: &Value) -> Result<()> {
        self.update(instance, plugin, |_| Ok(config.clone())).map(drop)
    }

    /// Makes the new configuration of the old one, none where there is none, and stores it: no other process or thread
    /// changes it in between. Where `change` fails, nothing is changed. `change` must not use the database.
    pub(crate) fn update(
        &self,
        instance: &str,
        plugin: &str,
        change: impl FnOnce(Option<Value>) -> Result<Value>,
    ) -> Result<Value> {
        self.database.write(&format!("write the configuration of `{instance}` to"), |transaction| {
            let old = row(transaction, instance)?.and_then(|stored| stored.config);
            let new = change(old)?;
            transaction
                .prepare_cached(
                    "INSERT INTO configurations (instance, plugin, config, updated_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (instance) DO UPDATE
                     SET plugin = excluded.plugin, config = excluded.config, updated_at = excluded.updated_at",
                )?
                .execute(params![instance, plugin, new.to_string(), now()])?;
            Ok(new)
        })
    }

    /// The ids of the instances that are disabled.
    pub(crate) fn disabled(&self) -> Result<HashSet<Arc<str>>> {
        self.database.read_beside("read what is disabled in", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT instance FROM configurations WHERE NOT enabled")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Enables or disables an instance, whether it has a configuration or not.
    pub(crate) fn set_enabled(&self, instance: &str, plugin: &str, enabled: bool) -> Result<()> {
        self.database.write(&format!("enable or disable `{instance}` in"), |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO configurations (instance, plugin, enabled, updated_at) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (instance) DO UPDATE
                     SET plugin = excluded.plugin, enabled = excluded.enabled, updated_at = excluded.updated_at",
                )?
                .execute(params![instance, plugin, enabled, now()])?;
            Ok(())
        })
    }

    /// Deletes an instance's configuration; a disabled instance stays disabled. False where there was none.
    pub(crate) fn delete(&self, instance: &str) -> Result<bool> {
        self.database.write(&format!("delete the configuration of `{instance}` from"), |transaction| {
            let changed = transaction.execute(
                "UPDATE configurations SET config = NULL, updated_at = ?2
                 WHERE instance = ?1 AND config IS NOT NULL",
                params![instance, now()],
            )?;
            transaction.execute(
                "DELETE FROM configurations WHERE instance = ?1 AND config IS NULL AND enabled = 1",
                [instance],
            )?;
            Ok(changed > 0)
        })
    }

    /// Deletes all that is stored of a plugin's instances, as when it is removed for good; how many they were.
    pub(crate) fn forget(&self, plugin: &str) -> Result<usize> {
        self.database.write(&format!("delete the configurations of `{plugin}` from"), |transaction| {
            Ok(transaction.execute("DELETE FROM configurations WHERE plugin = ?1", [plugin])?)
        })
    }
}

fn row(connection: &Connection, instance: &str) -> Result<Option<StoredConfiguration>, Fault> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM configurations WHERE instance = ?1"))?
        .query_row([instance], |row| Ok(stored(row)))
        .optional()?
        .transpose()
}

fn stored(row: &Row<'_>) -> Result<StoredConfiguration, Fault> {
    let instance: String = row.get(0)?;
    let text: Option<String> = row.get(2)?;
    let config = text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
        Error::fatal(format!(
            "the stored configuration of `{instance}` cannot be read: {error}; delete it, or set it anew"
        ))
    })?;
    let updated_at = row.get::<_, i64>(4)?.try_into().unwrap_or(0);
    Ok(StoredConfiguration { instance, plugin: row.get(1)?, config, enabled: row.get(3)?, updated_at })
}
