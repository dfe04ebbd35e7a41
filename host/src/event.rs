//! What happens while calls run, as it is told to whoever watches: a call, a plugin, or the whole host.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::catalog::{Capability, Digest};
use crate::error::Error;

/// Events that a slow subscriber may lag behind before it misses the oldest.
const BACKLOG: usize = 1024;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// The id of the instance that it happened to; empty for [`EventKind::Lagged`].
    #[serde(serialize_with = "as_str")]
    pub instance: Arc<str>,
    /// The id of the job that it happened to; empty outside of one.
    #[serde(serialize_with = "as_str")]
    pub job: Arc<str>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

pub(crate) fn as_str<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// A moment as text, for example `2030-01-31T12:00:00.000Z`.
pub(crate) fn rfc3339<S: serde::Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*at))
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// The job came further. At most 50 a second are told for one job; the latest wins.
    Progress(Progress),
    /// The job used something. Amounts of one unit add up.
    Usage {
        /// The plugin's own unit, for example `input-tokens`.
        unit: String,
        /// How much of it.
        amount: f64,
    },
    /// What a job of a [`Queue`](crate::Queue) uses, while it runs. Told once in a while; the latest wins.
    Resources(Measured),
    /// The plugin printed or logged something.
    Log(LogRecord),
    /// A cancellation entered its next phase.
    Cancel {
        /// The phase.
        phase: CancelPhase,
    },
    /// The plugin asked for something beyond its grants, and did not get it. At most 16 in 10 seconds are told for one
    /// instance.
    GrantRefused {
        /// What it belongs to.
        capability: Capability,
        /// What the plugin wanted, for example `https://example.org`.
        wanted: String,
        /// The grant that would have let it, as on the command line of `cjm-ctl grant`.
        grant: String,
        /// Refusals before this one that were not told.
        untold: u64,
    },
    /// A file of the plugins folder, or the folder itself, cannot be used; or a plugin that should be loaded could not be.
    PluginProblem {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        error: Error,
    },
    /// The plugin was loaded under this id.
    Loaded {
        /// The component's digest.
        digest: Digest,
    },
    /// The plugin was unloaded: the id is free.
    Unloaded,
    /// Somebody switched the instance on: it takes calls again, or will once it is loaded.
    Enabled,
    /// Somebody switched the instance off: it takes no calls.
    Disabled,
    /// Another component took the plugin's place, under the same id. Calls that run end on the one before it.
    Replaced {
        /// The digest of the new one.
        digest: Digest,
    },
    /// The schema of the plugin's configuration is not the one that was recorded when it was installed.
    Drift {
        /// What was recorded, as the digest of its canonical form.
        recorded: Digest,
        /// What the plugin describes now.
        live: Digest,
    },
    /// The subscriber was too slow, and so many events before this one are lost to it.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// How far a job has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// From 0 to 1; none where the end is not known.
    pub fraction: Option<f64>,
    /// What is being done, in the plugin's words.
    pub message: String,
}

/// What a job uses, as far as that can be measured; what cannot is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Measured {
    /// Linear memory of the instance that it runs in, in bytes, now. The calls of a `shared` instance have it together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The most linear memory that the instance had while the job ran in it, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Time in which the guest computed for it. None in a `shared` instance, whose calls cannot be told apart. In
    /// milliseconds where it is serialized.
    #[serde(rename = "cpu-time-ms", with = "optional_millis", skip_serializing_if = "Option::is_none")]
    pub cpu_time: Option<Duration>,
    /// Memory of a graphics processor, in bytes, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_bytes: Option<u64>,
    /// The most of it while the job ran, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_gpu_memory_bytes: Option<u64>,
}

/// A length of time that may be missing, in milliseconds with their fractions.
mod optional_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64() * 1000.0).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let millis = Option::<f64>::deserialize(from)?;
        millis
            .map(|millis| Duration::try_from_secs_f64(millis / 1000.0).map_err(de::Error::custom))
            .transpose()
    }
}

/// One line that a plugin printed, or one record that it logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogRecord {
    /// How severe it is.
    pub level: LogLevel,
    /// Where it comes from: `stdout`, `stderr`, or the context that the plugin gave.
    pub target: String,
    /// The text, cut at the limit.
    pub message: String,
}

/// Severity of a [`LogRecord`], from least to most; the levels of `wasi:logging`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// How far a cancellation has come. A call goes through these in order, and may leave out the ones from
/// `Forced` to `Reloaded` where the guest ends by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelPhase {
    /// Nobody asked for it.
    #[default]
    None,
    /// Somebody asked for it.
    Requested,
    /// The guest was told, and has its grace time to end by itself.
    Cooperative,
    /// The grace time is over; the instance is dropped.
    Forced,
    /// There is a new instance, initialized with the same configuration.
    Reloaded,
    /// The call is over, and its instance takes the next one.
    Done,
}

/// Where events go. The backlog takes memory only once somebody subscribes.
#[derive(Debug, Default)]
pub(crate) struct EventBus {
    sender: OnceLock<broadcast::Sender<Event>>,
}

impl EventBus {
    /// Whether anybody listens; saves the work of making an event where nobody does.
    pub(crate) fn is_watched(&self) -> bool {
        self.sender.get().is_some_and(|sender| sender.receiver_count() > 0)
    }

    pub(crate) fn send(&self, event: Event) {
        if let Some(sender) = self.sender.get() {
            // An error says that nobody listens.
            let _ = sender.send(event);
        }
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        let sender = self.sender.get_or_init(|| broadcast::Sender::new(BACKLOG));
        Subscription { receiver: sender.subscribe() }
    }
}

/// Where the events of a whole host go.
#[derive(Debug, Default)]
pub(crate) struct HostBus {
    pub(crate) all: EventBus,
    /// Those outside of jobs once more, so that no flood of a job's can drown them.
    pub(crate) outside: EventBus,
}

/// A stream of events, from the moment of subscribing on.
///
/// The host never waits for a subscriber: one that falls behind by more than 1,024 events is told with
/// [`EventKind::Lagged`] how many it missed, and reads on.
#[derive(Debug)]
pub struct Subscription {
    receiver: broadcast::Receiver<Event>,
}

impl Subscription {
    /// Waits for the next event. None once there can be no more: the call is over, the plugin is unloaded, or the
    /// host has shut down. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(lagged(missed)),
            Err(RecvError::Closed) => None,
        }
    }

    /// The next event if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.receiver.try_recv() {
            Ok(event) => Some(event),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(lagged(missed)),
            Err(_) => None,
        }
    }
}

fn lagged(missed: u64) -> Event {
    Event { instance: "".into(), job: "".into(), kind: EventKind::Lagged { missed } }
}
