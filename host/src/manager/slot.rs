//! Where the current version of an instance is kept while versions come and go.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::host::Plugin;

/// An instance's place in the manager, for as long as the instance is known.
#[derive(Debug)]
pub(super) struct Slot {
    /// The instance's id.
    pub(super) id: Arc<str>,
    /// The plugin's name.
    pub(super) name: Arc<str>,
    /// Held while the instance is loaded, replaced, configured or unloaded: one such change at a time.
    pub(super) changing: tokio::sync::Mutex<()>,
    current: Mutex<Option<Arc<Version>>>,
}

/// What is loaded in a slot.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) plugin: Plugin,
    /// What the operator should know of how it was loaded.
    pub(super) warnings: Vec<String>,
}

impl Slot {
    pub(super) fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            changing: tokio::sync::Mutex::default(),
            current: Mutex::default(),
        }
    }

    /// The version that takes calls, if one does.
    pub(super) fn loaded(&self) -> Option<Arc<Version>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The version that takes calls.
    pub(super) fn version(&self) -> Result<Arc<Version>> {
        self.loaded().ok_or_else(|| Error::NotLoaded { plugin: self.id.to_string(), reason: String::new() })
    }

    /// Puts a version in the place of the one before it.
    pub(super) fn put(&self, plugin: Plugin, warnings: Vec<String>) {
        let version = Arc::new(Version { plugin, warnings });
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(version);
    }

    /// Takes the version out; calls are refused from now on.
    pub(super) fn take(&self) -> Option<Arc<Version>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
