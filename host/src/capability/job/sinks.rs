//! Where it goes what an instance tells.

use std::sync::Arc;

use crate::capability::log::LogRing;
use crate::event::{Event, EventBus, EventKind, HostBus};

/// Where the events of an instance go, beside the watchers of a single job, and where its records are kept. The
/// versions of a plugin that follow one another under one id share it.
#[derive(Debug)]
pub(crate) struct Sinks {
    pub(crate) instance: Arc<str>,
    pub(crate) plugin: EventBus,
    pub(crate) host: Arc<HostBus>,
    pub(crate) logs: LogRing,
}

impl Sinks {
    pub(crate) fn new(instance: Arc<str>, host: Arc<HostBus>) -> Self {
        Self { instance, plugin: EventBus::default(), host, logs: LogRing::default() }
    }

    /// Tells what happened outside of a job.
    pub(crate) fn emit(&self, kind: impl FnOnce() -> EventKind) {
        let buses = [&self.plugin, &self.host.all, &self.host.outside];
        if !buses.iter().any(|bus| bus.is_watched()) {
            return;
        }
        let event = Event { instance: self.instance.clone(), job: "".into(), kind: kind() };
        for bus in buses {
            bus.send(event.clone());
        }
    }
}
