//! What one layer says, and how layers lie over one another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::origin::{Origin, Setting};
use super::queue::QueueLayer;
use crate::capability::secrets::SecretsBackend;
use crate::catalog::TrustLevel;
use crate::policy::LimitOverrides;

/// The settings that one layer has. Paths are absolute.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) data_dir: Option<Setting<PathBuf>>,
    pub(super) plugins_dir: Option<Setting<PathBuf>>,
    pub(super) cache_dir: Option<Setting<PathBuf>>,
    pub(super) trust: Option<Setting<TrustLevel>>,
    pub(super) drift_detection: Option<Setting<bool>>,
    pub(super) prefetch_stall: Option<Setting<Duration>>,
    pub(super) secrets_backend: Option<Setting<SecretsBackend>>,
    pub(super) secrets_scope: Option<Setting<String>>,
    pub(super) limits: LimitOverrides,
    /// Of each that is named in `limits`.
    pub(super) limit_origins: BTreeMap<String, Origin>,
    pub(super) queue: QueueLayer,
}

impl Layer {
    /// This layer over another.
    pub(super) fn over(self, lower: Self) -> Self {
        let (mut limits, mut limit_origins) = (lower.limits, lower.limit_origins);
        limits.extend(&self.limits);
        limit_origins.extend(self.limit_origins);
        Self {
            limits,
            limit_origins,
            queue: self.queue.over(lower.queue),
            data_dir: self.data_dir.or(lower.data_dir),
            plugins_dir: self.plugins_dir.or(lower.plugins_dir),
            cache_dir: self.cache_dir.or(lower.cache_dir),
            trust: self.trust.or(lower.trust),
            drift_detection: self.drift_detection.or(lower.drift_detection),
            prefetch_stall: self.prefetch_stall.or(lower.prefetch_stall),
            secrets_backend: self.secrets_backend.or(lower.secrets_backend),
            secrets_scope: self.secrets_scope.or(lower.secrets_scope),
        }
    }
}
