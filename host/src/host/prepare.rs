//! From a component's bytes to something that can be instantiated.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, PoisonError, Weak};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::granted::check_offered;
use super::{Host, Source};
use crate::catalog::{Description, DescriptionData, Digest, Inspection, MAX_COMPONENT_BYTES, inspect};
use crate::error::{Error, Result};
use crate::instance::{Catalogued, StandIns};
use crate::policy::Limits;

/// The version of `cjm:plugin` that this host speaks.
pub(super) const CONTRACT: Version = Version::new(0, 1, 0);

/// The version of this host.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A component that was inspected, compiled, linked and described. All its instances share it.
pub(super) struct Prepared {
    pub(super) inspection: Inspection,
    pub(super) catalogued: Catalogued,
    pub(super) description: Arc<Description>,
}

/// Looks into a component in a file without running it.
///
/// # Errors
///
/// `invalid-input`, where the file cannot be read or is no plugin; the message says what it is.
pub fn inspect_file(path: impl AsRef<Path>) -> Result<Inspection> {
    let path = path.as_ref();
    inspect(&path.display().to_string(), &read(path)?)
}

/// Looks into a component in memory without running it; `name` stands for it in messages.
///
/// # Errors
///
/// See [`inspect_file`].
pub fn inspect_bytes(name: &str, bytes: &[u8]) -> Result<Inspection> {
    inspect(name, bytes)
}

/// What is kept of a component under its digest: it stays true for as long as the bytes are the same.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// The version of the host that found it out: another may see more in the same bytes.
    host: String,
    pub(super) inspection: Inspection,
    pub(super) description: DescriptionData,
}

impl Host {
    /// `expected` is the digest that the bytes must have, where it is known.
    pub(super) async fn prepare(
        &self,
        source: Source,
        limits: &Limits,
        expected: Option<Digest>,
        purpose: Purpose,
    ) -> Result<Arc<Prepared>> {
        let (host, fuel) = (self.clone(), limits.fuel.is_some());
        let name = source.name();
        let linked = blocking(&name, move || host.link(source, fuel, expected, purpose)).await?;
        let New { inspection, catalogued, description } = match linked {
            Linked::Known(prepared) => return Ok(prepared),
            Linked::New(new) => *new,
        };
        let description = match description {
            Some(data) => data,
            None => {
                let description = catalogued.describe(&name, limits).await?;
                let (host, inspection) = (self.clone(), inspection.clone());
                let kept = Kept { host: VERSION.to_owned(), inspection, description };
                blocking(&name, move || Ok(host.keep(kept))).await?
            }
        };
        let description = Arc::new(Description::new(&name, description)?);
        let key = (inspection.digest, fuel);
        let prepared = Arc::new(Prepared { inspection, catalogued, description });
        if purpose == Purpose::Description {
            return Ok(prepared);
        }
        let mut all = self.inner.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, known| known.strong_count() > 0);
        all.insert(key, Arc::downgrade(&prepared));
        Ok(prepared)
    }

    /// What was kept of the component of this digest, under the name that it has now.
    pub(super) fn kept(&self, name: &str, digest: &Digest) -> Option<Kept> {
        let text = self.inner.engines.cache()?.load_facts(digest)?;
        let mut kept: Kept = serde_json::from_slice(&text).ok()?;
        name.clone_into(&mut kept.inspection.file);
        (kept.host == VERSION).then_some(kept)
    }

    /// A cache that cannot be written makes the next start slower, and nothing worse.
    fn keep(&self, kept: Kept) -> DescriptionData {
        let stored = self.inner.engines.cache().map(|cache| {
            let text = serde_json::to_vec(&kept).map_err(std::io::Error::other)?;
            cache.store_facts(&kept.inspection.digest, &text)
        });
        if let Some(Err(error)) = stored {
            tracing::warn!(%error, "what is known of a component was not cached");
        }
        kept.description
    }

    fn link(&self, source: Source, fuel: bool, expected: Option<Digest>, purpose: Purpose) -> Result<Linked> {
        let name = source.name();
        let bytes = source.read()?;
        let digest = Digest::of(&bytes);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(altered(&name, &expected, &digest));
        }
        let known = {
            let all = self.inner.prepared.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&(digest, fuel)).and_then(Weak::upgrade)
        };
        if let Some(prepared) = known {
            return Ok(Linked::Known(prepared));
        }
        let (inspection, description) = match self.kept(&name, &digest) {
            Some(kept) => (kept.inspection, Some(kept.description)),
            None => (inspect(&name, &bytes)?, None),
        };
        inspection.check_contract(&CONTRACT)?;
        let stand_ins = match purpose {
            Purpose::Description => StandIns::ForWhatIsMissing,
            Purpose::Instances => {
                check_offered(&name, &inspection.imports)?;
                StandIns::None
            }
        };
        let engine = self.inner.engines.select(fuel)?;
        let component = self.inner.engines.compile(&engine, &name, &digest, &bytes)?;
        let catalogued = Catalogued::link(&self.inner.linkers, engine, &name, &component, stand_ins)?;
        Ok(Linked::New(Box::new(New { inspection, catalogued, description })))
    }
}

/// What a component is prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be asked what it is, and no more: it may import what this host does not have, as long as its description
    /// does not need it.
    Description,
    /// To be instantiated and run.
    Instances,
}

enum Linked {
    Known(Arc<Prepared>),
    New(Box<New>),
}

struct New {
    inspection: Inspection,
    catalogued: Catalogued,
    /// What was kept of an earlier time.
    description: Option<DescriptionData>,
}

fn altered(name: &str, expected: &Digest, found: &Digest) -> Error {
    Error::invalid(format!(
        "{name} was altered: its digest is {found}, where {expected} is expected; install it again, or pin the new \
         digest if the change is wanted"
    ))
}

/// Runs what blocks: reading files, and compiling, which takes up to a minute.
pub(super) async fn blocking<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::fatal(format!("{name} could not be prepared: {error}"))),
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| {
        Error::invalid(format!(
            "{} cannot be read: {error}; check the path and its permissions",
            path.display()
        ))
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(MAX_COMPONENT_BYTES));
    // One byte more than is allowed, so that what is too large is seen to be.
    file.take(MAX_COMPONENT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
