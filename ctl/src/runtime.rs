//! The host within this process: where it keeps compiled plugins, and the threads that it runs on.

use std::future::Future;
use std::path::PathBuf;

use cjm_host::Host;
use etcetera::BaseStrategy;

use crate::cli::CacheArgs;
use crate::failure::{Failure, Result};
use crate::output::{Console, WARNING, styled};
use crate::project::Project;

/// Runs a command to its end.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::fatal(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(command);
    // A compilation cannot be interrupted, and must not hold up the end of the process.
    runtime.shutdown_background();
    outcome
}

/// A host for a single file, which keeps compiled plugins where the user wants them.
pub(crate) fn host(cache: CacheArgs, project: &Project, console: &Console) -> Result<Host> {
    if cache.no_cache {
        return Ok(Host::builder().build()?);
    }
    if let Some(dir) = project.named_cache_dir() {
        // The user named it, so that the user can name another.
        return Host::builder().cache_dir(dir).build().map_err(|error| {
            Failure::user(error.to_string())
                .hint("another directory goes with --cache-dir, none with --no-cache")
        });
    }
    if let Some(dir) = default_cache_dir() {
        match Host::builder().cache_dir(&dir).build() {
            Ok(host) => return Ok(host),
            // Nobody asked for this directory, so that nobody is to be stopped by it.
            Err(error) => {
                console.note(format!("{} compiling without a cache: {error}", styled(WARNING, "warning:")))
            }
        }
    }
    Ok(Host::builder().build()?)
}

/// The user's cache directory; none for a user without a home.
fn default_cache_dir() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|base| base.cache_dir().join("cjm").join("compiled"))
}
