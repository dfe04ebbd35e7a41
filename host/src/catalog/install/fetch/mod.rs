//! Getting a component, and the signature beside it, from a path or an address.

mod http;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::Path;

use crate::catalog::inspect::MAX_COMPONENT_BYTES;
use crate::catalog::trust::Signature;
use crate::error::{Error, Result};
use crate::file;

/// A component that was fetched. Nothing in it was looked at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fetched {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where they came from, as it is written down: an address without a user's name and password, or the path.
    pub source: String,
    /// The signature that lay beside it.
    pub signature: Option<Signature>,
}

/// Told how far a download is: the bytes that have arrived, and how many there will be where the server says so. With
/// [`ControlFlow::Break`] the download ends, and [`fetch`] with `cancelled`.
pub type FetchProgress<'a> = dyn FnMut(u64, Option<u64>) -> ControlFlow<()> + 'a;

/// Fetches a component from a path or an `http(s)` address, and the signature at the same place with `.sig` after the
/// file's name, if there is one.
///
/// From an `https` address, nothing is fetched by a redirect to another scheme. A proxy is taken from the environment
/// (`HTTPS_PROXY`, `NO_PROXY` and the like). Blocks; a download ends when nothing arrives for 30 seconds, or after an
/// hour.
///
/// # Errors
///
/// `transient` where another attempt may succeed; `cancelled` where `progress` says so; `invalid-input` where the
/// source is wrong, is too large, or answers with something else than a file.
pub fn fetch(source: &str, progress: &mut FetchProgress<'_>) -> Result<Fetched> {
    match source.split_once("://") {
        Some((scheme, _)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            http::Client::new().fetch(source, progress)
        }
        Some((scheme, _)) => Err(Error::invalid(format!(
            "cannot fetch from `{}://`: there are `https://`, `http://` and paths",
            crate::catalog::name::shown(scheme)
        ))),
        None => read(source, progress),
    }
}

fn read(source: &str, progress: &mut FetchProgress<'_>) -> Result<Fetched> {
    let path = Path::new(source);
    let meta = std::fs::metadata(path).map_err(|error| Error::io("read", path, &error))?;
    if !meta.is_file() {
        return Err(Error::invalid(format!("{} is no file", path.display())));
    }
    let bytes = file::read(path, MAX_COMPONENT_BYTES as u64)?;
    let done = bytes.len() as u64;
    if progress(done, Some(done)).is_break() {
        return Err(cancelled(source));
    }
    let beside = Signature::path_of(path);
    let signature = beside.exists().then(|| Signature::read(&beside)).transpose()?;
    Ok(Fetched { bytes, source: source.to_owned(), signature })
}

fn cancelled(source: &str) -> Error {
    Error::Cancelled { what: format!("fetching {source}"), forced: false }
}
