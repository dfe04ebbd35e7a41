//! What a component is and says of itself, before anything of it is loaded.

use std::sync::Arc;

use super::prepare::{CONTRACT, Purpose, blocking};
use super::{Host, Source};
use crate::catalog::{Description, Digest, Inspection};
use crate::error::Result;

/// A component that was looked into, and asked what it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Examined {
    /// What its bytes tell.
    pub inspection: Inspection,
    /// What it says of itself.
    pub description: Arc<Description>,
}

impl Host {
    /// Asks a component what it is, without loading it: it gets no configuration, no secret and no capability.
    ///
    /// # Errors
    ///
    /// As for [`examine`](Self::examine).
    pub async fn describe(&self, source: Source) -> Result<Description> {
        Ok((*self.examine(source).await?.description).clone())
    }

    /// Looks into a component and asks it what it is, without loading it: it gets no configuration, no secret and no
    /// capability. With a cache, code of it runs the first time only: later its bytes are read and hashed, nothing
    /// more.
    ///
    /// # Errors
    ///
    /// `invalid-input`, where it cannot be read, is no plugin for this host, or describes itself in a way that breaks
    /// the contract; and what can become of any call.
    ///
    /// # Cancellation
    ///
    /// Dropping the future stops it, except for a compilation that has begun.
    pub async fn examine(&self, source: Source) -> Result<Examined> {
        let (host, name, known) = (self.clone(), source.name(), source.clone());
        let known = blocking(&name, move || {
            let bytes = known.read()?;
            host.examined(&known.name(), &Digest::of(&bytes)).transpose()
        });
        if let Some(known) = known.await? {
            return Ok(known);
        }
        let limits = self.inner.limits.clone();
        let prepared = self.prepare(source, &limits, None, Purpose::Description).await?;
        Ok(Examined { inspection: prepared.inspection.clone(), description: prepared.description.clone() })
    }

    /// What is known of the component of this digest from an earlier time. Reads the cache, so that it blocks.
    pub(crate) fn examined(&self, name: &str, digest: &Digest) -> Option<Result<Examined>> {
        let kept = self.kept(name, digest)?;
        let checked = kept.inspection.check_contract(&CONTRACT);
        Some(checked.and_then(|()| {
            let description = Arc::new(Description::new(name, kept.description)?);
            Ok(Examined { inspection: kept.inspection, description })
        }))
    }
}
