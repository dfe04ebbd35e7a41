//! What a guest asked for beyond its grants, as it is told to the operator.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::job::{Job, Sinks};
use crate::catalog::Capability;
use crate::event::EventKind;
use crate::policy::Grant;

/// Refusals of one instance that are told in each [`WINDOW`]. A guest that asks without end costs no more than that.
const TOLD: u32 = 16;

const WINDOW: Duration = Duration::from_secs(10);

/// Tells an operator what an instance was refused.
#[derive(Debug)]
pub(crate) struct Refusals {
    sinks: Arc<Sinks>,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    told: u32,
    untold: u64,
}

impl Refusals {
    pub(crate) fn new(sinks: Arc<Sinks>) -> Self {
        Self { sinks, window: Mutex::default() }
    }

    /// Tells that the guest wanted something, and which grant would have let it, unless enough was told already.
    pub(crate) fn tell(
        &self,
        job: Option<&Job>,
        capability: Capability,
        refused: impl FnOnce() -> (String, Grant),
    ) {
        let Some(untold) = self.count(Instant::now()) else { return };
        let (wanted, grant) = refused();
        let grant = grant.to_string();
        let instance = &*self.sinks.instance;
        tracing::warn!(
            target: "cjm_grants", instance, %capability, wanted, grant, untold,
            "a request beyond the grants was refused"
        );
        let kind = || EventKind::GrantRefused { capability, wanted, grant, untold };
        match job {
            Some(job) => job.emit(kind),
            None => self.sinks.emit(kind),
        }
    }

    /// Counts one refusal: how many were not told before it, if it is to be told.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            window.began = Some(now);
            window.told = 0;
        }
        if window.told >= TOLD {
            window.untold = window.untold.saturating_add(1);
            return None;
        }
        window.told += 1;
        Some(std::mem::take(&mut window.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals() -> Refusals {
        let sinks = Sinks::new("a".into(), Arc::default());
        Refusals::new(Arc::new(sinks))
    }

    #[test]
    fn says_what_was_wanted_and_what_would_grant_it() {
        let refusals = refusals();
        let mut events = refusals.sinks.plugin.subscribe();
        refusals.tell(None, Capability::Network, || {
            ("https://example.org".to_owned(), "network=https://example.org".parse().unwrap())
        });
        let event = serde_json::to_value(events.try_next().unwrap()).unwrap();
        assert_eq!(
            event,
            serde_json::json!({
                "instance": "a",
                "job": "",
                "event": "grant-refused",
                "capability": "network",
                "wanted": "https://example.org",
                "grant": "network=https://example.org",
                "untold": 0,
            })
        );
    }

    #[test]
    fn a_flood_is_counted_and_not_told() {
        let refusals = refusals();
        let start = Instant::now();
        let told = (0..10_000).filter(|_| refusals.count(start).is_some()).count();
        assert_eq!(told, TOLD as usize);
        assert_eq!(refusals.count(start + WINDOW), Some(10_000 - u64::from(TOLD)));
        assert_eq!(refusals.count(start + WINDOW), Some(0));
    }
}
